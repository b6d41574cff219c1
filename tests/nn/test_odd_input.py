"""Input that was once answered wrongly or unclearly, one test for each."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError, StateError
from tinygrad_nn.nn import functional
from tinygrad_nn.optim import lr_scheduler

NAN = float("nan")


# ── NaN ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "function", [functional.hardshrink, lambda x: functional.threshold(x, 0.1, -1.0)]
)
def test_an_activation_that_sets_values_keeps_nan(function):
    x = tg.tensor([NAN, 2.0, 0.0], requires_grad=True)
    y = function(x)
    assert np.isnan(y.data[0])
    y.sum().backward()
    np.testing.assert_array_equal(x.grad.data, [1.0, 1.0, 0.0])
    assert np.isnan(function(tg.Value(NAN)).data)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("place", range(4))
def test_the_index_of_a_window_with_nan_is_that_of_the_nan(stride, place):
    """Where windows cover the input evenly it was that of the last place."""
    x = np.arange(8.0).reshape(1, 2, 4)
    x[0, place // 2, place % 2] = NAN
    _, index = functional.max_pool2d(tg.tensor(x), 2, stride, return_indices=True)
    assert index.data[0, 0, 0] == 4 * (place // 2) + place % 2


@pytest.mark.parametrize("zero_infinity", [False, True])
def test_ctc_of_nan_is_nan(zero_infinity):
    """It counted as a target that cannot be, whose loss is set to 0."""
    x = np.full((4, 1, 3), -1.0)
    x[1, 0] = NAN
    with np.errstate(invalid="ignore"):  # NumPy's logaddexp warns of NaN
        loss = functional.ctc_loss(tg.tensor(x), [[1]], [4], [1], zero_infinity=zero_infinity)
    assert np.isnan(loss.item())
    impossible = functional.ctc_loss(
        tg.tensor(x[:1]), [[1, 2]], [1], [2], zero_infinity=zero_infinity
    )
    assert impossible.item() == (0 if zero_infinity else float("inf"))


# ── Integers ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint64"])
def test_lengths_of_narrow_integers_do_not_wrap_around(dtype):
    rng = np.random.default_rng(0)
    x = functional.log_softmax(tg.tensor(rng.standard_normal((400, 2, 5))), -1)
    targets, lengths = rng.integers(1, 5, (2, 180)), np.array([180, 0])
    expected = functional.ctc_loss(x, targets, [400, 400], lengths, reduction="none")
    got = functional.ctc_loss(x, targets, [400, 400], lengths.astype(dtype), reduction="none")
    np.testing.assert_array_equal(got.data, expected.data)


@pytest.mark.parametrize("bad", [2.5, "3", NAN, None, [1]])
def test_an_ignored_class_is_an_integer(bad):
    """Nothing equals another, and nothing was ignored."""
    x = tg.tensor(np.zeros((2, 3)))
    for loss in (functional.cross_entropy, functional.nll_loss):
        with pytest.raises(OptionError, match=f"{loss.__name__}: got ignore_index="):
            loss(x, [0, 1], ignore_index=bad)
    with pytest.raises(OptionError, match="ctc_loss: got blank="):
        functional.ctc_loss(tg.tensor(np.zeros((4, 1, 3))), [[1]], [4], [1], blank=bad)


@pytest.mark.parametrize(
    "make",
    [
        lambda n: nn.Linear(n, 1, rng=0),
        lambda n: nn.Conv2d(1, 1, n, rng=0),
        nn.MaxPool2d,
        lambda n: nn.Embedding(n, 2, rng=0),
    ],
)
@pytest.mark.parametrize("bad", [2.5, True, "3", NAN, None, np.array([2, 2]), np.array(2.5), -1])
def test_a_size_is_an_integer(make, bad):
    with pytest.raises(OptionError, match=r"got .*expected"):
        make(bad)


@pytest.mark.parametrize("milestones", [[1.5], ["a"], [None]])
def test_milestones_are_integers(milestones):
    optimizer = optim.SGD([nn.Parameter([1.0])], lr=0.1)
    with pytest.raises(OptionError, match="MultiStepLR: got milestones="):
        lr_scheduler.MultiStepLR(optimizer, milestones)


# ── Losses ──────────────────────────────────────────────────────────────────────────────

ELEMENTWISE = [
    functional.mse_loss,
    functional.l1_loss,
    functional.huber_loss,
    functional.smooth_l1_loss,
    functional.poisson_nll_loss,
    functional.kl_div,
]


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_a_loss_of_anything_but_real_numbers_is_refused(loss):
    """Of complex numbers the imaginary parts were dropped."""
    x = np.array([0.5, 0.25])
    for bad in (x + 1j, np.array([1.0, None]), np.array(["a", "b"])):
        for pair in ((bad, x), (x, bad), (tg.tensor(x), bad)):
            with pytest.raises(DTypeError, match="real numbers"):
                loss(*pair)
    with pytest.raises(OperandError, match="masked"):
        loss(tg.tensor(x), np.ma.masked_array(x, [True, False]))


@pytest.mark.parametrize("loss", ELEMENTWISE)
def test_a_mean_of_no_losses_is_refused(loss):
    x = tg.tensor(np.zeros((0, 3)), requires_grad=True)
    with pytest.raises(ShapeError, match=rf"{loss.__name__}: got losses of shape \(0, 3\)"):
        loss(x, np.zeros((0, 3)))
    total = loss(x, np.zeros((0, 3)), reduction="sum")
    total.backward()
    assert total.item() == 0
    assert x.grad.shape == (0, 3)


def test_a_mean_over_samples_of_which_none_counts_is_refused():
    """It is 0 / 0, and the NaN would end the training."""
    x = tg.tensor(np.zeros((2, 3)))
    for loss in (functional.cross_entropy, functional.nll_loss):
        with pytest.raises(OptionError, match=f"{loss.__name__}: got 2 targets of which none"):
            loss(x, [-100, -100])
        with pytest.raises(OptionError, match="weight 0"):
            loss(x, [0, 0], weight=[0.0, 1.0, 1.0])
        assert loss(x, [-100, -100], reduction="sum").item() == 0
        with pytest.raises(ShapeError, match="empty batch"):
            loss(x[:0], np.zeros(0, int))


def test_tensors_of_pytorch_are_targets():
    torch = pytest.importorskip("torch")
    x = tg.tensor(np.eye(3), requires_grad=True)
    index = torch.tensor([0, 1, 2])
    assert (
        functional.cross_entropy(x, index).item() == functional.cross_entropy(x, [0, 1, 2]).item()
    )
    assert functional.mse_loss(x, torch.eye(3)).item() == 0
    np.testing.assert_array_equal(functional.embedding(index, x).data, np.eye(3))
    with pytest.raises(OperandError, match=r"detach\(\)"):
        functional.mse_loss(x, torch.eye(3, requires_grad=True))
    with pytest.raises(OperandError, match=r"float\(\)"):
        functional.mse_loss(x, torch.eye(3, dtype=torch.bfloat16))


def test_options_that_are_no_numbers():
    x = tg.tensor(np.ones((2, 3)))
    for bad in (NAN, -0.5, "a"):
        with pytest.raises(OptionError, match="cosine_similarity: got eps="):
            functional.cosine_similarity(x, x, eps=bad)
    with pytest.raises(OptionError, match="softshrink"):
        functional.softshrink(x, NAN)
    with pytest.raises(OptionError, match="rrelu"):
        functional.rrelu(x, NAN, 1.0)
    with pytest.raises(OptionError, match="hardtanh"):
        functional.hardtanh(x, NAN, 1.0)
    for norm in (nn.BatchNorm1d, nn.BatchNorm2d, nn.InstanceNorm1d):
        with pytest.raises(OptionError, match=rf"{norm.__name__}: got momentum='a'"):
            norm(3, momentum="a")


# ── State and names ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["training", "_buffers", "_hooks"])
def test_a_module_keeps_its_own_attributes(name):
    """A module under the name of the hooks was called as one."""
    m = nn.Module()
    for register, part in [
        (m.add_module, nn.ReLU()),
        (m.register_parameter, nn.Parameter([1.0])),
        (m.register_buffer, tg.tensor([1.0])),
    ]:
        with pytest.raises(OptionError, match=f"already has an attribute {name!r}"):
            register(name, part)


@pytest.mark.parametrize("bad", [NAN, 2.5, float("inf"), 1e30, np.uint64(2**63)])
def test_a_count_is_loaded_from_whole_numbers_alone(bad):
    m = nn.BatchNorm1d(2)
    with pytest.raises(StateError, match=r"'num_batches_tracked': got .* that int64 cannot hold"):
        m.load_state_dict({**m.state_dict(), "num_batches_tracked": bad})


def test_an_entry_of_pytorch_without_numbers_is_named():
    torch = pytest.importorskip("torch")
    m = nn.Linear(2, 1, rng=0)
    with pytest.raises(StateError, match=r"'weight': .*meta"):
        m.load_state_dict({**m.state_dict(), "weight": torch.ones(1, 2, device="meta")})


# ── Shapes ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", [1.0, tg.tensor(1.0), np.float32(1.0)], ids=repr)
def test_a_number_is_no_row(number):
    with pytest.raises(ShapeError, match=r"linear: got x .* expected x \(\.\.\., 2\)"):
        nn.Linear(2, 1, rng=0)(number)


@pytest.mark.parametrize("mode", ["replicate", "reflect", "circular"])
def test_an_axis_without_elements_has_no_edge(mode):
    with pytest.raises(ShapeError, match=rf"pad: got widths \(1, 1\) for axis 2 .*{mode}"):
        functional.pad(tg.tensor(np.zeros((1, 1, 0))), (1, 1), mode)


def test_log_softmax_of_no_classes_is_empty():
    x = tg.tensor(np.zeros((3, 0)), requires_grad=True)
    y = functional.log_softmax(x, 1)
    y.sum().backward()
    assert y.shape == x.grad.shape == (3, 0)


def test_a_tensor_of_another_library_is_called_by_its_whole_name():
    torch = pytest.importorskip("torch")
    with pytest.raises(OperandError, match=r"'torch\.Tensor'"):
        nn.ReLU()(torch.ones(2))
