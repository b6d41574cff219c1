"""Ending a training before its time: `EarlyStopping` and `TerminateOnNaN`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from tinygrad_nn.data.arguments import flag, real_number, whole_number
from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context

__all__ = ["Best", "EarlyStopping", "TerminateOnNaN"]

_LESS = ("loss", "error", "mae", "mse", "perplexity")
_MORE = ("accuracy", "auc", "f1", "precision", "recall", "r2", "score")


class Best:
    """The best number of one name so far.

    Args:
        monitor: "loss" or a score.
        mode: "min" if smaller is better, "max", or None to tell by the name.
        min_delta: Least progress that counts.

    Raises:
        OptionError: The mode is unknown, or cannot be told by the name.
    """

    def __init__(self, monitor: str, mode: str | None = None, min_delta: float = 0.0) -> None:
        if mode is None:
            words = monitor.lower().replace("-", "_").split("_")
            less, more = ((any(w in words for w in known)) for known in (_LESS, _MORE))
            if less == more:
                raise OptionError(
                    f"mode: cannot tell by the name {monitor!r} whether less is better; pass "
                    "mode='min' or mode='max'"
                )
            mode = "min" if less else "max"
        if mode not in ("min", "max"):
            raise OptionError(f"mode: got {mode!r}, expected 'min' or 'max'")
        self.monitor, self.mode = monitor, mode
        self.min_delta = real_number("min_delta", min_delta)
        self.value: float | None = None

    def take(self, number: float) -> bool:
        """Take a number in; return whether it is the best so far. NaN never is."""
        if math.isnan(number):
            return False
        if self.value is not None:
            gain = self.value - number if self.mode == "min" else number - self.value
            if not gain > self.min_delta:
                return False
        self.value = number
        return True


class EarlyStopping(Callback):
    """Stops when a number has not become better for more than `patience` epochs.

    Args:
        monitor: "val_loss", "loss", or a score such as "val_accuracy".
        patience: Epochs without progress that are let pass.
        min_delta: Least progress that counts.
        mode: "min" or "max"; by default told by the name.
        restore_best: Give the model the parameters and buffers of its best epoch at the end,
            however the training ended. The optimiser keeps its last state.

    Attributes:
        best_epoch: Number of the best epoch so far; 0 before.

    Raises:
        OptionError: An argument is out of range; while training: no number has that name.
    """

    def __init__(
        self,
        monitor: str = "val_loss",
        patience: int = 5,
        min_delta: float = 0.0,
        mode: str | None = None,
        restore_best: bool = True,
    ) -> None:
        self._best = Best(monitor, mode, min_delta)
        self.patience = whole_number("patience", patience, 0)
        self._restores = flag("restore_best", restore_best)
        self.best_epoch, self._waited = 0, 0
        self._state: dict[str, Any] | None = None

    @property
    def best(self) -> float | None:
        """The best number so far; None before."""
        return self._best.value

    def on_train_begin(self, context: Context) -> None:
        """Begin anew, unless a training is gone on with."""
        if not context.history.epochs:
            self._best.value, self.best_epoch, self._waited, self._state = None, 0, 0, None

    def on_epoch_end(self, context: Context) -> None:
        """Look at the number."""
        if self._best.take(context.value(self._best.monitor)):
            self.best_epoch, self._waited = context.epoch, 0
            if self._restores:
                self._state = context.model.state_dict()
            return
        self._waited += 1
        if self._waited > self.patience:
            context.stop(
                f"{self._best.monitor} has not become better since epoch {self.best_epoch}"
                if self.best_epoch
                else f"{self._best.monitor} was never a number"
            )

    def on_train_end(self, context: Context) -> None:
        """Restore the best epoch."""
        if self._state is not None:
            context.model.load_state_dict(self._state)

    def state_dict(self) -> dict[str, Any]:
        """The best so far, with the model of that epoch."""
        return {
            "best": self._best.value,
            "best_epoch": self.best_epoch,
            "waited": self._waited,
            "model": self._state,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on waiting."""
        self._best.value, self.best_epoch = state["best"], state["best_epoch"]
        self._waited, self._state = state["waited"], state["model"]


class TerminateOnNaN(Callback):
    """Ends the training quietly where the loss is NaN or infinite, instead of the error.

    Without it `fit` raises, which is the default. No step is made with such a loss, so the model
    is that of the step before; `history.stopped` tells.
    """

    def on_nonfinite_loss(self, context: Context) -> None:
        """Stop."""
        context.stop(f"the loss was {context.loss} at batch {context.batch} of {context.epoch}")
