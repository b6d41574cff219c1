"""`DataLoader`: every example once an epoch, in an order that can be taken up anywhere."""

import copy
import itertools
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import DataLoader, Dataset
from tinygrad_nn.errors import DataError, OptionError, ShapeError, StateError

COUNT = st.integers(1, 30)
SIZE = st.integers(1, 35)
SEED = st.integers(0, 2**200)


def numbered(count: int) -> Dataset:
    return Dataset(np.arange(count)[:, None] * 10, np.arange(count))


def stream(loader: DataLoader, batches: int) -> list[list[int]]:
    """The next targets, over as many epochs as it takes."""
    endless = itertools.chain.from_iterable(iter(loader) for _ in itertools.count())
    return [targets.tolist() for _, targets in itertools.islice(endless, batches)]


def epoch(loader: DataLoader) -> list[int]:
    return [int(target) for _, targets in loader for target in targets]


# ------------------------------------------------------------------------------------ epochs
@given(count=COUNT, size=SIZE, shuffle=st.booleans(), seed=SEED)
def test_an_epoch_has_every_example_once_in_full_batches(count, size, shuffle, seed):
    loader = DataLoader(numbered(count), size, shuffle=shuffle, rng=seed)
    for _ in range(2):
        batches = list(loader)
        assert len(batches) == len(loader)
        assert [len(targets) for _, targets in batches[:-1]] == [size] * (len(batches) - 1)
        targets = np.concatenate([targets for _, targets in batches])
        assert sorted(targets) == list(range(count))
        assert shuffle or targets.tolist() == list(range(count))
        inputs = np.concatenate([inputs for inputs, _ in batches])
        assert np.array_equal(inputs[:, 0], targets * 10)


@given(count=COUNT, size=SIZE, seed=SEED)
def test_drop_last_leaves_out_what_is_not_full_and_nothing_else(count, size, seed):
    data = numbered(count)
    if size > count:
        with pytest.raises(OptionError, match="leaves no batch"):
            DataLoader(data, size, drop_last=True)
        return
    whole = list(DataLoader(data, size, rng=seed))
    kept = list(DataLoader(data, size, rng=seed, drop_last=True))
    full = [batch for batch in whole if len(batch[1]) == size]
    assert [t.tolist() for _, t in kept] == [t.tolist() for _, t in full]


@given(seed=SEED)
def test_the_same_seed_gives_the_same_epochs_and_each_differs(seed):
    first, second = (DataLoader(numbered(50), 7, rng=seed) for _ in range(2))
    epochs = [epoch(first) for _ in range(3)]
    assert epochs == [epoch(second) for _ in range(3)]
    assert len(set(map(tuple, epochs))) == 3


def test_the_order_of_a_seed_never_changes():
    loader = DataLoader(numbered(8), 8, rng=0)
    assert epoch(loader) == [6, 3, 1, 4, 5, 2, 7, 0]
    assert epoch(loader) == [1, 3, 6, 2, 0, 7, 5, 4]


def test_orders_are_fair():
    loader = DataLoader(numbered(4), 4)
    first = np.bincount([epoch(loader)[0] for _ in range(4000)], minlength=4)
    assert np.all(np.abs(first - 1000) < 150)


def test_a_generator_gives_one_draw_and_is_left_alone():
    generator, twin = np.random.default_rng(5), np.random.default_rng(5)
    loader = DataLoader(numbered(20), 3, rng=generator)
    other = DataLoader(numbered(20), 3, rng=generator)
    before = generator.bit_generator.state
    assert epoch(loader) != epoch(other)
    assert generator.bit_generator.state == before
    assert epoch(DataLoader(numbered(20), 3, rng=twin)) == epoch(copy_from_start(loader))


def copy_from_start(loader: DataLoader) -> DataLoader:
    fresh = DataLoader(loader.dataset, loader.batch_size)
    fresh.load_state_dict({**loader.state_dict(), "epoch": 0, "batch": 0})
    return fresh


@pytest.mark.parametrize("kind", [np.random.MT19937, np.random.Philox, np.random.SFC64])
def test_generators_of_every_kind_serve_as_seed(kind):
    rng = np.random.Generator(kind(1))
    assert sorted(epoch(DataLoader(numbered(9), 2, rng=rng))) == list(range(9))


def test_the_global_generator_is_neither_used_nor_moved():
    np.random.seed(0)
    before = np.random.get_state()[1].tolist()
    epoch(DataLoader(numbered(9)))
    assert np.random.get_state()[1].tolist() == before


def test_batches_are_new_arrays_of_the_same_dtypes():
    data = Dataset(np.full((4, 2), np.nan, np.float16), np.zeros((4, 1), np.int8))
    for shuffle in (True, False):
        for inputs, targets in DataLoader(data, 2, shuffle=shuffle):
            assert (inputs.dtype, targets.dtype) == (np.float16, np.int8)
            assert np.isnan(inputs).all()
            inputs[:] = 0
            targets[:] = 1
    assert np.isnan(data.inputs).all() and not data.targets.any()


def test_an_epoch_left_early_counts_as_over():
    loader, twin = (DataLoader(numbered(9), 2, rng=1) for _ in range(2))
    next(iter(loader))
    epoch(twin)
    assert epoch(loader) == epoch(twin) and loader.epoch == 2


def test_two_iterators_at_once_are_two_epochs():
    pairs = list(zip(loader := DataLoader(numbered(9), 1), loader, strict=True))
    first, second = ([int(pair[side][1][0]) for pair in pairs] for side in (0, 1))
    assert first != second and sorted(first) == sorted(second) == list(range(9))


def test_a_pair_of_arrays_becomes_a_data_set():
    assert sorted(epoch(DataLoader((np.zeros((3, 1)), np.arange(3)), 2))) == [0, 1, 2]


def test_repr_shows_the_settings():
    shown = repr(DataLoader(numbered(4), 2, drop_last=True))
    assert shown.startswith("DataLoader(Dataset('data', ")
    assert shown.endswith("batch_size=2, shuffle=True, drop_last=True)")


# ------------------------------------------------------------------------------------ resume
@given(count=COUNT, size=SIZE, shuffle=st.booleans(), seed=SEED, done=st.integers(0, 40))
def test_resuming_equals_going_on(count, size, shuffle, seed, done):
    data = numbered(count)
    loader = DataLoader(data, size, shuffle=shuffle, rng=seed)
    whole = stream(DataLoader(data, size, shuffle=shuffle, rng=seed), done + 20)
    assert stream(loader, done) == whole[:done]
    state = json.loads(json.dumps(loader.state_dict()))
    resumed = DataLoader(data, size, shuffle=shuffle)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == state
    assert stream(resumed, 20) == whole[done:]


@given(done=st.integers(0, 12))
def test_a_loader_can_be_set_back_while_it_runs(done):
    loader = DataLoader(numbered(7), 2, rng=4)
    start = loader.state_dict()
    whole = stream(loader, done)
    running = iter(loader)
    next(running)
    loader.load_state_dict(start)
    # An iterator of before must not move the place any more.
    list(running)
    assert loader.state_dict() == start
    assert stream(loader, done) == whole


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
def test_copies_start_where_the_original_stands(duplicate):
    loader = DataLoader(numbered(9), 2, rng=3)
    epoch(loader)
    assert epoch(duplicate(loader)) == epoch(loader)


def test_the_epoch_counts_finished_passes():
    loader = DataLoader(numbered(4), 2)
    seen = [loader.epoch for _ in range(2) for _ in loader]
    assert seen == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"batch_size": 3}, "batch_size: the state has 3"),
        ({"examples": 8}, "examples: the state has 8"),
        ({"shuffle": 1}, "shuffle: the state has 1"),
        ({"drop_last": True}, "drop_last"),
        ({"version": 2}, "version"),
        ({"seed": -1}, "seed: got -1"),
        ({"seed": 0.5}, "seed"),
        ({"epoch": "1"}, "epoch"),
        ({"epoch": True}, "epoch"),
        ({"batch": 5}, "less than the 5 batches"),
        ({"batch": None}, "batch"),
        ({"more": 1}, r"unexpected \['more'\]"),
    ],
)
def test_states_that_do_not_fit_are_refused_and_change_nothing(change, message):
    loader, twin = (DataLoader(numbered(9), 2, rng=3) for _ in range(2))
    with pytest.raises(StateError, match=message):
        loader.load_state_dict({**loader.state_dict(), **change})
    assert stream(loader, 9) == stream(twin, 9)


def test_states_that_lack_an_entry_or_are_none_are_refused():
    loader = DataLoader(numbered(9), 2)
    for key in loader.state_dict():
        state = loader.state_dict()
        del state[key]
        with pytest.raises(StateError, match=rf"missing \['{key}'\]"):
            loader.load_state_dict(state)
    with pytest.raises(StateError, match="expected a dict"):
        loader.load_state_dict([("seed", 1)])


# ----------------------------------------------------------------------------------- refusals
@pytest.mark.parametrize("size", [0, -1, True, 2.0, "2", None, np.float64(2)])
def test_batch_sizes_that_are_no_count_are_refused(size):
    with pytest.raises(OptionError, match=r"batch_size: got .*expected an integer of at least 1"):
        DataLoader(numbered(9), size)


@pytest.mark.parametrize("option", ["shuffle", "drop_last"])
def test_options_that_are_no_bool_are_refused(option):
    with pytest.raises(OptionError, match=f"{option}: got 1"):
        DataLoader(numbered(9), **{option: 1})


@pytest.mark.parametrize("rng", [-1, True, 1.5, None, "seed"])
def test_what_is_no_seed_is_refused(rng):
    with pytest.raises(OptionError, match="rng: got"):
        DataLoader(numbered(9), rng=rng)


def test_data_that_cannot_be_served_is_refused():
    with pytest.raises(DataError, match="got 0 examples"):
        DataLoader(numbered(0))
    with pytest.raises(ShapeError, match="one target for each input"):
        DataLoader((np.zeros(3), np.zeros(2)))
    with pytest.raises(OptionError, match="expected a Dataset"):
        DataLoader(np.zeros(3))
    with pytest.raises(OptionError, match="expected a Dataset"):
        DataLoader((np.zeros(3),))
