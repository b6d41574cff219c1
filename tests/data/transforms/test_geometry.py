"""Transforms that move pixels, against NumPy and SciPy."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data.transforms import (
    ElasticDeformation,
    Flatten,
    Pad,
    RandomAffine,
    RandomCrop,
    RandomFlip,
    RandomRotate,
    RandomScale,
    RandomShift,
)
from tinygrad_nn.data.transforms.sampling import bilinear
from tinygrad_nn.errors import OptionError, ShapeError

SEED = st.integers(0, 2**32)
SIDE = st.integers(1, 9)
DTYPE = st.sampled_from([np.float16, np.float32, np.float64, np.uint8, np.int16, np.int64])
IDENTITIES = [
    RandomAffine(),
    RandomRotate(0),
    RandomScale((1.0, 1.0)),
    RandomShift(0),
    RandomFlip(0.0),
    Pad(0),
    ElasticDeformation(alpha=0.0),
]


def picture(seed: int, *shape: int, dtype: type = np.float64) -> np.ndarray:
    return (np.random.default_rng(seed).random(shape) * 100).astype(dtype)


@pytest.mark.parametrize("transform", IDENTITIES, ids=repr)
@given(seed=SEED, height=SIDE, width=SIDE, dtype=DTYPE)
def test_without_a_move_nothing_changes(transform, seed, height, width, dtype):
    image = picture(seed, height, width, dtype=dtype)
    before = image.copy()
    done = transform(image, rng=seed)
    assert done.dtype == image.dtype and np.array_equal(done, image)
    assert np.array_equal(image, before)


@given(seed=SEED, side=st.integers(1, 9), turns=st.integers(-4, 5), dtype=DTYPE)
def test_quarter_turns_are_those_of_numpy(seed, side, turns, dtype):
    image = picture(seed, side, side, dtype=dtype)
    done = RandomRotate((90 * turns, 90 * turns))(image, rng=seed)
    assert done.dtype == image.dtype
    np.testing.assert_allclose(done, np.rot90(image, turns), rtol=1e-3, atol=1e-3)


@given(seed=SEED, height=SIDE, width=SIDE, down=st.integers(-3, 3), right=st.integers(-3, 3))
def test_a_shift_is_a_roll_with_fill(seed, height, width, down, right):
    image = picture(seed, height, width)
    framed = np.full((height + 6, width + 6), -7.0)
    framed[3:-3, 3:-3] = image
    expected = np.roll(framed, (down, right), (0, 1))[3:-3, 3:-3]
    # The inverse of both axes at once: what the transform draws is one of these pictures.
    shifted = {
        RandomShift((abs(down), abs(right)), fill=-7.0)(image, rng=s).tobytes() for s in range(400)
    }
    assert expected.tobytes() in shifted
    moved = RandomAffine(shift=(down, down), fill=-7.0)(image, rng=0)
    both = np.roll(framed, (down, down), (0, 1))[3:-3, 3:-3]
    np.testing.assert_allclose(moved, both, atol=1e-12)


@given(seed=SEED, height=SIDE, width=SIDE, fill=st.sampled_from([0.0, 3.0, None]))
def test_reading_between_pixels_is_that_of_scipy(seed, height, width, fill):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(seed, height, width)
    places = np.random.default_rng(seed).uniform(-3, 12, (2, 5, 4))
    done = bilinear(image[None, None], places[:1], places[1:], fill)[0, 0]
    mode = {"mode": "nearest"} if fill is None else {"mode": "grid-constant", "cval": fill}
    np.testing.assert_allclose(
        done, ndimage.map_coordinates(image, places, order=1, **mode), atol=1e-9
    )


@given(
    seed=SEED,
    height=SIDE,
    width=SIDE,
    degrees=st.floats(-200, 200),
    scale=st.floats(0.5, 2.0),
    shear=st.floats(-60, 60),
    shift=st.floats(-3, 3),
)
def test_an_affine_map_is_that_of_scipy(seed, height, width, degrees, scale, shear, shift):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(seed, height, width)
    ends = {"degrees": degrees, "shear": shear, "shift": shift, "scale": scale}
    transform = RandomAffine(**{name: (value, value) for name, value in ends.items()}, fill=2.0)
    a = np.radians(degrees)
    turn = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    matrix = scale * turn @ [[1, 0], [np.tan(np.radians(shear)), 1]]
    back = np.linalg.inv(matrix)
    middle = np.array([(height - 1) / 2, (width - 1) / 2])
    expected = ndimage.affine_transform(
        image, back, middle - back @ (middle + shift), order=1, mode="grid-constant", cval=2.0
    )
    np.testing.assert_allclose(transform(image, rng=seed), expected, atol=1e-6)


@given(seed=SEED, height=SIDE, width=SIDE, alpha=st.floats(0, 40), sigma=st.floats(0.5, 5))
def test_the_rubber_sheet_is_that_of_scipy(seed, height, width, alpha, sigma):
    ndimage = pytest.importorskip("scipy.ndimage")
    image = picture(seed, height, width)
    field = np.random.default_rng(seed).uniform(-1, 1, (1, 2, height, width))[0]
    pull = [alpha * ndimage.gaussian_filter(u, sigma, mode="constant", truncate=4.0) for u in field]
    grid = np.mgrid[:height, :width] + np.array(pull)
    expected = ndimage.map_coordinates(image, grid, order=1, mode="grid-constant")
    done = ElasticDeformation(alpha, sigma)(image, np.random.default_rng(seed))
    np.testing.assert_allclose(done, expected, atol=1e-6)


MOVES = [
    RandomAffine(20, 2, (0.8, 1.2), 10),
    RandomRotate(45, fill=None),
    RandomScale((0.5, 2.0)),
    RandomShift(3),
    RandomFlip(),
    RandomCrop(4, padding=1),
    ElasticDeformation(20, 2),
]


@pytest.mark.parametrize("transform", MOVES, ids=repr)
@given(seed=SEED, dtype=DTYPE, channels=st.integers(1, 3), count=st.integers(0, 4))
def test_batches_and_channels(transform, seed, dtype, channels, count):
    images = picture(seed, count, channels, 6, 7, dtype=dtype)
    done = transform.batch(images, seed)
    assert done.dtype == dtype and done.shape[:2] == (count, channels)
    assert np.array_equal(done, transform.batch(images, seed))
    assert done.size == 0 or (done.max() <= max(images.max(), 0) and done.min() >= 0)
    # Every channel moves with the others, and a grey image as a channel does.
    for channel in range(channels):
        alone = transform.batch(images[:, channel], seed)
        assert np.array_equal(alone, done[:, channel])
    if count == 1:
        assert np.array_equal(transform(images[0], seed), done[0])


@pytest.mark.parametrize("transform", MOVES, ids=repr)
def test_images_of_a_batch_move_differently(transform):
    images = np.broadcast_to(picture(1, 8, 8), (40, 8, 8))
    assert len({image.tobytes() for image in transform.batch(images, 0)}) > 1


def test_one_sheet_for_all_when_asked():
    images = np.broadcast_to(picture(1, 8, 8), (5, 8, 8))
    done = ElasticDeformation(20, 2, same_for_all=True).batch(images, 0)
    assert len({image.tobytes() for image in done}) == 1


@given(seed=SEED, padding=st.integers(0, 3), size=st.integers(1, 5))
def test_a_crop_is_a_window_of_the_padded_image(seed, padding, size):
    image = picture(seed, 5, 6)
    done = RandomCrop(size, padding, fill=-1)(image, rng=seed)
    padded = Pad(padding, fill=-1)(image)
    views = np.lib.stride_tricks.sliding_window_view(padded, (size, size)).reshape(-1, size, size)
    assert any(np.array_equal(done, view) for view in views)


def test_flips_are_those_of_numpy_and_as_frequent_as_asked():
    image = picture(0, 3, 4)
    assert np.array_equal(RandomFlip(1.0)(image, 0), image[:, ::-1])
    assert np.array_equal(RandomFlip(1.0, "vertical")(image, 0), image[::-1])
    done = RandomFlip(0.25).batch(np.broadcast_to(image, (4000, 3, 4)), 0)
    assert 900 < sum(not np.array_equal(one, image) for one in done) < 1100


def test_flatten_keeps_the_order_and_empty_batches():
    assert Flatten().batch(np.zeros((0, 3, 4))).shape == (0, 12)
    assert Flatten()(np.arange(6).reshape(2, 3)).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: RandomRotate(5)(np.zeros((4, 4))), OptionError, "RandomRotate: got no rng"),
        (lambda: RandomRotate(5)(np.zeros(4), 0), ShapeError, r"got shape \(4,\), expected \(H, W"),
        (lambda: RandomRotate(5).batch(np.zeros((4, 4)), 0), ShapeError, r"expected \(N, H, W\)"),
        (lambda: RandomRotate((5, -5)), OptionError, "degrees: got"),
        (lambda: RandomRotate("5"), OptionError, "degrees"),
        (lambda: RandomRotate(float("nan")), OptionError, "degrees"),
        (lambda: RandomScale((0.0, 1.0)), OptionError, "positive"),
        (lambda: RandomScale(1.2), OptionError, "positive"),
        (lambda: RandomAffine(shear=90), OptionError, "within -89 to 89"),
        (lambda: RandomShift(-1), OptionError, "pixels"),
        (lambda: RandomShift(1, fill=0.5)(np.zeros((2, 2), np.uint8), 0), OptionError, "fill=0.5"),
        (lambda: Pad(1, fill=256)(np.zeros((2, 2), np.uint8)), OptionError, "from 0 to 255"),
        (lambda: RandomCrop(9)(np.zeros((4, 4)), 0), ShapeError, "expected at least"),
        (lambda: RandomFlip(1.5), OptionError, "from 0 to 1"),
        (lambda: RandomFlip(direction="diagonal"), OptionError, "horizontal"),
        (lambda: ElasticDeformation(-1), OptionError, "alpha"),
        (lambda: ElasticDeformation(sigma=0), OptionError, "sigma"),
        (lambda: RandomRotate(5)(np.array([["a"]]), 0), TypeError, "expected an array of numbers"),
        (lambda: RandomRotate(5)(np.zeros((2, 2), bool), 0), TypeError, "dtype bool"),
    ],
)
def test_unfit_use_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_transforms_are_values():
    assert RandomShift(2) == RandomShift(2) != RandomShift(3)
    assert repr(RandomShift(2)) == "RandomShift(pixels=2, fill=0.0)"
    with pytest.raises(AttributeError):
        RandomShift(2).pixels = 3


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("sampling._mixed", lambda first, second, weight: first * weight + second * (1 - weight)),
        ("warping._sin", lambda angle: -np.sin(angle)),
        ("warping._smoothing", lambda side, sigma: np.eye(side)),
    ],
)
def test_planted_faults_are_seen(monkeypatch, name, fault):
    monkeypatch.setattr(f"tinygrad_nn.data.transforms.{name}", fault)
    with pytest.raises(AssertionError):
        for seed in range(5):
            test_quarter_turns_are_those_of_numpy.hypothesis.inner_test(seed, 5, 1, np.float64)
            test_reading_between_pixels_is_that_of_scipy.hypothesis.inner_test(seed, 6, 7, 3.0)
            test_the_rubber_sheet_is_that_of_scipy.hypothesis.inner_test(seed, 6, 7, 20.0, 1.5)
