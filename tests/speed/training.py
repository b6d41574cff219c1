"""A step of training, told once and taken by every library: forward, backward, update.

A `Training` says what is learned: data, first weights, the network in modules (for us and for
PyTorch, by the same lines) and as a function of its weights (for libraries of functions). What
it is compared in, and how each library is used, is here.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np

from tests.speed.libraries import Hips, Jax
from tests.speed.memory import at_its_height
from tests.speed.workload import CAPTURED, COMPILED, OURS, Contender, Timed

BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8

UNITS = {"time": ("µs", 1e6), "memory": ("MB", 1e-6)}
"""For tables of training. `memory`: see `memory.at_its_height`."""

Capture = Callable[[Callable[..., Any]], Callable[..., Any]]


class Logits(Protocol):
    """Outputs of the network as a function of its weights and inputs, in a library's words."""

    def __call__(self, lib: Any, p: Sequence[Any], x: Any, **options: Any) -> Any: ...


@dataclass(frozen=True)
class Training:
    """What is learned.

    Attributes:
        batch: From the options of a case to inputs and targets.
        weights: From the options to float32 arrays, in the order of the modules' parameters.
        model: From `nn` (ours, or PyTorch's) and the options to the network.
        logits: The same network as a function.
        optimizer: "SGD" or "Adam", with the settings that libraries agree on.
        rate: Learning rate.
        steps: Losses of so many first steps are compared.
    """

    batch: Callable[..., tuple[Any, Any]]
    weights: Callable[..., list[Any]]
    model: Callable[..., Any]
    logits: Logits
    optimizer: str
    rate: float
    steps: int

    def runner(self, build: Callable[[], Callable[[], Any]], memory: bool = False) -> Timed:
        """Runner of the step that `build` makes ready; the answer is what its first steps lose."""
        step = build()
        return Timed(
            step,
            lambda: [float(step()) for _ in range(self.steps)],
            kept=(lambda: {"memory": at_its_height(build)}) if memory else dict,
        )


# ── Ours ────────────────────────────────────────────────────────────────────────────────


def jit_lacks() -> str:
    """Why steps cannot be captured here, or nothing."""
    import tinygrad_nn as tg

    return "" if hasattr(tg, "jit") else "tg.jit is missing"


def uncaptured(function: Callable[..., Any]) -> Callable[..., Any]:
    return function


def _captured(engine: str, function: Callable[..., Any]) -> Callable[..., Any]:
    import tinygrad_nn as tg

    return tg.jit(function, engine=engine)  # type: ignore[operator, no-any-return]


ENGINES: dict[str, tuple[Capture, str]] = {
    OURS: (uncaptured, ""),
    CAPTURED: (partial(_captured, "numpy"), ""),
    COMPILED: (partial(_captured, "numba"), "numba"),
}


def all_ours(make: Callable[..., Timed]) -> tuple[Contender, ...]:
    """Our three forms of the same work; `make` is given a decorator for it."""
    return tuple(
        Contender(name, partial(make, capture), needs, str if name == OURS else jit_lacks)
        for name, (capture, needs) in ENGINES.items()
    )


def our_step(training: Training, capture: Capture, **options: Any) -> Callable[[], Any]:
    import tinygrad_nn as tg
    from tinygrad_nn import nn, optim

    model = training.model(nn, **options)
    for p, a in zip(model.parameters(), training.weights(**options), strict=True):
        p.data = a
    optimizer = getattr(optim, training.optimizer)(model.parameters(), lr=training.rate)
    x, y = (tg.tensor(a) for a in training.batch(**options))
    step = capture(learning(model, nn.functional, optimizer))
    return lambda: step(x, y).item()


def learning(model: Any, F: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    """The same lines for both libraries of modules."""

    def step(x: Any, y: Any) -> Any:
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return step


def _ours(training: Training, capture: Capture, **options: Any) -> Timed:
    return training.runner(lambda: our_step(training, capture, **options), memory=True)


# ── PyTorch ─────────────────────────────────────────────────────────────────────────────


def torch_step(
    training: Training, model: Callable[..., Any] | None, compiled: bool, **options: Any
) -> Callable[[], Any]:
    import torch

    module = (model or training.model)(torch.nn, **options)
    with torch.no_grad():
        for p, a in zip(module.parameters(), training.weights(**options), strict=True):
            p.copy_(torch.tensor(a))
    optimizer = getattr(torch.optim, training.optimizer)(module.parameters(), lr=training.rate)
    x, y = (torch.tensor(a) for a in training.batch(**options))
    step = learning(module, torch.nn.functional, optimizer)
    if compiled:
        step = _compiled_step(module, optimizer)
    return lambda: step(x, y).item()


def _compiled_step(model: Any, optimizer: Any) -> Callable[[Any, Any], Any]:
    """`torch.compile` takes no backward pass: it is given what is before, and what is after it."""
    import torch

    torch._logging.set_logs(all=50)  # a compiler's doubts are no concern of ours
    loss_of = torch.compile(lambda x, y: torch.nn.functional.cross_entropy(model(x), y))
    update = torch.compile(optimizer.step)

    def step(x: Any, y: Any) -> Any:
        loss = loss_of(x, y)
        optimizer.zero_grad()
        loss.backward()
        update()
        return loss

    return step


def torch_contender(
    training: Training, name: str = "PyTorch", model: Callable[..., Any] | None = None
) -> Contender:
    def make(**options: Any) -> Timed:
        return training.runner(lambda: torch_step(training, model, False, **options))

    return Contender(name, make, "torch")


def torch_compiled(training: Training, model: Callable[..., Any] | None = None) -> Contender:
    def make(**options: Any) -> Timed:
        return training.runner(lambda: torch_step(training, model, True, **options))

    return Contender("torch.compile", make, "torch", compiler_lacks)


def compiler_lacks() -> str:
    """Why `torch.compile` cannot work here, or nothing."""
    found = any(map(shutil.which, ("c++", "g++", "clang++")))
    return "" if found else "there is no C++ compiler"


# ── Libraries of functions ──────────────────────────────────────────────────────────────

Moments = list[tuple[Any, Any]]


def updated(
    training: Training, xp: Any, p: list[Any], g: list[Any], state: Moments, t: Any
) -> tuple[list[Any], Moments]:
    """Weights and moments after an update, as new arrays."""
    rate = training.rate
    if training.optimizer == "SGD":
        return [w - rate * d for w, d in zip(p, g, strict=True)], state
    c1, c2 = 1 - BETA1**t, 1 - BETA2**t
    moved = [
        (BETA1 * m + (1 - BETA1) * d, BETA2 * v + (1 - BETA2) * d * d)
        for d, (m, v) in zip(g, state, strict=True)
    ]
    steps = (rate * (m / c1) / (xp.sqrt(v / c2) + EPSILON) for m, v in moved)
    return [w - s for w, s in zip(p, steps, strict=True)], moved


def first_moments(training: Training, p: list[Any], xp: Any = np) -> Moments:
    return [(xp.zeros_like(w), xp.zeros_like(w)) for w in p] if training.optimizer == "Adam" else []


def jax_step(training: Training, **options: Any) -> Callable[[], Any]:
    lib = Jax()
    x, y = (lib.np.asarray(a) for a in training.batch(**options))

    def loss_of(p: Any) -> Any:
        return lib.cross_entropy(training.logits(lib, p, x, **options), y)

    @lib.jax.jit
    def update(p: Any, state: Any, t: Any) -> Any:
        loss, gradients = lib.jax.value_and_grad(loss_of)(p)
        return loss, *updated(training, lib.np, p, gradients, state, t)

    p = [lib.np.asarray(w) for w in training.weights(**options)]
    kept = [p, first_moments(training, p, lib.np), 0.0]

    def step() -> Any:
        kept[2] += 1.0
        loss, *kept[:2] = lib.jax.block_until_ready(update(*kept))
        return loss

    return step


def jax_contender(training: Training) -> Contender:
    def make(**options: Any) -> Timed:
        return training.runner(lambda: jax_step(training, **options))

    return Contender("jax.jit", make, "jax")


def hips_contender(training: Training) -> Contender:
    def build(**options: Any) -> Callable[[], Any]:
        from autograd import value_and_grad

        lib = Hips()
        x, y = training.batch(**options)
        both = value_and_grad(lambda p: lib.cross_entropy(training.logits(lib, p, x, **options), y))
        p = training.weights(**options)
        kept: list[Any] = [p, first_moments(training, p), 0]

        def step() -> Any:
            kept[2] += 1
            loss, gradients = both(kept[0])
            kept[:2] = updated(training, np, kept[0], gradients, kept[1], kept[2])
            return loss

        return step

    def make(**options: Any) -> Timed:
        return training.runner(lambda: build(**options), memory=True)

    return Contender("HIPS autograd", make, "autograd")


def sklearn_contender(training: Training, hidden: Sequence[int], activation: str) -> Contender:
    """`MLPClassifier.partial_fit` of the whole batch, started from the same weights."""

    def build(**options: Any) -> Callable[[], Any]:
        from sklearn.neural_network import MLPClassifier

        x, y = training.batch(**options)
        weights = training.weights(**options)
        net = MLPClassifier(
            hidden,
            activation=activation,
            solver=training.optimizer.lower(),
            alpha=0.0,
            batch_size=len(x),
            learning_rate_init=training.rate,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
        )
        # The first call makes weights and moments of its own: those are put aside.
        net.partial_fit(x, y, classes=np.arange(len(weights[-1])))
        net.coefs_ = [w.T.copy() for w in weights[::2]]
        net.intercepts_ = [b.copy() for b in weights[1::2]]
        del net._optimizer

        def step() -> float:
            net.partial_fit(x, y)
            return float(net.loss_)

        return step

    def make(**options: Any) -> Timed:
        return training.runner(lambda: build(**options), memory=True)

    return Contender("scikit-learn", make, "sklearn")


def by_hand_contender(training: Training, build: Callable[..., Callable[[], Any]]) -> Contender:
    """What the mathematics costs when it is written out in NumPy."""

    def make(**options: Any) -> Timed:
        return training.runner(lambda: build(**options), memory=True)

    return Contender("NumPy by hand", make)


def contenders(
    training: Training, *others: Contender, torch_model: Callable[..., Any] | None = None
) -> tuple[Contender, ...]:
    """Those that every workload of training has, and `others`.

    `torch_model` is the network as PyTorch has it quickest, where that are not the same lines.
    """
    return (
        *all_ours(partial(_ours, training)),
        torch_contender(training, model=torch_model),
        torch_compiled(training, model=torch_model),
        jax_contender(training),
        hips_contender(training),
        *others,
    )
