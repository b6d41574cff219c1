"""Capture: one call of a step, run as always and written down."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from operator import methodcaller
from typing import Any

import numpy as np

from tinygrad_nn.compiler.capture.advice import BRANCH, READ, WHOLE
from tinygrad_nn.compiler.capture.calls import (
    CUSTOM,
    MASK,
    decides_shape,
    real,
    ufunc,
)
from tinygrad_nn.compiler.capture.host_numbers import Numbers
from tinygrad_nn.compiler.capture.leaf_array import SharedArray
from tinygrad_nn.compiler.capture.leaves import Leaves
from tinygrad_nn.compiler.capture.randomness import Draws, TracedGenerator
from tinygrad_nn.compiler.capture.recording import Recording
from tinygrad_nn.compiler.capture.traced import HostNumber, TracedArray, TracedNumber
from tinygrad_nn.compiler.capture.whereabouts import is_augmented, users_frame, whereabouts
from tinygrad_nn.compiler.facts import FACTS, UNKNOWN
from tinygrad_nn.compiler.guards.scope import Scope
from tinygrad_nn.compiler.places import Unfit
from tinygrad_nn.compiler.program import Instruction, Var
from tinygrad_nn.core.capturing import CAPTURE, CAPTURING, Traced
from tinygrad_nn.core.node import CLOCK, MODE, Node
from tinygrad_nn.core.op import OPS

__all__ = ["Capture"]

_NUMBERS = frozenset({TracedNumber, float})
_ITEM = methodcaller("item")  # of an array, or of the scalar that NumPy makes of its sum


class Capture(Recording):
    """What the engine tells of a step that is captured: see `core.capturing`.

    Attributes:
        leaves: Nodes that the step found outside itself, with traced payloads while it runs.
        numbers: What is worked out in Python before a replay, and what must hold for it.
        draws: Random generators, whose draws are drawn anew.
        scope: What the step names, which must be as it was.
        given: Arrays that are arguments.
        replacing: Leaves whose `data` the step set.
    """

    def __init__(self) -> None:
        super().__init__()
        self.begun = CLOCK.tick()
        self.numbers = Numbers(self)
        self.leaves = Leaves(self)
        self.draws = Draws(self)
        self.scope = Scope(self)
        self.failing = False
        self.given: list[Any] = []
        self.replacing: set[Node] = set()
        self._shared: dict[Node, list[SharedArray]] = {}

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
        if self.refusal is not None:
            raise self.refusal  # the step, or a logger, caught it
        self.scope.check_unchanged()
        self.draws.check_all()
        return [x.now if isinstance(x, SharedArray) else x for x in results]

    def operate(self, op: Any, args: tuple[Any, ...], params: dict[str, Any]) -> Any:
        """Apply an operation's kernel."""
        self.failing = False
        if self.given:
            self._check_augmented(op, args)
        kernels = op.kernels
        name = op.key
        if OPS.get(name) is not op:
            # The user's own: nothing is known of it, though it may have the name of another.
            name, op = f"{CUSTOM}{name}", None
        if not params and all([type(x) in _NUMBERS for x in args]):
            return self.numbered(name, kernels[float][0], args, op)
        number = any([isinstance(x, TracedNumber) for x in args])
        kernel = kernels[float if number else np.ndarray][0]
        if any([decides_shape(name, x) and self.is_secret(x) for x in args]):
            what = f"{name.strip('_')}, whose result has a shape that follows from values"
            raise self.refused(what, MASK)
        coerce = float if number else np.asarray
        if not FACTS.get(name, UNKNOWN).draws:
            return self.apply(name, kernel, args, params, op=op, coerce=coerce)
        rng = self.generator(params["rng"], lambda seed: seed)
        out = self.apply(name, kernel, args, {**params, "rng": rng}, op=op, pure=False)
        self.draws.watch(rng.value)
        return out

    def _check_augmented(self, op: Any, args: Sequence[Any]) -> None:
        """Refuse `x += 1` of an argument: eager code writes into the array of the caller."""
        target = real(args[0]) if args else None
        if not isinstance(target, np.ndarray):
            return
        frame = users_frame()
        if is_augmented(frame.f_code, frame.f_lasti) and any(
            [np.may_share_memory(target, x) for x in self.given]
        ):
            raise self.refused(
                f"{op.name} in place, as in x += y, on an array that is an argument",
                WHOLE,
            )

    def lift(self, args: Sequence[Any]) -> Sequence[Any]:
        """Leaves get traced payloads; arrays become traced."""
        lifted: list[Any] = []
        for x in args:
            if isinstance(x, Node):
                if not isinstance(x._data, Traced):
                    self.leaves.lift(x)
            elif type(x) is SharedArray:
                x = x.now  # noqa: PLW2901  (the graph keeps it as it is now)
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
        found = SharedArray(self, node)
        self._shared.setdefault(node, []).append(found)
        return found

    def replaced(self, node: Node) -> None:
        """Arrays that `node.data` gave are the user's alone from now on."""
        self.replacing.add(node)
        for x in self._shared.pop(node, ()):
            x.now = x.now

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

    def is_secret(self, x: Any) -> bool:
        """Whether a value is not known before a replay: it is no array that was there before."""
        return isinstance(x, (TracedArray, TracedNumber)) and x.var not in self.constants

    def looked(self, condition: Any, failing: bool = False) -> bool:
        """Outcome of a question, which an instruction asks again: another one is `Unfit`."""
        outcome = bool(real(condition))
        self.failing = failing and outcome

        def check(condition: Any) -> float:
            if bool(condition) is not outcome:
                raise Unfit
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
