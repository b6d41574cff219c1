"""`evaluate`: loss and metrics of a model on data that it does not learn from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_nn.errors import DataError
from tinygrad_nn.nn import Module
from tinygrad_nn.train.batches import answer, as_batches, pair
from tinygrad_nn.train.metrics import Metric, named_metrics
from tinygrad_nn.train.modes import evaluating

__all__ = ["evaluate", "measured"]


def evaluate(
    model: Module,
    data: Any,
    loss: Callable[[Any, Any], Any] | None = None,
    metrics: Any = None,
    *,
    batch_size: int = 256,
) -> dict[str, Any]:
    """Return the loss of `model` on `data`, and metrics, by name.

    The model computes in evaluation mode without a graph, and keeps the modes of its parts.

    Args:
        model: What to ask.
        data: What `fit` takes; in order, unless it is a loader.
        loss: Called with outputs and targets; a mean over a batch, or a sum if its `reduction`
            says "sum".
        metrics: A dict or list of `Metric`s or of functions (outputs, targets).
        batch_size: Where `data` is no loader.

    Returns:
        "loss", the mean over all examples, if there is a loss, and what each metric computed.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import nn, train
        >>> x, y = np.eye(2, dtype=np.float32), np.array([0, 1])
        >>> train.evaluate(nn.Identity(), (x, y), metrics=[train.Accuracy()])
        {'accuracy': 1.0}
    """
    loader = as_batches("evaluate", data, batch_size, 0, shuffle=False)
    return measured(model, loader, loss, named_metrics(metrics))


def measured(
    model: Module,
    batches: Iterable[Any],
    loss: Callable[[Any, Any], Any] | None,
    metrics: Mapping[str, Metric],
    terms: Callable[[Any], Any] | None = None,
) -> dict[str, Any]:
    """`evaluate` with everything as it needs it; `terms` is the `count` of `fit`."""
    is_sum = getattr(loss, "reduction", None) == "sum"
    total, count = 0.0, 0
    for metric in metrics.values():
        metric.reset()
    with evaluating(model):
        for batch in batches:
            inputs, targets = pair("evaluate", batch)
            outputs = answer(model, inputs)
            size = len(targets) if terms is None else int(terms(targets))
            if loss is not None and size:
                number = float(loss(outputs, targets).item())
                total += number if is_sum else number * size
            count += size
            for metric in metrics.values():
                metric.update(outputs, targets)
    if not count:
        raise DataError("evaluate: got 0 examples, expected at least 1; check the data set")
    found: dict[str, Any] = {} if loss is None else {"loss": total / count}
    return {**found, **{name: metric.compute() for name, metric in metrics.items()}}
