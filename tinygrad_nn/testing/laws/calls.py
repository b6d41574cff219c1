"""Laws about calls: what was called before does not matter, nor how arrays lie in memory."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.laws.trial import SCALE, Trial, number
from tinygrad_nn.testing.numeric.judge import Tolerance
from tinygrad_nn.testing.numeric.lines import Line
from tinygrad_nn.testing.problem.coordinates import flat
from tinygrad_nn.testing.problem.nearby import moved_by
from tinygrad_nn.testing.problem.subject import Checked
from tinygrad_nn.testing.verdicts import Law, Verdict

__all__ = ["again", "dtype", "follows", "layouts"]

_REFUSALS = (ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError)
"""What functions raise for arrays that they do not take."""

AGAIN, FOLLOWS = "the same at a second call", "follows its inputs"
DTYPE, LAYOUTS = "in the dtype of its input", "the same for any layout"
_RELATIVE = 1e-3
"""Tolerance for a slope elsewhere: a stale gradient is off by about what the inputs changed by."""


def again(trial: Trial) -> Law:
    """A call at another point in between changes nothing: no state is kept from call to call."""
    _ = trial.there  # the call in between
    got, at = _back(trial)
    for moved in trial.orders if at is None else ():
        there = trial.pull(trial.cotangent, moved)
        if np.isfinite(there).all():
            trial.turned.append((moved, there))
        got, at = _back(trial)
        # Where it is another in this order, it would have been seen to be that of another.
        if at is not None or not np.array_equal(there, trial.base):
            break
    if at is None:
        return Law(AGAIN, Verdict.PASS)
    return Law(
        AGAIN,
        Verdict.FAIL,
        f"{trial.told(at)}: got {number(got[at])} after a call at another point, "
        f"expected {number(trial.base[at])} as before it: the gradient keeps a state between calls",
    )


def _back(trial: Trial) -> tuple[Any, int | None]:
    """The gradient at the inputs once more, and which element is another now."""
    got = trial.pull(trial.cotangent)
    size = np.abs(trial.base)
    noise = partial(trial.noise, trial.cotangent)
    return got, trial.broken(got, trial.base, size, noise, trial.finite)


def follows(trial: Trial) -> Law | None:
    """A gradient that is the same at another point is the slope there: it is no stale one."""
    if trial.checked.problem.remade is None:  # one that is given may be right at one point alone
        return None
    close = (f"inputs multiplied by {SCALE!r}", trial.elsewhere, trial.there)
    found = _followed(trial, *close)
    alike = trial.base.any() and np.array_equal(trial.there, trial.base)
    if not alike or not trial.turned or (found and found.verdict is Verdict.FAIL):
        return found
    # One that is the same whatever the inputs' size, as of a maximum, may depend on their order.
    return _followed(trial, "inputs in another order", *trial.turned[-1]) or found


def _followed(trial: Trial, where: str, inputs: list[Any], there: Any) -> Law | None:
    """The same of one other point and the gradient there."""
    if not trial.base.any() or not np.array_equal(there, trial.base):
        return Law(FOLLOWS, Verdict.PASS) if np.isfinite(there).all() and there.size else None
    try:
        checked = Checked(replace(trial.checked.problem, inputs=tuple(inputs)))
    except CheckError:
        return None
    direction = _direction(trial, checked)
    claim, allowed = float(there @ direction), Tolerance(_RELATIVE)
    found = _line(trial, checked, direction).judge(0, claim, allowed)
    trial.checked.calls += checked.calls
    if found.verdict is not Verdict.FAIL:
        return Law(FOLLOWS, found.verdict) if found.verdict is Verdict.PASS else None
    here = _line(trial, trial.checked, direction).judge(0, claim, allowed)
    if here.verdict is not Verdict.PASS:  # it is wrong here too, which its elements say
        return None
    return Law(
        FOLLOWS,
        Verdict.FAIL,
        f"at {where} the gradient is the same to the last digit, but along "
        f"a direction the slope is {found.numeric:.6g} there and by the gradient "
        f"{found.analytic:.6g}: it is of values that were saved at another point",
    )


def _direction(trial: Trial, checked: Checked) -> Any:
    """A random one, scaled to the inputs."""
    sizes = flat([checked.inputs[i] for i in checked.active])
    with np.errstate(divide="ignore"):
        scale = np.where(sizes == 0, 1.0, 2.0 ** np.round(np.log2(np.abs(sizes))))
    return trial.rng.choice([-1.0, 1.0], sizes.size) * scale


def _line(trial: Trial, checked: Checked, direction: Any) -> Line:
    """The line through the inputs of `checked`."""
    cotangent = trial.cotangent

    def move(t: float) -> Any:
        with np.errstate(all="ignore"):
            there = moved_by(checked, t * direction)
        return (cotangent @ checked.values(there))[None]

    return Line(move, (cotangent @ checked.center)[None], 1.0, checked.unit)


def dtype(trial: Trial) -> Law | None:
    """No gradient is coarser than its input and the outputs: its last digits would be lost."""
    checked = trial.checked
    known = False
    for i, g in zip(checked.active, trial.raw, strict=True):
        if g.dtype.kind != "f" or not g.size:
            continue
        known = True
        if np.finfo(g.dtype).eps / 2 > checked.unit:
            return Law(
                DTYPE,
                Verdict.FAIL,
                f"{checked.problem.label(i)}: got a gradient in {g.dtype}, expected "
                f"{checked.inputs[i].dtype} like the input: its last digits are lost",
            )
    return Law(DTYPE, Verdict.PASS) if known else None


def layouts(trial: Trial) -> Law | None:
    """The same numbers in another order in memory, or read-only, give the same results."""
    checked = trial.checked
    tried = False
    if not any(checked.inputs[i].size > 1 for i in checked.active):
        return None
    for what, arrange in (
        ("Fortran order or every other element", _strided),
        ("negative strides", _reversed),
    ):
        found = None
        # What refuses such arrays, in whatever way, breaks no law.
        with suppress(*_REFUSALS), np.errstate(all="ignore"):
            given = [arrange(x) for x in checked.inputs]
            checked.calls += 1
            outputs = [np.asarray(y) for y in checked.problem.values(given)]
            found = _differing(trial, outputs, trial.called(given, checked.split(trial.cotangent)))
            tried = True
        if found:
            text = f"{found}: the result depends on how an array lies in memory"
            return Law(LAYOUTS, Verdict.FAIL, f"for read-only inputs in {what}: {text}")
    return Law(LAYOUTS, Verdict.PASS) if tried else None


def _differing(trial: Trial, outputs: list[Any], raw: list[Any]) -> str:
    """How values or gradients differ from those of the inputs as they were given."""
    checked = trial.checked
    values = flat(outputs)
    if values.shape != checked.center.shape:
        return f"got outputs of shapes {[y.shape for y in outputs]}, expected {checked.shapes}"
    known = np.isfinite(checked.center)
    size = np.abs(checked.center)
    at = trial.broken(values, checked.center, size, trial.noise_of_values, known)
    if at is not None:
        output, index = checked.place(at)
        told = f"got {number(values[at])}, expected {number(checked.center[at])}"
        return f"output {output} at {list(index)}: {told}"
    got = flat(raw)
    if got.shape != trial.base.shape:
        return f"got gradients of shapes {[g.shape for g in raw]}, expected those of the inputs"
    size = np.abs(trial.base)
    at = trial.broken(got, trial.base, size, lambda: trial.noise(trial.cotangent), trial.finite)
    if at is None:
        return ""
    return f"gradient of {trial.told(at)}: got {number(got[at])}, expected {number(trial.base[at])}"


def _strided(x: Any) -> Any:
    """A read-only copy in another order, or of one axis with gaps."""
    if x.ndim > 1:
        found = np.array(x, order="C" if x.flags.f_contiguous else "F")
    else:
        found = np.repeat(x, 2)[::2] if x.ndim else np.array(x)
    found.flags.writeable = False
    return found


def _reversed(x: Any) -> Any:
    """A read-only copy that runs backwards along each axis."""
    back = (slice(None, None, -1),) * x.ndim
    found = np.array(x[back])[back] if x.ndim else np.array(x)
    found.flags.writeable = False
    return found
