"""Transforms that change values: scaling, noise, erasing, mixing, and their composition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data.transforms import (
    Compose,
    Cutout,
    GaussianNoise,
    Lambda,
    Mixup,
    Normalize,
    OneHot,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    RandomShift,
    Rescale,
    SaltAndPepper,
    Standardize,
    ToFloat,
)
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError

SEED = st.integers(0, 2**32)
DTYPES = [np.float16, np.float32, np.float64, np.uint8, np.uint16]
CHANGES = [
    GaussianNoise(0.3),
    SaltAndPepper(0.2),
    RandomErasing(1.0),
    Cutout(3),
    RandomBrightness(0.5),
    RandomContrast(0.9),
]
NEUTRAL = [
    GaussianNoise(0.0),
    SaltAndPepper(0.0),
    RandomErasing(0.0),
    Cutout(0),
    RandomBrightness(0.0),
    RandomContrast(0.0),
]


def picture(seed, dtype, *shape):
    values = np.random.default_rng(seed).random(shape)
    return (values if np.dtype(dtype).kind == "f" else values * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("transform", CHANGES, ids=repr)
@given(seed=SEED, dtype=st.sampled_from(DTYPES))
def test_dtype_and_range_are_kept_and_the_seed_decides(transform, seed, dtype):
    images = picture(seed, dtype, 3, 2, 5, 6)
    before = images.copy()
    done = transform.batch(images, seed)
    assert done.dtype == dtype and done.shape == images.shape
    assert done.min() >= 0 and done.max() <= (1 if np.dtype(dtype).kind == "f" else 2**16)
    assert np.array_equal(done, transform.batch(images, seed))
    assert np.array_equal(images, before) and not np.array_equal(done, images)


@pytest.mark.parametrize("transform", NEUTRAL, ids=repr)
@pytest.mark.parametrize("dtype", DTYPES)
def test_without_strength_nothing_changes(transform, dtype):
    images = picture(1, dtype, 3, 2, 5, 6)
    assert np.array_equal(transform.batch(images, 0), images)
    assert transform.batch(images[:0], 0).shape == (0, 2, 5, 6)


def test_noise_has_its_deviation_and_the_scale_of_the_dtype():
    grey = np.full((100, 100), 0.5)
    noise = GaussianNoise(0.1, clip=False)(grey, 0) - grey
    assert abs(noise.std() - 0.1) < 0.005 and abs(noise.mean()) < 0.005
    levels = GaussianNoise(0.1)(np.full((100, 100), 128, np.uint8), 0).astype(float) - 128
    assert abs(levels.std() - 25.5) < 1


def test_salt_and_pepper_have_their_shares():
    done = SaltAndPepper(0.2, salt=0.25)(np.full((3, 300, 300), 0.5), 0)
    assert abs((done == 1).mean() - 0.05) < 0.005 and abs((done == 0).mean() - 0.15) < 0.005
    assert np.array_equal(done[0], done[2])


@given(seed=SEED, height=st.integers(1, 9), width=st.integers(1, 9))
def test_what_is_erased_is_one_rectangle(seed, height, width):
    for transform in (RandomErasing(1.0, (0.0, 1.0), fill=5.0), Cutout((4, 2), fill=5.0)):
        gone = transform(np.zeros((height, width)), seed) == 5
        rows, columns = np.flatnonzero(gone.any(1)), np.flatnonzero(gone.any(0))
        assert gone.sum() == len(rows) * len(columns)
        assert not len(rows) or (np.ptp(rows) < len(rows) and np.ptp(columns) < len(columns))


def test_contrast_keeps_the_mean():
    image = np.linspace(0.4, 0.6, 36).reshape(6, 6)
    done = RandomContrast((0.5, 0.5))(image, 0)
    assert abs(done.mean() - 0.5) < 1e-12 and abs(np.ptp(done) - 0.3) < 1e-12


# ------------------------------------------------------------------------------------ scaling
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_to_float_spans_zero_to_one(dtype):
    for kind in (np.uint8, np.uint16, np.int32):
        done = ToFloat(dtype)(np.array([0, np.iinfo(kind).max], kind))
        assert done.dtype == dtype and done.tolist() == [0, 1]
    assert ToFloat(dtype)(np.array([True, False])).tolist() == [1, 0]


@given(seed=SEED, channels=st.integers(1, 4))
def test_normalize_by_channel(seed, channels):
    images = picture(seed, np.float32, 3, channels, 4, 5)
    mean, std = np.random.default_rng(seed).random((2, channels)) + 0.1
    done = Normalize(tuple(mean), tuple(std)).batch(images)
    assert done.dtype == np.float32
    expected = (images - mean[:, None, None]) / std[:, None, None]
    np.testing.assert_allclose(done, expected, rtol=1e-5, atol=1e-5)


@given(seed=SEED)
def test_standardize_fits_on_what_it_is_given_alone(seed):
    rng = np.random.default_rng(seed)
    train, test = rng.normal(5, 3, (50, 4)), rng.normal(5, 3, (9, 4))
    train[:, 2] = test[:, 2] = 0.1
    scaler = Standardize.fit(train)
    done = scaler.batch(train)
    np.testing.assert_allclose(done.mean(0), 0, atol=1e-9)
    np.testing.assert_allclose(done.std(0)[[0, 1, 3]], 1)
    np.testing.assert_allclose(done[:, 2], 0, atol=1e-12)
    np.testing.assert_allclose(scaler.inverse(scaler.batch(test)), test)
    np.testing.assert_allclose(scaler(test[0]), scaler.batch(test)[0])
    assert scaler == Standardize.fit(train.copy()) and hash(scaler) == hash(Standardize.fit(train))
    assert scaler.batch(test.astype(np.float32)).dtype == np.float32


def test_standardize_agrees_with_scikit_learn(rng):
    preprocessing = pytest.importorskip("sklearn.preprocessing")
    x = rng.normal(size=(30, 3)) * [1, 100, 0] + [0, 5, 7]
    np.testing.assert_allclose(
        Standardize.fit(x).batch(x), preprocessing.StandardScaler().fit_transform(x), atol=1e-9
    )


# ------------------------------------------------------------------------------------- mixing
@given(seed=SEED, alpha=st.floats(0, 5), count=st.integers(1, 6))
def test_mixed_targets_belong_to_mixed_inputs(seed, alpha, count):
    labels = np.random.default_rng(seed).integers(0, 4, count)
    # Inputs that are their own targets have to stay so.
    inputs = np.eye(4, dtype=np.float32)[labels]
    x, y = Mixup(alpha, classes=4).on_batch(inputs, labels, seed)
    np.testing.assert_allclose(x, y, atol=1e-6)
    np.testing.assert_allclose(y.sum(1), 1, rtol=1e-6)
    assert x.dtype == y.dtype == np.float32


def test_mixup_without_strength_and_with_measured_targets():
    inputs, targets = np.arange(6.0).reshape(3, 2), np.array([1.0, 2.0, 3.0])
    x, y = Mixup(0.0).on_batch(inputs, targets, 0)
    assert np.array_equal(x, inputs) and np.array_equal(y, targets)


# ---------------------------------------------------------------------------------- composing
def test_compose_is_one_after_the_other_with_one_generator():
    image = picture(0, np.float64, 6, 6)
    parts = [RandomShift(2), GaussianNoise(0.1)]
    rng = np.random.default_rng(3)
    by_hand = parts[1](parts[0](image, rng), rng)
    assert np.array_equal(Compose(parts)(image, np.random.default_rng(3)), by_hand)
    with pytest.raises(OptionError, match="Compose: got no rng"):
        Compose(parts)(image)
    assert Compose([Lambda(np.negative)])(image).tolist() == (-image).tolist()
    assert repr(Compose([RandomShift(2)])).startswith("Compose(transforms=(RandomShift(pixels=2")


def test_compose_carries_targets_through():
    both = Compose([ToFloat(), Mixup(1.0, classes=2)])
    x, y = both.on_batch(np.full((4, 2, 2), 255, np.uint8), np.array([0, 1, 0, 1]), 0)
    np.testing.assert_allclose(x, 1, rtol=1e-6)
    assert y.shape == (4, 2)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: Normalize(0.5, 0.0), OptionError, "std"),
        (lambda: Normalize((0.5, 0.5), 0.5), OptionError, "as many"),
        (lambda: Normalize(0.5, 0.5)(np.zeros((2, 2), np.uint8)), DTypeError, "put ToFloat"),
        (lambda: Normalize((0.5,) * 3, (1.0,) * 3)(np.zeros((2, 4, 4))), ShapeError, "2 channels"),
        (lambda: Rescale((1.0, 1.0)), OptionError, "two different"),
        (lambda: Standardize.fit(np.zeros((0, 2))), DataError, "at least one example"),
        (lambda: Standardize.fit([[np.nan]]), DataError, "NaN"),
        (lambda: Standardize.fit(np.zeros((3, 2))).batch(np.zeros((3, 4))), ShapeError, "anew"),
        (lambda: OneHot(3)(3), DataError, "expected 0 to 2"),
        (lambda: OneHot(3)(-1), DataError, "from -1"),
        (lambda: OneHot(3)(1.0), DTypeError, "integers"),
        (lambda: Mixup(0.2)(np.zeros((2, 2)), 0), OptionError, "expected a batch"),
        (
            lambda: Mixup(0.2).on_batch(np.zeros((2, 2)), np.array([0, 1]), 0),
            OptionError,
            "classes",
        ),
        (lambda: Mixup(0.2).on_batch(np.zeros((2, 2)), np.zeros(3), 0), ShapeError, r"\(3,\)"),
        (lambda: Compose(ToFloat()), OptionError, "a list of transforms"),
        (lambda: Compose([np.sqrt]), OptionError, "wrap a function"),
        (lambda: GaussianNoise(-1), OptionError, "std"),
        (lambda: SaltAndPepper(2), OptionError, "amount"),
        (lambda: RandomErasing(area=(0, 2)), OptionError, "area"),
        (lambda: RandomContrast(2), OptionError, "amount"),
        (lambda: Cutout(2, fill=0.5)(np.zeros((2, 2), np.uint8), 0), OptionError, "fill"),
    ],
)
def test_unfit_use_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
