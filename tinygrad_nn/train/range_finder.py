"""`find_learning_rate`: a range of learning rates, from several rules, and how far to trust it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import exp, isfinite, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.batches import answer
from tinygrad_nn.train.order import check_loss
from tinygrad_nn.train.probing import batches_of, endless, made_optimizer, number_of
from tinygrad_nn.train.untouched import untouched

__all__ = ["RangeReport", "find_learning_rate"]

Numbers = NDArray[np.float64]

_DECAY: Final = 0.8
"""Of the running mean that ends a sweep: five steps, a third of a decade by default."""
_RISE: Final = 0.5
"""A loss this far above its first level, as a share of it, has diverged: noise stays below."""
_WINDOW: Final = 0.07
"""Width of the centred mean that the rules see, as a share of the steps: half a decade."""
_LEVEL: Final = 0.1
"""Share of the steps, at the smallest rates, whose mean is the level before learning."""
_FALL_MIN: Final = 0.02
"""A loss that fell by a smaller share never fell: the spread between batches is of this size."""
_NOISE_MAX: Final = 0.5
"""Noise above this share of the fall: where the minimum lies is then a matter of chance."""
_BEGINS: Final = 0.1
"""Share of the fall at which learning has visibly begun: the low end of the range."""
_RULES_MAX: Final = 30.0
"""The rules differ by 3 to 10 on clean curves, by construction; beyond this they contradict."""
_SEEDS_MAX: Final = 10.0
"""One rule may differ from seed to seed by a decade, the step in which rates are tried by hand."""
_SHORT: Final = 5
"""Sweeps that diverged within this many steps began too high."""
_MARGIN: Final = 3.0
"""The high end keeps this factor away from where the loss diverged."""


@dataclass(frozen=True)
class RangeReport:
    """What a sweep over learning rates found.

    Attributes:
        low, high: The range in which the loss falls; None if there is none.
        suggestion: A rate within; None if there is none.
        trust: Whether to rely on it.
        reason: Why not, or why, in words.
        doubt: Largest over smallest answer of all rules and seeds; 1 is agreement.
        rules: Name of each rule to its answer for each seed, None where it had none.
        rates: The learning rates that were tried, (steps,).
        losses: Loss at each, (seeds, steps); NaN behind the end of a sweep.
        smooth: The same smoothed, the median over the seeds, (steps,).
    """

    low: float | None
    high: float | None
    suggestion: float | None
    trust: bool
    reason: str
    doubt: float
    rules: Mapping[str, tuple[float | None, ...]]
    rates: Numbers = field(repr=False)
    losses: Numbers = field(repr=False)
    smooth: Numbers = field(repr=False)

    def plot(self, width: int = 60, height: int = 12) -> str:
        """The smoothed curve in characters: loss upwards, learning rate (log) to the right."""
        known = np.isfinite(self.smooth)
        if not known.any():
            return "no finite loss was seen"
        bottom, top = float(self.smooth[known].min()), float(self.smooth[known].max())
        # Behind the fall the loss explodes, and would leave nothing else to be seen.
        first = float(self.smooth[known][0])
        top = min(top, max(first + (first - bottom), first + _RISE * abs(first)))
        rows = [[" "] * width for _ in range(height)]
        for column in range(width):
            i = round(column * (len(self.rates) - 1) / max(width - 1, 1))
            if known[i]:
                share = min(1.0, (self.smooth[i] - bottom) / ((top - bottom) or 1.0))
                rows[height - 1 - round(share * (height - 1))][column] = "*"
        lines = [f"{top:10.4g} |", *[" " * 11 + "|"] * (height - 2), f"{bottom:10.4g} |"]
        text = [a + "".join(row).rstrip() for a, row in zip(lines, rows, strict=True)]
        left, right = f"{self.rates[0]:.0e}", f"{self.rates[-1]:.0e}"
        axis = " " * 12 + left + right.rjust(width - len(left))
        return "\n".join([*text, " " * 11 + "+" + "-" * width, self._marks(width), axis])

    def _marks(self, width: int) -> str:
        line = [" "] * width
        span = log(self.rates[-1] / self.rates[0])
        for mark, rate in (("[", self.low), ("]", self.high), ("^", self.suggestion)):
            if rate is not None:
                line[round(log(rate / self.rates[0]) / span * (width - 1))] = mark
        return (" " * 12 + "".join(line)).rstrip()

    def __str__(self) -> str:
        """The answer, the rules and the curve."""
        if self.suggestion is None:
            lines = ["learning rate: no answer"]
        else:
            lines = [
                f"learning rate: {self.suggestion:.2g}, from {self.low:.2g} to {self.high:.2g}"
            ]
        lines.append(f"{'trust it' if self.trust else 'do not trust it'}: {self.reason}")
        for name, found in self.rules.items():
            shown = "  ".join("    none" if x is None else f"{x:8.2g}" for x in found)
            lines.append(f"{name:<15} {shown}")
        return "\n".join([*lines, self.plot()])


def find_learning_rate(
    model: Any,
    loss: Callable[[Any, Any], Any],
    optimizer: Any,
    data: Any,
    *,
    start: float = 1e-6,
    end: float = 10.0,
    steps: int = 100,
    seeds: int = 3,
    rng: int = 0,
) -> RangeReport:
    """Raise the learning rate from step to step and see at which rates the loss falls.

    The sweep is made once for each seed, with another order of the batches. Three rules judge
    each: the steepest fall, the valley (two thirds into the longest descent), and a tenth of
    the rate at which the loss diverged. Model, optimiser, loader and every random generator are
    afterwards what they were, to the last bit.

    Args:
        model: What is to learn.
        loss: Called with outputs and targets.
        optimizer: An optimiser of the model, its class, or a function of the parameters.
            Several groups keep the ratio of their rates.
        data: A loader, a `Dataset`, a list of batches, or a tuple of inputs and targets.
        start: The first learning rate.
        end: The last.
        steps: How many rates, evenly spaced in their logarithm.
        seeds: How many sweeps.
        rng: Seed of the first sweep.

    Raises:
        OptionError: An option is out of range, or the order of the arguments is another.
        DataError: There is no batch.

    Example:
        >>> from tinygrad_nn import data, nn, optim
        >>> moons = data.make_moons(200)
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> found = find_learning_rate(model, nn.CrossEntropyLoss(), optim.SGD, moons)
        >>> found.trust, found.low < found.suggestion <= found.high
        (True, True)

    Source:
        Smith 2017, "Cyclical learning rates for training neural networks".
    """
    name = "find_learning_rate"
    check_loss(loss, f"{name}(model, loss, optimizer, data)")
    if not 0 < start < end or not isfinite(end):
        raise OptionError(f"{name}: got start={start}, end={end}, expected 0 < start < end")
    whole_number("steps", steps, 2 * _SHORT)
    whole_number("seeds", seeds, 1)
    rates = np.geomspace(start, end, steps)
    losses = np.full((seeds, steps), np.nan)
    with untouched(model, optimizer, loss, data):
        pool = batches_of(name, data, steps, rng)
        for i in range(seeds):
            with untouched(model, optimizer, loss):
                _sweep(model, loss, made_optimizer(name, optimizer, model, start), rates, losses[i],
                       endless(pool, rng + i))  # fmt: skip
    return _judged(rates, losses)


def _sweep(
    model: Any, loss: Any, optimizer: Any, rates: Numbers, losses: Numbers, batches: Any
) -> None:
    """Fill `losses`, until they diverge."""
    groups = optimizer.param_groups
    base = groups[0].get("lr") or 1.0
    factors = [group.get("lr", base) / base for group in groups]
    model.train()
    mean = weight = 0.0
    first = best = None
    for i, rate in enumerate(rates):
        for group, factor in zip(groups, factors, strict=True):
            group["lr"] = float(rate) * factor
        inputs, targets = next(batches)
        with np.errstate(all="ignore"):
            result = loss(answer(model, inputs), targets)
            number = number_of(result)
            if not isfinite(number):
                return
            losses[i] = number
            mean, weight = _DECAY * mean + (1 - _DECAY) * number, _DECAY * weight + 1 - _DECAY
            level = mean / weight
            first = level if first is None or i < _SHORT else first
            best = level if best is None else min(best, level)
            if level > first + max(_RISE * abs(first), first - best):
                return
            optimizer.zero_grad()
            model.zero_grad()
            result.backward()
            optimizer.step()


# ── What the curves say ─────────────────────────────────────────────────────────────────


@dataclass
class _Curve:
    """One sweep, as far as it went."""

    level: float
    fall: float
    noise: float
    low: float
    high: float
    rules: dict[str, float | None]


def _smoothed(losses: Numbers) -> Numbers:
    """Centred mean, as far as the losses are known; a mean of fewer at the ends."""
    count = int(np.isfinite(losses).sum())
    half = max(1, round(_WINDOW * len(losses) / 2))
    smooth = np.full(len(losses), np.nan)
    for i in range(count):
        reach = min(half, i, count - 1 - i)  # symmetric, so that a slope is not shifted
        smooth[i] = losses[i - reach : i + reach + 1].mean()
    return smooth


def _examined(rates: Numbers, losses: Numbers) -> _Curve | None:
    count = int(np.isfinite(losses).sum())
    # A jump right away shows that even the smallest rate was too large.
    if count < _SHORT or losses[1:_SHORT].max() > losses[0] + _RISE * abs(losses[0]):
        return None
    smooth = _smoothed(losses)[:count]
    flat = max(_SHORT, round(_LEVEL * len(losses)))
    level = float(smooth[:flat].mean())
    lowest = int(smooth.argmin())
    fall = level - float(smooth[lowest])
    noise = float(np.std((losses[:count] - smooth)[1 : lowest + 1])) if lowest else 0.0
    begins = np.flatnonzero(smooth[: lowest + 1] > level - _BEGINS * fall)
    low = min(int(begins[-1]) + 1 if len(begins) else 0, lowest)
    # Behind the lowest point, back at the level of before learning; or where the sweep ended.
    back = np.flatnonzero(smooth[lowest:] > level)
    diverged = count < len(losses) or len(back) > 0
    edge = float(rates[lowest + int(back[0]) if len(back) else count - 1])
    # Within the fall: before it the slopes are noise.
    slopes = np.gradient(smooth[low - 1 : lowest + 1]) if 0 < low < lowest else np.zeros(1)
    steepest = max(low - 1, 0) + int(slopes.argmin())
    return _Curve(
        level,
        fall,
        noise,
        float(rates[low]),
        min(float(rates[lowest]), edge / _MARGIN) if diverged else float(rates[lowest]),
        {
            "steepest": float(rates[steepest]),
            "valley": float(rates[_valley(smooth)]),
            "divergence/10": edge / 10 if diverged else None,
        },
    )


def _valley(smooth: Numbers) -> int:
    """Two thirds into the longest sequence of ever smaller losses."""
    length = np.ones(len(smooth), int)
    before = np.full(len(smooth), -1)
    for i in range(1, len(smooth)):
        larger = np.flatnonzero(smooth[:i] > smooth[i])
        if len(larger):
            j = int(larger[length[larger].argmax()])
            length[i], before[i] = length[j] + 1, j
    at = int(length.argmax())
    path = [at]
    while before[path[-1]] >= 0:
        path.append(int(before[path[-1]]))
    return path[len(path) // 3]  # from the end


def _judged(rates: Numbers, losses: Numbers) -> RangeReport:
    curves = [_examined(rates, one) for one in losses]
    known = [curve for curve in curves if curve is not None]
    smooth = _median_curve([_smoothed(one) for one in losses])
    names = ("steepest", "valley", "divergence/10")
    rules: dict[str, tuple[float | None, ...]] = {
        name: tuple(None if c is None else c.rules[name] for c in curves) for name in names
    }
    if len(known) < len(curves):
        reason = f"diverged at the first steps: start below {rates[0]:.0e}, or scale the inputs"
        return RangeReport(None, None, None, False, reason, np.inf, rules, rates, losses, smooth)
    level, fall, noise = (
        float(np.median([getattr(c, what) for c in known])) for what in ("level", "fall", "noise")
    )
    if fall <= max(_FALL_MIN * abs(level), noise):
        reason = (
            f"the loss never fell: {level:.3g} at first, {level - fall:.3g} at best; see "
            "train.diagnose"
        )
        return RangeReport(None, None, None, False, reason, np.inf, rules, rates, losses, smooth)
    low, high = (_middle([getattr(c, what) for c in known]) for what in ("low", "high"))
    middles = {n: _middle([x for x in found if x is not None]) for n, found in rules.items()
               if any(x is not None for x in found)}  # fmt: skip
    high = max(low, high)
    suggestion = min(max(_middle(list(middles.values())), low), high)
    every = [x for found in rules.values() for x in found if x is not None]
    trust, reason = _trusted(noise / fall, middles, rules)
    doubt = max(every) / min(every)
    return RangeReport(low, high, suggestion, trust, reason, doubt, rules, rates, losses, smooth)


def _trusted(
    noise: float, middles: Mapping[str, float], rules: Mapping[str, tuple[float | None, ...]]
) -> tuple[bool, str]:
    apart = max(middles.values()) / min(middles.values())
    spread = {
        name: max(answers) / min(answers)
        for name, found in rules.items()
        if (answers := [x for x in found if x is not None])
    }
    worst = max(spread, key=lambda name: spread[name])
    if noise > _NOISE_MAX:
        return False, f"the curve is too noisy: {noise:.0%} of the fall; use larger batches"
    if apart > _RULES_MAX:
        return False, f"the rules disagree by {apart:.0f}x; look at the curve"
    if spread[worst] > _SEEDS_MAX:
        return False, f"the seeds disagree by {spread[worst]:.0f}x on {worst}; use more steps"
    return True, f"the rules agree within {apart:.1f}x, the seeds within {spread[worst]:.1f}x"


def _middle(values: list[float]) -> float:
    """Median of the logarithms."""
    return exp(float(np.median([log(value) for value in values])))


def _median_curve(curves: list[Numbers]) -> Numbers:
    table = np.array(curves)
    found = np.full(table.shape[1], np.nan)
    known = np.isfinite(table).any(axis=0)
    found[known] = np.nanmedian(table[:, known], axis=0)
    return found
