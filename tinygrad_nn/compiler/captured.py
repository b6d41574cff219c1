"""A step written down: its program, what runs it, and the calls that it is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import is_
from typing import Any

import numpy as np

from tinygrad_nn.compiler.capture import namespaces as namespaces
from tinygrad_nn.compiler.capture.capture import Capture
from tinygrad_nn.compiler.capture.crossing import Wrapping, argument, first, returned, unshared
from tinygrad_nn.compiler.capture.host_numbers import undo
from tinygrad_nn.compiler.capture.results import check_results, of_arrays
from tinygrad_nn.compiler.emit import Replay
from tinygrad_nn.compiler.guards.arguments import guard
from tinygrad_nn.compiler.guards.structure import opener
from tinygrad_nn.compiler.passes import engine_of, optimized
from tinygrad_nn.compiler.places import Call, Leaf, Unfit
from tinygrad_nn.compiler.program import Program
from tinygrad_nn.compiler.scalars import NumberReplay, number_program
from tinygrad_nn.compiler.show.labels import labelled
from tinygrad_nn.compiler.show.printed import StepProgram
from tinygrad_nn.core.node import MODE
from tinygrad_nn.core.tree import flatten
from tinygrad_nn.payload import _DEFAULT

__all__ = ["UNFIT", "Captured", "capture_of", "nowhere"]

UNFIT = object()
LeavesOf = Callable[[tuple[Any, ...], dict[str, Any]], Sequence[Any] | None]


def nowhere(args: tuple[Any, ...], given: dict[str, Any]) -> None:
    """No arguments fit."""


def _flat(count: int) -> LeavesOf:
    """The arguments are the leaves, one each."""
    return lambda args, given: args if not given and len(args) == count else None


class Captured:
    """A program with what runs it.

    Attributes:
        leaves_of: Leaves of the arguments of a call; None if they are nested in another way.
        moment: What else must be as it was: mode, observers, transforms, default dtype.
        shown: The program with the names of its user.
    """

    shown: StepProgram

    def __init__(
        self,
        capture: Capture,
        engine: str,
        leaves: list[Any],
        wrapped: dict[int, Wrapping],
        build: Callable[[dict[int, Any]], Any] | None,
        leaves_of: LeavesOf,
        lock: Any,
    ) -> None:
        program = capture.program()
        numbers = number_program(program)
        self.program: Program = program if numbers else optimized(program, engine)
        self.actions = capture.numbers.actions
        self.leaves_of = leaves_of
        self.moment = (MODE.get(), (), 0, _DEFAULT.get())
        places = [*self.program.inputs.values(), *[o.place for o in self.program.outputs]]
        inner = [getattr(place, "holder", None) for place in places]
        used = frozenset(id(x.leaf) for x in inner if isinstance(x, Leaf))
        checks = guard(leaves, used, capture.scope.nodes())
        self.replay: Replay | NumberReplay
        if numbers:
            self.replay = NumberReplay(program, numbers, engine, checks, wrapped)
            self.program = self.replay.program
        else:
            self.replay = Replay(self.program, checks, wrapped)
        self.engine = engine_of(self.program, engine)
        self._run = self.replay.run_leaves
        self._holds = capture.scope.holder()
        self._generators = [
            x for x in self.program.constants.values() if isinstance(x, np.random.Generator)
        ]
        self.failure: Exception | None = None
        self._build = build
        self._simple = not self.actions and not self._generators
        self._lock = lock

    def attempt(self, leaves: Sequence[Any]) -> Any:
        """Replay, if the program is for this call."""
        with self._lock:
            if self._holds is not None and not self._holds():
                self.failure = None
                return UNFIT
            if self._simple:
                try:
                    results = self._run(leaves, None, None)
                except Exception as error:
                    self._failed(error)
                    return UNFIT
            else:
                results = self._prepared(leaves)
                if results is None:
                    return UNFIT
            if self._build is None:
                return results[0]
            return self._build(results)

    def _prepared(self, leaves: Sequence[Any]) -> dict[int, Any] | None:
        """Work numbers out and run; None if the program is not for this call.

        What raises changed nothing yet: the step is run anew, where the error belongs, or where
        it takes another way that this program does not know.
        """
        standing = [(rng, rng.bit_generator.state) for rng in self._generators]
        call = Call(leaves)  # type: ignore[arg-type]
        try:
            for action in self.actions:
                action(call)
            return self._run(leaves, call.numbers, call)
        except BaseException as error:
            undo(call.begun)
            if not isinstance(error, Exception):
                raise
            _rewind(standing)
            self._failed(error)
            return None

    def _failed(self, error: Exception) -> None:
        """Remember what ended a replay, unless it is that the program is not for the call."""
        self.failure = None if isinstance(error, Unfit) else error


def _rewind(standing: list[tuple[Any, Any]]) -> None:
    """Let generators stand where they stood."""
    for rng, state in standing:
        rng.bit_generator.state = state


def capture_of(
    step: Any, leaves: list[Any], args: tuple[Any, ...], given: dict[str, Any]
) -> tuple[Captured, Any]:
    """Run the step once and write it down."""
    capture = Capture()
    capture.scope.watch(step.function, *leaves)
    stood = [argument(capture, x, i) for i, x in enumerate(leaves)]
    _, rebuild = flatten((args, given))
    with capture.running():
        new_args, new_given = rebuild(stood)
        try:
            result = step.function(*new_args, **new_given)
        except AttributeError as error:
            raise of_arrays(capture, error) from error
        found, assemble = flatten(result)
        check_results(capture, found, step.function)
        found = capture.settle(found)
        wrapped: dict[int, Wrapping] = {}
        found = [unshared(capture, x) for x in found]
        fixed = [returned(capture, x, i, wrapped) for i, x in enumerate(found)]
        capture.leaves.finish()
        capture.numbers.finish()

    # An array that the step made of nothing is another one at each call.
    made = {i: np.array(x, order="K") for i, x in enumerate(fixed) if capture.scope.is_new(x)}

    def build(results: dict[int, Any]) -> Any:
        new = {i: np.array(x, order="K") for i, x in made.items()}
        return assemble([results.get(i, new.get(i, x)) for i, x in enumerate(fixed)])

    single = build if len(found) != 1 or found[0] is not result or 0 not in wrapped else None
    flat = not given and len(args) == len(leaves) and all(map(is_, args, leaves))
    leaves_of = _flat(len(args)) if flat else opener(args, given)
    captured = Captured(capture, step.engine, leaves, wrapped, single, leaves_of, step._lock)
    captured.shown = StepProgram.of(
        captured.program,
        step.name,
        captured.engine,
        labelled(capture, step.function, args, given),
    )
    return captured, build({i: first(x) for i, x in enumerate(found)})
