"""A small network on small data: a training takes milliseconds."""

import numpy as np
import pytest

from tinygrad_nn.data import Dataset
from tinygrad_nn.train import Experiment, Settings


def tiny_data(count: int = 70) -> tuple[Dataset, Dataset]:
    """Images of noise with a bright row that tells the class."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 10, count)
    images = rng.uniform(0, 0.3, (count, 28, 28)).astype(np.float32)
    images[np.arange(count), labels * 2] += 0.6
    data = Dataset(images.reshape(count, 784), labels, "tiny", tuple("0123456789"))
    return data.subset(slice(10, None)), data.subset(slice(10))


@pytest.fixture
def make():
    """Makes an experiment with the given settings."""
    data = tiny_data()

    def made(**settings: object) -> Experiment:
        chosen = {"layers": (4,), "epochs": 3, "batch": 16, **settings}
        return Experiment(Settings(**chosen), *data)  # type: ignore[arg-type]

    return made
