"""Handwritten digits: MNIST where its files are, the package's own where not, and told which."""

import warnings
from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.data import load_digits, load_handwriting, write_idx
from tinygrad_nn.data.folders import DATA_VARIABLE
from tinygrad_nn.errors import DataError, OptionError


def fill(folder: Path, stem: str, count: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    write_idx(folder / f"{stem}-images-idx3-ubyte.gz", np.full((count, 28, 28), 255, np.uint8))
    write_idx(folder / f"{stem}-labels-idx1-ubyte.gz", np.arange(count, dtype=np.uint8) % 10)


@pytest.fixture
def mnist(no_data: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the form of MNIST, where it is looked for."""
    folder = no_data / "any name"
    monkeypatch.setenv(DATA_VARIABLE, str(folder))
    fill(folder, "train", 30)
    fill(folder, "t10k", 20)
    return folder


@pytest.mark.usefixtures("mnist")
def test_mnist_is_taken_where_it_is_and_named_so():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn, test = load_handwriting(size=8, rng=3)
    assert (learn.name, test.name) == ("mnist train", "mnist test")
    assert (learn.inputs.shape, test.inputs.shape) == ((30, 28, 28), (20, 28, 28))
    assert learn.targets.tolist() == [*range(10)] * 3 and learn.classes == tuple("0123456789")


@pytest.mark.usefixtures("no_data")
@pytest.mark.parametrize("seed", [0, 5])
def test_without_mnist_the_digits_take_its_place_and_a_warning_says_so(seed: int):
    with pytest.warns(UserWarning, match=f"1,797 digits of the package.*{DATA_VARIABLE}") as told:
        halves = load_handwriting(16, rng=seed)
    assert [w.filename for w in told] == [__file__]
    for half, expected in zip(halves, load_digits(16).split(rng=seed), strict=True):
        assert half.name == "digits"
        assert np.array_equal(half.inputs, expected.inputs)
        assert np.array_equal(half.targets, expected.targets)


@pytest.mark.usefixtures("mnist")
def test_mnist_may_be_declined_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learn, test = load_handwriting(mnist=False)
    assert (learn.name, learn.inputs.shape[1:]) == ("digits", (28, 28))
    assert len(learn) + len(test) == 1797


def test_half_of_mnist_is_none(mnist: Path):
    (mnist / "t10k-labels-idx1-ubyte.gz").unlink()
    with pytest.warns(UserWarning, match="MNIST is not at hand"):
        assert load_handwriting()[0].name == "digits"


def test_damaged_files_are_not_passed_over(mnist: Path):
    damaged = mnist / "t10k-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged"):
        load_handwriting()


@pytest.mark.parametrize("options", [{"mnist": 1}, {"size": 7}, {"mnist": False, "rng": -1}])
def test_options_are_checked(options: dict[str, int]):
    with pytest.raises(OptionError, match=f"{[*options][-1]}: got"):
        load_handwriting(**options)
