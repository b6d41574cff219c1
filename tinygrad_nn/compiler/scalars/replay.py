"""Replay of a program of numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_nn.compiler.numba import module
from tinygrad_nn.compiler.passes.pipeline import attempted, told_failure
from tinygrad_nn.compiler.places import (
    Argument,
    Call,
    Gradient,
    Leaf,
    Payload,
    Returned,
    Unfit,
    Worked,
)
from tinygrad_nn.compiler.program import Program, Var, counted
from tinygrad_nn.compiler.scalars.schedule import Schedule, schedule_of
from tinygrad_nn.compiler.scalars.tape import Tape, tape_of
from tinygrad_nn.compiler.scalars.vector import list_run, vector_run
from tinygrad_nn.compiler.source import Source
from tinygrad_nn.core.node import CLOCK

__all__ = ["NumberReplay", "number_program"]

_LEAST = 300
"""Instructions below which straight-line Python is as quick."""
_LOOP = Path(__file__).with_name("loop.py")
_WIDE = 40
"""Computations in a group from which on NumPy's 4 µs for the group are less than Python's 0.1 for
each."""
_FLOATS = {float}


def number_program(program: Program) -> Tape | None:
    """The program as a tape, if it is a large one of nothing but numbers."""
    return tape_of(program) if len(program.instructions) >= _LEAST else None


class NumberReplay:
    """A program of numbers, run group by group in one array.

    Attributes:
        schedule: The groups.
        program: The program, with notes of how it is run.
        plan: None: there are no arrays to be placed.
    """

    plan: None = None

    def __init__(
        self,
        program: Program,
        tape: Tape,
        engine: str,
        guard: Callable[[Source], None] | None,
        wrapped: Mapping[int, tuple[Any, Any]],
    ) -> None:
        self.schedule = schedule_of(tape)
        self._wrapped = wrapped
        self._checked = _checks(guard)
        count, fixed = len(tape.inputs), tape.fixed
        self._values = np.zeros(self.schedule.count)
        self._values[count : count + len(fixed)] = fixed
        self._compute, failure = _runner(self.schedule, self._values, engine)
        self._read = _reads(tape.inputs, self._values)
        self._write = _Writes(program, tape, self.schedule, self._values)
        words = counted(len(program.instructions), "operation") + " on numbers run in "
        words += counted(len(self.schedule.groups), "group")
        self.program = told_failure(program.noted("numbers", words), failure)

    def run_leaves(self, leaves: Any, numbers: Any, call: Any) -> dict[int, Any]:
        """Compute, and write the outputs; results by their index."""
        if self._checked is not None:
            self._checked(leaves)
        call = Call(leaves) if call is None else call
        self._read(numbers, call)
        self._compute()
        results = self._write(call)
        for i, (kind, op) in self._wrapped.items():
            results[i] = kind.wrap(results[i], op)
        return results


def _checks(guard: Callable[[Source], None] | None) -> Callable[[Any], None] | None:
    """The checks of the arguments as a function of the leaves."""
    if guard is None:
        return None
    source = Source()
    source.line("def check(leaves):", 0)
    source.line("pass")
    guard(source)
    return source.compiled()["check"]  # type: ignore[no-any-return]


def _runner(schedule: Schedule, values: Any, engine: str) -> tuple[Callable[[], None], str]:
    """What computes: a compiled loop if there may be one, else NumPy or Python; why, if it failed.

    Raises:
        OptionError: `engine` is "numba", which is not installed.
        CaptureError: `engine` is "numba", which cannot compile the loop.
    """

    def compiled(name: str) -> Callable[[], None] | None:
        if name != "numba":
            return None
        # From its text, as all that needs numba: its import takes 0.5 s.
        return module(_LOOP.read_text("utf-8")).loop_run(schedule, values)  # type: ignore[no-any-return]

    found, failure = attempted(engine, compiled)
    if found is not None:
        return found, failure
    wide = sum(group.args.shape[1] for group in schedule.groups) >= _WIDE * len(schedule.groups)
    return (vector_run if wide else list_run)(schedule, values), failure


def _reads(places: tuple[Any, ...], values: Any) -> Callable[[Any, Any], None]:
    """Function that fills in the inputs."""
    leaves = [
        (n, p.holder.leaf)
        for n, p in enumerate(places)
        if isinstance(p, Payload) and isinstance(p.holder, Leaf)
    ]
    given = [
        (n, p.holder.index)
        for n, p in enumerate(places)
        if isinstance(p, Payload) and isinstance(p.holder, Argument)
    ]
    worked = [(n, p.index) for n, p in enumerate(places) if isinstance(p, Worked)]
    known = {n for n, _ in (*leaves, *given, *worked)}
    others = [(n, p) for n, p in enumerate(places) if n not in known]
    at, nodes = np.array([n for n, _ in leaves], int), [leaf for _, leaf in leaves]
    at_given, arguments = np.array([n for n, _ in given], int), [i for _, i in given]
    at_worked, indices = np.array([n for n, _ in worked], int), [i for _, i in worked]

    def read(numbers: Any, call: Any) -> None:
        if nodes:
            values[at] = [leaf._data for leaf in nodes]
        if arguments:
            found = [call.leaves[i]._data for i in arguments]
            if set(map(type, found)) != _FLOATS:
                raise Unfit
            values[at_given] = found
        if indices:
            values[at_worked] = [numbers[i] for i in indices]
        for n, place in others:
            number = place.read(call)
            if type(number) is not float:
                raise Unfit
            values[n] = number

    return read


class _Writes:
    """Writes what leaves the program to its places."""

    def __init__(self, program: Program, tape: Tape, schedule: Schedule, values: Any) -> None:
        self._values = values
        self._plain = [o for o in program.outputs if not isinstance(o.value, Var)]
        outputs = [o for o in program.outputs if isinstance(o.value, Var)]
        self._outputs = outputs
        self._at = schedule.places[[tape.numbers[o.value] for o in outputs]]
        self._payloads, self._gradients, self._returned, self._others = [], [], [], []
        self._given: list[tuple[int, int]] = []
        for n, output in enumerate(outputs):
            place = output.place
            leaf = getattr(getattr(place, "holder", None), "leaf", None)
            if isinstance(place, Payload) and leaf is not None:
                self._payloads.append((n, leaf))
            elif isinstance(place, Gradient) and leaf is not None:
                self._gradients.append((n, leaf))
            elif isinstance(place, Gradient) and isinstance(place.holder, Argument):
                self._given.append((n, place.holder.index))
            elif isinstance(place, Returned):
                self._returned.append((n, place.index))
            else:
                self._others.append((n, place))

    def __call__(self, call: Any) -> dict[int, Any]:
        found = self._values[self._at].tolist()
        if self._payloads:
            moment = CLOCK.tick()
            for n, leaf in self._payloads:
                leaf._data = found[n]
                leaf.epoch = moment
        for n, leaf in self._gradients:
            leaf._grad = found[n]
        for n, i in self._given:
            call.leaves[i]._grad = found[n]
        for n, place in self._others:
            place.write(call, found[n])
        results = {i: found[n] for n, i in self._returned}
        for output in self._plain:
            if isinstance(output.place, Returned):
                results[output.place.index] = output.value
            else:
                output.place.write(call, output.value)
        return results
