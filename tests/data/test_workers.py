"""Workers, augmentation and resuming: the seed alone decides, and nothing is left behind."""

import contextvars
import gc
import json
import threading
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.extents import some, twofold
from tinygrad_nn.data import (
    BatchSampler,
    ConcatDataset,
    DataLoader,
    Dataset,
    IterableDataset,
    RandomSampler,
    StratifiedSampler,
    Subset,
    TransformedDataset,
    WeightedRandomSampler,
    transforms,
)
from tinygrad_nn.data import workers as workers_module
from tinygrad_nn.data.shuffling import batch_generator, example_generator
from tinygrad_nn.errors import DataError, OptionError, StateError

GOLDEN = [6665564850249636888, 18185118390408046892, 6527720933886601759]
NOISE = transforms.GaussianNoise(0.1, clip=False)


class Squares:
    """A data set as PyTorch users write them."""

    def __init__(self, count, delay=0.0):
        self.count, self.delay = count, delay

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        if not 0 <= index < self.count:
            raise IndexError(index)
        # The first ones take longest: later batches are ready first.
        time.sleep(self.delay / (1 + index))
        return np.float32([index, index**2]), index


class Noisy(Squares):
    """A data set that takes its randomness from the loader."""

    def example(self, index, rng):
        return self[index][0] + rng.normal(), index


def threads():
    gc.collect()
    return [t for t in threading.enumerate() if t.name.startswith("DataLoader")]


def flat(batches):
    return [[part.tolist() for part in batch] for batch in batches]


def sources(count):
    plain = Dataset(np.arange(count * 4.0).reshape(count, 2, 2), np.arange(count) % 3)
    return {
        "arrays": plain,
        "map": Squares(count),
        "own": Noisy(count),
        "transformed": TransformedDataset(plain, NOISE),
        "parts": ConcatDataset(
            [Subset(TransformedDataset(plain, NOISE), range(count)), Noisy(1)]
            if count < 0
            else [Subset(TransformedDataset(plain, NOISE), range(count))]
        ),
    }


KINDS = sorted(sources(3))


# ---------------------------------------------------------------------------------- the seed
@pytest.mark.parametrize("kind", KINDS)
@twofold
@settings(max_examples=some(4, 10))
@given(
    count=st.integers(1, 12),
    size=st.integers(1, 6),
    seed=st.integers(0, 2**70),
    workers=st.integers(1, 4),
    factor=st.integers(1, 3),
    in_batches=st.booleans(),
)
def test_workers_change_nothing(kind, count, size, seed, workers, factor, in_batches):
    data = sources(count)[kind]
    options = {"transform": NOISE if in_batches else None, "rng": seed}
    alone = DataLoader(data, size, **options)
    many = DataLoader(data, size, num_workers=workers, prefetch_factor=factor, **options)
    for _ in range(2):
        assert flat(alone) == flat(many)
        assert alone.state_dict() == many.state_dict()
    assert not threads()


def test_batches_come_in_order_though_later_ones_are_ready_first():
    loader = DataLoader(Squares(12, delay=0.02), 2, shuffle=False, num_workers=4)
    assert [labels.tolist() for _, labels in loader] == [[i, i + 1] for i in range(0, 12, 2)]


def test_augmentation_depends_on_the_example_and_the_epoch_not_on_the_batches():
    def seen(size, **options):
        loader = DataLoader(Noisy(10), size, rng=5, **options)
        return [
            {int(i): x.tolist() for xs, ys in loader for x, i in zip(xs, ys, strict=True)}
            for _ in range(2)
        ]

    first, second = seen(3)
    assert [first, second] == seen(7) == seen(2, shuffle=False)
    assert all(first[i] != second[i] for i in first)
    assert len({x[0] - i for i, x in first.items()}) == 10


def test_an_example_drawn_twice_in_an_epoch_is_augmented_anew():
    sampler = RandomSampler(Noisy(1), replacement=True, num_samples=50)
    values = [float(x[0]) for xs, _ in DataLoader(Noisy(1), 7, sampler=sampler) for x in xs]
    assert len(set(values)) == 50


def test_read_by_hand_an_example_is_always_the_same():
    data = TransformedDataset(Squares(3), NOISE, rng=4)
    assert np.array_equal(data[1][0], data[1][0]) and not np.array_equal(data[1][0], data[2][0])
    assert np.array_equal(data[-1][0], data[2][0])


def test_the_randomness_of_a_seed_never_changes():
    one = example_generator(3, 1, 2, 0).bit_generator.random_raw()
    again = example_generator(3, 1, 2, 1).bit_generator.random_raw()
    batch = batch_generator(3, 1, 2).bit_generator.random_raw()
    assert [one, again, batch] == GOLDEN


# -------------------------------------------------------------------------------- resuming
@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=10)
@given(
    count=st.integers(1, 12),
    size=st.integers(1, 5),
    done=st.integers(0, 12),
    workers=st.integers(0, 3),
    order=st.sampled_from(["default", "weighted", "stratified", "batches", "list"]),
)
def test_resuming_equals_going_on(kind, count, size, done, workers, order):
    def loader(rng, threads):
        data = sources(count)[kind]
        options = {
            "default": {"batch_size": size},
            "weighted": {
                "batch_size": size,
                "sampler": WeightedRandomSampler(np.arange(1, count + 1), 9),
            },
            "stratified": {
                "batch_size": size,
                "sampler": StratifiedSampler(np.arange(count) % 2),
            },
            "batches": {"batch_sampler": BatchSampler(RandomSampler(data), size)},
            "list": {"batch_sampler": [[0], [0, count - 1]]},
        }[order]
        return DataLoader(data, **options, transform=NOISE, num_workers=threads, rng=rng)

    def stream(loader, count):
        found = []
        while len(found) < count:
            for batch in loader:
                found.append([part.tolist() for part in batch])
                if len(found) == count:
                    break
        return found

    first = loader(8, workers)
    whole = stream(loader(8, 0), done + 5)
    assert stream(first, done) == whole[:done]
    state = json.loads(json.dumps(first.state_dict()))
    resumed = loader(0, 2)
    resumed.load_state_dict(state)
    assert stream(resumed, 5) == whole[done:]


def test_a_state_of_another_sampler_is_refused():
    data = Squares(6)
    state = DataLoader(data, sampler=RandomSampler(data)).state_dict()
    with pytest.raises(StateError, match=r"unexpected \['sampler'\]"):
        DataLoader(data, shuffle=False).load_state_dict(state)
    with pytest.raises(StateError, match="sampler: the state has 'RandomSampler'"):
        DataLoader(data, sampler=[0, 1, 2]).load_state_dict({**state, "shuffle": False})


# ------------------------------------------------------------------------------- what fails
class Broken(Squares):
    def __getitem__(self, index):
        if index == 7:
            raise self.error
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 1, 3])
@pytest.mark.parametrize("error", [ZeroDivisionError("x"), KeyError("x"), TimeoutError("x")])
def test_an_error_keeps_its_kind_and_names_the_example(workers, error):
    data = Broken(20)
    data.error = error
    loader = DataLoader(data, 2, shuffle=False, num_workers=workers)
    served = []
    with pytest.raises(type(error)) as caught:
        for _, labels in loader:
            served.append(labels.tolist())
    assert any("example 7 of Broken" in note for note in caught.value.__notes__)
    if workers:
        assert served == [[0, 1], [2, 3], [4, 5]]
    assert not threads()


@pytest.mark.parametrize("workers", [0, 2])
def test_stop_iteration_of_an_example_does_not_end_the_epoch(workers):
    data = Broken(20)
    data.error = StopIteration()
    with pytest.raises(DataError, match="StopIteration while a DataLoader read example 7"):
        list(DataLoader(data, 2, shuffle=False, num_workers=workers))


@pytest.mark.parametrize("workers", [0, 2])
def test_ragged_examples_are_named_with_both_shapes(workers):
    data = [np.zeros(3), np.zeros(3), np.zeros(4)]
    loader = DataLoader(data, 3, shuffle=False, num_workers=workers)
    with pytest.raises(ValueError, match=r"example 2 has shape \(4,\), but example 0 has \(3,\)"):
        list(loader)


def test_leaving_early_leaves_no_thread():
    loader = DataLoader(Squares(100), 2, num_workers=3)
    for _ in loader:
        assert threads()
        break
    assert not threads()
    batches = iter(loader)
    next(batches)
    assert threads()
    del batches
    assert not threads()
    with pytest.raises(ZeroDivisionError):
        for _ in loader:
            raise ZeroDivisionError
    gc.collect()
    assert len(list(loader)) == 50
    assert not threads()


def test_no_more_is_made_ahead_than_asked():
    read = []

    class Counting(Squares):
        def __getitem__(self, index):
            read.append(index)
            return super().__getitem__(index)

    batches = iter(DataLoader(Counting(100), 1, shuffle=False, num_workers=2, prefetch_factor=3))
    next(batches)
    time.sleep(0.1)
    assert len(read) <= 7
    batches.close()


def test_a_worker_that_hangs_is_reported_in_time():
    go_on = threading.Event()

    class Hanging(Squares):
        def __getitem__(self, index):
            go_on.wait(5)
            return index

    with pytest.raises(DataError, match=r"no batch within timeout=0\.05"):
        next(iter(DataLoader(Hanging(4), 2, num_workers=1, timeout=0.05)))
    go_on.set()


def test_workers_have_the_context_of_the_caller_and_are_started_once():
    setting = contextvars.ContextVar("setting", default=0)
    started = []

    class Reads(Squares):
        def __getitem__(self, index):
            return setting.get()

    setting.set(5)
    loader = DataLoader(Reads(20), 2, num_workers=2, worker_init_fn=started.append)
    assert {int(value) for batch in loader for value in batch} == {5}
    assert set(started) <= {0, 1} and len(started) == len(set(started)) >= 1


def test_a_planted_race_in_the_order_is_seen(monkeypatch):
    def careless(jobs, make, **options):
        done = [(job, make(job)) for job in jobs]
        return iter(done[::-1])

    monkeypatch.setattr("tinygrad_nn.data.loader.made_ahead", careless)
    assert workers_module.made_ahead is not careless
    with pytest.raises(AssertionError):
        test_batches_come_in_order_though_later_ones_are_ready_first()


# ------------------------------------------------------------------------------- iterables
class Lines(IterableDataset):
    def __init__(self, count):
        self.count, self.epoch = count, None

    def set_epoch(self, epoch):
        self.epoch = epoch

    def __iter__(self):
        return ((np.float32([i + 100 * self.epoch]), i) for i in range(self.count))


@given(count=st.integers(1, 9), size=st.integers(1, 4), workers=st.integers(0, 2))
def test_iterables_are_read_from_front_to_back(count, size, workers):
    loader = DataLoader(Lines(count), size, num_workers=workers)
    assert not loader.shuffle
    for epoch in range(2):
        batches = list(loader)
        assert [i for _, labels in batches for i in labels] == list(range(count))
        assert batches[0][0][0, 0] == 100 * epoch
    assert loader.epoch == 2
    whole = flat(DataLoader(Lines(count), size))
    loader = DataLoader(Lines(count), size)
    first = next(iter(loader))
    state = loader.state_dict()
    again = DataLoader(Lines(count), size)
    again.load_state_dict(state)
    assert state["epoch"] == 1 or flat([first]) + flat(again) == whole


def test_iterables_that_are_empty_or_used_up_are_refused():
    with pytest.raises(DataError, match="got no batch from"):
        list(DataLoader(Lines(0)))
    loader = DataLoader(iter([1, 2]))
    list(loader)
    with pytest.raises(DataError, match="can be read only once"):
        list(loader)
    with pytest.raises(TypeError, match="len"):
        len(DataLoader(Lines(3)))
    with pytest.raises(OptionError, match="shuffle: got True"):
        DataLoader(Lines(3), shuffle=True)
    with pytest.raises(OptionError, match="sampler: got"):
        DataLoader(Lines(3), sampler=[0])
