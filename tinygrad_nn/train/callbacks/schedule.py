"""`Schedule`: a learning rate that changes while `fit` trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.lr_scheduler import (
    CyclicLR,
    LRScheduler,
    OneCycleLR,
    ReduceLROnPlateau,
)
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context

__all__ = ["Schedule"]


class Schedule(Callback):
    """Steps a scheduler of `optim.lr_scheduler` at the right moment.

    Args:
        scheduler: Of the optimiser that `fit` is given.
        per: "epoch" or "step"; by default "step" for `OneCycleLR` and `CyclicLR`, whose lengths
            are counted in steps, and "epoch" for all others.
        monitor: What a `ReduceLROnPlateau` looks at: "loss" or a score; by default "val_loss"
            where there are validation data, or else "loss".

    Raises:
        OptionError: `scheduler` is none, or is of another optimiser, or waits for a number that
            is known only behind an epoch.

    Example:
        >>> from tinygrad_nn import nn, optim, train
        >>> sgd = optim.SGD(nn.Linear(1, 1).parameters(), lr=0.1)
        >>> train.Schedule(optim.lr_scheduler.StepLR(sgd, 10)).per
        'epoch'
    """

    order: ClassVar[int] = -20

    def __init__(
        self, scheduler: LRScheduler, per: str | None = None, monitor: str | None = None
    ) -> None:
        if not isinstance(scheduler, LRScheduler):
            raise OptionError(
                f"scheduler: got {type(scheduler).__name__}, expected one of optim.lr_scheduler, "
                "such as StepLR(optimizer, 10)"
            )
        if per is None:
            per = "step" if isinstance(scheduler, (OneCycleLR, CyclicLR)) else "epoch"
        if per not in ("epoch", "step"):
            raise OptionError(f"per: got {per!r}, expected 'epoch' or 'step'")
        self.is_plateau = isinstance(scheduler, ReduceLROnPlateau)
        if self.is_plateau and per == "step":
            raise OptionError("per: got 'step' for ReduceLROnPlateau, expected 'epoch'")
        self.scheduler, self.per, self.monitor = scheduler, per, monitor

    def on_train_begin(self, context: Context) -> None:
        """Check that rates of this optimiser are set."""
        if self.scheduler.optimizer is not context.optimizer:
            raise OptionError(
                f"scheduler: got a {type(self.scheduler).__name__} of another optimiser, expected "
                "one of the optimiser that is given to fit; make it anew"
            )

    def on_step_end(self, context: Context) -> None:
        """Step, if that is per step."""
        if self.per == "step":
            self.scheduler.step()

    def on_epoch_end(self, context: Context) -> None:
        """Step, if that is per epoch."""
        if self.per != "epoch":
            return
        if self.is_plateau:
            default = "loss" if context.validation is None else "val_loss"
            scheduler: Any = self.scheduler
            scheduler.step(context.value(self.monitor or default))
        else:
            self.scheduler.step()

    def state_dict(self) -> dict[str, Any]:
        """That of the scheduler."""
        return {"scheduler": self.scheduler.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of the scheduler."""
        self.scheduler.load_state_dict(state["scheduler"])
