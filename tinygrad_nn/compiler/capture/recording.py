"""The instructions of a step, written down one by one as it computes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.compiler.capture.calls import (
    CUSTOM,
    after,
    coerced,
    part,
    real,
    shape_follows,
    shaped_as,
    silenced,
    stand_in,
    written_as,
)
from tinygrad_nn.compiler.capture.traced import TracedNumber
from tinygrad_nn.compiler.capture.whereabouts import told_line, users_frame, users_line, whereabouts
from tinygrad_nn.compiler.program import Instruction, Output, Program, Var
from tinygrad_nn.core.capturing import CAPTURING, Traced
from tinygrad_nn.errors import CaptureError

__all__ = ["Recording"]

_NOTHING: dict[str, Any] = {}
_PYTHONS = (bool, int, float)


class Recording:
    """Computes, and writes down what it computes.

    Attributes:
        instructions: So far, in order.
        inputs: Variables that are read before each replay, and where.
        constants: Variables that are the same at each replay.
        outputs: What goes where at the end.
        errors: How NumPy treats overflow and the like, as the step began.
        sites: By `id` of an array of the user, where in the code it was an operand.
        refusal: The first one. Whoever caught it took a way that a replay would not.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.inputs: dict[Var, Any] = {}
        self.constants: dict[Var, Any] = {}
        self.outputs: list[Output] = []
        self.errors = np.geterr()
        self.sites: dict[int, set[tuple[int, int]]] = {}
        self.refusal: CaptureError | None = None
        self._held: dict[int, tuple[Any, Traced]] = {}
        self._own: dict[int, Any] = {}

    def program(self) -> Program:
        """What was written down."""
        private = frozenset(v for v, x in self.constants.items() if id(x) in self._own)
        return Program(
            dict(self.inputs), dict(self.constants), tuple(self.instructions), tuple(self.outputs),
            private=private,
        )  # fmt: skip

    # ── Traced things ───────────────────────────────────────────────────────────────────

    def read_from(self, place: Any, value: Any) -> Any:
        """Traced thing that is read from `place` before each replay."""
        found = stand_in(self, value)
        self.inputs[found.var] = place
        return found

    def constant(self, value: Any) -> Any:
        """Traced form of an array or number that is the same at each replay.

        The array itself is kept and not a copy: what the user writes into it later counts.
        """
        if type(value) is np.ndarray:
            frame = users_frame(libraries=True)
            self.sites.setdefault(id(value), set()).add((id(frame.f_code), frame.f_lasti))
        held = self._held.get(id(value))
        if held is not None:
            return held[1]
        found = stand_in(self, value)
        self.constants[found.var] = value
        self._held[id(value)] = value, found
        return found

    def own(self, array: Any) -> Any:
        """An array that nobody else has, as long as it is not handed out."""
        self._own[id(array)] = array
        return array

    def traced(self, value: Any) -> Any:
        """`value`, as it is if traced, else a constant."""
        return value if isinstance(value, Traced) else self.constant(value)

    # ── What computes ───────────────────────────────────────────────────────────────────

    def numbered(self, name: str, call: Any, args: tuple[Any, ...], op: Any = None) -> Any:
        """`apply` for numbers alone."""
        if CAPTURING.get() is not self:
            raise after(name)
        out = call(*[x.value if type(x) is TracedNumber else x for x in args])
        if type(out) is not float:
            call, out = coerced(call, float), float(out)
        var = Var((), None)
        taken = tuple([x.var if type(x) is TracedNumber else x for x in args])
        line, phase = whereabouts()
        self.instructions.append(
            Instruction(name, call, taken, _NOTHING, var, op, True, line, phase=phase)
        )
        return TracedNumber(self, var, out)

    def apply(
        self,
        name: str,
        call: Callable[..., Any],
        args: Sequence[Any],
        params: dict[str, Any],
        *,
        op: Any = None,
        pure: bool = True,
        about: bool = False,
        coerce: Callable[[Any], Any] | None = None,
    ) -> Any:
        """Compute, and write it down; `about`: what reads no element is not written down."""
        if CAPTURING.get() is not self:
            raise after(name)
        out = call(*[real(x) for x in args], **{k: real(x) for k, x in params.items()})
        if about:
            return out
        if shape_follows(name, args):
            call, pure = shaped_as(call, out), False  # looked at even if only the shape is used
        elif name.startswith(CUSTOM):
            call, pure = shaped_as(call, out), False  # it may draw, or count its calls
        call = silenced(self.errors, call)
        if isinstance(out, (tuple, list)):
            return self._several(name, call, args, params, out, op, pure)
        if coerce is not None and type(out) in _PYTHONS and type(out) is not coerce:
            # What becomes an array or a float in each node.
            call, out = coerced(call, coerce), coerce(out)
        if not isinstance(out, (np.ndarray, np.generic, float, int)):
            raise self.refused(
                f"{name}, which gives {type(out).__name__} {out!r:.40}",
                "keep to functions of arrays that give arrays",
            )
        return self._told(name, call, args, params, out, op, pure)

    def _several(
        self, name: str, call: Any, args: Any, params: Any, out: Any, op: Any, pure: bool
    ) -> Any:
        """A function with several results, and one instruction more for each of them."""
        var, (line, phase) = Var((), None), whereabouts()
        taken, options = self._vars(tuple(args)), self._vars(params)
        self.instructions.append(
            Instruction(name, call, taken, options, var, op, pure, line, phase=phase)
        )
        results = []
        for i, piece in enumerate(out):
            if not isinstance(piece, (np.ndarray, np.generic, float)):
                results.append(piece)  # shapes and the like, which follow from shapes
                continue
            found = stand_in(self, piece)
            self.instructions.append(
                Instruction("part", part, (var, i), {}, found.var, line=line, phase=phase)
            )
            results.append(found)
        return type(out)(*results) if hasattr(out, "_fields") else type(out)(results)

    def _told(
        self, name: str, call: Any, args: Any, params: Any, out: Any, op: Any, pure: bool
    ) -> Any:
        found = stand_in(self, out)
        line, phase = whereabouts()
        self.instructions.append(
            Instruction(
                name,
                call,
                tuple([x.var if isinstance(x, Traced) else self._vars(x) for x in args]),
                self._vars(params) if params else params,
                found.var,
                op,
                pure,
                line,
                phase=phase,
            )
        )
        return found

    def _vars(self, x: Any) -> Any:
        """Variables for traced things and arrays."""
        if isinstance(x, Traced):
            return x.var
        if type(x) is np.ndarray:
            return self.constant(x).var
        if type(x) in (tuple, list):
            return type(x)([self._vars(y) for y in x])
        if type(x) is slice:
            return slice(self._vars(x.start), self._vars(x.stop), self._vars(x.step))
        if type(x) is dict:
            return {k: self._vars(y) for k, y in x.items()}
        return x

    def in_place(self, function: Any, target: Any, other: Any) -> Any:
        """`target += other` and the like: the result has the memory order of `target`."""
        if not isinstance(target.value, np.ndarray):
            return self.apply(function.__name__, function, (target, other), {})
        call, out = written_as(function, target.value, real(other))
        return self._told(function.__name__, call, (target, other), {}, out, None, True)

    def write_to(self, place: Any, value: Any) -> None:
        """Let `value` (traced, or constant) go to `place` at the end."""
        self.outputs.append(Output(place, value.var if isinstance(value, Traced) else value))

    def refused(self, what: str, instead: str, where: Any = None) -> CaptureError:
        """The error for what cannot be captured, with the user's line."""
        line = told_line(*where) if where else users_line()
        error = CaptureError(f"jit: {line}: got {what} in a captured step; {instead}")
        self.refusal = self.refusal or error
        return error
