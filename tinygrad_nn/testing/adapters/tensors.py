"""A function of our own tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_nn.autograd import grad
from tinygrad_nn.core.node import Node
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.testing.adapters.arrays import listed, named
from tinygrad_nn.testing.problem import Arrays, Problem

__all__ = ["of_tensors"]


def of_tensors(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*tensors)` gives a tensor or several."""
    arrays = tuple(x.synced() if isinstance(x, Node) else np.asarray(x) for x in inputs)

    def leaves(given: Arrays) -> list[Any]:
        return [Tensor(x, requires_grad=x.dtype.kind == "f") for x in given]

    def values(given: Arrays) -> Arrays:
        return [y.synced() if isinstance(y, Node) else y for y in listed(f(*leaves(given)))]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        xs = leaves(given)
        pairs = [
            (y, c)
            for y, c in zip(listed(f(*xs)), cotangents, strict=True)
            if isinstance(y, Node) and y.requires_grad
        ]
        wanted = [x for x in xs if x.requires_grad]
        found = iter(
            grad([y for y, _ in pairs], wanted, [c for _, c in pairs], allow_unused=True)
            if pairs
            else [None] * len(wanted)
        )
        grads = [next(found) if x.requires_grad else None for x in xs]
        return [None if g is None else g.data for g in grads]

    return Problem(named(f), arrays, values, pull)
