"""Every scheduler of torch.optim.lr_scheduler: signature, sequence, state and text as PyTorch's."""

import inspect
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.extents import share, twofold
from tests.optim.draws import SCHEDULERS, numbers
from tests.parity.test_optimizers import saved
from tinygrad_nn import nn, optim
from tinygrad_nn.optim import lr_scheduler

LEFT_OUT = {"Counter": "of Python's", "Optimizer": "is in optim", "Tensor": "is in tinygrad_nn"}
EPOCHS = 44
PRIVATE = {"_get_lr_called_within_step", "_scale_fn_ref", "anneal_func"}
"""What PyTorch's states hold and no sequence depends on."""


@pytest.fixture(scope="module")
def torch():
    return pytest.importorskip("torch")


def schedulers(torch):
    return {
        name
        for name, kind in vars(torch.optim.lr_scheduler).items()
        if inspect.isclass(kind)
        and not name.startswith("_")
        and kind.__module__ == "torch.optim.lr_scheduler"
    }


def test_every_scheduler_is_here(torch):
    assert schedulers(torch) == {*SCHEDULERS, "LRScheduler"}


@pytest.mark.parametrize("name", [*SCHEDULERS, "LRScheduler"])
def test_arguments_and_defaults_are_those_of_torch(name, torch):
    ours, theirs = (
        [
            (p.name, p.kind, p.default)
            for p in inspect.signature(getattr(where, name)).parameters.values()
        ]
        for where in (lr_scheduler, torch.optim.lr_scheduler)
    )
    assert ours == theirs


# ----------------------------------------------------------------------------------- draws
class Wave:
    """A function of the epoch that a state can hold."""

    def __init__(self, size):
        self.size = size

    def __call__(self, epoch):
        return 1.0 / (1.0 + self.size * epoch)


def _gammas():
    return st.sampled_from([0.1, 0.5, 0.9, 1.1])


def _each(strategy):
    """One value for both groups, or one each."""
    return strategy | st.lists(strategy, min_size=2, max_size=2)


ARGUMENTS = {
    "LambdaLR": {"lr_lambda": _each(st.builds(Wave, numbers(0, 1)))},
    "MultiplicativeLR": {"lr_lambda": _each(st.builds(Wave, numbers(0, 0.1)))},
    "StepLR": {"step_size": st.integers(1, 9), "gamma": _gammas()},
    "MultiStepLR": {
        "milestones": st.lists(st.integers(0, EPOCHS), max_size=5),
        "gamma": _gammas(),
    },
    "ConstantLR": {"factor": numbers(0.1, 1), "total_iters": st.integers(0, 12)},
    "LinearLR": {
        "start_factor": numbers(0.1, 1),
        "end_factor": numbers(0, 1),
        "total_iters": st.integers(1, 12),
    },
    "ExponentialLR": {"gamma": numbers(0.5, 1.1)},
    "PolynomialLR": {"total_iters": st.integers(1, 50), "power": numbers(0, 3)},
    "CosineAnnealingLR": {"T_max": st.integers(2, 30), "eta_min": numbers(0, 0.1)},
    "CosineAnnealingWarmRestarts": {
        "T_0": st.integers(1, 12),
        "T_mult": st.integers(1, 3),
        "eta_min": numbers(0, 0.1),
    },
    "CyclicLR": {
        "base_lr": _each(numbers(0.001, 0.1)),
        "max_lr": _each(numbers(0.1, 1)),
        "step_size_up": st.integers(1, 9),
        "step_size_down": st.none() | st.integers(1, 9),
        "mode": st.sampled_from(["triangular", "triangular2", "exp_range"]),
        "gamma": numbers(0.8, 1),
        "scale_fn": st.none() | st.builds(Wave, numbers(0, 1)),
        "scale_mode": st.sampled_from(["cycle", "iterations"]),
        "cycle_momentum": st.booleans(),
        "base_momentum": _each(numbers(0.5, 0.8)),
        "max_momentum": _each(numbers(0.8, 0.99)),
    },
    "OneCycleLR": {
        "max_lr": _each(numbers(0.1, 1)),
        "total_steps": st.integers(EPOCHS, 80),
        "pct_start": numbers(0.1, 0.9),
        "anneal_strategy": st.sampled_from(["cos", "linear"]),
        "cycle_momentum": st.booleans(),
        "base_momentum": _each(numbers(0.5, 0.85)),
        "max_momentum": _each(numbers(0.85, 0.99)),
        "div_factor": numbers(1, 30),
        "final_div_factor": numbers(1, 1e4),
        "three_phase": st.just(False),
    },
    "ReduceLROnPlateau": {
        "mode": st.sampled_from(["min", "max"]),
        "factor": numbers(0.1, 0.9),
        "patience": st.integers(0, 4),
        "threshold": numbers(0, 0.3),
        "threshold_mode": st.sampled_from(["rel", "abs"]),
        "cooldown": st.integers(0, 3),
        "min_lr": _each(numbers(0, 0.1)),
        "eps": st.sampled_from([0, 1e-8, 1e-3]),
    },
}
REQUIRED = {"lr_lambda", "step_size", "milestones", "gamma", "T_max", "T_0", "base_lr", "max_lr"}
SIMPLE = [name for name in ARGUMENTS if name not in ("ReduceLROnPlateau", "CyclicLR", "OneCycleLR")]


@st.composite
def simple(draw, *names):
    """Name and arguments of a scheduler."""
    name = draw(st.sampled_from(names))
    drawn = {
        key: draw(strategy)
        for key, strategy in ARGUMENTS[name].items()
        if key in REQUIRED | {"total_steps"} or draw(st.booleans())
    }
    if name == "OneCycleLR" and drawn.get("pct_start", 0.3) < 0.5:
        drawn["three_phase"] = draw(st.booleans())
    return name, drawn


def trees(depth=2):
    """A scheduler, or schedulers one after another or at once, nested."""
    leaf = simple(*SIMPLE)
    if not depth:
        return leaf
    part = trees(depth - 1)
    return st.one_of(
        leaf,
        st.tuples(st.just("ChainedScheduler"), st.lists(leaf, min_size=1, max_size=3)),
        st.integers(1, 3).flatmap(
            lambda count: st.tuples(
                st.just("SequentialLR"),
                # PyTorch has no way to begin a chain at a milestone.
                st.tuples(part, *[st.one_of(leaf)] * (count - 1)).map(list),
                st.lists(
                    st.integers(1, 30), min_size=count - 1, max_size=count - 1, unique=True
                ).map(sorted),
            )
        ),
    )


def build(where, optimizer, tree):
    if tree[0] == "ChainedScheduler":
        return where.ChainedScheduler([build(where, optimizer, part) for part in tree[1]])
    if tree[0] == "SequentialLR":
        parts = [build(where, optimizer, part) for part in tree[1]]
        return where.SequentialLR(optimizer, parts, list(tree[2]))
    copied = {k: _fresh(v) for k, v in tree[1].items()}
    return getattr(where, tree[0])(optimizer, **copied)


def _fresh(value):
    if isinstance(value, list):
        return [_fresh(v) for v in value]
    return Wave(value.size) if isinstance(value, Wave) else value


# ------------------------------------------------------------------------------- sequences
def pair(torch, kind, options):
    """The same optimiser on both sides, with two groups of different rates."""
    ours = [nn.Parameter(np.ones(1)) for _ in range(2)]
    theirs = [torch.nn.Parameter(torch.ones(1, dtype=torch.float64)) for _ in range(2)]
    made = []
    for where, (p, q) in ((optim, ours), (torch.optim, theirs)):
        groups = [{"params": [p]}, {"params": [q], "lr": 0.03}]
        made.append(getattr(where, kind)(groups, lr=0.2, **options))
    for p, q in zip(ours, theirs, strict=True):
        p.grad, q.grad = np.ones(1), torch.ones(1, dtype=torch.float64)
    return made


def notes(optimizer):
    """All numbers that a schedule sets in the groups."""
    keys = ("lr", "initial_lr", "momentum", "betas", "max_lr", "min_lr", "max_momentum",
            "base_momentum", "swa_lr")  # fmt: skip
    return [{k: group[k] for k in keys if k in group} for group in optimizer.param_groups]


def agree(a, b):
    assert [set(group) for group in a] == [set(group) for group in b]
    for mine, other in zip(a, b, strict=True):
        for key, value in mine.items():
            assert value == pytest.approx(other[key], rel=1e-10, abs=1e-14), key


def public(state):
    """A state as far as both sides have it."""
    if isinstance(state, dict):
        return {k: public(v) for k, v in state.items() if k not in PRIVATE}
    return [public(v) for v in state] if isinstance(state, (list, tuple)) else state


def same(a, b):
    if isinstance(a, dict):
        assert set(a) == set(b)
        for key in a:
            same(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            same(x, y)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-9, abs=1e-14)
    else:
        assert a == b


def run(torch, build_one, resume, source, metrics=None, kind=("SGD", {"momentum": 0.5})):
    a, b = pair(torch, *kind)
    ours = build_one(lr_scheduler, a)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of an order of steps that nested ones do not know
        theirs = build_one(torch.optim.lr_scheduler, b)
    agree(notes(a), notes(b))
    for epoch in range(EPOCHS):
        if epoch == resume:
            state = saved(ours.state_dict()) if source == "ours" else theirs.state_dict()
            optimizer_state = saved(a.state_dict())
            fresh, _ = pair(torch, *kind)
            ours = build_one(lr_scheduler, fresh)
            fresh.load_state_dict(optimizer_state)
            ours.load_state_dict(state)
            a = fresh
        a.step()
        b.step()
        given = () if metrics is None else (metrics[epoch],)
        ours.step(*given)
        theirs.step(*given)
        agree(notes(a), notes(b))
        assert ours.get_last_lr() == pytest.approx(theirs.get_last_lr(), rel=1e-10, abs=1e-14)
    same(public(ours.state_dict()), public(theirs.state_dict()))


@pytest.mark.parametrize("name", sorted(set(ARGUMENTS) - {"ReduceLROnPlateau"}))
@twofold
@share(100)
@given(data=st.data())
def test_sequences_are_those_of_torch(name, torch, data):
    tree = data.draw(simple(name))
    kind = data.draw(st.sampled_from([("SGD", {"momentum": 0.5}), ("Adam", {})]))
    resume, source = data.draw(st.integers(1, 40)), data.draw(st.sampled_from(["ours", "torch"]))
    run(torch, lambda where, o: build(where, o, tree), resume, source, kind=kind)


@given(data=st.data())
def test_plateaus_are_those_of_torch(torch, data):
    tree = data.draw(simple("ReduceLROnPlateau"))
    seed, resume = data.draw(st.integers(0, 2**32 - 1)), data.draw(st.integers(1, 40))
    source = data.draw(st.sampled_from(["ours", "torch"]))
    rng = np.random.default_rng(seed)
    metrics = (np.round(np.cumsum(rng.normal(-0.05, 0.3, EPOCHS)), 1)).tolist()
    run(torch, lambda where, o: build(where, o, tree), resume, source, metrics)


@given(data=st.data())
def test_combined_sequences_are_those_of_torch(torch, data):
    tree = data.draw(trees(), "schedulers")
    resume, source = data.draw(st.integers(1, 40)), data.draw(st.sampled_from(["ours", "torch"]))
    run(torch, lambda where, o: build(where, o, tree), resume, source)


@pytest.mark.parametrize("name", SIMPLE)
@given(data=st.data())
def test_an_epoch_may_be_named(name, torch, data):
    tree = data.draw(simple(name))
    epochs = data.draw(st.lists(st.integers(0, 30), min_size=1, max_size=5))
    a, b = pair(torch, "SGD", {})
    ours, theirs = build(lr_scheduler, a, tree), build(torch.optim.lr_scheduler, b, tree)
    for epoch in epochs:
        a.step()
        b.step()
        ours.step(epoch)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs.step(epoch)
        agree(notes(a), notes(b))


@given(data=st.data())
def test_warm_restarts_between_epochs(torch, data):
    tree = data.draw(simple("CosineAnnealingWarmRestarts"))
    epoch = data.draw(numbers(0, 60))
    a, b = pair(torch, "SGD", {})
    ours, theirs = build(lr_scheduler, a, tree), build(torch.optim.lr_scheduler, b, tree)
    ours.step(epoch)
    theirs.step(epoch)
    agree(notes(a), notes(b))


@pytest.mark.parametrize("name", SIMPLE)
def test_training_resumed_by_last_epoch(name, torch):
    drawn = _plain(name)
    a, b = pair(torch, "SGD", {})
    made = []
    for where, optimizer in ((lr_scheduler, a), (torch.optim.lr_scheduler, b)):
        for group in optimizer.param_groups:
            group["initial_lr"] = 0.4
        made.append(getattr(where, name)(optimizer, **drawn, last_epoch=6))
    for _ in range(8):
        agree(notes(a), notes(b))
        for optimizer, scheduler in zip((a, b), made, strict=True):
            optimizer.step()
            scheduler.step()


def _plain(name):
    given = {
        "lr_lambda": Wave(0.1), "step_size": 4, "milestones": [8, 9], "gamma": 0.5,
        "T_max": 9, "T_0": 4,
    }  # fmt: skip
    return {k: v for k, v in given.items() if k in ARGUMENTS[name]}


def test_a_wrong_sequence_is_caught(torch, monkeypatch):
    """The comparison can fail: a step that comes one epoch early."""
    right = lr_scheduler.StepLR.get_lr

    def early(self):
        self.last_epoch += 1
        try:
            return right(self)
        finally:
            self.last_epoch -= 1

    monkeypatch.setattr(lr_scheduler.StepLR, "get_lr", early)
    tree = ("StepLR", {"step_size": 3})
    with pytest.raises(AssertionError):
        run(torch, lambda where, o: build(where, o, tree), 5, "ours")
