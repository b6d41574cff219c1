"""Every module in captured training steps and evaluations: bit for bit what it is when run."""

import copy
from typing import Any

import numpy as np
import pytest

import tests.parity.cases  # noqa: F401  (registers)
import tinygrad_nn as tg
from tests.compile.twins import bits, gradient_bits
from tests.nn.test_hostile import Seeded, loss_of, made
from tests.parity.case import FUNCTIONS, MODULES
from tests.parity.harness import leaves, mapped
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import CaptureError, GradientError

STEPS = 4


class Turn(Seeded):
    """The same options in each turn, with other numbers."""

    def __init__(self, seed: int, turn: int) -> None:
        super().__init__(seed)
        self.rng = np.random.default_rng((seed, turn))


def given(case: Any) -> tuple[Any, dict[str, Any]]:
    """New tensors for a call."""

    def leaf(array: np.ndarray, on: bool) -> Any:
        return tg.tensor(array.copy(), requires_grad=on and array.dtype.kind == "f")

    return mapped(case.inputs, leaf), mapped(case.call, leaf)


class World:
    """A module with its optimiser, and the steps of both kinds."""

    def __init__(self, module: Any) -> None:
        self.module = module
        parameters = [p for p in module.parameters() if p.requires_grad]
        self.optimizer = optim.Adam(parameters, lr=0.01) if parameters else None

    def train(self, inputs: Any, options: Any) -> Any:
        """A step of training."""
        if self.optimizer is not None:
            self.optimizer.zero_grad()
        outputs = list(leaves(self.module(*inputs, **options)))
        loss = loss_of(outputs)
        if loss is not None and loss.requires_grad:
            loss.backward()
            if self.optimizer is not None:
                try:
                    self.optimizer.step()
                except GradientError:
                    pass  # none of the parameters was reached
        return outputs, loss

    def evaluate(self, inputs: Any, options: Any) -> Any:
        """An evaluation."""
        with tg.no_grad():
            return list(leaves(self.module(*inputs, **options)))

    def state(self) -> Any:
        """All that a call may change."""
        found: dict[str, Any] = {}
        for name, p in self.module.named_parameters():
            found[name] = bits(p), gradient_bits(p)
        for name, b in self.module.named_buffers():
            found[f"buffer {name}"] = bits(b)
        for p, kept in (self.optimizer.state if self.optimizer else {}).items():
            found[f"state {len(found)}"] = bits(kept), p.shape
        return found


def check_module(name: str, seed: int, mode: str) -> None:
    """Captured and eager worlds stay the same."""
    case = MODULES[name](Turn(seed, 0))
    module = made(name, case, seed).train(mode == "train" and case.modes[:1] != ("eval",))
    eager, captured = World(module), World(copy.deepcopy(module))
    function = eager.evaluate if mode == "eval" else eager.train
    step = tg.jit(captured.evaluate if mode == "eval" else captured.train, engine="numpy")
    for turn in range(STEPS):
        case = MODULES[name](Turn(seed, turn))
        mine, theirs = given(case), given(case)
        want = function(*mine)
        got = step(*theirs)
        where = f"{name}, call {turn} in {mode}"
        assert bits(got) == bits(want), f"{where}: results\n{got}\n{want}"
        for key, value in eager.state().items():
            assert captured.state()[key] == value, f"{where}: {key}"
        for a, b in zip(leaves(mine), leaves(theirs), strict=True):
            assert gradient_bits(a) == gradient_bits(b), f"{where}: gradient of an input"


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", sorted(MODULES))
def test_module(name: str, mode: str):
    check_module(name, 0, mode)
