"""Data sets, the files they come in, and batches of them.

`Dataset` holds examples and targets; `DataLoader` serves them in batches, of it or of any object
with `__getitem__` and `__len__`. Built in are the handwritten digits (`load_digits`, no files
needed) and a few computed sets; MNIST is read from files or downloaded on request, and one's own
data from CSV, NPZ, folders of images and text. `tinygrad_nn.data.transforms` augments images.
"""

from tinygrad_nn.data import transforms
from tinygrad_nn.data.collate import default_collate
from tinygrad_nn.data.csv_table import read_csv
from tinygrad_nn.data.dataset import Dataset
from tinygrad_nn.data.digits import load_digits
from tinygrad_nn.data.fetching import fetch_url
from tinygrad_nn.data.idx import read_idx, write_idx
from tinygrad_nn.data.image_folder import ImageFolder
from tinygrad_nn.data.loader import DataLoader
from tinygrad_nn.data.map_style import (
    ConcatDataset,
    IterableDataset,
    Subset,
    TensorDataset,
    TransformedDataset,
)
from tinygrad_nn.data.mnist import load_fashion_mnist, load_mnist
from tinygrad_nn.data.mnist_download import MNIST_MIRRORS, download_mnist
from tinygrad_nn.data.npz_file import read_npz
from tinygrad_nn.data.parting import random_split
from tinygrad_nn.data.samplers import (
    BalancedSampler,
    BatchSampler,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StratifiedSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from tinygrad_nn.data.synthetic import (
    BinaryBlitz,
    binary_blitz,
    make_blobs,
    make_moons,
    make_spirals,
)
from tinygrad_nn.data.text import LineDataset, TextDataset, read_names
from tinygrad_nn.data.vocabulary import ByteVocabulary, CharacterVocabulary

__all__ = [
    "MNIST_MIRRORS",
    "BalancedSampler",
    "BatchSampler",
    "BinaryBlitz",
    "ByteVocabulary",
    "CharacterVocabulary",
    "ConcatDataset",
    "DataLoader",
    "Dataset",
    "ImageFolder",
    "IterableDataset",
    "LineDataset",
    "RandomSampler",
    "Sampler",
    "SequentialSampler",
    "StratifiedSampler",
    "Subset",
    "SubsetRandomSampler",
    "TensorDataset",
    "TextDataset",
    "TransformedDataset",
    "WeightedRandomSampler",
    "binary_blitz",
    "default_collate",
    "download_mnist",
    "fetch_url",
    "load_digits",
    "load_fashion_mnist",
    "load_mnist",
    "make_blobs",
    "make_moons",
    "make_spirals",
    "random_split",
    "read_csv",
    "read_idx",
    "read_names",
    "read_npz",
    "transforms",
    "write_idx",
]
