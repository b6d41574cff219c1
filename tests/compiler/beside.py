"""A step run in two worlds, one of them captured."""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.compiler.twins import bits, gradient_bits

ENGINE = "numpy"


def rows(turn: int, n: int = 4) -> Any:
    return tg.tensor(np.random.default_rng(turn).standard_normal((n, 3)).astype("float32"))


def beside(make: Any, calls: Any = None, between: Any = None) -> Any:
    """Run the step of two worlds, one captured; results, leaves and gradients are the same.

    `make() -> (leaves, step)`; `between(turn, leaves)` changes something between the calls.
    """
    (mine, eager), (theirs, step) = make(), make()
    step = tg.jit(step, engine=ENGINE)
    for turn in range(4):
        args = calls(turn) if calls else (rows(turn),)
        again = calls(turn) if calls else (rows(turn),)
        want, got = eager(*args), step(*again)
        assert bits(got) == bits(want), f"call {turn}\n{got}\n{want}"
        for a, b in zip(mine, theirs, strict=True):
            assert bits(b) == bits(a), f"call {turn}: a leaf\n{b}\n{a}"
            assert gradient_bits(b) == gradient_bits(a), f"call {turn}: a gradient"
        if between is not None:
            between(turn, mine)
            between(turn, theirs)
    return step


def weights(**options: Any) -> Any:
    rng = np.random.default_rng(0)
    return [
        tg.tensor(rng.standard_normal(s).astype("float32"), requires_grad=True, **options)
        for s in ((3, 2), (2,))
    ]


def loss_of(w: Any, b: Any, x: Any) -> Any:
    return ((x @ w + b).tanh() ** 2).mean()
