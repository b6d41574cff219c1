"""`Dataset`: immutable, indexed as NumPy is, split without overlap."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_nn import tensor
from tinygrad_nn.data import DataLoader, Dataset, TensorDataset
from tinygrad_nn.errors import DataError, DTypeError, OptionError, ShapeError

SEED = st.integers(0, 2**64)
labels = st.integers(2, 60).flatmap(lambda n: hnp.arrays(np.int64, n, elements=st.integers(-3, 8)))


def numbered(targets: np.ndarray) -> Dataset:
    """Inputs that tell which example they belong to."""
    return Dataset(np.arange(len(targets))[:, None], targets)


def numbers(dataset: Dataset) -> list[int]:
    return dataset.inputs[:, 0].tolist()


# ------------------------------------------------------------------------------ immutability
def test_later_writes_of_the_caller_do_not_reach_the_data():
    inputs, targets = np.zeros((3, 2)), np.zeros(3, np.int64)
    view = inputs[:]
    view.setflags(write=False)
    data = Dataset(view, targets)
    inputs += 1
    targets += 1
    assert not data.inputs.any() and not data.targets.any()


def test_nothing_can_be_written_or_replaced():
    data = Dataset(np.zeros((3, 2)), np.zeros(3))
    for array in (data.inputs, data.targets, data[1][0], data[:2][0], data.flatten().inputs):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    for name in ("inputs", "targets", "name", "classes", "other"):
        with pytest.raises((AttributeError, TypeError)):
            setattr(data, name, None)


def test_arrays_that_nobody_can_write_to_are_not_copied(tmp_path):
    mapped = np.lib.format.open_memmap(tmp_path / "a.npy", "w+", np.float32, (4, 2))
    mapped[:] = 1
    mapped.flush()
    readable = np.load(tmp_path / "a.npy", mmap_mode="r")
    from_bytes = np.frombuffer(bytes(4), np.uint8)
    locked = np.zeros((4, 2))
    locked.setflags(write=False)
    assert np.shares_memory(Dataset(locked[::2], from_bytes[:2]).inputs, locked)
    data = Dataset(readable, from_bytes)
    assert np.shares_memory(data.inputs, readable) and np.shares_memory(data.targets, from_bytes)
    # Writable maps are copied, for the file may change under them.
    assert not np.shares_memory(Dataset(mapped, from_bytes).inputs, mapped)


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda d: pickle.loads(pickle.dumps(d))])
def test_copies_are_as_immutable_as_the_original(duplicate):
    data = Dataset(np.ones((3, 2)), np.array([0, 1, 1]), "three", ("a", "b"))
    twin = duplicate(data)
    assert (twin.name, twin.classes) == (data.name, data.classes)
    assert np.array_equal(twin.inputs, data.inputs) and twin.inputs.dtype == data.inputs.dtype
    assert not twin.inputs.flags.writeable and not twin.targets.flags.writeable


# -------------------------------------------------------------------------------- conversion
def test_arrays_keep_their_dtype_and_lists_follow_the_library():
    for dtype in (np.float16, np.float64, np.uint8, np.complex64, bool, ">i4"):
        assert Dataset(np.zeros(2, dtype), np.zeros(2, dtype)).inputs.dtype == np.dtype(dtype)
    assert Dataset([[1, 2], [3, 4]], [0.5, 1]).inputs.dtype == np.float32
    assert Dataset([[1], [2]], [0.5, 1]).targets.dtype == np.float32
    assert Dataset([[1], [2]], [0, 1]).targets.dtype == np.int64
    assert Dataset([[1], [2]], [True, False]).targets.dtype == np.int64
    # Neither may be narrowed to what cannot hold it.
    assert Dataset([[1]], [2**63]).targets.tolist() == [2**63]
    assert Dataset([[1j]], [0]).inputs.tolist() == [[1j]]
    assert len(Dataset([], [])) == 0


def test_nan_and_infinity_are_kept():
    data = Dataset(np.array([np.nan, np.inf]), np.array([1, 2]))
    assert np.array_equal(data.inputs, [np.nan, np.inf], equal_nan=True)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((np.zeros((3, 2)), np.zeros(2)), ShapeError, r"3 inputs \(3, 2\) and 2 targets \(2,\)"),
        ((np.float64(1), [0]), OptionError, "inputs: got"),
        ((np.zeros(()), [0]), ShapeError, r"got shape \(\)"),
        (([[1], [1, 2]], [0, 1]), ShapeError, "rows differ in length"),
        ((np.array([None]), [0]), DTypeError, "inputs: got dtype object"),
        (([[1.0]], ["cat"]), DTypeError, "targets: got dtype <U3"),
        ((np.zeros(1, "datetime64[s]"), [0]), DTypeError, "datetime64"),
        ((np.ma.masked_array([1.0], [True]), [0]), DataError, "masked"),
        (({1, 2}, [0, 1]), OptionError, "set"),
        (([1.0], [0], 3), OptionError, "name"),
        (([1.0], [0], "x", "ab"), OptionError, "classes"),
        (([1.0], [0], "x", (1, 2)), OptionError, "classes"),
        (([1.0], [2], "x", ("a", "b")), DataError, "labels from 2 to 2, expected 0 to 1"),
        (([1.0], [-1], "x", ("a", "b")), DataError, "labels from -1"),
    ],
)
def test_unfit_arguments_are_refused_by_name(arguments, error, message):
    with pytest.raises(error, match=message):
        Dataset(*arguments)


def test_messages_stay_short_and_repr_shows_the_form():
    with pytest.raises(OptionError, match="rows: got tuple of length 10000, ") as caught:
        numbered(np.zeros(3))[tuple(range(10_000))]
    assert len(str(caught.value)) < 200
    with pytest.raises(OptionError, match="rows: got ndarray of shape"):
        numbered(np.zeros(3))[np.zeros((2, 2))]
    form = "Dataset('x', inputs=float32 (1, 1), targets=int64 (1,), classes=0)"
    assert repr(Dataset([[1.0]], [0], "x")) == form


# ---------------------------------------------------------------------------------- indexing
@given(data=st.data(), count=st.integers(1, 12))
def test_rows_are_those_of_numpy(data, count):
    dataset = numbered(np.arange(count) * 2)
    key = data.draw(
        st.one_of(
            st.integers(-count, count - 1),
            st.slices(count),
            st.lists(st.integers(-count, count - 1)),
            hnp.arrays(np.int32, st.integers(0, 9), elements=st.integers(-count, count - 1)),
            hnp.arrays(bool, count),
        )
    )
    # NumPy reads an empty list as floats.
    plain = np.array(key, np.int64) if isinstance(key, list) else key
    inputs, targets = dataset[key]
    assert np.array_equal(inputs, dataset.inputs[plain])
    assert np.array_equal(targets, dataset.targets[plain])
    if not isinstance(key, int):
        part = dataset.subset(key)
        assert np.array_equal(part.inputs, inputs) and np.array_equal(part.targets, targets)
        assert not part.inputs.flags.writeable


def test_iteration_and_length_agree_with_indexing():
    data = numbered(np.array([5, 6, 7]))
    assert len(data) == 3
    assert [(int(x[0]), int(y)) for x, y in data] == [(0, 5), (1, 6), (2, 7)]


@pytest.mark.parametrize("key", [3, -4, [0, 3], np.array([-4, 0]), np.array([2**63], np.uint64)])
def test_numbers_out_of_range_are_index_errors(key):
    with pytest.raises(IndexError, match="of 3; expected -3 to 2"):
        numbered(np.zeros(3))[key]


@pytest.mark.parametrize(
    "key", [True, np.True_, 1.0, "1", None, (0, 1), [0.5], [[0], [1]], [True], [True] * 4]
)
def test_other_keys_are_refused(key):
    with pytest.raises(OptionError, match="rows: got"):
        numbered(np.zeros(3))[key]
    with pytest.raises(OptionError, match="rows: got"):
        numbered(np.zeros(3)).subset(key)


def test_a_subset_by_one_number_is_refused():
    with pytest.raises(OptionError, match="rows: got 1"):
        numbered(np.zeros(3)).subset(1)


@given(shape=hnp.array_shapes(min_dims=1, min_side=0))
def test_flatten_keeps_the_values_in_order(shape):
    data = Dataset(np.arange(np.prod(shape)).reshape(shape), np.zeros(shape[0]))
    flat = data.flatten()
    assert flat.inputs.shape == (shape[0], int(np.prod(shape[1:])))
    assert flat.inputs.ravel().tolist() == data.inputs.ravel().tolist()


# ------------------------------------------------------------------------------------- split
@given(
    targets=labels, test=st.floats(0.01, 0.99), seed=SEED, stratify=st.sampled_from([None, False])
)
def test_the_halves_are_disjoint_complete_and_of_the_right_size(targets, test, seed, stratify):
    data = numbered(targets)
    train, held_out = data.split(test=test, rng=seed, stratify=stratify)
    assert sorted(numbers(train) + numbers(held_out)) == list(range(len(data)))
    assert len(train) and len(held_out)
    assert abs(len(held_out) - test * len(data)) <= 1
    for half in (train, held_out):
        assert half.targets.tolist() == targets[numbers(half)].tolist()
        assert not np.shares_memory(half.inputs, data.inputs)
        assert not np.shares_memory(half.targets, data.targets)


@given(targets=labels, test=st.floats(0.01, 0.99), seed=SEED)
def test_every_class_keeps_its_share_to_within_one(targets, test, seed):
    _, held_out = numbered(targets).split(test=test, rng=seed)
    share = len(held_out) / len(targets)
    for label in set(targets.tolist()):
        exact = share * np.count_nonzero(targets == label)
        assert abs(np.count_nonzero(held_out.targets == label) - exact) < 1


def test_a_place_left_over_goes_to_the_class_that_lost_most():
    # Exact shares 2.8 and 1.2: rounding down loses 0.8 of the first and 0.2 of the second.
    _, held_out = numbered(np.array([0] * 7 + [1] * 3)).split(test=0.4, rng=1)
    assert np.bincount(held_out.targets).tolist() == [3, 1]


@given(targets=labels, seed=SEED)
def test_the_same_seed_gives_the_same_halves(targets, seed):
    first, second = (numbered(targets).split(rng=seed) for _ in range(2))
    assert [numbers(half) for half in first] == [numbers(half) for half in second]


def test_another_seed_and_a_used_generator_give_other_halves():
    data, generator = numbered(np.zeros(100)), np.random.default_rng(0)
    orders = [data.split(rng=rng) for rng in (0, 1, generator, generator)]
    assert len({tuple(numbers(train)) for train, _ in orders}) == 4


def test_the_halves_of_a_seed_never_change():
    train, held_out = numbered(np.arange(8) % 2).split(test=0.25, rng=0)
    assert (numbers(train), numbers(held_out)) == ([1, 6, 0, 7, 4, 5], [3, 2])


def test_single_examples_of_many_classes_are_drawn_by_chance():
    # By label, the test half would always be the first labels.
    data = numbered(np.arange(40))
    drawn = {tuple(sorted(numbers(data.split(rng=seed)[1]))) for seed in range(5)}
    assert len(drawn) == 5


def test_measured_targets_are_split_without_regard_to_their_values():
    data = Dataset(np.arange(20)[:, None], np.linspace(0, 1, 20))
    assert [len(half) for half in data.split(test=0.25)] == [15, 5]
    with pytest.raises(DataError, match="one integer label"):
        data.split(test=0.25, stratify=True)


@pytest.mark.parametrize("test", [0, 1, 0.0, 1.0, -0.1, 1.5, True, 2, float("nan"), "0.2", None])
def test_a_share_outside_of_zero_to_one_is_refused(test):
    with pytest.raises(OptionError, match="test: got"):
        numbered(np.zeros(9)).split(test=test)


@pytest.mark.parametrize("rng", [-1, True, 0.5, None, "0", np.random.RandomState(0)])
def test_what_is_no_seed_is_refused(rng):
    with pytest.raises(OptionError, match="rng: got"):
        numbered(np.zeros(9)).split(rng=rng)


def test_too_few_examples_and_a_truthy_stratify_are_refused():
    with pytest.raises(DataError, match="at least 2"):
        numbered(np.zeros(1)).split()
    with pytest.raises(OptionError, match="stratify: got 1"):
        numbered(np.zeros(9)).split(stratify=1)


# ------------------------------------------------------------------------------ one's own


class Own(Dataset):
    """Written as for PyTorch: names of the base class mean what its author wants."""

    def __init__(self) -> None:
        self.inputs, self.targets, self.classes = "inputs", [0, 1] * 3, ["a", "b"]

    def __len__(self) -> int:
        return 6

    def __getitem__(self, key):
        return np.full(3, key, np.float32), self.targets[key]


def test_a_data_set_of_ones_own_may_be_a_subclass():
    own = Own()
    own.name = "changed"
    assert [int(label) for _, label in own] == own.targets
    assert "Own" in repr(own)
    for one in (own, copy.deepcopy(own), pickle.loads(pickle.dumps(own))):
        (inputs, labels), (_, last) = DataLoader(one, 4, shuffle=False)
        assert inputs[:, 0].tolist() == [0, 1, 2, 3]
        assert [*labels, *last] == own.targets
        assert one.name == "changed"


def test_a_subclass_with_another_getitem_is_asked_example_by_example():
    class Doubled(TensorDataset):
        def __getitem__(self, key):
            return tuple(2 * part for part in super().__getitem__(key)), int(key)

    (batch, keys), *_ = DataLoader(Doubled([[1.0], [2.0]]), 2, shuffle=False)
    assert batch[0].tolist() == [[2.0], [4.0]]
    assert keys.tolist() == [0, 1]


def test_a_loader_takes_a_pair_of_tensors():
    inputs, labels = next(iter(DataLoader((tensor([[1.0]]), tensor([3], dtype="int64")))))
    assert (inputs.tolist(), labels.tolist(), labels.dtype) == ([[1.0]], [3], "int64")
