"""Normalising layers: equal to their formulas in every order, and particular about input."""

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.backends import normalization
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.ops.normalization import standardize

F = nn.functional


# ── The node is its formula ─────────────────────────────────────────────────────────────


def written_out(x: Any, *affine: Any, axes: Any, eps: float, centred: bool) -> Any:
    c = x - x.mean(axes, keepdims=True) if centred else x
    y = c / ((c * c).mean(axes, keepdims=True) + eps) ** 0.5
    if affine:
        y = y * affine[0]
    return y + affine[1] if len(affine) > 1 else y


def two_orders(function: Any, arrays: list[Any], static: Any) -> list[Any]:
    """Value, gradients, and gradients of a weighted sum of the gradients."""
    leaves = [tg.tensor(a, requires_grad=True) for a in arrays]
    y = function(*leaves, **static)
    weight = np.random.default_rng(5).standard_normal(y.shape)
    first = tg.autograd.grad((y * weight).sum(), leaves, create_graph=True)
    rng = np.random.default_rng(6)
    total = sum((g * rng.standard_normal(g.shape)).sum() for g in first)
    second = tg.autograd.grad(total, leaves, allow_unused=True)
    second = [np.zeros(a.shape) if g is None else g for g, a in zip(second, arrays, strict=True)]
    return [np.asarray(t.detach() if hasattr(t, "detach") else t) for t in (y, *first, *second)]


@given(data=st.data())
def test_one_node_equals_the_formula_to_second_order(data: Any):
    draw = data.draw
    shape = tuple(draw(st.lists(st.integers(1, 4), min_size=2, max_size=4)))
    ndim = len(shape)
    last = tuple(range(draw(st.integers(0, ndim - 1)), ndim))
    axes = draw(st.sampled_from([last, (0, *range(2, ndim)), (0,), (1,)]))
    sides = [
        shape[1:],
        tuple(1 if i in axes else n for i, n in enumerate(shape))[1:],
        tuple(n if draw(st.booleans()) else 1 for n in shape),
    ]
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    side = draw(st.sampled_from(sides))
    arrays = [rng.standard_normal(shape) + draw(st.sampled_from([0.0, 4.0]))]
    arrays += [rng.standard_normal(side) for _ in range(draw(st.integers(0, 2)))]
    static = {
        "axes": axes,
        "eps": draw(st.sampled_from([1e-2, 0.5])),
        "centred": draw(st.booleans()),
    }
    got, want = (two_orders(f, arrays, static) for f in (standardize, written_out))
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-8 * max(1.0, np.abs(b).max(initial=0)))


def test_a_weight_for_every_number_over_axes_that_are_not_the_last():
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal((2, 2, 1)) for _ in range(3)]
    static = {"axes": (0, 2), "eps": 0.1, "centred": False}
    both = (two_orders(f, arrays, static) for f in (standardize, written_out))
    for got, want in zip(*both, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("block", [1, 12, 40])
def test_how_many_rows_are_worked_on_at_a_time_changes_nothing(block: int, monkeypatch: Any):
    rng = np.random.default_rng(3)
    arrays = [rng.standard_normal(shape) for shape in ((7, 5), (5,), (5,))]
    static = {"axes": (1,), "eps": 0.1, "centred": True}
    want = two_orders(standardize, arrays, static)
    monkeypatch.setattr(normalization, "_BLOCK", block)
    for got, expected in zip(two_orders(standardize, arrays, static), want, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-12, atol=1e-13)


def test_a_layer_norm_is_one_node():
    x = tg.tensor(np.ones((3, 4)), requires_grad=True)
    y = nn.LayerNorm(4).double()(x)
    assert y.inputs[0] is x


@pytest.mark.parametrize("mean", [0.0, 1e3, 1e5])
def test_the_variance_does_not_cancel(mean: float, rng: Any):
    x = (rng.standard_normal((64, 256)) + mean).astype(np.float32)
    wide = x.astype(np.float64)
    want = (wide - wide.mean(-1, keepdims=True)) / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    got = np.asarray(F.layer_norm(tg.tensor(x), 256))
    assert np.abs(got - want).max() < 2e-6 * max(1.0, mean)


@pytest.mark.parametrize("shape", [(3, 5000), (5000, 3), (2500, 3, 2)])
def test_long_axes(shape: Any, rng: Any):
    x = rng.standard_normal(shape).astype(np.float32)
    axes = (0, *range(2, len(shape)))
    for over in ((1,), axes):
        wide = x.astype(np.float64)
        want = (wide - wide.mean(over, keepdims=True)) / wide.std(over, keepdims=True)
        got = standardize(x, axes=over, eps=0.0)
        np.testing.assert_allclose(got, want, rtol=1e-3, atol=1e-4)


LAYERS: dict[str, Any] = {
    "LayerNorm": (lambda: nn.LayerNorm((2, 3)), (4, 2, 3)),
    "RMSNorm": (lambda: nn.RMSNorm(3, eps=1e-3), (4, 2, 3)),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), (2, 4, 3)),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(2, affine=True), (3, 2, 4)),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(3, track_running_stats=False), (4, 3)),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(2, track_running_stats=False), (2, 2, 2, 2)),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(3, alpha=0.5), (2, 4, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_gradients(name: str, rng: Any):
    make, shape = LAYERS[name]
    layer = make().double()
    for p in layer.parameters():
        p.data = rng.standard_normal(p.shape)
    x = tg.tensor(rng.standard_normal(shape), requires_grad=True)
    weight = rng.standard_normal(shape)

    def loss() -> Any:
        return (layer(x) * weight).sum()

    check(loss, [x, *layer.parameters()])


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", LAYERS)
def test_dtype_is_kept(name: str, dtype: str, rng: Any):
    make, shape = LAYERS[name]
    layer, wide = make().to(dtype), make().double()
    x = rng.standard_normal(shape).astype(dtype)
    leaf = tg.tensor(x, requires_grad=True)
    y = layer(leaf)
    y.sum().backward()
    assert y.dtype == leaf.grad.dtype == dtype
    assert all(p.grad.dtype == dtype for p in layer.parameters())
    error = np.abs(np.asarray(y.detach(), float) - np.asarray(wide(tg.tensor(x, dtype="float64"))))
    assert error.max() < (5e-3 if dtype == "float16" else 1e-5)


def test_float16_does_not_overflow():
    x = tg.tensor(np.full((2, 4096), 300.0, np.float16), requires_grad=True)
    y = F.rms_norm(x, 4096)
    y.sum().backward()
    assert np.isfinite(np.asarray(x.grad)).all()
    np.testing.assert_allclose(np.asarray(y.detach()), 1, rtol=1e-2)


# ── Running numbers ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("as_tensor", [True, False])
def test_the_running_arrays_given_are_written(kind: str, as_tensor: bool, rng: Any):
    torch = pytest.importorskip("torch")
    x = rng.standard_normal((3, 2, 4))
    mean, variance = rng.standard_normal(2), rng.uniform(0.5, 2, 2)
    ours = [tg.tensor(a) if as_tensor else a.copy() for a in (mean, variance)]
    theirs = [torch.tensor(a) for a in (mean, variance)]
    for training in (True, False, True):
        y = getattr(F, kind)(tg.tensor(x), *ours, None, None, training, 0.3)
        z = getattr(torch.nn.functional, kind)(torch.tensor(x), *theirs, None, None, training, 0.3)
        np.testing.assert_allclose(np.asarray(y), z.numpy(), rtol=1e-10, atol=1e-12)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(np.asarray(a), b.numpy(), rtol=1e-10)


def test_momentum_none_is_the_mean_of_all_batches(rng: Any):
    layer = nn.BatchNorm1d(3, momentum=None).double()
    batches = rng.standard_normal((5, 8, 3)) + 2
    for batch in batches:
        layer(tg.tensor(batch))
    np.testing.assert_allclose(np.asarray(layer.running_mean), batches.mean((0, 1)))
    np.testing.assert_allclose(
        np.asarray(layer.running_var), batches.var(1, ddof=1).mean(0), rtol=1e-12
    )
    assert layer.num_batches_tracked.item() == 5
    assert layer.num_batches_tracked.dtype == "int64"
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0, 0, 0] and layer.running_var.tolist() == [1, 1, 1]


def test_an_earlier_graph_keeps_the_running_numbers_it_used(rng: Any):
    layer = nn.BatchNorm1d(2).double()
    x = tg.tensor(rng.standard_normal((4, 2)), requires_grad=True)
    y = layer.eval()(x).sum()
    layer.train()(x)
    y.backward()
    np.testing.assert_allclose(np.asarray(x.grad), 1 / np.sqrt(1 + 1e-5))


def test_nothing_changes_in_evaluation_or_after_a_refusal(rng: Any):
    layer = nn.BatchNorm1d(2)
    before = layer.state_dict()
    layer.eval()(tg.tensor(rng.standard_normal((4, 2))))
    with pytest.raises(ShapeError):
        layer.train()(tg.tensor([[1.0, 2.0]]))
    after = layer.state_dict()
    assert all(np.array_equal(before[k], after[k]) for k in before)


def test_a_copy_has_running_numbers_of_its_own(rng: Any):
    layer = nn.BatchNorm1d(2)
    other = copy.deepcopy(layer)
    other(tg.tensor(rng.standard_normal((4, 2))))
    assert layer.running_mean.tolist() == [0, 0] and layer.num_batches_tracked.item() == 0


# ── Input ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: nn.BatchNorm1d(3)(tg.ones((1, 3))),
            ShapeError,
            ["one value", "drop_last", "eval"],
        ),
        (lambda: nn.BatchNorm1d(3)(tg.ones((0, 3))), ShapeError, ["no values", "(0, 3)"]),
        (lambda: nn.BatchNorm2d(3)(tg.ones((1, 3, 1, 1))), ShapeError, ["one value"]),
        (lambda: nn.BatchNorm2d(3)(tg.ones((2, 3))), ShapeError, ["(2, 3)", "expected 4"]),
        (lambda: nn.BatchNorm1d(3)(tg.ones((2, 3, 4, 4))), ShapeError, ["BatchNorm2d"]),
        (lambda: nn.BatchNorm1d(3)(tg.ones((2, 4))), ShapeError, ["(2, 4)", "num_features=3"]),
        (lambda: nn.BatchNorm1d(3)(tg.ones((2, 3)).astype(int)), DTypeError, ["int64", "astype"]),
        (lambda: nn.BatchNorm1d(-1), OptionError, ["num_features=-1"]),
        (lambda: nn.BatchNorm1d(2, eps=-1.0), OptionError, ["eps=-1.0"]),
        (lambda: nn.BatchNorm1d(2, momentum=1.5), OptionError, ["momentum=1.5"]),
        (lambda: nn.InstanceNorm1d(2)(tg.ones((3, 2, 1))), ShapeError, ["one place"]),
        (lambda: nn.InstanceNorm2d(2)(tg.ones((2, 2))), ShapeError, ["expected 3 or 4"]),
        (lambda: nn.GroupNorm(4, 6), OptionError, ["num_groups=4", "1, 2, 3, 6"]),
        (lambda: nn.GroupNorm(0, 6), OptionError, ["num_groups=0"]),
        (lambda: F.group_norm(tg.ones((1, 2)), 2), ShapeError, ["one value"]),
        (lambda: nn.GroupNorm(2, 4)(tg.ones((2, 6))), ShapeError, ["(2, 6)", "(4,)"]),
        (lambda: nn.LayerNorm(3)(tg.ones((2, 4))), ShapeError, ["(2, 4)", "(3,)"]),
        (lambda: nn.LayerNorm((2, 3))(tg.ones((3,))), ShapeError, ["(3,)", "(2, 3)"]),
        (lambda: nn.LayerNorm(()), OptionError, ["normalized_shape=()"]),
        (lambda: nn.LayerNorm(3, eps=float("nan")), OptionError, ["eps=nan"]),
        (lambda: F.layer_norm(tg.ones((2, 3)), 3, tg.ones((2,))), ShapeError, ["(2,)", "(3,)"]),
        (lambda: F.batch_norm(tg.ones((2, 3)), None, None), OptionError, ["training=True"]),
        (
            lambda: F.batch_norm(tg.ones((2, 3)), tg.ones(2), tg.ones(3)),
            ShapeError,
            ["(2,)", "(3,)"],
        ),
        (lambda: nn.LocalResponseNorm(0), OptionError, ["size=0"]),
        (lambda: F.local_response_norm(tg.ones((2, 3)), 2), ShapeError, ["(2, 3)"]),
    ],
)
def test_bad_input(call: Any, error: Any, words: list[str]):
    with pytest.raises(error) as raised:
        call()
    assert all(word in str(raised.value) for word in words), str(raised.value)


@pytest.mark.parametrize("layer", [nn.LayerNorm(3), nn.RMSNorm(3), nn.BatchNorm1d(3).eval()])
def test_an_empty_batch(layer: Any):
    x = tg.tensor(np.zeros((0, 3), np.float32), requires_grad=True)
    y = layer(x)
    y.sum().backward()
    assert y.shape == x.grad.shape == (0, 3)
