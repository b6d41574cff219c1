"""`Metric`: a number measured batch by batch, the same as over all examples at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any, Self

import numpy as np

from tinygrad_nn.errors import DataError, OperandError, OptionError, StateError

__all__ = ["Metric", "Whole", "named_metrics"]


class Metric:
    """Base class of metrics: `update` with each batch, `compute`, `reset` before the next epoch.

    A subclass keeps everything that it counted in `self.kept`, a dict of arrays and numbers, which
    is empty at first, and defines `update` and `result`.

    Attributes:
        kept: What was counted so far.

    Example:
        >>> from tinygrad_nn import train
        >>> metric = train.Accuracy()
        >>> metric.update([0, 1, 1], [0, 1, 0])
        >>> metric.update([2], [2])
        >>> metric.compute()
        0.75
    """

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    @property
    def name(self) -> str:
        """What scores are called: the name of the class, in small letters."""
        word = type(self).__name__
        parts = "".join(
            f"_{c}" if c.isupper() and i and word[i - 1].islower() else c
            for i, c in enumerate(word)
        )
        return parts.lower()

    def update(self, outputs: Any, targets: Any) -> None:
        """Take a batch in: tensors, arrays or lists. A batch that is refused changes nothing."""
        raise NotImplementedError(f"{type(self).__name__} must define update")

    def result(self) -> Any:
        """What was measured; at least one batch was taken in."""
        raise NotImplementedError(f"{type(self).__name__} must define result")

    def compute(self) -> Any:
        """Return what was measured since the last `reset`.

        Raises:
            DataError: Nothing was taken in.
        """
        if not self.kept:
            raise DataError(
                f"{type(self).__name__}.compute: got 0 examples, expected at least 1; call update"
            )
        return self.result()

    def reset(self) -> None:
        """Forget everything."""
        self.kept = {}

    def state_dict(self) -> dict[str, Any]:
        """What was counted so far, for `save`."""
        return deepcopy(self.kept)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on counting.

        Raises:
            StateError: The state is no dict.
        """
        if not isinstance(state, Mapping):
            raise StateError(
                f"{type(self).__name__}: got a state of type {type(state).__name__}, expected what "
                "state_dict() returned"
            )
        self.kept = deepcopy(dict(state))

    def of(self, outputs: Any, targets: Any) -> Any:
        """Return what a new metric measures on these alone."""
        self.reset()
        self.update(outputs, targets)
        return self.compute()

    def add(self, **numbers: Any) -> Self:
        """Add to what is kept under each name."""
        for name, number in numbers.items():
            self.kept[name] = self.kept[name] + number if name in self.kept else number
        return self


class Whole(Metric):
    """A function (outputs, targets) as a metric: it keeps all examples, and so is exact.

    Args:
        function: Called with arrays.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        super().__init__()
        self.function = function

    @property
    def name(self) -> str:
        """Name of the function."""
        return getattr(self.function, "__name__", "metric").replace("<lambda>", "metric")

    def update(self, outputs: Any, targets: Any) -> None:
        """Keep the batch."""
        parts = [np.asarray(x.numpy() if hasattr(x, "numpy") else x) for x in (outputs, targets)]
        self.kept.setdefault("outputs", []).append(parts[0].copy())
        self.kept.setdefault("targets", []).append(parts[1].copy())

    def result(self) -> Any:
        """Call the function."""
        return self.function(*(np.concatenate(self.kept[name]) for name in ("outputs", "targets")))


def named_metrics(metrics: Any) -> dict[str, Metric]:
    """Return metrics by name, of a dict or list of metrics or functions, or of one.

    Raises:
        OperandError: One is neither a `Metric` nor a function.
        OptionError: Two have one name.
    """
    if metrics is None:
        return {}
    if isinstance(metrics, Mapping):
        return {str(name): _metric(m) for name, m in metrics.items()}
    listed = metrics if isinstance(metrics, Iterable) else [metrics]
    found: dict[str, Metric] = {}
    for metric in map(_metric, listed):
        if metric.name in found:
            raise OptionError(
                f"metrics: got two called {metric.name!r}, expected different names; pass a dict"
            )
        found[metric.name] = metric
    return found


def _metric(metric: Any) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if isinstance(metric, type) or not callable(metric):
        word = metric.__name__ if isinstance(metric, type) else type(metric).__name__
        step = f"write {word}()" if isinstance(metric, type) else "pass for instance Accuracy()"
        raise OperandError(f"metrics: got {word}, expected a Metric or a function; {step}")
    return Whole(metric)
