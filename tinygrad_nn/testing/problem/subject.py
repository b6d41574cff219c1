"""A function and its gradient, in the one form in which every engine's are checked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.problem.limit import Clock
from tinygrad_nn.testing.problem.purity import differs, refuse_changing, same_memory, undone

__all__ = ["Around", "Arrays", "Checked", "Problem"]

Arrays = Sequence[Any]
Around = Callable[[Callable[..., Any]], Callable[..., Any]]

_FINEST = 2.0**-53
"""Outside everything is in float64, also of a longer dtype."""

_ROUNDINGS = 64.0
"""Rounding units of its terms by which a sum may differ from call to call, as in threads."""
_MORE = 4
"""Calls of a function that failed, to see that it is not random: masks may be alike by chance."""
_LOOKED_AT = 4
_LARGE = 100_000
"""Elements of the inputs above which writes are looked for in the first calls only."""


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
        higher: The gradient as a function of the inputs and of such cotangents, with the gradient
            of that; None if the engine cannot differentiate its gradients.
        labels: What each input is called: the name of the argument or parameter.
        known: Keyword arguments that show, in a test to be pasted, how the check was called.
        notes: What its reader should know of the check.
        cotangents: Whether the gradient takes one where the function gives one number.
        remade: The problem of a function around this one in the same engine, of the inputs with
            these indices alone; None where there is no graph with leaves.
    """

    name: str
    inputs: tuple[Any, ...]
    values: Callable[[Arrays], Arrays]
    pull: Callable[[Arrays, Arrays], Arrays]
    push: Callable[[Arrays, Arrays], Arrays] | None = None
    higher: Callable[[Arrays], Problem] | None = None
    labels: tuple[str, ...] = ()
    known: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    cotangents: bool = True
    remade: Callable[[Around, Sequence[int]], Problem] | None = None

    def label(self, i: int) -> str:
        """An input in words: "input 1 (weight)"."""
        name = self.labels[i] if i < len(self.labels) else ""
        return f"input {i} ({name})" if name else f"input {i}"


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
        mutated: Which inputs the function or its gradient wrote into, in words.
    """

    def __init__(self, problem: Problem, clock: Clock | None = None) -> None:
        # Whoever else calls these functions can leave no trace in the inputs either.
        self.problem = replace(problem, values=undone(problem.values), pull=undone(problem.pull))
        self._own = problem
        self.calls = self.pulls = 0
        self.mutated: list[str] = []
        self._clock = Clock() if clock is None else clock
        self._gradient_name = f"the gradient of {problem.name}"
        self.inputs = tuple(np.array(x, order="K") for x in problem.inputs)
        self.active = self._active()
        outputs = self._here()
        self.shapes = [y.shape for y in outputs]
        self.dtypes = [y.dtype for y in outputs]
        self.center = _joined(outputs)
        self.unit = self._unit()
        self.unchanged()
        self._same_gradients()

    def _active(self) -> list[int]:
        """Which inputs are of finite floats."""
        name = self.problem.name
        found = [i for i, x in enumerate(self.inputs) if x.dtype.kind == "f"]
        for i, x in enumerate(self.inputs):
            if x.dtype.kind == "c":
                raise CheckError(
                    f"gradcheck: {name}: {self.problem.label(i)} is complex ({x.dtype}), expected "
                    "real floats; give its real and imaginary part as two inputs and join them "
                    "in the function: lambda a, b: f(a + 1j * b)"
                )
            if x.dtype.kind == "f" and not np.isfinite(x).all():
                where = [int(n) for n in np.argwhere(~np.isfinite(x))[0]]
                raise CheckError(
                    f"gradcheck: {name}: {self.problem.label(i)} holds {x[tuple(where)]} at "
                    f"{where}, expected finite numbers, around which slopes can be measured; if "
                    "it is a constant of the function, bind it: lambda x: f(x, constant)"
                )
        if not found:
            got = ", ".join(f"{x.dtype}{list(x.shape)}" for x in self.inputs) or "nothing"
            raise CheckError(
                f"gradcheck: {name}: got {got}, expected at least one array of floats: "
                "integers and booleans have no gradient; write 1.0 for 1"
            )
        return found

    def _unit(self) -> float:
        """Half the spacing of the coarsest dtype."""
        kinds = [*(self.inputs[i].dtype for i in self.active), *self.dtypes]
        floats = [k for k in kinds if k.kind == "f"]
        return max(_FINEST, *(float(np.finfo(k).eps) / 2 for k in floats))

    # ── The function ────────────────────────────────────────────────────────────────────

    def values(self, inputs: Arrays) -> Any:
        """Outputs end to end; all nan where the function raises, as it may beyond its domain."""
        try:
            # Far out functions overflow, as they may.
            with np.errstate(all="ignore"):
                raw = self._called(inputs)
        except Exception:
            return np.full(self.center.shape, np.nan)
        outputs = self._outputs(raw)
        shapes = [y.shape for y in outputs]
        if shapes != self.shapes:
            raise CheckError(
                f"gradcheck: {self.problem.name}: got outputs of shapes {_shown(shapes)} at one "
                f"point and {_shown(self.shapes)} at another, expected the same shapes everywhere "
                "near; give the function inputs whose values do not decide the shape of its result"
            )
        return _joined(outputs)

    def unchanged(self) -> None:
        """Refuse a function that no longer gives what it gave at first.

        Raises:
            CheckError: It does not, by more than what may be called noise.
        """
        gap = differs(self._here(), self.split(self.center), self.unit, self._of_terms)
        refuse_changing(self.problem.name, gap)

    def steady(self) -> None:
        """Ask the function and its gradient some times more for what they gave at first.

        Raises:
            CheckError: They give something else, and did not by chance before.
        """
        for _ in range(_MORE):
            self.unchanged()
            self._same_gradients()

    def _of_terms(self, n: int, at: tuple[int, ...]) -> float:
        """Rounding of the terms of an element of the outputs: of all gradient times input."""
        parts = [np.zeros(shape) for shape in self.shapes]
        parts[n][at] = 1.0
        found = self.gradients(_joined(parts), self.inputs)
        with np.errstate(all="ignore"):
            terms = (np.abs(g * self.inputs[i]) for g, i in zip(found, self.active, strict=True))
            return _ROUNDINGS * self.unit * float(sum(np.sum(t) for t in terms))

    def _here(self) -> list[Any]:
        """Outputs at the inputs."""
        try:
            raw = self._called(self.inputs)
        except CheckError:
            raise
        except Exception as error:
            raise CheckError(
                f"gradcheck: {self.problem.name} raised {type(error).__name__} at the inputs "
                f"given: {error}; expected a value, to measure slopes from: its traceback is "
                "above; choose inputs at which it has one"
                + ("; " + "; ".join(self.problem.notes) if self.problem.notes else "")
            ) from error
        return self._outputs(raw)

    def _called(self, inputs: Arrays) -> list[Any]:
        self.calls += 1
        self._clock.doing = self.problem.name
        given = [np.array(x, order="K") for x in inputs]
        with np.errstate(all="ignore"):
            outputs = list(self._own.values(given))
        self._note_writes(given, inputs, self.problem.name)
        return outputs

    def _outputs(self, raw: list[Any]) -> list[Any]:
        if not raw:
            raise CheckError(
                f"gradcheck: {self.problem.name}: got no output, expected an array or number, or "
                "a tuple of several"
            )
        return [self._output(y, i) for i, y in enumerate(raw)]

    def _output(self, y: Any, i: int) -> Any:
        what = ""
        try:
            array = np.array(y, order="K")
        except Exception as error:  # `__array__` is anybody's
            what = f"a {type(y).__name__} that makes no array: {error}"
            array = np.array(None)
        if array.dtype.kind in "fiub":
            return array
        advice = "return one, or a tuple of several"
        if y is None:
            what, advice = "None", "return its result; perhaps a `return` is missing"
        elif hasattr(type(y), "backward") and hasattr(type(y), "apply"):
            advice = f"pass {type(y).__name__}.apply, and not the class"
        elif array.dtype.kind == "c":
            what = f"complex ({array.dtype})"
            advice = "check its parts as two outputs: lambda x: (f(x).real, f(x).imag)"
        raise CheckError(
            f"gradcheck: {self.problem.name}: output {i} is "
            f"{what or f'a {type(y).__name__} of dtype {array.dtype}'}, expected an array or "
            f"number of real floats; {advice}"
        )

    # ── Its gradient ────────────────────────────────────────────────────────────────────

    def gradients(self, cotangent: Any, inputs: Arrays | None = None) -> list[Any]:
        """Gradients of the active inputs, in float64, for a cotangent of all outputs end to end.

        At other `inputs` than those given all nan where the gradient raises.
        """
        at = self.inputs if inputs is None else inputs
        given = [np.array(x, order="K") for x in at]
        parts = self.split(cotangent)
        kept = [np.array(p) for p in parts]
        self.pulls += 1
        self._clock.doing = self._gradient_name
        try:
            with np.errstate(all="ignore"):
                found = list(self._own.pull(given, parts))
        except CheckError:
            raise
        except Exception as error:
            if inputs is not None:
                return [np.full(self.inputs[i].shape, np.nan) for i in self.active]
            raise CheckError(
                f"gradcheck: {self._gradient_name} raised {type(error).__name__}: {error}; "
                "expected a gradient for each input: its traceback is above"
            ) from error
        self._note_writes(given, at, self._gradient_name)
        if not all(same_memory(a, b) for a, b in zip(parts, kept, strict=True)):
            self._note(f"{self._gradient_name} wrote into its cotangent")
        return [self._gradient(g, i) for g, i in zip(self._chosen(found), self.active, strict=True)]

    def _chosen(self, found: list[Any]) -> list[Any]:
        """Of gradients for all inputs those of the active ones; or they are just these."""
        if len(found) == len(self.inputs):
            return [found[i] for i in self.active]
        if len(found) == len(self.active):
            return found
        raise CheckError(
            f"gradcheck: {self._gradient_name}: got {len(found)} gradients, expected "
            f"{len(self.inputs)}, one for each input (None for one without)"
        )

    def _gradient(self, g: Any, i: int) -> Any:
        shape = self.inputs[i].shape
        if g is None:
            return np.zeros(shape)
        who = f"gradcheck: {self._gradient_name} for {self.problem.label(i)}"
        try:
            array = np.array(g)
        except Exception as error:  # `__array__` is anybody's
            raise CheckError(
                f"{who} is a {type(g).__name__} that makes no array ({type(error).__name__}: "
                f"{error}), expected an array of real floats; convert it before it is returned"
            ) from error
        if array.dtype.kind not in "fiub":
            raise CheckError(
                f"{who} is a {type(g).__name__} of dtype {array.dtype}, expected an array of "
                "real floats"
            )
        if array.shape != shape:
            raise CheckError(
                f"{who} has shape {list(array.shape)}, expected that of the input, {list(shape)}; "
                "sum it over the axes that were broadcast"
            )
        return array.astype(np.float64)

    def _same_gradients(self) -> None:
        """Refuse a gradient that differs from call to call."""
        cotangent = np.random.default_rng(0).choice([-1.0, 0.5, 1.0], self.center.size)
        first, again = self.gradients(cotangent), self.gradients(cotangent)

        def of_terms(n: int, at: tuple[int, ...]) -> float:
            """Rounding of what the function is made of, over the size of the input."""
            x = np.abs(np.asarray(self.inputs[self.active[n]], np.float64))
            size = float(x[at] or x.max() or 1.0)
            whole = float(np.sum(np.abs(cotangent * self.center)))
            return _ROUNDINGS * self.unit * whole / size

        refuse_changing(self._gradient_name, differs(first, again, self.unit, of_terms))

    def tangents(self, tangents: Arrays) -> Any | None:
        """Tangent of the outputs end to end by forward mode, if the engine has it for them."""
        if self.problem.push is None:
            return None
        given = [np.array(x, order="K") for x in self.inputs]
        self._clock.doing = f"forward mode of {self.problem.name}"
        try:
            with np.errstate(all="ignore"):
                pushed = self.problem.push(given, [np.array(t) for t in tangents])
        except Exception:  # engines lack forward mode for some functions, each with its own error
            return None
        return _joined([np.asarray(y) for y in pushed])

    # ── Places ──────────────────────────────────────────────────────────────────────────

    def split(self, flat: Any) -> list[Any]:
        """A flat array as one array for each output, of its shape and dtype."""
        parts, at = [], 0
        for shape, dtype in zip(self.shapes, self.dtypes, strict=True):
            size = int(np.prod(shape))
            kind = dtype if dtype.kind == "f" else np.float64
            with np.errstate(over="ignore"):
                parts.append(np.array(flat[at : at + size], kind).reshape(shape))
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
        if self.calls > _LOOKED_AT and sum(x.size for x in given) > _LARGE:
            return  # a fifth of the time of a cheap function, for a note alone
        for i, (a, b) in enumerate(zip(given, before, strict=True)):
            if not same_memory(a, np.asarray(b)):
                self._note(f"{who} wrote into {self.problem.label(i)}, a copy of what was given")

    def _note(self, text: str) -> None:
        if text not in self.mutated:
            self.mutated.append(text)


def _shown(shapes: Sequence[tuple[int, ...]]) -> str:
    return ", ".join(str(list(s)) for s in shapes)


def _joined(outputs: Arrays) -> Any:
    flat = [np.asarray(y, np.float64).ravel() for y in outputs]
    return np.concatenate(flat) if flat else np.zeros(0)
