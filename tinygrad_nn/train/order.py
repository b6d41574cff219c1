"""Refuses what a slip of the order, or a class in the place of its object, gives."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.optim import Optimizer

__all__ = ["check_loss", "check_optimizer"]


def check_loss(loss: Any, call: str) -> None:
    """Refuse a loss that cannot be called with outputs and targets.

    Args:
        loss: What was given.
        call: The call in the right order: "diagnose(model, loss, data)".

    Raises:
        OptionError: It is a class, an optimiser, or cannot be called.
    """
    if isinstance(loss, type) and not issubclass(loss, Optimizer):
        raise OptionError(
            f"loss: got the class {loss.__name__}, expected one of its objects, such as "
            "nn.CrossEntropyLoss()"
        )
    if isinstance(loss, (type, Optimizer)) or not callable(loss):
        raise _misplaced("loss", loss, call)


def check_optimizer(optimizer: Any, call: str) -> None:
    """Refuse what is no optimiser.

    Args:
        optimizer: What was given.
        call: The call in the right order.

    Raises:
        OptionError: It is a class, or something else.
    """
    if isinstance(optimizer, type):
        raise OptionError(
            f"optimizer: got the class {optimizer.__name__}, expected one of its objects, such as "
            "optim.Adam(model.parameters())"
        )
    if not hasattr(optimizer, "step"):
        raise _misplaced("optimizer", optimizer, call)


def _misplaced(name: str, given: Any, call: str) -> OptionError:
    got = f"the class {given.__name__}" if isinstance(given, type) else type(given).__name__
    return OptionError(f"{name}: got {got}, expected {call} in this order; or name them: {name}=")
