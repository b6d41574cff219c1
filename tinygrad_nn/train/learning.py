"""`Learning`: the epochs of a training, and how it ends."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tinygrad_nn.errors import DataError
from tinygrad_nn.train.batches import Stream, pair
from tinygrad_nn.train.callbacks.base import Hooks
from tinygrad_nn.train.callbacks.measuring import Metrics, as_numbers
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.evaluation import measured
from tinygrad_nn.train.keyboard import Keyboard
from tinygrad_nn.train.modes import modes_kept
from tinygrad_nn.train.steps import Steps

__all__ = ["Learning"]


class Learning:
    """The outer loop of `fit`: epochs, validation, and the end.

    Args:
        context: The training.
        hooks: Of its callbacks.
        steps: What is done with a batch.
    """

    def __init__(self, context: Context, hooks: Hooks, steps: Steps) -> None:
        self._context, self._hooks, self._steps = context, hooks, steps
        self._stream = Stream(context.loader)
        self._keyboard = Keyboard()
        context.batches = self._stream.length

    def run(self) -> None:
        """Train to the end, or until something stops it."""
        context = self._context
        context.history.stopped = ""
        with modes_kept(context.model), self._keyboard:
            if not context.model.training:
                context.model.train()
            try:
                self._hooks("on_train_begin", context)
                self._epochs()
                self._check_keyboard()
            except BaseException as error:
                context.error = error
                context.history.stopped = str(error) or type(error).__name__
                raise
            finally:
                # Even an error leaves the data where the model is.
                self._stream.rewind(context.history.batches)
                self._hooks("on_train_end", context)

    def _epochs(self) -> None:
        context, history = self._context, self._context.history
        while len(history.epochs) < context.epochs and not self._is_to_stop:
            context.epoch, context.scores = len(history.epochs) + 1, {}
            self._hooks("on_epoch_begin", context)
            # An epoch may have been stopped, or saved, behind its last batch: it is whole then.
            if not self._stream.is_over(history.batches) and not self._learn():
                break
            self._close()

    def _learn(self) -> bool:
        """Learn from the batches of an epoch, or from the rest; return whether it is whole."""
        context, history, steps = self._context, self._context.history, self._steps
        steps.begin()
        for batch in self._stream.begin(history.batches):
            inputs, targets = pair("fit", batch)
            done = history.batches + steps.pending + 1
            context.batch, context.inputs, context.targets = done, inputs, targets
            self._hooks("on_batch_begin", context)
            steps.take(is_last=self._stream.is_over(done))
            self._hooks("on_batch_end", context)
            if self._is_to_stop and not steps.pending:
                return self._stream.is_over(history.batches)
        # Where the length of an epoch is unknown, its last group may not be full.
        steps.finish()
        if not history.examples:
            raise DataError(
                f"fit: got no batch in epoch {context.epoch}, expected at least 1; pass data that "
                "begin anew in every epoch, such as a list or a DataLoader"
            )
        return True

    def _close(self) -> None:
        """Measure, and put the epoch into the history."""
        context = self._context
        if context.validation is not None:
            self._hooks("on_validation_begin", context)
            found = measured(
                context.model,
                self._awaited(context.validation),
                context.loss_function,
                {n: m for c in context.callbacks if isinstance(c, Metrics) for n, m in c.metrics},
                self._steps.count,
            )
            context.scores.update({f"val_{name}": number for name, number in found.items()})
            self._hooks("on_validation_end", context)
        self._hooks("on_measure", context)
        self._stream.end()
        rates = tuple(float(group.get("lr", 0.0)) for group in context.optimizer.param_groups)
        context.history.close_epoch(as_numbers(context.scores), rates)
        self._hooks("on_epoch_end", context)

    def _awaited(self, batches: Any) -> Iterator[Any]:
        for batch in batches:
            self._check_keyboard()
            yield batch

    @property
    def _is_to_stop(self) -> bool:
        return self._context.is_stopping or self._keyboard.is_pressed

    def _check_keyboard(self) -> None:
        if self._keyboard.is_pressed:
            history = self._context.history
            raise KeyboardInterrupt(
                f"interrupted after {len(history.epochs)} epochs and {history.batches} batches; "
                "call fit again with the same history= to go on"
            )
