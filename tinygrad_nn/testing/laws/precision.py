"""The law about precision: a gradient that is right in float64 is so in float32, and back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.dense import coordinate_line
from tinygrad_nn.testing.laws.trial import Trial
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Element, Law, Verdict

__all__ = ["precision"]

_RELATIVE = 1e-3
"""Tolerance in float32, as of a check."""
_POINTS = 8
"""At which a difference must be alike to be none of rounding."""
_COARSE = 2.0**-12
"""Part of itself by which an element may differ between precisions: half of float32's digits."""
_LEAST = 1e-30
"""Numbers below this may be lost on the way in float32."""
_NAMES = {np.dtype(np.float32): "float32", np.dtype(np.float64): "float64"}


def precision(trial: Trial) -> Law | None:  # noqa: PLR0911  (a case each)
    """The gradient in the other precision is the same, or at least the slope of f there.

    That both differ says little: f may be ill-conditioned, or lie at a kink in one and beside
    it in the other. So where they do the slope is measured in that precision too.
    """
    checked = trial.checked
    other = _other(checked)
    if other is None:
        return None
    narrow = _cast(checked, np.dtype(np.float32))
    if narrow is None:
        return None
    name = f"right in {_NAMES[other]} too"
    wide = _as(checked, narrow, np.dtype(np.float64))
    want = trial.pull(trial.cotangent, wide) if other == np.float32 else trial.base
    got = _gradients(trial, _as(checked, narrow, other))
    if got is None or got.shape != want.shape:
        return None
    if not _apart(got, want).any():
        return Law(name, Verdict.PASS)
    at = _steady(trial, narrow, other)
    if at is None:
        return Law(name, Verdict.PASS)
    try:
        there = Checked(replace(checked.problem, inputs=tuple(_as(checked, narrow, other))))
    except CheckError:
        return None
    found = _measured(trial, there, at)
    if found.verdict is not Verdict.FAIL:
        return Law(name, Verdict.PASS) if found.verdict is Verdict.PASS else None
    return Law(
        name,
        Verdict.FAIL,
        f"{trial.told(at)}: got {got[at]:.9g} in {_NAMES[other]}, expected {want[at]:.9g} as "
        f"in the inputs' own precision; measured in {_NAMES[other]}: {found.numeric:.6g} "
        f"± {found.bar:.1g}",
    )


def _measured(trial: Trial, there: Checked, at: int) -> Element:
    """The verdict on one element in the other precision."""
    checked = trial.checked
    i, index = trial.place(at)
    n = checked.active.index(i)
    line = coordinate_line(there, i, index)
    summed = Line(
        lambda t: (trial.cotangent @ line.at(t))[None],
        (trial.cotangent @ there.center)[None],
        line.size,
        there.unit,
    )
    claim = float(there.gradients(trial.cotangent)[n][index])
    return summed.judge(0, claim, Tolerance(_RELATIVE))


def _gradients(trial: Trial, inputs: list[Any]) -> Any | None:
    """Flat gradients at inputs of another dtype; None where the function refuses them."""
    checked = trial.checked
    try:
        checked.calls += 1
        with np.errstate(all="ignore"):
            outputs = [np.asarray(y) for y in checked.problem.values([np.array(x) for x in inputs])]
        parts = [
            c.astype(y.dtype) if y.dtype.kind == "f" else c
            for c, y in zip(checked.split(trial.cotangent), outputs, strict=True)
        ]
        return flat(trial.called(inputs, parts))
    except Exception:
        return None


def _other(checked: Checked) -> np.dtype[Any] | None:
    """float32 for inputs of float64, float64 for those of float32; None for others."""
    kinds = {checked.inputs[i].dtype for i in checked.active}
    if kinds == {np.dtype(np.float64)}:
        return np.dtype(np.float32)
    return np.dtype(np.float64) if kinds == {np.dtype(np.float32)} else None


def _cast(checked: Checked, kind: np.dtype[Any]) -> list[Any] | None:
    """The active inputs in float32; None where that loses more than digits."""
    found = []
    for i in checked.active:
        x = checked.inputs[i]
        with np.errstate(all="ignore"):
            cast = x.astype(kind)
        tiny = np.finfo(kind).tiny
        if not np.isfinite(cast).all() or ((np.abs(cast) < tiny) & (x != 0)).any():
            return None
        found.append(cast)
    return found


def _as(checked: Checked, active: list[Any], kind: np.dtype[Any]) -> list[Any]:
    """All inputs, the active ones in a dtype."""
    found = list(checked.inputs)
    for i, x in zip(checked.active, active, strict=True):
        found[i] = x.astype(kind)
    return found


def _steady(trial: Trial, narrow: list[Any], other: np.dtype[Any]) -> int | None:
    """The element that differs most, if it does so alike at points close by: rounding does not."""
    checked = trial.checked
    wide, gaps = np.dtype(np.float64), []
    for n in range(_POINTS):
        near = [x * x.dtype.type(1 - n * 2.0**-9) for x in narrow]
        got = _gradients(trial, _as(checked, near, other))
        want = _gradients(trial, _as(checked, near, wide if other != wide else narrow[0].dtype))
        if got is None or want is None:
            return None
        gaps.append(np.where(_apart(got, want), got - want, np.nan))
    low, high = np.min(gaps, axis=0), np.max(gaps, axis=0)
    with np.errstate(all="ignore"):
        steady = high - low < np.abs(high + low) / 4  # never where one is nan
        return int(np.argmax(np.where(steady, np.abs(low + high), -1.0))) if steady.any() else None


def _apart(got: Any, want: Any) -> Any:
    """Elements that differ by more than the digits of float32 account for."""
    where = np.isfinite(got) & np.isfinite(want) & (np.abs(want) > _LEAST)
    with np.errstate(all="ignore"):
        return where & (np.abs(got - want) > _COARSE * np.maximum(np.abs(got), np.abs(want)))
