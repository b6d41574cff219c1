"""Layers that PyTorch has not: their formulas, written out, and what they are known for."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.nn.differences import check
from tinygrad_nn import nn, optim
from tinygrad_nn.data import load_digits, make_moons
from tinygrad_nn.errors import DataError, OptionError, ShapeError

F = nn.functional


# ------------------------------------------------------------------------------- prototypes
def test_rbf_is_its_formula_and_has_right_gradients(rng):
    layer = nn.RBF(3, 4, width=0.8, rng=0).double()
    x = tg.tensor(rng.standard_normal((5, 3)), requires_grad=True)
    c, s = np.asarray(layer.centers), np.exp(np.asarray(layer.log_width))
    expected = np.exp(-((x.numpy()[:, None] - c) ** 2).sum(-1) / (2 * s**2))
    np.testing.assert_allclose(np.asarray(layer(x)), expected, rtol=1e-12)
    weights = rng.standard_normal((5, 4))

    def loss():
        return (layer(x) * weights).sum()

    check(loss, [x, *layer.parameters()])


def test_rbf_network_separates_the_moons():
    data = make_moons(400, noise=0.15, rng=0)
    x, y = data.inputs, data.targets
    layer = nn.RBF(2, 20, rng=0).place(x, rng=0)
    features = np.c_[np.asarray(layer(tg.tensor(x))), np.ones(len(x))]
    weights, *_ = np.linalg.lstsq(features, 2.0 * (y > 0) - 1, rcond=None)
    assert np.mean((features @ weights > 0) == (y > 0)) > 0.95


def test_rbf_refuses_what_does_not_fit():
    layer = nn.RBF(3, 4)
    with pytest.raises(ShapeError, match=r"got x \(5, 2\), expected \(..., 3\)"):
        layer(tg.zeros((5, 2)))
    with pytest.raises(DataError, match="2 samples for 4 centers"):
        layer.place(np.zeros((2, 3)))
    with pytest.raises(OptionError, match="width=0"):
        nn.RBF(3, 4, width=0)


def test_som_step_is_kohonens(rng):
    som = nn.SelfOrganizingMap(3, 4, 2, rng=0, dtype="float64")
    before = som.weight.numpy().copy()
    x = rng.standard_normal(2)
    row, column = np.unravel_index(((before - x) ** 2).sum(-1).argmin(), (3, 4))
    som.step(x, 0.3, 1.5)
    for i, j in np.ndindex(3, 4):
        near = np.exp(-((i - row) ** 2 + (j - column) ** 2) / (2 * 1.5**2))
        expected = before[i, j] + 0.3 * near * (x - before[i, j])
        np.testing.assert_allclose(som.weight.numpy()[i, j], expected, rtol=1e-12)


def test_som_orders_the_digits():
    x = load_digits().flatten().inputs
    som = nn.SelfOrganizingMap(8, 8, 64, rng=0)
    quantised, topographic = som.quantization_error(x), som.topographic_error(x)
    som.fit(x, 6000, rng=0)
    assert som.quantization_error(x) < 0.6 * quantised
    assert som.topographic_error(x) < 0.1 < topographic
    assert som(x).shape == (len(x), 2)


# ----------------------------------------------------------------------------------- energy
@pytest.mark.parametrize(("patterns", "least"), [(5, 0.99), (20, 0.0)])
def test_hopfield_recalls_few_patterns_and_not_many(patterns, least, rng):
    stored = rng.choice([-1.0, 1.0], (patterns, 100))
    memory = nn.Hopfield(100, rng=0).store(stored)
    noisy = np.where(rng.random(stored.shape) < 0.1, -stored, stored)
    recalled = np.asarray(memory(noisy))
    share = (recalled == stored).all(1).mean()
    assert share >= least if least else share < 0.9


def test_hopfield_energy_never_rises_and_ends_at_rest(rng):
    memory = nn.Hopfield(40, rng=0, dtype="float64").store(rng.choice([-1.0, 1.0], (4, 40)))
    s = rng.choice([-1.0, 1.0], (6, 40))
    energies = [np.asarray(memory.energy(s))]
    for _ in range(5):
        s = np.asarray(memory(s, sweeps=1))
        energies.append(np.asarray(memory.energy(s)))
    assert (np.diff(energies, axis=0) <= 1e-12).all()
    np.testing.assert_array_equal(np.asarray(memory(s)), s)


def test_hopfield_refuses_numbers_and_shapes():
    memory = nn.Hopfield(4)
    with pytest.raises(OptionError, match="2 \\* x - 1"):
        memory.store([[0, 1, 1, 0]])
    with pytest.raises(ShapeError, match=r"\(3,\), expected \(..., 4\)"):
        memory.store([1, 1, 1])


def test_modern_hopfield_recalls_and_has_right_gradients(rng):
    patterns = rng.standard_normal((6, 5))
    memory = nn.ModernHopfield(patterns, beta=30.0).double()
    memory.load_state_dict({"patterns": patterns})
    near = patterns + 0.05 * rng.standard_normal(patterns.shape)
    np.testing.assert_allclose(np.asarray(memory(near)), patterns, atol=0.02)
    memory.beta = 0.7
    x = tg.tensor(rng.standard_normal((2, 5)), requires_grad=True)

    def loss():
        return (memory(x) ** 2).sum()

    check(loss, [x, *memory.parameters()])


def test_free_energy_is_the_sum_over_hidden_states(rng):
    rbm = nn.RBM(3, 2, rng=0).double()
    for p in rbm.parameters():
        p.data = rng.standard_normal(p.shape)
    w, a, b = (np.asarray(p) for p in rbm.parameters())
    v = np.array([1.0, 0.0, 1.0])
    states = np.array(list(np.ndindex(2, 2)), float)
    energies = -(a @ v) - states @ b - states @ (w @ v)
    expected = -np.log(np.exp(-energies).sum())
    np.testing.assert_allclose(rbm.free_energy(v).item(), expected, rtol=1e-12)


def test_contrastive_divergence_has_hintons_gradient(rng):
    rbm = nn.RBM(4, 3, rng=0).double()
    v = rng.integers(0, 2, (5, 4)).astype(float)
    far = np.asarray(rbm.sample(v, 1, rng=7))
    rbm.contrastive_divergence(v, 1, rng=7).backward()

    def hidden(x):
        return np.asarray(rbm(x))

    positive, negative = hidden(v).T @ v, hidden(far).T @ far
    np.testing.assert_allclose(np.asarray(rbm.weight.grad), -(positive - negative) / 5, rtol=1e-10)
    expected = -(v.mean(0) - far.mean(0))
    np.testing.assert_allclose(np.asarray(rbm.visible_bias.grad), expected, rtol=1e-10, atol=1e-15)


def test_a_stack_of_rbms_reconstructs_better_when_trained():
    v = load_digits().flatten().inputs[:500]
    layers = [nn.RBM(64, 32, rng=0), nn.RBM(32, 16, rng=1)]
    for rbm in layers:
        before = float(((rbm.reconstruct(v) - v) ** 2).mean().item())
        optimizer = optim.SGD(rbm.parameters(), lr=0.2)
        for _ in range(60):
            optimizer.zero_grad()
            rbm.contrastive_divergence(v).backward()
            optimizer.step()
        assert float(((rbm.reconstruct(v) - v) ** 2).mean().item()) < before
        v = np.asarray(rbm(v).detach())
    assert nn.Sequential(*layers)(np.zeros((2, 64), np.float32)).shape == (2, 16)


# --------------------------------------------------------------------------------- capsules
def test_squash_keeps_directions_and_bounds_lengths(rng):
    s = rng.standard_normal((4, 3)) * 3
    v = np.asarray(F.squash(tg.tensor(s)))
    size = np.linalg.norm(s, axis=1, keepdims=True)
    np.testing.assert_allclose(v, size**2 / (1 + size**2) * s / size, rtol=1e-12)
    zero = tg.zeros((2, 3), requires_grad=True)
    F.squash(zero).sum().backward()
    assert not np.asarray(zero.grad).any()


def test_capsules_route_as_written_and_have_right_gradients(rng):
    layer = nn.CapsuleLayer(5, 4, 3, 2, routing=3, rng=0).double()
    u, w = rng.standard_normal((2, 5, 4)), np.asarray(layer.weight)
    votes = np.einsum("ioed,nid->nioe", w, u)

    def squash(s):
        size = np.linalg.norm(s, axis=-1, keepdims=True)
        return size / (1 + size**2) * s

    b = np.zeros((2, 5, 3))
    for _ in range(3):
        c = np.exp(b) / np.exp(b).sum(-1, keepdims=True)
        v = squash(np.einsum("nio,nioe->noe", c, votes))
        b = b + np.einsum("nioe,noe->nio", votes, v)
    np.testing.assert_allclose(np.asarray(layer(tg.tensor(u))), v, rtol=1e-10)
    once = nn.CapsuleLayer(5, 4, 3, 2, routing=1, rng=0).double()
    x = tg.tensor(u, requires_grad=True)
    check(lambda: nn.CapsuleLoss()(once(x), np.array([0, 2])), [x, *once.parameters()])
    with pytest.raises(ShapeError, match=r"expected \(N, 5, 4\)"):
        layer(tg.zeros((2, 4, 5)))


# ---------------------------------------------------------------------------------- spiking
def test_lif_follows_its_equations(rng):
    x = rng.uniform(0, 0.8, (20, 3))
    spikes, v = nn.LIF(beta=0.8)(tg.tensor(x))
    potential, fired = np.zeros(3), np.zeros(3)
    for t in range(20):
        potential = 0.8 * potential + x[t] - fired
        fired = (potential >= 1).astype(float)
        np.testing.assert_array_equal(spikes.numpy()[t], fired)
    np.testing.assert_allclose(v.numpy(), potential, rtol=1e-12)
    assert 0 < spikes.numpy().mean() < 1


def test_lif_goes_on_where_it_stopped(rng):
    x, lif = tg.tensor(rng.uniform(0, 0.8, (20, 3))), nn.LIF(beta=0.7, reset="zero")
    whole, _ = lif(x)
    first, v = lif(x[:9])
    second, _ = lif(x[9:], v)
    np.testing.assert_array_equal(np.r_[first.numpy(), second.numpy()], whole.numpy())


def test_a_spike_has_the_slope_of_the_stand_in(rng):
    x = tg.tensor(rng.standard_normal(8), requires_grad=True)
    y = F.spike(x, 4.0)
    y.sum().backward()
    np.testing.assert_array_equal(y.numpy(), (x.numpy() >= 0).astype(float))
    np.testing.assert_allclose(np.asarray(x.grad), 1 / (1 + 4 * np.abs(x.numpy())) ** 2, rtol=1e-12)


def test_a_spiking_network_learns():
    x = np.random.default_rng(0).uniform(0, 1, (15, 64, 2)).astype("float32")
    y = (x.sum((0, 2)) > x.sum((0, 2)).mean()).astype("int64")
    layer, lif, head = nn.Linear(2, 16, rng=0), nn.LIF(slope=5.0), nn.Linear(16, 2, rng=1)
    optimizer = optim.Adam([*layer.parameters(), *head.parameters()], lr=0.02)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        spikes, _ = lif(layer(x))
        loss = F.cross_entropy(head(spikes.mean(0)), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.6 * losses[0]


@pytest.mark.parametrize("options", [{"beta": 1.5}, {"threshold": 0}, {"reset": "none"}])
def test_lif_refuses_options(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        nn.LIF(**options)
