"""`jit`: capture a step once, replay it from then on."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from typing import Any, TypeVar

import numpy as np

from tinygrad_nn.compile import namespaces as namespaces
from tinygrad_nn.compile.capture import Capture
from tinygrad_nn.compile.emit import Replay
from tinygrad_nn.compile.numbers import Mismatch, undo
from tinygrad_nn.compile.places import Argument, Call, Returned
from tinygrad_nn.compile.program import Program
from tinygrad_nn.core.capturing import Traced, capturing
from tinygrad_nn.core.node import MODE, TRANSFORMS, WATCH, Node
from tinygrad_nn.core.observe import OBSERVERS
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import CaptureError, OptionError
from tinygrad_nn.payload import default_float
from tinygrad_nn.tensor import Tensor

__all__ = ["Step", "jit"]

F = TypeVar("F", bound=Callable[..., Any])

ENGINES = ("auto", "numpy", "numba")


class Step:
    """A function that is captured when it is first called, and replayed afterwards."""

    def __init__(self, function: Callable[..., Any], engine: str = "auto") -> None:
        update_wrapper(self, function)
        self.function = function
        self.engine = engine
        self._captured: dict[Any, list[_Captured]] = {}
        self._last: _Captured | None = None

    def __call__(self, *args: Any, **given: Any) -> Any:
        if MODE.get() & WATCH or OBSERVERS.get() or TRANSFORMS.get() or capturing() is not None:
            # Who watches wants to see operations; within another capture it is a part of that.
            return self.function(*args, **given)
        leaves, _ = flatten((args, given))
        key = _signature(args, given)
        for captured in self._captured.get(key, ()):
            call = Call(leaves)
            if captured.prepared(call):
                self._last = captured
                return captured.run(call)
        captured, result = _capture(self, leaves, args, given)
        self._captured.setdefault(key, []).insert(0, captured)
        self._last = captured
        return result

    @property
    def program(self) -> Program:
        """The program of the last call."""
        if self._last is None:
            raise CaptureError(
                f"jit: {self.function.__qualname__} has no program yet: it is captured at its "
                "first call; call it once with the arguments that it is for"
            )
        return self._last.program


class _Captured:
    """A program with what runs it."""

    def __init__(self, capture: Capture, engine: str, build: Callable[[list[Any]], Any]) -> None:
        self.program = capture.program()
        self.actions = capture.numbers.actions
        self.replay = Replay(self.program)
        self._build = build

    def prepared(self, call: Call) -> bool:
        """Work out the numbers of the call; False if the program is not for it."""
        try:
            for action in self.actions:
                action(call)
        except Mismatch:
            undo(call.begun)
            return False
        return self.replay.fits(call)

    def run(self, call: Call) -> Any:
        """Replay."""
        self.replay.run(call)
        return self._build(call)


def _capture(
    step: Step, leaves: list[Any], args: tuple[Any, ...], given: dict[str, Any]
) -> tuple[_Captured, Any]:
    """Run the step once and write it down."""
    capture = Capture()
    stood = [_argument(capture, x, i) for i, x in enumerate(leaves)]
    _, rebuild = flatten((args, given))
    with capture.running():
        new_args, new_given = rebuild(stood)
        result = step.function(*new_args, **new_given)
        found, assemble = flatten(result)
        kinds = []
        for i, x in enumerate(found):
            kinds.append(_returned(capture, x, i))
        capture.leaves.finish()
        capture.numbers.finish()

    def build(call: Call) -> Any:
        return assemble([make(call) for make in kinds])

    captured = _Captured(capture, step.engine, build)
    call = Call(leaves)
    for i, x in enumerate(found):
        inner = x._data if isinstance(x, Node) else x
        call.results[i] = inner.value if isinstance(inner, Traced) else inner
    return captured, build(call)


def _argument(capture: Capture, x: Any, i: int) -> Any:
    """What the function is given for an argument."""
    if isinstance(x, Node):
        if x.is_leaf:
            capture.leaves.given(x, Argument(i))
            return x
        raise CaptureError(
            f"jit: argument {i} is the result of {x.op.name} and requires a gradient, "  # type: ignore[union-attr]
            "expected a constant or a leaf: the history of a captured step begins at its "
            "arguments; compute it inside, or pass x.detach()"
        )
    if isinstance(x, (np.ndarray, np.generic)):
        return Tensor.wrap(capture.read_from(Argument(i), np.asarray(x)))
    if isinstance(x, float):
        return capture.numbers.number(x, lambda call: float(call.leaves[i]))
    return x


def _returned(capture: Capture, x: Any, i: int) -> Callable[[Call], Any]:
    """Let a result leave the program; gives what makes it anew at each replay."""
    inner = x._data if isinstance(x, Node) else x
    if not isinstance(inner, Traced):
        return lambda call: x
    capture.write_to(Returned(i), inner)
    if isinstance(x, Node):
        cls = type(x)
        return lambda call: cls.wrap(call.results[i])
    return lambda call: call.results[i]


def _signature(args: tuple[Any, ...], given: dict[str, Any]) -> Any:
    """What programs are told apart by before their guards are asked."""
    return _form(args), _form(given), MODE.get(), default_float()


def _form(x: Any) -> Any:
    if isinstance(x, dict):
        return ("dict", *((k, _form(v)) for k, v in x.items()))
    if isinstance(x, (list, tuple)):
        return (type(x), *map(_form, x))
    if isinstance(x, Node):
        payload = x._data
        return type(x), np.shape(payload), getattr(payload, "dtype", None), x.op is not None
    if isinstance(x, (np.ndarray, np.generic)):
        return x.shape, x.dtype
    if isinstance(x, float):
        return float
    if isinstance(x, (int, str, bytes, bool, type(None))):
        return type(x), x
    return id(x)


def jit(function: F | None = None, *, engine: str = "auto") -> Any:
    """Capture a step at its first call and replay it, without Python between its operations."""
    if engine not in ENGINES:
        raise OptionError(f"jit: got engine={engine!r}, expected one of {', '.join(ENGINES)}")
    if function is None:
        return lambda f: Step(f, engine)
    return Step(function, engine)
