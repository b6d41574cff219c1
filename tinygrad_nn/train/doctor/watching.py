"""`Doctor`: watches a training, as a callback of `fit` or around a loop of one's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any, ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.core.node import Node, is_grad_enabled
from tinygrad_nn.core.observe import Observer, observe
from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn import Module
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.doctor.diagnosis import (
    check_model,
    guilty_of,
    note_updates,
    shuffled_loss,
    together,
    weights_of,
)
from tinygrad_nn.train.doctor.evidence import Evidence, modes_matter
from tinygrad_nn.train.doctor.recorder import Recorder
from tinygrad_nn.train.doctor.registry import judged
from tinygrad_nn.train.doctor.report import Finding, Report
from tinygrad_nn.train.probing import array_of, kind_of_loss
from tinygrad_nn.train.untouched import untouched

__all__ = ["Doctor"]

_FIRST: Final = 4
"""Batches at the start that are all looked at."""
_KEPT: Final = 64
"""Batches whose inputs and targets are kept for the checks of the data."""


class Doctor(Callback):
    """Watches a training and names what goes wrong; it changes no bit of what is learned.

    The first batches are looked at closely, and then every so many. New findings are said after
    each epoch.

    Args:
        every: Distance of the batches that are looked at closely.
        say: Called with each new `Finding`; None to keep silent and read `report`.

    Attributes:
        report: What was found so far; None before the first look.

    Example:
        >>> from tinygrad_nn import data, nn, optim, train
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> adam = optim.Adam(model.parameters(), lr=0.01)
        >>> doctor = train.Doctor()
        >>> loss, moons = nn.CrossEntropyLoss(), data.make_moons(200)
        >>> _ = train.fit(model, loss, adam, moons, 2, callbacks=[doctor])
        >>> doctor.report
        no findings

        Around a loop of one's own:

        >>> with doctor.watch(model, loss, adam):
        ...     for x, y in data.DataLoader(moons):
        ...         loss(model(x), y).backward()  # zero_grad was forgotten
        ...         adam.step()
        error: gradients-never-zeroed: at 6 of 7 steps the old gradients were still there
            -> call optimizer.zero_grad() before loss.backward(), in every step
    """

    order: ClassVar[int] = 10

    def __init__(self, every: int = 25, say: Callable[[Finding], object] | None = print) -> None:
        self.every = whole_number("every", every, 1)
        self._say = say
        self.report: Report | None = None
        self._open = ExitStack()
        self._evidence: Evidence | None = None
        self._inputs: Any = None
        self._outputs: Any = None
        self._targets: Any = None
        self._loss_now: Any = None

    # ── As a callback ───────────────────────────────────────────────────────────────────

    def on_train_begin(self, context: Context) -> None:
        """Begin a new report."""
        self._begin(context.model, context.loss_function, context.optimizer)

    def on_batch_begin(self, context: Context) -> None:
        """Decide whether to look at this batch."""
        self._remember(context.inputs, context.targets)
        if self._is_due():
            scaler = context.scaler
            self._recorder.scale = 1.0 if scaler is None else 1.0 / scaler.get_scale()
            self._recorder.open()
            self._open.enter_context(observe(self._recorder))

    def on_step_begin(self, context: Context) -> None:
        """Keep the weights, to measure the step."""
        self._before_step()

    def on_step_end(self, context: Context) -> None:
        """Measure the step."""
        self._after_step()

    def on_batch_end(self, context: Context) -> None:
        """Close the look."""
        self._close_look(context.loss, context.outputs, context.targets)

    def on_nonfinite_loss(self, context: Context) -> None:
        """Look for the guilty operation."""
        assert self._evidence is not None
        self._recorder.close()
        self._open.close()
        self._not_finite(float("nan") if context.loss is None else context.loss, context.inputs,
                         context.targets)  # fmt: skip

    def on_epoch_end(self, context: Context) -> None:
        """Say what is new."""
        self._judge()

    def on_train_end(self, context: Context) -> None:
        """Take everything off again."""
        self._end()

    # ── Around a loop of one's own ──────────────────────────────────────────────────────

    @contextmanager
    def watch(self, model: Any, loss: Any, optimizer: Any) -> Iterator[Doctor]:
        """Watch the training in the body, whatever its loop looks like.

        Args:
            model: The model; it is called as a whole.
            loss: The loss; one that is a module also tells the targets.
            optimizer: Makes the steps.

        Raises:
            OptionError: It is watching already.
        """
        self._begin(model, loss, optimizer)
        with ExitStack() as stack:
            stack.callback(self._end)
            stack.callback(model.register_forward_pre_hook(self._called, prepend=True).remove)
            stack.callback(model.register_forward_hook(self._answered).remove)
            if isinstance(loss, Module):
                stack.callback(loss.register_forward_hook(self._compared).remove)
            before = optimizer.register_step_pre_hook(lambda *_: self._before_step())
            after = optimizer.register_step_post_hook(lambda *_: self._stepped())
            stack.callback(before.remove)
            stack.callback(after.remove)
            stack.enter_context(observe(_Passes(self)))
            stack.enter_context(observe(self._recorder))
            yield self

    def _called(self, model: Any, inputs: tuple[Any, ...]) -> None:
        if not is_grad_enabled() or self._recorder.is_open:
            return
        self._outputs, self._targets, self._loss_now = None, None, None
        self._inputs = inputs[0] if len(inputs) == 1 else inputs
        if self._is_due():
            self._recorder.open(within_model=True)

    def _answered(self, model: Any, inputs: Any, output: Any) -> None:
        if is_grad_enabled():
            self._outputs = output

    def _compared(self, loss: Any, inputs: tuple[Any, ...], output: Any) -> None:
        if is_grad_enabled() and len(inputs) == 2 and inputs[0] is self._outputs:
            self._targets = inputs[1]
            self._remember(self._inputs, self._targets)

    def _stepped(self) -> None:
        self._after_step()
        self._has_stepped = True
        self._close_look(self._loss_now, self._outputs, self._targets)

    def passed(self, roots: Sequence[Node]) -> None:
        """A backward pass begins: is there anything left of the one before the last step?"""
        e = self._evidence
        assert e is not None
        if self._has_stepped:
            self._has_stepped = False
            e.left_gradients += any(
                p._grad is not None and bool(np.any(array_of(p.grad)))
                for p in e.parameters.values()
                if p.requires_grad
            )
        numbers = array_of(roots[0])
        if numbers.size == 1:
            self._loss_now = float(numbers.reshape(()))
            if not np.isfinite(self._loss_now) and self._targets is not None and not e.guilty:
                self._recorder.close()
                self._not_finite(self._loss_now, self._inputs, self._targets)

    # ── What both do ────────────────────────────────────────────────────────────────────

    def _begin(self, model: Any, loss: Any, optimizer: Any) -> None:
        if self._evidence is not None:
            raise OptionError("Doctor: it is watching already, expected one training at a time")
        check_model("Doctor", model)
        self._evidence = Evidence(model, optimizer)
        self._loss = loss
        self._recorder = Recorder(self._evidence)
        self._is_modal = bool(modes_matter(model))
        self._batches = 0
        self._seen: list[tuple[Any, Any]] = []
        self._said: set[tuple[str, str]] = set()
        self._weights: dict[str, NDArray[Any]] = {}
        self._trains = True
        self._has_stepped = False
        self._inputs = self._outputs = self._targets = self._loss_now = None
        self._modes = model.register_forward_pre_hook(self._note_mode)

    def _note_mode(self, model: Any, inputs: Any) -> None:
        if is_grad_enabled():
            self._trains = model.training
        elif model.training and self._is_modal and self._evidence is not None:
            self._evidence.measuring_in_train += 1

    def _is_due(self) -> bool:
        self._batches += 1
        return self._batches <= _FIRST or self._batches % self.every == 0

    def _remember(self, inputs: Any, targets: Any) -> None:
        assert self._evidence is not None
        if len(self._seen) < _KEPT:
            self._seen.append((inputs, targets))
        if array_of(targets).ndim:
            self._evidence.batch_sizes.append(len(array_of(targets)))

    def _before_step(self) -> None:
        e = self._evidence
        assert e is not None
        e.steps += 1
        e.training_in_eval += self._is_modal and not self._trains
        self._weights = weights_of(e) if self._recorder.is_open else {}

    def _after_step(self) -> None:
        assert self._evidence is not None
        if self._weights:
            note_updates(self._recorder.now, self._evidence, self._weights)
            self._weights = {}

    def _close_look(self, loss: float | None, outputs: Any, targets: Any) -> None:
        e = self._evidence
        assert e is not None
        if loss is not None:
            e.trial.append(loss)
        if not self._recorder.is_open:
            return
        self._recorder.weigh()
        now = self._recorder.now
        self._recorder.close()
        self._open.close()
        now.loss = np.nan if loss is None else loss
        if isinstance(outputs, Tensor):
            e.outputs = array_of(outputs).copy()
            if targets is not None and np.isfinite(now.loss):
                with untouched(self._loss):
                    now.shuffled = shuffled_loss(self._loss, outputs, targets)
                    e.kind = e.kind or kind_of_loss(self._loss, outputs, targets)
        e.passes.append(now)

    def _not_finite(self, number: float, inputs: Any, targets: Any) -> None:
        e = self._evidence
        assert e is not None
        with untouched(e.model, self._loss), np.errstate(all="ignore"):
            e.guilty = guilty_of(e.model, self._loss, inputs, targets)
        e.passes.append(type(self._recorder.now)(loss=number))
        self._judge()

    def _judge(self) -> None:
        e = self._evidence
        assert e is not None
        if not any(isinstance(x, (tuple, dict)) for x, _ in self._seen):
            e.inputs = together([x for x, _ in self._seen])
        e.targets = together([t for _, t in self._seen])
        self.report = judged(e)
        for finding in self.report:
            key = finding.name, finding.where
            if key not in self._said and self._say is not None:
                self._say(finding)
            self._said.add(key)

    def _end(self) -> None:
        if self._evidence is None:
            return
        self._recorder.close()
        self._open.close()
        self._modes.remove()
        try:
            self._judge()
        finally:
            self._evidence = None


class _Passes(Observer):
    """Tells the doctor of each backward pass."""

    def __init__(self, doctor: Doctor) -> None:
        self._doctor = doctor

    def begin(self, roots: Sequence[Node]) -> None:
        """A pass begins."""
        self._doctor.passed(roots)
