"""How a check was called: enough to say it again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tinygrad_nn.testing.libraries import LIBRARIES

__all__ = ["Call", "Input", "call_of", "changed", "input_of"]

_KINDS = {"numpy": "numpy", "tinygrad_nn": "tinygrad_nn"} | {
    package: name
    for name, library in LIBRARIES.items()
    for package in library.packages
    if library.array
}
"""By the package of an array's class."""


@dataclass(frozen=True)
class Input:
    """One input as it was given.

    Attributes:
        kind: Library whose array it is, by its name in `LIBRARIES`; "numpy"; "tinygrad_nn"; of
            numbers and all else "python".
        value: A copy as a NumPy array; of "python" the thing itself.
        dtype: Name of its dtype in its own library.
        type: Name of its class.
        leaf: Whether it asks for a gradient, in PyTorch and here.
    """

    kind: str
    value: Any
    dtype: str = ""
    type: str = ""
    leaf: bool = False


@dataclass(frozen=True)
class Call:
    """One call of `gradcheck`.

    Attributes:
        f: The function.
        inputs: What it was checked at.
        grad: Its gradient, if it was given.
        options: Keyword arguments that were not the default.
        where: Of the user's call, as `file:line`.
    """

    f: Any
    inputs: tuple[Input, ...]
    grad: Any
    options: Mapping[str, Any]
    where: str = ""


def call_of(
    f: Any, inputs: tuple[Any, ...], grad: Any, options: Mapping[str, Any], where: str
) -> Call:
    """The call, its arrays copied, so that later writes into them are not taken for the inputs."""
    return Call(f, tuple(map(input_of, inputs)), grad, options, where)


def changed(function: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """Those of the options of a function that are not its defaults."""
    usual = inspect.signature(function).parameters
    return {name: value for name, value in options.items() if value != usual[name].default}


def input_of(x: Any) -> Input:
    """One input, copied."""
    kind = _KINDS.get(type(x).__module__.partition(".")[0])
    if kind is None or not hasattr(x, "dtype"):
        return Input("python", x, type=type(x).__name__)
    dtype = str(x.dtype).removeprefix("torch.")
    leaf = bool(getattr(x, "requires_grad", False))
    try:
        if kind == "torch":
            # A format that NumPy does not know is exact in its float32.
            x = (x.float() if dtype == "bfloat16" else x).detach().cpu().numpy()
        elif kind == "tinygrad_nn":
            x = x.detach()
        return Input(kind, np.array(x, order="K"), dtype, type(x).__name__, leaf)
    except (TypeError, ValueError, RuntimeError):
        return Input("python", x, type=type(x).__name__)
