"""What the laws have in common: gradients to compare, and what they may differ by."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.problem.coordinates import coordinate, flat
from tinygrad_nn.testing.problem.nearby import nearby, shaken
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.rounding import wholes_of

__all__ = ["SCALE", "Trial", "number"]

_SHAKES = 6
_TRUSTED = 8.0
"""Changes of a gradient under a change of last digits that it is granted."""
SCALE = 1 - 2.0**-7
"""Factor that leads to another point close by; exact in every dtype."""
_TINY = 1e-300
"""Below this numbers may have lost their digits on the way."""
_INSIDE = {36: 2.0**-24, 18: 2.0**-11}
"""Bits at which float32 and float16 do not move, and their rounding units."""
_ROUNDINGS = 64.0
"""Rounding units of the largest term of an input that are granted to all of its elements."""


class Trial:
    """A gradient under trial.

    A rule of calculus and a rule of arithmetic are told apart by size: what breaks a law in a
    rule is a part of its terms, what breaks it in arithmetic is rounding. So up to the square
    root of the rounding unit is granted at once, as a part of the terms; what is more must be
    more than the gradient changes by when its inputs change in their last digits.

    Attributes:
        checked: The function and its gradient.
        rng: For random choices.
        cotangent: One for all outputs end to end: both signs, no zeros, few digits. It is 0 for
            outputs that are not of floats.
        raw: The gradients for it as the function's gradient gave them, for active inputs.
        base: The same, flat in float64.
        turned: Inputs in another order and the gradient there, of those that a law asked for.
        slack: Part of the size of the terms that is granted at once.
    """

    def __init__(self, checked: Checked, rng: np.random.Generator) -> None:
        self.checked, self.rng = checked, rng
        size = checked.center.size
        # Few of them are of the same size: a rule that heeds the largest alone must not see ties.
        sizes = np.resize(rng.permutation(np.arange(33, 97)), size)
        digits = sizes / 64 * rng.choice([-1.0, 1.0], size)
        self.cotangent = digits * self._of_floats()
        self.raw = self.called(checked.inputs, checked.split(self.cotangent))
        self.base = flat(self.raw)
        self.turned: list[tuple[list[Any], Any]] = []
        self.slack = float(np.sqrt(max(checked.unit, *self._units())))

    @property
    def takes_cotangents(self) -> bool:
        """Whether the gradient sees them: else it is linear since it is multiplied by one."""
        return self.checked.problem.cotangents or self.checked.shapes != [()]

    def _of_floats(self) -> Any:
        """1 for elements of outputs that are of floats, else 0."""
        pairs = zip(self.checked.shapes, self.checked.dtypes, strict=True)
        parts = [np.full(int(np.prod(s)), float(d.kind == "f")) for s, d in pairs]
        return np.concatenate(parts) if parts else np.zeros(0)

    def _units(self) -> list[float]:
        found = [g.dtype for g in self.raw if g is not None and g.dtype.kind == "f"]
        return [0.0, *(float(np.finfo(d).eps) / 2 for d in found)]

    @cached_property
    def _slack_inside(self) -> float:
        """The slack of a dtype that the function computes in, seen where it does not move."""
        checked = self.checked
        inside = 0.0
        for bits, unit in _INSIDE.items():
            if unit <= checked.unit:
                continue
            moved = [
                np.asarray(x * (1 + 2.0**-bits), x.dtype) if _floats(x) else x
                for x in checked.inputs
            ]
            with np.errstate(all="ignore"):
                if not np.array_equal(checked.values(moved), checked.center):
                    break
            inside = float(np.sqrt(unit))
        return inside

    def called(self, inputs: Sequence[Any], cotangents: Sequence[Any]) -> list[Any]:
        """Gradients of the active inputs as they are given, for arrays as they are."""
        checked = self.checked
        checked.pulls += 1
        with np.errstate(all="ignore"):
            found = list(checked.problem.pull(list(inputs), list(cotangents)))
        if len(found) == len(inputs) != len(checked.active):
            found = [found[i] for i in checked.active]
        return [
            np.zeros(np.shape(inputs[i]), inputs[i].dtype) if g is None else np.asarray(g)
            for g, i in zip(found, checked.active, strict=True)
        ]

    def pull(self, cotangent: Any, inputs: Sequence[Any] | None = None) -> Any:
        """Gradients for a cotangent, flat."""
        return flat(self.checked.gradients(cotangent, inputs))

    def noise(self, cotangent: Any, inputs: Sequence[Any] | None = None) -> Any:
        """How much each element changes with the last digits of inputs and cotangent."""
        at = self.checked.inputs if inputs is None else inputs
        here = self.pull(cotangent, at)
        found = np.zeros_like(here)
        for seed in range(_SHAKES):
            rng = np.random.default_rng(seed)
            unit = 2 * self.checked.unit
            moved = nearby(at, rng)
            with np.errstate(all="ignore"):
                change = np.abs(self.pull(shaken(cotangent, rng, unit), moved) - here)
            found = np.maximum(found, np.where(np.isnan(change), np.inf, change))
        return _TRUSTED * found

    def noise_of_values(self) -> Any:
        """How much each output changes with the last digits of the inputs."""
        checked = self.checked
        found = np.zeros_like(checked.center)
        for seed in range(_SHAKES):
            rng = np.random.default_rng(seed)
            with np.errstate(all="ignore"):
                change = np.abs(checked.values(nearby(checked.inputs, rng)) - checked.center)
            found = np.maximum(found, np.where(np.isnan(change), np.inf, change))
        return _TRUSTED * found

    def broken(
        self,
        got: Any,
        want: Any,
        size: Any,
        noise: Callable[[], Any],
        where: Any = True,
        floor: Any = 0.0,
    ) -> int | None:
        """The element that is furthest off, if it is off by more than arithmetic.

        Args:
            got: Flat gradients.
            want: What they should be.
            size: Of the terms that `want` is made of.
            noise: What else is granted, asked only where it matters.
            where: Elements that count.
            floor: Granted where it matters, such as `of_values`.
        """
        with np.errstate(all="ignore"):
            off = np.abs(got - want)
            off[~np.isfinite(off)] = np.inf
            off[got == want] = 0.0
            bad = (off > self.slack * size + _TINY) & where
            if not bad.any():
                return None
            granted = _TINY + noise() + self._rounding(size) + floor
            bad &= off > max(self.slack, self._slack_inside) * size + granted
            if not bad.any():
                return None
            return int(np.argmax(np.where(bad, off / np.maximum(size, _TINY), -1.0)))

    @cached_property
    def of_values(self) -> Any:
        """What the rounding of the function's values makes of each element of its gradient.

        The gradient of a softmax that is nearly 1 is a difference of numbers as large as that.
        """
        checked = self.checked
        rounding = float(np.abs(self.cotangent) @ wholes_of(checked))
        sizes = [np.abs(checked.inputs[i]).max(initial=0.0) for i in checked.active]
        # A value that is but rounding of its inputs, as x.sum() - x.sum(), has terms of their size.
        terms = float(np.abs(self.cotangent).sum() * max(map(float, sizes), default=0.0))
        rounding = rounding if rounding > _ROUNDINGS * self.slack**2 * terms else terms
        each = [
            np.full(checked.inputs[i].size, rounding / (float(size) or 1.0))
            for i, size in zip(checked.active, sizes, strict=True)
        ]
        return _ROUNDINGS * self.slack**2 * np.concatenate(each)

    def _rounding(self, size: Any) -> Any:
        """Rounding of the largest terms of each input, which may be on the way to its others."""
        largest = np.full(size.shape, np.max(size, initial=0.0, where=np.isfinite(size)))
        if size.shape == self.base.shape:
            at = 0
            for i in self.checked.active:
                part = slice(at, at + self.checked.inputs[i].size)
                known = np.isfinite(size[part])
                largest[part] = np.max(size[part], initial=0.0, where=known)
                at = part.stop
        return _ROUNDINGS * self.slack**2 * largest

    @cached_property
    def of_zero(self) -> Any:
        """The gradient for a cotangent of zeros."""
        return self.pull(np.zeros_like(self.cotangent))

    @cached_property
    def elsewhere(self) -> list[Any]:
        """Inputs at another point close by, which are on the same side of 0."""
        return [
            np.where(x == 0, 1 - SCALE, x * SCALE).astype(x.dtype) if _floats(x) else x
            for x in self.checked.inputs
        ]

    @cached_property
    def there(self) -> Any:
        """The gradient at that point."""
        return self.pull(self.cotangent, self.elsewhere)

    @property
    def orders(self) -> Iterator[list[Any]]:
        """Inputs with their elements in another order, where the function is finite.

        What depends on the order, such as a running maximum, is another there, and not at a point
        close by.
        """
        checked = self.checked
        for order in (_backwards, _rolled):
            moved = [order(x) if i in checked.active else x for i, x in enumerate(checked.inputs)]
            same = all(np.array_equal(a, b) for a, b in zip(moved, checked.inputs, strict=True))
            with suppress(CheckError):  # of another shape there
                if not same and np.isfinite(checked.values(moved)).all():
                    yield moved

    @cached_property
    def finite(self) -> Any:
        """Elements at which the gradient is finite: at the others no law says anything."""
        return np.isfinite(self.base)

    def place(self, at: int) -> tuple[int, tuple[int, ...]]:
        """Input and index in it of an element of all active inputs end to end."""
        return coordinate(self.checked, at)[1:]

    def told(self, at: int) -> str:
        """The same in words."""
        i, index = self.place(at)
        return f"{self.checked.problem.label(i)}" + (f" at {list(index)}" if index else "")


def _floats(x: Any) -> bool:
    return bool(x.dtype.kind == "f")


def _backwards(x: Any) -> Any:
    return np.array(x[(slice(None, None, -1),) * x.ndim])


def _rolled(x: Any) -> Any:
    return np.roll(x, 1)


def number(x: Any) -> str:
    """A number with all of its digits."""
    return repr(float(x))
