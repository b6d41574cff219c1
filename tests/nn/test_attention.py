"""Attention: the fused node is what its parts are, and what is asked of it is asked clearly."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.backends import attention as kernels
from tinygrad_nn.backends import namespace
from tinygrad_nn.core.order import reverse_order
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.ops.attention import attention, self_attention

F = nn.functional


def normal(shape: tuple[int, ...], seed: int) -> Any:
    return tg.random.normal(size=shape, rng=seed)


def plain(q: Any, k: Any, v: Any, mask: Any, is_causal: bool, scale: float) -> Any:
    """The formula, of operations with rules of their own."""
    seen = np.ones((q.shape[-2], k.shape[-2]), dtype=bool)
    seen = np.tril(seen) if is_causal else seen
    scores = q @ k.mT * scale
    if mask.dtype == bool:
        seen = seen & mask
    else:
        scores = scores + np.maximum(mask, -1e30)
    scores = tg.where(seen, scores, -1e30)
    powers = tg.exp(scores - np.max(np.asarray(scores.detach()), -1, keepdims=True))
    powers = powers * (np.asarray(scores.detach()) > -1e29)
    return powers / (powers.sum(-1, keepdims=True) + 1e-300) @ v


def twice(function: Any, leaves: list[Any], weight: Any, probes: list[Any]) -> list[Any]:
    """Result, gradients, and the gradients of these along `probes`."""
    y = function(*leaves)
    first = tg.autograd.grad((y * weight).sum(), leaves, create_graph=True)
    total = sum((g * p).sum() for g, p in zip(first, probes, strict=True))
    second = tg.autograd.grad(total, leaves)
    return [np.asarray(x.detach()) for x in (y, *first, *second)]


def draw(seed: int, rows: int, keys: int, size: float) -> Any:
    rng = np.random.default_rng(seed)
    q, k, v = (rng.standard_normal((2, 3, n, 4)) for n in (rows, keys, keys))
    masks = [
        np.array(True),
        rng.random((rows, keys)) < 0.8,
        rng.random((2, 1, 1, keys)) < 0.8,
        rng.standard_normal((3, rows, keys)),
        np.where(rng.random((rows, keys)) < 0.8, 0.0, -np.inf),
    ]
    return rng, [q * size, k, v], masks[seed % 5]


def agree(got: Any, want: Any) -> None:
    for a, b in zip(got, want, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-9 * np.abs(b).max(initial=1e-2))


SIDES = st.sampled_from([1, 2, 5, 63, 64, 65, 130])


@settings(max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    rows=SIDES,
    keys=SIDES,
    size=st.sampled_from([1.0, 30.0]),
    causal=st.booleans(),
)
def test_one_node_is_what_its_parts_are(seed: int, rows: int, keys: int, size: float, causal: bool):
    """Blocks of rows, of heads, with scores that need their maximum taken out and without."""
    rng, arrays, mask = draw(seed, rows, keys, size)
    leaves = [tg.tensor(x, requires_grad=True) for x in arrays]
    weight = rng.standard_normal((2, 3, rows, 4))
    probes = [rng.standard_normal(x.shape) for x in arrays]
    static = {"is_causal": causal, "scale": 0.5}
    got = twice(lambda *x: attention(*x, mask, **static), leaves, weight, probes)
    agree(got, twice(lambda *x: plain(*x, mask, **static), leaves, weight, probes))
    if rows == keys:
        packed = twice(
            lambda *x: self_attention(tg.stack(list(x)), mask, **static), leaves, weight, probes
        )
        agree(packed, got)


def test_a_planted_wrong_mask_is_seen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernels, "causal_mask", lambda n, m: np.tri(n, m, 1, dtype=bool))
    with pytest.raises(AssertionError):
        test_one_node_is_what_its_parts_are.hypothesis.inner_test(0, 65, 65, 1.0, True)


@pytest.mark.parametrize("budget", [1, 200, 2**20])
def test_the_size_of_a_part_changes_nothing(budget: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kernels, "_SCORES", budget)
    monkeypatch.setattr(kernels, "_MOST_ROWS", 7)
    test_one_node_is_what_its_parts_are.hypothesis.inner_test(3, 20, 20, 1.0, True)


def test_no_scores_are_kept():
    """Memory grows with the length, not with its square."""
    layer = nn.MultiheadAttention(8, 2, batch_first=True, rng=0)
    x = normal((1, 200, 8), 0)
    y, _ = layer(x, x, x, need_weights=False)
    kept = [p for node in reverse_order(y) for p in node.inputs]
    assert max(p.size for p in kept) < 200 * 200


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("options", [{}, {"dropout_p": 0.2, "rng": 0}, {"is_causal": True}])
def test_dtype_stays(dtype: str, options: dict[str, Any]):
    x = normal((2, 5, 4), 0).astype(dtype).detach().requires_grad_()
    y = F.scaled_dot_product_attention(x, x, x, **options)
    y.sum().backward()
    assert y.dtype == x.grad.dtype == dtype


def test_a_query_that_sees_nothing():
    """Zeros where no weights are shown, as PyTorch; NaN in weights that are."""
    x = normal((1, 3, 4), 0).astype("float64").detach().requires_grad_()
    mask = np.array([[1, 1, 1], [0, 0, 0], [1, 0, 1]], dtype=bool)
    y = F.scaled_dot_product_attention(x, x, x, mask)
    assert not np.asarray(y.detach())[0, 1].any()
    y.sum().backward()
    assert np.isfinite(np.asarray(x.grad)).all()
    layer = nn.MultiheadAttention(4, 2, batch_first=True, rng=0).double()
    quick, none = layer(x, x, x, attn_mask=~mask, need_weights=False)
    with np.errstate(invalid="ignore"):
        shown, table = layer(x, x, x, attn_mask=~mask)
    assert none is None and np.isfinite(np.asarray(quick.detach())).all()
    assert np.isnan(np.asarray(table.detach())[0, 1]).all()
    assert np.isnan(np.asarray(shown.detach())[0, 1]).all()


@pytest.mark.parametrize("shape", [(0, 3, 4), (2, 0, 4)])
def test_nothing_to_attend_to(shape: tuple[int, ...]):
    x = tg.zeros(shape, requires_grad=True)
    F.scaled_dot_product_attention(x, x, x, is_causal=True).sum().backward()
    assert x.grad.shape == shape


def test_missing_numbers_are_not_hidden():
    q = np.ones((1, 2, 2))
    q[0, 1, 0] = np.nan
    x = tg.ones((1, 2, 2), dtype="float64")
    y = np.asarray(F.scaled_dot_product_attention(tg.tensor(q), x, x, is_causal=True))
    assert np.isfinite(y[0, 0]).all() and np.isnan(y[0, 1]).all()


def test_a_mask_may_be_learned():
    rng = np.random.default_rng(0)
    q = tg.tensor(rng.standard_normal((2, 3, 4)))
    bias = tg.tensor(rng.standard_normal((3, 3)), requires_grad=True)

    def loss() -> Any:
        y = F.scaled_dot_product_attention(q, q, q, bias, is_causal=True)
        return (y * y).sum()

    check(loss, [bias])


def test_causal_means_that_later_elements_have_no_influence():
    layer = nn.TransformerEncoderLayer(8, 2, 16, 0.0, batch_first=True, rng=0)
    mask = nn.Transformer.generate_square_subsequent_mask(5)
    x = np.asarray(normal((1, 5, 8), 1)).copy()
    before = np.asarray(layer(tg.tensor(x), mask).detach())
    x[0, 3:] += 1.0
    after = np.asarray(layer(tg.tensor(x), mask, is_causal=True).detach())
    np.testing.assert_allclose(after[0, :3], before[0, :3], rtol=1e-5, atol=1e-6)
    assert np.abs(after - before)[0, 3:].max() > 0.1


# ── Dropout ─────────────────────────────────────────────────────────────────────────────


def layers() -> list[Any]:
    return [
        nn.TransformerEncoderLayer(8, 2, 16, 0.5, batch_first=True, rng=3),
        nn.TransformerDecoderLayer(8, 2, 16, 0.5, batch_first=True, rng=3),
        nn.Transformer(8, 2, 1, 1, 16, 0.5, batch_first=True, rng=3),
    ]


@pytest.mark.parametrize("which", range(3))
def test_a_seed_makes_weights_and_dropout_repeatable(which: int):
    x = tg.ones((2, 5, 8))

    def outputs() -> Any:
        layer = layers()[which]
        args = (x,) if which == 0 else (x, x)
        return [np.asarray(layer(*args).detach()) for _ in range(2)]

    first, second = outputs(), outputs()
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[0], first[1])


def test_copies_of_a_layer_draw_different_masks():
    stack = nn.TransformerEncoder(layers()[0], 2)
    a, b = stack.layers
    assert a.dropout.rng is b.dropout.rng is a.self_attn.rng
    np.testing.assert_array_equal(a.linear1.weight.data, b.linear1.weight.data)
    assert a.linear1.weight is not b.linear1.weight


def test_dropout_keeps_the_mean():
    q = tg.zeros((1, 400, 2))
    y = F.scaled_dot_product_attention(q, q, q + 1.0, dropout_p=0.5, rng=0)
    assert abs(float(np.asarray(y).mean()) - 1) < 0.02


# ── Bad input ───────────────────────────────────────────────────────────────────────────

X = tg.ones((2, 5, 4))


def sdpa(q: tuple[int, ...], k: tuple[int, ...], v: Any = None, **options: Any) -> Any:
    return F.scaled_dot_product_attention(tg.ones(q), tg.ones(k), tg.ones(v or k), **options)


def mha(*x: Any, first: bool = True, **options: Any) -> Any:
    x = x * 3 if len(x) == 1 else x
    return nn.MultiheadAttention(4, 2, batch_first=first, rng=0)(*x, **options)


REFUSED = [
    (lambda: sdpa((2, 5, 4), (2, 5, 3)), ShapeError, "features as the queries"),
    (lambda: sdpa((2, 5, 4), (2, 5, 4), (2, 6, 4)), ShapeError, "one value for each key"),
    (lambda: sdpa((4,), (4,)), ShapeError, "two axes"),
    (lambda: sdpa((2, 5, 4), (3, 5, 4)), ShapeError, "broadcast"),
    (lambda: sdpa((4, 5, 4), (2, 5, 4)), ShapeError, "enable_gqa=True"),
    (lambda: sdpa((3, 5, 4), (2, 5, 4), enable_gqa=True), ShapeError, "multiple"),
    (lambda: sdpa((5, 4), (5, 4), attn_mask=np.ones((4, 4), bool)), ShapeError, r"\(…, 5, 5\)"),
    (lambda: sdpa((5, 4), (5, 4), attn_mask=np.ones((5, 5), int)), DTypeError, "mask != 0"),
    (lambda: sdpa((5, 4), (5, 4), dropout_p=1.5), OptionError, "0 to 1"),
    (
        lambda: F.scaled_dot_product_attention(X, X.astype("float64"), X),
        DTypeError,
        "query of float32 and key of float64",
    ),
    (lambda: nn.MultiheadAttention(10, 4), OptionError, "one of 1, 2, 5, 10"),
    (lambda: nn.MultiheadAttention(0, 1), OptionError, "embed_dim=0"),
    (lambda: mha(tg.ones((2, 2, 5, 4))), ShapeError, r"\(N, L, E\)"),
    (lambda: mha(tg.ones((2, 5, 3))), ShapeError, "4 features"),
    (lambda: mha(X, tg.ones((2, 6, 4)), tg.ones((2, 7, 4))), ShapeError, "one value for each"),
    (lambda: mha(X, tg.ones((2, 6, 3)), tg.ones((2, 6, 3))), ShapeError, "kdim"),
    (
        lambda: mha(X, *[tg.ones((2, 7, 4))] * 2, first=False),
        ShapeError,
        "batch_first=True meant",
    ),
    (lambda: mha(X, attn_mask=np.ones((4, 5), bool)), ShapeError, r"\(5, 5\): \(L, S\), or \(4,"),
    (lambda: mha(X, attn_mask=np.ones((5, 5), int)), DTypeError, "bools"),
    (lambda: mha(X, key_padding_mask=np.ones((5, 2), bool)), ShapeError, r"\(2, 5\): \(N, S\)"),
    (
        lambda: mha(X, first=False, key_padding_mask=np.ones((2, 5), bool)),
        ShapeError,
        r"\(5, 2\)",
    ),
    (lambda: mha(X, is_causal=True), OptionError, "generate_square_subsequent_mask"),
    (lambda: mha(X.astype("float64")), DTypeError, "float64"),
    (lambda: nn.TransformerEncoderLayer(4, 2, activation="tanhh"), OptionError, "'relu', 'gelu'"),
    (lambda: nn.TransformerEncoder(nn.Linear, 2), OperandError, "a layer"),
    (lambda: nn.Transformer(4, 2, 1, 1, 4)(X, tg.ones((5, 3, 4))), ShapeError, "batch size"),
    (lambda: nn.Transformer(4, 2, 1, 1, 4)(X, tg.ones((2, 5, 3))), ShapeError, "4 features"),
    (lambda: nn.TransformerEncoderLayer(4, 2, device="cuda"), OptionError, "cpu"),
]


@pytest.mark.parametrize(("call", "error", "text"), REFUSED, ids=range(len(REFUSED)))
def test_refusals_say_what_to_do(call: Any, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        call()


def test_the_kernel_of_numbers_is_none():
    assert not hasattr(namespace(1.0), "attention")
