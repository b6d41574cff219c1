"""Functions of each engine as problems."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.testing.adapters.arrays import of_arrays
from tinygrad_nn.testing.adapters.tensors import of_tensors
from tinygrad_nn.testing.problem import Problem

__all__ = ["problem_of"]


def problem_of(f: Any, inputs: tuple[Any, ...], grad: Any) -> Problem:
    """The problem of a function: with `grad` of arrays, else of our tensors."""
    return of_arrays(f, grad, inputs) if grad is not None else of_tensors(f, inputs)
