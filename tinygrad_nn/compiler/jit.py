"""`jit`: capture a step once, replay it from then on."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper
from threading import RLock
from types import MethodType
from typing import Any, overload
from warnings import warn

import numpy as np

from tinygrad_nn.compiler.captured import UNFIT, Captured, capture_of, nowhere
from tinygrad_nn.compiler.passes import ENGINES
from tinygrad_nn.compiler.plan.memory import Memory
from tinygrad_nn.compiler.show.notation import shown_name
from tinygrad_nn.compiler.show.printed import StepProgram
from tinygrad_nn.compiler.signature import drop_oldest, signature_of
from tinygrad_nn.core.caller import stacklevel
from tinygrad_nn.core.capturing import capturing
from tinygrad_nn.core.node import MODE, TRANSFORMS, WATCH
from tinygrad_nn.core.observe import OBSERVERS
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.errors import CaptureError, OptionError
from tinygrad_nn.payload import _DEFAULT
from tinygrad_nn.tensor import Tensor

__all__ = ["Step", "jit"]


_FAILURES = 2
"""Failed replays for the same kind of arguments, after which the function itself is called."""

_ENGINES = ("auto", *ENGINES)


class Step:
    """A function that is captured when it is first called, and replayed afterwards.

    Made by `jit`. Threads may call the same step; its buffers are used by one at a time. While
    somebody watches (`trace`, `observe`, `detect_anomaly`, a transform such as `grad`, another
    captured step) the function itself is called.

    Args:
        function: What to capture.
        engine: "auto", "numpy" or "numba": see `jit`.

    Attributes:
        function: It, as it was given: `step.function(x)` runs eagerly.
        engine: As it was given.
        program: What the last call ran, to be printed, drawn, or looked through.
    """

    def __init__(self, function: Callable[..., Any], engine: str = "auto") -> None:
        update_wrapper(self, function)
        self.function = function
        self.name = vars(self).get("__qualname__", type(function).__name__)
        self.engine = engine
        self._captured: dict[Any, list[Captured]] = {}
        self._last: Captured | None = None
        self._failures: dict[Any, int] = {}
        # Buffers are used by one thread at a time, and leaves are traced while one captures.
        self._lock = RLock()

    def __call__(self, *args: Any, **given: Any) -> Any:
        """Call the step: a replay if there is a program for these arguments."""
        last = self._last
        if last is not None:
            # The common call, without a walk through the arguments: all checks are in the source.
            if last.moment == (MODE.get(), OBSERVERS.get(), TRANSFORMS.get(), _DEFAULT.get()):
                leaves = last.leaves_of(args, given)
                if leaves is not None:
                    result = last.attempt(leaves)
                    if result is not UNFIT:
                        return result
        return self._found(args, given)

    def _found(self, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """Any call: look for a program, or capture one."""
        if MODE.get() & WATCH or OBSERVERS.get() or TRANSFORMS.get() or capturing() is not None:
            # Who watches wants to see operations; within another capture it is a part of that.
            return self._eagerly(args, given)
        leaves, _ = flatten((args, given))
        with self._lock:
            # While another thread captures, even the shape of a parameter is not to be trusted.
            key = signature_of(args, given)
            if self._failures.get(key, 0) >= _FAILURES:
                return self._eagerly(args, given)
            broken = None
            for captured in tuple(self._captured.get(key, ())):
                result = captured.attempt(leaves)
                if result is not UNFIT:
                    self._last = captured
                    return result
                broken = broken or captured.failure
            with _CAPTURING:
                captured, result = capture_of(self, leaves, args, given)
            if broken is not None:
                # Had the step itself raised, as of wrong numbers, its error would be out by now.
                self._failed(key, broken)
                if self._failures[key] >= _FAILURES:
                    captured.leaves_of = nowhere  # no more in the common call
            self._captured.setdefault(key, []).insert(0, captured)
            drop_oldest(self.name, self._captured)
            self._last = captured
            return result

    def _eagerly(self, args: tuple[Any, ...], given: dict[str, Any]) -> Any:
        """The function itself, with arguments as a captured step has them."""
        leaves, rebuild = flatten((args, given))
        args, given = rebuild([_tensor(x) for x in leaves])
        return self.function(*args, **given)

    def _failed(self, key: Any, broken: Exception) -> None:
        """Drop programs whose replay raised; the second time, capture such calls no more."""
        count = self._failures[key] = self._failures.get(key, 0) + 1
        self._captured[key] = [x for x in self._captured[key] if x.failure is None]
        what = "and was captured anew"
        if count >= _FAILURES:
            what = "and from now on runs without capture for such arguments, as it failed before"
        warn(
            f"jit: {self.name}: a replay failed with {type(broken).__name__}: {broken}; "
            f"the step itself did not, {what}. The failed replay changed "
            "nothing, but this is a fault of tinygrad_nn: please report it",
            RuntimeWarning,
            stacklevel=stacklevel(),
        )

    def __repr__(self) -> str:
        programs = sum(map(len, self._captured.values()))
        name = shown_name(self.name)
        if self._last is None:
            return f"<Step {name}: engine {self.engine}, not called yet>"
        return (
            f"<Step {name}: engine {self._last.engine}, {programs} "
            f"program{'s' * (programs != 1)}; print its .program, or draw it>"
        )

    def __get__(self, thing: Any, kind: type | None = None) -> Any:
        """A step in a class is a method: each object has programs of its own."""
        return self if thing is None else MethodType(self, thing)

    def __reduce__(self) -> Any:
        """A copy has no programs yet: those are for what the original names."""
        return Step, (self.function, self.engine)

    @property
    def program(self) -> StepProgram:
        """The program of the last call: `print` lists it, `tinygrad_nn.draw` draws it.

        Raises:
            CaptureError: The step was not called yet.
        """
        return self._called().shown

    @property
    def memory(self) -> Memory:
        """Bytes that the program of the last call takes, beside those of eager code.

        Raises:
            CaptureError: The step was not called yet.

        Example:
            >>> import tinygrad_nn as tg
            >>> step = tg.jit(lambda x: ((x * 2 + 1) * x).sum(), engine="numpy")
            >>> y = step(tg.ones(1000))
            >>> step.memory.captured < step.memory.eager
            True
        """
        plan = self._called().replay.plan
        if plan is None:
            return Memory(0, 0)
        return Memory(plan.peak_bytes, plan.eager_bytes, plan.held_bytes)

    def _called(self) -> Captured:
        """What the last call ran."""
        if self._last is None:
            raise CaptureError(
                f"jit: {self.name} has no program yet: it is captured at its "
                "first call; call it once with the arguments that it is for"
            )
        return self._last


_CAPTURING = RLock()
"""Held by who captures: two steps may have a parameter in common."""


def _tensor(x: Any) -> Any:
    """An argument as a captured step is given it: arrays are tensors."""
    return Tensor(x) if isinstance(x, (np.ndarray, np.generic)) else x


@overload
def jit(function: Callable[..., Any], *, engine: str = ...) -> Step: ...


@overload
def jit(function: None = ..., *, engine: str = ...) -> Callable[[Callable[..., Any]], Step]: ...


def jit(function: Callable[..., Any] | None = None, *, engine: str = "auto") -> Any:
    """Capture a step at its first call, and replay it without Python between its operations.

    The first call runs the function once and writes down what it computed: forward, backward and
    the update of an optimiser together. Later calls read the parameters and arguments anew, work
    the numbers of the optimiser out anew, draw anew, and do the rest as one run of calls with
    preallocated buffers. What must be the same for that (shapes, dtypes, modes, what the step
    names) is checked at each call; what is different is captured anew.

    Args:
        function: The step; left away in `@jit(engine=...)`, which gives a decorator.
        engine: "numpy" for the bits of eager code, with nothing to install; "numba" for loops
            compiled at the first call, equal to rounding, with the extra `fast`; "auto" for
            "numba" where that is installed and compiles the step, and "numpy" otherwise.

    Returns:
        A `Step`, which is called as the function is. `print(step.program)` says what it does,
        `tinygrad_nn.draw(step.program)` draws it.

    Raises:
        OptionError: `function` cannot be called; `engine` is none of these, or "numba" at a call,
            which is not installed.
        CaptureError: At a call: the step does what cannot be replayed, such as a branch on a
            value. The message names the line and what to write instead. Or `engine` is "numba",
            which fails to compile the step.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> w = tg.tensor(np.zeros(2), requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.5)
        >>> @tg.jit
        ... def step(x, target):
        ...     loss = ((x @ w - target) ** 2).mean()
        ...     optimizer.zero_grad()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> [round(float(step(np.eye(2), np.array([1.0, 2.0]))), 4) for _ in range(3)]
        [2.5, 0.625, 0.1562]
        >>> step.program
        <Program of step: ... instructions, ... inputs, 3 outputs, engine ...>
    """
    if engine not in _ENGINES:
        raise OptionError(f"jit: got engine={engine!r}, expected one of {', '.join(_ENGINES)}")
    if function is None:
        return lambda f: jit(f, engine=engine)
    if not callable(function):
        raise OptionError(f"jit: got {type(function).__name__}, expected a function, as in @tg.jit")
    return Step(function, engine)
