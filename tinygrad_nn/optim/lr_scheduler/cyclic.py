"""Schedules that raise the rate and lower it again, and the momentum against it."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, floor, pi
from typing import Any, ClassVar

from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim.limits import COUNT, FINITE, Limit, one_of, where_true
from tinygrad_nn.optim.lr_scheduler.base import LRScheduler
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["CyclicLR", "OneCycleLR"]

_POSITIVE = Limit(lambda x: COUNT.holds(x) and x > 0, "an integer of at least 1")
_SHARE = where_true(lambda x: 0 <= x <= 1, "a number in [0, 1]")
_ABOVE_ZERO = where_true(lambda x: x > 0, "a number above 0")


class _Momenta(LRScheduler):
    """What schedules share that move the momentum, or Adam's β₁, too."""

    cycle_momentum: bool
    use_beta1: bool

    def _begin_momentum(self, least: Any, most: Any, is_new: bool) -> tuple[list[Any], list[Any]]:
        """Least and largest momentum of each group; a new schedule begins at the largest."""
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise OptionError(
                f"{type(self).__name__}: {self.optimizer.name} has neither momentum nor betas, "
                "expected one of them; pass cycle_momentum=False"
            )
        self.use_beta1 = "betas" in defaults
        lows = self.per_group("base_momentum", least)
        highs = self.per_group("max_momentum", most)
        if is_new:
            for group, low, high in zip(self.optimizer.param_groups, lows, highs, strict=True):
                self._set_momentum(group, high)
                group["max_momentum"], group["base_momentum"] = high, low
        return lows, highs

    def _set_momentum(self, group: dict[str, Any], momentum: float) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_Momenta):
    """Up and down between two rates, and the momentum down and up; a step is a batch.

    Args:
        optimizer: Optimiser whose rates are set.
        base_lr: Least rate, or one for each group.
        max_lr: Largest rate, or one for each group.
        step_size_up: Steps of the way up.
        step_size_down: Steps of the way down; None for as many.
        mode: "triangular": always as high; "triangular2": half as high each cycle;
            "exp_range": γ^step as high.
        gamma: γ.
        scale_fn: Height, a function of the cycle's number from 1 (or of the step); overrides mode.
        scale_mode: What scale_fn is of: "cycle" or "iterations".
        cycle_momentum: Move the momentum, or β₁, too.
        base_momentum: Least momentum, or one for each group.
        max_momentum: Largest momentum, or one for each group.
        last_epoch: Number of the last step done.

    Raises:
        OptionError: An option is out of range, or the optimiser has no momentum.

    Source:
        Smith 2017.
    """

    functions = ("_scale_fn_custom",)
    limits: ClassVar = {
        "total_size": _ABOVE_ZERO,
        "step_ratio": where_true(lambda x: 0 < x <= 1, "steps up and down of at least 1 and 0"),
        "gamma": FINITE,
        "scale_mode": one_of("cycle", "iterations"),
    }

    def __init__(
        self,
        optimizer: Optimizer,
        base_lr: float | list[float],
        max_lr: float | list[float],
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Callable[[float], float] | None = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: float = 0.8,
        max_momentum: float = 0.9,
        last_epoch: int = -1,
    ) -> None:
        self.attach(optimizer)
        base_lrs = self.per_group("base_lr", base_lr)
        self.max_lrs = self.per_group("max_lr", max_lr)
        up, down = step_size_up, step_size_up if step_size_down is None else step_size_down
        if not (COUNT.holds(up) or FINITE.holds(up)) or not FINITE.holds(down) or up + down <= 0:
            raise OptionError(
                f"CyclicLR: got step_size_up={step_size_up!r} and step_size_down="
                f"{step_size_down!r}, expected numbers of steps"
            )
        self.total_size = float(up) + float(down)
        self.step_ratio = up / self.total_size
        if scale_fn is None and mode not in ("triangular", "triangular2", "exp_range"):
            raise OptionError(
                f"CyclicLR: got mode={mode!r}, expected 'triangular', 'triangular2' or "
                "'exp_range', or a scale_fn"
            )
        self.mode, self.gamma, self._scale_fn_custom = mode, gamma, scale_fn
        by_mode = "iterations" if mode == "exp_range" else "cycle"
        self.scale_mode = by_mode if scale_fn is None else scale_mode
        if last_epoch == -1:
            for group, rate in zip(optimizer.param_groups, base_lrs, strict=True):
                group["lr"] = rate
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.base_momentums, self.max_momentums = self._begin_momentum(
                base_momentum, max_momentum, last_epoch == -1
            )
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def scale_fn(self, x: float) -> float:
        """Height of the way up, from the number of the cycle or step."""
        if self._scale_fn_custom is not None:
            return self._scale_fn_custom(x)
        if self.mode == "triangular2":
            return float(0.5 ** (x - 1))
        return float(self.gamma**x) if self.mode == "exp_range" else 1.0

    def get_lr(self) -> list[float]:
        """Rates of step `last_epoch`; the momenta are set on the way."""
        cycle = floor(1 + self.last_epoch / self.total_size)
        x = 1 + self.last_epoch / self.total_size - cycle
        ratio = self.step_ratio
        height = x / ratio if x <= ratio else (x - 1) / (ratio - 1)
        scale = self.scale_fn(cycle if self.scale_mode == "cycle" else self.last_epoch)
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            for group, low, high in zip(
                groups, self.base_momentums, self.max_momentums, strict=True
            ):
                self._set_momentum(group, high - (high - low) * height * scale)
        pairs = zip(self.base_lrs, self.max_lrs, strict=True)
        return [low + (high - low) * height * scale for low, high in pairs]


class OneCycleLR(_Momenta):
    """One way up to the largest rate and a longer one down to almost nothing; a step is a batch.

    Args:
        optimizer: Optimiser whose rates are set.
        max_lr: Largest rate, or one for each group.
        total_steps: Steps of the whole training; or give the next two.
        epochs: Epochs of the training.
        steps_per_epoch: Steps of an epoch.
        pct_start: Share of the steps on the way up, in [0, 1].
        anneal_strategy: "cos" or "linear".
        cycle_momentum: Move the momentum, or β₁, against the rate.
        base_momentum: Least momentum, or one for each group.
        max_momentum: Largest momentum, or one for each group.
        div_factor: Largest rate over the first one.
        final_div_factor: First rate over the last one.
        three_phase: Down to the first rate as quickly as up, then on.
        last_epoch: Number of the last step done.

    Raises:
        OptionError: An option is out of range, the optimiser has no momentum, or there are more
            steps than were announced.

    Source:
        Smith and Topin 2019.
    """

    limits: ClassVar = {"total_steps": _POSITIVE, "_anneal_func_type": one_of("cos", "linear")}

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        self.attach(optimizer)
        for name, given, limit in (
            ("total_steps", total_steps, _POSITIVE),
            ("epochs", epochs, _POSITIVE),
            ("steps_per_epoch", steps_per_epoch, _POSITIVE),
            ("pct_start", pct_start, _SHARE),
            ("div_factor", div_factor, _ABOVE_ZERO),
            ("final_div_factor", final_div_factor, _ABOVE_ZERO),
            ("anneal_strategy", anneal_strategy, one_of("cos", "linear")),
        ):
            if given is not None and not limit.holds(given):
                raise OptionError(f"OneCycleLR: got {name}={given!r}, expected {limit.expected}")
        if total_steps is not None:
            self.total_steps = total_steps
        elif epochs is not None and steps_per_epoch is not None:
            self.total_steps = epochs * steps_per_epoch
        else:
            raise OptionError(
                f"OneCycleLR: got total_steps=None, epochs={epochs!r} and steps_per_epoch="
                f"{steps_per_epoch!r}, expected total_steps, or both of the others"
            )
        self._schedule_phases = self._phases(float(pct_start), three_phase)
        self._anneal_func_type = anneal_strategy
        if last_epoch == -1:
            highs = self.per_group("max_lr", max_lr)
            for group, high in zip(optimizer.param_groups, highs, strict=True):
                first = high / div_factor
                group.update(initial_lr=first, max_lr=high, min_lr=first / final_div_factor)
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._begin_momentum(base_momentum, max_momentum, last_epoch == -1)
        super().__init__(optimizer, last_epoch)

    def _phases(self, share: float, three: bool) -> list[dict[str, Any]]:
        """Last step of each phase, and the names in a group between which it goes."""
        up = share * self.total_steps
        ways = [(up - 1, "initial_lr", "max_lr", "max_momentum", "base_momentum")]
        if three:
            ways += [
                (2 * up - 2, "max_lr", "initial_lr", "base_momentum", "max_momentum"),
                (self.total_steps - 1, "initial_lr", "min_lr", "max_momentum", "max_momentum"),
            ]
        else:
            ways += [(self.total_steps - 1, "max_lr", "min_lr", "base_momentum", "max_momentum")]
        keys = ("end_step", "start_lr", "end_lr", "start_momentum", "end_momentum")
        return [dict(zip(keys, way, strict=True)) for way in ways]

    def _between(self, start: float, end: float, share: float) -> float:
        if self._anneal_func_type == "linear":
            return (end - start) * share + start
        return end + (start - end) / 2 * (cos(pi * share) + 1)

    def get_lr(self) -> list[float]:
        """Rates of step `last_epoch`; the momenta are set on the way."""
        step = self.last_epoch
        if step > self.total_steps:
            raise OptionError(
                f"OneCycleLR.step: got step {step}, expected at most the {self.total_steps} "
                "announced; give total_steps for the whole training"
            )
        start = 0.0
        for phase in self._schedule_phases:
            end = phase["end_step"]
            if step <= end or phase is self._schedule_phases[-1]:
                break
            start = end
        share = (step - start) / (end - start) if end != start else 1.0
        rates = []
        for group in self.optimizer.param_groups:
            rates.append(self._between(group[phase["start_lr"]], group[phase["end_lr"]], share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._between(*ends, share))
        return rates
