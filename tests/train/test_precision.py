"""Mixed precision: float16 inside, float32 weights, scales that find themselves."""

import numpy as np
import pytest

from tests.serialize.states import same
from tinygrad_nn import nn, optim, train
from tinygrad_nn.data import make_moons
from tinygrad_nn.errors import AnomalyError, OperandError, OptionError, StateError
from tinygrad_nn.train import GradScaler, fit, float16

X = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)
F16 = np.float16


def network():
    return nn.Sequential(
        nn.Linear(3, 4, rng=0), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2, rng=1)
    )


def test_the_numbers_are_those_of_rounded_weights():
    model = nn.Linear(3, 2, rng=0)
    weight, bias = model.weight.numpy().copy(), model.bias.numpy().copy()
    with float16(model):
        y = model(X)
    w16, b16 = weight.astype(F16), bias.astype(F16)
    expected = (X.astype(F16) @ w16.T + b16).astype(np.float32)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y.numpy(), expected)
    (y * y).sum().backward()
    np.testing.assert_allclose(
        model.weight.grad.numpy(), (2 * expected).T @ X, rtol=2e-3, atol=2e-2
    )
    assert model.weight.grad.dtype == np.float32
    np.testing.assert_array_equal(model.weight.grad.numpy().astype(F16), model.weight.grad.numpy())
    np.testing.assert_array_equal(model.weight.numpy(), weight)


def test_layers_compute_in_the_dtype_they_are_to():
    model, seen = network(), {}
    for name, part in model.named_modules():
        part.register_forward_hook(
            lambda m, i, y, name=name: seen.update({name: (i[0].dtype.name, y.dtype.name)})
        )
    with float16(model):
        model(X)
        assert {p.dtype.name for p in model.parameters()} <= {"float32"}
    assert seen["1"][0] == "float32" and seen["2"][0] == "float16" and seen["3"][0] == "float16"
    assert model[1].running_mean.dtype == np.float32
    seen.clear()
    assert model(X).dtype == np.float32 and seen["3"] == ("float32", "float32")
    assert [n for n, _ in model.named_parameters()] == [
        "0.weight", "0.bias", "1.weight", "1.bias", "3.weight", "3.bias",
    ]  # fmt: skip


def test_the_model_is_itself_again_after_an_error():
    model = network()
    before = dict(model.named_parameters())
    with pytest.raises(ValueError, match="mine"), float16(model):
        raise ValueError("mine")
    assert all(p is before[n] for n, p in model.named_parameters())
    assert model._hooks is None and model[1]._hooks is None


def test_shared_parameters_gather_their_gradients():
    class Twice(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Linear(3, 3, bias=False, rng=0)
            self.b = nn.Linear(3, 3, bias=False, rng=1)
            self.b.weight = self.a.weight
            self.several = nn.ParameterList([nn.Parameter(np.ones(3, np.float32))])

        def forward(self, x):
            return self.b(self.a(x)) * self.several[0]

    low, full = Twice(), Twice()
    with float16(low):
        y = low(X)
    y.sum().backward()
    full(X).sum().backward()
    for p, q in zip(low.parameters(), full.parameters(), strict=True):
        np.testing.assert_allclose(p.grad.numpy(), q.grad.numpy(), rtol=2e-2, atol=2e-2)


def test_values_have_one_precision():
    with pytest.raises(OperandError, match="precision='float32'"):
        float16(nn.MLP(2, [1], rng=0))


def test_small_gradients_survive_by_scaling():
    def gradient(scaler):
        model = nn.Linear(1, 1, bias=False, rng=0)
        sgd = optim.SGD(model.parameters(), lr=1.0)
        with float16(model):
            y = model(np.ones((1, 1), np.float32))
        scaler.scale(y.sum() * 1e-8).backward()
        scaler.unscale_(sgd)
        return model.weight.grad.item()

    assert gradient(GradScaler(enabled=False)) == 0.0
    assert gradient(GradScaler()) == pytest.approx(1e-8, rel=1e-3)


def test_an_overflow_leaves_the_step_out_and_halves_the_scale():
    model = nn.Linear(1, 1, bias=False, rng=0)
    adam = optim.Adam(model.parameters(), lr=1.0)
    scaler, before = GradScaler(init_scale=2.0**17, growth_interval=2), model.weight.item()
    scales = []
    for _ in range(5):
        adam.zero_grad()
        with float16(model), np.errstate(over="ignore"):
            y = model(np.ones((1, 1), np.float32))
            scaler.scale(y.sum()).backward()
        scaler.step(adam)
        scales.append(model.weight.item() == before)
        scaler.update()
        scales.append(scaler.get_scale())
    assert scales == [True, 2.0**16, True, 2.0**15, False, 2.0**15, False, 2.0**16, False, 2.0**15]
    assert len(adam.state) and next(iter(adam.state.values()))["step"] == 2


def test_fit_goes_on_after_an_overflow_and_does_not_count_it():
    model = network()
    sgd = optim.SGD(model.parameters(), lr=0.01)
    skipped = []
    watch = train.LambdaCallback(on_batch_end=lambda c: skipped.append(c.scaler.get_scale()))
    batches = [(X, np.arange(8) % 2)] * 12
    history = fit(
        model, nn.CrossEntropyLoss(), sgd, batches, 1,
        precision="mixed", scaler=GradScaler(2.0**22), callbacks=[watch],
    )  # fmt: skip
    assert skipped[0] == 2.0**21 and history.batches == 0
    assert 0 < history.steps < 12
    assert np.isfinite([p.numpy().sum() for p in model.parameters()]).all()


def test_a_forward_overflow_is_an_error_since_no_scale_helps():
    model = nn.Linear(3, 2, rng=0)
    model.weight.data = np.full((2, 3), 60000.0, np.float32)
    sgd = optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(AnomalyError, match="65504"):
        fit(model, nn.MSELoss(), sgd, [(X, X[:, :2])], 1, precision="mixed")
    model.weight.data = np.zeros((2, 3), np.float32)
    with pytest.raises(AnomalyError, match="whatever the loss is scaled by"):
        fit(model, lambda y, t: (y * 1e30).sum(), sgd, [(X, X)] * 200, 1, precision="mixed")


def test_learning_in_mixed_precision_comes_near_that_in_float32():
    moons, losses = make_moons(200), []
    for precision in ("float32", "mixed"):
        model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        adam = optim.Adam(model.parameters(), lr=0.05)
        history = fit(model, nn.CrossEntropyLoss(), adam, moons, 15, precision=precision)
        losses.append(history["loss"][-1])
    assert losses[1] == pytest.approx(losses[0], rel=0.05, abs=0.01) and losses[1] < 0.15


def test_a_scale_that_changes_changes_no_bit_without_overflow():
    """The scale is a power of two, so only overflow and underflow may see it."""
    states = []
    for scale in (2.0**4, 2.0**7):
        model = nn.Sequential(nn.Linear(3, 4, rng=0), nn.ReLU(), nn.Linear(4, 2, rng=1))
        sgd = optim.SGD(model.parameters(), lr=0.1)
        batches = [(X, np.arange(8) % 2)] * 3
        fit(
            model, nn.MSELoss(), sgd, [(x, X[:, :2]) for x, _ in batches], 1,
            precision="mixed", scaler=GradScaler(scale),
        )  # fmt: skip
        states.append(model.state_dict())
    assert all(np.allclose(states[0][k], states[1][k], atol=1e-4) for k in states[0])


def test_the_scaler_is_that_of_torch():
    torch = pytest.importorskip("torch")
    ours, theirs = GradScaler(growth_interval=3), torch.amp.GradScaler("cpu", growth_interval=3)
    p, q = nn.Parameter([1.0]), torch.nn.Parameter(torch.ones(1))
    sgd, other = optim.SGD([p], lr=0.1), torch.optim.SGD([q], lr=0.1)
    for good in (1, 1, 1, 0, 1, 1, 0, 0, 1, 1, 1, 1):
        sgd.zero_grad(), other.zero_grad()
        ours.scale((p * 0.5).sum()).backward()
        theirs.scale((q * 0.5).sum()).backward()
        if not good:
            p.grad, q.grad = np.full(1, np.inf, np.float32), torch.full((1,), float("inf"))
        ours.step(sgd), theirs.step(other)
        ours.update(), theirs.update()
        assert ours.get_scale() == theirs.get_scale() and p.item() == q.item()
    assert ours.state_dict() == theirs.state_dict()
    again = GradScaler(5.0)
    again.load_state_dict(theirs.state_dict())
    assert again.state_dict() == ours.state_dict()


def test_misuse_is_refused():
    p = nn.Parameter([1.0])
    sgd, scaler = optim.SGD([p], lr=0.1), GradScaler()
    with pytest.raises(OptionError, match="no gradients"):
        scaler.update()
    scaler.scale(p.sum()).backward()
    scaler.unscale_(sgd)
    with pytest.raises(OptionError, match="already"):
        scaler.unscale_(sgd)
    scaler.step(sgd)
    with pytest.raises(OptionError, match="twice"):
        scaler.step(sgd)
    with pytest.raises(OptionError, match="closure"):
        scaler.step(sgd, lambda: 1)
    with pytest.raises(StateError, match="growth_factor"):
        scaler.load_state_dict({})
    for wrong in ({"init_scale": 0.0}, {"growth_factor": 1.0}, {"backoff_factor": 1.0}):
        with pytest.raises(OptionError, match=next(iter(wrong))):
            GradScaler(**wrong)


def test_mixed_fits_of_one_seed_are_the_same_bits():
    states = []
    for _ in range(2):
        model = network()
        adam = optim.Adam(model.parameters())
        fit(model, nn.CrossEntropyLoss(), adam, (X, np.arange(8) % 2), 3, precision="mixed")
        states.append(model.state_dict())
    assert same(*states)
