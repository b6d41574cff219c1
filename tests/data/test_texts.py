"""Vocabularies, windows of text and padded lines."""

import gzip

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_nn.data import (
    ByteVocabulary,
    CharacterVocabulary,
    DataLoader,
    LineDataset,
    RandomSampler,
    TextDataset,
    read_names,
)
from tinygrad_nn.errors import DataError, DTypeError, OptionError

TEXT = st.text(st.characters(codec="utf-8"), min_size=1, max_size=60)
LINES = st.lists(st.text("abcé z", max_size=9), min_size=1).filter(any)


@given(text=TEXT, boundary=st.booleans())
def test_decoding_undoes_encoding(text, boundary):
    letters = CharacterVocabulary.from_text(text, boundary=boundary)
    numbers = letters.encode(text)
    assert numbers.dtype == np.int64 and len(numbers) == len(text)
    assert numbers.min() == int(boundary) and numbers.max() == len(letters) - 1
    assert letters.decode(numbers) == text
    assert letters == CharacterVocabulary(letters.characters, boundary)
    raw = ByteVocabulary()
    assert raw.decode(raw.encode(text)) == text and len(raw) == 256


@given(text=TEXT, context=st.integers(1, 20), stride=st.integers(1, 20), seed=st.integers(0, 99))
def test_targets_are_the_inputs_one_character_on(text, context, stride, seed):
    if len(text) <= context:
        with pytest.raises(DataError, match="lower context="):
            TextDataset(text, context, stride=stride)
        return
    data = TextDataset(text, context, stride=stride)
    starts = range(0, len(text) - context, stride)
    assert len(data) == len(starts)
    for index, start in enumerate(starts):
        x, y = data[index]
        assert data.vocabulary.decode(x) == text[start : start + context]
        assert data.vocabulary.decode(y) == text[start + 1 : start + 1 + context]
    assert len(list(data)) == len(data)
    served = [x for xs, _ in DataLoader(data, 4, shuffle=False) for x in xs]
    assert np.array_equal(served, [data[i][0] for i in range(len(data))])
    x, y = data.sample(5, seed)
    assert x.shape == y.shape == (5, context) and np.array_equal(x[:, 1:], y[:, :-1])
    assert np.array_equal(x, data.sample(5, seed)[0])


def test_random_windows_start_everywhere():
    data = TextDataset("abcdefgh", 5)
    starts = data.sample(300, 0)[0][:, 0]
    assert set(starts) == {0, 1, 2}
    sampler = RandomSampler(data, replacement=True, num_samples=30)
    batches = list(DataLoader(data, 10, sampler=sampler))
    assert [x.shape for x, _ in batches] == [(10, 5)] * 3


@given(lines=LINES, more=st.integers(0, 3))
def test_lines_are_framed_and_padded(lines, more):
    data = LineDataset(lines, length=max(map(len, lines)) + 1 + more)
    assert len(list(data)) == len(lines)
    for line, (inputs, targets, mask) in zip(lines, data, strict=True):
        steps = len(line) + 1
        assert mask.tolist() == [True] * steps + [False] * (data.length - steps)
        assert inputs[0] == 0 and np.array_equal(inputs[1:steps], targets[: steps - 1])
        assert targets[steps - 1] == 0 and set(targets[steps:]) <= {-100}
        assert not inputs[steps:].any()
        assert data.vocabulary.decode(inputs) == data.vocabulary.decode(targets[mask]) == line
    batch = next(iter(DataLoader(data, 2)))
    assert [part.shape[1:] for part in batch] == [(data.length,)] * 3


def test_names_are_read_plain_or_packed(tmp_path):
    path = tmp_path / "names.txt"
    content = "\ufeffzoë\r\n  al \n\nada".encode()
    for data in (content, gzip.compress(content)):
        path.write_bytes(data)
        names = read_names(path)
        assert names.lines == ("zoë", "al", "ada") and names.vocabulary.characters == "adlozë"


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: CharacterVocabulary("aba"), OptionError, "each character once"),
        (lambda: CharacterVocabulary(""), OptionError, "at least one"),
        (lambda: CharacterVocabulary.from_text([]), DataError, "no characters"),
        (lambda: CharacterVocabulary("ab").encode("abxa"), DataError, "'x' at place 2"),
        (lambda: CharacterVocabulary("ab").encode(3), OptionError, "expected a text"),
        (lambda: CharacterVocabulary("ab").decode([2]), DataError, "expected 0 to 1"),
        (lambda: CharacterVocabulary("ab").decode([-1]), DataError, "from -1"),
        (lambda: CharacterVocabulary("ab").decode([0.5]), DTypeError, "whole numbers"),
        (lambda: CharacterVocabulary("ab").decode([[0]]), DTypeError, "one row"),
        (lambda: ByteVocabulary().decode([256]), DataError, "expected 0 to 255"),
        (lambda: TextDataset("", 1), DataError, "got 0 characters"),
        (lambda: TextDataset(b"abc", 1), OptionError, "read_text"),
        (lambda: TextDataset("abc", 0), OptionError, "context"),
        (lambda: TextDataset("abc", 1)[2], IndexError, "example 2 of 2"),
        (lambda: TextDataset("abx", 1, vocabulary=CharacterVocabulary("ab")), DataError, "'x'"),
        (lambda: LineDataset([]), DataError, "got none"),
        (lambda: LineDataset("ada"), OptionError, "splitlines"),
        (lambda: LineDataset(["ada"], length=3), DataError, "got 3 for the line 'ada'"),
        (lambda: LineDataset(["a"], vocabulary=CharacterVocabulary("a")), OptionError, "boundary"),
        (lambda: LineDataset(["", ""]), DataError, "no characters"),
    ],
)
def test_unfit_use_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_unreadable_names_are_refused(tmp_path):
    path = tmp_path / "names.txt"
    for content, message in [
        (b" \n\n", "no lines with text"),
        ("zoë".encode("latin-1"), "encoding='latin-1'"),
        (gzip.compress(b"ada\n" * 99)[:-9], "damaged"),
    ]:
        path.write_bytes(content)
        with pytest.raises(DataError, match=message):
            read_names(path)
