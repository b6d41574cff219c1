"""Parametrised and pruned weights: PyTorch's names, numbers, gradients; copies; what is refused."""

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.nn.utils import parametrizations, parametrize, prune

CASES = {
    **{f"weight_norm {d}": ("weight_norm", {"dim": d}, "old") for d in (0, 1, None)},
    **{f"weight_norm {d} new": ("weight_norm", {"dim": d}, "new") for d in (0, 1, None)},
    "spectral_norm": ("spectral_norm", {"n_power_iterations": 2, "dim": 1}, "old"),
    "spectral_norm new": ("spectral_norm", {"n_power_iterations": 2, "dim": 1}, "new"),
    **{
        f"orthogonal {m} {t}": (
            "orthogonal",
            {"orthogonal_map": m, "use_trivialization": t},
            "new",
        )
        for m in ("matrix_exp", "cayley", "householder", None)
        for t in (True, False)
    },
}


def both(torch, name, sides):
    function, options, form = CASES[name]
    made = []
    for library in (nn, torch.nn):
        place = library.utils if form == "old" else library.utils.parametrizations
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.append(getattr(place, function)(library.Linear(*sides).double(), **options))
    return made


@pytest.mark.parametrize("sides", [(5, 3), (3, 5), (4, 4)])
@pytest.mark.parametrize("name", list(CASES))
def test_names_numbers_and_gradients_are_pytorchs(name, sides):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.parametrizations")
    ours, theirs = both(torch, name, sides)
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]
    ours.load_state_dict(theirs.state_dict())
    rng = np.random.default_rng(0)
    for training in (True, True, False):
        ours.train(training)
        theirs.train(training)
        x, w = rng.standard_normal((4, sides[0])), rng.standard_normal((4, sides[1]))
        a, b = ours(x), theirs(torch.tensor(x))
        np.testing.assert_allclose(a.data, b.detach().numpy(), rtol=1e-10, atol=1e-12)
        for m in (ours, theirs):
            m.zero_grad()
        (a * w).sum().backward()
        (b * torch.tensor(w)).sum().backward()
        for (key, p), q in zip(ours.named_parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(
                p.grad.data, q.grad.numpy(), rtol=1e-9, atol=1e-11, err_msg=key
            )
        for p, q in zip(ours.buffers(), theirs.buffers(), strict=True):
            np.testing.assert_allclose(p.data, q.numpy(), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))], ids=["copy", "pickle"]
)
@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm", "orthogonal"])
def test_a_copy_computes_the_same_and_shares_nothing(name, duplicate):
    model = getattr(parametrizations, name)(nn.Linear(3, 3, rng=0).eval())
    twin = duplicate(model)
    assert repr(twin) == repr(model)
    before = model.weight.data.copy()
    np.testing.assert_array_equal(twin.weight.data, before)
    for p in twin.parameters():
        p.data = p.data + np.arange(p.size, dtype=np.float32).reshape(p.shape) / 7
    np.testing.assert_array_equal(model.weight.data, before)
    assert not np.allclose(twin.weight.data, before)
    parametrize.remove_parametrizations(twin, "weight")
    assert type(twin) is nn.Linear
    assert type(model) is not nn.Linear


def test_an_orthogonal_weight_starts_where_the_weight_was():
    layer = nn.Linear(4, 4)
    nn.init.orthogonal_(layer.weight, rng=0)
    before = layer.weight.data.copy()
    parametrizations.orthogonal(layer)
    np.testing.assert_allclose(layer.weight.data, before, atol=1e-6)
    wide = parametrizations.orthogonal(nn.Linear(5, 3)).weight.data
    np.testing.assert_allclose(wide @ wide.T, np.eye(3), atol=1e-5)


def test_old_state_dicts_of_weight_norm_load_into_the_new_form():
    old = nn.utils.weight_norm(nn.Linear(3, 2, rng=0))
    new = parametrizations.weight_norm(nn.Linear(3, 2, rng=1))
    new.load_state_dict(old.state_dict())
    x = np.ones((1, 3), np.float32)
    np.testing.assert_array_equal(old(x).data, new(x).data)


@pytest.mark.parametrize("name", ["weight_norm", "spectral_norm"])
def test_the_older_form_is_undone(name):
    layer = nn.Linear(3, 2, rng=0)
    getattr(nn.utils, name)(layer)
    layer.eval()
    x = np.ones((1, 3), np.float32)
    y = layer(x).data
    with pytest.raises(OptionError, match="has it already"):
        getattr(nn.utils, name)(layer)
    getattr(nn.utils, f"remove_{name}")(layer)
    assert sorted(layer.state_dict()) == ["bias", "weight"]
    assert layer._hooks is None or not layer._hooks.of("before")
    np.testing.assert_allclose(layer(x).data, y, rtol=1e-6)
    with pytest.raises(OptionError, match="does not have it"):
        getattr(nn.utils, f"remove_{name}")(layer)
    with pytest.raises(OptionError, match="no parameter 'wieght'; it has"):
        getattr(nn.utils, name)(layer, "wieght")


class Symmetric(nn.Module):
    def forward(self, x):
        return tg.triu(x) + tg.triu(x, 1).mT

    def right_inverse(self, a):
        return tg.triu(a)


class Double(nn.Module):
    def forward(self, x):
        return 2 * x


def test_parametrisations_chain_are_assigned_and_removed():
    layer = nn.Linear(3, 3, rng=0)
    before = layer.weight.data.copy()
    parametrize.register_parametrization(layer, "weight", Symmetric())
    layer.weight = tg.tensor(np.eye(3, dtype=np.float32) * 5)
    assert layer.weight.data.trace() == 15
    parametrize.register_parametrization(layer, "weight", Double())
    assert layer.weight.data.trace() == 30
    assert parametrize.is_parametrized(layer)
    assert parametrize.is_parametrized(layer, "weight")
    assert not parametrize.is_parametrized(layer, "bias")
    assert parametrize.type_before_parametrizations(layer) is nn.Linear
    with pytest.raises(OperandError, match="Double has no right_inverse"):
        layer.weight = tg.tensor(before)
    twin = copy.deepcopy(layer)
    parametrize.remove_parametrizations(layer, "weight")
    parametrize.remove_parametrizations(twin, "weight", leave_parametrized=False)
    assert layer.weight.data.trace() == 30
    assert twin.weight.data.trace() == 15
    assert isinstance(layer.weight, nn.Parameter)
    assert list(layer.state_dict()) == ["bias", "weight"]
    with pytest.raises(OptionError, match="not parametrised"):
        parametrize.remove_parametrizations(layer, "weight")


def test_a_cached_tensor_is_computed_once():
    layer = parametrize.register_parametrization(nn.Linear(3, 3), "weight", Symmetric())
    assert layer.weight is not layer.weight
    with parametrize.cached(), parametrize.cached():
        assert layer.weight is layer.weight


class Cut(nn.Module):
    def forward(self, x):
        return x[:1]


class Halve(nn.Module):
    def forward(self, x):
        return x.astype("float16")


REFUSED = {
    "shape": (lambda m: parametrize.register_parametrization(m, "weight", Cut()), ShapeError),
    "dtype": (lambda m: parametrize.register_parametrization(m, "weight", Halve()), DTypeError),
    "name": (lambda m: parametrize.register_parametrization(m, "wt", Cut()), OptionError),
    "module": (lambda m: parametrize.register_parametrization(m, "weight", abs), OperandError),
    "map": (lambda m: parametrizations.orthogonal(m, orthogonal_map="cayly"), OptionError),
    "vector": (lambda m: parametrizations.orthogonal(m, "bias"), ShapeError),
    "axis": (lambda m: parametrizations.spectral_norm(m, dim=2), OptionError),
    "steps": (lambda m: parametrizations.spectral_norm(m, n_power_iterations=0), OptionError),
}


@pytest.mark.parametrize("name", list(REFUSED))
def test_what_is_refused_leaves_the_layer_as_it_was(name):
    call, error = REFUSED[name]
    layer = nn.Linear(2, 2, rng=0)
    state = layer.state_dict()
    with pytest.raises(error):
        call(layer)
    assert type(layer) is nn.Linear
    for key, array in layer.state_dict().items():
        np.testing.assert_array_equal(array, state[key])


# -------------------------------------------------------------------------------- pruning

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("l1_unstructured"), st.sampled_from([0.3, 2, 0, 0.5])),
        st.tuples(
            st.just("ln_structured"),
            st.sampled_from([0.25, 1, 0]),
            st.sampled_from([1, 2, float("inf")]),
            st.integers(-2, 1),
        ),
        st.tuples(st.just("identity")),
        st.tuples(st.just("mask"), st.integers(0, 9)),
    ),
    min_size=1,
    max_size=3,
)


@given(STEPS, st.integers(0, 9))
def test_pruning_step_by_step_is_pytorchs(steps, seed):
    torch = pytest.importorskip("torch")
    pytest.importorskip("torch.nn.utils.prune")
    theirs, ours = torch.nn.Linear(5, 4).double(), nn.Linear(5, 4, rng=seed).double()
    theirs.load_state_dict({k: torch.tensor(v) for k, v in ours.state_dict().items()})
    for name, *options in steps:
        if name == "mask":
            mask = np.random.default_rng(options[0]).integers(0, 2, (4, 5)).astype(float)
            prune.custom_from_mask(ours, "weight", mask)
            torch.nn.utils.prune.custom_from_mask(theirs, "weight", torch.tensor(mask))
            continue
        try:
            getattr(torch.nn.utils.prune, name)(theirs, "weight", *options)
        except ValueError:  # more than there is left
            with pytest.raises(OptionError):
                getattr(prune, name)(ours, "weight", *options)
            return
        getattr(prune, name)(ours, "weight", *options)
    assert prune.is_pruned(ours)
    for _ in range(2):
        a, b = ours.state_dict(), theirs.state_dict()
        assert list(a) == list(b)
        for key, tensor in b.items():
            np.testing.assert_array_equal(a[key], tensor.numpy(), err_msg=key)
        x = np.random.default_rng(seed).standard_normal((3, 5))
        left, right = ours(x), theirs(torch.tensor(x))
        np.testing.assert_allclose(left.data, right.detach().numpy(), rtol=1e-12)
        for module, y in ((ours, left), (theirs, right)):
            module.zero_grad()
            y.sum().backward()
        for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
            np.testing.assert_allclose(p.grad.data, q.grad.numpy(), rtol=1e-12)
        if prune.is_pruned(ours):
            prune.remove(ours, "weight")
            torch.nn.utils.prune.remove(theirs, "weight")


def test_pruning_over_all_layers_takes_the_least_of_all():
    model = nn.Sequential(nn.Linear(5, 4, rng=0), nn.Linear(4, 3, rng=1))
    model[1].weight.data *= 100
    pairs = [(model[0], "weight"), (model[1], "weight")]
    prune.global_unstructured(pairs, prune.L1Unstructured, amount=20)
    assert not model[0].weight.data.any()
    assert model[1].weight.data.all()
    twin = pickle.loads(pickle.dumps(copy.deepcopy(model)))
    assert prune.is_pruned(twin)


def test_random_pruning_follows_its_seed():
    masks = [
        prune.random_unstructured(nn.Linear(6, 5), "weight", 0.4, rng=3).weight_mask.data
        for _ in range(2)
    ]
    np.testing.assert_array_equal(*masks)
    assert (masks[0] == 0).sum() == 12
    layer = prune.random_structured(nn.Linear(6, 5), "weight", 2, 1, rng=0)
    assert (layer.weight_mask.data == 0).all(axis=0).sum() == 2


def test_a_method_of_the_user():
    class EverySecond(prune.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.data.copy()
            mask.reshape(-1)[::2] = 0
            return tg.tensor(mask)

    layer = nn.Linear(4, 2, rng=0)
    EverySecond.apply(layer, "weight")
    assert (layer.weight.data == 0).sum() == 4
    EverySecond.apply(layer, "weight")
    assert (layer.weight.data == 0).sum() == 6


PRUNED = {
    "amount": lambda m: prune.l1_unstructured(m, "weight", 1.5),
    "count": lambda m: prune.l1_unstructured(m, "weight", 99),
    "name": lambda m: prune.l1_unstructured(m, "wt", 1),
    "axes": lambda m: prune.ln_structured(m, "bias", 1, 2, 0),
    "mask": lambda m: prune.custom_from_mask(m, "weight", np.ones(3)),
    "scores": lambda m: prune.l1_unstructured(m, "weight", 1, np.ones(3)),
    "remove": lambda m: prune.remove(m, "weight"),
}


@pytest.mark.parametrize("name", list(PRUNED))
def test_pruning_that_fails_changes_nothing(name):
    layer = nn.Linear(2, 2, rng=0)
    with pytest.raises((OptionError, ShapeError)):
        PRUNED[name](layer)
    assert list(layer.state_dict()) == ["weight", "bias"]
    assert not prune.is_pruned(layer)
