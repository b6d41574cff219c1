"""Convolutions: what the parity suite does not ask."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tests.ops import checks
from tests.ops.case import Case
from tests.ops.draws import SeededDraw
from tests.ops.planting import planted
from tinygrad_nn import nn
from tinygrad_nn.backends import array as kernels
from tinygrad_nn.backends import convolution as windows
from tinygrad_nn.core.op import OPS, Kind
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.columns import col2im
from tinygrad_nn.ops.convolution import convolution, convolution_transpose, convolution_weight

F = nn.functional

LAYERS = {
    "Conv1d": (nn.Conv1d, 1),
    "Conv2d": (nn.Conv2d, 2),
    "Conv3d": (nn.Conv3d, 3),
    "ConvTranspose1d": (nn.ConvTranspose1d, 1),
    "ConvTranspose2d": (nn.ConvTranspose2d, 2),
    "ConvTranspose3d": (nn.ConvTranspose3d, 3),
}
every_layer = pytest.mark.parametrize("name", LAYERS)


def by_definition(x, weight, stride, padding, dilation, groups):
    """Sums written out, place by place."""
    before = [(0, 0), (0, 0), *padding]
    x = np.pad(x, before)
    ndim = x.ndim - 2
    span = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    outs = [(n - w) // s + 1 for n, w, s in zip(x.shape[2:], span, stride, strict=True)]
    y = np.zeros((len(x), len(weight), *outs))
    for o in range(len(weight)):
        block = o // (len(weight) // groups)
        inputs = x[:, block * weight.shape[1] : (block + 1) * weight.shape[1]]
        for place in np.ndindex(*outs):
            at = [slice(p * s, p * s + w, d) for p, s, w, d in zip(
                place, stride, span, dilation, strict=True
            )]  # fmt: skip
            axes = tuple(range(1, ndim + 2))
            y[(slice(None), o, *place)] = (inputs[(..., *at)] * weight[o]).sum(axes)
    return y


@pytest.mark.parametrize("seed", range(30))
def test_the_operation_is_its_definition(seed):
    (x, weight, *_), static = OPS["convolution"].sample(SeededDraw(seed))
    np.testing.assert_allclose(
        convolution(x, weight, **static), by_definition(x, weight, **static), atol=1e-12
    )


@pytest.fixture(params=["lines apart", "lines in one product"])
def product_of(request, monkeypatch):
    """Both ways to compute, whatever the sizes; and memory that is not what it seems."""
    monkeypatch.setattr(windows, "SHORT", 0 if request.param == "lines apart" else 10**9)
    empty = np.empty

    def poisoned(shape, dtype=np.float64, **options):
        found = empty(shape, dtype, **options)
        if found.dtype.kind == "f":
            found.fill(np.nan)
        return found

    monkeypatch.setattr(np, "empty", poisoned)
    windows._frame.cache_clear()
    yield
    windows._frame.cache_clear()


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.usefixtures("product_of")
def test_the_three_operations_are_transposes_of_one_another(seed):
    (x, weight, *_), static = OPS["convolution"].sample(SeededDraw(seed))
    y = by_definition(x, weight, **static)
    np.testing.assert_allclose(convolution(x, weight, **static), y, atol=1e-12)
    leaves = [tg.tensor(a, requires_grad=True) for a in (x, weight)]
    g = np.random.default_rng(seed).standard_normal(y.shape)
    (convolution(*leaves, **static) * g).sum().backward()
    for leaf in leaves:
        along = np.random.default_rng(seed + 1).standard_normal(leaf.shape)
        moved = [along if other is leaf else other.data for other in leaves]
        slope = (by_definition(*moved, **static) * g).sum()
        scale = np.abs(along).sum() + 1
        np.testing.assert_allclose((np.asarray(leaf.grad) * along).sum(), slope, atol=1e-11 * scale)


@pytest.mark.parametrize("batch", [1, 40])
@pytest.mark.parametrize("order", ["C", "F", "batch innermost"])
def test_the_order_in_memory_makes_no_difference(batch, order, rng):
    x, weight = rng.standard_normal((batch, 3, 7, 8)), rng.standard_normal((4, 3, 3, 2))
    laid = np.asarray(x, order="F") if order == "F" else x
    if order == "batch innermost":
        laid = np.ascontiguousarray(x.transpose(2, 1, 3, 0)).transpose(3, 1, 0, 2)
    static = {"stride": (2, 1), "padding": ((1, 2), (0, 3)), "dilation": (1, 2)}
    expected = by_definition(x, weight, groups=1, **static)
    np.testing.assert_allclose(convolution(laid, weight, **static), expected, atol=1e-12)


def test_results_keep_the_batch_innermost_in_memory_for_the_next_layer():
    x = np.ones((32, 2, 6, 6), np.float32)
    y = nn.Conv2d(2, 3, 3, rng=0)(x)
    assert np.asarray(y).strides[0] == 4
    assert np.asarray(y.relu()).strides[0] == 4


@every_layer
def test_gradients_are_the_slopes(name, rng):
    layer, ndim = LAYERS[name]
    net = layer(2, 4, 2, stride=2, padding=1, groups=2, rng=0).double()
    x = tg.tensor(rng.standard_normal((2, 2, *(4,) * ndim)), requires_grad=True)

    def loss():
        return (net(x) ** 2).sum()

    check(loss, [x, *net.parameters()])


@pytest.mark.parametrize("name", ["Conv2d", "ConvTranspose2d"])
def test_second_order_is_the_slope_of_the_gradient(name, rng):
    net = LAYERS[name][0](2, 3, 3, padding=1, stride=2, rng=0).double()
    x = tg.tensor(rng.standard_normal((2, 2, 5, 4)), requires_grad=True)

    def penalty():
        (g,) = tg.autograd.grad((net(x) ** 3).sum(), [x], create_graph=True)
        return (g * g).sum()

    leaves = [x, net.weight]
    for leaf in leaves:
        leaf.grad = None
    penalty().backward()
    found = [np.asarray(leaf.grad) for leaf in leaves]
    for leaf, got in zip(leaves, found, strict=True):
        spot = (1,) * leaf.ndim
        step, kept = 1e-6, leaf.data[spot]
        leaf.data[spot] = kept + step
        above = float(penalty().item())
        leaf.data[spot] = kept - step
        slope = (above - float(penalty().item())) / (2 * step)
        leaf.data[spot] = kept
        np.testing.assert_allclose(got[spot], slope, rtol=1e-6)


@every_layer
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_the_dtype_is_kept(name, dtype, rng):
    layer, ndim = LAYERS[name]
    net = layer(2, 3, 3, padding=1, rng=0, dtype=dtype)
    x = tg.tensor(rng.standard_normal((2, 2, *(4,) * ndim)).astype(dtype), requires_grad=True)
    y = net(x)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == net.weight.grad.dtype == net.bias.grad.dtype == dtype


@pytest.mark.parametrize("padding_mode", ["zeros", "circular"])
def test_lists_of_numbers_are_taken_in_the_weights_dtype(padding_mode):
    net = nn.Conv1d(1, 2, 3, padding=1, padding_mode=padding_mode, rng=0)
    x = [[1.0, 2.0, 4.0]]
    y = net(x)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(np.asarray(y), np.asarray(net(np.asarray(x, np.float32))))


def test_float16_is_summed_in_float32():
    x, weight = np.full((1, 4096, 1), 1, np.float16), np.full((1, 4096, 1), 1, np.float16)
    # In float16 itself 2048 + 1 is 2048.
    assert convolution(x, weight).item() == 4096
    y = convolution_transpose(x.reshape(1, 1, 4096), weight.reshape(1, 1, 4096))
    assert y.dtype == np.float16 and y.max() == 4096
    folded = col2im(np.ones((1, 4096, 4096), np.float16), sides=(8191,), kernel=(4096,))
    assert folded.max() == 4096


@every_layer
def test_an_empty_batch_gives_an_empty_batch_and_gradients_of_zero(name):
    layer, ndim = LAYERS[name]
    net = layer(2, 3, 3, padding=1, rng=0)
    x = tg.tensor(np.zeros((0, 2, *(4,) * ndim), np.float32), requires_grad=True)
    y = net(x)
    assert y.shape == (0, 3, *(4,) * ndim)
    y.sum().backward()
    assert x.grad.shape == x.shape
    assert not np.asarray(net.weight.grad).any() and not np.asarray(net.bias.grad).any()


@every_layer
def test_the_seed_decides_the_weights(name):
    layer, _ = LAYERS[name]
    one, same, other = (layer(2, 3, 3, rng=seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.weight.data, same.weight.data)
    assert (one.weight.data != other.weight.data).any()


@every_layer
def test_first_weights_are_spread_as_in_torch(name):
    torch = pytest.importorskip("torch")
    layer, _ = LAYERS[name]
    torch.manual_seed(0)
    theirs = getattr(torch.nn, name)(64, 32, 3, groups=2)
    ours = layer(64, 32, 3, groups=2, rng=0)
    for mine, other in ((ours.weight, theirs.weight), (ours.bias, theirs.bias)):
        assert np.abs(mine.data).max() == pytest.approx(other.abs().max().item(), rel=0.15)


REFUSED = {
    "a kernel larger than the input": (
        lambda: F.conv2d(np.ones((1, 1, 3, 3)), np.ones((1, 1, 5, 5)), padding=(0, 1)),
        ShapeError,
        ["conv2d", "kernel (5, 5)", "input (3, 3)", "(3, 5)", "(-1, 1)"],
    ),
    "a dilated kernel larger than the input": (
        lambda: F.conv1d(np.ones((1, 1, 4)), np.ones((1, 1, 3)), dilation=2),
        ShapeError,
        ["dilation (2,)", "(5,)"],
    ),
    "other channels": (
        lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 1, 8, 8))),
        ShapeError,
        ["conv2d", "(2, 1, 8, 8)", "(4, 3, 3, 3)", "in_channels"],
    ),
    "channels last": (
        lambda: nn.Conv2d(3, 4, 3)(np.ones((2, 8, 8, 3))),
        ShapeError,
        ["moveaxis(-1, 1)"],
    ),
    "no channel axis": (
        lambda: nn.Conv2d(1, 4, 3)(np.ones((8, 8))),
        ShapeError,
        ["x[None]"],
    ),
    "groups that do not divide": (
        lambda: F.conv2d(np.ones((2, 4, 8, 8)), np.ones((3, 2, 3, 3)), groups=2),
        OptionError,
        ["groups=2", "4 input", "3 output"],
    ),
    "groups that do not divide the layer's channels": (
        lambda: nn.Conv2d(3, 4, 3, groups=2),
        OptionError,
        ["in_channels=3", "groups=2"],
    ),
    "a bias of another size": (
        lambda: F.conv1d(np.ones((1, 2, 4)), np.ones((3, 2, 1)), np.ones(2)),
        ShapeError,
        ["bias of shape (2,)", "(3,)"],
    ),
    "a bias of another size, transposed": (
        lambda: F.conv_transpose1d(np.ones((1, 2, 4)), np.ones((2, 3, 1)), np.ones(2)),
        ShapeError,
        ["bias of shape (2,)", "(3,)"],
    ),
    "other channels, transposed": (
        lambda: nn.ConvTranspose2d(3, 4, 3)(np.ones((2, 1, 8, 8))),
        ShapeError,
        ["conv_transpose2d", "(2, 1, 8, 8)", "(3, 4, 3, 3)"],
    ),
    "same with a stride": (
        lambda: F.conv2d(np.ones((2, 1, 8, 8)), np.ones((1, 1, 3, 3)), None, 2, "same"),
        OptionError,
        ["'same'", "(2, 2)"],
    ),
    "an unknown padding": (
        lambda: nn.Conv2d(1, 1, 3, padding="full"),
        OptionError,
        ["'full'", "'same'", "'valid'"],
    ),
    "an unknown padding mode": (
        lambda: nn.Conv2d(1, 1, 3, padding_mode="mirror"),
        OptionError,
        ["'mirror'", "'reflect'"],
    ),
    "a padding mode, transposed": (
        lambda: nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect"),
        OptionError,
        ["'reflect'", "'zeros'"],
    ),
    "negative padding": (
        lambda: nn.Conv2d(1, 1, 3, padding=-1),
        OptionError,
        ["padding=-1", "at least 0"],
    ),
    "a stride of 0": (
        lambda: F.conv1d(np.ones((1, 1, 4)), np.ones((1, 1, 2)), stride=0),
        OptionError,
        ["stride=0", "at least 1"],
    ),
    "too many sizes": (
        lambda: nn.Conv2d(1, 1, (3, 3, 3)),
        OptionError,
        ["kernel_size=(3, 3, 3)", "2 of them"],
    ),
    "too much output padding": (
        lambda: nn.ConvTranspose1d(1, 1, 3, output_padding=1)(np.ones((1, 1, 4))),
        OptionError,
        ["output_padding", "stride (1,)"],
    ),
    "an output size out of reach": (
        lambda: nn.ConvTranspose1d(1, 1, 3, stride=2)(np.ones((1, 1, 4)), [12]),
        ShapeError,
        ["(12,)", "(9,)", "(10,)"],
    ),
    "columns of no such windows": (
        lambda: F.fold(np.ones((1, 9, 10)), (4, 4), 3),
        ShapeError,
        ["(1, 9, 10)", "9", "4"],
    ),
    "a weight with other axes": (
        lambda: F.conv2d(np.ones((1, 1, 4, 4)), np.ones((1, 1, 3))),
        ShapeError,
        ["conv2d", "(1, 1, 3)", "4 axes"],
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_bad_input_is_refused_with_the_reason(what):
    call, error, parts = REFUSED[what]
    with pytest.raises(error) as raised:
        call()
    for part in parts:
        assert part in str(raised.value), str(raised.value)


def test_fold_of_unfold_counts_the_windows_over_each_place(rng):
    x = rng.standard_normal((2, 3, 6, 5))
    back = F.fold(F.unfold(x, 3, padding=1), (6, 5), 3, padding=1)
    times = F.fold(F.unfold(np.ones_like(x), 3, padding=1), (6, 5), 3, padding=1)
    np.testing.assert_allclose(back, times * x)
    assert times[0, 0, 0, 0] == 4 and times[0, 0, 2, 2] == 9


def test_a_wrong_rule_is_found():
    """The weight's gradient of a transposed convolution is taken from the wrong way round."""

    def function(y, weight, /, stride, padding, dilation, groups):
        return kernels.convolve_transposed(
            y, weight, sides=y.shape[2:], stride=stride, padding=padding, dilation=dilation,
            groups=groups,
        )  # fmt: skip

    def sample(draw):
        static = {"stride": (1,), "padding": ((1, 1),), "dilation": (1,), "groups": 1}
        return (draw.array((2, 2, 4)), draw.array((2, 2, 3))), static

    def to_y(g, out, y, weight, **static):
        return convolution(g, weight, **static)

    right = planted(
        function, kind=Kind.MULTILINEAR, samples=sample,
        vjp=(to_y, lambda g, out, y, w, **static: convolution_weight(g, y, **static)),
    )  # fmt: skip
    wrong = planted(
        function, kind=Kind.MULTILINEAR, samples=sample,
        vjp=(to_y, lambda g, out, y, w, **static: convolution_weight(y, g, **static)),
    )  # fmt: skip
    checks.check_gradient(right, right.sample(SeededDraw(0)))
    assert Case(wrong, wrong.sample(SeededDraw(0))).values()
    with pytest.raises(AssertionError):
        checks.check_gradient(wrong, wrong.sample(SeededDraw(0)))


def test_a_stride_over_padding_behind_is_no_plain_copy():
    x, w = tg.tensor([[[2.0, 3.0]]]), tg.tensor([[[5.0]]])
    y = convolution(x, w, stride=(2,), padding=((0, 1),), dilation=(1,))
    assert y.tolist() == [[[10.0, 0.0]]]
