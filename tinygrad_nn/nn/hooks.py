"""Functions that modules call on their way: before and after `forward`, and on the way back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from math import prod
from threading import RLock
from typing import TYPE_CHECKING, Any, NamedTuple

from tinygrad_nn.core.handle import RemovableHandle
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OperandError
from tinygrad_nn.ops.join import concat
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_nn.nn.module import Module

__all__ = ["Hooked", "Hooks"]

_NUMBERS = count()

_CHANGING = RLock()
"""Held while hooks come or go: threads may hook into one module, as two traces of it do. The thread
that holds it may enter again: the garbage collector may end an object that removes its hook."""


class _Hook(NamedTuple):
    function: Callable[..., Any]
    with_kwargs: bool = False
    always: bool = False


class Hooks:
    """The hooks of one module, in order, by number."""

    KINDS = (
        "before",
        "after",
        "backward_before",
        "backward",
        "state_before",
        "state_after",
        "load_before",
        "load_after",
    )
    __slots__ = KINDS

    def __init__(self) -> None:
        for kind in self.KINDS:
            setattr(self, kind, {})

    def of(self, kind: str) -> list[_Hook]:
        """Hooks of one kind; a list of its own, since a hook may remove itself."""
        return list(getattr(self, kind).values())


class Hooked:
    """What a `Module` knows of its hooks."""

    _hooks: Hooks | None

    def _hook(
        self,
        kind: str,
        hook: Callable[..., Any],
        prepend: bool = False,
        with_kwargs: bool = False,
        always: bool = False,
    ) -> RemovableHandle:
        if not callable(hook):
            raise OperandError(f"register hook: got {type(hook).__name__}, expected a function")
        number = next(_NUMBERS)
        entry = {number: _Hook(hook, with_kwargs, always)}
        with _CHANGING:
            hooks = self._hooks or Hooks()
            held = getattr(hooks, kind)
            setattr(hooks, kind, {**entry, **held} if prepend else {**held, **entry})
            self._hooks = hooks
        return RemovableHandle(lambda: self._unhook(kind, number), number)

    def _unhook(self, kind: str, number: int) -> None:
        """Remove a hook; without any a module is called faster."""
        with _CHANGING:
            hooks = self._hooks
            if hooks is not None:
                # A new dict: another thread may go through the old one.
                held = getattr(hooks, kind)
                setattr(hooks, kind, {n: h for n, h in held.items() if n != number})
                if not any(getattr(hooks, other) for other in Hooks.KINDS):
                    self._hooks = None

    def register_forward_pre_hook(
        self, hook: Callable[..., Any], *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, inputs)` before each forward.

        What it returns, if not None, replaces the inputs: a tuple, or the only one.

        Args:
            hook: The function.
            prepend: Call it before those that are there.
            with_kwargs: Call `hook(module, inputs, options)`, which returns None or both.
        """
        return self._hook("before", hook, prepend, with_kwargs)

    def register_forward_hook(
        self,
        hook: Callable[..., Any],
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call `hook(module, inputs, output)` after each forward.

        What it returns, if not None, replaces the output.

        Args:
            hook: The function.
            prepend: Call it before those that are there.
            with_kwargs: Call `hook(module, inputs, options, output)`.
            always_call: Call it also when forward raises, with None for the output.
        """
        return self._hook("after", hook, prepend, with_kwargs, always_call)

    def register_full_backward_pre_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_output)` when a backward pass arrives at the outputs.

        `grad_output` is a tuple with the gradient of each output. What the hook returns, if
        not None, replaces it.
        """
        return self._hook("backward_before", hook, prepend)

    def register_full_backward_hook(
        self, hook: Callable[..., Any], prepend: bool = False
    ) -> RemovableHandle:
        """Call `hook(module, grad_input, grad_output)` when a backward pass leaves the module.

        Both are tuples: a gradient for each positional input (None for what needs none) and
        each output. What the hook returns, if not None, replaces `grad_input`.

        Example:
            >>> import tinygrad_nn as tg
            >>> from tinygrad_nn import nn
            >>> layer = nn.ReLU()
            >>> handle = layer.register_full_backward_hook(
            ...     lambda module, grad_input, grad_output: print(grad_input, grad_output)
            ... )
            >>> layer(tg.tensor([1.0, -2.0], requires_grad=True)).sum().backward()
            (tensor([1., 0.]),) (tensor([1., 1.]),)
        """
        return self._hook("backward", hook, prepend)

    def register_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, prefix, keep_vars)` before the state dict is made."""
        return self._hook("state_before", hook)

    def register_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, state_dict, prefix, {})` after it was made; it may change it."""
        return self._hook("state_after", hook)

    def register_load_state_dict_pre_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call a hook on the state dict before it is loaded, to rename entries for example.

        It gets `(module, state_dict, prefix, {}, strict, missing, unexpected, errors)`, as in
        PyTorch, and may change the dict (a copy of the caller's) and the lists.
        """
        return self._hook("load_before", hook)

    def register_load_state_dict_post_hook(self, hook: Callable[..., Any]) -> RemovableHandle:
        """Call `hook(module, mismatch)` after loading; see `Mismatch`. It may clear the lists."""
        return self._hook("load_after", hook)


def call_hooked(module: Module, hooks: Hooks, inputs: Any, options: dict[str, Any]) -> Any:
    """`module.forward(*inputs, **options)` with everything that was hooked in."""
    done: set[int] = set()
    try:
        return _call(module, hooks, inputs, options, done)
    except Exception:
        for number, hook in list(hooks.after.items()):  # type: ignore[attr-defined]
            if hook.always and number not in done:
                _after(module, hook, inputs, options, None)
        raise


def _call(
    module: Module, hooks: Hooks, inputs: Any, options: dict[str, Any], done: set[int]
) -> Any:
    for hook in hooks.of("before"):
        if hook.with_kwargs:
            changed = hook.function(module, inputs, options)
            if changed is not None:
                inputs, options = _both(changed)
        else:
            changed = hook.function(module, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
    back = None
    if hooks.of("backward") or hooks.of("backward_before"):
        back = _Back(module, hooks.of("backward_before"), hooks.of("backward"))
        inputs = back.enter(inputs)
    output = module.forward(*inputs, **options)
    for number, hook in list(hooks.after.items()):  # type: ignore[attr-defined]
        done.add(number)
        changed = _after(module, hook, inputs, options, output)
        if changed is not None:
            output = changed
    return output if back is None else back.leave(output)


def _after(module: Module, hook: _Hook, inputs: Any, options: Any, output: Any) -> Any:
    if hook.with_kwargs:
        return hook.function(module, inputs, options, output)
    return hook.function(module, inputs, output)


def _both(changed: Any) -> Any:
    if not isinstance(changed, tuple) or len(changed) != 2:
        raise OperandError(
            f"forward pre-hook with kwargs: got {type(changed).__name__}, expected None or a "
            "tuple of inputs and options: return inputs, options"
        )
    return changed


# ── Backward hooks ──────────────────────────────────────────────────────────────────────


class _Back:
    """One call of a module: what its backward hooks are given."""

    def __init__(self, module: Module, first: list[_Hook], last: list[_Hook]) -> None:
        self.module, self.first, self.last = module, first, last
        self.arrived: tuple[Any, ...] = ()
        self.inputs = 0
        self.tracked: list[int] = []

    def enter(self, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        self.inputs = len(inputs)
        self.tracked = _tracked(inputs)
        return _replaced(inputs, self.tracked, self._leaving) if self.last else inputs

    def leave(self, output: Any) -> Any:
        several = isinstance(output, (tuple, list))
        outputs = tuple(output) if several else (output,)
        places = _tracked(outputs)
        if not places:
            if any(isinstance(x, Node) for x in outputs) and _all_free(outputs):
                return output
            raise OperandError(
                f"backward hook of {type(self.module).__name__}: forward returned "
                f"{type(output).__name__}, expected a Tensor or a tuple of Tensors, whose "
                "gradients could be shown"
            )
        self.outputs, self.places = len(outputs), places
        found = _replaced(outputs, places, self._arriving)
        if not several:
            return found[0]
        return type(output)(*found) if hasattr(output, "_fields") else type(output)(found)

    def _arriving(self, gradients: list[Any]) -> list[Any]:
        full = _spread(self.outputs, self.places, gradients)
        for hook in self.first:
            changed = hook.function(self.module, full)
            if changed is not None:
                full = _fitting(self.module, changed, full)
        self.arrived = full
        if not self.tracked:
            for hook in self.last:
                changed = hook.function(self.module, (None,) * self.inputs, full)
                if changed is not None and any(g is not None for g in changed):
                    raise OperandError(
                        f"backward hook of {type(self.module).__name__}: returned gradients, but "
                        "no input requires one; expected None"
                    )
        return [full[place] for place in self.places]

    def _leaving(self, gradients: list[Any]) -> list[Any]:
        full = _spread(self.inputs, self.tracked, gradients)
        for hook in self.last:
            changed = hook.function(self.module, full, self.arrived)
            if changed is not None:
                full = _fitting(self.module, changed, full)
        return [full[place] for place in self.tracked]


def _tracked(values: Any) -> list[int]:
    return [i for i, x in enumerate(values) if isinstance(x, Tensor) and x.requires_grad]


def _all_free(values: Any) -> bool:
    return not any(isinstance(x, Node) and x.requires_grad for x in values)


def _spread(size: int, places: list[int], gradients: list[Any]) -> tuple[Any, ...]:
    full: list[Any] = [None] * size
    for place, gradient in zip(places, gradients, strict=True):
        full[place] = gradient
    return tuple(full)


def _fitting(module: Module, changed: Any, before: tuple[Any, ...]) -> tuple[Any, ...]:
    full = changed if isinstance(changed, tuple) else (changed,)
    if len(full) != len(before):
        raise OperandError(
            f"backward hook of {type(module).__name__}: returned {len(full)} gradients, expected "
            f"{len(before)}"
        )
    return full


def _replaced(values: Any, places: list[int], hook: Callable[[list[Any]], list[Any]]) -> Any:
    """`values` with the tensors at `places` passed through a gate of which `hook` is told."""
    if not places:
        return values
    through = _gate([values[place] for place in places], hook)
    full = list(values)
    for place, x in zip(places, through, strict=True):
        full[place] = x
    return tuple(full)


def _gate(tensors: list[Tensor], hook: Callable[[list[Any]], list[Any]]) -> list[Any]:
    """The same tensors; `hook(gradients)` is called once, when all gradients are there.

    Gradients of several tensors arrive one by one, some never. Joined to one vector they
    arrive together, and what never came is zero.
    """
    if len(tensors) == 1:
        x = tensors[0]
        y = reshape(x, x.shape)
        y.register_hook(lambda g: hook([g])[0])
        return [y]
    sizes = [prod(x.shape) for x in tensors]
    joined = concat([reshape(x, (size,)) for x, size in zip(tensors, sizes, strict=True)])

    def cut(vector: Any) -> list[Any]:
        parts, start = [], 0
        for x, size in zip(tensors, sizes, strict=True):
            part = reshape(vector[start : start + size], x.shape)
            parts.append(part if part.dtype == x.dtype else part.astype(x.dtype))
            start += size
        return parts

    def together(gradient: Any) -> Any:
        found = hook(cut(gradient))
        return concat([reshape(g, (size,)) for g, size in zip(found, sizes, strict=True)])

    joined.register_hook(together)
    return cut(joined)
