"""Losses: PyTorch as judge, differences for the gradients, and what is refused."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError

F = nn.functional

REDUCTIONS = ["mean", "sum", "none"]


def signs(rng, shape):
    return rng.choice([-1.0, 1.0], shape)


# Name to the shape of the prediction, and what draws the prediction and the target.
ELEMENTWISE = {
    "mse_loss": ({}, lambda r, s: (r.standard_normal(s), r.standard_normal(s))),
    "l1_loss": ({}, lambda r, s: (r.standard_normal(s), r.standard_normal(s))),
    "huber_loss": ({"delta": 0.7}, lambda r, s: (r.standard_normal(s), r.standard_normal(s))),
    "smooth_l1_loss": ({"beta": 0.7}, lambda r, s: (r.standard_normal(s), r.standard_normal(s))),
    "binary_cross_entropy": ({}, lambda r, s: (r.uniform(0.1, 0.9, s), r.uniform(0, 1, s))),
    "binary_cross_entropy_with_logits": (
        {"pos_weight": np.array([2.0, 0.5, 1.0])},
        lambda r, s: (r.standard_normal(s), r.uniform(0, 1, s)),
    ),
    "hinge_loss": ({}, lambda r, s: (r.standard_normal(s), signs(r, s))),
    "hinge_embedding_loss": ({"margin": 0.8}, lambda r, s: (r.standard_normal(s), signs(r, s))),
}
CLASSES = {
    "cross_entropy": [
        {},
        {"weight": np.array([1.0, 2.0, 0.5])},
        {"label_smoothing": 0.1},
        {"label_smoothing": 0.3, "weight": np.array([1.0, 2.0, 0.5]), "ignore_index": 1},
        {"ignore_index": -100},
    ],
    "nll_loss": [{}, {"weight": np.array([1.0, 2.0, 0.5])}, {"ignore_index": 2}],
    "multi_margin_loss": [{}, {"p": 2, "margin": 0.7}, {"weight": np.array([1.0, 2.0, 0.5])}],
}
CASES = [(name, options) for name, several in CLASSES.items() for options in several]


@pytest.fixture
def torch():
    return pytest.importorskip("torch")


def in_torch(torch, name, x, target, options):
    given = {k: torch.tensor(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    leaf = torch.tensor(x, requires_grad=True)
    loss = getattr(torch.nn.functional, name)(leaf, torch.tensor(target), **given)
    loss.sum().backward()
    return loss.detach().numpy(), leaf.grad.numpy()


def agrees(torch, name, x, target, options):
    leaf = tg.tensor(x, requires_grad=True)
    loss = getattr(F, name)(leaf, target, **options)
    loss.sum().backward()
    expected, slope = in_torch(torch, name, x, target, options)
    np.testing.assert_allclose(np.asarray(loss), expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(np.asarray(leaf.grad), slope, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", [n for n in ELEMENTWISE if n != "hinge_loss"])
def test_elementwise_losses_equal_torch(name, reduction, torch, rng):
    options, draw = ELEMENTWISE[name]
    x, target = draw(rng, (4, 3))
    agrees(torch, name, x, target, {**options, "reduction": reduction})


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(("name", "options"), CASES)
def test_losses_of_class_indices_equal_torch(name, options, reduction, torch, rng):
    target = rng.integers(0, 3, 6)
    target[:3] = [0, 1, 2]
    if options.get("ignore_index") == -100:
        target[4] = -100
    x = rng.standard_normal((6, 3))
    agrees(torch, name, x, target, {**options, "reduction": reduction})


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize(
    "options", [{}, {"label_smoothing": 0.2}, {"weight": np.array([1.0, 2, 3])}]
)
def test_cross_entropy_of_probabilities_equals_torch(options, reduction, torch, rng):
    x, target = rng.standard_normal((5, 3)), rng.dirichlet([1, 1, 1], 5)
    agrees(torch, "cross_entropy", x, target, {**options, "reduction": reduction})


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
@pytest.mark.parametrize("shape", [(3,), (2, 3), (2, 3, 4), (2, 3, 4, 5)])
def test_classes_are_on_the_second_axis(name, shape, torch, rng):
    target = np.asarray(rng.integers(0, 3, () if len(shape) == 1 else (shape[0], *shape[2:])))
    agrees(torch, name, rng.standard_normal(shape), target, {})


# ------------------------------------------------------------------------------ gradients
@pytest.mark.parametrize("name", list(ELEMENTWISE))
def test_gradients_are_those_of_differences(name, rng):
    options, draw = ELEMENTWISE[name]
    x, target = draw(rng, (4, 3))
    leaf = tg.tensor(x, requires_grad=True)
    check(lambda: getattr(F, name)(leaf, target, **options), [leaf])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_second_order_of_cross_entropy_is_that_of_the_formula(reduction, rng):
    x, target = rng.standard_normal((4, 3)), np.array([0, 2, 1, 1])
    leaf = tg.tensor(x, requires_grad=True)

    def long(z):
        p = tg.exp(z) / tg.exp(z).sum(axis=-1, keepdims=True)
        losses = -(tg.log(p) * np.eye(3)[target]).sum()
        return losses / 4 if reduction == "mean" else losses

    def curvature(loss):
        (g,) = tg.autograd.grad(loss, [leaf], create_graph=True)
        return np.asarray(tg.autograd.grad((g * g).sum(), [leaf])[0])

    fused = F.cross_entropy(leaf, target, reduction=reduction)
    np.testing.assert_allclose(curvature(fused), curvature(long(leaf)), rtol=1e-9, atol=1e-12)


# ---------------------------------------------------------------------------- far numbers
def test_cross_entropy_is_exact_far_from_zero():
    x = tg.tensor([[1e4, 0.0, -1e4]], requires_grad=True)
    losses = [F.cross_entropy(x, [i]).item() for i in range(3)]
    assert losses == [0.0, 1e4, 2e4]
    F.cross_entropy(x, [2]).backward()
    assert x.grad.tolist() == [[1.0, 0.0, -1.0]]


def test_impossible_classes_cost_nothing_unless_they_are_the_target():
    x = tg.tensor([[0.0, 0.0, -np.inf]], dtype="float64", requires_grad=True)
    assert F.cross_entropy(x, [0]).item() == pytest.approx(np.log(2))
    assert F.cross_entropy(x, [0], weight=[1.0, 1.0, 1.0]).item() == pytest.approx(np.log(2))
    assert F.cross_entropy(x, [[0.5, 0.5, 0.0]]).item() == pytest.approx(np.log(2))


def test_logits_of_two_classes_far_from_zero():
    x = tg.tensor([1e4, -1e4, 1e4, 0.0], requires_grad=True)
    loss = F.binary_cross_entropy_with_logits(x, tg.tensor([1.0, 0.0, 0.0, 1.0]), reduction="none")
    np.testing.assert_allclose(np.asarray(loss), [0, 0, 1e4, np.log(2)], rtol=1e-6)


def test_certain_probabilities_hold_the_logarithm():
    p = tg.tensor([0.0, 1.0, 1.0], requires_grad=True)
    loss = F.binary_cross_entropy(p, tg.tensor([0.0, 1.0, 0.0]), reduction="none")
    assert loss.tolist() == [0.0, 0.0, 100.0]
    loss.sum().backward()
    assert np.isfinite(np.asarray(p.grad)).all()


# ------------------------------------------------------------------------------- refused
@pytest.mark.parametrize("name", list(ELEMENTWISE))
def test_a_column_against_a_row_is_refused_with_the_fix(name):
    options, draw = ELEMENTWISE[name]
    options = {k: v for k, v in options.items() if k != "pos_weight"}
    x, target = draw(np.random.default_rng(0), (4, 1))
    with pytest.raises(ShapeError, match=r"\(4, 1\).*\(4,\).*prediction\[\.\.\., 0\]"):
        getattr(F, name)(x, target[:, 0], **options)
    with pytest.raises(ShapeError, match=r"\(4,\).*\(4, 1\).*target\.reshape\(4\)"):
        getattr(F, name)(x[:, 0], target, **options)
    with pytest.raises(ShapeError, match=r"\(4, 1\).*\(5, 1\)"):
        getattr(F, name)(x, np.ones((5, 1)), **options)


@pytest.mark.parametrize("name", list(CLASSES))
def test_class_indices_are_checked(name):
    x, f = np.zeros((4, 3)), getattr(F, name)
    with pytest.raises(OptionError, match="index 3, expected 0 to 2"):
        f(x, np.array([0, 1, 2, 3]))
    with pytest.raises(OptionError, match="index -1"):
        f(x, np.array([0, 1, 2, -1]))
    with pytest.raises(DTypeError, match=r"float64, expected integers.*astype"):
        f(x, np.array([0.0, 1.0, 2.0, 0.0]))
    with pytest.raises(ShapeError, match=r"\(4, 3\).*\(4, 1\)"):
        f(x, np.zeros((4, 1), int))
    with pytest.raises(ShapeError, match=r"\(4, 3\).*\(5,\)"):
        f(x, np.zeros(5, int))


def test_options_are_checked():
    one = np.ones((2, 2))
    with pytest.raises(OptionError, match="'average', expected 'mean', 'sum' or 'none'"):
        F.mse_loss(one, one, reduction="average")
    with pytest.raises(OptionError, match="reduction"):
        nn.MSELoss("average")
    with pytest.raises(OptionError, match=r"from -1 to 2, expected probabilities.*sigmoid"):
        F.binary_cross_entropy(np.array([-1.0, 2.0]), np.array([0.0, 1.0]))
    with pytest.raises(OptionError, match=r"label 0\.0, expected -1 or 1.*2 \* y - 1"):
        F.hinge_loss(one, 0 * one)
    with pytest.raises(OptionError, match=r"label_smoothing=1\.5"):
        F.cross_entropy(one, [0, 1], label_smoothing=1.5)
    with pytest.raises(ShapeError, match=r"class weights of shape \(3,\), expected \(2,\)"):
        F.cross_entropy(one, [0, 1], weight=[1.0, 1.0, 1.0])
    with pytest.raises(OptionError, match="delta"):
        F.huber_loss(one, one, delta=0)
    with pytest.raises(OptionError, match="beta"):
        F.smooth_l1_loss(one, one, beta=-1)
    with pytest.raises(OptionError, match="p=3"):
        F.multi_margin_loss(one, [0, 1], p=3)


# ------------------------------------------------------------------------------- modules
LOSSES = {
    "MSELoss": ("mse_loss", {}),
    "L1Loss": ("l1_loss", {}),
    "HuberLoss": ("huber_loss", {"delta": 0.7}),
    "SmoothL1Loss": ("smooth_l1_loss", {"beta": 0.5}),
    "BCELoss": ("binary_cross_entropy", {"weight": np.array([1.0, 2.0, 3.0])}),
    "BCEWithLogitsLoss": (
        "binary_cross_entropy_with_logits",
        {"pos_weight": np.array([1.0, 2.0, 3.0])},
    ),
    "HingeLoss": ("hinge_loss", {"squared": True}),
    "HingeEmbeddingLoss": ("hinge_embedding_loss", {"margin": 0.5}),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("name", list(LOSSES))
def test_modules_keep_the_options_of_their_functions(name, reduction, rng):
    function, options = LOSSES[name]
    x, target = ELEMENTWISE[function][1](rng, (4, 3))
    module = getattr(nn, name)(**options, reduction=reduction)
    expected = getattr(F, function)(x, target, **options, reduction=reduction)
    np.testing.assert_array_equal(np.asarray(module(x, target)), np.asarray(expected))


def test_modules_of_class_losses_keep_their_options(rng):
    x, target, w = rng.standard_normal((4, 3)), np.array([0, 1, 2, 2]), np.array([1.0, 2.0, 3.0])
    loss = nn.CrossEntropyLoss(weight=w, label_smoothing=0.1)
    expected = F.cross_entropy(x, target, weight=w, label_smoothing=0.1)
    assert loss(x, target).item() == expected.item()
    assert "label_smoothing=0.1" in repr(loss)
    assert list(loss.state_dict()) == ["weight"]
    assert nn.NLLLoss()(x, target).item() == F.nll_loss(x, target).item()
    assert nn.MultiMarginLoss(p=2)(x, target).item() == F.multi_margin_loss(x, target, 2).item()


@pytest.mark.parametrize("kind", [np.array, tg.tensor, list])
@pytest.mark.parametrize("dtype", ["uint8", "int32", "int64"])
def test_class_indices_of_any_integer_type(kind, dtype):
    index = kind(np.array([0, 2], dtype))
    x = tg.tensor(np.zeros((2, 3), np.float32), requires_grad=True)
    loss = F.cross_entropy(x, index)
    assert loss.item() == pytest.approx(np.log(3), rel=1e-6)
    assert loss.dtype == np.float32


def test_hinge_of_micrograd():
    scores, labels = np.array([0.5, -2.0, 3.0]), np.array([1.0, 1.0, -1.0])
    assert F.hinge_loss(scores, labels).item() == pytest.approx((0.5 + 3.0 + 4.0) / 3)
    squared = F.hinge_loss(scores, labels, "sum", squared=True)
    assert squared.item() == pytest.approx(0.25 + 9 + 16)


@pytest.mark.parametrize(
    "name, option",
    [
        ("binary_cross_entropy", "weight"),
        ("binary_cross_entropy_with_logits", "weight"),
        ("binary_cross_entropy_with_logits", "pos_weight"),
    ],
)
@pytest.mark.parametrize("shape", [(4, 1), (3,), (1, 4)])
def test_weights_do_not_make_more_losses(name, option, shape):
    """(N, 1) weights for (N,) losses gave N × N of them, as targets once did."""
    with pytest.raises(ShapeError, match=r"weights of shape .* \(4,\)"):
        getattr(F, name)(tg.tensor(np.full(4, 0.5)), np.ones(4), **{option: np.ones(shape)})


@pytest.mark.parametrize("count", [2, 4])
def test_class_weights_of_a_margin_loss_are_one_for_each_class(count):
    with pytest.raises(ShapeError, match=r"expected \(3,\)"):
        F.multi_margin_loss(tg.tensor(np.ones((2, 3))), [0, 1], weight=np.ones(count))


def test_large_class_indices_in_a_list_are_exact():
    """float32 holds no odd number above 2**24."""
    with pytest.raises(OptionError, match=str(2**24 + 1)):
        F.cross_entropy(tg.tensor(np.zeros((1, 3))), [2**24 + 1])


def test_losses_of_values_say_what_to_do():
    for loss in (F.mse_loss, F.cross_entropy, F.hinge_loss):
        with pytest.raises(OperandError, match="Value"):
            loss(tg.Value(1.0), 1.0)
