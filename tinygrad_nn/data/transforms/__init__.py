"""Transforms of examples and batches: scaling, cropping, warping, noise, mixing.

Each is a small frozen object that is called with an array and, if it draws, with a generator:
`RandomRotate(15)(image, rng)`. Give one to `DataLoader(transform=)` to transform whole batches at
once, or to `TransformedDataset` to transform example by example. All interpolation is NumPy's.
"""

from tinygrad_nn.data.transforms.base import Compose, ImageTransform, Lambda, Transform
from tinygrad_nn.data.transforms.mixing import Mixup
from tinygrad_nn.data.transforms.noise import (
    Cutout,
    GaussianNoise,
    RandomBrightness,
    RandomContrast,
    RandomErasing,
    SaltAndPepper,
)
from tinygrad_nn.data.transforms.placing import Flatten, Pad, RandomCrop, RandomFlip, RandomShift
from tinygrad_nn.data.transforms.scaling import Normalize, OneHot, Rescale, Standardize, ToFloat
from tinygrad_nn.data.transforms.warping import (
    ElasticDeformation,
    RandomAffine,
    RandomRotate,
    RandomScale,
)

__all__ = [
    "Compose",
    "Cutout",
    "ElasticDeformation",
    "Flatten",
    "GaussianNoise",
    "ImageTransform",
    "Lambda",
    "Mixup",
    "Normalize",
    "OneHot",
    "Pad",
    "RandomAffine",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomErasing",
    "RandomFlip",
    "RandomRotate",
    "RandomScale",
    "RandomShift",
    "Rescale",
    "SaltAndPepper",
    "Standardize",
    "ToFloat",
    "Transform",
]
