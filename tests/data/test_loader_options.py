"""What a `DataLoader` is made with: PyTorch's keywords, contradictions, functions of one's own."""

import pytest

from tests.data.test_workers import NOISE, Squares, flat
from tinygrad_nn.data import DataLoader
from tinygrad_nn.errors import DataError, OptionError


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"shuffle": True, "sampler": [0]}, "shuffle: got True together with sampler="),
        ({"sampler": 3}, "sampler: got 3"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler: got it together"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler: got it together"),
        ({"num_workers": -1}, "num_workers"),
        ({"num_workers": 1.0}, "num_workers"),
        ({"prefetch_factor": 2}, "prefetch_factor: got 2 .* without workers"),
        ({"num_workers": 1, "prefetch_factor": 0}, "prefetch_factor"),
        ({"timeout": -1}, "timeout"),
        ({"collate_fn": 3}, "collate_fn"),
        ({"transform": 3}, "transform"),
        ({"rng": 3, "generator": 4}, "generator: got it together with rng="),
        ({"pin_memory": 1}, "pin_memory"),
    ],
)
def test_options_that_are_unfit_or_contradict_each_other_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        DataLoader(Squares(9), **options)


def test_pytorchs_keywords_are_accepted():
    loader = DataLoader(
        Squares(9), batch_size=2, generator=3, pin_memory=True, persistent_workers=True, timeout=0
    )
    assert flat(loader) == flat(DataLoader(Squares(9), 2, rng=3))


def test_collate_and_transform_of_ones_own():
    loader = DataLoader(
        Squares(4),
        2,
        shuffle=False,
        collate_fn=lambda examples: [sum(label for _, label in examples)],
        transform=lambda total, rng: total + rng.integers(1),
    )
    assert list(loader) == [[1], [5]]
    loader = DataLoader([{"x": 1}], transform=NOISE)
    with pytest.raises(OptionError, match="transform: got a batch of"):
        list(loader)


def test_an_empty_batch_of_a_sampler_is_refused():
    with pytest.raises(DataError, match="got an empty batch"):
        list(DataLoader(Squares(3), batch_sampler=[[0], []]))
