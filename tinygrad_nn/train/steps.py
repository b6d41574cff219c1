"""`Steps`: what is done with a batch: forth, back, and every so often an adjustment."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from math import isfinite
from time import perf_counter
from typing import Any, Final

import numpy as np

from tinygrad_nn.core.anomaly import detect_anomaly as watching
from tinygrad_nn.core.node import Node
from tinygrad_nn.data.arguments import real_number
from tinygrad_nn.errors import AnomalyError, DataError, OptionError, ShapeError
from tinygrad_nn.nn.utils import clip_grad_norm_, clip_grad_value_
from tinygrad_nn.optim import LBFGS
from tinygrad_nn.train.batches import answer
from tinygrad_nn.train.callbacks.base import Hooks
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.precision import float16

__all__ = ["Steps"]

_LEAST_SCALE: Final = 2.0**-14


class Steps:
    """The inner loop of `fit`.

    Gradients of a group of batches are summed, each times its share of the first one's examples,
    and at last divided by what the shares sum up to. So nothing need be known of batches to come,
    and batches of one size are multiplied by exactly 1.

    Args:
        context: The training.
        hooks: Of its callbacks.
        accumulate: Batches for each step.
        clip_norm: Greatest norm of the gradient, or None.
        clip_value: Greatest magnitude of a number of it, or None.
        count: Terms of the loss of a batch, given its targets.
        detect_anomaly: Whether to watch every operation.

    Attributes:
        pending: Batches since the last step.
        count: As given.
    """

    def __init__(
        self,
        context: Context,
        hooks: Hooks,
        *,
        accumulate: int,
        clip_norm: float | None,
        clip_value: float | None,
        count: Callable[[Any], Any] | None,
        detect_anomaly: bool,
    ) -> None:
        self._context, self._hooks = context, hooks
        self._accumulate, self.count = accumulate, count
        self._is_watching = detect_anomaly
        self._is_sum = getattr(context.loss_function, "reduction", None) == "sum"
        if clip_norm is not None and clip_value is not None:
            raise OptionError("fit: got clip_norm and clip_value, expected one of them")
        self._norm = None if clip_norm is None else real_number("clip_norm", clip_norm)
        self._value = None if clip_value is None else real_number("clip_value", clip_value)
        self._low = None if context.scaler is None else float16(context.model)
        self._taken: list[tuple[float, int]] = []
        self._start = perf_counter()
        closure = inspect.signature(context.optimizer.step).parameters.get("closure")
        # Such an optimiser measures the loss where it likes.
        is_required = closure is not None and closure.default is inspect.Parameter.empty
        self._needs_closure = is_required or isinstance(context.optimizer, LBFGS)
        if self._needs_closure and (accumulate > 1 or self._low is not None):
            raise OptionError(
                f"fit: {type(context.optimizer).__name__} computes the loss several times a step, "
                "expected accumulate=1 and precision='float32'; use larger batches"
            )

    @property
    def pending(self) -> int:
        """Batches since the last step."""
        return len(self._taken)

    def begin(self) -> None:
        """Begin an epoch or the rest of one."""
        self._taken.clear()
        self._start = perf_counter()

    def take(self, *, is_last: bool) -> None:
        """Learn from the batch in the context; adjust the parameters if its group is full."""
        # Overflow on the way to NaN is told by an error, not by NumPy's warnings.
        with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
            if self._needs_closure:
                self._adjust_by_closure()
                return
            self._derive()
            if self._taken:
                self._hooks("on_backward_end", self._context)
            if self._taken and (is_last or self.pending >= self._accumulate):
                self.finish()

    def finish(self) -> None:
        """Make the step of the batches since the last one, if there are any."""
        if not self._taken:
            return
        context, optimizer, scaler = self._context, self._context.optimizer, self._context.scaler
        self._average()
        if scaler is not None:
            scaler.unscale_(optimizer)
        self._clip()
        self._hooks("on_step_begin", context)
        if scaler is None:
            optimizer.step()
            self._commit(steps=1)
            return
        is_left_out = scaler.overflowed(optimizer)
        scaler.step(optimizer)
        scaler.update()
        if is_left_out and scaler.get_scale() < _LEAST_SCALE:
            raise self._anomaly(
                "gradients that overflow float16 whatever the loss is scaled by",
                "use precision='float32', or find the layer with detect_anomaly=True",
            )
        self._commit(steps=0 if is_left_out else 1)

    # ── Forth and back ──────────────────────────────────────────────────────────────────

    def _forward(self) -> Any:
        context = self._context
        low: AbstractContextManager[Any] = nullcontext() if self._low is None else self._low
        with low:
            context.outputs = answer(context.model, context.inputs)
        result = context.loss_function(context.outputs, context.targets)
        if not isinstance(result, Node) or getattr(result, "size", 1) != 1:
            shape = getattr(result, "shape", None)
            raise ShapeError(
                f"fit: got a loss of type {type(result).__name__}"
                + (f" and shape {shape}" if shape else "")
                + ", expected one number in a graph; end it with .mean(), or leave out "
                "reduction='none'"
            )
        return result

    def _derive(self) -> None:
        context = self._context
        with watching() if self._is_watching else nullcontext():
            result = self._forward()
            number = context.loss = float(result.item())
            if not isfinite(number):
                self._refuse(number)
                return
            terms = self._terms()
            if not self._taken:
                context.optimizer.zero_grad()
            first = self._taken[0][1] if self._taken else terms
            if terms != first and not self._is_sum:
                result = result * (terms / first)
            (result if context.scaler is None else context.scaler.scale(result)).backward()
        self._taken.append((number, terms))

    def _terms(self) -> int:
        targets = self._context.targets
        try:
            terms = int(len(targets) if self.count is None else self.count(targets))
        except TypeError as error:
            raise DataError(
                f"fit: got targets of type {type(targets).__name__}, which have no length; pass "
                "count=, a function of them that says over how many the loss is a mean"
            ) from error
        if terms < 1:
            raise DataError(
                f"fit: got {terms} terms in batch {self._context.batch} of epoch "
                f"{self._context.epoch}, expected at least 1; leave such batches out"
            )
        return terms

    def _average(self) -> None:
        first, total = self._taken[0][1], sum(terms for _, terms in self._taken)
        if self._is_sum or total == first:
            return
        for p in self._parameters():
            if p.grad is not None:
                p.grad = _payload(p.grad) * (first / total)

    def _clip(self) -> None:
        if self._norm is not None:
            norm = clip_grad_norm_(self._parameters(), self._norm)
            self._context.gradient_norm = float(norm.item())
        elif self._value is not None:
            clip_grad_value_(self._parameters(), self._value)

    def _parameters(self) -> list[Any]:
        return [p for group in self._context.optimizer.param_groups for p in group["params"]]

    def _adjust_by_closure(self) -> None:
        context, is_first = self._context, True

        def closure() -> Any:
            nonlocal is_first
            context.optimizer.zero_grad()
            with watching() if self._is_watching else nullcontext():
                result = self._forward()
                if is_first:
                    context.loss = float(result.item())
                    if not isfinite(context.loss):
                        raise self._diverged(context.loss)
                result.backward()
            self._clip()
            if is_first:
                is_first = False
                self._taken.append((float(result.item()), self._terms()))
                self._hooks("on_backward_end", context)
                self._hooks("on_step_begin", context)
            return result

        context.optimizer.step(closure)
        self._commit(steps=1)

    def _commit(self, steps: int) -> None:
        """Note the group in the history: model, optimiser and history agree from here on."""
        history = self._context.history
        for number, terms in self._taken:
            history.batches += 1
            history.examples += terms
            history.loss_sum += number if self._is_sum else number * terms
        self._taken.clear()
        # Now rather than at the end, since a callback may save the history.
        now = perf_counter()
        history.seconds += now - self._start
        self._start = now
        history.steps += steps
        if steps:
            self._hooks("on_step_end", self._context)

    # ── Numbers that are none ───────────────────────────────────────────────────────────

    def _refuse(self, number: float) -> None:
        """Tell the callbacks of a loss that is no number; raise unless one of them stops."""
        context = self._context
        self._taken.clear()
        context.optimizer.zero_grad()
        self._hooks("on_nonfinite_loss", context)
        if not context.is_stopping:
            raise self._diverged(number)

    def _diverged(self, number: float) -> AnomalyError:
        context = self._context
        for name, values in (("inputs", context.inputs), ("targets", context.targets)):
            if bad := _count_nonfinite(values):
                step = f"its {name} hold {bad} NaN or infinite numbers; clean the data"
                return self._anomaly(f"a loss of {number}", step)
        rate = context.lr
        step = f"lower the learning rate (now {rate:g})" if rate else "lower the learning rate"
        if self._low is not None:
            step += " or use precision='float32', since float16 ends at 65504"
        elif self._norm is None:
            step += ", pass clip_norm=1.0"
        if not self._is_watching:
            step += ", or pass detect_anomaly=True to be told which operation gave it"
        return self._anomaly(f"a loss of {number}", step)

    def _anomaly(self, got: str, step: str) -> AnomalyError:
        context = self._context
        return AnomalyError(
            f"fit: got {got} at batch {context.batch} of epoch {context.epoch}, expected a finite "
            f"number; {step}"
        )


def _payload(gradient: Any) -> Any:
    return gradient._data if isinstance(gradient, Node) else gradient


def _count_nonfinite(values: Any) -> int:
    if isinstance(values, (tuple, list)):
        return sum(map(_count_nonfinite, values))
    array = values.numpy() if isinstance(values, Node) and hasattr(values, "numpy") else values
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        return 0
    return int(array.size - np.isfinite(array).sum())
