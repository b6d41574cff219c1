"""Training and evaluation mode, put back as they were found, part by part."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinygrad_nn.core.node import no_grad

__all__ = ["evaluating", "modes_kept"]


@contextmanager
def modes_kept(model: Any) -> Iterator[None]:
    """Put every part back into its own mode afterwards: a frozen batch norm stays in `eval()`."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Evaluation mode without a graph, and afterwards every part in its own mode."""
    with modes_kept(model), no_grad():
        model.eval()
        yield
