"""`diagnose`: looks at a model on a few batches and in a short trial, and leaves it as it was."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sized
from copy import deepcopy
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.core.anomaly import detect_anomaly
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import AnomalyError, OperandError, TinygradError
from tinygrad_nn.nn import Module
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train.batches import answer
from tinygrad_nn.train.doctor.evidence import Evidence, Pass, modes_matter
from tinygrad_nn.train.doctor.recorder import Recorder, rms
from tinygrad_nn.train.doctor.registry import judged
from tinygrad_nn.train.doctor.report import Report
from tinygrad_nn.train.doctor.thresholds import DUPLICATE_FEATURES
from tinygrad_nn.train.order import check_loss
from tinygrad_nn.train.probing import array_of, batches_of, kind_of_loss, made_optimizer, number_of
from tinygrad_nn.train.untouched import untouched

__all__ = ["diagnose"]

_NAME: Final = "diagnose"
_DATA_BATCHES: Final = 64
"""Batches whose targets and inputs are counted; the first few of them are computed with."""


def diagnose(
    model: Any,
    loss: Callable[[Any, Any], Any],
    data: Any,
    *,
    optimizer: Any = None,
    validation: Any = None,
    batches: int = 4,
    steps: int = 20,
    rng: int = 0,
) -> Report:
    """Name what keeps a model from learning, fresh or half trained.

    It computes gradients for a few batches, and makes a few steps if there is an optimiser.
    Model, optimiser, data order and random generators are afterwards what they were, to the
    last bit.

    Args:
        model: The model.
        loss: Called with outputs and targets.
        data: A loader, a `Dataset`, a list of batches, or a tuple of inputs and targets.
        optimizer: An optimiser of the model's parameters, its class, or a function of them.
            Without it nothing is said of learning rates and of a loss that does not fall.
        validation: The held-out data, to be compared with `data`.
        batches: How many to compute with.
        steps: Of the trial.
        rng: Seed of the order, where `data` has none.

    Raises:
        OperandError: The model is no module of tensors.
        OptionError: The loss is none: the order of the arguments may be another.
        DataError: There is no batch.

    Example:
        >>> from tinygrad_nn import data, nn, optim
        >>> model = nn.Sequential(nn.Linear(2, 8, rng=0), nn.Tanh(), nn.Linear(8, 2, rng=1))
        >>> adam = optim.Adam(model.parameters(), lr=0.01)
        >>> diagnose(model, nn.CrossEntropyLoss(), data.make_moons(200), optimizer=adam)
        no findings
        >>> wrong = nn.Sequential(model, nn.Softmax(-1))
        >>> diagnose(wrong, nn.CrossEntropyLoss(), data.make_moons(200)).names
        ('softmax-before-cross-entropy',)
    """
    check_model(_NAME, model)
    check_loss(loss, f"{_NAME}(model, loss, data)")
    whole_number("batches", batches, 1)
    whole_number("steps", steps, 0)
    with untouched(model, optimizer, loss, data, validation):
        evidence = Evidence(model)
        pool = batches_of(_NAME, data, max(batches, _DATA_BATCHES), rng)
        _look_at_data(evidence, pool, data, validation, rng)
        _look_at_modes(evidence)
        if not model.training:
            model.train()
        if optimizer is None:
            evidence.skipped.append("learning rate and fall of the loss: no optimizer= was given")
        else:
            evidence.optimizer = made_optimizer(_NAME, optimizer, model)
        norms = modes_matter(model)
        usable = [b for b in pool if not norms or len(array_of(b[1])) > 1][:batches]
        with np.errstate(all="ignore"):
            _look_at_model(evidence, loss, usable, steps)
    return judged(evidence)


def check_model(name: str, model: Any) -> None:
    """Refuse what is no module of tensors."""
    if not isinstance(model, Module):
        raise OperandError(f"{name}: got {type(model).__name__}, expected a Module")
    if any(not isinstance(p, Tensor) for p in model.parameters()):
        raise OperandError(
            f"{name}: the parameters of {type(model).__name__} are Values, expected tensors; "
            "build it with tensor=True"
        )


def _look_at_model(evidence: Evidence, loss: Any, pool: list[Any], steps: int) -> None:
    recorder = Recorder(evidence)
    model, optimizer = evidence.model, evidence.optimizer
    for inputs, targets in pool:
        model.zero_grad()
        if not _look(evidence, recorder, loss, inputs, targets):
            return
    if optimizer is None or not steps or not pool:
        return
    evidence.before = [p.loss for p in evidence.passes]
    # Of the model as it was given, not of the trial.
    sites, outputs = deepcopy(evidence.sites), evidence.outputs
    for step in range(max(steps, len(pool))):
        inputs, targets = pool[step % len(pool)]
        model.zero_grad()
        optimizer.zero_grad()
        if not _look(evidence, recorder, loss, inputs, targets):
            evidence.trial.append(np.nan)
            break
        before = weights_of(evidence)
        try:
            optimizer.step()
        except TinygradError as error:
            evidence.skipped.append(f"steps of the optimiser: {error}")
            break
        note_updates(recorder.now, evidence, before)
        evidence.trial.append(recorder.now.loss)
        evidence.steps += 1
    evidence.sites, evidence.outputs = sites, outputs


def _look(evidence: Evidence, recorder: Recorder, loss: Any, inputs: Any, targets: Any) -> bool:
    """One pass; False if no more can be learned from this model."""
    model = evidence.model
    with recorder.looking() as now:
        outputs = answer(model, inputs)
        evidence.outputs = array_of(outputs) if isinstance(outputs, Tensor) else None
        if evidence.kind is None:
            evidence.kind = _kind(loss, outputs, targets)
        if evidence.kind == "bce" and _outside(evidence.outputs):
            evidence.passes.append(now)
            return False  # the loss would refuse it
        result = loss(outputs, targets)
        now.loss = number_of(result)
        evidence.passes.append(now)
        if not np.isfinite(now.loss):
            if not evidence.trial:
                evidence.guilty = guilty_of(model, loss, inputs, targets)
            return False
        now.shuffled = shuffled_loss(loss, outputs, targets)
        if not result.requires_grad:
            evidence.skipped.append("gradients: the loss depends on no trainable parameter")
            return False
        result.backward()
        recorder.weigh()
    return True


def _kind(loss: Any, outputs: Any, targets: Any) -> str | None:
    try:
        return kind_of_loss(loss, outputs, targets)
    except TinygradError as error:
        # A loss that refuses these outputs: what it is called is in its words.
        return "bce" if str(error).startswith("binary_cross_entropy: got predictions") else None


def _outside(outputs: NDArray[Any] | None) -> bool:
    return outputs is not None and bool(((outputs < 0) | (outputs > 1)).any())


def shuffled_loss(loss: Any, outputs: Any, targets: Any) -> float | None:
    """The loss when each sample gets the target of another; None where that cannot be had."""
    if not isinstance(outputs, Tensor):
        return None
    numbers = array_of(targets)
    if not numbers.ndim or len(numbers) < 2:
        return None
    with no_grad():
        return number_of(loss(outputs.detach(), np.roll(numbers, len(numbers) // 2, axis=0)))


def guilty_of(model: Any, loss: Any, inputs: Any, targets: Any) -> str:
    """What gave the first number that is not finite, in words."""
    several = inputs.values() if isinstance(inputs, Mapping) else inputs
    listed = several if isinstance(inputs, (tuple, Mapping)) else (inputs,)
    for what, numbers in [
        *(("inputs", array_of(x)) for x in listed),
        ("targets", array_of(targets)),
    ]:
        if numbers.dtype.kind == "f" and (bad := int((~np.isfinite(numbers)).sum())):
            return f"{bad} of the {numbers.size} {what} are not finite"
    for name, p in model.named_parameters():
        if bad := int((~np.isfinite(p._data)).sum()):
            return f"{bad} numbers of the parameter {name} are not finite"
    try:
        with detect_anomaly():
            loss(answer(model, inputs), targets)
    except AnomalyError as error:
        return str(error)
    return "no single operation: it does not happen again on the same batch"


# ── Steps ───────────────────────────────────────────────────────────────────────────────


def weights_of(evidence: Evidence) -> dict[str, NDArray[Any]]:
    """Copies of the matrices, whose updates are to be measured."""
    return {
        name: p._data.copy()
        for name, p in evidence.parameters.items()
        if p._data.ndim >= 2 and p.requires_grad
    }


def note_updates(now: Pass, evidence: Evidence, before: dict[str, NDArray[Any]]) -> None:
    """Write update over weight into the pass."""
    for name, old in before.items():
        size = rms(old)
        if size > 0:
            now.updates[name] = rms(evidence.parameters[name]._data - old) / size


# ── Data and modes ──────────────────────────────────────────────────────────────────────


def _look_at_data(
    evidence: Evidence, pool: list[Any], data: Any, validation: Any, rng: int
) -> None:
    evidence.batch_sizes = [len(array_of(t)) for _, t in pool if array_of(t).ndim]
    size, source = getattr(data, "batch_size", None), getattr(data, "dataset", None)
    if size and isinstance(source, Sized) and not getattr(data, "drop_last", False):
        evidence.batch_sizes.append(len(source) % size or size)
    if not any(isinstance(x, (tuple, Mapping)) for x, _ in pool):  # several inputs
        evidence.inputs = together([x for x, _ in pool])
    evidence.targets = together([t for _, t in pool])
    if validation is not None and evidence.inputs is not None:
        held_out = together([x for x, _ in batches_of(_NAME, validation, 4 * _DATA_BATCHES, rng)])
        learned = _all_inputs(data, evidence.inputs)
        evidence.duplicates = _duplicates(learned, held_out)


def _all_inputs(data: Any, seen: NDArray[Any] | None) -> NDArray[Any] | None:
    for holder in (data, getattr(data, "dataset", None)):
        if isinstance(found := getattr(holder, "inputs", None), np.ndarray):
            return found
    return array_of(data[0]) if isinstance(data, tuple) else seen


def _duplicates(learned: NDArray[Any] | None, held_out: NDArray[Any] | None) -> float | None:
    if learned is None or held_out is None or not len(held_out):
        return None
    if held_out[0].size < DUPLICATE_FEATURES or learned.dtype != held_out.dtype:
        return None
    known = {row.tobytes() for row in learned}
    return sum(row.tobytes() in known for row in held_out) / len(held_out)


def together(parts: list[Any]) -> NDArray[Any] | None:
    """The batches as one array; None where their shapes differ."""
    arrays = [array_of(x) for x in parts]
    if not arrays or any(x.ndim == 0 or x.shape[1:] != arrays[0].shape[1:] for x in arrays):
        return None
    return np.concatenate(arrays)


def _look_at_modes(evidence: Evidence) -> None:
    model = evidence.model
    for path in modes_matter(model):
        module = model.get_submodule(path)
        # Batch norm that is frozen on purpose, as in fine-tuning, has frozen parameters too.
        own = list(module.parameters())
        is_frozen = not model.training or (own and not any(p.requires_grad for p in own))
        if module.training != model.training and not is_frozen:
            evidence.mixed_modes.append(path)
