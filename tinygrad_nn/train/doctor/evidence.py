"""`Evidence`: all that was measured of a model; the checks read it, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn
from tinygrad_nn.train.doctor.thresholds import (
    FALL_MIN,
    LEARNED,
    PLATEAU_FALL,
    PLATEAU_STEPS,
    RISE_MAX,
    RISE_OF_CHANCE,
    SAMPLES_MIN,
)

__all__ = ["Evidence", "Pass", "Site", "modes_matter"]

Array = NDArray[Any]
_ENDS = 10
"""Losses that are averaged at the start and at the end of a real training."""


@dataclass
class Site:
    """One call of an activation within the model, over all batches.

    Attributes:
        path: Of the module that called it.
        op: Name of the operation.
        samples: How many were seen.
        alive: For each unit whether it was ever above 0.
        near: How many activations were near an end, out of `count`.
        is_output: Whether its result is that of the model.
    """

    path: str
    op: str
    samples: int = 0
    alive: Array | None = None
    near: int = 0
    count: int = 0
    is_output: bool = False

    @property
    def dead(self) -> float:
        """Share of the units of a ReLU that were never on; 0 where too few samples were seen."""
        if not self.op.startswith("relu") or self.alive is None or self.samples < SAMPLES_MIN:
            return 0.0
        return float((~self.alive).mean()) if self.alive.size else 0.0


@dataclass
class Pass:
    """One forward and backward pass.

    Attributes:
        loss: Its loss.
        shuffled: The loss with the targets in another order; None if it was not computed.
        gradients: Root mean square of each parameter's gradient, by name; only those reached.
        flow: Root mean square of the gradient at each layer's output, by path, first layer first.
        twins: Share of the units of a matrix that have a twin, in weights and in gradients.
        updates: Update over weight of each matrix, by name; empty where no step was made.
        gradient_norm: Norm of the gradient of all parameters.
        weight_norm: Norm of the parameters.
    """

    loss: float = np.nan
    shuffled: float | None = None
    gradients: dict[str, float] = field(default_factory=dict)
    flow: dict[str, float] = field(default_factory=dict)
    twins: dict[str, float] = field(default_factory=dict)
    updates: dict[str, float] = field(default_factory=dict)
    gradient_norm: float = 0.0
    weight_norm: float = 0.0


@dataclass
class Evidence:
    """What is known of a model and its training.

    Attributes:
        model: The model.
        optimizer: Of its parameters, or None.
        parameters: All by name, each once.
        kind: Which loss it is; None for one of another kind.
        sites: The activations, by path, operation and number of the call.
        passes: The passes without a step, or those looked at in a training.
        trial: Losses of steps on the same batches; of a training, of every batch.
        before: Losses on the same batches before the first step; empty for a real training.
        inputs: Of the batches seen, those of the first ones.
        targets: Of the same.
        outputs: Of the batches seen last.
        duplicates: Share of validation samples that are in the training data; None if unknown.
        batch_sizes: Of the batches seen, and of a last one that is known to come.
        guilty: What gave the first number that was not finite, in words.
        mixed_modes: Paths of modules in another mode than the model.
        training_in_eval: Steps made while the model was in evaluation mode.
        measuring_in_train: Passes without gradients while it was in training mode.
        left_gradients: Steps before which the gradients of an earlier one were still there.
        steps: Steps of the optimiser seen.
        skipped: What was not examined, and why.
    """

    model: Any
    optimizer: Any = None
    parameters: dict[str, Any] = field(default_factory=dict)
    kind: str | None = None
    sites: dict[tuple[str, str, int], Site] = field(default_factory=dict)
    passes: list[Pass] = field(default_factory=list)
    trial: list[float] = field(default_factory=list)
    before: list[float] = field(default_factory=list)
    inputs: Array | None = None
    targets: Array | None = None
    outputs: Array | None = None
    duplicates: float | None = None
    batch_sizes: list[int] = field(default_factory=list)
    guilty: str = ""
    mixed_modes: list[str] = field(default_factory=list)
    training_in_eval: int = 0
    measuring_in_train: int = 0
    left_gradients: int = 0
    steps: int = 0
    skipped: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.parameters = dict(self.model.named_parameters())

    @property
    def blocked(self) -> str:
        """Where all units of a layer are dead, so that no gradient passes: "1, 3", or ""."""
        paths = (site.path or "the model" for site in self.sites.values() if site.dead == 1)
        return ", ".join(dict.fromkeys(paths))

    @property
    def update(self) -> float | None:
        """Median of update over weight, of all matrices and steps."""
        ratios = [x for one in self.passes for x in one.updates.values()]
        return float(np.median(ratios)) if ratios else None

    @property
    def replaced(self) -> float:
        """Largest update over weight."""
        return max((x for one in self.passes for x in one.updates.values()), default=0.0)

    def is_judgeable(self) -> bool:
        """Whether there were steps enough to say whether the loss falls."""
        return len(self.trial) >= (len(self.before) or PLATEAU_STEPS)

    def first(self) -> float:
        """Loss at the start."""
        return float(np.mean(self.before or self.trial[:_ENDS]))

    def last(self) -> float:
        """Loss at the end."""
        return float(np.mean(self.trial[-(len(self.before) or _ENDS) :]))

    def fall(self) -> float:
        """Share of the loss that went away."""
        first = self.first()
        return (first - self.last()) / abs(first) if first else 0.0

    def fall_min(self) -> float:
        """What a training that works makes of it at least."""
        return FALL_MIN if self.before else PLATEAU_FALL

    @property
    def rises(self) -> bool:
        """Whether the steps made it worse, and that by much of what chance would cost."""
        if not self.is_judgeable():
            return False
        first, last = self.first(), self.last()
        chance = next((p.shuffled for p in self.passes if p.shuffled is not None), None) or first
        return last > RISE_MAX * first > 0 and last - first > RISE_OF_CHANCE * chance

    @property
    def is_stuck(self) -> bool:
        """Whether the loss stays where it was, although there is something to learn."""
        if not self.is_judgeable() or self.guilty or not np.isfinite(self.trial[-1]):
            return False
        return self.fall() < self.fall_min() and not self.has_learned and not self.rises

    @property
    def has_learned(self) -> bool:
        """Whether the loss is far below that with the targets in another order."""
        known = [p for p in self.passes if p.shuffled is not None and np.isfinite(p.loss)]
        if not known:
            return False
        here = float(np.mean([p.loss for p in known[-4:]]))
        there = float(np.mean([p.shuffled for p in known[-4:] if p.shuffled is not None]))
        return here < LEARNED * there

    def measured(self) -> dict[str, float]:
        """A few numbers that are worth seeing even if all is well."""
        found: dict[str, float] = {}
        if self.passes:
            found["loss"] = self.passes[0].loss
            found["gradient norm"] = self.passes[-1].gradient_norm
        if self.update is not None:
            found["update/weight"] = self.update
        if self.trial:
            found["last loss"] = self.trial[-1]
        return found


def modes_matter(model: Any) -> list[str]:
    """Paths of the modules that act differently in training: dropout, batch norm."""
    return [path for path, module in model.named_modules() if _is_modal(module)]


def _is_modal(module: Any) -> bool:
    rate = getattr(module, "p", getattr(module, "dropout", 0))
    if "Dropout" in type(module).__name__:
        return bool(rate)
    return isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d))
