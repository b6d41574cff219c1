"""Schedulers: refusals, the order of steps, and states that do not fit."""

import numpy as np
import pytest

import tinygrad_nn as tg
from tests.optim.draws import SCHEDULERS
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import OperandError, OptionError, StateError
from tinygrad_nn.optim import lr_scheduler
from tinygrad_nn.optim.lr_scheduler import (
    ChainedScheduler,
    ExponentialLR,
    LambdaLR,
    MultiStepLR,
    ReduceLROnPlateau,
    SequentialLR,
    StepLR,
)


@pytest.fixture
def optimizer():
    p = nn.Parameter([1.0])
    p.grad = [1.0]
    return optim.SGD([p], lr=0.5, momentum=0.9)


def test_the_wrong_order_of_steps_is_said_once(optimizer):
    scheduler = ExponentialLR(optimizer, 0.5)
    with pytest.warns(UserWarning, match=r"ExponentialLR\.step: got called before any optimizer"):
        scheduler.step()
    scheduler.step()
    right = ExponentialLR(optimizer, 0.5)
    optimizer.step()
    right.step()


def test_a_scheduler_of_the_user_changes_the_rate(optimizer):
    class Halves(lr_scheduler.LRScheduler):
        def get_lr(self):
            return self.based(0.5**self.last_epoch)

    scheduler = Halves(optimizer)
    optimizer.step()
    scheduler.step()
    assert scheduler.get_last_lr() == [0.25]


@pytest.mark.parametrize("name", sorted(set(SCHEDULERS) - {"ChainedScheduler"}))
def test_no_optimizer(name):
    needed = {
        "LambdaLR": (abs,), "MultiplicativeLR": (abs,), "StepLR": (3,), "MultiStepLR": ([3],),
        "ExponentialLR": (0.5,), "SequentialLR": ([1], []), "CosineAnnealingLR": (3,),
        "CyclicLR": (0.1, 1), "CosineAnnealingWarmRestarts": (3,), "OneCycleLR": (1, 3),
    }  # fmt: skip
    model = nn.Linear(1, 1, rng=0)
    with pytest.raises(OperandError, match=f"{name}: got Linear, expected an optimiser"):
        getattr(lr_scheduler, name)(model, *needed.get(name, ()))


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("StepLR", {"step_size": 0}, "step_size=0, expected an integer of at least 1"),
        ("MultiStepLR", {"milestones": 3}, "milestones=3, expected a list"),
        ("ConstantLR", {"factor": 1.5}, r"factor=1\.5"),
        ("LinearLR", {"start_factor": 0}, "start_factor=0"),
        ("LinearLR", {"total_iters": 0}, "total_iters=0"),
        ("PolynomialLR", {"total_iters": 0}, "total_iters=0"),
        ("CosineAnnealingLR", {"T_max": 0}, "T_max=0"),
        ("CosineAnnealingWarmRestarts", {"T_0": 2.5}, r"T_0=2\.5"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": [1, 2]}, "2 values of max_lr, expected 1"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1, "mode": "square"}, "mode='square'"),
        ("CyclicLR", {"base_lr": 0.1, "max_lr": 1, "step_size_up": 0}, "step_size_up|step_ratio"),
        ("OneCycleLR", {"max_lr": 1}, "expected total_steps, or both"),
        ("OneCycleLR", {"max_lr": 1, "total_steps": 0}, "total_steps=0"),
        ("OneCycleLR", {"max_lr": 1, "total_steps": 9, "pct_start": 2}, "pct_start=2"),
        ("OneCycleLR", {"max_lr": 1, "total_steps": 9, "anneal_strategy": "x"}, "anneal_strategy"),
        ("ReduceLROnPlateau", {"mode": "best"}, "mode='best', expected 'min' or 'max'"),
        ("ReduceLROnPlateau", {"factor": 1}, "factor=1"),
        ("ReduceLROnPlateau", {"min_lr": [0, 0]}, "2 values of min_lr"),
        ("ExponentialLR", {"gamma": 0.5, "last_epoch": 3}, "no 'initial_lr'"),
        ("SequentialLR", {"schedulers": [], "milestones": []}, "0 schedulers and 0 milestones"),
    ],
)
def test_options_out_of_range(name, options, message, optimizer):
    with pytest.raises(OptionError, match=f"{name}: .*({message})"):
        getattr(lr_scheduler, name)(optimizer, **options)


def test_functions_that_are_none_and_momenta_that_are_not_there(optimizer):
    with pytest.raises(OperandError, match="lr_lambda=3, expected a function"):
        LambdaLR(optimizer, 3)
    adagrad = optim.Adagrad([nn.Parameter([1.0])])
    with pytest.raises(OptionError, match="Adagrad has neither momentum nor betas"):
        lr_scheduler.CyclicLR(adagrad, 0.1, 1)


def test_schedulers_that_do_not_belong_together(optimizer):
    other = optim.SGD([nn.Parameter([1.0])])
    with pytest.raises(OptionError, match="position 1 belongs to another optimiser"):
        ChainedScheduler([ExponentialLR(optimizer, 0.5), ExponentialLR(other, 0.5)])
    with pytest.raises(OptionError, match="ReduceLROnPlateau at position 0"):
        SequentialLR(optimizer, [ReduceLROnPlateau(optimizer)], [])
    with pytest.raises(OperandError, match="got int at position 0"):
        ChainedScheduler([3], optimizer)
    with pytest.raises(OptionError, match="got no scheduler"):
        ChainedScheduler([])


def test_more_steps_than_announced(optimizer):
    scheduler = lr_scheduler.OneCycleLR(optimizer, 1.0, total_steps=2)
    with pytest.raises(OptionError, match="expected at most the 2 announced"):
        for _ in range(3):
            optimizer.step()
            scheduler.step()


def test_groups_that_came_later_are_refused(optimizer):
    scheduler = LambdaLR(optimizer, lambda epoch: 1.0)
    optimizer.add_param_group({"params": [nn.Parameter([1.0])]})
    optimizer.step()
    with pytest.raises(OptionError, match="has 2 groups of parameters, expected the 1"):
        scheduler.step()


def test_a_state_that_does_not_fit_changes_nothing(optimizer):
    step = StepLR(optimizer, 3)
    before = step.state_dict()
    for state in ({}, 3, ExponentialLR(optimizer, 0.5).state_dict(), {**before, "extra": 1}):
        with pytest.raises(StateError, match=r"StepLR\.load_state_dict: got"):
            step.load_state_dict(state)
    chain = ChainedScheduler([StepLR(optimizer, 3), StepLR(optimizer, 4)])
    before = chain.state_dict()
    wrong = chain.state_dict()
    wrong["_schedulers"][0]["step_size"] = 9
    del wrong["_schedulers"][1]["gamma"]
    with pytest.raises(StateError):
        chain.load_state_dict(wrong)
    with pytest.raises(StateError, match="states of 2 schedulers"):
        chain.load_state_dict({**before, "_schedulers": []})
    assert chain.state_dict() == before


def test_a_chain_may_begin_at_a_milestone(optimizer):
    parts = [
        ExponentialLR(optimizer, 0.5),
        ChainedScheduler([ExponentialLR(optimizer, 0.1), MultiStepLR(optimizer, [1])]),
    ]
    scheduler = SequentialLR(optimizer, parts, [2])
    rates = []
    for _ in range(4):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    np.testing.assert_allclose(rates, [0.5, 0.25, 0.5, 0.5 * 0.1 * 0.1])


def test_a_schedule_of_a_value():
    w = tg.Value(1.0)
    optimizer = optim.SGD([w], lr=0.5)
    scheduler = StepLR(optimizer, 1, 0.5)
    for _ in range(2):
        optimizer.zero_grad()
        (w * w).backward()
        optimizer.step()
        scheduler.step()
    assert w.data == 0.0
    assert optimizer.param_groups[0]["lr"] == 0.125
