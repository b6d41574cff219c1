"""Checks to make before a long training; each leaves the model as it was, to the last bit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite, log
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn, optim
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.data import DataLoader, Dataset
from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import DataError, OperandError, OptionError
from tinygrad_nn.train.batches import answer, pair
from tinygrad_nn.train.order import check_loss
from tinygrad_nn.train.probing import (
    array_of,
    batches_of,
    kind_of_loss,
    made_optimizer,
    number_of,
)
from tinygrad_nn.train.untouched import untouched

__all__ = ["Verdict", "check_initial_loss", "check_shuffled_labels", "overfit_one_batch"]

Array = NDArray[Any]

_OVERFITTED: Final = 0.05
"""Share of the first loss that counts as near zero: a batch is then learned by heart."""
_UNMOVED: Final = 0.9
"""A loss above this share of the first one has not moved: the spread of repeated runs."""
_RATIO: Final = (0.67, 1.5)
"""Initial over expected loss. Fresh networks of the usual initialisers lie within 0.9 and 1.3."""
_SIGMAS: Final = 4.0
"""Standard errors above chance: by luck once in 30,000 checks."""
_READ: Final = 256
"""Examples that are read at a time from a data set of one's own."""
_DROPOUTS: Final = (
    nn.Dropout,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
)


@dataclass(frozen=True)
class Verdict:
    """The answer of a check; true if all is well.

    Attributes:
        check: Name of the check.
        ok: Whether it passed.
        number: What was measured.
        expected: What it is held against.
        advice: What it means, and what to do.
        curve: Losses on the way, where there was a training.
    """

    check: str
    ok: bool
    number: float
    expected: float
    advice: str
    curve: tuple[float, ...] = field(default=(), repr=False)

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        """One line."""
        word = "ok" if self.ok else "NOT ok"
        return (
            f"{self.check}: {word}, {self.number:.4g} (expected {self.expected:.4g}); {self.advice}"
        )


def overfit_one_batch(
    model: Any,
    loss: Callable[[Any, Any], Any],
    data: Any,
    *,
    optimizer: Any = None,
    steps: int = 300,
    rng: int = 0,
) -> Verdict:
    """Whether the model can learn the first batch by heart; if not, there is a fault.

    Dropout is off meanwhile, since it would keep the loss up.

    Args:
        model: What is to learn.
        loss: Called with outputs and targets.
        data: A loader, a `Dataset`, a list of batches, or a tuple of inputs and targets.
        optimizer: One of the model's parameters, its class, or a function of the parameters;
            Adam at 0.01 by default.
        steps: How many.
        rng: Seed of the order, where `data` has none.

    Returns:
        `number` is the smallest loss, `expected` what it had to reach: a twentieth of the first.

    Example:
        >>> from tinygrad_nn import data, nn
        >>> model = nn.Sequential(nn.Linear(2, 16, rng=0), nn.Tanh(), nn.Linear(16, 2, rng=1))
        >>> overfit_one_batch(model, nn.CrossEntropyLoss(), data.make_moons(100)).ok
        True
    """
    whole_number("steps", steps, 1)
    name = "overfit_one_batch"
    check_loss(loss, f"{name}(model, loss, data)")
    curve: list[float] = []
    with untouched(model, loss, optimizer, data):
        inputs, targets = batches_of(name, data, 1, rng)[0]
        given = (lambda p: optim.Adam(p, lr=0.01)) if optimizer is None else optimizer
        chosen = made_optimizer(name, given, model)
        _train_without_dropout(model)
        with np.errstate(all="ignore"):
            for _ in range(steps + 1):
                result = loss(answer(model, inputs), targets)
                curve.append(number_of(result))
                if not isfinite(curve[-1]):
                    break
                chosen.zero_grad()
                model.zero_grad()
                result.backward()
                chosen.step()
    lowest = min((x for x in curve if isfinite(x)), default=np.nan)
    goal = _OVERFITTED * curve[0]
    ok = lowest <= goal
    return Verdict(name, ok, lowest, goal, _overfit_advice(ok, lowest, curve), tuple(curve))


def _overfit_advice(ok: bool, lowest: float, curve: list[float]) -> str:
    if ok:
        return "the batch is learned by heart: model, loss and gradients work together"
    if not isfinite(curve[-1]):
        return f"the loss became {curve[-1]} at step {len(curve) - 1}: lower the learning rate"
    if lowest > _UNMOVED * curve[0]:
        return (
            "the loss hardly moved: check that the targets fit the loss and that the inputs reach "
            "the outputs; train.diagnose(model, loss, data) names the usual faults"
        )
    return (
        "the loss fell, but not to zero: give it more steps or a wider layer, and look for equal "
        "inputs with different targets"
    )


def check_initial_loss(
    model: Any,
    loss: Callable[[Any, Any], Any],
    data: Any,
    *,
    expected: float | None = None,
    batches: int = 8,
    rng: int = 0,
) -> Verdict:
    """Whether a fresh model starts at the loss of one who knows nothing.

    That is ln(classes) for cross-entropy, ln 2 for the binary one, and the variance of the
    targets for the mean square.

    Args:
        model: A model that was not trained yet.
        loss: Called with outputs and targets.
        data: A loader, a `Dataset`, a list of batches, or a tuple of inputs and targets.
        expected: The loss to expect, for losses of your own.
        batches: How many batches to average over.
        rng: Seed of the order, where `data` has none.

    Raises:
        OptionError: The loss is none of those above, and `expected` is missing.

    Example:
        >>> from tinygrad_nn import data, nn
        >>> model = nn.Linear(2, 2, rng=0)
        >>> verdict = check_initial_loss(model, nn.CrossEntropyLoss(), data.make_moons(100))
        >>> verdict.ok, round(verdict.expected, 3)
        (True, 0.693)
    """
    name = "check_initial_loss"
    check_loss(loss, f"{name}(model, loss, data)")
    found: list[tuple[float, int]] = []
    goals: list[Array] = []
    with untouched(model, loss, data), no_grad():
        model.train()
        for inputs, targets in batches_of(name, data, batches, rng):
            outputs = answer(model, inputs)
            found.append((number_of(loss(outputs, targets)), len(array_of(targets))))
            goals.append(array_of(targets))
        kind = kind_of_loss(loss, outputs, targets)
    number = sum(n * x for x, n in found) / sum(n for _, n in found)
    why = "as given"
    if expected is None:
        expected, why = _ignorant(name, kind, outputs, goals)
    share = number / expected if expected else np.inf
    ok = _RATIO[0] <= share <= _RATIO[1]
    return Verdict(name, ok, number, expected, _initial_advice(ok, share, kind, why))


def _ignorant(name: str, kind: str | None, outputs: Any, goals: list[Array]) -> tuple[float, str]:
    if kind in ("cross-entropy", "nll"):
        classes = outputs.shape[1 if outputs.ndim > 1 else 0]
        return log(classes), f"ln {classes}: equal probabilities for {classes} classes"
    if kind in ("bce", "bce-logits"):
        return log(2), "ln 2: a probability of one half"
    if kind == "mse":
        values = np.concatenate([g.reshape(len(g), -1) for g in goals])
        return float(values.var(axis=0).mean()), "the variance of the targets: always their mean"
    raise OptionError(
        f"{name}: got a loss that is neither a plain cross-entropy nor mean square, expected to be "
        "told what a model that knows nothing gets: expected=..."
    )


def _initial_advice(ok: bool, share: float, kind: str | None, why: str) -> str:
    if ok:
        return f"it starts at {why}"
    if share > 1 and kind == "mse":
        return (
            f"expected {why}; standardise the targets, or start the last bias at their mean and "
            "make the last weights smaller"
        )
    if share > 1:
        return (
            f"expected {why}; it starts confident and wrong: make the last layer's weights "
            "smaller, scale the inputs, and check the classes against the outputs"
        )
    if isfinite(share):
        return (
            f"expected {why}; it knows too much: was it trained before, or are targets in the "
            "inputs?"
        )
    return f"expected {why}; the loss is not finite: train.diagnose names the operation"


def check_shuffled_labels(
    model: Any,
    loss: Callable[[Any, Any], Any],
    data: Any,
    validation: Any = None,
    *,
    prepare: Callable[[Array, Array], Any] | None = None,
    optimizer: Any = None,
    epochs: int = 30,
    rng: int = 0,
) -> Verdict:
    """Whether a model that learned from shuffled labels does no better than chance elsewhere.

    Shuffled labels have nothing to do with the inputs. Who predicts them for held-out examples
    has seen them: through examples that are in both halves (equal inputs keep equal labels), or
    through inputs that were made with a look at all the labels (`prepare`).

    Args:
        model: What is to learn.
        loss: Called with outputs and targets.
        data: A `Dataset`, or a tuple of inputs and targets. All examples are read at once.
        validation: The held-out half; a quarter of `data` by default.
        prepare: Called with inputs and shuffled targets of both halves together; returns the
            inputs to use: the selection or encoding of features that comes before the split.
        optimizer: As for `overfit_one_batch`.
        epochs: How many.
        rng: Seed.

    Returns:
        `number` is the accuracy on the held-out half (of targets that are no integers, the
        correlation with the outputs), `expected` the largest that chance explains.

    Raises:
        OperandError: The data are no arrays, and no examples that could be.
        OptionError: The loss is none: the order of the arguments may be another.

    Example:
        >>> from tinygrad_nn import data, nn
        >>> model = nn.Sequential(nn.Linear(2, 16, rng=0), nn.Tanh(), nn.Linear(16, 2, rng=1))
        >>> moons = data.make_moons(200)
        >>> check_shuffled_labels(model, nn.CrossEntropyLoss(), moons).ok
        True
    """
    name = "check_shuffled_labels"
    check_loss(loss, f"{name}(model, loss, data)")
    whole_number("epochs", epochs, 1)
    train, test = _halves(name, data, validation, rng)
    inputs = np.concatenate([train.inputs, test.inputs])
    targets = np.concatenate([train.targets, test.targets])
    shuffled = _shuffled(inputs, targets, rng)
    if prepare is not None:
        inputs = array_of(prepare(inputs, shuffled))
    count = len(train)
    curve: list[float] = []
    with untouched(model, loss, optimizer):
        given = (lambda p: optim.Adam(p, lr=0.01)) if optimizer is None else optimizer
        chosen = made_optimizer(name, given, model)
        _train_without_dropout(model)
        loader = DataLoader((inputs[:count], shuffled[:count]), rng=rng)
        for _ in range(epochs):
            for x, y in loader:
                result = loss(model(x), y)
                chosen.zero_grad()
                model.zero_grad()
                result.backward()
                chosen.step()
                curve.append(number_of(result))
        model.eval()
        with no_grad():
            outputs = array_of(model(inputs[count:]))
    number, limit = _above_chance(outputs, shuffled[count:])
    ok = number <= limit
    advice = (
        "no better than chance, as it should be"
        if ok
        else "shuffled labels were predicted: take examples out that are in both halves, and make "
        "features (scaling, selection, encoding) from the training half alone"
    )
    return Verdict(name, ok, number, limit, advice, tuple(curve))


def _halves(name: str, data: Any, validation: Any, rng: int) -> tuple[Dataset, Dataset]:
    def whole(given: Any) -> Dataset:
        if isinstance(given, DataLoader):
            given = given.dataset
        if isinstance(given, Dataset):
            return given if given._fixed else _read(name, given)
        if isinstance(given, tuple) and len(given) == 2:
            return Dataset(array_of(given[0]), array_of(given[1]))
        raise OperandError(
            f"{name}: got {type(given).__name__}, expected a Dataset or a tuple of inputs and "
            "targets, whose labels can be shuffled"
        )

    if validation is None:
        return whole(data).split(test=0.25, rng=rng)
    halves = whole(data), whole(validation)
    if not all(map(len, halves)):
        raise DataError(f"{name}: got a half without examples, expected some in each")
    return halves


def _read(name: str, given: Dataset) -> Dataset:
    """The examples of a data set of one's own as arrays."""
    read = [pair(name, batch) for batch in DataLoader(given, _READ, shuffle=False)]
    if not read:
        raise DataError(f"{name}: got a {type(given).__name__} without examples, expected some")
    if any(isinstance(part, (tuple, list, Mapping)) for both in read for part in both):
        raise OperandError(
            f"{name}: got a {type(given).__name__} whose examples have several inputs, expected "
            "pairs of an array and a target, whose labels can be shuffled"
        )
    if len({array_of(x).shape[1:] for x, _ in read}) > 1:
        raise OperandError(
            f"{name}: got a {type(given).__name__} whose inputs differ in shape, expected equal "
            "ones: cut or fill them"
        )
    inputs, targets = ([array_of(part) for part in parts] for parts in zip(*read, strict=True))
    return Dataset(np.concatenate(inputs), np.concatenate(targets))


def _shuffled(inputs: Array, targets: Array, rng: int) -> Array:
    """The targets in another order, the same for the same input."""
    rows = np.ascontiguousarray(inputs.reshape(len(inputs), -1))
    _, first, same = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    order = np.random.default_rng(rng).permutation(len(first))
    mixed: Array = targets[first][order][same.reshape(-1)]
    return mixed


def _above_chance(outputs: Array, targets: Array) -> tuple[float, float]:
    """What was reached, and the most that chance explains."""
    count = len(targets)
    if targets.dtype.kind in "iub" and targets.ndim == 1 and outputs.ndim == 2:
        chance = float(np.bincount(targets.astype(int)).max()) / count
        spread = _SIGMAS * float(np.sqrt(chance * (1 - chance) / count))
        return float((outputs.argmax(axis=1) == targets).mean()), min(1.0, chance + spread)
    x, y = outputs.reshape(-1).astype(float), targets.reshape(-1).astype(float)
    if len(x) != len(y) or not x.std() or not y.std():
        return 0.0, 1.0
    return float(np.corrcoef(x, y)[0, 1]), min(1.0, _SIGMAS / float(np.sqrt(count)))


def _train_without_dropout(model: Any) -> None:
    model.train()
    for module in model.modules():
        if isinstance(module, _DROPOUTS):
            module.training = False
