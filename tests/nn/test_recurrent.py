"""Recurrent layers: packed sequences, determinism, dtypes, second order, refusals."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

LENGTHS = [2, 4, 1]
LAYERS = {
    "RNN": lambda **options: nn.RNN(3, 4, 2, rng=0, **options),
    "LSTM": lambda **options: nn.LSTM(3, 4, 2, rng=0, **options),
    "LSTM projected": lambda **options: nn.LSTM(3, 4, 2, proj_size=2, rng=0, **options),
    "GRU": lambda **options: nn.GRU(3, 4, 2, rng=0, **options),
}


def states(hx):
    return hx if isinstance(hx, tuple) else (hx,)


@pytest.mark.parametrize("both", [False, True], ids=["one way", "both ways"])
@pytest.mark.parametrize("name", list(LAYERS))
def test_packed_sequences_are_run_as_each_alone(name, both, rng):
    layer = LAYERS[name](bidirectional=both).double()
    x = rng.standard_normal((4, 3, 3))
    packed = pack_padded_sequence(tg.tensor(x), LENGTHS, enforce_sorted=False)
    y, last = layer(packed)
    padded, _ = pad_packed_sequence(y)
    for i, length in enumerate(LENGTHS):
        alone, ends = layer(tg.tensor(x[:length, i]))
        np.testing.assert_allclose(np.asarray(padded)[:length, i], np.asarray(alone), rtol=1e-12)
        for whole, end in zip(states(last), states(ends), strict=True):
            np.testing.assert_allclose(np.asarray(whole)[:, i], np.asarray(end), rtol=1e-12)


@pytest.mark.parametrize("name", list(LAYERS))
def test_packed_sequences_are_pytorchs(name, rng):
    torch = pytest.importorskip("torch")
    kind, *projected = name.split()
    options = {"bidirectional": True, **({"proj_size": 2} if projected else {})}
    theirs = getattr(torch.nn, kind)(3, 4, 2, **options).double()
    ours = LAYERS[name](bidirectional=True).double()
    ours.load_state_dict(theirs.state_dict())
    x = rng.standard_normal((4, 3, 3))
    a, b = tg.tensor(x, requires_grad=True), torch.tensor(x, requires_grad=True)
    left, ends = ours(pack_padded_sequence(a, LENGTHS, enforce_sorted=False))
    rnn = torch.nn.utils.rnn
    right, others = theirs(rnn.pack_padded_sequence(b, LENGTHS, enforce_sorted=False))
    weights = rng.standard_normal(left.data.shape)
    ((left.data * weights).sum() + sum((s * s).sum() for s in states(ends))).backward()
    total = (right.data * torch.tensor(weights)).sum()
    (total + sum((s * s).sum() for s in states(others))).backward()
    np.testing.assert_allclose(np.asarray(left.data), right.data.detach().numpy(), rtol=1e-10)
    np.testing.assert_allclose(np.asarray(a.grad), b.grad.numpy(), rtol=1e-9, atol=1e-12)
    grads = dict(theirs.named_parameters())
    for key, p in ours.named_parameters():
        np.testing.assert_allclose(
            np.asarray(p.grad), grads[key].grad.numpy(), rtol=1e-9, atol=1e-12, err_msg=key
        )


@pytest.mark.parametrize("name", list(LAYERS))
def test_second_order_is_that_of_differences(name, rng):
    layer = LAYERS[name](bidirectional=True).double()
    x = tg.tensor(rng.standard_normal((2, 2, 3)), requires_grad=True)
    v = rng.standard_normal(x.shape)

    def slope():
        (g,) = tg.autograd.grad((layer(x)[0] ** 2).sum(), [x], create_graph=True)
        return (g * v).sum()

    check(slope, [x, layer.weight_hh_l0], 1e-5)


@pytest.mark.parametrize("dtype", ["float16", "float32"])
@pytest.mark.parametrize("name", list(LAYERS))
def test_dtype_is_kept(name, dtype, rng):
    layer = LAYERS[name](dtype=dtype)
    y, last = layer(tg.tensor(rng.standard_normal((3, 2, 3)).astype(dtype)))
    (y * y).sum().backward()
    assert y.dtype == dtype
    assert {str(s.dtype) for s in states(last)} == {dtype}
    assert {str(p.grad.dtype) for p in layer.parameters()} == {dtype}


def test_dropout_between_layers_follows_the_seed(rng):
    x = rng.standard_normal((3, 2, 3)).astype("float32")
    runs = [np.asarray(LAYERS["GRU"](dropout=0.5)(x)[0]) for _ in range(2)]
    np.testing.assert_array_equal(*runs)
    layer = LAYERS["GRU"](dropout=0.5)
    assert not np.array_equal(np.asarray(layer(x)[0]), np.asarray(layer(x)[0]))
    layer.eval()
    np.testing.assert_array_equal(np.asarray(layer(x)[0]), np.asarray(layer(x)[0]))


@pytest.mark.parametrize("name", list(LAYERS))
def test_a_batch_without_sequences_has_no_outputs(name):
    y, last = LAYERS[name]()(tg.zeros((4, 0, 3)))
    assert y.shape[:2] == (4, 0)
    assert states(last)[0].shape[:2] == (2, 0)


def test_cells_are_steps_of_the_layers(rng):
    layer, cell = nn.LSTM(3, 4, rng=0).double(), nn.LSTMCell(3, 4, rng=0).double()
    x, state = tg.tensor(rng.standard_normal((5, 2, 3))), None
    outputs, (_, c) = layer(x)
    for t in range(5):
        state = cell(x[t], state)
        np.testing.assert_allclose(np.asarray(state[0]), np.asarray(outputs[t]), rtol=1e-12)
    np.testing.assert_allclose(np.asarray(state[1]), np.asarray(c[0]), rtol=1e-12)


def test_what_does_not_fit_is_refused():
    layer = nn.LSTM(3, 4)
    with pytest.raises(ShapeError, match=r"x \(5, 2, 4\), expected \(T, N, 3\)"):
        layer(tg.zeros((5, 2, 4)))
    with pytest.raises(ShapeError, match="at least one step"):
        layer(tg.zeros((0, 2, 3)))
    with pytest.raises(ShapeError, match=r"h_0 \(1, 3, 4\), expected \(1, 2, 4\)"):
        layer(tg.zeros((5, 2, 3)), (tg.zeros((1, 3, 4)), tg.zeros((1, 3, 4))))
    with pytest.raises(ShapeError, match="1 states, expected the pair"):
        layer(tg.zeros((5, 2, 3)), [tg.zeros((1, 2, 4))])
    with pytest.raises(ShapeError, match=r"expected \(N, 3\) or \(3,\)"):
        nn.GRUCell(3, 4)(tg.zeros((2, 5)))
    with pytest.raises(OptionError, match="smaller proj_size"):
        nn.LSTM(3, 4, proj_size=4)
    with pytest.raises(OptionError, match="nonlinearity='sine'"):
        nn.RNN(3, 4, nonlinearity="sine")
