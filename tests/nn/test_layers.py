"""Every module builds, computes what its formula says, has right gradients and a round trip."""

import math

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.errors import OptionError, ShapeError

F = nn.functional

MODULES = {
    "Linear": lambda: nn.Linear(3, 2, rng=0),
    "Linear without bias": lambda: nn.Linear(3, 2, bias=False, rng=0),
    "Flatten": nn.Flatten,
    "Identity": nn.Identity,
    "Sequential": lambda: nn.Sequential(nn.Linear(3, 4, rng=0), nn.Tanh(), nn.Linear(4, 2, rng=1)),
    "Step": nn.Step,
    "Sigmoid": nn.Sigmoid,
    "Tanh": nn.Tanh,
    "ReLU": nn.ReLU,
    "LeakyReLU": lambda: nn.LeakyReLU(0.2),
    "ELU": lambda: nn.ELU(0.7),
    "Softmax": lambda: nn.Softmax(dim=-1),
    "LogSoftmax": lambda: nn.LogSoftmax(dim=1),
    "SiLU": nn.SiLU,
    "Swish": nn.Swish,
    "Mish": nn.Mish,
    "GELU": nn.GELU,
    "GELU tanh": lambda: nn.GELU("tanh"),
    "Softplus": lambda: nn.Softplus(beta=2.0),
    "MLP": lambda: nn.MLP(3, [4, 2], activation="tanh", rng=0, tensor=True),
    "Layer": lambda: nn.Layer(3, 2, activation="tanh", rng=0, tensor=True),
    "Neuron": lambda: nn.Neuron(3, activation="tanh", rng=0, tensor=True),
}


@pytest.mark.parametrize("name", list(MODULES))
def test_gradients_are_those_of_differences(name, rng):
    module = MODULES[name]().double()
    x = tg.tensor(rng.uniform(0.2, 1.5, (4, 3)) * rng.choice([-1, 1], (4, 3)), requires_grad=True)
    weights = rng.standard_normal(module(x).shape)

    def loss():
        return (module(x) * weights).sum()

    check(loss, [x, *module.parameters()])


@pytest.mark.parametrize("name", list(MODULES))
def test_state_makes_a_round_trip_and_the_text_names_the_class(name):
    module, other = MODULES[name](), MODULES[name]()
    for p in other.parameters():
        p.data += 1
    other.load_state_dict(module.state_dict())
    x = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(np.asarray(module(x)), np.asarray(other(x)))
    assert type(module).__name__ in repr(module) or name in ("Neuron", "Layer")


def test_texts_are_those_of_pytorch():
    torch = pytest.importorskip("torch")
    for name, options in [
        ("Linear", {"in_features": 3, "out_features": 2}),
        ("LeakyReLU", {"negative_slope": 0.2}),
        ("ELU", {"alpha": 0.5}),
        ("Softmax", {"dim": 1}),
        ("GELU", {}),
        ("Sigmoid", {}),
        ("Flatten", {}),
    ]:
        assert repr(getattr(nn, name)(**options)) == repr(getattr(torch.nn, name)(**options))


# --------------------------------------------------------------------------------- linear
def test_linear_starts_as_pytorch_does_and_follows_the_seed():
    layer = nn.Linear(64, 500, rng=0)
    bound = 1 / 8
    for p in layer.parameters():
        assert np.abs(p.data).max() <= bound
        assert np.abs(p.data).max() > 0.98 * bound
        assert abs(p.data.mean()) < 0.02 * (1 if p.ndim == 2 else 10)
    np.testing.assert_array_equal(layer.weight.data, nn.Linear(64, 500, rng=0).weight.data)
    assert not np.array_equal(layer.weight.data, nn.Linear(64, 500, rng=1).weight.data)
    assert not np.array_equal(nn.Linear(2, 2).weight.data, nn.Linear(2, 2).weight.data)


def test_linear_takes_any_batch_axes_and_raw_arrays():
    layer = nn.Linear(3, 2, rng=0)
    for shape in [(3,), (0, 3), (5, 3), (2, 4, 3)]:
        x = np.ones(shape, np.float32)
        expected = x @ layer.weight.data.T + layer.bias.data
        np.testing.assert_allclose(layer(x).data, expected, rtol=1e-6)


def test_linear_dtype_follows_the_default_and_the_argument():
    assert nn.Linear(1, 1).weight.dtype == np.float32
    with tg.default_dtype("float64"):
        assert nn.Linear(1, 1).weight.dtype == np.float64
    assert nn.Linear(1, 1, dtype="float16").bias.dtype == np.float16


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((2, 28, 28), r"\(2, 28, 28\).*\(16, 784\).*Flatten"),
        ((784, 16), r"\(784, 16\).*transposed"),
        ((2, 3), r"expected x \(\.\.\., 784\)"),
    ],
)
def test_linear_names_both_shapes_and_the_fix(shape, message):
    with pytest.raises(ShapeError, match=message):
        nn.Linear(784, 16)(np.ones(shape, np.float32))


def test_linear_refuses_sizes_and_biases_that_make_no_sense():
    for bad in (-1, 2.5, True, "3"):
        with pytest.raises(OptionError, match="in_features"):
            nn.Linear(bad, 1)
    with pytest.raises(ShapeError, match=r"bias of shape \(3,\), expected \(2,\)"):
        F.linear(np.ones((1, 4)), np.ones((2, 4)), np.ones(3))


@pytest.mark.parametrize("rows", [1, 63, 64, 1000])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_the_bias_gradient_sums_few_and_many_rows(rows, dtype):
    layer = nn.Linear(2, 3, rng=0).to(dtype)
    layer(np.ones((rows, 2), dtype)).sum().backward()
    np.testing.assert_array_equal(layer.bias.grad, np.full(3, rows, dtype))
    assert layer.bias.grad.dtype == dtype


# ----------------------------------------------------------------------------- activations
FORMULAS = {
    "Step": lambda x: float(x >= 0),
    "Sigmoid": lambda x: 1 / (1 + math.exp(-x)),
    "Tanh": math.tanh,
    "ReLU": lambda x: max(x, 0.0),
    "SiLU": lambda x: x / (1 + math.exp(-x)),
    "Mish": lambda x: x * math.tanh(math.log1p(math.exp(x))),
    "GELU": lambda x: 0.5 * x * (1 + math.erf(x / math.sqrt(2))),
    "Softplus": lambda x: math.log1p(math.exp(x)),
    "ELU": lambda x: x if x > 0 else math.expm1(x),
    "LeakyReLU": lambda x: x if x > 0 else 0.01 * x,
}


@pytest.mark.parametrize("name", list(FORMULAS))
def test_activations_compute_their_formulas(name):
    x = np.linspace(-3, 3, 13)
    expected = [FORMULAS[name](v) for v in x.tolist()]
    got = getattr(nn, name)()(tg.tensor(x))
    np.testing.assert_allclose(np.asarray(got), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ["Softmax", "LogSoftmax"])
def test_softmax_asks_for_its_axis(name):
    with pytest.raises(OptionError, match="dim=None, expected the axis"):
        getattr(nn, name)()
    with pytest.raises(OptionError, match="expected the axis"):
        F.softmax(np.ones((2, 2)))


def test_functional_softmax_is_a_distribution_along_dim():
    x = tg.tensor(np.array([[1000.0, 0.0], [0.0, -1000.0]]))
    for dim in (0, 1):
        np.testing.assert_allclose(np.asarray(F.softmax(x, dim)).sum(dim), 1.0)
    np.testing.assert_array_equal(np.asarray(F.log_softmax(x, dim=1))[0], [0, -1000])


def test_one_hot():
    assert F.one_hot([0, 2]).tolist() == [[1, 0, 0], [0, 0, 1]]
    with pytest.raises(OptionError, match="index 2, expected 0 to 1"):
        F.one_hot([2], 2)
