"""`compare`: values and derivatives of two functions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters import problem_of
from tinygrad_nn.testing.adapters.named import listed, named
from tinygrad_nn.testing.oracle.comparison import Comparison, Difference
from tinygrad_nn.testing.problem.nearby import FAINTLY, nearby
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["compare", "compare_problems", "problem_by_engine", "told_inputs"]

_SHAKES, _TRUSTED = 3, 8.0
_ROUNDINGS = 64.0
_VALUE, _GRADIENT, _SECOND = "value", "gradient", "second order"


def compare(
    f: Any,
    other: Any,
    *inputs: Any,
    engine: str = "auto",
    other_engine: str = "auto",
    order: int = 2,
    tolerance: float | None = None,
    seed: int = 0,
) -> Comparison:
    """Values, gradients and second-order products of two functions at the same inputs.

    Args:
        f: Function of `inputs`, of any engine that `gradcheck` knows.
        other: What it is compared with. Of "numpy" (and SciPy) only the values are compared.
            Of "mpmath", a function of numbers, which is called for each element.
        *inputs: NumPy arrays or numbers.
        engine: Of `f`: "tinygrad", "torch", "jax", "autograd", "numpy", "mpmath".
        other_engine: Of `other`.
        order: 0 compares values, 1 gradients too, 2 those of gradients too, where both have them.
        tolerance: Relative; by default the square root of the rounding unit. How much `f` changes
            with the last digits of its inputs is granted on top of it.
        seed: For cotangents.

    Returns:
        A `Comparison`: `ok`, `differences`, `ulp`, `assert_ok()`.

    Raises:
        CheckError: `f` has no value there, or both have outputs of other shapes.

    Example:
        >>> import numpy as np
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.testing.oracle import compare
        >>> compare(tg.exp, np.exp, np.array([0.5, 2.0]), other_engine="numpy").ok
        True
        >>> wrong = compare(tg.exp, np.expm1, np.array([0.0, 2.0]), other_engine="numpy")
        >>> print(wrong.differences[0])
        value, output 0 at [0]: got 1.0, expected 0.0, 4.5e+15 ulp apart
    """
    pair = (problem_by_engine(f, inputs, engine), problem_by_engine(other, inputs, other_engine))
    label = f"{named(other)} ({other_engine})" if other_engine != "auto" else named(other)
    empty = Comparison(named(f), label, told_inputs(inputs))
    return compare_problems(pair, empty, order, tolerance, np.random.default_rng(seed))


def compare_problems(
    pair: tuple[Problem, Problem],
    empty: Comparison,
    order: int,
    tolerance: float | None,
    rng: np.random.Generator,
) -> Comparison:
    """`compare` for problems that adapters made; `empty` is the result so far."""
    ours, theirs = pair
    parts: list[_Part] = [_Part(_VALUE, _values, "output {}")]
    outputs = _values(ours, ours.inputs)
    weights = [_weights(y, rng) for y in outputs]
    floats = any(x.dtype.kind == "f" for x in ours.inputs)
    if order > 0 and _numpy not in (ours.pull, theirs.pull) and floats:
        parts.append(_Part(_GRADIENT, lambda p, xs: _gradients(p, xs, weights), "input {}"))
        if order > 1 and ours.higher is not None and theirs.higher is not None:
            probes = [_weights(g, rng) for g in _gradients(ours, ours.inputs, weights)]
            parts.append(_Part(_SECOND, lambda p, xs: _twice(p, xs, weights, probes), "input {}"))
    done: list[str] = []
    differences: list[Difference] = []
    ulp = scale = 0.0
    for part in parts:
        got = part.of(ours, ours.inputs)
        try:
            want = part.of(theirs, theirs.inputs)
        except Exception as error:  # whatever another library raises is no difference
            if not done:
                return replace(empty, refused=f"{type(error).__name__}: {error}"[:200])
            break
        shapes = [[list(np.shape(x)) for x in xs] for xs in (got, want)]
        if shapes[0] != shapes[1]:
            raise CheckError(
                f"compare: {empty.name} beside {empty.other}: got {part.name}s of shapes "
                f"{shapes[0]}, expected {shapes[1]}: they are not the same function"
            )
        found, most = _differences(part, ours, got, want, tolerance, scale)
        scale = max([scale, *(_largest(x) for x in got)])
        differences += found
        ulp = max(ulp, most)
        done.append(part.name)
    return replace(empty, parts=tuple(done), differences=tuple(differences), ulp=ulp)


@dataclass(frozen=True)
class _Part:
    """What is compared: its name, how a problem gives it, and what its arrays are called."""

    name: str
    of: Callable[[Problem, Arrays], list[Any]]
    called: str


_EXACT = f"{__package__}.exact"


def problem_by_engine(f: Any, inputs: tuple[Any, ...], engine: str) -> Problem:
    """The problem of a function: of NumPy with values alone, of mpmath, or of an engine."""
    if engine == "numpy":
        arrays = tuple(np.asarray(x) for x in inputs)
        return Problem(named(f), arrays, lambda given: listed(f(*given)), _numpy)
    if engine == "mpmath":
        # By name, as adapters are: mpmath is imported by whom it is asked of.
        return import_module(_EXACT).problem_of(f, inputs)  # type: ignore[no-any-return]
    return problem_of(f, inputs, None, engine)


def _numpy(given: Arrays, cotangents: Arrays) -> Arrays:
    raise CheckError("compare: NumPy has no gradients")


def _values(problem: Problem, inputs: Arrays) -> list[Any]:
    """Outputs of floats."""
    with np.errstate(all="ignore"):
        found = [np.asarray(y) for y in problem.values([np.array(x) for x in inputs])]
    return [y for y in found if y.dtype.kind == "f"]


def _gradients(problem: Problem, inputs: Arrays, weights: Sequence[Any]) -> list[Any]:
    """Gradients of the inputs of floats; zeros where there is none."""
    copies = [np.array(x) for x in inputs]
    with np.errstate(all="ignore"):
        outputs = [np.asarray(y) for y in problem.values(copies)]
        left = iter(weights)
        cotangents = [
            next(left).astype(y.dtype) if y.dtype.kind == "f" else np.zeros(y.shape)
            for y in outputs
        ]
        found = list(problem.pull([np.array(x) for x in inputs], cotangents))
    floats = [i for i, x in enumerate(inputs) if x.dtype.kind == "f"]
    if len(found) == len(inputs):
        found = [found[i] for i in floats]
    return [
        np.zeros(inputs[i].shape) if g is None else np.asarray(g)
        for i, g in zip(floats, found, strict=True)
    ]


def _twice(
    problem: Problem, inputs: Arrays, weights: Sequence[Any], probes: Sequence[Any]
) -> list[Any]:
    """Gradients, by the inputs, of the gradients times probes."""
    assert problem.higher is not None
    outputs = [np.asarray(y) for y in problem.values([np.array(x) for x in inputs])]
    left = iter(weights)
    cotangents = [next(left) if y.dtype.kind == "f" else np.zeros(y.shape) for y in outputs]
    second = problem.higher(cotangents)
    given = [*(np.array(x) for x in inputs), *cotangents]
    found = _gradients(second, given, probes)
    return found[: sum(x.dtype.kind == "f" for x in inputs)]


def _weights(y: Any, rng: np.random.Generator) -> Any:
    size = np.shape(y)
    return np.asarray(rng.choice([-1.0, 1.0], size) * rng.uniform(0.5, 1.5, size))


def _differences(
    part: _Part,
    ours: Problem,
    got: list[Any],
    want: list[Any],
    tolerance: float | None,
    scale: float,
) -> tuple[list[Difference], float]:
    """The worst element of each array that differs, and the largest distance of all.

    `scale` is that of what the numbers are made of, such as the gradients of second derivatives.
    """
    found, most = [], 0.0
    noise: list[Any] | None = None
    for n, (a, b) in enumerate(zip(got, want, strict=True)):
        coarse = a.dtype if a.dtype.kind == "f" else np.dtype(np.float64)
        unit = float(np.finfo(coarse).eps) / 2
        x, y = np.asarray(a, np.float64), np.asarray(b, np.float64)
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(x), np.abs(y))
            largest = max(scale, _largest(size))
            off = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
            off = np.where(np.isnan(off), np.inf, off)
            ulp = off / (2 * unit * np.maximum(_power(size), largest * unit + 5e-324))
            most = max(most, float(np.max(ulp, initial=0.0)))
            allowed = (unit**0.5 if tolerance is None else tolerance) * size
            bad = off > allowed + _ROUNDINGS * unit * largest
            if bad.any():
                noise = _noise(part, ours, got) if noise is None else noise
                bad &= ~(off <= allowed + _ROUNDINGS * unit * largest + noise[n])
        if bad.any():
            at = np.unravel_index(int(np.argmax(np.where(bad, ulp, -1.0))), x.shape)
            where = part.called.format(n) + (f" at {[int(k) for k in at]}" if at else "")
            apart = float(off[at] / (2 * unit * _power(size[at]))) if size[at] else 0.0
            found.append(Difference(part.name, where, float(x[at]), float(y[at]), apart))
    return found, most


def _largest(x: Any) -> float:
    size = np.abs(np.asarray(x, np.float64))
    return float(np.max(size, initial=0.0, where=np.isfinite(size)))


def _power(size: Any) -> Any:
    """The power of 2 at or below each number."""
    _, exponent = np.frexp(size)
    return np.ldexp(1.0, exponent - 1)


def _noise(part: _Part, problem: Problem, here: list[Any]) -> list[Any]:
    """How much each number changes with the last digits of the inputs."""
    found = [np.zeros(x.shape) for x in here]
    for seed in range(_SHAKES):
        near = part.of(problem, nearby(problem.inputs, np.random.default_rng(seed), FAINTLY))
        found = [
            np.fmax(n, np.abs(np.asarray(a, np.float64) - b))
            for n, a, b in zip(found, near, here, strict=True)
        ]
    return [_TRUSTED * n for n in found]


def told_inputs(inputs: Sequence[Any]) -> str:
    """Inputs in words: small ones with their numbers."""
    return ", ".join(_told(x) for x in inputs) or "no inputs"


def _told(x: Any) -> str:
    array = np.asarray(x)
    if array.dtype.kind not in "fiub":
        return repr(x)[:40]
    if array.size <= 4:
        return str(array.tolist())
    return f"{array.dtype}{list(array.shape)}"
