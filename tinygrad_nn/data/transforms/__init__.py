"""Transforms of examples and batches: scaling, cropping, warping, noise, mixing.

Each is a small frozen object that is called with an array and, if it draws, with a generator:
`RandomRotate(15)(image, rng)`. Give one to `DataLoader(transform=)` to transform whole batches at
once, or to `TransformedDataset` to transform example by example. All interpolation is NumPy's.
"""

from tinygrad_nn.data.transforms.base import *
from tinygrad_nn.data.transforms.mixing import *
from tinygrad_nn.data.transforms.noise import *
from tinygrad_nn.data.transforms.placing import *
from tinygrad_nn.data.transforms.scaling import *
from tinygrad_nn.data.transforms.warping import *
