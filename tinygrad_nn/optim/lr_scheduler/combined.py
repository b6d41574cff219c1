"""Schedules made of schedules: one after another, or all at once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OperandError, OptionError, StateError
from tinygrad_nn.optim.lr_scheduler.base import AFTERWARDS, LRScheduler
from tinygrad_nn.optim.lr_scheduler.plateau import ReduceLROnPlateau
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["ChainedScheduler", "SequentialLR"]


class _Combined(LRScheduler):
    """What schedules made of schedules share."""

    _schedulers: list[LRScheduler]

    def _take(self, optimizer: Any, schedulers: Any) -> None:
        name = type(self).__name__
        self.attach(optimizer)
        for i, scheduler in enumerate(schedulers):
            if not isinstance(scheduler, LRScheduler):
                raise OperandError(
                    f"{name}: got {type(scheduler).__name__} at position {i}, expected a scheduler"
                )
            if isinstance(scheduler, ReduceLROnPlateau):
                raise OptionError(
                    f"{name}: got ReduceLROnPlateau at position {i}, whose step needs a number, "
                    "expected other schedulers; call its step(loss) besides"
                )
            if scheduler.optimizer is not optimizer:
                raise OptionError(
                    f"{name}: the scheduler at position {i} belongs to another optimiser, expected "
                    "the same one for all"
                )
        self._schedulers = list(schedulers)

    def _initial_step(self) -> None:
        # Steps of schedulers within are none of the user's, whose order could be wrong.
        called = self.optimizer._opt_called
        self.optimizer._opt_called = True
        try:
            super()._initial_step()
        finally:
            self.optimizer._opt_called = called

    def _own(self) -> dict[str, Any]:
        return {k: v for k, v in super()._own().items() if k != "_schedulers"}

    def state_dict(self) -> dict[str, Any]:
        """Copy of what later rates depend on, with the states of all schedulers."""
        return {**super().state_dict(), "_schedulers": [s.state_dict() for s in self._schedulers]}

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where the schedulers that gave the state stood.

        Raises:
            StateError: Names or the number of schedulers differ; nothing is loaded then.
        """
        name = type(self).__name__
        states = state_dict.get("_schedulers") if isinstance(state_dict, Mapping) else None
        if not isinstance(states, (list, tuple)) or len(states) != len(self._schedulers):
            raise StateError(
                f"{name}.load_state_dict: expected the states of {len(self._schedulers)} "
                "schedulers under '_schedulers', as state_dict() returns them"
            )
        before = self.state_dict()
        try:
            for scheduler, state in zip(self._schedulers, states, strict=True):
                scheduler.load_state_dict(state)
            super().load_state_dict({k: v for k, v in state_dict.items() if k != "_schedulers"})
        except StateError:
            for scheduler, state in zip(self._schedulers, before["_schedulers"], strict=True):
                scheduler.load_state_dict(state)
            raise


class SequentialLR(_Combined):
    """One scheduler after another: the next takes over at each milestone, from its epoch 0.

    Args:
        optimizer: Optimiser whose rates are set.
        schedulers: Schedulers of that optimiser, in order.
        milestones: Epochs of the changes, one less than schedulers.
        last_epoch: Number of the last epoch done.

    Raises:
        OptionError: Schedulers and milestones do not fit together.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        schedulers: list[LRScheduler],
        milestones: list[int],
        last_epoch: int = -1,
    ) -> None:
        self._take(optimizer, schedulers)
        if not schedulers or len(milestones) != len(schedulers) - 1:
            raise OptionError(
                f"SequentialLR: got {len(schedulers)} schedulers and {len(milestones)} milestones, "
                "expected one milestone between each two schedulers"
            )
        self._milestones = milestones
        self.last_epoch = last_epoch + 1
        # Each scheduler has set its first rate when it was made: that is undone.
        for group in optimizer.param_groups:
            group["lr"] = group["initial_lr"]
        _undo(self)
        first = self._schedulers[bisect_right(milestones, 0)]
        first._initial_step()
        self._last_lr = first.get_last_lr()

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch."""
        refuse_captured(f"{type(self).__name__}.step", AFTERWARDS)
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        self.last_epoch = self.last_epoch + 1 if epoch is None else int(epoch)
        place = bisect_right(self._milestones, self.last_epoch)
        scheduler = self._schedulers[place]
        begins = place > 0 and self._milestones[place - 1] == self.last_epoch
        if begins or epoch == 0:
            scheduler._update_lr(0)
        else:
            scheduler.step()
        self._last_lr = scheduler.get_last_lr()


class ChainedScheduler(_Combined):
    """Several schedulers at once: each changes the rate that the one before it left.

    Args:
        schedulers: Schedulers of one optimiser.
        optimizer: The optimiser; None for that of the first scheduler.

    Raises:
        OptionError: There is no scheduler, or one belongs to another optimiser.
    """

    def __init__(
        self, schedulers: Sequence[LRScheduler], optimizer: Optimizer | None = None
    ) -> None:
        if not schedulers:
            raise OptionError("ChainedScheduler: got no scheduler, expected at least one")
        first = getattr(schedulers[0], "optimizer", None)
        self._take(first if optimizer is None else optimizer, schedulers)
        self._last_lr = self.rates()

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch."""
        refuse_captured(f"{type(self).__name__}.step", AFTERWARDS)
        for scheduler in self._schedulers:
            scheduler.step()
        self._last_lr = self.rates()

    def _update_lr(self, epoch: float | None = None) -> None:
        # What SequentialLR calls when the chain's turn comes.
        for scheduler in self._schedulers:
            scheduler._update_lr(epoch)
        self._last_lr = self.rates()


def _undo(scheduler: LRScheduler) -> None:
    """Take the first epoch back from a scheduler and all within it."""
    if isinstance(scheduler, _Combined):
        for part in scheduler._schedulers:
            _undo(part)
    else:
        scheduler.last_epoch -= 1
