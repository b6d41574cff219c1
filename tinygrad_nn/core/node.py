"""The node of the computation graph, and the switch that says whether operations record.

A node holds a payload (a Python float or an array), the operation that made it and that
operation's inputs. Nothing else is kept: no closures, no saved copies. A rule reads its
inputs' payloads from the graph itself, which is right because payloads of results are
never written; only leaves are, and a leaf carries the moment of its last write.

Two classes derive from `Node`: `Value` (payload: float) and `Tensor` (payload: array).
They add operators and a few class attributes, the *space*:

    fit       (gradient, payload) -> gradient with the payload's shape and dtype, or None
    coerce    (kernel result)     -> payload of this class
    own       ([gradient])        -> the same numbers in memory that nothing else refers to
    operand   (raw operand)       -> payload to compute with
    constant  (raw payload)       -> payload that the graph may keep
    zero, one (payload)           -> zeros, ones like it
    spread    (tangent, payload)  -> tangent with the payload's shape and dtype
    nonfinite (payload, nan_only) -> what is not finite in it, in words, or None
"""

from __future__ import annotations

from _thread import allocate_lock  # 1 ms less to import than threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from copy import deepcopy
from functools import wraps
from inspect import CO_ASYNC_GENERATOR, CO_COROUTINE, CO_GENERATOR
from typing import TYPE_CHECKING, Any, ClassVar, Self
from weakref import ref

from tinygrad_nn.errors import OperandError

if TYPE_CHECKING:
    from tinygrad_nn.core.record import Op

__all__ = [
    "CAPTURE",
    "CAPTURING",
    "CLOCK",
    "MODE",
    "RECORD",
    "WATCH",
    "Extra",
    "Node",
    "enable_grad",
    "is_grad_enabled",
    "label",
    "label_of",
    "no_grad",
]

RECORD = 1
"""Bit of the mode: keep the graph of what requires a gradient."""
WATCH = 2
"""Bit of the mode: look at each result as it is made (anomaly detection, line recording)."""
CAPTURE = 4
"""Bit of the mode: a step is being captured."""

MODE: ContextVar[int] = ContextVar("tinygrad_nn_mode", default=RECORD)
"""What operations do besides computing; per thread and per asynchronous task."""


CAPTURING: ContextVar[Any] = ContextVar("tinygrad_nn_capturing", default=None)
"""The capture under way, see `core.capturing`; there is one if the mode has the bit."""

TRANSFORMS: ContextVar[int] = ContextVar("tinygrad_nn_transforms", default=0)
"""How many transforms (`grad`, `jvp` ...) are calling functions right now, one inside another."""


class _Clock:
    """Counts writes to leaves. One shared integer object costs a node eight bytes."""

    __slots__ = ("_lock", "now")

    def __init__(self) -> None:
        self.now = 0
        self._lock = allocate_lock()

    def tick(self) -> int:
        # Were a tick lost to another thread, a node could seem older than a write before it.
        with self._lock:
            self.now += 1
            return self.now


CLOCK = _Clock()


class Extra:
    """What few nodes have, kept out of the node itself."""

    __slots__ = ("hooks", "name", "retains", "shared")

    def __init__(self) -> None:
        self.name: str | None = None
        self.shared: Any = None
        self.hooks: list[Callable[[Any], Any]] = []
        self.retains = False


_LABELS: dict[int, tuple[ref[Any], str | None]] = {}


def label(payload: Any, name: str | None) -> None:
    """Remember the name of a constant by its array, which is all that a graph keeps of it."""
    key = id(payload)
    try:
        _LABELS[key] = ref(payload, lambda _: _LABELS.pop(key, None)), name
    except TypeError:  # a Python number, which many may hold
        return


def label_of(payload: Any) -> str | None:
    """Name of the constant whose array it is; None if it has none."""
    held = _LABELS.get(id(payload))
    return held[1] if held is not None and held[0]() is payload else None


class Node:
    """A number or array in the computation graph.

    Read-only for everyone outside the engine, except `grad` and `name`.

    Attributes:
        op: Operation that made it; None for a constant, the op named "leaf" for a leaf
            that requires a gradient.
        a: First input: a Node if a gradient flows to it, otherwise the payload used.
            For operations with another number of inputs than one or two, the tuple of all.
        b: Second input, or None.
        params: Static arguments of the operation, or None.
        epoch: Moment of creation, for a leaf of its last write.
        extra: What few nodes have: a name, hooks, an array shared with the user; or None.
    """

    # Eight slots make a Value of 96 bytes, 120 with its float.
    __slots__ = ("_data", "_grad", "a", "b", "epoch", "extra", "op", "params")

    _data: Any
    _grad: Any
    op: Op | None
    a: Any
    b: Any
    params: dict[str, Any] | None
    epoch: int
    extra: Extra | None

    keeps_gradients: ClassVar[bool] = False
    fit: Any = None

    @classmethod
    def coerce(cls, out: Any) -> Any:
        """Payload of this class from what a kernel returned."""
        raise NotImplementedError

    @classmethod
    def own(cls, held: list[Any]) -> Any:
        """The gradient in `held`, which is emptied, in memory that nothing else refers to."""
        raise NotImplementedError

    def operand(self, raw: Any, op: Op) -> Any:
        """Payload to compute with for a raw operand of the user; refuses what is no number."""
        raise NotImplementedError

    @classmethod
    def constant(cls, payload: Any) -> Any:
        """Payload that the graph may keep: a copy where the user could write into it."""
        raise NotImplementedError

    @classmethod
    def zero(cls, payload: Any) -> Any:
        """Zeros like `payload`."""
        raise NotImplementedError

    @classmethod
    def one(cls, payload: Any) -> Any:
        """Ones like `payload`."""
        raise NotImplementedError

    @classmethod
    def nonfinite(cls, payload: Any, nan_only: bool) -> str | None:
        """What is not finite in `payload`, in words; None if all is."""
        raise NotImplementedError

    @classmethod
    def spread(cls, tangent: Any, payload: Any) -> Any:
        """`tangent` with the payload's shape and dtype, repeated where it is smaller."""
        return tangent

    @classmethod
    def wrap(cls, payload: Any, op: Op | None = None) -> Self:
        """Node around a payload that already is of this class's kind."""
        node = cls.__new__(cls)
        node._data = payload
        node.op = op
        node.a = node.b = node.params = node._grad = node.extra = None
        node.epoch = CLOCK.now
        return node

    def ieee_gradients(self, g: Any) -> list[tuple[Node, Any]] | None:
        """Gradients of the inputs after the rule raised ZeroDivisionError or OverflowError.

        None where the payloads themselves give inf and NaN, so that the fault is the rule's own.
        """
        return None

    def synced(self) -> Any:
        """Payload after taking over what the user wrote through a shared array."""
        return self._data

    def taken_over(self) -> Any:
        """The same, whether or not a step is captured."""
        return self._data

    def show_shared(self) -> None:
        """Let the array shared with the user show a payload that was written."""

    def refuse_to_leave(self, conversion: str) -> None:
        """Raise where a conversion to plain numbers would lose the gradient being taken."""
        if self.op is not None and TRANSFORMS.get():
            raise OperandError(
                f"{conversion}: inside grad, jvp and the like this would lose the gradient in "
                "silence; use tinygrad_nn's function (tg.sin for math.sin), or x.item() and "
                "x.detach() where none is wanted"
            )

    def refuse_to_tell(self, conversion: str) -> None:
        """Raise where a number is read that another call of a captured step may have different."""
        if MODE.get() & CAPTURE:
            CAPTURING.get().read(self, conversion)

    def __format__(self, spec: str) -> str:
        """Text of a node with one element by a number's format: `f"{loss:.3f}"`."""
        return format(self.item(), spec) if spec else str(self)  # type: ignore[attr-defined]

    def extras(self) -> Extra:
        """The node's `Extra`, made on first use."""
        if self.extra is None:
            self.extra = Extra()
        return self.extra

    @property
    def name(self) -> str | None:
        """Label for drawings and messages."""
        return None if self.extra is None else self.extra.name

    @name.setter
    def name(self, name: str | None) -> None:
        self.extras().name = name
        if self.op is None:
            label(self._data, name)

    @property
    def inputs(self) -> tuple[Any, ...]:
        """Inputs in order, duplicates kept: Nodes, or payloads where no gradient flows.

        Empty for a leaf, and for a result whose graph was freed.
        """
        op = self.op
        if op is None or op.arity == 0:
            return ()
        if op.arity == 1:
            return (self.a,)
        if op.arity == 2:
            return (self.a, self.b)
        return () if op is op.freed else self.a

    @property
    def values(self) -> tuple[Any, ...]:
        """Payloads of the inputs."""
        return tuple(p._data if isinstance(p, Node) else p for p in self.inputs)

    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass reaches this node."""
        return self.op is not None

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this node."""
        return self.op is None or self.op.arity == 0

    def __bool__(self) -> bool:
        self.refuse_to_tell("bool(), as in `if x:`,")
        return bool(self._data)

    def __copy__(self) -> Node:
        if self.op is None:
            return deepcopy(self)  # a constant has no history that two could share
        raise OperandError(
            f"copy of a {type(self).__name__}: expected copy.deepcopy(x) for an independent "
            "leaf, or x.detach() for its value without history"
        )


def is_grad_enabled() -> bool:
    """Whether operations record in this thread."""
    return bool(MODE.get() & RECORD)


class _Recording:
    """Context manager and decorator that switches recording on or off for its body."""

    def __init__(self, on: bool) -> None:
        self._on = on
        self._tokens: list[Any] = []

    def __enter__(self) -> None:
        mode = MODE.get()
        self._tokens.append(MODE.set(mode | RECORD if self._on else mode & ~RECORD))

    def __exit__(self, *exception: object) -> None:
        MODE.reset(self._tokens.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
        if flags & (CO_GENERATOR | CO_COROUTINE | CO_ASYNC_GENERATOR):
            raise OperandError(
                f"{function.__qualname__}: got a generator or async function, whose body runs "
                "after the call is over; write `with no_grad():` (or enable_grad) inside of it"
            )

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with _Recording(self._on):
                return function(*args, **kwargs)

        return call


def no_grad() -> _Recording:
    """Context (or decorator) in which operations keep no graph; per thread.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.Value(3.0)
        >>> with tg.no_grad():
        ...     (x * x).requires_grad
        False
    """
    return _Recording(False)


def enable_grad() -> _Recording:
    """Context (or decorator) that turns recording on again inside `no_grad`."""
    return _Recording(True)


@contextmanager
def mode_bit(bit: int) -> Iterator[None]:
    """Set `bit` of the mode for the body."""
    token = MODE.set(MODE.get() | bit)
    try:
        yield
    finally:
        MODE.reset(token)
