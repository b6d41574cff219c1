"""A schedule that waits until a number gets no better."""

from __future__ import annotations

from math import inf
from typing import Any, ClassVar

from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import AT_LEAST_ZERO, COUNT, FINITE, check_limits, one_of, where_true
from tinygrad_nn.optim.lr_scheduler.base import AFTERWARDS, LRScheduler
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["ReduceLROnPlateau"]


class ReduceLROnPlateau(LRScheduler):
    """Times `factor` when a number has not become better for more than `patience` epochs.

    Args:
        optimizer: Optimiser whose rates are set.
        mode: "min" if smaller is better, or "max".
        factor: Below 1.
        patience: Epochs without progress that are let pass.
        threshold: Least progress that counts.
        threshold_mode: Whether that is a share of the best ("rel") or a difference ("abs").
        cooldown: Epochs after a change in which nothing is counted.
        min_lr: Least rate, or one for each group.
        eps: Least change of a rate; smaller ones are left out.

    Raises:
        OptionError: An option is out of range.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import optim
        >>> optimizer = optim.SGD([tg.Value(1.0)], lr=0.5)
        >>> scheduler = optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.5, patience=1)
        >>> for loss in (3.0, 2.0, 2.0, 2.0):
        ...     scheduler.step(loss)
        >>> scheduler.get_last_lr()
        [0.25]
    """

    limits: ClassVar = {
        "mode": one_of("min", "max"),
        "factor": where_true(lambda x: x < 1, "a number below 1"),
        "patience": COUNT,
        "threshold": FINITE,
        "threshold_mode": one_of("rel", "abs"),
        "cooldown": COUNT,
        "eps": AT_LEAST_ZERO,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: list[float] | float = 0,
        eps: float = 1e-8,
    ) -> None:
        self.attach(optimizer)
        self.factor, self.patience, self.cooldown, self.eps = factor, patience, cooldown, eps
        self.mode, self.threshold, self.threshold_mode = mode, threshold, threshold_mode
        check_limits(type(self).__name__, vars(self), self.limits)
        self.min_lrs = self.per_group("min_lr", min_lr)
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        self.mode_worse = inf if mode == "min" else -inf
        self.last_epoch = 0
        self._last_lr = self.rates()
        self._reset()

    def _reset(self) -> None:
        self.best = self.mode_worse
        self.cooldown_counter = self.num_bad_epochs = 0

    @property
    def in_cooldown(self) -> bool:
        """Whether epochs are not counted now."""
        return self.cooldown_counter > 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the number of an epoch, and lower the rates if it is time."""
        refuse_captured(f"{type(self).__name__}.step", AFTERWARDS)
        current = float(metrics)
        self.last_epoch = self.last_epoch + 1 if epoch is None else epoch
        if self._is_better(current, self.best):
            self.best, self.num_bad_epochs = current, 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce()
            self.cooldown_counter, self.num_bad_epochs = self.cooldown, 0
        self._last_lr = self.rates()

    def _is_better(self, a: float, best: float) -> bool:
        sign = 1 if self.mode == "max" else -1
        if self.threshold_mode == "rel":
            goal = best * (1 + sign * self.threshold)
        else:
            goal = best + sign * self.threshold
        return a > goal if sign > 0 else a < goal

    def _reduce(self) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise OptionError(
                    f"ReduceLROnPlateau: the optimiser has {len(groups)} groups of parameters, but "
                    f"there are {len(self.min_lrs)} least rates; set scheduler.min_lrs"
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for group, least in zip(groups, self.min_lrs, strict=True):
            old = float(group["lr"])
            new = max(old * self.factor, least)
            if old - new > self.eps:
                group["lr"] = new

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where the scheduler that gave the state stood."""
        super().load_state_dict(state_dict)
        self.mode_worse = inf if self.mode == "min" else -inf
