"""Schedules along half a cosine: once, or begun again and again."""

from __future__ import annotations

from math import cos, floor, log, pi
from typing import ClassVar

from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import COUNT, FINITE, Limit, where_true
from tinygrad_nn.optim.lr_scheduler.base import AFTERWARDS, LRScheduler
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["CosineAnnealingLR", "CosineAnnealingWarmRestarts"]

_POSITIVE = Limit(lambda x: COUNT.holds(x) and x > 0, "an integer of at least 1")


class CosineAnnealingLR(LRScheduler):
    """From the rate of the start to η over T_max epochs along half a cosine, and back again.

    η + (base − η) (1 + cos(π epoch / T_max)) / 2, computed from the last rate.

    Args:
        optimizer: Optimiser whose rates are set.
        T_max: Epochs of the way down.
        eta_min: η.
        last_epoch: Number of the last epoch done.

    Source:
        Loshchilov and Hutter 2017, without restarts.
    """

    limits: ClassVar = {
        "T_max": where_true(lambda x: x > 0, "a number above 0"),
        "eta_min": FINITE,
    }

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max, self.eta_min = T_max, eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        epoch, half, least = self.last_epoch, self.T_max, self.eta_min
        if self._is_initial:
            return self.rates()
        if self._step_count == 1 and epoch > 0:
            return self.closed_form()
        if (epoch - 1 - half) % (2 * half) == 0:
            # The quotient below would be 0 / 0 after the lowest point.
            rise = (1 - cos(pi / half)) / 2
            pairs = zip(self.rates(), self.base_lrs, strict=True)
            return [rate + (base - least) * rise for rate, base in pairs]
        quotient = (1 + cos(pi * epoch / half)) / (1 + cos(pi * (epoch - 1) / half))
        return [quotient * (rate - least) + least for rate in self.rates()]

    def closed_form(self) -> list[float]:
        """η + (base − η) (1 + cos(π epoch / T_max)) / 2."""
        share = (1 + cos(pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Half a cosine down to η, begun anew after T_0 epochs, then T_0 · T_mult, and so on.

    Args:
        optimizer: Optimiser whose rates are set.
        T_0: Epochs of the first way down, at least 1.
        T_mult: How many times longer each is than the one before, at least 1.
        eta_min: η.
        last_epoch: Number of the last epoch done.

    Source:
        Loshchilov and Hutter 2017.
    """

    limits: ClassVar = {"T_0": _POSITIVE, "T_mult": _POSITIVE, "eta_min": FINITE}

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        self.T_0, self.T_i, self.T_mult, self.eta_min = T_0, T_0, T_mult, eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates at `T_cur` epochs into a way of `T_i`."""
        share = 1 + cos(pi * self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * share / 2 for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`, which may lie between two.

        `scheduler.step(epoch + batch / batches)` after each batch gives a smooth curve.
        """
        refuse_captured(f"{type(self).__name__}.step", AFTERWARDS)
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        if epoch is None:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            self._enter(epoch)
        self.last_epoch = floor(epoch)
        self._set(self.get_lr())

    def _enter(self, epoch: float) -> None:
        """Find the way down that `epoch` lies in."""
        if not epoch >= 0:
            raise OptionError(
                f"CosineAnnealingWarmRestarts.step: got epoch={epoch!r}, expected at least 0"
            )
        first, times = self.T_0, self.T_mult
        if epoch < first:
            self.T_i, self.T_cur = first, epoch
        elif times == 1:
            self.T_cur = epoch % first
        else:
            n = int(log(epoch / first * (times - 1) + 1, times))
            self.T_cur = epoch - first * (times**n - 1) / (times - 1)
            self.T_i = first * times**n
