"""What the doctor, the range finder and the sanity checks share: batches, losses, single steps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn import nn, optim
from tinygrad_nn.core.node import WATCH, Node, mode_bit, no_grad
from tinygrad_nn.core.watch import watching
from tinygrad_nn.errors import DataError, OperandError
from tinygrad_nn.nn import functional
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train.batches import as_batches, pair

__all__ = ["array_of", "batches_of", "endless", "kind_of_loss", "made_optimizer", "number_of"]

Batch = tuple[Any, Any]

_SIZE: Final = 32
"""Examples in a batch, where the data do not come in batches."""


def array_of(x: Any) -> NDArray[Any]:
    """The numbers of a tensor, array or list, as an array."""
    return np.asarray(x.synced() if isinstance(x, Node) else x)


def number_of(x: Any) -> float:
    """The number of a loss."""
    numbers = array_of(x)
    if numbers.size != 1:
        raise OperandError(
            f"loss: got shape {numbers.shape}, expected one number; reduce it: reduction='mean'"
        )
    return float(numbers.reshape(()))


def batches_of(name: str, data: Any, count: int, rng: int = 0) -> list[Batch]:
    """The first `count` batches, or as many as there are.

    Raises:
        DataError: There is none.
    """
    found = [pair(name, batch) for batch in islice(as_batches(name, data, _SIZE, rng, True), count)]
    if not found:
        raise DataError(f"{name}: got data without batches, expected at least one; check the data")
    return found


def endless(pool: Sequence[Batch], rng: int) -> Iterator[Batch]:
    """The batches of a pool without end, each time in another order."""
    order = np.random.default_rng(rng)
    while True:
        for i in order.permutation(len(pool)):
            yield pool[i]


def made_optimizer(name: str, given: Any, model: Any, lr: float | None = None) -> Any:
    """The optimiser itself, or one made by a class or function of the parameters.

    Raises:
        OperandError: It is neither.
    """
    if isinstance(given, optim.Optimizer):
        return given
    if isinstance(given, type) and issubclass(given, optim.Optimizer):
        rate: dict[str, Any] = {} if lr is None else {"lr": lr}
        return given(model.parameters(), **rate)
    is_function = callable(given) and not isinstance(given, (type, nn.Module))
    made = given(model.parameters()) if is_function else given
    if not isinstance(made, optim.Optimizer):
        got = f"the class {made.__name__}" if isinstance(made, type) else type(made).__name__
        raise OperandError(
            f"{name}: got {got} for the optimiser, expected one, its class, or a "
            "function of the parameters: lambda p: optim.SGD(p, lr=0.1, momentum=0.9)"
        )
    return made


# ── Which loss it is ────────────────────────────────────────────────────────────────────

_LOSSES: Sequence[tuple[str, tuple[Any, ...]]] = (
    ("cross-entropy", (nn.CrossEntropyLoss, functional.cross_entropy)),
    ("nll", (nn.NLLLoss, functional.nll_loss)),
    ("bce", (nn.BCELoss, functional.binary_cross_entropy)),
    ("bce-logits", (nn.BCEWithLogitsLoss, functional.binary_cross_entropy_with_logits)),
    ("mse", (nn.MSELoss, functional.mse_loss)),
)
_TRACES = {
    ("log_softmax", "nll"): "cross-entropy",
    ("softplus", "multiply", "subtract", "mean"): "bce-logits",
    ("subtract", "multiply", "mean"): "mse",
    ("subtract", "square", "mean"): "mse",
    ("subtract", "pow", "mean"): "mse",
}


def kind_of_loss(loss: Callable[[Any, Any], Any], outputs: Any, targets: Any) -> str | None:
    """Which of the usual losses it is: by its name, else by the operations that it is made of.

    Returns:
        "cross-entropy", "nll", "bce", "bce-logits", "mse", or None: another one, or one with
        weights or options.
    """
    for kind, (module, function) in _LOSSES:
        if isinstance(loss, module):
            return kind if _is_plain(loss) else None
        if loss is function:
            return kind
    names: list[str] = []
    with no_grad(), mode_bit(WATCH), watching(lambda op, node, args, params: names.append(op.name)):
        loss(outputs.detach() if isinstance(outputs, Tensor) else outputs, targets)
    return _TRACES.get(tuple(names))


def _is_plain(loss: Any) -> bool:
    buffers = (getattr(loss, name) for name in loss._buffers)
    smooth = loss._options.get("label_smoothing")
    return loss.reduction == "mean" and not smooth and all(b is None for b in buffers)
