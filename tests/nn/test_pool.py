"""Pooling beside the parity suite: layouts, orders of derivatives, dtypes, ties, and messages."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.backends import array as kernels
from tinygrad_nn.errors import DTypeError, OptionError, PositionError, ShapeError
from tinygrad_nn.ops.pooling import Window

F = nn.functional


def brute_max(x: np.ndarray, windows: tuple[Window, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Maxima and flat positions by a loop over all windows: written to be read, not to be quick."""
    dims = len(windows)
    sides = x.shape[-dims:]
    shape = (*x.shape[:-dims], *[w.number for w in windows])
    y, index = np.zeros(shape), np.zeros(shape, int)
    for place in np.ndindex(shape):
        best, where = -np.inf, 0
        for offset in np.ndindex(*[w.size for w in windows]):
            at = tuple(
                i * w.stride - w.padding + k * w.dilation
                for i, k, w in zip(place[-dims:], offset, windows, strict=True)
            )
            if all(0 <= a < n for a, n in zip(at, sides, strict=True)):
                value = x[(*place[:-dims], *at)]
                if value > best:
                    best, where = value, int(np.ravel_multi_index(at, sides))
        y[place], index[place] = best, where
    return y, index


@st.composite
def grids(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[Window, ...]]:
    sides, windows = [], []
    for _ in range(draw(st.integers(1, 3))):
        size, gap = draw(st.integers(1, 3)), draw(st.integers(1, 2))
        padding = draw(st.integers(0, size // 2)) if gap == 1 else 0
        side = gap * (size - 1) + 1 + draw(st.integers(0, 4))
        stride = draw(st.integers(1, 3))
        number = (side + 2 * padding - gap * (size - 1) - 1) // stride + 1
        sides.append(side)
        windows.append(Window(size, stride, padding, gap, number))
    return tuple(sides), tuple(windows)


@given(grid=grids(), seed=st.integers(0, 999), ties=st.booleans())
def test_max_pool_is_the_loop_over_windows(grid, seed, ties):
    sides, windows = grid
    x = np.random.default_rng(seed).standard_normal((2, *sides))
    x = np.round(x) if ties else x
    y, index = brute_max(x, windows)
    got = kernels.max_pool(x, windows)
    winner = kernels.pool_winner(x, got, windows)
    np.testing.assert_array_equal(got, y)
    np.testing.assert_array_equal(kernels.pool_index(winner, windows, sides), index)
    g = np.random.default_rng(seed + 1).standard_normal(y.shape)
    expected = np.zeros((2, int(np.prod(sides))))
    np.add.at(expected, (np.arange(2)[:, None], index.reshape(2, -1)), g.reshape(2, -1))
    placed = kernels.pool_place(g, winner, windows, sides)
    np.testing.assert_allclose(placed, expected.reshape(2, *sides), atol=1e-12)


@pytest.mark.parametrize("kernel", [2, 3, (1, 2)])
def test_the_batch_may_stand_last_in_memory(kernel, rng):
    """What the convolutions make: (C, H, W, N) in memory below (N, C, H, W)."""
    x = rng.standard_normal((4, 6, 6, 5)).astype(np.float32)
    inner = x.transpose(3, 0, 1, 2)
    results = []
    for array in (inner, np.ascontiguousarray(inner)):
        t = tg.tensor(array, requires_grad=True)
        y = F.max_pool2d(t, kernel)
        (y * y).sum().backward()
        results.append((np.asarray(y), np.asarray(t.grad)))
    for a, b in zip(*results, strict=True):
        np.testing.assert_array_equal(a, b)
    windows = (Window(2, 2, 0, 1, 3), Window(2, 2, 0, 1, 2))
    y = kernels.max_pool(inner, windows)
    assert y.strides[0] == y.itemsize, "the batch is innermost no longer"
    winner = kernels.pool_winner(inner, y, windows)
    back = kernels.pool_place(y, winner, windows, inner.shape[2:])
    assert back.strides[0] == back.itemsize


def test_ties_send_the_gradient_to_the_first_maximum():
    x = tg.tensor(np.ones((1, 1, 4, 4)), requires_grad=True)
    F.max_pool2d(x, 2).sum().backward()
    expected = np.zeros((4, 4))
    expected[::2, ::2] = 1
    np.testing.assert_array_equal(np.asarray(x.grad)[0, 0], expected)


def test_padding_is_never_the_maximum():
    x = -np.ones((1, 1, 3, 3))
    y, index = F.max_pool2d(tg.tensor(x), 3, 2, 1, return_indices=True)
    assert np.asarray(y).max() == -1
    np.testing.assert_array_equal(np.asarray(index)[0, 0], [[0, 1], [3, 4]])
    low = tg.tensor(np.full((1, 1, 4), -np.inf))
    y, index = F.max_pool1d(low, 2, padding=1, return_indices=True)
    assert np.isneginf(np.asarray(y)).all()
    np.testing.assert_array_equal(np.asarray(index)[0, 0], [0, 1, 3])


def test_nan_is_the_maximum_and_gets_the_gradient():
    x = tg.tensor(np.array([[[1.0, np.nan, 2.0, 0.0, 3.0]]]), requires_grad=True)
    y = F.max_pool1d(x, 3, 2, 1)
    np.testing.assert_array_equal(np.isnan(np.asarray(y))[0, 0], [True, True, False])
    y.sum().backward()
    np.testing.assert_array_equal(np.asarray(x.grad)[0, 0], [0, 2, 0, 0, 1])


CALLS = {
    "max": lambda x: F.max_pool2d(x, 3, 2, 1),
    "avg": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False, ceil_mode=True),
    "lp": lambda x: F.lp_pool2d(x, 3, 2),
    "adaptive avg": lambda x: F.adaptive_avg_pool2d(x, (2, 3)),
    "adaptive max": lambda x: F.adaptive_max_pool2d(x, (2, 3)),
    "fractional": lambda x: F.fractional_max_pool2d(x, 2, output_size=3, rng=0),
    "unpool": lambda x: F.max_unpool2d(
        *F.max_pool2d(x, 2, return_indices=True), 2, output_size=(5, 5)
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_second_order(name, rng):
    """The gradient of the square of the gradient, by differences."""
    x = tg.tensor(rng.uniform(0.5, 2.0, (2, 1, 5, 5)), requires_grad=True)
    weights = rng.standard_normal(np.asarray(CALLS[name](x)).shape)

    def loss():
        y = CALLS[name](x)
        (g,) = tg.autograd.grad((y * y * weights).sum(), [x], create_graph=True)
        return (g * g).sum()

    check(loss, [x], tolerance=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", CALLS)
def test_dtype_is_kept(name, dtype, rng):
    x = tg.tensor(rng.uniform(0.5, 2.0, (2, 1, 5, 5)).astype(dtype), requires_grad=True)
    y = CALLS[name](x)
    y.sum().backward()
    assert y.dtype == dtype
    assert x.grad.dtype == dtype


def test_means_of_float16_are_added_up_in_float32():
    x = tg.tensor(np.full((1, 1, 4096), 1.0, np.float16))
    assert F.avg_pool1d(x, 4096).item() == 1
    assert F.adaptive_avg_pool1d(x, 1).item() == 1


@pytest.mark.parametrize("name", CALLS)
def test_empty_batch(name):
    x = tg.tensor(np.zeros((0, 3, 5, 5)), requires_grad=True)
    y = CALLS[name](x)
    assert y.shape[:2] == (0, 3)
    y.sum().backward()
    assert x.grad.shape == x.shape


def test_forward_mode(rng):
    x, t = rng.standard_normal((2, 1, 2, 6, 6))
    for call in (lambda x: F.max_pool2d(x, 2), lambda x: F.avg_pool2d(x, 3, 1, 1)):
        _, tangent = tg.jvp(call, (x,), (t,))
        step = 1e-6
        above, below = (np.asarray(call(tg.tensor(x + s * t))) for s in (step, -step))
        np.testing.assert_allclose(np.asarray(tangent), (above - below) / (2 * step), atol=1e-6)


def test_random_windows_repeat_by_seed():
    x = np.random.default_rng(0).standard_normal((2, 3, 9, 9))
    layers = [nn.FractionalMaxPool2d(2, output_ratio=0.6, rng=7) for _ in range(2)]
    first, second = (np.asarray(layer(tg.tensor(x))) for layer in layers)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first, np.asarray(layers[0](tg.tensor(x)))), "drawn once only"


def test_integers_have_maxima():
    y, index = F.max_pool2d(np.arange(16).reshape(1, 1, 4, 4), 2, padding=1, return_indices=True)
    assert y.dtype.kind == "i"
    np.testing.assert_array_equal(np.asarray(y), np.asarray(index))


IMAGE = np.zeros((1, 2, 4, 4))
BAD = [
    (lambda: F.max_pool2d(np.zeros((4, 4)), 2), ShapeError, r"\(N, C, H, W\) or \(C, H, W\)"),
    (lambda: F.max_pool2d(IMAGE, 5), ShapeError, r"\(1, 2, 4, 4\).*0 windows"),
    (lambda: F.max_pool2d(IMAGE, 2, padding=2), OptionError, "at most half of the kernel, 1"),
    (lambda: F.max_pool2d(IMAGE, 2.0), OptionError, "kernel_size=2.0"),
    (lambda: F.max_pool2d(IMAGE, True), OptionError, "kernel_size=True"),
    (lambda: F.max_pool2d(IMAGE, (2, 2, 2)), OptionError, "an integer or 2 of them"),
    (lambda: F.max_pool2d(IMAGE, 2, stride=0), OptionError, "stride=0.*at least 1"),
    (lambda: F.max_pool2d(IMAGE, 2, dilation=0), OptionError, "dilation=0"),
    (lambda: F.max_pool2d(IMAGE > 0, 2), DTypeError, "bool"),
    (lambda: F.avg_pool2d(IMAGE.astype(int), 2), DTypeError, "int64"),
    (lambda: F.avg_pool2d(IMAGE, 2, divisor_override=0), OptionError, "divisor_override=0"),
    (lambda: F.lp_pool1d(np.zeros((1, 4)), 0, 2), OptionError, "norm_type=0"),
    (lambda: F.adaptive_avg_pool2d(IMAGE, -1), OptionError, "at least 0"),
    (lambda: F.adaptive_avg_pool2d(IMAGE, (1, 2, 3)), OptionError, "or 2 of them"),
    (lambda: F.adaptive_max_pool2d(np.zeros((1, 1, 0, 2)), 1), ShapeError, r"\(1, 1, 0, 2\)"),
    (lambda: F.fractional_max_pool2d(IMAGE, 2), OptionError, "exactly one"),
    (lambda: F.fractional_max_pool2d(IMAGE, 2, output_size=4), ShapeError, "4 windows of 2"),
    (lambda: F.fractional_max_pool2d(IMAGE, 2, output_ratio=1.5), OptionError, "between 0 and 1"),
    (lambda: nn.FractionalMaxPool2d(2, 2, 0.5), OptionError, "exactly one"),
    (lambda: nn.MaxPool2d(2, padding=2), OptionError, "MaxPool2d: got padding=2"),
    (lambda: nn.AdaptiveAvgPool2d(1.5), OptionError, "AdaptiveAvgPool2d"),
    (lambda: F.max_unpool1d(np.ones((1, 2)), np.array([[0, 9]]), 2), PositionError, "index 9"),
    (lambda: F.max_unpool1d(np.ones((1, 2)), np.array([[0, -1]]), 2), PositionError, "index -1"),
    (lambda: F.max_unpool1d(np.ones((1, 2)), np.array([[0.0, 1.0]]), 2), DTypeError, "float64"),
    (lambda: F.max_unpool1d(np.ones((1, 2)), np.array([[0]]), 2), ShapeError, "same shape"),
    (
        lambda: F.max_unpool1d(np.ones((1, 2)), np.array([[0, 1]]), 2, output_size=9),
        OptionError,
        "between 2 and 6",
    ),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=range(len(BAD)))
def test_bad_input_is_explained(call, error, text):
    with pytest.raises(error, match=text):
        call()


# ------------------------------------------------------------------------------ planted faults


FAULTS = {
    "the last maximum": ("pool_winner", lambda f: lambda x, y, w: f(x[..., ::-1], y, w)),
    "padding counts": ("max_pool", lambda f: lambda x, w: np.maximum(f(x, w), 0)),
    "the place is shifted": ("pool_place", lambda f: lambda g, *a: np.roll(f(g, *a), 1, -1)),
    "overlaps are not added": (
        "pool_place",
        lambda f: lambda g, *a: np.where(f(np.ones_like(g), *a) > 1, 0, f(g, *a)),
    ),
    "the first axis is lost": ("pool_index", lambda f: lambda w, win, s: f(w, win, s) % s[-1]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault, monkeypatch):
    name, faulty = FAULTS[fault]
    monkeypatch.setattr(kernels, name, faulty(getattr(kernels, name)))
    check = test_max_pool_is_the_loop_over_windows.hypothesis.inner_test
    with pytest.raises(AssertionError):
        for seed, padding, ties in itertools.product(range(4), (0, 1), (False, True)):
            windows = (Window(2, 1, padding, 1, 4 + 2 * padding), Window(2, 1, 0, 1, 3))
            check(((5, 4), windows), seed, ties)


@pytest.mark.parametrize("sides", [2, 3, 4, 5, 9])
@pytest.mark.parametrize("place", range(7))
def test_an_infinite_number_stays_within_the_means_it_belongs_to(sides, place):
    torch = pytest.importorskip("torch")
    x = np.arange(7.0)[None, None]
    x[..., place] = np.inf
    found = F.adaptive_avg_pool1d(tg.tensor(x), sides)
    there = torch.nn.functional.adaptive_avg_pool1d(torch.tensor(x), sides)
    np.testing.assert_allclose(found.tolist(), there.tolist(), rtol=1e-12)
    # Back too: a gradient that is infinite reaches what was averaged, and is no NaN elsewhere.
    y = tg.tensor(np.arange(7.0)[None, None], requires_grad=True)
    g = np.ones((1, 1, sides))
    g[..., place % sides] = np.inf
    F.adaptive_avg_pool1d(y, sides).backward(tg.tensor(g))
    assert not np.isnan(y.grad.tolist()).any()


def test_resizing_does_not_spread_what_it_does_not_read():
    x = np.array([[[1.0, 2.0, np.inf, 4.0]]])
    found = F.interpolate(tg.tensor(x), size=7, mode="linear", align_corners=True)
    inf = np.inf
    np.testing.assert_allclose(found.tolist(), [[[1, 1.5, 2, inf, inf, inf, 4]]])
