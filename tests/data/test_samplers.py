"""Samplers, parts of data sets and collating, by their properties and against PyTorch."""

from collections import namedtuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn import Tensor, tensor
from tinygrad_nn.data import (
    BalancedSampler,
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    StratifiedSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    TransformedDataset,
    WeightedRandomSampler,
    default_collate,
    random_split,
)
from tinygrad_nn.errors import DataError, DTypeError, OptionError, PositionError, ShapeError

SEED = st.integers(0, 2**100)
LABELS = st.lists(st.integers(0, 4), min_size=1, max_size=80).map(np.array)


# ---------------------------------------------------------------------------------- samplers
@given(count=st.integers(1, 30), wanted=st.integers(1, 90), seed=SEED)
def test_without_replacement_every_round_has_each_example(count, wanted, seed):
    order = RandomSampler(range(count), num_samples=wanted).order(seed, 0)
    assert len(order) == wanted
    assert np.ptp(np.bincount(order, minlength=count)) <= 1
    assert sorted(RandomSampler(range(count)).order(seed, 3)) == list(range(count))


@given(seed=SEED)
def test_a_seed_of_its_own_goes_before_that_of_the_loader(seed):
    own, lent = RandomSampler(range(20), generator=7), RandomSampler(range(20))
    assert own.order(seed, 1).tolist() == own.order(0, 1).tolist() == lent.order(7, 1).tolist()
    assert list(own) != list(own)


def test_drawing_is_fair():
    order = RandomSampler(range(4), replacement=True, num_samples=40_000).order(1, 0)
    assert np.all(np.abs(np.bincount(order) - 10_000) < 400)
    weighted = WeightedRandomSampler([1, 0, 2, 5], 40_000).order(1, 0)
    assert np.all(np.abs(np.bincount(weighted) - np.array([1, 0, 2, 5]) * 5000) < 400)
    first = [WeightedRandomSampler([1, 0, 2, 5], 1, False).order(s, 0)[0] for s in range(8000)]
    assert np.all(np.abs(np.bincount(first) - np.array([1, 0, 2, 5]) * 1000) < 200)


@given(weights=st.lists(st.floats(0, 1e300), min_size=1, max_size=20), seed=SEED)
def test_weights_of_zero_are_never_drawn(weights, seed):
    possible = np.flatnonzero(weights)
    if not len(possible) or not np.isfinite(sum(weights)):
        return
    drawn = WeightedRandomSampler(weights, 50).order(seed, 0)
    assert set(drawn) <= set(possible)
    all_of_them = WeightedRandomSampler(weights, len(possible), False).order(seed, 0)
    assert sorted(all_of_them) == possible.tolist()


@given(labels=LABELS, seed=SEED, wanted=st.integers(1, 99))
def test_balanced_classes_differ_by_one_at_most(labels, seed, wanted):
    order = BalancedSampler(labels, wanted).order(seed, 0)
    counts = np.bincount(labels[order], minlength=labels.max() + 1)[np.unique(labels)]
    assert len(order) == wanted and np.ptp(counts) <= 1
    for label in np.unique(labels):
        # No example comes a second time before each of its class has come.
        times = np.bincount(order, minlength=len(labels))[labels == label]
        assert np.ptp(times) <= 1


@given(labels=LABELS, seed=SEED, size=st.integers(1, 20))
def test_stratified_batches_have_the_shares_of_the_whole(labels, seed, size):
    order = StratifiedSampler(labels).order(seed, 0)
    assert sorted(order) == list(range(len(labels)))
    kinds = np.unique(labels)
    for start in range(0, len(order), size):
        batch = labels[order[start : start + size]]
        for kind in kinds:
            share = np.mean(labels == kind)
            assert abs(np.sum(batch == kind) - share * len(batch)) < 1 + share * len(kinds) + 1e-9


@given(count=st.integers(0, 20), size=st.integers(1, 7), drop=st.booleans())
def test_batch_sampler_is_that_of_pytorch(count, size, drop):
    torch_data = pytest.importorskip("torch.utils.data")
    ours = BatchSampler(range(count), size, drop)
    theirs = torch_data.BatchSampler(range(count), size, drop)
    assert list(ours) == list(theirs) and len(ours) == len(theirs)


def test_samplers_serve_in_a_loader():
    data = Dataset(np.zeros((6, 1)), np.arange(6))
    for sampler, expected in [
        (SequentialSampler(data), [0, 1, 2, 3, 4, 5]),
        ([5, 0, 5], [5, 0, 5]),
        (SubsetRandomSampler([4, 2]), [2, 4]),
    ]:
        loader = DataLoader(data, 2, sampler=sampler)
        served = [int(label) for _, labels in loader for label in labels]
        assert (sorted(served) if isinstance(sampler, SubsetRandomSampler) else served) == expected
        assert len(loader) == len(list(loader)) and not loader.shuffle


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: WeightedRandomSampler([0.0, 0.0], 1), OptionError, "not all 0"),
        (lambda: WeightedRandomSampler([-1.0], 1), OptionError, "from 0 up"),
        (lambda: WeightedRandomSampler([np.nan], 1), OptionError, "finite"),
        (lambda: WeightedRandomSampler([], 1), ShapeError, "n > 0"),
        (lambda: WeightedRandomSampler([1.0, 0.0], 2, False), OptionError, "at most 1"),
        (lambda: RandomSampler([]), DataError, "0 examples"),
        (lambda: RandomSampler([1], num_samples=0), OptionError, "num_samples"),
        (lambda: SubsetRandomSampler([]), OptionError, "at least one"),
        (lambda: SubsetRandomSampler([0.5]), OptionError, "whole number"),
        (lambda: StratifiedSampler([0.5]), DataError, "one integer"),
        (lambda: BalancedSampler(np.zeros((2, 2), int)), DataError, "one integer"),
        (lambda: BatchSampler(3, 2), OptionError, "sampler: got 3"),
        (lambda: BatchSampler([1], 0), OptionError, "batch_size"),
    ],
)
def test_unfit_samplers_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ------------------------------------------------------------------------------------- parts
def test_any_number_of_arrays():
    data = TensorDataset(np.zeros((3, 2)), [1, 2, 3], tensor([0.5, 1.5, 2.5]))
    assert [part.dtype for part in data.arrays] == [np.float64, np.int64, np.float32]
    assert [type(part) for part in data.tensors] == [np.ndarray, np.ndarray, Tensor]
    batches = list(DataLoader(data, 2, shuffle=False))
    assert [part.tolist() for part in batches[1]] == [[[0, 0]], [3], [2.5]]
    assert [part.shape for part in data[[0, 2]]] == [(2, 2), (2,), (2,)]
    assert len(next(iter(DataLoader(TensorDataset(np.zeros(3)))))) == 1
    assert repr(data).startswith("TensorDataset(float64 (3, 2), ")


@given(data=st.data(), sizes=st.lists(st.integers(0, 4), min_size=1, max_size=5))
def test_concatenation_and_subsets_are_those_of_lists(data, sizes):
    parts = [[f"{which}.{i}" for i in range(size)] for which, size in enumerate(sizes)]
    whole = [one for part in parts for one in part]
    joined = ConcatDataset(parts)
    assert len(joined) == len(whole)
    assert [joined[i] for i in range(-len(whole), len(whole))] == whole * 2
    with pytest.raises(IndexError, match=f"of {len(whole)}: expected"):
        joined[len(whole)]
    if whole:
        rows = data.draw(st.lists(st.integers(-len(whole), len(whole) - 1)))
        subset = Subset(joined, rows)
        assert [subset[i] for i in range(len(subset))] == [whole[row] for row in rows]


def test_iterating_any_of_them_ends():
    arrays = TensorDataset([1, 2])
    for data in (Subset([1, 2], [1]), ConcatDataset([[1], [2]]), arrays, TransformedDataset([1])):
        assert len(list(data)) == len(data)


@given(count=st.integers(2, 60), first=st.floats(0.2, 0.8), seed=st.integers(0, 2**60))
def test_random_parts_are_disjoint_and_complete(count, first, seed):
    shares = [first, 1 - first]
    try:
        parts = random_split(range(count), shares, seed)
    except DataError:
        assert int(count * min(shares) + 1e-9) == 0
        return
    assert sorted(i for part in parts for i in part.indices) == list(range(count))
    again = random_split(range(count), [len(part) for part in parts], generator=seed)
    assert [part.indices.tolist() for part in parts] == [part.indices.tolist() for part in again]


@pytest.mark.filterwarnings("ignore:Length of split")  # PyTorch's, of parts that are empty
@given(count=st.integers(4, 200), tenths=st.sampled_from([(7, 3), (8, 1, 1), (5, 5), (3, 3, 4)]))
def test_sizes_of_random_parts_are_those_of_pytorch(count, tenths):
    torch_data = pytest.importorskip("torch.utils.data")
    shares = [tenth / 10 for tenth in tenths]
    theirs = [len(part) for part in torch_data.random_split(range(count), shares)]
    if 0 not in theirs:
        ours = [len(part) for part in random_split(range(count), shares)]
        # PyTorch rounds 0.7 * 10 as a float; we take what was meant.
        assert all(abs(a - b) <= 1 for a, b in zip(ours, theirs, strict=True))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (TensorDataset, OptionError, "at least one"),
        (lambda: TensorDataset([1], [1, 2]), ShapeError, r"\(1,\), \(2,\)"),
        (lambda: TensorDataset(np.array([None])), DTypeError, "array 0: got dtype object"),
        (lambda: Subset([1, 2], [2]), PositionError, "example 2 of 2"),
        (lambda: Subset([1, 2], [True, False]), OptionError, "flatnonzero"),
        (lambda: Subset([1, 2], 1), OptionError, "indices"),
        (lambda: ConcatDataset([]), DataError, "no data set"),
        (lambda: ConcatDataset([IterableDataset()]), OptionError, "numbered"),
        (lambda: TransformedDataset([1], 3), OptionError, "transform: got 3"),
        (lambda: TransformedDataset([1], None, abs)[0], DataError, "without a target"),
        (lambda: random_split([1, 2], [1, 2]), OptionError, "sum 3 for 2"),
        (lambda: random_split([1, 2], [0.5, 0.6]), OptionError, "sum 1.1"),
        (lambda: random_split([1, 2], [3, -1]), OptionError, "from 0 up"),
        (lambda: random_split([1, 2], [0.9, 0.05, 0.05]), DataError, "part 1 of 2 examples empty"),
        (lambda: random_split([1, 2], 0.5), OptionError, "expected a list"),
        (lambda: random_split(IterableDataset(), [0.5, 0.5]), DataError, "numbered"),
        (lambda: Dataset([[1.0]] * 4, [0] * 4).split(0.75), OptionError, r"split\(test=0.25\)"),
    ],
)
def test_unfit_parts_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---------------------------------------------------------------------------------- collate
Pair = namedtuple("Pair", "image label")


def test_collate_keeps_the_form():
    examples = [
        {"pair": Pair(np.full((2,), i, np.uint8), i), "name": str(i), "more": [i / 2, (i > 0,)]}
        for i in range(3)
    ]
    batch = default_collate(examples)
    assert isinstance(batch["pair"], Pair) and batch["pair"].image.shape == (3, 2)
    assert batch["pair"].image.dtype == np.uint8 and batch["pair"].label.dtype == np.int64
    assert batch["name"] == ["0", "1", "2"]
    assert batch["more"][0].dtype == np.float32 and batch["more"][0].tolist() == [0, 0.5, 1]
    assert batch["more"][1][0].dtype == bool
    assert default_collate([np.float64(1), np.float64(2)]).dtype == np.float64


@given(shapes=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=5))
def test_collate_is_that_of_pytorch_or_refuses_as_it_does(shapes):
    torch = pytest.importorskip("torch")
    examples = [(np.arange(a * b, dtype=np.float32).reshape(a, b), a) for a, b in shapes]
    if len(set(shapes)) > 1:
        place = next(i for i, shape in enumerate(shapes) if shape != shapes[0])
        with pytest.raises(ShapeError, match=rf"example {place}\[0\] has shape"):
            default_collate(examples)
        return
    ours = default_collate(examples)
    theirs = torch.utils.data.default_collate(examples)
    for mine, other in zip(ours, theirs, strict=True):
        assert np.array_equal(mine, other.numpy())


@pytest.mark.parametrize(
    ("examples", "error", "message"),
    [
        ([], DataError, "no examples"),
        ([None], OptionError, "example 0 is None"),
        ([object()], OptionError, "pass collate_fn"),
        ([1, "a"], DataError, "example 1 is 'a' .*but example 0 is 1"),
        ([{"a": 1}, {"b": 1}], DataError, r"example 1 has the keys \['b'\]"),
        ([(1, 2), (1,)], ShapeError, "example 1 has 1 parts, but example 0 has 2"),
        ([{"x": [np.zeros(1)]}, {"x": [np.zeros(2)]}], ShapeError, r"example 1\['x'\]\[0\] has"),
        ([np.array([None])], DTypeError, "dtype object"),
        ([np.array(["a"])], DTypeError, "dtype <U1"),
    ],
)
def test_what_makes_no_batch_is_refused_by_name(examples, error, message):
    with pytest.raises(error, match=message):
        default_collate(examples)
