"""Capture: one call of a step, run as always and written down."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from operator import methodcaller
from typing import Any

import numpy as np

from tinygrad_nn.compile.advice import BRANCH, READ
from tinygrad_nn.compile.calls import (
    BY_VALUES,
    IMPURE,
    MASK,
    after,
    coerced,
    lasting,
    part,
    real,
    shape_follows,
    shaped_as,
    stand_in,
    ufunc,
    users_line,
    written_as,
)
from tinygrad_nn.compile.draws import Draws, TracedGenerator
from tinygrad_nn.compile.leaves import Leaves
from tinygrad_nn.compile.numbers import Mismatch, Numbers
from tinygrad_nn.compile.program import Instruction, Output, Program, Var
from tinygrad_nn.compile.scope import Scope
from tinygrad_nn.compile.shared import SharedArray
from tinygrad_nn.compile.traced import HostNumber, TracedArray, TracedNumber
from tinygrad_nn.compile.whereabouts import whereabouts
from tinygrad_nn.core.capturing import CAPTURE, CAPTURING, Traced
from tinygrad_nn.core.node import CLOCK, MODE, Node
from tinygrad_nn.errors import CaptureError

__all__ = ["Capture"]

_NUMBERS = frozenset({TracedNumber, float})
_NOTHING: dict[str, Any] = {}
_PYTHONS = (bool, int, float)
_ITEM = methodcaller("item")  # of an array, or of the scalar that NumPy makes of its sum


class Capture:
    """Writes down what a step computes.

    Attributes:
        instructions: So far, in order.
        leaves: Nodes that the step found outside itself, with traced payloads while it runs.
        numbers: What is worked out in Python before a replay, and what must hold for it.
    """

    def __init__(self) -> None:
        self.instructions: list[Instruction] = []
        self.inputs: dict[Var, Any] = {}
        self.constants: dict[Var, Any] = {}
        self.outputs: list[Output] = []
        self.begun = CLOCK.tick()
        self.numbers = Numbers(self)
        self.leaves = Leaves(self)
        self.draws = Draws(self)
        self.scope = Scope(self)
        self.failing = False
        self._held: dict[int, tuple[Any, Traced]] = {}
        self._own: dict[int, Any] = {}

    @contextmanager
    def running(self) -> Any:
        """The body is captured; whatever happens, leaves get arrays back afterwards."""
        tokens = CAPTURING.set(self), MODE.set(MODE.get() | CAPTURE)
        # All that is made here stays: looking through it for garbage takes a third of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            yield self
        except BaseException:
            self.leaves.restore()
            self.numbers.restore()
            raise
        finally:
            if collecting:
                gc.enable()
            MODE.reset(tokens[1])
            CAPTURING.reset(tokens[0])

    def settle(self, results: list[Any]) -> list[Any]:
        """The step is done: it must have changed nothing that a replay does not change.

        Returns:
            The leaves of what it returned, as they are now.
        """
        self.scope.check_unchanged()
        self.draws.check_all()
        return [x.leaf._data if isinstance(x, SharedArray) else x for x in results]

    def program(self) -> Program:
        """What was written down."""
        private = frozenset(v for v, x in self.constants.items() if id(x) in self._own)
        return Program(
            dict(self.inputs), dict(self.constants), tuple(self.instructions), tuple(self.outputs),
            private=private,
        )  # fmt: skip

    # ── Traced things ───────────────────────────────────────────────────────────────────

    def stand_in(self, value: Any) -> Any:
        """New traced array or number with this value."""
        return stand_in(self, value)

    def read_from(self, place: Any, value: Any) -> Any:
        """Traced thing that is read from `place` before each replay."""
        found = stand_in(self, value)
        self.inputs[found.var] = place
        return found

    def constant(self, value: Any) -> Any:
        """Traced form of an array or number that is the same at each replay.

        The array itself is kept and not a copy: what the user writes into it later counts.
        """
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

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an operation's kernel."""
        self.failing = False
        if not params and all([type(x) in _NUMBERS for x in args]):
            return self.numbered(op.key, op.kernels[float][0], args, op)
        number = any([isinstance(x, TracedNumber) for x in args])
        kernel = op.kernels[float if number else np.ndarray][0]
        asked = BY_VALUES.get(op.key)
        if asked is not None and any([asked(x) and self.is_secret(x) for x in args]):
            what = f"{op.name}, whose result has a shape that follows from values"
            raise self.refused(what, MASK)
        coerce = float if number else np.asarray
        if op.key not in IMPURE:
            return self.apply(op.key, kernel, args, params, op=op, coerce=coerce)
        rng = self.generator(params["rng"], lambda seed: seed)
        out = self.apply(op.key, kernel, args, {**params, "rng": rng}, op=op, pure=False)
        self.draws.watch(rng.value)
        return out

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
        call = lasting(self.scope.errors, call)
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

    # ── What the engine tells: see core.capturing ───────────────────────────────────────

    def lift(self, args: Sequence[Any]) -> Sequence[Any]:
        """Leaves get traced payloads; arrays become traced."""
        lifted: list[Any] = []
        for x in args:
            if isinstance(x, Node):
                if not isinstance(x._data, Traced):
                    self.leaves.lift(x)
            elif type(x) is SharedArray:
                x = x.leaf._data  # noqa: PLW2901  (the graph keeps it as it is now)
            elif (type(x) is np.ndarray or isinstance(x, np.generic)) and x.dtype.kind in "fiub":
                # Others are for the operation to refuse.
                x = self.constant(x)  # noqa: PLW2901
            lifted.append(x)
        return tuple(lifted)

    def seeds(self, roots: Sequence[Node], seeds: Sequence[Any]) -> Sequence[Any]:
        """Seeds as constants of the program."""
        self.lift((*roots, *seeds))
        return [s if isinstance(s, Node) else self.traced(s) for s in seeds]

    def payload(self, node: Node) -> Any:
        """Payload of a node, lifted."""
        if not isinstance(node._data, Traced):
            self.leaves.lift(node)
        return node._data

    def shared(self, node: Node) -> Any:
        """What stands for the array that `node.data` gives."""
        self.payload(node)
        return SharedArray(self, node)

    def copied(self, data: Any, make: Callable[[Any, Any], Any], dtype: Any) -> Any:
        """Payload of a new leaf: a copy of an array or of something traced."""
        if isinstance(data, Node):
            data = self.payload(data)
        elif not isinstance(data, Traced):
            if type(data) is not np.ndarray or data.dtype.kind not in "fiub":
                return make(data, dtype)
            data = self.constant(data)
        # The default dtype may be another one around the replay.
        return self.apply("array", make, (data, make(data.value, dtype).dtype), {})

    def number(self, data: Any) -> Any:
        """Payload of a `Value`: numbers known beforehand are read like all others."""
        if isinstance(data, HostNumber):
            return TracedNumber(self, data.var, data.value)
        if isinstance(data, TracedArray):
            return self.apply("float", float, (data,), {})
        return data

    def item(self, node: Node) -> Any:
        """Number of a node with one element, to compute on with in Python."""
        return self.apply("item", _ITEM, (self.payload(node),), {})

    def in_place(self, function: Any, target: Any, other: Any) -> Any:
        """`target += other` and the like: the result has the memory order of `target`."""
        if not isinstance(target.value, np.ndarray):
            return self.apply(function.__name__, function, (target, other), {})
        call, out = written_as(function, target.value, real(other))
        return self._told(function.__name__, call, (target, other), {}, out, None, True)

    def is_secret(self, x: Any) -> bool:
        """Whether a value is not known before a replay: it is no array that was there before."""
        return isinstance(x, (TracedArray, TracedNumber)) and x.var not in self.constants

    def looked(self, condition: Any, failing: bool = False) -> bool:
        """Outcome of a question, which an instruction asks again: another one is a mismatch."""
        outcome = bool(real(condition))
        self.failing = failing and outcome

        def check(condition: Any) -> float:
            if bool(condition) is not outcome:
                raise Mismatch
            return 0.0

        self.apply("looked", check, (condition,), {}, pure=False)
        return outcome

    def generator(self, rng: Any, make: Callable[[Any], Any]) -> Any:
        """A generator of the user goes on drawing; one made of a seed begins anew each time."""
        if isinstance(rng, TracedGenerator):
            return rng
        if isinstance(rng, np.random.Generator):
            self.draws.check(rng)
            held = self._held.get(id(rng))
            if held is None:
                found = TracedGenerator(self, Var((), None), rng)
                self.constants[found.var] = rng
                held = self._held[id(rng)] = rng, found
            return held[1]
        found = TracedGenerator(self, Var((), None), make(real(rng)))
        seed, (line, phase) = self._vars(rng), whereabouts()
        made = Instruction(
            "generator", make, (seed,), {}, found.var, None, False, line, phase=phase
        )
        self.instructions.append(made)
        return found

    def read(self, node: Node, conversion: str) -> None:
        """Refuse, unless the number was made in the step from nothing that may change."""
        if not self.failing and (isinstance(node._data, Traced) or self.leaves.outside(node)):
            instead = BRANCH if "if x" in conversion else READ
            head, comma, rest = conversion.partition(",")
            raise self.refused(f"{head} of a value{comma}{rest}", instead)

    def forget_gradient(self, leaf: Node) -> None:
        """The gradient that was there before does not count."""
        self.leaves.forget(leaf)

    def entered(self, module: Any) -> None:
        """A layer in training and in evaluation are two programs."""
        self.scope.entered(module)

    def stepped(self, optimizer: Any) -> None:
        """The update of each parameter; its numbers are worked out before each replay."""
        self.numbers.stepped(optimizer)

    def work(self, function: Callable[..., Any], args: Sequence[Any]) -> Any:
        """Arithmetic on numbers that are known before the program runs."""
        found = [x for x in args if isinstance(x, Traced) and type(x) is not HostNumber]
        if found or any(isinstance(x, (np.ndarray, np.generic)) for x in args):
            return self.apply(function.__name__, ufunc(function, found[:1]), args, {})
        return self.numbers.work(function, args)

    def refused(self, what: str, instead: str) -> CaptureError:
        """The error for what cannot be captured, with the user's line."""
        return CaptureError(f"jit: {users_line()}: got {what} in a captured step; {instead}")

    # ── Results ─────────────────────────────────────────────────────────────────────────

    def write_to(self, place: Any, value: Any) -> None:
        """Let `value` (traced, or constant) go to `place` at the end."""
        self.outputs.append(Output(place, value.var if isinstance(value, Traced) else value))
