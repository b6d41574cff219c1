"""The computed data sets: on their curves, balanced, and the same for the same seed."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import Dataset, binary_blitz, make_blobs, make_moons, make_spirals
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError

MAKERS = [make_moons, make_blobs, make_spirals]
makers = pytest.mark.parametrize("make", MAKERS)
Maker = Callable[..., Dataset]


@given(make=st.sampled_from(MAKERS), n=st.integers(3, 60), seed=st.integers(0, 2**64))
def test_points_are_balanced_finite_and_decided_by_the_seed(make, n, seed):
    data = make(n, rng=seed)
    assert data.inputs.shape == (n, 2) and data.targets.shape == (n,)
    assert (data.inputs.dtype, data.targets.dtype) == (np.float32, np.int64)
    assert np.isfinite(data.inputs).all()
    assert np.ptp(np.bincount(data.targets, minlength=len(data.classes))) <= 1
    again = make(n, rng=seed)
    assert np.array_equal(data.inputs, again.inputs)
    assert np.array_equal(data.targets, again.targets)


@makers
def test_other_seeds_give_other_points(make: Maker):
    generator = np.random.default_rng(0)
    drawn = [make(20, rng=rng).inputs.tobytes() for rng in (0, 1, generator, generator)]
    assert len(set(drawn)) == 4


@makers
@pytest.mark.parametrize("dtype", [np.float16, "float64", float])
def test_the_dtype_is_the_one_asked_for(make: Maker, dtype):
    assert make(12, dtype=dtype).inputs.dtype == np.dtype(dtype)


@makers
def test_the_classes_come_mixed(make: Maker):
    targets = make(99).targets
    assert np.count_nonzero(np.diff(targets)) < 90
    assert len(set(targets[:20].tolist())) > 1


def test_moons_without_noise_lie_on_two_half_circles():
    data = make_moons(101, noise=0, dtype=np.float64)
    upper, lower = (data.inputs[data.targets == label] for label in (0, 1))
    assert np.allclose(np.hypot(*upper.T), 1) and (upper[:, 1] >= -1e-12).all()
    assert np.allclose(np.hypot(*(lower - [1, 0.5]).T), 1) and (lower[:, 1] <= 0.5 + 1e-12).all()
    # From end to end, not only a part of the curve.
    assert np.allclose([upper[:, 0].min(), upper[:, 0].max()], [-1, 1])
    assert np.allclose([lower[:, 0].min(), lower[:, 0].max()], [0, 2])


def test_noise_is_the_standard_deviation():
    noisy = make_moons(20_000, noise=0.3, dtype=np.float64)
    upper = noisy.inputs[noisy.targets == 0]
    exact = make_moons(20_000, noise=0, dtype=np.float64)
    shift = upper.var(axis=0) - exact.inputs[exact.targets == 0].var(axis=0)
    assert np.allclose(shift, 0.09, atol=0.01)


def test_spirals_without_noise_turn_with_their_radius():
    data = make_spirals(90, arms=3, turns=1.5, noise=0, dtype=np.float64)
    radius = np.hypot(*data.inputs.T)
    angle = np.arctan2(data.inputs[:, 1], data.inputs[:, 0])
    expected = 2 * np.pi * (1.5 * radius + data.targets / 3)
    assert np.allclose(np.cos(angle - expected), 1)
    assert radius.min() > 0 and radius.max() == pytest.approx(1)
    assert len(np.unique(data.inputs, axis=0)) == 90


def test_blobs_lie_around_their_centres():
    centers = [[0.0, 0.0, 9.0], [5.0, 5.0, 5.0]]
    data = make_blobs(4000, centers=centers, spread=0.5)
    for label, center in enumerate(centers):
        cloud = data.inputs[data.targets == label]
        assert np.allclose(cloud.mean(axis=0), center, atol=0.06)
        assert np.allclose(cloud.std(axis=0), 0.5, atol=0.05)
    still = make_blobs(8, centers=4, spread=0, dtype=np.float64)
    assert np.allclose(np.hypot(*still.inputs.T), 4)
    assert len(np.unique(still.inputs.round(9), axis=0)) == 4


def test_binary_blitz_is_the_table_of_the_lecture():
    table, query = binary_blitz()
    assert table.inputs.tolist() == [[0, 0, 1], [1, 1, 1], [1, 0, 1], [0, 1, 1]]
    assert table.targets.tolist() == [[0], [1], [1], [0]]
    assert query.tolist() == [1, 0, 0] and not query.flags.writeable
    assert {table.inputs.dtype, table.targets.dtype, query.dtype} == {np.dtype(np.float32)}
    assert binary_blitz(dtype=np.float64).query.dtype == np.float64


@pytest.mark.parametrize(
    ("make", "arguments", "error"),
    [
        (make_moons, {"n": 1}, OptionError),
        (make_moons, {"n": True}, OptionError),
        (make_moons, {"n": 10.0}, OptionError),
        (make_moons, {"noise": -0.1}, OptionError),
        (make_moons, {"noise": float("nan")}, OptionError),
        (make_moons, {"noise": True}, OptionError),
        (make_moons, {"rng": None}, OptionError),
        (make_moons, {"dtype": np.int32}, DTypeError),
        (make_moons, {"dtype": "no dtype"}, DTypeError),
        (make_blobs, {"n": 2}, OptionError),
        (make_blobs, {"centers": 0}, OptionError),
        (make_blobs, {"centers": "3"}, OptionError),
        (make_blobs, {"centers": [1.0, 2.0]}, ShapeError),
        (make_blobs, {"centers": []}, ShapeError),
        (make_blobs, {"spread": float("inf")}, OptionError),
        (make_spirals, {"arms": 0}, OptionError),
        (make_spirals, {"n": 4, "arms": 5}, OptionError),
        (make_spirals, {"turns": -1}, OptionError),
        (binary_blitz, {"dtype": "int64"}, DTypeError),
    ],
)
def test_unfit_arguments_are_refused(make: Maker, arguments, error):
    with pytest.raises(error, match=r"got .* expected "):
        make(**arguments)


def test_the_name_of_the_argument_is_the_callers():
    with pytest.raises(OptionError, match=r"^spread: got -1"):
        make_blobs(spread=-1)
