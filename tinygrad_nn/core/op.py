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
from tinygrad_nn.core.bind import FREED, VARIADIC, caller_of, heaviest, reverser_of
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.samples import REAL, Domain, Draw, Sample, elementwise
from tinygrad_nn.errors import OperandError, RegistrationError

__all__ = ["LEAF", "OPS", "Kind", "Op", "composed", "family", "op", "register_family"]

F = TypeVar("F", bound=Callable[..., Any])
Rule = Callable[..., Any]


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
        "reverse",
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
        self.reverse: Callable[[Node, Any], Any] = reverser_of(self)
        self.doc = ""
        self.call: Callable[..., Any] = _uncallable
        # What the nodes of a freed graph point to; it keeps the name.
        self.freed: Op = Op(name, FREED) if arity != FREED else self

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
        return self.kernels[heaviest(args)][0](*args, **params)

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
        record.reverse = reverser_of(record)
        record.call = wraps(function)(caller_of(record))
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
