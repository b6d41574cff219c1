"""Options of optimisers and schedulers, drawn from the signatures: a new option needs one line."""

import inspect
from typing import Any

from hypothesis import strategies as st

from tinygrad_nn import optim
from tinygrad_nn.optim import lr_scheduler
from tinygrad_nn.optim.limits import EXECUTION

OPTIMIZERS = sorted(
    name
    for name, kind in vars(optim).items()
    if inspect.isclass(kind) and issubclass(kind, optim.Optimizer) and kind is not optim.Optimizer
)
ELEMENTWISE = [name for name in OPTIMIZERS if getattr(optim, name).elementwise]
STEPPING = [name for name in OPTIMIZERS if name != "LBFGS"]
"""Optimisers that take a step from gradients alone."""
SCHEDULERS = sorted(
    name
    for name, kind in vars(lr_scheduler).items()
    if inspect.isclass(kind)
    and issubclass(kind, lr_scheduler.LRScheduler)
    and kind is not lr_scheduler.LRScheduler
)


def numbers(least: float, most: float) -> Any:
    return st.floats(least, most, allow_subnormal=False).map(lambda x: round(x, 6))


def beta(most: float = 0.999) -> Any:
    return st.one_of(st.just(0.0), numbers(0.1, most))


FLAG = st.booleans()
OPTIONS: dict[str, Any] = {
    "lr": numbers(1e-4, 0.5),
    "betas": st.tuples(beta(), beta()),
    "eps": st.sampled_from([1e-10, 1e-8, 1e-3]),
    "weight_decay": st.one_of(st.just(0), numbers(0.001, 0.5)),
    "momentum": st.one_of(st.just(0), numbers(0.1, 0.99)),
    "dampening": st.one_of(st.just(0), numbers(-0.5, 1.5)),
    "amsgrad": FLAG,
    "centered": FLAG,
    "decoupled_weight_decay": FLAG,
    "maximize": FLAG,
    "nesterov": FLAG,
    "momentum_decay": numbers(0, 0.1),
    "lr_decay": numbers(0, 0.5),
    "initial_accumulator_value": numbers(0, 2),
    "rho": beta(1.0),
    "alpha": numbers(0.1, 0.99),
    "etas": st.tuples(numbers(0.1, 0.9), numbers(1.1, 3)),
    "step_sizes": st.sampled_from([(1e-6, 50), (1e-3, 0.1)]),
    "lambd": numbers(0, 0.1),
    "t0": st.sampled_from([0, 5, 1e6]),
    "beta2_decay": numbers(-1.5, 0),
    "d": numbers(1, 4),
    "ns_coefficients": st.sampled_from([(3.4445, -4.775, 2.0315), (2.0, -1.5, 0.5)]),
    "ns_steps": st.integers(0, 7),
    "adjust_lr_fn": st.sampled_from([None, "original", "match_rms_adamw"]),
    "max_iter": st.integers(1, 12),
    "max_eval": st.one_of(st.none(), st.integers(1, 20)),
    "tolerance_grad": st.sampled_from([1e-7, 1e-3]),
    "tolerance_change": st.sampled_from([1e-9, 1e-4]),
    "history_size": st.sampled_from([1, 3, 100]),
    "line_search_fn": st.sampled_from([None, "strong_wolfe"]),
}
"""A strategy for each option, where `OWN` has none for that class."""

OWN: dict[tuple[str, str], Any] = {
    ("Adafactor", "eps"): st.tuples(
        st.one_of(st.none(), numbers(1e-6, 1e-2)), st.sampled_from([1e-3, 0.1])
    ),
    ("ASGD", "alpha"): numbers(0, 1.5),
    ("LBFGS", "lr"): numbers(0.05, 1),
    # Three roundings before the root decide at rho = 5; the default is far from it.
    ("RAdam", "betas"): st.tuples(beta(), st.sampled_from([0.0, 0.5, 0.9, 0.99, 0.999])),
}


def names(name: str) -> list[str]:
    """Options of an optimiser: its arguments but for those that say how PyTorch runs it."""
    parameters = inspect.signature(getattr(optim, name)).parameters
    return [key for key in parameters if key != "params" and key not in EXECUTION]


@st.composite
def options(draw: Any, name: str, *without: str) -> dict[str, Any]:
    """Options that fit together; about half of them are left at their default."""
    drawn = {
        key: draw(OWN.get((name, key), OPTIONS.get(key)))
        for key in names(name)
        if key not in without and draw(FLAG)
    }
    if name == "SGD" and drawn.get("nesterov"):
        drawn.update(dampening=0, momentum=drawn.get("momentum") or 0.9)
    return drawn


def shapes(name: str) -> list[tuple[int, ...]]:
    """Shapes of the parameters that an optimiser is tried on."""
    return [(3, 2), (2, 5), (1, 1)] if name == "Muon" else [(3, 2), (4,), (), (2, 1, 3)]
