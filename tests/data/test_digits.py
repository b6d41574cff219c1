"""The digits that ship with the package: the right ones, and enlarged faithfully."""

import hashlib
from importlib.resources import files
from itertools import pairwise

import numpy as np
import pytest

from tinygrad_nn.data import load_digits
from tinygrad_nn.errors import OptionError

# Of the bytes of the images and then of the labels, both uint8.
SHA256 = "87ff0c9e40dc7e2c0e34e7257799c2e3f3aec1a016363bb11cad869ec428a826"
COUNTS = [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]


def test_the_digits_are_those_of_the_original():
    data = load_digits()
    assert (data.inputs.shape, data.inputs.dtype) == ((1797, 8, 8), np.float32)
    assert (data.targets.shape, data.targets.dtype) == ((1797,), np.int64)
    pixels = (data.inputs * 16).astype(np.uint8)
    assert np.array_equal(pixels / np.float32(16), data.inputs)
    content = pixels.tobytes() + data.targets.astype(np.uint8).tobytes()
    assert hashlib.sha256(content).hexdigest() == SHA256
    assert np.bincount(data.targets).tolist() == COUNTS
    assert data.classes == tuple("0123456789")


@pytest.mark.slow
def test_scikit_learn_has_the_same_digits():
    bundled = pytest.importorskip("sklearn.datasets").load_digits()
    data = load_digits()
    assert np.array_equal(data.inputs * 16, bundled.images)
    assert np.array_equal(data.targets, bundled.target)


def test_the_credit_is_shipped_beside_the_data():
    credit = files("tinygrad_nn.data").joinpath("DIGITS_LICENSE.md").read_text("utf-8")
    for due in ("E. Alpaydin", "C. Kaynak", "10.24432/C50P49", "CC BY 4.0", "Changes made"):
        assert due in credit


def interpolated(image: np.ndarray, size: int, row: int, column: int) -> float:
    """One pixel of the enlarged image, by areas as in a textbook."""
    total = 0.0
    for y in range(8):
        for x in range(8):
            weight = 1.0
            for old, new in ((y, row), (x, column)):
                place = min(max((new + 0.5) * 8 / size - 0.5, 0), 7)
                weight *= max(0.0, 1 - abs(place - old))
            total += weight * float(image[y, x])
    return total


@pytest.mark.parametrize("size", [9, 16, 28])
def test_enlarged_digits_are_the_bilinear_ones(size):
    small, large = load_digits().inputs, load_digits(size).inputs
    assert (large.shape, large.dtype) == ((1797, size, size), np.float32)
    assert large.min() >= 0 and large.max() <= 1
    for place in (0, 1796):
        expected = [
            [interpolated(small[place], size, row, column) for column in range(size)]
            for row in range(size)
        ]
        np.testing.assert_allclose(large[place], expected, atol=1e-6)


def test_mnist_sized_digits_fit_a_network_of_784_inputs():
    data = load_digits(28).flatten()
    assert data.inputs.shape == (1797, 784)
    assert not data.inputs.flags.writeable


def test_the_nearest_mean_knows_nine_digits_of_ten():
    train, test = load_digits().flatten().split(test=0.25, rng=0)
    means = np.stack([train.inputs[train.targets == digit].mean(axis=0) for digit in range(10)])
    distances = ((test.inputs[:, None] - means) ** 2).sum(axis=-1)
    assert np.mean(distances.argmin(axis=1) == test.targets) > 0.87
    shares = np.bincount(test.targets) / COUNTS
    assert all(abs(a - b) < 0.01 for a, b in pairwise(shares))


@pytest.mark.parametrize("size", [7, 129, 0, -8, 28.0, True, "28", None])
def test_sizes_out_of_range_are_refused(size):
    with pytest.raises(OptionError, match="size: got"):
        load_digits(size)
