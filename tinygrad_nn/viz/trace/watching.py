"""`Watch`: what runs in a body, as it runs: operations, module calls and backward passes."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tinygrad_nn.core.caller import user_line
from tinygrad_nn.core.node import WATCH, Node, mode_bit
from tinygrad_nn.core.observe import observe
from tinygrad_nn.core.op import Op
from tinygrad_nn.core.watch import watching, without
from tinygrad_nn.tensor import Parameter
from tinygrad_nn.viz.trace.failures import failed_operands, failure_of
from tinygrad_nn.viz.trace.figures import figure
from tinygrad_nn.viz.trace.graph import Sources, model_names, models
from tinygrad_nn.viz.trace.model import Failure, Scope, Summary
from tinygrad_nn.viz.trace.steps import Fact, Steps, payload_of

__all__ = ["Watch"]

_CURRENT: ContextVar[tuple[Any, ...]] = ContextVar("tinygrad_nn_tracings", default=())
"""The watches of this thread: a hook of a module is called in every thread."""

_FEATURES = re.compile(r"\bin_(?:features|channels)=(\d+), out_(?:features|channels)=(\d+)")
_SIZES = re.compile(r"^(\d+), (\d+)(?=,|$)")


class Watch:
    """Watcher of results, of module calls and of passes.

    It holds every node that was made in the body, until it is dropped itself.

    Attributes:
        facts: How each result was computed, in the order in which they were made.
        steps: The last backward pass.
        failure: What ended the body, or None.
        operands: What the operation that ended it was called with.
    """

    def __init__(self, model: Any = None) -> None:
        self.model = model
        self.steps = Steps()
        self.facts: dict[Node, Fact] = {}
        self.failure: Failure | None = None
        self.operands: list[Node] = []
        self._named = set(model_names(model))
        self._lines: dict[Node, Callable[[], str]] = {}
        self._held: dict[Node, list[tuple[int, Summary]]] = {}
        self._places: dict[Node, int | None] = {}
        self._uses: dict[Node, list[tuple[int, int | None]]] = {}
        self._given: set[Node] = set()
        self._scopes: list[Scope] = []
        self._known: dict[int, tuple[str, str, int]] = {}
        self._open: list[tuple[int, Any]] = []
        self._raised: tuple[BaseException | None, int | None] = (None, None)
        self._entered: list[int] = []
        self._passes = 0
        self._since = (0, 0)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Watch the body, in this thread."""
        _CURRENT.set((*_CURRENT.get(), self))
        handles: list[Any] = []
        try:
            for prefix, model in models(self.model):
                for path, module in model.named_modules():
                    handles += self._hooked(f"{prefix}{path}".rstrip("."), module)
            with mode_bit(WATCH), watching(self.result), observe(self.steps):
                yield
        except BaseException as error:
            self.failure, self.operands = failure_of(error), failed_operands(error)
            self._place_operands(error)
            raise
        finally:
            self._raised = (None, None)
            for handle in handles:
                handle.remove()
            _CURRENT.set(without(_CURRENT.get(), self))

    # ── What is told ────────────────────────────────────────────────────────────────────

    def result(self, op: Op, node: Node, args: tuple[Any, ...], params: Any) -> None:
        """A result was made; those made while a pass runs belong to its rules."""
        if self.steps.depth:
            return
        if self.steps.passes != self._passes:
            self._passes = self.steps.passes
            self._since = (len(self.facts), len(self._scopes))
        place = self._open[-1][0] if self._open else None
        # The graph has payloads for plain numbers, and for nodes without gradients too.
        held = node.inputs if node.op is not None else args
        inputs: list[Any] = []
        for x, kept in zip(args, held, strict=True):
            if isinstance(x, Node):
                inputs.append(x)
                if x not in self.facts:
                    self._use(x, place)
            else:
                inputs.append(kept if node.op is not None else figure(kept))
        self.facts[node] = Fact(op, tuple(inputs), params)
        self._places[node] = place
        self._lines[node] = user_line(2)

    def _use(self, x: Node, place: int | None) -> None:
        """A leaf, or what was made unseen. Leaves may be written, so they are noted now."""
        uses = self._uses.setdefault(x, [])
        if not uses or uses[-1][1] != place:
            inside = isinstance(x, Parameter) or x in self._named or x not in self._given
            if inside or not uses:
                uses.append((len(self.facts), place if inside else None))
        if x.is_leaf:
            held = self._held.setdefault(x, [])
            if not held or held[-1][0] != x.epoch:
                held.append((x.epoch, figure(payload_of(x))))

    # ── Module calls ────────────────────────────────────────────────────────────────────

    def _hooked(self, path: str, module: Any) -> list[Any]:
        def before(module: Any, inputs: Any, options: Any) -> None:
            if self._is_on():
                self._enter(path, module, (*inputs, *options.values()))

        def after(module: Any, inputs: Any, output: Any) -> None:
            if self._is_on():
                error = sys.exception()
                if output is None and error is not self._raised[0] and self._open:
                    self._raised = (error, self._open[-1][0])  # the innermost call is told first
                self._leave(module)

        return [
            module.register_forward_pre_hook(before, prepend=True, with_kwargs=True),
            module.register_forward_hook(after, always_call=True),
        ]

    def _is_on(self) -> bool:
        return not self.steps.depth and any(watch is self for watch in _CURRENT.get())

    def _enter(self, path: str, module: Any, given: tuple[Any, ...]) -> None:
        parent = self._open[-1][0] if self._open else None
        if parent is None:
            self._given.update(x for x in given if isinstance(x, Node))
        known = self._known.get(id(module))
        if known is None:
            count = sum(_size(p) for p in module.parameters())
            known = self._known[id(module)] = type(module).__name__, about(module), count
        kind, words, count = known
        self._open.append((len(self._scopes), module))
        self._scopes.append(Scope(path, kind, words, parent, 0, count))

    def _leave(self, module: Any) -> None:
        while self._open and self._open.pop()[1] is not module:
            """A call that ended without a word."""

    def _place_operands(self, error: BaseException) -> None:
        """What the failed operation was called with belongs to the call that it failed in."""
        raised, place = self._raised
        if raised is error:
            for node in self.operands:
                if node not in self.facts:
                    self._uses.setdefault(node, []).append((len(self.facts), place))
            while place is not None:
                self._entered.append(place)
                place = self._scopes[place].parent

    # ── What the recorder asks ──────────────────────────────────────────────────────────

    @contextmanager
    def muted(self) -> Iterator[None]:
        """Leave the passes of the body out."""
        self.steps.depth += 1
        try:
            yield
        finally:
            self.steps.depth -= 1

    @property
    def is_passed(self) -> bool:
        """Whether nothing was computed since the last backward pass."""
        return self.steps.root is not None and self.steps.passes != self._passes

    def ran(self) -> list[Node]:
        """Results of the computation that the body ended in: those since the last pass."""
        found = list(self.facts)
        return found[self._since[0] :] or found

    def sources(self) -> Sources:
        """Everything but the backward pass."""
        return Sources(
            names=model_names(self.model),
            facts=self.facts,
            lines=self._lines,
            held=self._held,
            places=self._places,
            uses=self._uses,
            scopes=self._scopes,
            entered=self._entered,
        )


def about(module: Any) -> str:
    """What a module tells of itself, in short: `784→16`, `1→6, kernel_size=(5, 5)`."""
    text = " ".join(str(module.extra_repr()).split())
    text = _FEATURES.sub(r"\1→\2", text).replace(", bias=True", "")
    if isinstance(vars(module).get("in_channels"), int):
        text = _SIZES.sub(r"\1→\2", text)
    return text


def _size(parameter: Any) -> int:
    return int(getattr(payload_of(parameter), "size", 1))
