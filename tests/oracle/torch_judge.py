"""PyTorch as a judge."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from tests.ops.case import Arrays, flatten, rebuild
from tests.oracle.judge import first_found
from tinygrad_nn.core.op import Op

PLACES = (torch, torch.special, torch.linalg, F)
RENAMED = {"axis": "dim", "keepdims": "keepdim"}
# Ours to PyTorch's, where the name or the meaning differs; None: there is none that means the same.
NAMES: dict[str, Callable[..., Any] | None] = {}


class TorchJudge:
    """Functions of `torch`, with `dim` for `axis`."""

    def find(self, record: Op) -> Callable[..., Any] | None:
        function = NAMES[record.name] if record.name in NAMES else first_found(PLACES, record)
        return None if function is None else _adapted(function, renames=record.name not in NAMES)

    def values(self, call: Callable[[Sequence[Any]], Any], floats: Arrays) -> Arrays:
        outputs = call([torch.tensor(x) for x in floats])
        return [y.numpy() for y in flatten(outputs) if y.is_floating_point()]

    def gradients(
        self, call: Callable[[Sequence[Any]], Any], floats: Arrays, weights: Arrays, probes: Arrays
    ) -> tuple[Arrays, Arrays | None]:
        leaves = [torch.tensor(x, requires_grad=True) for x in floats]
        outputs = [y for y in flatten(call(leaves)) if y.is_floating_point()]
        firsts = _grad(outputs, leaves, weights)
        try:
            seconds = _grad(firsts, leaves, probes)
        except NotImplementedError:
            return [_array(g) for g in firsts], None
        return [_array(g) for g in firsts], [_array(g) for g in seconds]


def _grad(outputs: list[Any], leaves: list[Any], weights: Arrays) -> list[Any]:
    total = sum((y * torch.tensor(w)).sum() for y, w in zip(outputs, weights, strict=True))
    if not total.requires_grad:
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(total, leaves, create_graph=True, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found, strict=True)]


def _array(g: Any) -> Any:
    return g.detach().numpy()


def _adapted(function: Callable[..., Any], renames: bool) -> Callable[..., Any]:
    """`function` on tensors in place of arrays, with PyTorch's names of the arguments."""

    def call(*args: Any, **params: Any) -> Any:
        leaves = (torch.tensor(x) if isinstance(x, np.ndarray) else x for x in flatten(args))
        if renames:
            params = {RENAMED.get(k, k): v for k, v in params.items()}
        return function(*rebuild(args, leaves), **params)

    return call
