"""What is measured while `fit` trains: metrics, and how gradients and weights move."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.callbacks.base import Callback
from tinygrad_nn.train.context import Context
from tinygrad_nn.train.metrics import named_metrics

__all__ = ["GradientStatistics", "Metrics", "as_numbers"]


class Metrics(Callback):
    """Metrics of the batches learned from, each at its moment, and of the validation data.

    `fit(metrics=...)` makes one of these.

    Args:
        metrics: A dict or list of `Metric`s, or of functions (outputs, targets).
    """

    order: ClassVar[int] = -10

    def __init__(self, metrics: Any) -> None:
        self._metrics = named_metrics(metrics)
        self._is_resumed = False

    @property
    def metrics(self) -> list[tuple[str, Any]]:
        """Name and metric."""
        return list(self._metrics.items())

    def on_epoch_begin(self, context: Context) -> None:
        """Forget the epoch before."""
        if not self._is_resumed and not context.history.batches:
            for metric in self._metrics.values():
                metric.reset()
        self._is_resumed = False

    def on_backward_end(self, context: Context) -> None:
        """Take the batch in."""
        for metric in self._metrics.values():
            metric.update(context.outputs, context.targets)

    def on_validation_begin(self, context: Context) -> None:
        """Note the numbers of the training, before those of the validation are taken in."""
        for name, metric in self._metrics.items():
            context.scores.setdefault(name, metric.compute())

    def on_measure(self, context: Context) -> None:
        """Note the numbers of the training."""
        if context.validation is None:
            self.on_validation_begin(context)

    def state_dict(self) -> dict[str, Any]:
        """What was taken in so far."""
        return {name: metric.state_dict() for name, metric in self._metrics.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on with what was taken in."""
        for name, metric in self._metrics.items():
            metric.load_state_dict(state[name])
        self._is_resumed = True


def as_numbers(scores: Mapping[str, Any]) -> dict[str, float]:
    """The scores as floats.

    Raises:
        OptionError: One is no single number.
    """
    numbers = {}
    for name, score in scores.items():
        try:
            numbers[name] = float(score.item() if hasattr(score, "item") else score)
        except (TypeError, ValueError) as error:
            raise OptionError(
                f"scores: got {name!r} of type {type(score).__name__}, expected one number; "
                "compute matrices and lists behind the training, with evaluate"
            ) from error
    return numbers


class GradientStatistics(Callback):
    """For each parameter: norm of its gradient, share of zeros in it, and size of its updates.

    Of the last step seen: `grad_norm`, `zeros` (share of the gradient's numbers that are 0; near
    1 where units are dead) and `update_ratio`, the norm of the change over the norm of the
    parameter: about 0.001 is usual, much more is unstable, much less learns nothing.

    Args:
        every: Look at every n-th step: the parameters are copied for it.

    Attributes:
        last: Statistics of the step looked at last, by the name of the parameter.
        steps: The same for all steps looked at: pairs of step and such a dict.

    Example:
        >>> from tinygrad_nn import data, nn, optim, train
        >>> model, watch = nn.Linear(2, 2, rng=0), train.GradientStatistics()
        >>> sgd = optim.SGD(model.parameters(), lr=0.1)
        >>> moons = data.make_moons(32)
        >>> _ = train.fit(model, nn.CrossEntropyLoss(), sgd, moons, 1, callbacks=[watch])
        >>> sorted(watch.last), sorted(watch.last["weight"])
        (['bias', 'weight'], ['grad_norm', 'update_ratio', 'zeros'])
    """

    order: ClassVar[int] = -10

    def __init__(self, every: int = 1) -> None:
        self._every = whole_number("every", every, 1)
        self.last: dict[str, dict[str, float]] = {}
        self.steps: list[tuple[int, dict[str, dict[str, float]]]] = []
        self._before: dict[str, Any] = {}
        self._found: dict[str, dict[str, float]] = {}

    def on_step_begin(self, context: Context) -> None:
        """Look at the gradients, and remember the parameters."""
        self._before, self._found = {}, {}
        if context.step % self._every:
            return
        for name, p in context.model.named_parameters():
            if p.grad is None:
                continue
            g = _numbers(p.grad)
            self._before[name] = _numbers(p)
            self._found[name] = {
                "grad_norm": float(np.linalg.norm(g)),
                "zeros": float((g == 0).mean()) if g.size else 0.0,
            }

    def on_step_end(self, context: Context) -> None:
        """Look at what the step changed."""
        if not self._found:
            return
        after = dict(context.model.named_parameters())
        for name, old in self._before.items():
            change, size = np.linalg.norm(_numbers(after[name]) - old), np.linalg.norm(old)
            ratio = float(change / size) if size else float("inf" if change else 0.0)
            self._found[name]["update_ratio"] = ratio
        self.last = self._found
        self.steps.append((context.step, self.last))


def _numbers(x: Any) -> Any:
    """A copy as float64: squares of small gradients must not become 0."""
    payload = x.numpy() if hasattr(x, "numpy") else getattr(x, "data", x)
    return np.array(payload, np.float64).reshape(-1)
