"""A function or module of PyTorch."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from torch.autograd import forward_ad
from torch.func import functional_call

from tinygrad_nn.errors import CheckError
from tinygrad_nn.testing.adapters.named import labels_of, listed, named, of_gradient
from tinygrad_nn.testing.adapters.slots import Slot, constant, given_back, slot_of
from tinygrad_nn.testing.problem.subject import Around, Arrays, Problem

__all__ = ["problem_of"]


def problem_of(f: Callable[..., Any], inputs: tuple[Any, ...]) -> Problem:
    """`f(*tensors)` gives a tensor or several; after its inputs come a module's parameters.

    Tensors are inputs whether or not they require a gradient. Numbers that are no tensors are
    passed on, unless there is nothing else.
    """
    tensors = any(isinstance(x, torch.Tensor) or hasattr(x, "dtype") for x in inputs)
    if isinstance(f, torch.nn.Module):
        return _of_module(f, inputs)
    slots = [_slot(x, tensors) for x in inputs]
    return _problem(named(f), f, slots, labels_of(f, len(inputs)))


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
    return _problem(type(module).__name__, call, slots, labels)


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


def _raw(y: Any) -> Any:
    """A tensor as an array; what is none as it is."""
    if not isinstance(y, torch.Tensor):
        return y
    y = y.detach().cpu()
    if y.layout is not torch.strided:
        y = y.to_dense()
    return (y.float() if y.dtype is torch.bfloat16 else y).resolve_conj().resolve_neg().numpy()


def _problem(
    name: str, f: Callable[..., Any], slots: Sequence[Slot], labels: tuple[str, ...]
) -> Problem:
    """The problem of a function of tensors."""
    arrays = tuple(s.array for s in slots)
    active = [i for i, x in enumerate(arrays) if x.dtype.kind == "f"]
    count = len(slots)

    def values(given: Arrays) -> Arrays:
        with torch.enable_grad():
            return [_raw(y) for y in listed(f(*given_back(slots, given)))]

    def pull(given: Arrays, cotangents: Arrays) -> Arrays:
        with torch.enable_grad():
            xs = given_back(slots, given)
            return [_raw(g) for g in _pulled(listed(f(*xs)), [xs[i] for i in active], cotangents)]

    def push(given: Arrays, tangents: Arrays) -> Arrays:
        # Not torch.func.jvp, which refuses functions of one's own with the usual signature.
        _load_forward_mode()
        with torch.enable_grad(), forward_ad.dual_level():
            xs = given_back(slots, given)
            for i in active:
                tangent = torch.tensor(tangents[i], dtype=xs[i].dtype, device=xs[i].device)
                xs[i] = forward_ad.make_dual(xs[i], tangent)
            outputs = listed(f(*xs))
            moved = [forward_ad.unpack_dual(y).tangent for y in outputs]
            return [
                _raw(torch.zeros_like(y) if t is None else t)
                for y, t in zip(outputs, moved, strict=True)
            ]

    def higher(cotangents: Arrays) -> Problem:
        def gradient(*args: Any) -> Any:
            # Each a tensor of its own, since one may be given as two arguments.
            xs = [x.view_as(x) if i in active else x for i, x in enumerate(args[:count])]
            wanted = [xs[i] for i in active]
            found = _pulled(listed(f(*xs)), wanted, args[count:], create_graph=True)
            return tuple(
                torch.zeros_like(x) if g is None else g for x, g in zip(wanted, found, strict=True)
            )

        more = [Slot(c, _leaf) for c in cotangents]
        title, names = of_gradient(name, labels, len(more))
        return _problem(title, gradient, [*slots, *more], names)

    def remade(around: Around, kept: Sequence[int]) -> Problem:
        return _problem(name, around(f), [slots[i] for i in kept], ())

    return Problem(name, arrays, values, pull, push, higher, labels, remade=remade)


@cache
def _load_forward_mode() -> None:
    """Let PyTorch load what it loads at the first use, which warns of a part of its own."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(()), torch.zeros(()))


def _pulled(
    outputs: Sequence[Any],
    wanted: Sequence[Any],
    cotangents: Sequence[Any],
    create_graph: bool = False,
) -> Sequence[Any]:
    """Gradients of the leaves that are wanted; None where the outputs do not depend on them."""
    pairs = [
        (y, torch.as_tensor(c, dtype=y.dtype, device=y.device))
        for y, c in zip(outputs, cotangents, strict=True)
        if isinstance(y, torch.Tensor) and y.requires_grad
    ]
    if not pairs:
        return [None] * len(wanted)
    found: Sequence[Any] = torch.autograd.grad(
        [y for y, _ in pairs],
        wanted,
        [c for _, c in pairs],
        create_graph=create_graph,
        allow_unused=True,
    )
    return found
