"""Schedules that go one way: constant pieces, lines, powers, and functions of the user's."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable
from operator import index
from typing import Any, ClassVar

from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.optim.limits import COUNT, FINITE, Limit, where_true
from tinygrad_nn.optim.lr_scheduler.base import LRScheduler
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = [
    "ConstantLR",
    "ExponentialLR",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "PolynomialLR",
    "StepLR",
]

_SHARE = where_true(lambda x: 0 <= x <= 1, "a number in [0, 1]")
_POSITIVE = Limit(lambda x: COUNT.holds(x) and x > 0, "an integer of at least 1")
_Factor = Callable[[int], float]


class _Lambdas(LRScheduler):
    """What schedules by functions of the epoch share."""

    functions = ("lr_lambdas",)

    def __init__(
        self, optimizer: Optimizer, lr_lambda: _Factor | list[_Factor], last_epoch: int = -1
    ) -> None:
        self.attach(optimizer)
        self.lr_lambdas = self.per_group("lr_lambda", lr_lambda)
        for function in self.lr_lambdas:
            if not callable(function):
                raise OperandError(
                    f"{type(self).__name__}: got lr_lambda={function!r:.60}, expected a function "
                    "of the epoch, or a list of one for each group"
                )
        super().__init__(optimizer, last_epoch)


class LambdaLR(_Lambdas):
    """Rate of the start times `lr_lambda(epoch)`.

    Args:
        optimizer: Optimiser whose rates are set.
        lr_lambda: Function of the epoch, or one for each group.
        last_epoch: Number of the last epoch done.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import optim
        >>> w = tg.Value(1.0)
        >>> optimizer = optim.SGD([w], lr=0.5)
        >>> scheduler = optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> (w * w).backward()
        >>> optimizer.step()
        >>> scheduler.step()
        >>> scheduler.get_last_lr()
        [0.25]
    """

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]


class MultiplicativeLR(_Lambdas):
    """The last rate times `lr_lambda(epoch)`.

    Args:
        optimizer: Optimiser whose rates are set.
        lr_lambda: Function of the epoch, or one for each group.
        last_epoch: Number of the last epoch done.
    """

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        if self._is_initial:
            return self.rates()
        pairs = zip(self.rates(), self.lr_lambdas, strict=True)
        return [rate * function(self.last_epoch) for rate, function in pairs]


class StepLR(LRScheduler):
    """Times γ every `step_size` epochs.

    Args:
        optimizer: Optimiser whose rates are set.
        step_size: Epochs between two changes, at least 1.
        gamma: γ.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {"step_size": _POSITIVE, "gamma": FINITE}

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        self.step_size, self.gamma = step_size, gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        changes = self.last_epoch != 0 and self.last_epoch % self.step_size == 0
        return self.scaled(self.gamma) if changes else self.rates()

    def closed_form(self) -> list[float]:
        """Rate of the start times γ^⌊epoch / step_size⌋."""
        return self.based(self.gamma ** (self.last_epoch // self.step_size))


class MultiStepLR(LRScheduler):
    """Times γ at each milestone.

    Args:
        optimizer: Optimiser whose rates are set.
        milestones: Epochs; one that comes twice counts twice.
        gamma: γ.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {"gamma": FINITE}

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        try:
            self.milestones = Counter(map(index, milestones))
        except TypeError as error:
            raise OptionError(
                f"MultiStepLR: got milestones={milestones!r:.60}, expected a list of integers"
            ) from error
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        times = self.milestones[self.last_epoch]
        return self.scaled(self.gamma**times) if times else self.rates()

    def closed_form(self) -> list[float]:
        """Rate of the start times γ for each milestone passed."""
        passed = bisect_right(sorted(self.milestones.elements()), self.last_epoch)
        return self.based(self.gamma**passed)

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where the scheduler that gave the state stood."""
        super().load_state_dict(state_dict)
        self.milestones = Counter(self.milestones)


class ConstantLR(LRScheduler):
    """Times `factor` for the first `total_iters` epochs.

    Args:
        optimizer: Optimiser whose rates are set.
        factor: In [0, 1]; 0 cannot be undone by division, so it lasts.
        total_iters: Epochs, at least 0.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {"factor": _SHARE, "total_iters": COUNT}

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1.0 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.factor, self.total_iters = factor, total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        if self.last_epoch == 0:
            return self.scaled(self.factor)
        if self.last_epoch != self.total_iters:
            return self.rates()
        # PyTorch divides by zero here; nothing tells what the rate was, but the start.
        return self.scaled(1 / self.factor) if self.factor else list(self.base_lrs)

    def closed_form(self) -> list[float]:
        """Rate of the start, times `factor` before `total_iters`."""
        is_over = self.last_epoch >= self.total_iters
        return self.based(self.factor + is_over * (1 - self.factor))


class LinearLR(LRScheduler):
    """A line from `start_factor` to `end_factor` over `total_iters` epochs.

    Args:
        optimizer: Optimiser whose rates are set.
        start_factor: In (0, 1].
        end_factor: In [0, 1].
        total_iters: Epochs, at least 1.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {
        "start_factor": where_true(lambda x: 0 < x <= 1, "a number in (0, 1]"),
        "end_factor": _SHARE,
        "total_iters": _POSITIVE,
    }

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1.0 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        self.start_factor, self.end_factor = start_factor, end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`: the last ones times the line's growth."""
        if self.last_epoch == 0:
            return self.scaled(self.start_factor)
        if self._is_initial or self.last_epoch > self.total_iters:
            return self.rates()
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return self.scaled(1 + rise / before)

    def closed_form(self) -> list[float]:
        """Rate of the start times the line."""
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        return self.based(self.start_factor + (self.end_factor - self.start_factor) * done)


class ExponentialLR(LRScheduler):
    """Times γ every epoch.

    Args:
        optimizer: Optimiser whose rates are set.
        gamma: γ.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {"gamma": FINITE}

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`."""
        return self.rates() if self._is_initial else self.scaled(self.gamma)

    def closed_form(self) -> list[float]:
        """Rate of the start times γ^epoch."""
        return self.based(self.gamma**self.last_epoch)


class PolynomialLR(LRScheduler):
    """Rate of the start times (1 − epoch / total_iters)^power, then 0.

    Args:
        optimizer: Optimiser whose rates are set.
        total_iters: Epochs, at least 1.
        power: Power, at least 0.
        last_epoch: Number of the last epoch done.
    """

    limits: ClassVar = {
        "total_iters": _POSITIVE,
        "power": where_true(lambda x: x >= 0, "a number of at least 0"),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        total_iters: int = 5,
        power: float = 1.0,
        last_epoch: int = -1,
    ) -> None:
        self.total_iters, self.power = total_iters, power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`: the last ones times the quotient of two epochs."""
        if self._is_initial or self.last_epoch > self.total_iters:
            return self.rates()
        now, before = (1 - epoch / self.total_iters for epoch in self._two())
        return self.scaled((now / before) ** self.power)

    def _two(self) -> tuple[int, int]:
        return self.last_epoch, self.last_epoch - 1

    def closed_form(self) -> list[float]:
        """Rate of the start times (1 − epoch / total_iters)^power."""
        left = 1 - min(self.total_iters, self.last_epoch) / self.total_iters
        return self.based(left**self.power)
