"""Parameters switched off and on by name."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from tinygrad_nn.errors import OperandError, OptionError
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.tree import nearest
from tinygrad_nn.tensor import Tensor

__all__ = ["freeze", "unfreeze"]


def freeze(model: Module, *patterns: str) -> list[str]:
    """Let the parameters of some names need no gradient; an optimiser leaves them as they are.

    Running statistics of normalisation go on: put the part in `eval()` too if they should not.

    Args:
        model: The model.
        patterns: Names as in `named_parameters`, with `*`, `?` and `[...]` as in file names:
            "encoder.*", "*.bias". The name of a module stands for all below it.

    Returns:
        The names that were frozen.

    Raises:
        OptionError: A pattern matches nothing; nothing is frozen then.

    Example:
        >>> from tinygrad_nn import nn
        >>> model = nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1))
        >>> nn.utils.freeze(model, "0.*")
        ['0.weight', '0.bias']
    """
    return _switch("freeze", model, patterns, False)


def unfreeze(model: Module, *patterns: str) -> list[str]:
    """Let parameters need a gradient again; arguments as for `freeze`."""
    return _switch("unfreeze", model, patterns, True)


def _switch(name: str, model: Any, patterns: tuple[Any, ...], on: bool) -> list[str]:
    if not isinstance(model, Module):
        raise OperandError(f"{name}: got {type(model).__name__}, expected a Module")
    names = dict(model.named_parameters(remove_duplicate=False))
    if not patterns:
        raise OptionError(
            f"{name}: got no pattern, expected names such as 'encoder.*'; for all parameters call "
            f"model.requires_grad_({on})"
        )
    chosen: dict[str, Any] = {}
    for pattern in patterns:
        if not isinstance(pattern, str):
            raise OperandError(f"{name}: got {pattern!r}, expected a pattern such as 'encoder.*'")
        found = {n: p for n, p in names.items() if _matches(n, pattern)}
        if not found:
            modules = [path for path, _ in model.named_modules() if path]
            near = nearest(pattern.rstrip("*."), modules) or nearest(pattern, names)
            hint = f"did you mean {near!r}?" if near else f"there are: {', '.join(names) or 'none'}"
            raise OptionError(f"{name}: no parameter matches {pattern!r}; {hint}")
        chosen.update(found)
    if not all(isinstance(p, Tensor) for p in chosen.values()):
        raise OperandError(
            f"{name}: the parameters are Values, expected tensors; build the model with "
            "tensor=True, or leave them out of the optimiser"
        )
    for p in chosen.values():
        p.requires_grad_(on)
    return [n for n in names if n in chosen]


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, f"{pattern}.*")
