"""A function or module of PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager
from functools import cache
from typing import Any, cast

import torch
from torch.autograd import forward_ad
from torch.func import functional_call

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.engine import Engine, Function
from tinygrad_nn.testing.adapters.named import labels_of, named
from tinygrad_nn.testing.adapters.slots import Slot, constant, slot_of
from tinygrad_nn.testing.problem.subject import Arrays, Problem

__all__ = ["problem_of"]


def problem_of(f: Function, inputs: tuple[Any, ...]) -> Problem:
    """`f(*tensors)` gives a tensor or several; after its inputs come a module's parameters.

    Tensors are inputs whether or not they require a gradient. Numbers that are no tensors are
    passed on, unless there is nothing else.
    """
    tensors = any(isinstance(x, torch.Tensor) or hasattr(x, "dtype") for x in inputs)
    if isinstance(f, torch.nn.Module):
        return _of_module(f, inputs)
    slots = [_slot(x, tensors) for x in inputs]
    return _Torch().problem(named(f), f, slots, labels_of(f, len(inputs)))


def _of_module(module: torch.nn.Module, inputs: tuple[Any, ...]) -> Problem:
    """A module as a function of its inputs and parameters; its buffers start anew in each call."""
    parameters = {name: p for name, p in module.named_parameters() if p.requires_grad}
    count = len(inputs)

    def call(*args: Any) -> Any:
        state = {name: b.clone() for name, b in module.named_buffers()}
        state.update(zip(parameters, args[count:], strict=True))
        return functional_call(module, state, args[:count])

    slots = [_slot(x, True) for x in (*inputs, *parameters.values())]
    labels = (*labels_of(module.forward, count), *parameters)
    return _Torch().problem(type(module).__name__, call, slots, labels)


def _slot(x: Any, tensors: bool) -> Slot:
    """Of a tensor of floats its numbers; every other tensor is passed on as a copy."""
    if not isinstance(x, torch.Tensor):
        slot = slot_of(x)
        if isinstance(x, float):
            return constant(x) if tensors else Slot(slot.array, _leaf)
        if slot.array.dtype.kind == "f":
            return Slot(slot.array, _leaf)
        return Slot(slot.array, torch.tensor) if hasattr(x, "dtype") else slot
    if x.layout is not torch.strided or x.is_quantized:
        raise CheckError(
            f"gradcheck: got a tensor of layout {x.layout}, expected a dense one: give "
            "x.to_dense() and convert it inside of the function"
        )
    if x.is_meta:
        raise CheckError(
            "gradcheck: got a tensor on the meta device, which holds no numbers, expected one that "
            "does; give torch.rand_like(x, device='cpu')"
        )
    if x.dtype is torch.bfloat16 or (x.is_floating_point() and x.element_size() == 1):
        raise CheckError(
            f"gradcheck: got a tensor of {x.dtype}, in which too few digits are left for slopes; "
            "expected float64, float32 or float16; give x.double()"
        )
    array = x.detach().cpu().resolve_conj().resolve_neg().numpy()
    if not x.is_floating_point():
        return Slot(array, lambda _: x.detach().clone())
    device = x.device
    return Slot(array, lambda given: _leaf(given).to(device).detach().requires_grad_())


def _leaf(array: Any) -> torch.Tensor:
    return torch.tensor(array, requires_grad=True)


class _Torch(Engine):
    def leaf(self, array: Any) -> torch.Tensor:
        return _leaf(array)

    def array(self, y: Any) -> Any:
        if not isinstance(y, torch.Tensor):
            return y
        y = y.detach().cpu()
        if y.layout is not torch.strided:
            y = y.to_dense()
        return (y.float() if y.dtype is torch.bfloat16 else y).resolve_conj().resolve_neg().numpy()

    def within(self) -> AbstractContextManager[Any]:
        return cast(AbstractContextManager[Any], torch.enable_grad())

    def pulled(self, f: Function, xs: Arrays, cotangents: Arrays, again: bool) -> Sequence[Any]:
        # Each a tensor of its own, since one may be given as two arguments.
        wanted = [x.view_as(x) for x in xs] if again else xs
        pairs = [
            (y, torch.as_tensor(c, dtype=y.dtype, device=y.device))
            for y, c in zip(f(*wanted), cotangents, strict=True)
            if isinstance(y, torch.Tensor) and y.requires_grad
        ]
        found: Sequence[Any] = [None] * len(wanted)
        if pairs:
            ys, cs = zip(*pairs, strict=True)
            found = torch.autograd.grad(ys, wanted, cs, create_graph=again, allow_unused=True)
        if again:
            found = [
                torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)
            ]
        return found

    def pushed(self, f: Function, xs: Arrays, tangents: Arrays) -> list[Any]:
        # Not torch.func.jvp, which refuses functions of one's own with the usual signature.
        _load_forward_mode()
        with forward_ad.dual_level():
            along = [
                torch.tensor(t, dtype=x.dtype, device=x.device)
                for x, t in zip(xs, tangents, strict=True)
            ]
            outputs = f(*map(forward_ad.make_dual, xs, along))
            moved = [forward_ad.unpack_dual(y).tangent for y in outputs]
            pairs = zip(outputs, moved, strict=True)
            return [torch.zeros_like(y) if t is None else t for y, t in pairs]


@cache
def _load_forward_mode() -> None:
    """Let PyTorch load what it loads at the first use, which warns of a part of its own."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))
