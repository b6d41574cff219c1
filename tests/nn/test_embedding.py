"""Tables of vectors: the gradient's sums in every case, the options, and refusals by name."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.backends.scatter import add_rows, segment_argmax
from tinygrad_nn.errors import DTypeError, OptionError, PositionError, ShapeError

F = nn.functional


@given(
    rows=st.sampled_from([1, 2, 7, 300, 70_000]),
    count=st.integers(0, 60),
    seed=st.integers(0, 99),
    dtype=st.sampled_from(["float16", "float32", "float64"]),
)
def test_rows_are_added_as_add_at_adds(rows: int, count: int, seed: int, dtype: str):
    """Few numbers that repeat, many that do not, and more than 16 bits hold."""
    rng = np.random.default_rng(seed)
    index = rng.choice(rng.integers(0, rows, 40), count)
    x = rng.integers(-8, 9, (count, 3)).astype(dtype)
    want = np.zeros((rows, 3))
    np.add.at(want, index, x)
    got = add_rows(x, index, rows)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got, want)


def test_nan_stays_in_its_row():
    layer = nn.Embedding(4, 2, rng=0)
    weight = np.ones((3, 2), np.float32)
    weight[1] = np.nan
    (layer([0, 1, 2]) * weight).sum().backward()
    assert np.isnan(np.asarray(layer.weight.grad)).any(1).tolist() == [False, True, False, False]


@pytest.mark.parametrize("layer", [nn.Embedding(5, 3, rng=0), nn.EmbeddingBag(5, 3, rng=0)])
def test_gradients(layer: Any, rng: Any):
    layer.double()
    index = [[0, 1, 1], [4, 2, 0]]
    weight = rng.standard_normal(layer(index).shape)

    def loss() -> Any:
        return (layer(index) * weight * layer(index)).sum()

    check(loss, layer.parameters())


@pytest.mark.parametrize("mode", ["sum", "mean", "max"])
def test_gradients_of_bags(mode: str, rng: Any):
    table = tg.tensor(rng.standard_normal((5, 2)), requires_grad=True)
    factors = tg.tensor(rng.standard_normal(6), requires_grad=True) if mode == "sum" else None
    index, offsets = [1, 1, 3, 0, 4, 2], [0, 2, 2, 5]
    weight = rng.standard_normal((4, 2))

    def loss() -> Any:
        y = F.embedding_bag(
            index, table, offsets, mode=mode, per_sample_weights=factors, padding_idx=0
        )
        return (y * y * weight).sum()

    check(loss, [table] if factors is None else [table, factors])


def test_padding_gets_no_gradient_and_may_be_filled():
    layer = nn.Embedding(3, 2, padding_idx=-1, rng=0)
    assert layer.padding_idx == 2 and layer.weight.tolist()[2] == [0, 0]
    layer.weight.data = np.full((3, 2), 5.0, np.float32)
    y = layer([2, 0, 2])
    y.sum().backward()
    assert y.tolist() == [[5, 5]] * 3
    assert layer.weight.grad.tolist() == [[1, 1], [0, 0], [0, 0]]


@pytest.mark.parametrize("mode", ["sum", "mean"])
def test_scale_grad_by_freq_divides_by_the_counts(mode: str):
    """PyTorch's kernel for bags divides by other numbers' counts; this is what it documents."""
    found = []
    for scaled in (False, True):
        table = tg.tensor(np.ones((4, 2)), requires_grad=True)
        F.embedding_bag([[1, 1, 2]], table, mode=mode, scale_grad_by_freq=scaled).sum().backward()
        found.append(np.asarray(table.grad))
    np.testing.assert_allclose(found[1], found[0] / np.array([[1], [2], [1], [1]]))


def test_max_norm_shortens_only_what_is_looked_up():
    table = np.array([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    layer = nn.Embedding.from_pretrained(table, max_norm=1.0)
    y = layer([0, 1])
    np.testing.assert_allclose(np.asarray(y), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(
        np.asarray(layer.weight), [[0.6, 0.8], [0.3, 0.4], [6, 8]], rtol=1e-6
    )
    assert table[0, 0] == 3.0


def test_from_pretrained():
    table = np.arange(6.0).reshape(3, 2)
    frozen = nn.Embedding.from_pretrained(table, padding_idx=0)
    assert not frozen.weight.requires_grad and frozen.weight.tolist() == table.tolist()
    assert frozen.weight.dtype == np.float64
    bags = nn.EmbeddingBag.from_pretrained(table, freeze=False, mode="max")
    assert bags.weight.requires_grad and bags([[0, 2]]).tolist() == [[4, 5]]
    with pytest.raises(ShapeError, match="num_embeddings"):
        nn.Embedding.from_pretrained(np.ones(3))


def test_the_first_of_equal_rows_is_the_greatest():
    x = np.array([[1.0, 2], [1, 3], [0, np.nan], [5, 1], [7, 0]])
    np.testing.assert_array_equal(segment_argmax(x, np.array([0, 3])), [[0, 2], [4, 3]])


def test_dtype_is_kept():
    for dtype in ("float16", "float32"):
        layer = nn.Embedding(4, 3, rng=0, dtype=dtype)
        y = layer(np.array([0, 1], np.int32))
        y.sum().backward()
        assert y.dtype == layer.weight.grad.dtype == dtype
        bag = nn.EmbeddingBag(4, 3, rng=0, dtype=dtype)
        y = bag([[0, 1], [1, 2]])
        y.sum().backward()
        assert y.dtype == bag.weight.grad.dtype == dtype


def test_empty_batches():
    layer = nn.Embedding(4, 3, rng=0)
    y = layer(np.zeros((0, 5), int))
    y.sum().backward()
    assert y.shape == (0, 5, 3) and not np.asarray(layer.weight.grad).any()
    for mode in ("sum", "mean", "max"):
        bags = nn.EmbeddingBag(4, 3, mode=mode, rng=0)
        assert bags(np.zeros((0, 2), int)).shape == (0, 3)
        assert bags(np.zeros((2, 0), int)).tolist() == [[0, 0, 0]] * 2


TABLE = tg.ones((4, 2))


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: F.embedding([[0, 1], [2, 9]], TABLE), PositionError, ["9", "(1, 1)", "4 rows"]),
        (lambda: F.embedding([0, -1], TABLE), PositionError, ["-1", "(1,)", "0 to 3"]),
        (lambda: F.embedding(np.uint8(200), TABLE), PositionError, ["200", "4 rows"]),
        (lambda: F.embedding(tg.tensor([1.0]), TABLE), DTypeError, ["float32", "astype('int64')"]),
        (lambda: F.embedding([1], tg.ones((4,))), ShapeError, ["(4,)"]),
        (lambda: nn.Embedding(4, 2, padding_idx=4), OptionError, ["padding_idx=4", "-4 to 3"]),
        (lambda: nn.Embedding(-4, 2), OptionError, ["num_embeddings=-4"]),
        (lambda: F.embedding([1], TABLE, max_norm=-1.0), OptionError, ["max_norm=-1.0"]),
        (lambda: F.embedding_bag([1, 2], TABLE), ShapeError, ["(2,)", "offsets"]),
        (lambda: F.embedding_bag([[1, 2]], TABLE, [0]), ShapeError, ["(1, 2)", "offsets=None"]),
        (lambda: F.embedding_bag([1, 2], TABLE, [1]), PositionError, ["[1]", "0 as the first"]),
        (lambda: F.embedding_bag([1, 2], TABLE, [0, 3]), PositionError, ["above 2"]),
        (lambda: F.embedding_bag([1, 2], TABLE, [0, 2, 1]), PositionError, ["below"]),
        (
            lambda: F.embedding_bag([1, 2], TABLE, [0, 1], include_last_offset=True),
            PositionError,
            ["include_last_offset"],
        ),
        (lambda: F.embedding_bag([1], TABLE, [0], mode="min"), OptionError, ["'min'"]),
        (
            lambda: F.embedding_bag([[1]], TABLE, per_sample_weights=[[1.0]]),
            OptionError,
            ["mode='mean'"],
        ),
        (
            lambda: F.embedding_bag([[1]], TABLE, mode="sum", per_sample_weights=[1.0]),
            ShapeError,
            ["(1,)", "(1, 1)"],
        ),
        (lambda: nn.EmbeddingBag(4, 2, mode="max", scale_grad_by_freq=True), OptionError, ["max"]),
    ],
)
def test_bad_input(call: Any, error: Any, words: list[str]):
    with pytest.raises(error) as raised:
        call()
    assert all(word in str(raised.value) for word in words), str(raised.value)


def test_bilinear_names_the_shapes():
    with pytest.raises(ShapeError, match=r"\(2, 3\).*\(2, 4\).*\(5, 4, 3\)"):
        F.bilinear(tg.ones((2, 3)), tg.ones((2, 4)), tg.ones((5, 4, 3)))
    with pytest.raises(OptionError, match="in1_features=0"):
        nn.Bilinear(0, 1, 1)
