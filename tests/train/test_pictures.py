"""The pictures are sound SVG and PNG, say their numbers, and can be read in light and dark."""

import base64
import re
import struct
import zlib
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.errors import DataError, DTypeError, ShapeError
from tinygrad_nn.train import (
    Epoch,
    History,
    Mistake,
    confusion_picture,
    history_picture,
    mistakes_picture,
    weights_picture,
)
from tinygrad_nn.train.png import png
from tinygrad_nn.train.sheet import Sheet, diverging, grey, luminance

NAMES = tuple("0123456789")


def unpacked(content: bytes) -> np.ndarray:
    """The pixels of a PNG file, read by the rules of the format."""
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, place = {}, 8
    while place < len(content):
        (length,) = struct.unpack_from(">I", content, place)
        body = content[place + 4 : place + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, place + 8 + length)
        assert zlib.crc32(body) == checksum
        chunks[body[:4]] = body[4:]
        place += 12 + length
    assert list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0])
    shape = (height, width) if colour == 0 else (height, width, {2: 3}[colour])
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, -1)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(shape)


@given(
    height=st.integers(1, 9),
    width=st.integers(1, 9),
    tail=st.sampled_from([(), (3,)]),
    seed=st.integers(0, 2**32),
)
def test_a_png_has_the_pixels(height: int, width: int, tail: tuple, seed: int):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, *tail), np.uint8)
    assert np.array_equal(unpacked(png(pixels)), pixels)


def test_what_is_no_image_is_refused():
    with pytest.raises(DTypeError, match="float64"):
        png(np.zeros((2, 2)))
    for shape in [(2,), (0, 3), (2, 2, 4), (2, 2, 3, 1)]:
        with pytest.raises(ShapeError, match="height, width"):
            png(np.zeros(shape, np.uint8))


def parsed(svg: str) -> tuple[ElementTree.Element, list[str], list[np.ndarray]]:
    """The tree, its texts, and its images."""
    root = ElementTree.fromstring(svg)
    texts = [e.text or "" for e in root.iter() if e.tag.endswith("}text")]
    links = [e.get("href", "") for e in root.iter() if e.tag.endswith("}image")]
    images = [unpacked(base64.b64decode(link.partition(",")[2])) for link in links]
    return root, texts, images


def every_picture() -> dict[str, str]:
    rng = np.random.default_rng(0)
    history = History([Epoch(i + 1, 2 / (i + 1), 0.1, {"test_accuracy": 0.9}) for i in range(5)])
    mistakes = [Mistake(i, i, 9 - i, 0.8, 0.1) for i in range(5)]
    return {
        "confusion": confusion_picture(rng.integers(0, 50, (10, 10)), NAMES),
        "mistakes": mistakes_picture(mistakes, rng.uniform(size=(5, 28, 28)), NAMES, 12),
        "weights": weights_picture(rng.normal(size=(16, 784)), (28, 28)),
        "history": history_picture(history),
    }


@pytest.mark.parametrize("name", ["confusion", "mistakes", "weights", "history"])
def test_a_picture_is_one_sound_file_without_outside_links(name: str):
    svg = every_picture()[name]
    root, texts, _ = parsed(svg)
    assert root.get("role") == "img" and texts
    outside = svg.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "http" not in outside and "<script" not in svg and "@import" not in svg
    assert "prefers-color-scheme: dark" in svg
    assert svg == every_picture()[name]


@pytest.mark.parametrize("name", ["confusion", "mistakes", "weights", "history"])
def test_nothing_is_drawn_outside_the_picture(name: str):
    root, _, _ = parsed(every_picture()[name])
    width, height = float(root.get("width", "0")), float(root.get("height", "0"))
    for e in root.iter():
        if "x" in e.attrib:
            x, y = float(e.attrib["x"]), float(e.attrib["y"])
            assert x >= 0 and x + float(e.get("width", "0")) <= width
            assert y >= 0 and y + float(e.get("height", "0")) <= height


def test_a_confusion_matrix_shows_its_counts():
    counts = np.array([[40, 3], [0, 7]])
    _, texts, _ = parsed(confusion_picture(counts, ("<cat>", "dog & co")))
    assert {"40", "3", "7", "<cat>", "dog & co", "93.0 %", "100.0 %"} <= set(texts)
    assert "0" not in texts
    assert "47 of 50 right (94.0 %)" in texts
    with pytest.raises(ShapeError, match="names of all classes"):
        confusion_picture(counts, NAMES)


def test_mistakes_are_shown_as_they_are():
    images = np.random.default_rng(0).uniform(size=(4, 28, 28))
    svg = mistakes_picture([Mistake(2, 3, 8, 0.98, 0.01)], images, NAMES, 7)
    _, texts, shown = parsed(svg)
    assert {"said 8", "98 %", "it is 3", "1 %", "The worst 1 of 7 mistakes"} <= set(texts)
    assert np.array_equal(shown[0][::4, ::4], grey(images[2]))
    assert "No mistakes" in mistakes_picture([], images, NAMES, 0)


def test_each_neuron_is_an_image_of_its_weights():
    weight = np.random.default_rng(0).normal(size=(16, 784))
    _, texts, shown = parsed(weights_picture(weight, (28, 28)))
    scale = np.quantile(np.abs(weight), 0.995)
    assert len(shown) == 16 + 1 and "neuron 16" in texts
    for row, image in zip(weight, shown, strict=False):
        assert np.array_equal(image[::4, ::4], diverging(row.reshape(28, 28), scale))
    wide = np.zeros((100, 784))
    _, texts, shown = parsed(weights_picture(wide, (28, 28)))
    assert len(shown) == 64 + 1 and "the first 64 of 100" in "".join(texts)
    with pytest.raises(ShapeError, match="784"):
        weights_picture(np.zeros((16, 64)), (28, 28))
    with pytest.raises(DataError, match="NaN"):
        weights_picture(np.full((16, 784), np.nan), (28, 28))


def test_signs_are_told_apart_and_zero_is_pale():
    orange, pale, blue = diverging(np.array([-2.0, 0.0, 2.0]), 1.0).astype(int)
    assert orange[0] > orange[2] + 100 and blue[2] > blue[0] + 100
    assert pale.min() > 240
    assert grey(np.array([0.0, 1.0, 7.0])).tolist() == [255, 0, 0]


@pytest.mark.parametrize("epochs", [1, 2, 500])
def test_a_history_of_any_length_can_be_drawn(epochs: int):
    history = History([Epoch(i + 1, 0.0, 0.1, {"test_accuracy": 1.0}) for i in range(epochs)])
    root, texts, _ = parsed(history_picture(history))
    points = [e.get("points", "") for e in root.iter() if "curve" in e.get("class", "")]
    assert [len(p.split()) for p in points] == [epochs, epochs]
    assert "nan" not in "".join(points) and "epoch 1" in texts
    with pytest.raises(DataError, match="no epochs"):
        history_picture(History())


def contrast(a: str, b: str) -> float:
    low, high = sorted((luminance(a), luminance(b)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
def test_every_text_can_be_read_on_its_ground(theme: int):
    style = Sheet(100, "title").svg().partition("<style>")[2].partition("</style>")[0]
    rules = style.split("@media")[theme]
    fills = dict(re.findall(r"#\w+ ([\w. -]+) \{ fill: (#\w{6});", rules))
    ground = fills[".ground"]
    for text in ("text", "text.muted", "text.blue", "text.orange"):
        assert contrast(fills[text], ground) >= 4.5, text
    shades = [name for name in fills if re.fullmatch(r"\.(blue|orange)\d", name)]
    assert len(shades) == 16
    for name in shades:
        assert contrast(fills[name], fills[f"text.on-{name[1:]}"]) >= 4.5, name


def test_control_characters_in_names_do_no_harm():
    _, texts, _ = parsed(confusion_picture(np.eye(2, dtype=int), ("a\x00\x1b", 'b"<')))
    assert 'b"<' in texts
