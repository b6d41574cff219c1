"""Operations: one decorated function each, and the binders that call and record them.

A function decorated with `@op` is the whole definition of an operation. Its parameters
before the `/` are *data* (they may carry gradients), those after it are *static*. Its
gradient rules are plain arithmetic; fed payloads they are the fast first-order sweep, fed
nodes they record themselves, which is how every higher order comes about.

    @op(kernel="tanh", vjp=lambda g, y, x: g * (1 - y * y), kind=ELEMENTWISE)
    def tanh(x: T, /) -> T: ...

    @op(vjp=lambda g, y, x, axis: expand_dims(g, axis), kind=LINEAR, samples=one_axis)
    def first(x: T, /, axis: int = 0) -> T:
        return namespace(x).take(x, 0, axis=axis)

Five laws of a rule: (1) only operators, `.shape`, `.dtype`, `.mT` and public operations;
(2) never `.data`, never an array library; (3) never branch on a value; (4) ignore
broadcasting and dtype, the sweep fits; (5) what it reads besides must be locally constant.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum
from functools import wraps
from typing import Any, TypeVar, cast

from tinygrad_nn.backends.table import namespace_of_type
from tinygrad_nn.core.node import CLOCK, MODE, RECORD, WATCH, Node
from tinygrad_nn.core.samples import REAL, Domain, Draw, Sample, elementwise
from tinygrad_nn.core.watch import WATCHERS
from tinygrad_nn.errors import OperandError, RegistrationError, ShapeError, TinygradError

__all__ = ["LEAF", "OPS", "Kind", "Op", "composed", "op", "register_family"]

F = TypeVar("F", bound=Callable[..., Any])
Rule = Callable[..., Any]

VARIADIC = -1
"""Arity of an operation whose inputs are kept as one tuple."""
FREED = -2
"""Arity of the record that a freed node points to."""


class Kind(Enum):
    """What the derivative looks like; forward mode follows from it."""

    ELEMENTWISE = "elementwise"
    LINEAR = "linear"
    MULTILINEAR = "multilinear"
    GENERAL = "general"
    CONSTANT = "constant"
    COMPOSED = "composed"


class Op:
    """Record of one operation: everything that the engine, tests and documents know of it."""

    __slots__ = (
        "arity",
        "body",
        "call",
        "defaults",
        "doc",
        "domains",
        "freed",
        "jvp",
        "kernel",
        "kernels",
        "kind",
        "names",
        "numpy",
        "pullback",
        "rules",
        "samples",
        "static",
        "unrolled",
        "variadic",
    )

    def __init__(self, name: str, arity: int) -> None:
        self.names: tuple[str, ...] = (name,)
        self.arity = arity
        self.rules: tuple[Rule | None, ...] = ()
        self.pullback: Rule | None = None
        self.jvp: Rule | None = None
        self.kind = Kind.GENERAL
        self.body: Callable[..., Any] | None = None
        self.kernel: str | None = None
        self.kernels = _Kernels(self)
        self.domains: tuple[Domain, ...] = ()
        self.samples: Callable[[Draw], Sample] | None = None
        self.defaults: dict[str, Any] | None = None
        self.static: tuple[str, ...] = ()
        self.numpy: tuple[str, ...] = ()
        self.variadic = False
        self.unrolled = False
        self.doc = ""
        self.call: Callable[..., Any] = _uncallable
        self.freed: Op | None = None

    @property
    def name(self) -> str:
        """Name of the operation: that of the decorated function."""
        return self.names[0]

    @property
    def differentiable(self) -> bool:
        """Whether its result is recorded when an input requires a gradient."""
        return self.kind is not Kind.CONSTANT

    def compute(self, *args: Any, **params: Any) -> Any:
        """Apply the kernel to payloads; nothing is recorded."""
        return self.kernels[_heaviest(args)][0](*args, **params)

    def complete(self, args: Sequence[Any], given: dict[str, Any]) -> dict[str, Any]:
        """Static arguments with the defaults filled in."""
        params = dict(self.defaults or ())
        if len(args) > len(self.static):
            raise OperandError(
                f"{self.name}: got {len(args)} positional static arguments, expected at most "
                f"{len(self.static)} ({', '.join(self.static) or 'none'})"
            )
        for name, value in zip(self.static, args, strict=False):
            if name in given:
                raise OperandError(f"{self.name}: got two values for {name!r}")
            params[name] = value
        for name, value in given.items():
            if name not in self.static:
                raise OperandError(
                    f"{self.name}: got the keyword {name!r}, expected one of "
                    f"{', '.join(self.static) or 'none'}"
                )
            params[name] = value
        for name in self.static:
            if name not in params:
                raise OperandError(f"{self.name}: the argument {name!r} is missing")
            if isinstance(params[name], list):
                params[name] = tuple(params[name])
        return params

    def freed_twin(self) -> Op:
        """Record that the nodes of a freed graph point to; it keeps the name."""
        if self.freed is None:
            self.freed = Op(self.name, FREED)
        return self.freed

    def sample(self, draw: Draw) -> Sample:
        """Valid arguments drawn with `draw`."""
        if self.samples is not None:
            return self.samples(draw)
        return elementwise(draw, self.domains)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def _uncallable(*args: Any) -> Any:
    raise OperandError("a leaf is no operation: expected an entry of OPS")


class _Kernels(dict[type, tuple[Callable[..., Any], Any]]):
    """Payload type to (kernel, node class); an entry is filled when first asked for."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, payload_type: type) -> tuple[Callable[..., Any], Any]:
        functions = namespace_of_type(payload_type)
        if self.op.body is not None:
            kernel = self.op.body
        else:
            try:
                kernel = getattr(functions, cast(str, self.op.kernel))
            except AttributeError:
                raise OperandError(
                    f"{self.op.name}: not defined for {payload_type.__name__}, expected an array; "
                    "convert a Value with tinygrad_nn.tensor(value.data)"
                ) from None
        entry = self[payload_type] = (kernel, _FAMILIES.get(payload_type))
        return entry


OPS: dict[str, Op] = {}
"""Every registered operation by name, in order of registration."""

LEAF = Op("leaf", 0)
"""What `node.op` is for a leaf that requires a gradient."""

_FAMILIES: dict[type, type[Node]] = {}


def register_family(payload_type: type, node: type[Node]) -> None:
    """Let operations on payloads of `payload_type` give nodes of class `node`."""
    _FAMILIES[payload_type] = node


def family(payload: Any) -> type[Node] | None:
    """Node class around such a payload, None where there is none."""
    return next((_FAMILIES[t] for t in type(payload).__mro__ if t in _FAMILIES), None)


_PLAIN = (float, int, bool)


def _heaviest(args: Sequence[Any]) -> type:
    """Type of the argument whose library computes: the first that is no plain number."""
    for x in args:
        if not isinstance(x, _PLAIN):
            return type(x)
    return float


def op(
    *,
    kernel: str | None = None,
    vjp: Rule | Sequence[Rule | None] | None = None,
    pullback: Rule | None = None,
    jvp: Rule | None = None,
    kind: Kind = Kind.GENERAL,
    domain: Domain | Sequence[Domain] = REAL,
    samples: Callable[[Draw], Sample] | None = None,
    numpy: str | Sequence[str] = (),
) -> Callable[[F], F]:
    """Make the decorated function an operation. See the module's text.

    Args:
        kernel: Name of the function of every array namespace that computes it. Without
            it the body of the decorated function does, on payloads.
        vjp: Gradient rule `(g, y, *data, **static) -> gradient` for each data argument
            (None where there is no gradient); a single rule for a single argument.
        pullback: Instead of `vjp`, when inputs share work or their number varies:
            `(g, y, *data, needs, **static) -> gradients`, `needs` a tuple of bools.
        jvp: `(tangents, y, *data, **static) -> tangent`, when forward mode does not
            follow from `kind` or is dear that way. A tangent is None where it is zero.
        kind: Shape of the derivative.
        domain: Where each argument is differentiable, for the generated tests.
        samples: Arguments for the generated tests, when one broadcastable array for each
            argument will not do.
        numpy: NumPy functions that it answers for.

    Raises:
        RegistrationError: The parts contradict each other, or the name is taken.
    """

    def register(function: F) -> F:
        record = _describe(function, kind, domain, samples, numpy)
        record.kernel, record.jvp, record.pullback = kernel, jvp, pullback
        record.body = None if kernel else function
        if vjp is not None:
            record.rules = (vjp,) if callable(vjp) else tuple(vjp)
        _check(record, derivative=(vjp is not None) + (pullback is not None))
        # What the sweep may call without loops: one or two rules, all of them there.
        record.unrolled = (
            record.arity in (1, 2) and len(record.rules) == record.arity
            and all(record.rules) and not (record.arity == 2 and record.static)
        )
        record.call = wraps(function)(_binder(record))
        OPS[record.name] = record
        setattr(record.call, "op", record)  # noqa: B010  (functions have no declared attributes)
        return cast(F, record.call)

    return register


def composed(
    *,
    samples: Callable[[Draw], Sample] | None = None,
    domain: Domain | Sequence[Domain] = REAL,
    numpy: str | Sequence[str] = (),
) -> Callable[[F], F]:
    """Register a function made of operations, which needs no rule of its own."""

    def register(function: F) -> F:
        record = _describe(function, Kind.COMPOSED, domain, samples, numpy)
        record.body = record.call = function
        OPS[record.name] = record
        setattr(function, "op", record)  # noqa: B010
        return function

    return register


def _describe(
    function: Callable[..., Any],
    kind: Kind,
    domain: Domain | Sequence[Domain],
    samples: Callable[[Draw], Sample] | None,
    numpy: str | Sequence[str],
) -> Op:
    parameters = inspect.signature(function).parameters.values()
    data = [p.name for p in parameters if p.kind is p.POSITIONAL_ONLY]
    variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
    static = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    arity = len(data) if len(data) in (1, 2) and not variadic else VARIADIC
    name = function.__name__.strip("_")
    if name in OPS:
        raise RegistrationError(f"operation {name!r}: the name is taken; choose another")
    record = Op(name, arity)
    record.names = (name, *data)
    record.variadic = variadic
    record.kind, record.samples = kind, samples
    record.static = tuple(p.name for p in static)
    record.defaults = {p.name: p.default for p in static if p.default is not p.empty} or None
    record.domains = (
        (domain,) * len(data) if isinstance(domain, Domain) else cast(Any, tuple(domain))
    )
    record.numpy = (numpy,) if isinstance(numpy, str) else tuple(numpy)
    record.doc = inspect.getdoc(function) or ""
    return record


def _check(record: Op, derivative: int) -> None:
    """Refuse a record whose parts contradict each other."""
    data = record.names[1:]
    if record.kind is Kind.CONSTANT:
        if derivative:
            raise RegistrationError(f"operation {record.name!r}: a constant one has no rules")
    elif derivative != 1:
        raise RegistrationError(
            f"operation {record.name!r}: got {derivative} of vjp= and pullback=, expected one"
        )
    if record.rules and not record.variadic and len(record.rules) != len(data):
        raise RegistrationError(
            f"operation {record.name!r}: got {len(record.rules)} rules for the "
            f"{len(data)} data arguments {data} (those before the '/'), expected one for each"
        )
    if not data and not record.variadic:
        raise RegistrationError(
            f"operation {record.name!r}: got no data argument, expected at least one; "
            "put a '/' after the arguments that carry gradients: def f(x, /, axis=0)"
        )


def _binder(record: Op) -> Callable[..., Any]:
    if record.variadic or record.arity not in (1, 2) or (record.static and record.arity != 1):
        return _bind_general(record)
    if record.static:
        return _bind_unary_static(record)
    return _bind_unary(record) if record.arity == 1 else _bind_binary(record)


_new = object.__new__


def _bind_unary(op: Op) -> Callable[..., Any]:
    """Caller of one input: 0.45 µs around a kernel, against 0.6 for the general one."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable

    def call(x: Any, /) -> Any:
        if not isinstance(x, Node):
            return kernels[type(x)][0](x)
        value = x._data if x.extra is None else x.synced()
        try:
            kernel, cls = kernels[type(value)]
            out = kernel(value)
        except Exception as error:
            raise _explained(op, error, (x,)) from error
        if type(out) is not type(value):
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.b = node.params = node._grad = node.extra = None
        now = mode()
        if x.op is not None and differentiable and now & RECORD:
            node.op, node.a = op, x
        else:
            node.op = node.a = None
        if now & WATCH:
            _tell(op, node, (x,))
        return node

    return call


def _bind_unary_static(op: Op) -> Callable[..., Any]:
    """Caller of one input with static arguments."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable
    defaults = op.defaults if len(op.static) == len(op.defaults or ()) else None

    def call(x: Any, /, *args: Any, **given: Any) -> Any:
        if args or given or defaults is None:
            params = op.complete(args, given)
        else:
            params = defaults
        if not isinstance(x, Node):
            return kernels[type(x)][0](x, **params)
        value = x._data if x.extra is None else x.synced()
        try:
            kernel, cls = kernels[type(value)]
            out = kernel(value, **params)
        except Exception as error:
            raise _explained(op, error, (x,), params) from error
        if type(out) is not type(value):
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.b = node._grad = node.extra = None
        now = mode()
        if x.op is not None and differentiable and now & RECORD:
            node.op, node.a, node.params = op, x, params
        else:
            node.op = node.a = node.params = None
        if now & WATCH:
            _tell(op, node, (x,))
        return node

    return call


def _bind_binary(op: Op) -> Callable[..., Any]:
    """Caller of two inputs."""
    kernels, mode, differentiable = op.kernels, MODE.get, op.differentiable

    def call(a: Any, b: Any, /) -> Any:
        if isinstance(a, Node):
            x = a._data if a.extra is None else a.synced()
            if isinstance(b, Node):
                y = b._data if b.extra is None else b.synced()
                if type(x) is not type(y):
                    raise _mixed(op, a, b)
            else:
                y = b if type(b) is float else a.operand(b, op)
            payload = type(x)
        elif isinstance(b, Node):
            y = b._data if b.extra is None else b.synced()
            x = a if type(a) is float else b.operand(a, op)
            payload = type(y)
        else:
            return kernels[_heaviest((a, b))][0](a, b)
        try:
            kernel, cls = kernels[payload]
            out = kernel(x, y)
        except Exception as error:
            raise _explained(op, error, (a, b)) from error
        if type(out) is not payload:
            out = cls.coerce(out)
        node = _new(cls)
        node._data = out
        node.epoch = CLOCK.now
        node.params = node._grad = node.extra = None
        now = mode()
        recording = differentiable and now & RECORD
        if recording and isinstance(a, Node) and a.op is not None:
            node.op, node.a = op, a
            if isinstance(b, Node):
                node.b = b if b.op is not None else y
            else:
                node.b = y if type(y) is float else cls.constant(y)
        elif recording and isinstance(b, Node) and b.op is not None:
            node.op, node.b = op, b
            node.a = x if isinstance(a, Node) or type(x) is float else cls.constant(x)
        else:
            node.op = node.a = node.b = None
        if now & WATCH:
            _tell(op, node, (a, b))
        return node

    return call


def _bind_general(op: Op) -> Callable[..., Any]:
    """Caller of any number of inputs, with static arguments."""
    count = None if op.variadic else len(op.names) - 1

    def call(*args: Any, **given: Any) -> Any:
        data = args[:count]
        params = (
            op.defaults
            if len(data) == len(args) and not given and len(op.static) == len(op.defaults or ())
            else op.complete(args[len(data) :], given)
        )
        lead = next((x for x in data if isinstance(x, Node)), None)
        if lead is None:
            return op.compute(*data, **params) if params else op.compute(*data)
        values = [_payload(op, lead, x) for x in data]
        payload = type(lead._data)
        try:
            kernel, cls = op.kernels[payload]
            out = kernel(*values, **params) if params else kernel(*values)
        except Exception as error:
            raise _explained(op, error, data, params) from error
        if type(out) is not payload:
            out = cls.coerce(out)
        node = cls.wrap(out)
        mode = MODE.get()
        if mode & RECORD and op.differentiable and any(_tracked(x) for x in data):
            kept = tuple(
                x if _tracked(x) else v if isinstance(x, Node) else cls.constant(v)
                for x, v in zip(data, values, strict=True)
            )
            node.op, node.params = op, params
            if op.arity == VARIADIC:
                node.a = kept
            else:
                node.a, node.b = kept[0], kept[1] if op.arity == 2 else None
        if mode & WATCH:
            _tell(op, node, data)
        return node

    return call


def _tracked(x: Any) -> bool:
    return isinstance(x, Node) and x.op is not None


def _payload(op: Op, lead: Node, x: Any) -> Any:
    """Payload of one data argument beside `lead`, a node."""
    if not isinstance(x, Node):
        return lead.operand(x, op)
    if type(x._data) is not type(lead._data):
        raise _mixed(op, lead, x)
    return x._data if x.extra is None else x.synced()


def _tell(op: Op, node: Node, args: tuple[Any, ...]) -> None:
    for watcher in WATCHERS.get():
        watcher(op, node, args)


def _mixed(op: Op, a: Node, b: Node) -> OperandError:
    return OperandError(
        f"{op.name}: got a {type(a).__name__} and a {type(b).__name__}, which are graphs of "
        "different kinds; convert one: tensor(value.data), or Value(t.item()) for one number"
    )


def describe(x: Any) -> str:
    """Short text of an operand for messages: shape and dtype of an array, else its value."""
    value = x._data if isinstance(x, Node) else x
    if hasattr(value, "shape"):
        return f"{tuple(value.shape)} {value.dtype}"
    return f"{type(value).__name__} {value!r:.60}"


def _explained(
    op: Op, error: Exception, args: Sequence[Any], params: dict[str, Any] | None = None
) -> Exception:
    """The error of a kernel, with the operation and its operands in its text."""
    if isinstance(error, TinygradError):
        return error
    got = ", ".join(describe(x) for x in args)
    static = "".join(f", {k}={v!r:.60}" for k, v in (params or {}).items())
    text = f"{op.name}: got {got}{static}: {error}"
    if isinstance(error, ValueError) and type(error).__name__ != "LinAlgError":
        return ShapeError(text)
    if isinstance(error, TypeError):
        return OperandError(text)
    if isinstance(error, IndexError):
        return IndexError(text)
    error.add_note(text)
    return error
