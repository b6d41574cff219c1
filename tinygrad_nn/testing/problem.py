"""A function and its gradient, in the one form in which every engine's are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError

__all__ = ["Arrays", "Checked", "Problem"]

Arrays = Sequence[Any]


@dataclass(frozen=True)
class Problem:
    """What is checked. All arrays are NumPy's; adapters make it from functions of an engine.

    Attributes:
        name: Of the function, for messages.
        inputs: Arrays to check at. Those that are not of floats are passed on as they are.
        values: Outputs of the function at such inputs, one array or number for each.
        pull: Gradients with respect to each input, given the inputs and a cotangent for each
            output; None for an input that the outputs do not depend on.
        push: Tangents of the outputs, given the inputs and a tangent for each; None if the engine
            has no forward mode.
        known: Keyword arguments that show, in a test to be pasted, how the check was called.
    """

    name: str
    inputs: tuple[Any, ...]
    values: Callable[[Arrays], Arrays]
    pull: Callable[[Arrays, Arrays], Arrays]
    push: Callable[[Arrays, Arrays], Arrays] | None = None
    known: dict[str, str] = field(default_factory=dict)


class Checked:
    """A problem whose function and gradient are not trusted.

    They get copies, and what they give is copied and looked at: shapes, dtypes, whether inputs
    were written into. Everything is in float64 outside, and in the inputs' own dtypes inside.

    Attributes:
        problem: As given.
        active: Indices of the inputs that have a gradient.
        shapes: Of the outputs.
        center: Outputs at the inputs, end to end in one float64 array.
        unit: Rounding unit of the coarsest dtype among inputs and outputs.
        calls: Number of evaluations of the function so far.
        pulls: Number of calls of the gradient so far.
        mutated: Names of inputs that the function or its gradient wrote into.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        self.calls = self.pulls = 0
        self.mutated: list[str] = []
        self.inputs = tuple(np.array(x, order="K") for x in problem.inputs)
        self.active = [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"]
        if not self.active:
            found = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.inputs) or "nothing"
            raise CheckError(
                f"gradcheck: {problem.name}: got {found}, expected at least one array of floats: "
                "integers and booleans have no gradient; write 1.0 for 1"
            )
        outputs = self._called(self.inputs)
        self.shapes = [y.shape for y in outputs]
        self.dtypes = [y.dtype for y in outputs]
        self.center = _joined(outputs)
        self.unit = self._unit()

    def _unit(self) -> float:
        """Half the spacing of the coarsest dtype."""
        kinds = [*(self.inputs[i].dtype for i in self.active), *self.dtypes]
        floats = [k for k in kinds if k.kind == "f"]
        return max(float(np.finfo(k).eps) for k in floats) / 2

    def values(self, inputs: Arrays) -> Any:
        """Outputs end to end; all nan where the function raises, as it may beyond its domain."""
        try:
            outputs = self._called(inputs)
        except (ArithmeticError, ValueError, np.linalg.LinAlgError):
            return np.full(self.center.shape, np.nan)
        shapes = [y.shape for y in outputs]
        if shapes != self.shapes:
            raise CheckError(
                f"gradcheck: {self.problem.name}: got outputs of shapes {shapes} at one point and "
                f"{self.shapes} at another, expected the same shapes everywhere near; give the "
                "function inputs whose values do not decide the shape of its result"
            )
        return _joined(outputs)

    def _called(self, inputs: Arrays) -> list[Any]:
        self.calls += 1
        given = [np.array(x, order="K") for x in inputs]
        outputs = self.problem.values(given)
        self._note_writes(given, inputs, self.problem.name)
        return [self._output(y, i) for i, y in enumerate(outputs)]

    def _output(self, y: Any, i: int) -> Any:
        try:
            array = np.array(y, order="K")
        except ValueError as error:
            raise CheckError(f"gradcheck: {self.problem.name}: output {i}: {error}") from error
        if array.dtype.kind not in "fiub":
            what = "None" if y is None else f"{type(y).__name__} of dtype {array.dtype}"
            raise CheckError(
                f"gradcheck: {self.problem.name}: output {i} is {what}, expected an array or "
                "number of real floats; return one, or a tuple of several"
            )
        return array

    def gradients(self, cotangent: Any, inputs: Arrays | None = None) -> list[Any]:
        """Gradients of the active inputs, in float64, for a cotangent of all outputs end to end."""
        at = self.inputs if inputs is None else inputs
        given = [np.array(x, order="K") for x in at]
        parts = self.split(cotangent)
        kept = [np.array(p) for p in parts]
        self.pulls += 1
        found = list(self.problem.pull(given, parts))
        self._note_writes(given, at, f"the gradient of {self.problem.name}")
        if any(a.tobytes() != b.tobytes() for a, b in zip(parts, kept, strict=True)):
            self._note(f"the gradient of {self.problem.name} wrote into its cotangent")
        if len(found) != len(at):
            raise CheckError(
                f"gradcheck: {self.problem.name}: got {len(found)} gradients, expected "
                f"{len(at)}, one for each input (None for one without)"
            )
        return [self._gradient(found[i], i) for i in self.active]

    def _gradient(self, g: Any, i: int) -> Any:
        shape = self.inputs[i].shape
        if g is None:
            return np.zeros(shape)
        array = np.array(g)
        if array.dtype.kind not in "fiub":
            raise CheckError(
                f"gradcheck: {self.problem.name}: the gradient of input {i} is of dtype "
                f"{array.dtype}, expected real floats"
            )
        if array.shape != shape:
            raise CheckError(
                f"gradcheck: {self.problem.name}: the gradient of input {i} has shape "
                f"{list(array.shape)}, expected that of the input, {list(shape)}; sum it over "
                "the axes that were broadcast"
            )
        return array.astype(np.float64)

    def tangents(self, tangents: Arrays) -> Any | None:
        """Tangent of the outputs end to end by forward mode, if the engine has it."""
        if self.problem.push is None:
            return None
        given = [np.array(x, order="K") for x in self.inputs]
        return _joined([np.asarray(y) for y in self.problem.push(given, tangents)])

    def split(self, flat: Any) -> list[Any]:
        """A flat array as one array for each output, of its shape and dtype."""
        parts, at = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            size = int(np.prod(shape))
            kind = dtype if dtype.kind == "f" else np.float64
            parts.append(np.asarray(flat[at : at + size], kind).reshape(shape))
            at += size
        return parts

    def place(self, flat: int) -> tuple[int, tuple[int, ...]]:
        """Output and index in it of an element of the flat outputs."""
        for i, shape in enumerate(self.shapes):
            size = int(np.prod(shape))
            if flat < size:
                return i, tuple(int(n) for n in np.unravel_index(flat, shape))
            flat -= size
        raise IndexError(flat)

    def _note_writes(self, given: Arrays, before: Arrays, who: str) -> None:
        for i, (a, b) in enumerate(zip(given, before, strict=True)):
            if a.shape != b.shape or a.dtype != b.dtype or a.tobytes() != b.tobytes():
                self._note(f"{who} wrote into input {i}")

    def _note(self, text: str) -> None:
        if text not in self.mutated:
            self.mutated.append(text)


def _joined(outputs: Arrays) -> Any:
    flat = [np.asarray(y, np.float64).ravel() for y in outputs]
    return np.concatenate(flat) if flat else np.zeros(0)
