"""What is asked of every operation about dtypes, layouts and the ways in which it can be called."""

from collections.abc import Callable
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.ops.case import Arrays, Case, active, normals, reverse
from tests.ops.checks import EXACT, close, numpy_functions, second_order
from tinygrad_nn.core.op import Kind, Op
from tinygrad_nn.core.samples import Sample
from tinygrad_nn.errors import DTypeError, OperandError

SINGLE = 1e-4
HALF = 2e-2


# ------------------------------------------------------------------------- dtypes and layouts
def check_single(record: Op, sample: Sample) -> None:
    """float32 stays float32, values and gradients, and agrees with float64."""
    _check_precision(record, sample, np.float32, SINGLE)


def check_half(record: Op, sample: Sample) -> None:
    """float16 stays float16, or is refused as NumPy refuses it in linear algebra."""
    with np.errstate(all="ignore"):
        try:
            _check_precision(record, sample, np.float16, HALF)
        except (OperandError, DTypeError) as refusal:
            assert "float16" in str(refusal), f"refused without a reason: {refusal}"


def _check_precision(record: Op, sample: Sample, dtype: Any, tolerance: float) -> None:
    case = Case(record, sample)
    narrow = [x.astype(dtype) for x in case.floats]
    exact = [x.astype(np.float64) for x in narrow]
    want = case.values(exact)
    got = case.values(narrow)
    expected = [dtype] * len(want)
    if "dtype" in case.params or record.key.startswith("_"):
        # An operation that converts, or a part of one, which may.
        expected = [y.dtype for y in got]
    elif functions := numpy_functions(record):
        judged = _accepted(case, functions[0], narrow)
        expected = expected if judged is None else judged
    for y, z, kind in zip(got, want, expected, strict=True):
        assert y.dtype == kind, f"{np.dtype(dtype)} gave {y.dtype}, expected {np.dtype(kind)}"
        _near(y, z, tolerance, f"value in {np.dtype(dtype)}")
    weights = normals(got, seed=12)
    grads = reverse(case, weights, narrow)
    wide = reverse(case, [w.astype(v.dtype) for w, v in zip(weights, want, strict=True)], exact)
    for g, h in zip(grads, wide, strict=True):
        assert g.dtype == dtype, f"gradient of dtype {g.dtype} for a leaf of {np.dtype(dtype)}"
        assert g.shape == h.shape
        if dtype is not np.float16:
            _near(g, h, tolerance, f"gradient in {np.dtype(dtype)}")


def _near(got: Any, want: Any, tolerance: float, what: str) -> None:
    """Close where the narrow format can hold the number."""
    held = np.isfinite(got) | ~(np.abs(want) > np.finfo(got.dtype).max / 2)
    close(got[held], want[held], tolerance, what)


def _accepted(case: Case, function: Callable[..., Any], floats: Arrays) -> list[Any] | None:
    """Dtypes of NumPy's float results; None where it refuses such arrays."""
    try:
        found = [np.asarray(y) for y in case.call(floats, function)]
    except TypeError:
        return None
    return [y.dtype for y in found if y.dtype.kind == "f"]


LAYOUTS: dict[str, Callable[[Any], Any]] = {
    "transposed": lambda x: np.array(x.T, order="C").T,
    "strided": lambda x: np.repeat(x, 2, axis=-1)[..., ::2] if x.ndim else x,
    "reversed": lambda x: np.flip(np.flip(x).copy()),
}


def check_layout(record: Op, sample: Sample) -> None:
    """Strides make no difference."""
    case = Case(record, sample)
    want = case.values()
    weights = normals(want, seed=13)
    grads = reverse(case, weights)
    for name, layout in LAYOUTS.items():
        floats = [layout(x) for x in case.floats]
        for y, z in zip(case.values(floats), want, strict=True):
            close(y, z, EXACT, f"value for {name} arrays")
        for g, h in zip(reverse(case, weights, floats), grads, strict=True):
            close(g, h, EXACT, f"gradient for {name} arrays")


# ------------------------------------------------------------------------ other ways to call it
def check_protocol(record: Op, sample: Sample) -> None:
    """NumPy's own function, given tensors, gives tensors with the same value and gradient."""
    case = Case(record, sample)
    for function in numpy_functions(record):
        _check_same(case, function, f"numpy.{function.__name__}")


def check_public(record: Op, sample: Sample) -> None:
    """The public function, where it is not the operation itself, does the same."""
    function = getattr(tg, record.name, None)
    if function is not None and function is not record.call and not record.variadic:
        _check_same(Case(record, sample), _by_name(record, function), f"tg.{record.name}")


def check_method(record: Op, sample: Sample) -> None:
    """The method of the same name does the same."""
    case = Case(record, sample)
    first = case.arguments(active(case.floats))[:1]
    method = getattr(tg.Tensor, record.name, None)
    if first and isinstance(first[0], tg.Tensor) and callable(method):
        if method is not record.call:
            if record.variadic:
                return  # its arguments are not those of the operation
            method = _by_name(record, method)
        _check_same(case, method, "the method")


def _by_name(record: Op, function: Callable[..., Any]) -> Callable[..., Any]:
    """`function`, which has the operation's arguments in another order, called by their names."""
    names = record.data[1:]
    return lambda x, *args, **kw: function(x, **dict(zip(names, args, strict=True)), **kw)


def _check_same(case: Case, function: Callable[..., Any], what: str) -> None:
    if not case.floats:
        return
    want = case.call(case.floats)
    for y, z in zip(case.call(active(case.floats), function), want, strict=True):
        if isinstance(z, (np.ndarray, np.generic)):
            # Where there is no gradient to lose, NumPy may answer with its own number.
            answered = isinstance(y, tg.Tensor) or case.record.kind is Kind.CONSTANT
            assert answered, f"{what} on tensors gave a {type(y).__name__}"
            np.testing.assert_array_equal(np.asarray(y), z)
    weights = normals(case.values(), seed=14)
    grads = reverse(case, weights)
    for g, h in zip(reverse(case, weights, function=function), grads, strict=True):
        close(g, h, EXACT, f"gradient by {what}")


def check_scalar(record: Op, sample: Sample) -> None:
    """On Values: a float result, with the value and both derivatives of 0-d tensors."""
    case = Case(record, sample)
    assert all(isinstance(x, np.ndarray) and not x.ndim for x in case.arguments(case.floats))
    plain_args, params = sample
    on_values = Case(record, (tuple(map(_plain, plain_args)), params))
    on_values.slots = case.slots
    values = [tg.Value(float(x)) for x in case.floats]
    plain = on_values.call([float(x) for x in case.floats])[0]
    y = on_values.call(values)[0]
    want = case.call(case.floats)[0]
    if not isinstance(y, tg.Value):
        assert record.kind is Kind.CONSTANT, f"Values gave a {type(y).__name__}"
        return
    assert isinstance(y.data, float) and not isinstance(plain, tg.Value)
    close(y.data, np.float64(want), EXACT, "value on Values")
    close(float(plain), np.float64(want), EXACT, "value on floats")
    if not y.requires_grad:
        assert record.kind is Kind.CONSTANT or not values, "not recorded on Values"
        return
    weight = np.float64(0.75)
    y.backward(float(weight))
    for v, g in zip(values, reverse(case, [weight]), strict=True):
        close(v.grad, g, EXACT, "derivative on Values")
    _check_scalar_second_order(case, on_values, weight)


def _plain(x: Any) -> Any:
    """A condition or index as a Python number, which is what goes with Values."""
    return x.item() if isinstance(x, (np.ndarray, np.generic)) and x.dtype.kind != "f" else x


def _check_scalar_second_order(case: Case, on_values: Case, weight: Any) -> None:
    values = [tg.Value(float(x)) for x in case.floats]
    on_values.call(values)[0].backward(float(weight), create_graph=True)
    firsts = [v.grad for v in values]
    for v in values:
        v.grad = None
    for g in firsts:
        if isinstance(g, tg.Value) and g.requires_grad:
            g.backward()
    ones = [np.ones(()) for _ in values]
    twice, _ = second_order(case, range(len(values)), [weight], ones)
    for v, h in zip(values, twice, strict=True):
        got = v.grad.data if isinstance(v.grad, tg.Value) else v.grad
        close(got, h, EXACT, "second derivative on Values")
