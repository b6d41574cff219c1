"""`ImageFolder`: real pictures, and pictures with planted faults."""

import sys

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn.data import (
    DataLoader,
    Dataset,
    ImageFolder,
    load_fashion_mnist,
    transforms,
    write_idx,
)
from tinygrad_nn.errors import DataError, OptionError


@pytest.fixture
def image():
    return pytest.importorskip("PIL.Image")


def saved(image, path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.fromarray(np.asarray(pixels)).save(path, **options)
    return path


def test_pictures_of_every_kind_are_read(image, tmp_path, rng):
    color = rng.integers(0, 256, (6, 4, 3), np.uint8)
    saved(image, tmp_path / "cat" / "a.png", color)
    saved(image, tmp_path / "cat" / "deeper" / "b.BMP", color)
    saved(image, tmp_path / "dog" / "c.png", color[..., 0])
    saved(image, tmp_path / "dog" / "d.png", np.dstack([color, color[..., :1]]))
    saved(image, tmp_path / "dog" / "e.png", (color[..., 0].astype(np.uint16) * 257))
    (tmp_path / "dog" / "notes.txt").write_text("no picture")
    (tmp_path / ".hidden").mkdir()
    data = ImageFolder(tmp_path)
    assert data.classes == ("cat", "dog") and data.targets.tolist() == [0, 0, 1, 1, 1]
    assert repr(data) == f"ImageFolder({tmp_path.name!r}, 5 images, classes=2)"
    expected = color.transpose(2, 0, 1) / np.float32(255)
    grey = np.repeat(expected[:1], 3, 0)
    for index, pixels in enumerate([expected, expected, grey, expected, grey]):
        found, label = data[index]
        assert found.dtype == np.float32 and label == data.targets[index]
        np.testing.assert_allclose(found, pixels, atol=1e-6)
    assert ImageFolder(tmp_path, gray=True)[2][0].shape == (1, 6, 4)
    assert isinstance(data.load(), Dataset) and data.load().inputs.shape == (5, 3, 6, 4)


def test_sizes_are_brought_to_one(image, tmp_path):
    saved(image, tmp_path / "a" / "1.png", np.zeros((9, 5), np.uint8))
    saved(image, tmp_path / "a" / "2.png", np.full((3, 4), 255, np.uint8))
    with pytest.raises(DataError, match=r"2\.png: got an image of shape \(3, 3, 4\).*size=32"):
        ImageFolder(tmp_path).load()
    data = ImageFolder(tmp_path, size=(4, 6))
    images, labels = next(iter(DataLoader(data, 2, shuffle=False, num_workers=2)))
    assert images.shape == (2, 3, 4, 6) and images[0].max() == 0 and images[1].min() == 1
    assert labels.tolist() == [0, 0]


def test_images_are_transformed_as_they_are_read(image, tmp_path):
    for name in ("1", "2"):
        saved(image, tmp_path / "a" / f"{name}.png", np.full((4, 6), 51, np.uint8))
    plain = ImageFolder(tmp_path)
    double = ImageFolder(tmp_path, transform=lambda x: x * 2, target_transform=lambda y: y + 5)
    np.testing.assert_array_equal(double[1][0], plain[1][0] * 2)
    assert double[0][1] == 5 and plain[-1][1] == 0
    noisy = ImageFolder(tmp_path, transform=transforms.GaussianNoise(0.1))
    np.testing.assert_array_equal(noisy[1][0], noisy[-1][0])
    epochs = []
    for workers in (0, 2):
        loader = DataLoader(noisy, 2, num_workers=workers, rng=3)
        epochs.append([next(iter(loader))[0] for _ in range(2)])
    np.testing.assert_array_equal(epochs[0], epochs[1])
    assert not np.array_equal(epochs[0][0], epochs[0][1])
    tensors = ImageFolder(tmp_path, transform=tg.tensor)
    images, labels = next(iter(DataLoader(tensors, 2)))
    assert images.view(images.size(0), -1).shape == (2, 72) and labels.size(0) == 2
    np.testing.assert_array_equal(noisy.load().inputs, plain.load().inputs)


def test_a_transform_that_is_none_or_of_torchvision_is_refused(image, tmp_path):
    saved(image, tmp_path / "a" / "1.png", np.zeros((4, 6), np.uint8))
    with pytest.raises(OptionError, match=r"^transform: got 3.*expected a function"):
        ImageFolder(tmp_path, transform=3)
    theirs = type("Resize", (), {"__call__": lambda self, x: x, "__module__": "torchvision.v2"})
    with pytest.raises(OptionError, match=r"Resize of torchvision.*pass size="):
        ImageFolder(tmp_path, transform=theirs())


def test_the_rotation_of_the_camera_is_applied(image, tmp_path):
    pixels = np.zeros((4, 6), np.uint8)
    pixels[0] = 255
    picture = image.fromarray(pixels)
    exif = picture.getexif()
    exif[0x0112] = 6
    (tmp_path / "a").mkdir()
    picture.save(tmp_path / "a" / "1.png", exif=exif)
    found = ImageFolder(tmp_path, gray=True)[0][0][0]
    assert found.shape == (6, 4) and found[:, -1].min() == 1 and found[:, :-1].max() == 0


def test_damaged_pictures_and_bombs_are_refused_by_name(image, tmp_path, rng):
    path = saved(image, tmp_path / "a" / "bad.png", rng.integers(0, 256, (40, 40, 3), np.uint8))
    content = path.read_bytes()
    for damaged in (b"", b"no picture", content[: len(content) // 2], content[:20]):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"bad\.png: got a file that is no picture or a dam"):
            ImageFolder(tmp_path)[0]
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"bad\.png: got a picture of 40 x 40, expected at most"):
        ImageFolder(tmp_path, max_pixels=1599)[0]
    image.new("1", (20_000, 20_000)).save(path)
    with pytest.raises(DataError, match=r"bad\.png: "):
        ImageFolder(tmp_path)[0]


def test_folders_that_hold_no_classes_are_refused(image, tmp_path):
    with pytest.raises(DataError, match="no folder of this name"):
        ImageFolder(tmp_path / "absent")
    with pytest.raises(DataError, match="folder without folders"):
        ImageFolder(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="empty: got no pictures"):
        ImageFolder(tmp_path)
    with pytest.raises(OptionError, match="size"):
        ImageFolder(tmp_path, size=0)


def test_without_pillow_the_message_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(DataError, match=r"tinygrad-nn\[images\]"):
        ImageFolder(tmp_path)


def test_fashion_mnist_is_read_from_a_folder_and_not_fetched(tmp_path):
    for stem in ("train", "t10k"):
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte.gz", np.zeros((10, 28, 28), np.uint8))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte.gz", np.arange(10, dtype=np.uint8))
    data = load_fashion_mnist(tmp_path, split="test")
    assert data.name == "fashion-mnist test" and data.classes[9] == "Ankle boot"
    with pytest.raises(OptionError, match="not fetched"):
        load_fashion_mnist(tmp_path, download=True)
    write_idx(tmp_path / "t10k-labels-idx1-ubyte.gz", np.arange(1, 11, dtype=np.uint8))
    with pytest.raises(DataError, match="got 11 classes"):
        load_fashion_mnist(tmp_path, split="test")
