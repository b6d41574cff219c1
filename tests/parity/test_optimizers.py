"""Every optimiser of torch.optim: signature, options, trajectory, state and text as PyTorch's."""

import inspect
import os
import tempfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tests.optim.draws import STEPPING, numbers, options, shapes
from tinygrad_nn import nn, optim

LEFT_OUT = {
    "SparseAdam": "there are no sparse gradients here; on dense ones it is Adam",
}
ONLY_HERE = {"Lion": "PyTorch has none; held against the paper's lines in tests/optim"}
STEPS = 18
SHARED = ("dampening", "initial_accumulator_value", "momentum", "nesterov")
"""Options that must fit others, and one that PyTorch reads for no single group."""


@pytest.fixture(scope="module")
def torch():
    """PyTorch that counts in float64, its scalars too, and whose Muon rounds as its input does."""
    torch = pytest.importorskip("torch")
    before, low = torch.get_default_dtype(), torch.Tensor.bfloat16
    torch.set_default_dtype(torch.float64)
    torch.Tensor.bfloat16 = lambda self: self.clone()
    yield torch
    torch.Tensor.bfloat16 = low
    torch.set_default_dtype(before)


def optimizers(torch):
    kinds = {
        name: kind
        for name, kind in vars(torch.optim).items()
        if inspect.isclass(kind) and issubclass(kind, torch.optim.Optimizer)
    }
    del kinds["Optimizer"]
    return kinds


def arguments(kind):
    return [(p.name, p.kind, p.default) for p in inspect.signature(kind).parameters.values()]


# ----------------------------------------------------------------------------- signatures
def test_every_optimizer_is_here_or_left_out_with_a_reason(torch):
    theirs = set(optimizers(torch))
    ours = set(STEPPING) | {"LBFGS"}
    assert theirs - ours == set(LEFT_OUT)
    assert ours - theirs == set(ONLY_HERE)


@pytest.mark.parametrize("name", sorted({*STEPPING, "LBFGS"} - set(ONLY_HERE)))
def test_arguments_defaults_and_texts_are_those_of_torch(name, torch):
    ours, theirs = getattr(optim, name), getattr(torch.optim, name)
    assert arguments(ours) == arguments(theirs)
    array = np.ones((2, 2))
    a, b = ours([nn.Parameter(array)]), theirs([torch.nn.Parameter(torch.tensor(array))])
    assert a.defaults == b.defaults
    assert repr(a) == repr(b)
    assert a.state_dict()["param_groups"] == b.state_dict()["param_groups"]


@pytest.mark.parametrize("method", ["step", "zero_grad", "add_param_group", "load_state_dict"])
def test_methods_have_the_arguments_of_torch(method, torch):
    ours, theirs = (
        inspect.signature(getattr(kind, method)).parameters
        for kind in (optim.Optimizer, torch.optim.Optimizer)
    )
    assert [(p.name, p.default) for p in ours.values()] == [
        (p.name, p.default) for p in theirs.values()
    ]


def test_public_methods_of_the_base_class_are_here(torch):
    theirs = {
        name
        for name in vars(torch.optim.Optimizer)
        if not name.startswith("_")
        and name not in ("profile_hook_step", "OptimizerPreHook")
        and not name.startswith("Optimizer")
    }
    assert {name for name in theirs if not hasattr(optim.Optimizer, name)} == set()


# ---------------------------------------------------------------------------- trajectories
def saved(state):
    """A state after a way through a file."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "state.safetensors")
        tg.save(state, path)
        return tg.load(path)


def groups(parameters, own):
    if own is None:
        return parameters
    return [{"params": parameters[:1]}, {"params": parameters[1:], **own}]


def agree_on_state(a, b):
    theirs = b.state_dict()
    ours = a.state_dict()
    assert set(ours["state"]) == {k for k, v in theirs["state"].items() if v}
    for place, entry in ours["state"].items():
        other = theirs["state"][place]
        assert set(entry) == set(other)
        for key, kept in entry.items():
            np.testing.assert_allclose(
                kept, other[key].numpy(), rtol=1e-9, atol=1e-13, err_msg=f"{key} of {place}"
            )
    strip = lambda state: [  # noqa: E731
        {k: v for k, v in group.items() if k != "params"} for group in state["param_groups"]
    ]
    assert strip(ours) == strip(theirs)


@pytest.mark.parametrize("name", sorted(set(STEPPING) - set(ONLY_HERE)))
@twofold
@share(100)
@given(data=st.data())
def test_trajectories_states_and_resumption_are_those_of_torch(name, torch, data):
    drawn = data.draw(options(name), "options")
    own = data.draw(st.none() | options(name, *SHARED), "second group")
    seed = data.draw(st.integers(0, 2**32 - 1), "seed")
    source = data.draw(st.sampled_from(["ours", "torch"]), "whose state is resumed")
    rate = data.draw(numbers(1e-4, 0.3), "later lr")
    rng = np.random.default_rng(seed)
    ours = [nn.Parameter(rng.standard_normal(shape)) for shape in shapes(name)]
    theirs = [torch.nn.Parameter(torch.tensor(p.data.copy())) for p in ours]
    kind, other = getattr(optim, name), getattr(torch.optim, name)
    a, b = kind(groups(ours, own), **drawn), other(groups(theirs, own), **drawn)
    for step in range(STEPS):
        some = rng.random(len(ours)) < 0.8
        some[rng.integers(len(ours))] = True
        for p, q, has in zip(ours, theirs, some, strict=True):
            g = rng.standard_normal(p.shape)
            p.grad = np.asarray(g) if has else None
            q.grad = torch.tensor(g) if has else None
        if step == STEPS // 3:
            a.param_groups[0]["lr"] = b.param_groups[0]["lr"] = rate
        if step == STEPS // 2:
            state = saved(a.state_dict()) if source == "ours" else b.state_dict()
            a = kind(groups(ours, None if own is None else {}), lr=1.0)
            a.load_state_dict(state)
        a.step()
        b.step()
    for p, q in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(np.asarray(p), q.detach().numpy(), rtol=1e-9, atol=1e-12)
    agree_on_state(a, b)


def test_a_wrong_formula_is_caught(torch, monkeypatch):
    """The comparison can fail: a bias correction one step late."""
    right = optim.Adam.numbers
    monkeypatch.setattr(optim.Adam, "numbers", lambda self, t, s, g: right(self, t + 1, s, g))
    with pytest.raises(AssertionError):
        test_trajectories_states_and_resumption_are_those_of_torch.hypothesis.inner_test(
            "Adam", torch, _Fixed({"betas": (0.9, 0.999)}, None, 1, "ours", 0.1)
        )


class _Fixed:
    """Draws that were made before."""

    def __init__(self, *drawn):
        self.drawn = list(drawn)

    def draw(self, *_):
        return self.drawn.pop(0)


def test_muon_is_near_that_of_torch_in_its_own_rounding():
    """PyTorch's orthogonal matrix has eight bits; ours lies within them."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    p = nn.Parameter(rng.standard_normal((6, 4)).astype(np.float32))
    q = torch.nn.Parameter(torch.tensor(p.data.copy()))
    start = p.data.copy()
    a, b = optim.Muon([p], lr=0.1), torch.optim.Muon([q], lr=0.1)
    for _ in range(15):
        g = rng.standard_normal((6, 4)).astype(np.float32)
        p.grad, q.grad = g, torch.tensor(g)
        a.step()
        b.step()
    moved = np.linalg.norm(np.asarray(p) - start)
    assert np.linalg.norm(np.asarray(p) - q.detach().numpy()) < 0.02 * moved


# ----------------------------------------------------------------------------------- LBFGS
def rosenbrock(x):
    return (100.0 * (x[1:] - x[:-1] ** 2) ** 2 + (1.0 - x[:-1]) ** 2).sum()


@given(data=st.data())
def test_lbfgs_takes_the_iterations_of_torch(torch, data):
    """As near as PyTorch is to itself from a start one rounding away, times a thousand."""
    drawn = data.draw(options("LBFGS", "lr", "max_iter"), "options")
    drawn["max_iter"] = data.draw(st.integers(1, 8), "max_iter")
    if drawn.get("line_search_fn") is None:
        # Without a search Rosenbrock's valley throws long steps far away, and roundings with them.
        drawn["lr"] = data.draw(st.sampled_from([1e-3, 1e-2]), "lr")
    source = data.draw(st.sampled_from(["ours", "torch"]), "whose state is resumed")
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), "seed"))
    starts = [rng.uniform(-1, 1, 3), rng.uniform(-1, 1, ())]
    ours = [nn.Parameter(s) for s in starts]
    theirs, beside = (
        [torch.nn.Parameter(torch.tensor(s * factor)) for s in starts] for factor in (1, 1 + 4e-16)
    )
    a, b, c = (
        where.LBFGS(p, **drawn)
        for where, p in ((optim, ours), (torch.optim, theirs), (torch.optim, beside))
    )

    def closure(optimizer, x):
        def loss():
            optimizer.zero_grad()
            value = rosenbrock(x[0]) + (x[1] - 0.5) ** 2 * 3.0
            value.backward()
            return value

        return loss

    for call in range(3):
        if call == 2:
            state = saved(a.state_dict()) if source == "ours" else b.state_dict()
            a = optim.LBFGS(ours)
            a.load_state_dict(state)
        first, second = a.step(closure(a, ours)), b.step(closure(b, theirs))
        c.step(closure(c, beside))
        x, y, z = (np.append(*(flat(p) for p in side)) for side in (ours, theirs, beside))
        nearness = 1e-11 + 1e3 * np.abs(y - z).max()
        if second.item() < 1e-10 or nearness > 1e-6:
            return  # differences of losses are roundings from here on
        assert first.item() == pytest.approx(second.item(), rel=1e-6, abs=1e-12)
        np.testing.assert_allclose(x, y, rtol=0, atol=nearness)
    mine, other = a.state_dict()["state"][0], b.state_dict()["state"][0]
    assert set(mine) == set(other) - {"al"}  # what the two loops leave behind
    for key in ("func_evals", "n_iter"):
        assert mine[key] == other[key]
    assert len(mine.get("old_dirs", [])) == len(other.get("old_dirs", []))


def flat(p):
    return np.asarray(p.detach() if hasattr(p, "detach") else p).reshape(-1)


@pytest.mark.parametrize("search", [None, "strong_wolfe"])
def test_lbfgs_on_rosenbrock_to_the_end(torch, search):
    start = np.array([-1.2, 1.0])
    p, q = nn.Parameter(start), torch.nn.Parameter(torch.tensor(start))
    settings = {"lr": 1.0 if search else 1e-3, "max_iter": 12, "line_search_fn": search}
    a, b = optim.LBFGS([p], **settings), torch.optim.LBFGS([q], **settings)
    for optimizer, x in ((a, p), (b, q)):

        def closure(optimizer=optimizer, x=x):
            optimizer.zero_grad()
            loss = rosenbrock(x)
            loss.backward()
            return loss

        for _ in range(2 if search else 5):
            optimizer.step(closure)
    np.testing.assert_allclose(np.asarray(p), q.detach().numpy(), rtol=1e-7)
    assert a.state[p]["func_evals"] == b.state[q]["func_evals"]
    if search:
        for _ in range(2):
            a.step(lambda: _loss(a, p))
        np.testing.assert_allclose(np.asarray(p), [1.0, 1.0], rtol=1e-4)


def _loss(optimizer, x):
    optimizer.zero_grad()
    loss = rosenbrock(x)
    loss.backward()
    return loss
