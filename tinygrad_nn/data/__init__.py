"""Data sets, the files they come in, and batches of them.

`Dataset` holds examples and targets; `DataLoader` serves them in batches. Built in are the
handwritten digits (`load_digits`, no files needed) and a few computed sets; MNIST is read
from files or downloaded on request.
"""

from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.digits import load_digits
from tinygrad_nn.data.fetching import fetch_url
from tinygrad_nn.data.idx import read_idx, write_idx
from tinygrad_nn.data.loader import DataLoader
from tinygrad_nn.data.mnist import load_mnist
from tinygrad_nn.data.mnist_download import MNIST_MIRRORS, download_mnist
from tinygrad_nn.data.synthetic import (
    BinaryBlitz,
    binary_blitz,
    make_blobs,
    make_moons,
    make_spirals,
)

__all__ = [
    "MNIST_MIRRORS",
    "BinaryBlitz",
    "DataLoader",
    "Dataset",
    "binary_blitz",
    "download_mnist",
    "fetch_url",
    "load_digits",
    "load_mnist",
    "make_blobs",
    "make_moons",
    "make_spirals",
    "read_idx",
    "write_idx",
]
