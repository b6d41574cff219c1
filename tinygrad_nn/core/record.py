"""The record of an operation: everything that the engine, tests and documents know of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from inspect import getdoc
from typing import TYPE_CHECKING, Any, cast

from tinygrad_nn.backends.table import namespace_of_type
from tinygrad_nn.core.bind import FREED, heaviest
from tinygrad_nn.core.capturing import Traced
from tinygrad_nn.core.node import Node
from tinygrad_nn.core.reverse import reverser_of
from tinygrad_nn.core.samples import Domain, Draw, Sample, elementwise
from tinygrad_nn.errors import OperandError

__all__ = ["LEAF", "OPS", "SEVERED", "Kind", "Op", "Rule", "family", "register_family"]

Rule = Callable[..., Any]


NUMPYS = {"dim": "axis", "dims": "axis", "keepdim": "keepdims", "unbiased": "correction"}
"""NumPy's words for PyTorch's."""


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
        "data",
        "defaults",
        "domains",
        "form",
        "freed",
        "jvp",
        "kernel",
        "kernels",
        "key",
        "kind",
        "name",
        "numpy",
        "pullback",
        "quick",
        "reverse",
        "rules",
        "samples",
        "slopes",
        "static",
        "variadic",
    )

    freed: Op
    """What the nodes of a freed graph point to; it keeps the name."""

    def __init__(self, name: str, arity: int) -> None:
        self.name = self.key = name
        self.data: tuple[str, ...] = ()
        self.arity = arity
        self.rules: tuple[Rule | None, ...] = ()
        self.pullback: Rule | None = None
        self.jvp: Rule | None = None
        self.quick: str | None = None
        self.slopes = _Slopes(self)
        self.form: str | None = None
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
        self.call: Callable[..., Any] = _uncallable

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            # Made when first asked for, which is in few programs and of few operations.
            if name != "freed":
                raise AttributeError(f"an operation has no {name!r}")
            self.freed = self if self.arity == FREED else Op(self.name, FREED)
            return self.freed

    @property
    def doc(self) -> str:
        """Text of the decorated function."""
        return getdoc(self.call) or ""

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
            own = name
            if name not in self.static:
                own = self.own_word(name)
                if own in given or own in self.static[: len(args)]:
                    raise OperandError(f"{self.name}: got two values for {own!r}, one as {name!r}")
            params[own] = value
        for name in self.static:
            if name not in params:
                raise OperandError(f"{self.name}: the argument {name!r} is missing")
            if isinstance(params[name], list):
                params[name] = tuple(params[name])
        return params

    def own_word(self, name: str) -> str:
        """Its own name of a keyword that is not among its static arguments.

        Raises:
            OperandError: It has none; of PyTorch's words it says how NumPy calls it.
        """
        expected = f"one of {', '.join(self.static)}" if self.static else "arguments by place only"
        own = NUMPYS.get(name)
        if own is not None and own in self.static:
            if not self.numpy:  # NumPy has no such function: PyTorch's words are as good
                return own
            expected = f"{own!r}: arrays have NumPy's words, write {own}="
        raise OperandError(f"{self.name}: got the keyword {name!r}, expected {expected}")

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
        if issubclass(payload_type, Traced):
            kernel = functions.kernel_of(self.op)
        elif self.op.body is not None:
            kernel = self.op.body
        else:
            try:
                kernel = getattr(functions, cast(str, self.op.kernel))
            except AttributeError:
                raise OperandError(
                    f"{self.op.name}: not defined for {payload_type.__name__}, expected an array; "
                    "convert a Value with tinygrad_nn.tensor(value.data)"
                ) from None
        entry = self[payload_type] = (kernel, _family_of_type(payload_type))
        return entry


class _Slopes(dict[type, Rule]):
    """Payload type to the gradient rule of a first-order sweep; filled when first asked for."""

    __slots__ = ("op",)

    def __init__(self, op: Op) -> None:
        self.op = op

    def __missing__(self, payload_type: type) -> Rule:
        op = self.op
        rule = op.pullback or op.rules[0]
        # What is traced takes the rule itself, whose parts are to be seen.
        if op.quick and not issubclass(payload_type, Traced):
            rule = getattr(namespace_of_type(payload_type), op.quick, rule)
        self[payload_type] = cast(Rule, rule)
        return self[payload_type]


OPS: dict[str, Op] = {}
"""Every registered operation by name, in order of registration."""

LEAF = Op("leaf", 0)
"""What `node.op` is for a leaf that requires a gradient."""
SEVERED = Op("captured step", 0)
"""The same for what a captured step returns, where the step itself would have returned something
that a gradient flows through: a replay leaves no graph, so a pass that ends there is refused."""

_FAMILIES: dict[type, type[Node]] = {}


def register_family(payload_type: type, node: type[Node]) -> None:
    """Let operations on payloads of `payload_type` give nodes of class `node`."""
    _FAMILIES[payload_type] = node
    for record in OPS.values():
        record.kernels.clear()  # filled while the class was not known


def family(payload: Any) -> type[Node] | None:
    """Node class around such a payload, None where there is none."""
    return _family_of_type(type(payload))


def _family_of_type(payload_type: type) -> type[Node] | None:
    return next((_FAMILIES[t] for t in payload_type.__mro__ if t in _FAMILIES), None)
