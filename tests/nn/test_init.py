"""Initialisation: the spread that each formula promises, and why zeros do not do."""

import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.nn import init


def weight(*shape):
    return nn.Parameter(np.full(shape, 7.0, np.float32))


SPREADS = {
    "uniform_": (lambda w: init.uniform_(w, -3, 3, rng=0), 3 / math.sqrt(3)),
    "normal_": (lambda w: init.normal_(w, 0, 0.5, rng=0), 0.5),
    "xavier_uniform_": (lambda w: init.xavier_uniform_(w, 2.0, rng=0), 2 * math.sqrt(2 / 500)),
    "xavier_normal_": (lambda w: init.xavier_normal_(w, rng=0), math.sqrt(2 / 500)),
    "kaiming_uniform_": (
        lambda w: init.kaiming_uniform_(w, nonlinearity="relu", rng=0),
        math.sqrt(2 / 300),
    ),
    "kaiming_normal_": (
        lambda w: init.kaiming_normal_(w, 0.2, mode="fan_out", rng=0),
        math.sqrt(2 / 1.04 / 200),
    ),
}


@pytest.mark.parametrize("name", list(SPREADS))
def test_mean_and_spread(name):
    fill, spread = SPREADS[name]
    w = weight(200, 300)
    assert fill(w) is w
    assert w.dtype == np.float32
    assert w.requires_grad
    assert abs(w.data.mean()) < 0.02 * spread
    assert w.data.std() == pytest.approx(spread, rel=0.01)
    again = weight(200, 300)
    fill(again)
    np.testing.assert_array_equal(w.data, again.data)


def test_constants():
    assert init.zeros_(weight(2)).tolist() == [0, 0]
    assert init.ones_(weight(2)).tolist() == [1, 1]
    assert init.constant_(weight(2), 0.5).tolist() == [0.5, 0.5]


@pytest.mark.parametrize("shape", [(4, 4), (3, 5), (5, 3), (4, 2, 3)])
def test_orthogonal_rows_or_columns(shape):
    w = init.orthogonal_(weight(*shape).requires_grad_(), 2.0, rng=0).data.reshape(shape[0], -1)
    small = w @ w.T if w.shape[0] <= w.shape[1] else w.T @ w
    np.testing.assert_allclose(small, 4 * np.eye(len(small)), atol=1e-5)


def test_kernels_count_their_field():
    w = init.kaiming_normal_(weight(64, 32, 3, 3), nonlinearity="relu", rng=0)
    assert w.data.std() == pytest.approx(math.sqrt(2 / (32 * 9)), rel=0.02)


def test_gains_are_those_of_torch():
    torch = pytest.importorskip("torch")
    for name in ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu"):
        assert init.calculate_gain(name) == torch.nn.init.calculate_gain(name)
    assert init.calculate_gain("leaky_relu", 0.3) == torch.nn.init.calculate_gain("leaky_relu", 0.3)


def test_refusals():
    with pytest.raises(ShapeError, match="at least two axes"):
        init.xavier_uniform_(weight(3))
    with pytest.raises(OptionError, match="mode='fan'"):
        init.kaiming_normal_(weight(2, 2), mode="fan")
    with pytest.raises(OptionError, match="std=-1"):
        init.normal_(weight(2), std=-1)
    with pytest.raises(OptionError, match="a <= b"):
        init.uniform_(weight(2), 1, 0)
    with pytest.raises(OptionError, match="'swish'"):
        init.calculate_gain("swish")
    with pytest.raises(OperandError, match="leaf"):
        init.zeros_(weight(2) * 2)
    with pytest.raises(OperandError, match="rng: got RandomState"):
        init.normal_(weight(2), rng=np.random.RandomState(0))


# ------------------------------------------------------------------------------- symmetry
def xor(first):
    x = np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32)
    y = np.array([0, 1, 1, 0])
    model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
    if first is not None:
        for layer in (model[0], model[2]):
            for p in layer.parameters():
                init.constant_(p, first)
    optimizer = optim.SGD(model.parameters(), lr=0.5)
    for _ in range(500):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), y).backward()
        optimizer.step()
    right = (np.asarray(model(x)).argmax(1) == y).mean()
    return model[0].weight.data, right


@pytest.mark.parametrize("first", [0.0, 0.3])
def test_equal_weights_stay_equal_and_do_not_learn_xor(first):
    rows, right = xor(first)
    np.testing.assert_array_equal(rows, np.broadcast_to(rows[0], rows.shape))
    assert right <= 0.75


def test_random_weights_differ_and_learn_xor():
    rows, right = xor(None)
    assert len(np.unique(rows.round(3), axis=0)) == 8
    assert right == 1.0


# --------------------------------------------------------------------------------- seeds
RUN = """
import numpy as np
import tinygrad_nn as tg
from tinygrad_nn import nn, optim
model = nn.Sequential(nn.Linear(4, 8, rng=1), nn.Tanh(), nn.Linear(8, 3, rng=2))
nn.init.orthogonal_(model[0].weight, rng=3)
optimizer = optim.Adam(model.parameters(), lr=0.01)
x = np.random.default_rng(0).standard_normal((16, 4)).astype("float32")
for _ in range(20):
    optimizer.zero_grad()
    nn.functional.cross_entropy(model(x), np.arange(16) % 3).backward()
    optimizer.step()
numbers = nn.MLP(2, [3, 1], rng=4).state_dict().values()
print(b"".join(a.tobytes() for a in model.state_dict().values()).hex(), *map(float.hex, numbers))
"""


def test_the_same_seed_gives_the_same_bits_in_another_process():
    def run(seed):
        root = Path(tg.__file__).parents[1]
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-c", RUN], env=environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    assert run("1") == run("2")


def test_generator_and_rng_are_two_names_of_one_argument():
    a, b = init.normal_(weight(3), 0.0, 1.0, 5), init.normal_(weight(3), rng=5)
    np.testing.assert_array_equal(a.data, b.data)
    with pytest.raises(OptionError, match="both generator= and rng="):
        init.normal_(weight(3), generator=1, rng=1)


@pytest.mark.parametrize(
    ("mean", "std", "a", "b"),
    [(0, 1, -2, 2), (1, 2, 0, 5), (0, 1, 5, 7), (0, 1, -60, -50), (3, 0, 4, 5), (0, 1, -9, 0)],
)
def test_truncated_normal_numbers_have_the_distribution_they_should(mean, std, a, b):
    stats = pytest.importorskip("scipy.stats")
    w = nn.Parameter(np.zeros(4000))
    x = init.trunc_normal_(w, mean, std, a, b, rng=0).data
    assert x.min() >= a
    assert x.max() <= b
    if std and abs(a) < 40:
        found = stats.kstest(x, stats.truncnorm((a - mean) / std, (b - mean) / std, mean, std).cdf)
        assert found.pvalue > 1e-3


@pytest.mark.parametrize("shape", [(3, 5), (5, 3), (0, 2)])
def test_identity_matrix(shape):
    np.testing.assert_array_equal(init.eye_(weight(*shape)).data, np.eye(*shape))
    with pytest.raises(ShapeError, match="matrix"):
        init.eye_(weight(3))


@pytest.mark.parametrize("shape", [(6, 2, 3), (6, 3, 4, 3), (3, 6, 1, 2, 3)])
@pytest.mark.parametrize("groups", [1, 3])
def test_dirac_kernels_are_pytorchs(shape, groups):
    torch = pytest.importorskip("torch")
    expected = torch.nn.init.dirac_(torch.ones(shape), groups)
    np.testing.assert_array_equal(init.dirac_(weight(*shape), groups).data, expected.numpy())
    with pytest.raises(OptionError, match="divisor"):
        init.dirac_(weight(*shape), 4)


@pytest.mark.parametrize("sparsity", [0.0, 0.25, 0.3, 1.0])
def test_sparse_columns(sparsity):
    x = init.sparse_(weight(8, 5), sparsity, rng=0).data
    assert ((x == 0).sum(axis=0) == math.ceil(8 * sparsity)).all()


def test_gains_are_pytorchs():
    torch = pytest.importorskip("torch")
    for name in ("linear", "conv1d", "conv_transpose3d", "sigmoid", "tanh", "relu", "selu"):
        assert init.calculate_gain(name) == pytest.approx(torch.nn.init.calculate_gain(name))
    assert init.calculate_gain("leaky_relu", 0.2) == torch.nn.init.calculate_gain("leaky_relu", 0.2)
    with pytest.raises(OptionError, match="slope"):
        init.calculate_gain("leaky_relu", "0.2")


@pytest.mark.parametrize(
    "write",
    [
        lambda w: init.normal_(w, 0.0, 0.02, rng=0),
        lambda w: init.constant_(w, 0.5),
        lambda w: init.xavier_uniform_(w, rng=0),
        lambda w: init.kaiming_normal_(w, rng=0),
        lambda w: init.orthogonal_(w, rng=0),
        lambda w: init.trunc_normal_(w, rng=0),
        init.eye_,
    ],
)
def test_the_array_of_a_parameter_is_written_as_the_parameter_is(write):
    first, second = nn.Linear(4, 3, rng=1), nn.Linear(4, 3, rng=1)
    array = first.weight.data
    assert write(array) is array
    write(second.weight)
    assert np.array_equal(first.weight.tolist(), second.weight.tolist())
    x = np.ones((2, 4), np.float32)
    assert np.array_equal(first(x).tolist(), second(x).tolist())  # the next use sees it


@pytest.mark.parametrize("wrong", [np.zeros((2, 2), int), [[1.0]], 3.0, np.float32(1)])
def test_other_arrays_are_refused(wrong):
    with pytest.raises(OperandError, match="normal_: got"):
        init.normal_(wrong)
