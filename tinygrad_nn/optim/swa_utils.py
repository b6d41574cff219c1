"""Averages of weights over the training: their formulas, and the schedule that goes with them.

`AveragedModel` and `update_bn` themselves are in `tinygrad_nn.train`, since a module of its own
must know `nn`, which optimisers do not.
"""

from __future__ import annotations

from collections.abc import Callable
from math import cos, pi
from typing import Any, ClassVar

from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import COUNT, check_limits, one_of, where_true
from tinygrad_nn.optim.lr_scheduler.base import LRScheduler
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = [
    "SWALR",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
]


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Any]:
    """Exponential mean: `f(mean, new, count)` is decay · mean + (1 − decay) · new.

    Args:
        decay: In [0, 1].
    """
    limit = where_true(lambda x: 0 <= x <= 1, "a number in [0, 1]")
    check_limits("get_ema_avg_fn", {"decay": decay}, {"decay": limit})
    return lambda mean, new, count: decay * mean + (1 - decay) * new


def get_swa_avg_fn() -> Callable[..., Any]:
    """Plain mean: `f(mean, new, count)` is mean + (new − mean) / (count + 1)."""
    return lambda mean, new, count: mean + (new - mean) / (count + 1)


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """As `get_ema_avg_fn`, for lists of tensors: `f(means, news, count)` writes the means."""
    return _each(get_ema_avg_fn(decay))


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """As `get_swa_avg_fn`, for lists of tensors: `f(means, news, count)` writes the means."""
    return _each(get_swa_avg_fn())


def _each(average: Callable[..., Any]) -> Callable[..., None]:
    def update(means: Any, news: Any, count: Any) -> None:
        refuse_captured("an average of weights", "call it after the captured step")
        number = int(count)
        for mean, new in zip(means, news, strict=True):
            result = average(mean.detach(), new.detach(), number)
            mean.data = result.astype(mean.dtype).data if hasattr(mean, "dtype") else result.data

    return update


class SWALR(LRScheduler):
    """Goes to a constant rate over some epochs, for the epochs whose weights are averaged.

    Args:
        optimizer: Optimiser whose rates are set.
        swa_lr: The constant rate, or one for each group.
        anneal_epochs: Epochs of the way to it, at least 0.
        anneal_strategy: "cos" or "linear".
        last_epoch: Number of the last epoch done.

    Raises:
        OptionError: An option is out of range.

    Source:
        Izmailov et al. 2018.
    """

    limits: ClassVar = {"anneal_epochs": COUNT, "_anneal_strategy": one_of("cos", "linear")}

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        self.attach(optimizer)
        if anneal_strategy not in ("cos", "linear"):
            raise OptionError(
                f"SWALR: got anneal_strategy={anneal_strategy!r}, expected 'cos' or 'linear'"
            )
        rates = self.per_group("swa_lr", swa_lr)
        self._anneal_strategy, self.anneal_epochs = anneal_strategy, anneal_epochs
        for group, rate in zip(optimizer.param_groups, rates, strict=True):
            group["swa_lr"] = rate
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates a step further on the way; the way's start is found from where they are."""
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal, start = group["swa_lr"], group["swa_lr"]
            if before != 1:
                start = (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * now + start * (1 - now))
        return rates

    def _share(self, step: float) -> float:
        """Share of the way done after a step."""
        done = max(0.0, min(1.0, step / max(1, self.anneal_epochs)))
        return (1 - cos(pi * done)) / 2 if self._anneal_strategy == "cos" else done
