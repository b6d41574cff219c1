"""Packed and padded sequences: PyTorch's layout, gradients, and what is refused."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.nn.utils import rnn


@st.composite
def batches(draw):
    lengths = draw(st.lists(st.integers(1, 5), min_size=1, max_size=4))
    ordered = draw(st.booleans())
    if ordered:
        lengths = sorted(lengths, reverse=True)
    rest = draw(st.sampled_from([(), (2,), (2, 1)]))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    return [rng.standard_normal((n, *rest)) for n in lengths], ordered


def number(x):
    return x.detach().numpy() if hasattr(x, "detach") else np.asarray(x)


@given(batches(), st.booleans(), st.sampled_from(["left", "right"]))
def test_padding_and_cutting_are_inverse(batch, batch_first, side):
    parts, _ = batch
    lengths = [len(p) for p in parts]
    padded = rnn.pad_sequence(parts, batch_first, 7.0, side)
    table = padded.data if batch_first else padded.data.swapaxes(0, 1)
    assert table.shape[:2] == (len(parts), max(lengths))
    assert (table == 7.0).sum() == sum(max(lengths) - n for n in lengths) * table[0, 0].size
    if side == "right":
        for a, b in zip(parts, rnn.unpad_sequence(padded, lengths, batch_first), strict=True):
            np.testing.assert_array_equal(a, b.data)


@given(batches())
def test_packing_and_unpacking_are_inverse(batch):
    parts, ordered = batch
    packed = rnn.pack_sequence(parts, enforce_sorted=ordered)
    assert int(packed.batch_sizes.sum()) == len(packed.data)
    for a, b in zip(parts, rnn.unpack_sequence(packed), strict=True):
        np.testing.assert_array_equal(a, b.data)


@given(batches(), st.booleans(), st.sampled_from([None, 2]), st.integers(0, 9))
def test_layout_and_gradients_are_pytorchs(batch, batch_first, longer, seed):
    torch = pytest.importorskip("torch")
    theirs = torch.nn.utils.rnn
    parts, ordered = batch
    lengths = [len(p) for p in parts]
    padded = rnn.pad_sequence(parts, batch_first, 7.0).data
    ours = tg.tensor(padded, requires_grad=True)
    other = torch.tensor(padded, requires_grad=True)
    packed = rnn.pack_padded_sequence(ours, lengths, batch_first, ordered)
    expected = theirs.pack_padded_sequence(other, torch.tensor(lengths), batch_first, ordered)
    for a, b in zip(packed, expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_array_equal(a.data, number(b))
            assert str(b.dtype) == f"torch.{a.dtype}"
    total = None if longer is None else max(lengths) + longer
    left, left_lengths = rnn.pad_packed_sequence(packed, batch_first, -1.0, total)
    right, right_lengths = theirs.pad_packed_sequence(expected, batch_first, -1.0, total)
    np.testing.assert_array_equal(left.data, number(right))
    np.testing.assert_array_equal(left_lengths.data, number(right_lengths))
    weight = np.random.default_rng(seed).standard_normal(left.shape)
    (left * weight).sum().backward()
    (right * torch.tensor(weight)).sum().backward()
    np.testing.assert_array_equal(ours.grad.data, other.grad)


@pytest.mark.parametrize("kind", ["float16", "float32", "int64", "bool"])
def test_the_dtype_stays(kind):
    packed = rnn.pack_sequence([np.ones((2, 1), kind), np.ones((1, 1), kind)])
    assert str(packed.data.dtype) == kind
    assert str(rnn.pad_packed_sequence(packed)[0].dtype) == kind


def test_a_packed_sequence_converts_and_knows_its_device():
    packed = rnn.pack_sequence([np.ones(2), np.ones(1)])
    assert str(packed.float().data.dtype) == "float32"
    assert packed.to("cpu") is packed
    assert not packed.is_cuda
    with pytest.raises(OptionError, match="'cuda', expected 'cpu'"):
        packed.cuda()


TWO = np.ones((2, 2))
REFUSED = {
    "no sequences": (lambda: rnn.pack_sequence([]), OperandError, "got no sequences"),
    "unsorted": (
        lambda: rnn.pack_padded_sequence(TWO, [1, 2]),
        OptionError,
        "enforce_sorted=False",
    ),
    "empty": (lambda: rnn.pack_padded_sequence(TWO, [2, 0]), OptionError, "expected 1 to 2"),
    "long": (lambda: rnn.pack_padded_sequence(TWO, [3, 1]), OptionError, "expected 1 to 2"),
    "count": (lambda: rnn.pack_padded_sequence(TWO, [2]), ShapeError, "one length for each"),
    "parts": (lambda: rnn.pack_padded_sequence(TWO, [1.5, 1]), DTypeError, "integers"),
    "axes": (lambda: rnn.pack_padded_sequence(np.ones(2), [1]), ShapeError, r"\(T, B"),
    "sides": (
        lambda: rnn.pad_sequence([np.ones((2, 3)), np.ones((2, 4))]),
        ShapeError,
        "same sides",
    ),
    "side": (lambda: rnn.pad_sequence([TWO], padding_side="top"), OptionError, "'right' or 'left'"),
    "short": (
        lambda: rnn.pad_packed_sequence(rnn.pack_sequence([TWO]), total_length=1),
        OptionError,
        "at least 2",
    ),
    "sizes": (lambda: rnn.PackedSequence(TWO, [1, 2]), ShapeError, "never rise"),
    "order": (lambda: rnn.invert_permutation([0, 0]), OptionError, "once"),
    "plain": (lambda: rnn.pad_packed_sequence(TWO), OperandError, "PackedSequence"),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_refused(name):
    call, error, message = REFUSED[name]
    with pytest.raises(error, match=message):
        call()
