"""Every module in captured training steps and evaluations: bit for bit what it is when run."""

import copy
from typing import Any

import numpy as np
import pytest

import tests.parity.cases  # noqa: F401  (registers)
import tinygrad_nn as tg
from tests.compiler.twins import bits, compared_for, gradient_bits
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


def check_module(name: str, seed: int, mode: str, engine: str = "numpy") -> None:
    """Captured and eager worlds stay the same."""
    case = MODULES[name](Turn(seed, 0))
    module = made(name, case, seed).train(mode == "train" and case.modes[:1] != ("eval",))
    eager, captured = World(module), World(copy.deepcopy(module))
    function = eager.evaluate if mode == "eval" else eager.train
    step = tg.jit(captured.evaluate if mode == "eval" else captured.train, engine=engine)
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


REFUSED = {"CTCLoss"}
"""Modules that cannot be captured at all."""
SOMETIMES = {"EmbeddingBag", "Embedding"}
"""Modules some of whose options cannot."""


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", sorted(set(MODULES) - REFUSED))
def test_module(name: str, mode: str):
    check_module(name, 0, mode)


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", sorted(set(MODULES) - REFUSED))
def test_module_with_more_options(name: str, mode: str):
    for seed in range(1, 12):
        try:
            check_module(name, seed, mode)
        except CaptureError:
            if name not in SOMETIMES:
                raise


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(MODULES) - REFUSED))
def test_compiled(name: str):
    """By numba to rounding. Evaluations only: a training compiles several times as much, and the
    gradients of all operations are compared one by one."""
    pytest.importorskip("numba")
    with compared_for("numba"):
        check_module(name, 0, "eval", "numba")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_refused(name: str):
    with pytest.raises(CaptureError, match="compute this loss outside"):
        check_module(name, 0, "eval")


OTHERS: dict[str, Any] = {
    "CapsuleLayer": (lambda: nn.CapsuleLayer(5, 4, 3, 2, routing=3, rng=0), (2, 5, 4)),
    "DNC": (lambda: nn.DNC(3, 4, 2, memory_size=5, word_size=4, rng=0), (3, 2, 3)),
    "Hopfield": (lambda: nn.Hopfield(4, rng=0), None),
    "LIF": (lambda: nn.LIF(beta=0.8), (5, 2, 3)),
    "Layer": (lambda: nn.Layer(3, 2, activation="tanh", rng=0, tensor=True), (4, 3)),
    "MLP": (lambda: nn.MLP(3, [4, 2], activation="tanh", rng=0, tensor=True), (4, 3)),
    "ModernHopfield": (lambda: nn.ModernHopfield(np.eye(4)[:3] * 2 - 1, beta=2.0), (2, 4)),
    "NTM": (lambda: nn.NTM(3, 4, 2, memory_size=5, word_size=4, rng=0), (3, 2, 3)),
    "Neuron": (lambda: nn.Neuron(3, activation="tanh", rng=0, tensor=True), (3,)),
    "RBF": (lambda: nn.RBF(3, 4, width=0.8, rng=0), (2, 3)),
    "RBM": (lambda: nn.RBM(4, 3, rng=0), (2, 4)),
    "SelfOrganizingMap": (lambda: nn.SelfOrganizingMap(3, 4, 2, rng=0), (5, 2)),
    "Step": (nn.Step, (2, 3)),
    "Swish": (nn.Swish, (2, 3)),
}
"""Modules that PyTorch has not: how they are made, and the shape of their input."""
LOSSES = {
    "CapsuleLoss": (nn.CapsuleLoss, (4, 3, 2), lambda rng: rng.integers(0, 3, 4)),
    "FocalLoss": (nn.FocalLoss, (4,), lambda rng: rng.integers(0, 2, 4).astype("float32")),
    "HingeLoss": (nn.HingeLoss, (4,), lambda rng: rng.choice([-1.0, 1.0], 4).astype("float32")),
}


@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("name", sorted(set(OTHERS) - {"Hopfield"} | set(LOSSES)))
def test_modules_of_our_own(name: str, mode: str):
    make, shape, *target = {**OTHERS, **LOSSES}[name]
    module = make().train(mode == "train")
    eager, captured = World(module), World(copy.deepcopy(module))
    function = eager.evaluate if mode == "eval" else eager.train
    step = tg.jit(captured.evaluate if mode == "eval" else captured.train, engine="numpy")
    for turn in range(STEPS):
        rng = np.random.default_rng(turn)
        x = tg.tensor(rng.standard_normal(shape).astype("float32"))
        inputs = [x, *[tg.tensor(f(rng)) for f in target]]
        want, got = function(inputs, {}), step(inputs, {})
        assert bits(got) == bits(want), f"call {turn}\n{got}\n{want}"
        assert captured.state() == eager.state(), f"call {turn}"


def test_every_module_is_among_them():
    kinds = {
        name
        for name, x in vars(nn).items()
        if isinstance(x, type) and issubclass(x, nn.Module) and x is not nn.Module
    }
    missing = kinds - set(MODULES) - set(OTHERS) - set(LOSSES) - {"NTMCell", "DNCCell"}
    assert not missing, missing


def check_function(name: str, seed: int) -> None:
    """A function of `nn.functional` in a step: values and gradients."""
    function = getattr(nn.functional, name)

    def step(tensors: list[Any]) -> Any:
        # Numbers are options here, which say what is computed: no arguments of the step.
        given = iter(tensors)
        args, options = (mapped(x, lambda a, on: next(given)) for x in (form.args, form.options))
        outputs = list(leaves(function(*args, **options)))
        loss = loss_of(outputs)
        if loss is not None and loss.requires_grad:
            loss.backward()
        return outputs

    form = FUNCTIONS[name](Turn(seed, 0))
    captured = tg.jit(step, engine="numpy")
    for turn in range(3):
        case = FUNCTIONS[name](Turn(seed, turn))
        mine, theirs = tensors_of(case), tensors_of(case)
        want, got = step(mine), captured(theirs)
        assert bits(got) == bits(want), f"call {turn}\n{got}\n{want}"
        for a, b in zip(mine, theirs, strict=True):
            assert gradient_bits(a) == gradient_bits(b), f"call {turn}: gradient"


def tensors_of(case: Any) -> list[Any]:
    """New tensors for the arrays of a call."""
    found: list[Any] = []

    def leaf(array: np.ndarray, on: bool) -> None:
        found.append(tg.tensor(array.copy(), requires_grad=on and array.dtype.kind == "f"))

    mapped(case.args, leaf), mapped(case.options, leaf)
    return found


# Functions some of whose options, or numbers of classes found in the data, cannot be captured.
LOOKING = {"embedding", "embedding_bag", "one_hot"}


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"ctc_loss"}))
def test_function(name: str):
    try:
        check_function(name, 0)
    except CaptureError:
        if name not in LOOKING:
            raise


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"ctc_loss"}))
def test_function_with_more_options(name: str):
    for seed in range(1, 10):
        try:
            check_function(name, seed)
        except CaptureError:
            if name not in LOOKING:
                raise
