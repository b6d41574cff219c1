"""What is asked of every operation, as functions of its record and one sample.

Each raises AssertionError (or whatever the operation raised) when the operation is at fault;
`test_every_op.py` runs them over the registry, `test_planted_faults.py` over faulty operations.
`call_checks.py` has those about dtypes, layouts and the ways to call.
"""

import inspect
from collections.abc import Callable, Sequence
from functools import partial, reduce, wraps
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.ops.case import (
    STEPS,
    Arrays,
    Case,
    active,
    directions,
    dot,
    flatten,
    float_outputs,
    gradient,
    moved,
    normals,
    recorded,
    reverse,
    send,
    slope,
)
from tinygrad_nn.core.op import Kind, Op
from tinygrad_nn.core.samples import Sample
from tinygrad_nn.core.sweep import pull

EXACT = 1e-9
NUMERIC = 1e-6


def close(got: Any, want: Any, tolerance: float, what: str, scale: float = 0.0) -> None:
    """Equal shapes, and elements that differ by less than `tolerance` of the largest."""
    got, want = np.asarray(got), np.asarray(want)
    assert got.shape == want.shape, f"{what}: got shape {got.shape}, expected {want.shape}"
    finite = np.isfinite(want)
    largest = max(np.abs(want[finite]).max(initial=0.0), scale)
    with np.errstate(invalid="ignore"):
        error = np.abs(got.astype(np.float64) - want)
    same = (got == want) | (np.isnan(got) & np.isnan(want)) | (error <= tolerance * (1 + largest))
    assert np.all(same), f"{what}: got\n{got}\nexpected\n{want}"


def is_slope(got: Any, function: Callable[[float], Any], what: str, scale: float = 0.0) -> None:
    """`got` is the derivative of `function` at 0, by finite differences with one of the steps."""
    long, short = STEPS
    try:
        close(got, slope(function, long), NUMERIC, what, scale)
    except AssertionError:
        close(got, slope(function, short), NUMERIC, f"{what} beside finite differences", scale)


def numpy_functions(record: Op) -> list[Callable[..., Any]]:
    """NumPy functions that the record names, those that this NumPy has."""
    paths = (name.split(".") for name in record.numpy)
    found = [reduce(lambda x, part: getattr(x, part, None), path, np) for path in paths]
    return [_in_order(f) if _positional(f) else f for f in found if callable(f)]


def _positional(function: Callable[..., Any]) -> bool:
    """Whether NumPy takes what is static for us by its place alone, as `astype` does."""
    if isinstance(function, np.ufunc):
        return False
    kinds = [p.kind for p in inspect.signature(function).parameters.values()]
    return kinds.count(inspect.Parameter.POSITIONAL_ONLY) > 1


def _in_order(function: Callable[..., Any]) -> Callable[..., Any]:
    return wraps(function)(lambda *args, **static: function(*args, *static.values()))


# ----------------------------------------------------------------------------------- values
def check_value(record: Op, sample: Sample) -> None:
    """Value and dtype are NumPy's; tensors give tensors with the same value."""
    case = Case(record, sample)
    raw = case.call(case.floats)
    for function in numpy_functions(record):
        for got, want in zip(raw, case.call(case.floats, function), strict=True):
            want = np.asarray(want)  # noqa: PLW2901
            assert np.asarray(got).dtype == want.dtype, f"dtype {got.dtype}, not {want.dtype}"
            if want.dtype.kind == "f":
                close(got, want, EXACT, f"value beside numpy.{function.__name__}")
            else:
                np.testing.assert_array_equal(got, want)
    if not case.floats:
        return
    outputs = case.call(active(case.floats))
    assert len(outputs) == len(raw)
    for got, want in zip(outputs, raw, strict=True):
        assert not isinstance(want, tg.Tensor), "raw arrays must give raw arrays"
        if isinstance(want, (np.ndarray, np.generic)):
            assert isinstance(got, tg.Tensor), f"a tensor gave a {type(got).__name__}"
            assert got.dtype == want.dtype
            np.testing.assert_array_equal(np.asarray(got), want)


def check_constant(record: Op, sample: Sample) -> None:
    """No operation of kind CONSTANT is recorded; none at all is under `no_grad`."""
    case = Case(record, sample)
    if record.kind is Kind.CONSTANT:
        for y in case.call(active(case.floats)):
            assert not recorded(y), "recorded"
    with tg.no_grad():
        leaves = active(case.floats)
        for y in case.call(leaves):
            assert not recorded(y) or y.is_leaf, "recorded under no_grad"


# -------------------------------------------------------------------------------- gradients
def check_gradient(record: Op, sample: Sample) -> None:
    """The gradient is the slope of the value, in the leaf's shape and dtype."""
    case = Case(record, sample)
    weights = normals(case.values(), seed=1)
    grads = reverse(case, weights)
    for x, g in zip(case.floats, grads, strict=True):
        assert g.shape == x.shape, f"gradient of shape {g.shape} for a leaf of {x.shape}"
        assert g.dtype == x.dtype, f"gradient of dtype {g.dtype} for a leaf of {x.dtype}"
    _check_memory(grads, [*case.floats, *weights, *map(np.asarray, case.values())])

    def projected(direction: Arrays, t: float) -> float:
        return dot(case.values(moved(case.floats, direction, t)), weights)

    for v in directions(case.floats, seed=2):
        scale = dot(map(np.abs, grads), map(np.abs, v))
        is_slope(dot(grads, v), partial(projected, v), "gradient", scale)


def _check_memory(grads: Arrays, others: Arrays) -> None:
    for i, g in enumerate(grads):
        for other in (*grads[:i], *others):
            assert not np.may_share_memory(g, other), "a gradient shares memory"


def check_partial(record: Op, sample: Sample) -> None:
    """Beside constants (arrays, or tensors that require none) each gradient is the same."""
    case = Case(record, sample)
    weights = normals(case.values(), seed=3)
    grads = reverse(case, weights)
    if len(case.floats) < 2:
        return
    for i, want in enumerate(grads):
        (got,) = reverse(case, weights, only=[i])
        close(got, want, EXACT, f"gradient of argument {i} beside arrays")
        mixed = [x if j == i else tg.tensor(x) for j, x in enumerate(case.floats)]
        mixed[i] = active([mixed[i]])[0]
        send(case.call(mixed), weights)
        close(gradient(mixed[i]), want, EXACT, f"gradient of argument {i} beside constants")
        assert all(x.grad is None for j, x in enumerate(mixed) if j != i)


def check_linear(record: Op, sample: Sample) -> None:
    """A rule is linear in the gradient that arrives, and does not write into it."""
    case = Case(record, sample)
    leaves = active(case.floats)
    outputs = [y for y in float_outputs(case.call(leaves)) if recorded(y)]

    def pulled(weights: Arrays) -> Arrays:
        found = pull(outputs, weights, leaves)
        return [np.asarray(found.get(x, np.zeros(x.shape))) for x in leaves]

    if not outputs:
        return
    payloads = [np.asarray(y) for y in outputs]
    first, second = normals(payloads, seed=4), normals(payloads, seed=5)
    one, two = pulled(first), pulled(second)
    for factor in (0.0, -1.0, 2.0**300, 2.0**-300):
        got = pulled([factor * w for w in first])
        for g, h in zip(got, one, strict=True):
            largest = np.abs(h).max(initial=0.0) * factor
            assert np.abs(g - factor * h).max(initial=0.0) <= abs(EXACT * largest), (
                f"not linear in the gradient that arrives: factor {factor}, got\n{g}\nfor\n{h}"
            )
    both = pulled([a + b for a, b in zip(first, second, strict=True)])
    for g, a, b in zip(both, one, two, strict=True):
        scale = np.abs(a).max(initial=0.0)
        close(g, a + b, EXACT, "pulled sum beside sum of pulled", scale)


def check_forward(record: Op, sample: Sample) -> None:
    """Forward mode gives the slope along a tangent, and agrees with reverse mode."""
    case = Case(record, sample)
    if not case.floats or record.kind is Kind.CONSTANT or not case.values():
        return
    weights = normals(case.values(), seed=6)

    def function(*floats: Any) -> Any:
        return tuple(float_outputs(case.call(floats)))

    outputs, pullback = tg.vjp(function, *map(tg.tensor, case.floats))
    for got, want in zip(outputs, case.values(), strict=True):
        close(got, want, EXACT, "value of tg.vjp")
    pulled = [np.asarray(g) for g in flatten(pullback(tuple(weights)))]
    everywhere = [normals(case.floats, seed=7)] if len(case.floats) > 1 else []
    for v in (*everywhere, *directions(case.floats, seed=8, spots=0)):
        _, tangents = tg.jvp(function, tuple(case.floats), tuple(v))
        tangents = [np.asarray(t) for t in flatten(tangents)]
        for y, t in zip(case.values(), tangents, strict=True):
            assert t.shape == y.shape and t.dtype == y.dtype, f"tangent {t.shape} {t.dtype}"
        scale = dot(map(np.abs, pulled), map(np.abs, v))
        close(dot(tangents, weights), dot(pulled, v), EXACT, "forward beside reverse", scale)


# ------------------------------------------------------------------------------ second order
def check_second_order(record: Op, sample: Sample) -> None:
    """The gradient of a gradient is the slope of that gradient, for all arguments and for each."""
    case = Case(record, sample)
    everything = list(range(len(case.floats)))
    subsets = [everything, *([i] for i in everything)] if len(everything) > 1 else [everything]
    for only in subsets:
        _check_second_order(case, only)


def _check_second_order(case: Case, only: Sequence[int]) -> None:
    weights = normals(case.values(), seed=9)
    chosen = [case.floats[i] for i in only]
    probes = normals(chosen, seed=10)
    twice, pushed = second_order(case, only, weights, probes)

    def full(direction: Arrays) -> Arrays:
        parts = dict(zip(only, direction, strict=True))
        return [parts.get(i, np.zeros(x.shape)) for i, x in enumerate(case.floats)]

    def probed(direction: Arrays, t: float) -> float:
        return dot(reverse(case, weights, moved(case.floats, direction, t), only), probes)

    for v in directions(chosen, seed=11, spots=1):
        scale = dot(map(np.abs, twice), map(np.abs, v))
        is_slope(dot(twice, v), partial(probed, full(v)), "second order", scale)
    along = full(probes)
    for i, got in enumerate(pushed):
        is_slope(got, lambda t, i=i: case.values(moved(case.floats, along, t))[i], "double pull")


def second_order(
    case: Case, only: Sequence[int], weights: Arrays, probes: Arrays
) -> tuple[Arrays, Arrays]:
    """Gradients of `<gradient, probe>` for the leaves and for the weights (that is J · probe)."""
    inputs = active(case.floats, only)
    leaves = [inputs[i] for i in only]
    seeds = active(weights)
    send(case.call(inputs), seeds, create_graph=True)
    firsts = [x.grad for x in leaves]
    for x in (*leaves, *seeds):
        x.grad = None
    for g, u in zip(firsts, probes, strict=True):
        if g is not None and g.requires_grad:
            (g * u).sum().backward(retain_graph=True)
    for x, g in zip((*leaves, *seeds), (*probes, *weights), strict=True):
        assert gradient(x).shape == g.shape and gradient(x).dtype == g.dtype
    return [gradient(x) for x in leaves], [gradient(w) for w in seeds]
