"""Margins, resizing and places beside the parity suite: derivatives, dtypes and messages."""

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.backends import resample as tables
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError

F = nn.functional
IMAGE = np.zeros((1, 2, 4, 5))


def matrix(line: tuple, back: bool = False) -> np.ndarray:
    """The table of a line as a matrix (outputs, inputs)."""
    n, m = line[1], line[2]
    eye = np.eye(m if back else n)
    return (tables.resample_back if back else tables.resample)(eye, 0, line)


lines = st.integers(1, 9).flatmap(
    lambda n: st.one_of(
        st.tuples(
            st.sampled_from(["nearest", "nearest-exact"]),
            st.just(n),
            st.integers(1, 9),
            st.sampled_from([None, 0.4, 1.3]),
        ),
        st.tuples(
            st.sampled_from(["linear", "cubic"]),
            st.just(n),
            st.integers(1, 9),
            st.booleans(),
            st.sampled_from([None, 0.4, 1.3]),
        ),
        st.tuples(
            st.just("antialiased"),
            st.just(n),
            st.integers(1, 9),
            st.sampled_from(["linear", "cubic", "lanczos"]),
            st.booleans(),
            st.none(),
        ),
        st.tuples(st.just("area"), st.just(n), st.integers(1, 9)),
    )
)


@example(line=("nearest", 4, 2, None))  # reads every other element: the rest is bare
@given(line=lines)
def test_a_table_sums_up_to_one_and_its_transpose_is_one(line):
    forward = matrix(line)
    np.testing.assert_allclose(forward.sum(1), 1, atol=1e-12)
    np.testing.assert_allclose(matrix(line, back=True), forward.T, atol=1e-12)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@given(n=st.integers(2, 6), before=st.integers(-1, 5), after=st.integers(-1, 5))
def test_margins_are_numpys(mode, n, before, after):
    if max(before, after) > (n - 1 if mode == "reflect" else n) or n + before + after < 1:
        return
    if min(before, after) <= -n:
        return
    x = np.arange(float(n))[None]
    names = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    cut = x[:, max(-before, 0) : n - max(-after, 0)]
    expected = np.pad(x, ((0, 0), (max(before, 0), max(after, 0))), mode=names[mode])
    expected = expected[:, max(-before, 0) : expected.shape[1] - max(-after, 0)]
    got = np.asarray(F.pad(tg.tensor(x), (before, after), mode))
    np.testing.assert_array_equal(got, expected)
    assert cut.size


def test_pairs_run_from_the_last_axis():
    x = tg.tensor(np.zeros((2, 3, 4)))
    assert F.pad(x, (1, 2)).shape == (2, 3, 7)
    assert F.pad(x, (0, 0, 1, 2)).shape == (2, 6, 4)
    assert F.pad(x, (0, 0, 0, 0, 1, 2)).shape == (5, 3, 4)
    assert F.pad(x, ()).shape == (2, 3, 4)


def test_infinities_stay_where_they_are():
    """A weight of 0 that fills a table up reads nothing infinite."""
    g = np.array([[0.0, np.inf, 0.0]])
    x = tg.tensor(np.ones((1, 1, 2)), requires_grad=True)
    with np.errstate(invalid="ignore"):
        F.interpolate(x, size=3).backward(g[None])
    assert not np.isnan(np.asarray(x.grad)).any()


GRID = np.random.default_rng(0).uniform(-1.2, 1.2, (1, 3, 2, 2))
CALLS = {
    "reflect": lambda x: F.pad(x, (1, 2, -1, 3), "reflect"),
    "replicate": lambda x: F.pad(x, (1, 2, -1, 3), "replicate"),
    "circular": lambda x: F.pad(x, (1, 2, 0, 3), "circular"),
    "constant": lambda x: F.pad(x, (1, 2, -1, 3), value=2.0),
    "nearest": lambda x: F.interpolate(x, scale_factor=1.7),
    "area": lambda x: F.interpolate(x, size=3, mode="area"),
    "bilinear": lambda x: F.interpolate(x, size=(7, 3), mode="bilinear"),
    "bicubic": lambda x: F.interpolate(x, size=(7, 3), mode="bicubic", align_corners=True),
    "antialias": lambda x: F.interpolate(x, size=(2, 3), mode="bilinear", antialias=True),
    "grid bilinear": lambda x: F.grid_sample(x, GRID.astype(x.dtype)),
    "grid bicubic": lambda x: F.grid_sample(x, GRID.astype(x.dtype), "bicubic", "reflection"),
    "normalize": F.normalize,
    "unshuffle": lambda x: F.pixel_unshuffle(x, 2),
}


@pytest.mark.parametrize("name", CALLS)
def test_second_order(name, rng):
    x = tg.tensor(rng.uniform(0.5, 2.0, (1, 2, 4, 6)), requires_grad=True)
    weights = rng.standard_normal(np.asarray(CALLS[name](x)).shape)

    def loss():
        y = CALLS[name](x)
        (g,) = tg.autograd.grad((y * y * weights).sum(), [x], create_graph=True)
        return (g * g).sum()

    check(loss, [x], tolerance=1e-5)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_second_order_of_places(mode, padding, rng):
    x = tg.tensor(rng.standard_normal((1, 2, 4, 5)))
    grid = tg.tensor(rng.uniform(-1.4, 1.4, (1, 3, 2, 2)), requires_grad=True)

    def loss():
        y = F.grid_sample(x, grid, mode, padding)
        (g,) = tg.autograd.grad((y * y).sum(), [grid], create_graph=True)
        return (g * g).sum()

    check(loss, [grid], tolerance=1e-4)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", CALLS)
def test_dtype_is_kept(name, dtype, rng):
    x = tg.tensor(rng.uniform(0.5, 2.0, (1, 2, 4, 6)).astype(dtype), requires_grad=True)
    y = CALLS[name](x)
    y.sum().backward()
    assert y.dtype == dtype
    assert x.grad.dtype == dtype


def test_a_grid_of_nan_and_of_huge_places_reads_the_margin():
    grid = np.array([[[[np.nan, 0.0], [1e30, 0.0], [-1e30, np.inf]]]])
    with np.errstate(all="ignore"):
        y = F.grid_sample(tg.tensor(np.ones((1, 1, 3, 3))), tg.tensor(grid), "nearest")
    np.testing.assert_array_equal(np.asarray(y), 0)


def test_empty_batches():
    x = tg.tensor(np.zeros((0, 4, 4, 4)), requires_grad=True)
    assert F.interpolate(x, scale_factor=2, mode="bilinear").shape == (0, 4, 8, 8)
    assert F.pad(x, (1, 1, 1, 1), "reflect").shape == (0, 4, 6, 6)
    assert F.pixel_shuffle(x, 2).shape == (0, 1, 8, 8)
    assert F.grid_sample(x, np.zeros((0, 2, 2, 2))).shape == (0, 4, 2, 2)


def test_the_identity_map_reads_the_image():
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    theta = np.array([[[1.0, 0, 0], [0, 1, 0]]] * 2)
    for align in (False, True):
        grid = F.affine_grid(tg.tensor(theta), x.shape, align)
        y = F.grid_sample(tg.tensor(x), grid, align_corners=align)
        np.testing.assert_allclose(np.asarray(y), x, atol=1e-12)


BAD = [
    (lambda: F.pad(IMAGE, (5, 0), "reflect"), ShapeError, "expected 2 widths"),
    (lambda: F.pad(IMAGE, (5, 0, 0, 0), "reflect"), ShapeError, "at most 4.*replicate"),
    (lambda: F.pad(IMAGE, (6, 0, 0, 0), "circular"), ShapeError, "at most 5"),
    (lambda: F.pad(IMAGE, (-3, -2, 0, 0), "replicate"), ShapeError, "at least one element"),
    (lambda: F.pad(IMAGE, (-3, -3)), ShapeError, "cut at most the 5"),
    (lambda: F.pad(IMAGE, (1, 2, 3)), OptionError, "pairs of integers"),
    (lambda: F.pad(IMAGE, (1.0, 2.0)), OptionError, "pairs of integers"),
    (lambda: F.pad(IMAGE, (1,) * 10), ShapeError, "10 widths for the 4 axes"),
    (lambda: F.pad(IMAGE, (1, 1), "edge"), OptionError, "replicate"),
    (lambda: F.pad(IMAGE, (1, 1, 1, 1), "reflect", 2.0), OptionError, "mode='constant'"),
    (lambda: nn.ZeroPad2d((1, 2)), OptionError, "left, right, top, bottom"),
    (lambda: nn.CircularPad2d(1)(np.zeros((3, 3))), ShapeError, r"\(N, C, H, W\)"),
    (lambda: F.interpolate(IMAGE), OptionError, "exactly one"),
    (lambda: F.interpolate(IMAGE, 2, 2.0), OptionError, "exactly one"),
    (lambda: F.interpolate(IMAGE, 0), ShapeError, "at least 1"),
    (lambda: F.interpolate(IMAGE, scale_factor=0.1), ShapeError, r"\(0, 0\).*size · scale"),
    (lambda: F.interpolate(IMAGE, scale_factor=-1), OptionError, "positive"),
    (lambda: F.interpolate(IMAGE, (2.5, 1)), OptionError, "an integer or 2"),
    (lambda: F.interpolate(IMAGE, 2, mode="linear"), ShapeError, r"expected \(N, C, L\)"),
    (lambda: F.interpolate(IMAGE, 2, mode="cubic"), OptionError, "bicubic"),
    (lambda: F.interpolate(IMAGE, 2, align_corners=True), OptionError, "align_corners"),
    (lambda: F.interpolate(IMAGE, 2, antialias=True), OptionError, "antialias=True"),
    (lambda: F.interpolate(IMAGE, 2, mode="lanczos"), OptionError, "antialias=True"),
    (lambda: F.interpolate(IMAGE.astype(int), 2, mode="bilinear"), DTypeError, "int64"),
    (lambda: F.interpolate(IMAGE, 2, recompute_scale_factor=True), OptionError, "scale_factor="),
    (lambda: F.pixel_shuffle(IMAGE, 2), ShapeError, r"\(..., C · 4, H, W\)"),
    (lambda: F.pixel_unshuffle(IMAGE, 2), ShapeError, "H · 2"),
    (lambda: F.channel_shuffle(IMAGE, 3), ShapeError, "groups=3"),
    (lambda: nn.PixelShuffle(0), OptionError, "upscale_factor=0"),
    (lambda: F.grid_sample(IMAGE, np.zeros((1, 2, 2, 3))), ShapeError, "H_out, W_out, 2"),
    (lambda: F.grid_sample(IMAGE, np.zeros((2, 2, 2, 2))), ShapeError, "as many grids"),
    (lambda: F.grid_sample(IMAGE, np.zeros((1, 2, 2, 2)), "cubic"), OptionError, "bicubic"),
    (
        lambda: F.grid_sample(IMAGE, np.zeros((1, 2, 2, 2)), padding_mode="edge"),
        OptionError,
        "reflection",
    ),
    (lambda: F.affine_grid(np.zeros((1, 2, 2)), (1, 1, 2, 2)), ShapeError, r"\(1, 2, 3\)"),
    (lambda: F.affine_grid(np.zeros((1, 2, 3)), (1, 2)), OptionError, "size="),
    (lambda: F.normalize(IMAGE, out=IMAGE), OptionError, "out="),
]


@pytest.mark.parametrize(("call", "error", "text"), BAD, ids=range(len(BAD)))
def test_bad_input_is_explained(call, error, text):
    with pytest.raises(error, match=text):
        call()


FAULTS = {
    "no transpose": lambda table: (
        lambda line: table(line)._replace(weight=None, at=table(line).at[:1])
    ),
    "bare places kept": lambda table: lambda line: table(line)._replace(bare=None),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_planted_faults_are_seen(fault, monkeypatch):
    monkeypatch.setattr(tables, "_transposed", FAULTS[fault](tables._transposed))
    with pytest.raises((AssertionError, ExceptionGroup)):
        test_a_table_sums_up_to_one_and_its_transpose_is_one()
