"""Tensors in, tensors out: batches of a data set whose examples are tensors."""

import copy
import pickle

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, train
from tinygrad_nn.data import (
    ConcatDataset,
    DataLoader,
    TensorDataset,
    TransformedDataset,
    default_collate,
    random_split,
    transforms,
)
from tinygrad_nn.errors import ShapeError

IMAGES = np.arange(10 * 4, dtype=np.float64).reshape(10, 1, 2, 2)
LABELS = np.arange(10, dtype=np.int32)


class Own:
    """As it is written for PyTorch: a tensor and a number."""

    def __len__(self):
        return 10

    def __getitem__(self, i):
        return tg.tensor(IMAGES[i]), int(LABELS[i])


def both(wrap):
    """The same loader over tensors and over arrays."""
    return wrap(tg.tensor(IMAGES), tg.tensor(LABELS)), wrap(IMAGES, LABELS)


SOURCES = {
    "TensorDataset": TensorDataset,
    "pair": lambda x, y: (x, y),
    "split": lambda x, y: random_split(TensorDataset(x, y), [0.5, 0.5], rng=1)[0],
    "sum": lambda x, y: ConcatDataset([TensorDataset(x, y), TensorDataset(x, y)]),
    "transformed": lambda x, y: TransformedDataset(
        TensorDataset(x, y), transforms.GaussianNoise(0.1), lambda t, rng: t
    ),
}


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("name", SOURCES)
def test_batches_of_tensors_are_the_tensors_of_the_batches_of_arrays(name, workers):
    ours, arrays = (DataLoader(data, 4, num_workers=workers, rng=3) for data in both(SOURCES[name]))
    for _ in range(2):
        for got, expected in zip(ours, arrays, strict=True):
            assert isinstance(got, tuple)
            for part, array in zip(got, expected, strict=True):
                assert type(part) is tg.Tensor and not part.requires_grad
                assert isinstance(array, np.ndarray) and part.dtype == array.dtype
                np.testing.assert_array_equal(part.numpy(), array)


@pytest.mark.parametrize("name", ["TensorDataset", "split"])
def test_a_loader_of_tensors_resumes(name):
    data, _ = both(SOURCES[name])
    loader = DataLoader(data, 2, rng=5)
    batches = iter(loader)
    next(batches)
    other = DataLoader(data, 2, num_workers=1)
    other.load_state_dict(loader.state_dict())
    rest = [y.tolist() for _, y in batches]
    assert rest == [y.tolist() for _, y in other] and rest


def test_what_a_data_set_of_ones_own_returns():
    images, labels = next(iter(DataLoader(Own(), 4, shuffle=False)))
    assert images.view(images.size(0), -1).shape == (4, 4) and images.dtype == np.float64
    assert labels.view(-1, 1).dtype == np.int64  # numbers beside tensors become tensors


def test_collate_of_tensors():
    tensors = [tg.tensor([1.0], requires_grad=True), tg.tensor([2.0])]
    batch = default_collate(tensors)
    assert type(batch) is tg.Tensor and batch.tolist() == [[1.0], [2.0]]
    assert not batch.requires_grad
    mixed = default_collate([np.float32([1.0]), tg.tensor([2.0])])
    assert type(mixed) is tg.Tensor
    part = default_collate([{"x": tg.tensor([1.0]), "y": np.int8(1), "z": 0.5, "name": "a"}])
    assert [type(x) for x in part.values()] == [tg.Tensor, np.ndarray, tg.Tensor, list]
    assert isinstance(default_collate([(np.zeros(1), 1)])[1], np.ndarray)
    with pytest.raises(ShapeError, match=r"example 1 has shape \(2,\)"):
        default_collate([tg.tensor([1.0]), tg.tensor([1.0, 2.0])])


def test_examples_by_hand_may_be_written_and_the_data_stay():
    data = TensorDataset(tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([0, 1], dtype="int64"))
    for rows in (0, slice(0, 2), [0, 1]):
        x, y = data[rows]
        assert type(x) is tg.Tensor and y.dtype == np.int64
        x.data[...] = 9.0
        with tg.no_grad():
            x.zero_()
        assert data[rows][0].sum().item() > 0
    assert data[1][1].ndim == 0 and int(data[1][1]) == 1


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_keep_which_are_tensors(duplicate):
    data = duplicate(TensorDataset(tg.tensor([1.0]), np.arange(1)))
    assert [type(part) for part in data.tensors] == [tg.Tensor, np.ndarray]
    assert not any(array.flags.writeable for array in data.arrays)


def test_the_tensors_are_copied():
    x = tg.tensor([1.0, 2.0])
    data = TensorDataset(x)
    x.data[...] = 5.0
    assert data.tensors[0].tolist() == [1.0, 2.0]


@pytest.mark.parametrize(
    "transform",
    [transforms.GaussianNoise(0.1), transforms.Mixup(0.5, classes=10), lambda x, rng: x * 2],
)
def test_a_transform_of_batches_keeps_the_kind(transform):
    for source, kind in zip(both(TensorDataset), (tg.Tensor, np.ndarray), strict=True):
        batch = next(iter(DataLoader(source, 4, transform=transform)))
        assert [type(part) for part in batch] == [kind, kind]
    single = TensorDataset(tg.tensor(IMAGES))
    assert (
        type(
            next(
                iter(
                    DataLoader(
                        single,
                        4,
                        transform=transform
                        if not isinstance(transform, transforms.Mixup)
                        else None,
                    )
                )
            )[0]
        )
        is tg.Tensor
    )


class Torchlike(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 10, rng=0)

    def forward(self, x):
        return self.fc(x.float().view(x.size(0), -1))


@pytest.mark.parametrize("wrap", [TensorDataset, lambda x, y: (x, y)])
def test_a_forward_of_pytorch_trains(wrap):
    net = Torchlike()
    data, _ = both(wrap)
    history = train.fit(net, nn.CrossEntropyLoss(), tg.optim.SGD(net.parameters(), 1e-4), data, 1)
    assert history.batches or history.epochs


def test_labels_that_are_tensors_are_balanced():
    from tinygrad_nn.data import BalancedSampler

    data = TensorDataset(tg.tensor(IMAGES), tg.tensor(LABELS % 2))
    assert len(list(BalancedSampler([label for _, label in data]))) == 10
    assert len(list(BalancedSampler(data.tensors[1]))) == 10
