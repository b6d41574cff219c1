"""What scripts for PyTorch write by habit, and what they are told."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import OperandError, OptionError

F = nn.functional
X = np.ones((4, 3), np.float32)


class Body(nn.Module):
    """A module whose forward is a function."""

    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x, *more):
        return self.function(x, *more)


def notes(call):
    with pytest.raises((AttributeError, TypeError, ValueError)) as caught:
        call()
    return getattr(caught.value, "__notes__", [])


# ── Inputs that are no tensors ──────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.view(x.size(0), -1),
        lambda x: x.view(4, -1),
        lambda x: x.unsqueeze(0),
        lambda x: x.float(),
        lambda x: x.sum(dim=1),
        lambda x: x.mean((3, 3, 3)),
    ],
)
@pytest.mark.parametrize("hooked", [False, True])
def test_an_array_in_a_forward_of_pytorch_is_named_once(function, hooked):
    net = nn.Sequential(Body(function))
    if hooked:
        net[0].register_forward_hook(lambda *_: None)
    found = notes(lambda: net(X))
    assert len(found) == 1
    assert found[0].startswith("Body: the input is a NumPy array")
    assert "x = tg.tensor(x)" in found[0] and "DataLoader" in found[0]


def test_other_errors_get_no_note():
    assert notes(lambda: Body(lambda x: x.view(5, 5))(tg.tensor(X))) == []
    assert notes(lambda: nn.Linear(5, 2)(X)) == []  # ours says what is wrong
    assert notes(lambda: Body(lambda x: None.zzz)(X)) == []
    assert notes(lambda: Body(lambda x: nn.Linear(1, 1).zzz)(X)) == []
    lstm = nn.LSTM(3, 2)
    state = (tg.zeros((1, 7)), tg.zeros((1, 7)))
    assert notes(lambda: lstm(tg.tensor(X), state)) == []


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("layer", [nn.Linear(3, 3), nn.ReLU(), nn.Conv1d(4, 3, 1), nn.Linear(3, 2)])
def test_a_tensor_of_pytorch_is_named(layer, grad):
    torch = pytest.importorskip("torch")
    found = notes(lambda: layer(torch.ones((4, 3), requires_grad=grad)))
    assert len(found) == 1 and "tensor of PyTorch" in found[0] and ".numpy()" in found[0]


# ── Layers that return a tuple ──────────────────────────────────────────────────────────

LAYERS = [
    nn.Linear(3, 2),
    nn.ReLU(),
    nn.Dropout(0.1),
    nn.Conv1d(3, 2, 1),
    nn.BatchNorm1d(3),
    nn.Softmax(-1),
    nn.LSTM(3, 2),
    nn.Flatten(),
    nn.GELU(),
    nn.LayerNorm(3),
    nn.MaxPool1d(2),
]


@pytest.mark.parametrize("grad", [False, True])
@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
@pytest.mark.parametrize("recurrent", [lambda: nn.LSTM(3, 3), nn.LIF])
def test_a_tuple_of_the_layer_before_is_refused_by_name(recurrent, layer, grad):
    x = tg.tensor(X, requires_grad=grad)
    with pytest.raises(OperandError) as caught:
        nn.Sequential(recurrent(), layer)(x)
    text = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", [])])
    assert "tuple of 2" in text and "outputs, state = layer(x)" in text
    assert text.count("outputs, state = layer(x)") == 1


def test_a_module_of_ones_own_may_take_the_tuple_apart():
    net = nn.Sequential(nn.LSTM(3, 3), Body(lambda pair: pair[0]), nn.Linear(3, 2))
    assert net(tg.tensor(X)).shape == (4, 2)


# ── Names of other libraries ────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["fit", "predict", "evaluate"])
def test_methods_of_other_libraries_point_to_train(name):
    with pytest.raises(AttributeError, match=rf"write train\.{name}\(model, "):
        getattr(nn.Linear(1, 1), name)
    assert not hasattr(nn.Linear(1, 1), name)


# ── Targets that are integers ───────────────────────────────────────────────────────────

LOSSES = [
    "mse_loss",
    "l1_loss",
    "smooth_l1_loss",
    "huber_loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "hinge_loss",
    "hinge_embedding_loss",
    "soft_margin_loss",
    "multilabel_soft_margin_loss",
    "kl_div",
    "poisson_nll_loss",
    "sigmoid_focal_loss",
]


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("kind", ["int64", "uint8", "bool"])
@pytest.mark.parametrize("name", LOSSES)
def test_integer_targets_take_the_dtype_of_the_prediction(name, kind, dtype):
    prediction = tg.tensor(np.linspace(0.1, 0.9, 6), dtype=dtype, requires_grad=True)
    numbers = np.ones(6, kind)
    loss = getattr(F, name)
    expected = loss(prediction, numbers.astype(dtype))
    for target in (numbers, tg.tensor(numbers)):
        got = loss(prediction, target)
        assert got.dtype == dtype
        assert np.allclose(got.numpy(), expected.numpy(), rtol=2 * np.finfo(dtype).eps)
        got.sum().backward()
        assert prediction.grad.dtype == dtype


def test_integer_weights_and_variances_too():
    x, ones = tg.tensor(X), np.ones((4, 3), np.int64)
    assert F.mse_loss(x, X, weight=ones).dtype == "float32"
    assert F.l1_loss(x, X, weight=ones).dtype == "float32"
    assert F.huber_loss(x, X, weight=ones).dtype == "float32"
    assert F.binary_cross_entropy(x, X, ones).dtype == "float32"
    logits = F.binary_cross_entropy_with_logits
    assert logits(x, X, ones, pos_weight=ones[0]).dtype == "float32"
    assert F.gaussian_nll_loss(x, ones, ones).dtype == "float32"


def test_float_targets_promote_as_numpy_does():
    assert F.mse_loss(tg.tensor(X), X.astype("float64")).dtype == "float64"
    assert F.mse_loss(np.ones(3, np.int64), tg.ones(3)).dtype == np.result_type("i8", "f4")


# ── Options of another kind ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("flag", ["False", 1, 0.0, None, np.ones(2, bool)])
def test_flags_of_pools_are_bools(flag):
    image = tg.ones((1, 1, 4, 4))
    for option in ("ceil_mode", "count_include_pad"):
        with pytest.raises(OptionError, match=rf"{option}=.*True or False"):
            nn.AvgPool2d(2, **{option: flag})
        with pytest.raises(OptionError, match=rf"{option}=.*True or False"):
            F.avg_pool2d(image, 2, **{option: flag})
    for option in ("ceil_mode", "return_indices"):
        with pytest.raises(OptionError, match=rf"{option}=.*True or False"):
            nn.MaxPool2d(2, **{option: flag})
        if option == "ceil_mode":
            with pytest.raises(OptionError, match=rf"{option}=.*True or False"):
                F.max_pool2d(image, 2, **{option: flag})
    with pytest.raises(OptionError, match=r"ceil_mode=.*True or False"):
        nn.LPPool2d(2, 2, ceil_mode=flag)


def test_flags_of_numpy_are_bools():
    assert nn.AvgPool2d(2, ceil_mode=np.True_).ceil_mode is True
    assert F.max_pool2d(tg.ones((1, 3, 3)), 2, ceil_mode=np.True_).shape == (1, 2, 2)


@pytest.mark.parametrize("bad", ["a", None, True, float("nan"), [1.0]])
def test_numbers_of_losses_are_numbers(bad):
    for name, option in [
        ("huber_loss", "delta"),
        ("smooth_l1_loss", "beta"),
        ("triplet_margin_loss", "margin"),
    ]:
        arguments = (X, X, X)[: 3 if name == "triplet_margin_loss" else 2]
        with pytest.raises(OptionError, match=rf"{name}: got {option}="):
            getattr(F, name)(*arguments, **{option: bad})
    with pytest.raises(OptionError, match=r"glu: got dim="):
        F.glu(tg.ones((2, 4)), 2.5)
