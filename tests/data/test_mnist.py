"""MNIST from a folder: where it is looked for, and what is taken for it."""

from pathlib import Path

import numpy as np
import pytest

from tinygrad_nn.data import load_mnist, mnist, write_idx
from tinygrad_nn.data.folders import DATA_VARIABLE, mnist_download_folder, user_cache
from tinygrad_nn.errors import DataError, OptionError


def fill(folder: Path, stem: str = "train", count: int = 5, ending: str = ".gz") -> Path:
    """Write images of which each is as bright as its number, and their labels."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None], (count, 28, 28))
    write_idx(folder / f"{stem}-images-idx3-ubyte{ending}", images)
    write_idx(folder / f"{stem}-labels-idx1-ubyte{ending}", np.arange(count, dtype=np.uint8) % 10)
    return folder


# ----------------------------------------------------------------------------------- reading
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize(("split", "stem"), [("train", "train"), ("test", "t10k")])
def test_images_are_scaled_and_labels_whole(ending, split, stem, tmp_path: Path):
    data = load_mnist(fill(tmp_path / "clothes", stem, 256, ending), split=split)
    assert (data.inputs.shape, data.inputs.dtype) == ((256, 28, 28), np.float32)
    assert (data.targets.shape, data.targets.dtype) == ((256,), np.int64)
    assert np.array_equal(data.inputs[:, 3, 4], np.arange(256, dtype=np.float32) / 255)
    assert data.name == f"clothes {split}" and data.classes == tuple("0123456789")
    assert not data.inputs.flags.writeable


def test_labels_beyond_nine_get_classes_of_their_own(tmp_path: Path):
    fill(tmp_path)
    write_idx(tmp_path / "train-labels-idx1-ubyte.gz", np.full(5, 25, np.uint8))
    assert load_mnist(tmp_path).classes[-1] == "25"


def test_names_with_a_dot_are_found_too(tmp_path: Path):
    for path in list(fill(tmp_path).iterdir()):
        path.rename(path.with_name(path.name.replace("-idx", ".idx")))
    assert len(load_mnist(tmp_path)) == 5


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("labels-idx1", np.zeros(4, np.uint8), "got 4 labels, expected 5"),
        ("labels-idx1", np.zeros(5, np.int32), "got int32 of shape"),
        ("labels-idx1", np.zeros((5, 1), np.uint8), r"expected uint8 of shape \(n,\)"),
        ("images-idx3", np.zeros((5, 28, 27), np.uint8), r"shape \(5, 28, 27\)"),
        ("images-idx3", np.zeros((5, 784), np.uint8), r"expected uint8 of shape \(n, 28, 28\)"),
        ("images-idx3", np.zeros((5, 28, 28), np.int8), "got int8"),
        ("images-idx3", np.zeros((0, 28, 28), np.uint8), r"\(0, 28, 28\)"),
        ("images-idx3", np.zeros(5, np.uint8), "swapped"),
    ],
)
def test_files_that_do_not_belong_together_are_refused_by_name(name, array, message, tmp_path):
    wrong = fill(tmp_path) / f"train-{name}-ubyte.gz"
    write_idx(wrong, array)
    with pytest.raises(DataError, match=message) as caught:
        load_mnist(tmp_path)
    assert str(wrong) in str(caught.value)


def test_damage_is_refused_by_name(tmp_path: Path):
    damaged = fill(tmp_path) / "train-images-idx3-ubyte.gz"
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with pytest.raises(DataError, match="damaged compressed data") as caught:
        load_mnist(tmp_path)
    assert str(damaged) in str(caught.value)


@pytest.mark.parametrize("split", ["validation", "Train", None, 0])
def test_other_splits_are_refused(split, tmp_path: Path):
    with pytest.raises(OptionError, match="expected 'train' or 'test'"):
        load_mnist(fill(tmp_path), split=split)


# --------------------------------------------------------------------------------- searching
def test_the_folders_are_searched_in_order(no_data: Path, monkeypatch):
    root, cache = no_data / "root", mnist_download_folder()
    monkeypatch.setenv(DATA_VARIABLE, str(root))
    for count, folder in enumerate([cache, root / "mnist", root, no_data / "mine"], start=1):
        fill(folder, count=count)
        assert len(load_mnist(no_data / "mine" if folder.name == "mine" else None)) == count


def test_a_folder_with_half_of_the_files_is_passed_over(no_data: Path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(no_data))
    fill(no_data / "mnist", count=3)
    write_idx(no_data / "train-images-idx3-ubyte", np.zeros((9, 28, 28), np.uint8))
    assert len(load_mnist()) == 3


def test_a_named_folder_is_the_only_one(no_data: Path, monkeypatch):
    monkeypatch.setenv(DATA_VARIABLE, str(fill(no_data)))
    with pytest.raises(DataError, match="elsewhere"):
        load_mnist(no_data / "elsewhere")


@pytest.mark.parametrize("value", [None, ""])
def test_a_missing_file_says_where_it_was_looked_for_and_what_to_do(value, no_data, monkeypatch):
    if value is not None:
        monkeypatch.setenv(DATA_VARIABLE, value)
    with pytest.raises(DataError) as caught:
        load_mnist(split="test")
    message = str(caught.value)
    for due in ("mnist", "t10k-images-idx3-ubyte", "download=True", DATA_VARIABLE, "load_digits"):
        assert due in message


def test_download_is_asked_for_only_when_the_files_are_missing(no_data: Path, monkeypatch):
    asked: list[Path] = []

    def download(folder: Path) -> Path:
        asked.append(folder)
        return fill(folder, count=7)

    monkeypatch.setattr(mnist, "download_mnist", download)
    here = no_data / "here"
    assert len(load_mnist(here, download=True)) == len(load_mnist(here, download=True)) == 7
    assert len(load_mnist(download=True)) == len(load_mnist()) == 7
    assert asked == [here, mnist_download_folder()]
    with pytest.raises(OptionError, match="download: got 1"):
        load_mnist(here, download=1)


def test_downloads_go_below_the_variable_if_it_is_set(no_data: Path, monkeypatch):
    assert no_data in mnist_download_folder().parents
    monkeypatch.setenv(DATA_VARIABLE, str(no_data / "root"))
    assert mnist_download_folder() == no_data / "root" / "mnist"


HOME = Path("/home/ada").absolute()
ELSEWHERE = Path("/elsewhere").absolute()


@pytest.mark.parametrize(
    ("platform", "environ", "expected"),
    [
        ("linux", {}, HOME / ".cache"),
        ("linux", {"XDG_CACHE_HOME": str(ELSEWHERE)}, ELSEWHERE),
        ("linux", {"XDG_CACHE_HOME": "relative"}, HOME / ".cache"),
        ("freebsd14", {"XDG_CACHE_HOME": ""}, HOME / ".cache"),
        ("darwin", {"XDG_CACHE_HOME": str(ELSEWHERE)}, HOME / "Library" / "Caches"),
        ("win32", {"LOCALAPPDATA": str(ELSEWHERE)}, ELSEWHERE),
        ("win32", {}, HOME / "AppData" / "Local"),
    ],
)
def test_the_cache_is_where_the_platform_keeps_it(platform, environ, expected):
    assert user_cache(platform, environ, HOME) == expected / "tinygrad_nn"


def test_without_a_home_the_next_step_is_named(no_data: Path, monkeypatch):
    def homeless() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", homeless)
    with pytest.raises(DataError, match="pass folder= or set"):
        load_mnist()


# -------------------------------------------------------------------------------- real files
def test_the_real_test_images(real_mnist: Path):
    data = load_mnist(real_mnist, split="test")
    assert data.inputs.shape == (10_000, 28, 28)
    counts = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert np.bincount(data.targets).tolist() == counts
    assert data.targets[:5].tolist() == [7, 2, 1, 0, 4]
    assert (data.inputs.min(), data.inputs.max()) == (0, 1)


def test_the_real_training_images(real_mnist: Path):
    data = load_mnist(real_mnist)
    assert data.inputs.shape == (60_000, 28, 28)
    assert data.targets[:5].tolist() == [5, 0, 4, 1, 9]
    assert data.inputs.mean(dtype=np.float64) == pytest.approx(0.1307, abs=1e-4)
