"""Tools around modules: clipping, vectors of parameters, freezing by name, fusion."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import GradientError, OperandError, OptionError, ShapeError
from tinygrad_nn.nn import utils


def with_gradients(rng, dtype="float64"):
    made = [nn.Parameter(np.zeros(shape, dtype)) for shape in ((2, 3), (4,), (), (0, 2), (2,))]
    for p in made[:-1]:
        p.grad = rng.standard_normal(p.shape).astype(dtype) * 3
    return made


ORDERS = st.sampled_from([2.0, 1.0, 3.0, 0.5, 2, math.inf, "inf"])


@given(st.integers(0, 99), ORDERS, st.sampled_from([0.0, 0.1, 3.0, 1e9]))
def test_clipping_by_norm_is_pytorchs(seed, order, limit):
    torch = pytest.importorskip("torch")
    ours = with_gradients(np.random.default_rng(seed))
    theirs = [torch.nn.Parameter(torch.zeros(p.shape, dtype=torch.float64)) for p in ours]
    for p, q in zip(ours, theirs, strict=True):
        q.grad = None if p.grad is None else torch.tensor(p.grad.data)
    if float(order) == math.inf:
        for both in (ours, theirs):
            del both[3]  # PyTorch has no greatest number of none
    norm = utils.clip_grad_norm_(iter(ours), limit, order)
    expected = torch.nn.utils.clip_grad_norm_(theirs, limit, order)
    assert norm.item() == pytest.approx(expected.item(), rel=1e-12)
    for p, q in zip(ours, theirs, strict=True):
        if q.grad is not None:
            np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)
    assert ours[-1].grad is None


@given(st.integers(0, 99), st.sampled_from([0.0, 0.5, 9.0]))
def test_clipping_by_value(seed, limit):
    ours = with_gradients(np.random.default_rng(seed), "float32")
    before = [None if p.grad is None else p.grad.data.copy() for p in ours]
    utils.clip_grad_value_(ours, limit)
    for p, g in zip(ours, before, strict=True):
        if g is not None:
            np.testing.assert_array_equal(p.grad.data, np.clip(g, -limit, limit))
            assert str(p.grad.dtype) == "float32"


def test_a_norm_that_is_not_finite_is_refused_before_anything_changes():
    p = nn.Parameter(np.zeros(2))
    p.grad = np.array([1.0, np.nan])
    with pytest.raises(GradientError, match=r"nan, from the gradients \[0\]"):
        utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)
    assert p.grad.data[0] == 1.0
    assert math.isnan(utils.clip_grad_norm_([p], 1.0).item())


def test_half_precision_does_not_overflow_in_the_squares():
    p = nn.Parameter(np.zeros(4, np.float16))
    p.grad = np.full(4, 300, np.float16)
    assert utils.clip_grad_norm_([p], 1.0).item() == 600.0
    assert p.grad.data[0] == pytest.approx(0.5, rel=1e-3)


def test_values_are_clipped_too():
    model = nn.MLP(2, [1], rng=0)
    model([1.0, 2.0]).backward()
    norm = utils.clip_grad_norm_(model.parameters(), 0.5).item()
    assert norm == pytest.approx(math.sqrt(6))
    assert math.hypot(*[p.grad for p in model.parameters()]) == pytest.approx(0.5, rel=1e-5)


CLIPPED = {
    "model": (lambda: utils.clip_grad_norm_(nn.Linear(1, 1), 1.0), OperandError, "parameters()"),
    "limit": (lambda: utils.clip_grad_norm_([], -1.0), OptionError, "at least 0"),
    "value": (lambda: utils.clip_grad_value_([], math.nan), OptionError, "at least 0"),
    "arrays": (lambda: utils.clip_grad_value_([1.0], 1.0), OperandError, "expected parameters"),
}


@pytest.mark.parametrize("name", list(CLIPPED))
def test_what_cannot_be_clipped(name):
    call, error, message = CLIPPED[name]
    with pytest.raises(error, match=message.replace("(", r"\(").replace(")", r"\)")):
        call()


# ------------------------------------------------------------------------- vectors, names


def test_parameters_go_into_a_vector_and_back():
    a, b = nn.Linear(3, 2, rng=0), nn.Linear(3, 2, rng=1)
    vector = utils.parameters_to_vector(a.parameters())
    utils.vector_to_parameters(vector, b.parameters())
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    (vector * np.arange(8.0, dtype=np.float32)).sum().backward()
    assert a.bias.grad.tolist() == [6.0, 7.0]
    with pytest.raises(ShapeError, match=r"got shape \(3,\), expected \(8,\)"):
        utils.vector_to_parameters(np.ones(3), b.parameters())
    np.testing.assert_array_equal(a.weight.data, b.weight.data)
    with pytest.raises(OperandError, match="no parameters"):
        utils.parameters_to_vector([])


def test_freezing_by_name():
    model = nn.ModuleDict({"encoder": nn.Sequential(nn.Linear(2, 2)), "head": nn.Linear(2, 1)})
    assert utils.freeze(model, "encoder") == ["encoder.0.weight", "encoder.0.bias"]
    assert [n for n, p in model.named_parameters() if p.requires_grad] == [
        "head.weight",
        "head.bias",
    ]
    assert utils.unfreeze(model, "*.bias") == ["encoder.0.bias", "head.bias"]
    with pytest.raises(OptionError, match=r"matches 'encodre\.\*'; did you mean 'encoder'"):
        utils.freeze(model, "head.*", "encodre.*")
    assert model["head"].weight.requires_grad
    with pytest.raises(OptionError, match="got no pattern"):
        utils.freeze(model)
    with pytest.raises(OperandError, match="Values"):
        utils.freeze(nn.MLP(2, [1]), "*")


# --------------------------------------------------------------------------------- fusion


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("affine", [True, False])
def test_a_linear_layer_takes_over_its_normalisation(bias, affine):
    rng = np.random.default_rng(0)
    first = nn.Linear(3, 4, bias=bias, rng=0).double()
    second = nn.BatchNorm1d(4).double()
    second(tg.tensor(rng.standard_normal((9, 4)) * 2 + 1))
    if not affine:
        second.weight = second.bias = None
    x = rng.standard_normal((5, 3))
    with pytest.raises(OptionError, match="eval"):
        utils.fuse_linear_bn_eval(first, second)
    fused = utils.fuse_linear_bn_eval(first.eval(), second.eval())
    np.testing.assert_allclose(fused(x).data, second(first(x)).data, rtol=1e-12)
    assert fused.bias.requires_grad


@pytest.mark.parametrize("transpose", [False, True])
def test_a_convolution_takes_over_its_normalisation(transpose):
    rng = np.random.default_rng(0)
    kind = nn.ConvTranspose2d if transpose else nn.Conv2d
    first = kind(2, 4, 3, rng=0).double().eval()
    second = nn.BatchNorm2d(4).double()
    second(tg.tensor(rng.standard_normal((3, 4, 2, 2)) * 2 + 1))
    second.eval()
    x = rng.standard_normal((1, 2, 5, 5))
    fused = utils.fuse_conv_bn_eval(first, second, transpose)
    np.testing.assert_allclose(fused(x).data, second(first(x)).data, rtol=1e-10, atol=1e-12)
