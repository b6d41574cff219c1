"""Laws about graphs: forward mode is the adjoint, and what is used twice gets both gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tinygrad_nn.testing.adapters.named import listed
from tinygrad_nn.testing.laws.trial import SCALE, Trial, number
from tinygrad_nn.testing.problem.coordinates import flat, parts
from tinygrad_nn.testing.problem.nearby import shaken
from tinygrad_nn.testing.problem.subject import Around
from tinygrad_nn.testing.verdicts import Law, Verdict

__all__ = ["adjoint", "aliased", "reused"]

ADJOINT, REUSED = "forward mode is the adjoint", "adds up where an input is used twice"
ALIASED = "adds up where an input is two arguments"
_DEEPEST = 16
_WIDEST = {8: 100, 4: 10, 2: 2}
"""Powers of 2 that an element of a tangent has at most, by the bytes of its dtype."""


def adjoint(trial: Trial) -> Law | None:
    """<J t, v> = <t, J'v> for any tangent t and cotangent v."""
    checked = trial.checked
    if checked.problem.push is None or not trial.finite.all() or not trial.base.size:
        return None
    tangent = _tangent(trial)
    forward = checked.tangents(_tangents(trial, tangent))
    if forward is None:
        return None
    if forward.shape != checked.center.shape:
        got, want = forward.size, checked.center.size
        text = f"got a tangent of {got} elements, expected one for each of {want} outputs"
        return Law(ADJOINT, Verdict.FAIL, text)
    with np.errstate(all="ignore"):
        left, right = forward * trial.cotangent, tangent * trial.base
        size = np.abs(left).sum() + np.abs(right).sum()
    if not np.isfinite(size):
        return None

    def noise() -> Any:
        spread = trial.noise(trial.cotangent) @ np.abs(tangent)
        rng = np.random.default_rng(0)
        near = checked.tangents(_tangents(trial, shaken(tangent, rng, checked.unit)))
        return spread + (0.0 if near is None else 8 * np.abs(near - forward).sum())

    got, want = np.atleast_1d(left.sum()), np.atleast_1d(right.sum())
    floor = trial.of_values @ np.abs(tangent)
    if trial.broken(got, want, np.atleast_1d(size), noise, floor=floor) is None:
        return Law(ADJOINT, Verdict.PASS)
    return Law(
        ADJOINT,
        Verdict.FAIL,
        f"got <Jt, v> = {float(got[0])!r} by forward mode and <t, J'v> = {float(want[0])!r} by "
        "the gradient, expected the same for every tangent t and cotangent v",
    )


def _tangent(trial: Trial) -> Any:
    """A tangent along which each element of the gradient counts about as much."""
    rng = trial.rng
    with np.errstate(divide="ignore"):
        power = np.round(np.log2(np.where(trial.base == 0, 1.0, np.abs(trial.base))))
    bytes_ = min(trial.checked.inputs[i].dtype.itemsize for i in trial.checked.active)
    widest = _WIDEST[min(bytes_, 8)]
    # What is that much smaller than the largest may be nothing but rounding.
    power = np.maximum(power, power.max(initial=-widest) - _DEEPEST)
    size = 2.0 ** -np.clip(power, -widest, widest)
    return rng.integers(33, 97, size.size) / 64 * rng.choice([-1.0, 1.0], size.size) * size


def _tangents(trial: Trial, direction: Any) -> list[Any]:
    """A tangent for each input, in its dtype."""
    found = [np.zeros(x.shape, x.dtype) for x in trial.checked.inputs]
    for i, part in zip(trial.checked.active, parts(trial.checked, direction), strict=True):
        found[i] = part.astype(found[i].dtype)
    return found


def reused(trial: Trial) -> Law | None:
    """f(x) + f(c x) has the gradient g(x) + c g(c x): each call counts, with its own values."""
    checked = trial.checked
    active = checked.active

    def around(f: Callable[..., Any]) -> Callable[..., Any]:
        def twice(*xs: Any) -> Any:
            first = listed(f(*xs))
            second = listed(f(*(x * SCALE if i in active else x for i, x in enumerate(xs))))
            return tuple(a + b for a, b in zip(first, second, strict=True))

        return twice

    got = _gradients(trial, around, range(len(checked.inputs)))
    if got is None or got.shape != trial.base.shape:
        return None
    near = [x * x.dtype.type(SCALE) if i in active else x for i, x in enumerate(checked.inputs)]
    zeros = any(not checked.inputs[i].all() for i in active)
    second = trial.pull(trial.cotangent, near) if zeros else trial.there
    with np.errstate(all="ignore"):
        want, size = trial.base + SCALE * second, np.abs(trial.base) + np.abs(second)

    def noise() -> Any:
        return trial.noise(trial.cotangent) + trial.noise(trial.cotangent, near)

    at = trial.broken(got, want, size, noise, np.isfinite(want), trial.of_values)
    if at is None:
        return Law(REUSED, Verdict.PASS)
    return Law(
        REUSED,
        Verdict.FAIL,
        f"{trial.told(at)}: got {number(got[at])} for f(x) + f(c x) with c = {SCALE!r}, expected "
        f"g(x) + c g(c x) = {number(want[at])}: gradients or saved values of one call replace the "
        "other's",
    )


def aliased(trial: Trial) -> Law | None:
    """f(x, x) has the sum of the gradients of both arguments."""
    checked = trial.checked
    pair = _alike(trial)
    if pair is None:
        return None
    i, j = pair

    def around(f: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *xs: f(*xs[:j], xs[i], *xs[j:])

    kept = [n for n in range(len(checked.inputs)) if n != j]
    both = list(checked.inputs)
    both[j] = both[i]
    got = _gradients(trial, around, kept, checked.values(both))
    apart = trial.pull(trial.cotangent, both)
    spans = _spans(trial)
    if got is None or got.size != apart.size - (spans[j].stop - spans[j].start):
        return None
    with np.errstate(all="ignore"):
        want, size = apart[spans[i]] + apart[spans[j]], np.abs(apart[spans[i]])
        size = size + np.abs(apart[spans[j]])

    def noise() -> Any:
        found = trial.noise(trial.cotangent, both)
        return found[spans[i]] + found[spans[j]]

    got = got[spans[i]]
    at = trial.broken(got, want, size, noise, np.isfinite(want))
    if at is None:
        return Law(ALIASED, Verdict.PASS)
    return Law(
        ALIASED,
        Verdict.FAIL,
        f"{trial.told(spans[i].start + at)}: got {number(got[at])} where it is also "
        f"{checked.problem.label(j)}, expected the sum of both gradients, {number(want[at])}",
    )


def _alike(trial: Trial) -> tuple[int, int] | None:
    """The first two inputs of one shape and dtype."""
    seen: dict[Any, int] = {}
    for i in trial.checked.active:
        x = trial.checked.inputs[i]
        first = seen.setdefault((x.shape, x.dtype), i)
        if first != i and x.size:
            return first, i
    return None


def _spans(trial: Trial) -> dict[int, slice]:
    """Where each active input's gradient is among all of them end to end."""
    found, at = {}, 0
    for i in trial.checked.active:
        size = trial.checked.inputs[i].size
        found[i] = slice(at, at + size)
        at += size
    return found


def _gradients(trial: Trial, around: Around, kept: Sequence[int], values: Any = None) -> Any | None:
    """Flat gradients of a function around f of these inputs, where its engine can make one.

    Not of a function that has other `values`, such as one that takes gradients by its arguments
    itself, which then are those by one argument.
    """
    remade = trial.checked.problem.remade
    if remade is None:
        return None
    try:
        inputs = [np.array(trial.checked.inputs[i], order="K") for i in kept]
        trial.checked.pulls += 1
        with np.errstate(all="ignore"):
            cotangents = trial.checked.split(trial.cotangent)
            problem = remade(around, kept)
            if values is not None and not _same(problem.values(inputs), values):
                return None
            found = problem.pull(inputs, cotangents)
    except Exception:
        return None  # such a function is beyond its domain, or no function of the engine
    floats = [x for x in inputs if x.dtype.kind == "f"]
    if len(found) == len(inputs) != len(floats):
        found = [g for g, x in zip(found, inputs, strict=True) if x.dtype.kind == "f"]
    return flat([np.zeros(x.shape) if g is None else g for g, x in zip(found, floats, strict=True)])


def _same(outputs: Sequence[Any], values: Any) -> bool:
    found = flat(outputs)
    return found.shape == values.shape and bool(np.array_equal(found, values, equal_nan=True))
