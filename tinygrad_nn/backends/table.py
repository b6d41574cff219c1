"""The table from a payload's type to the namespace whose functions work on it.

A namespace is a module or object with the function names of the Python array API
(`exp`, `matmul`, `permute_dims` ...). Operations ask for it by payload, so one text of
an operation serves Python floats, NumPy arrays and whatever is registered later.
"""

from __future__ import annotations

from typing import Any

from tinygrad_nn.backends import array, scalar
from tinygrad_nn.errors import OperandError

__all__ = ["namespace", "namespace_of_type", "register"]

_NAMESPACES: dict[type, Any] = {}


def register(payload_type: type, functions: Any) -> None:
    """Let payloads of `payload_type` (and its subclasses) use `functions`."""
    _NAMESPACES[payload_type] = functions


def namespace_of_type(payload_type: type) -> Any:
    """Namespace for payloads of exactly this type, looked up along its base classes once."""
    found = _NAMESPACES.get(payload_type)
    if found is None:
        for base in payload_type.__mro__:
            if base in _NAMESPACES:
                found = _NAMESPACES[payload_type] = _NAMESPACES[base]
                break
        else:
            # With its module, since other libraries have a Tensor too.
            name = f"{payload_type.__module__}.{payload_type.__qualname__}".removeprefix(
                "builtins."
            )
            raise OperandError(
                f"no array library is registered for {name!r}: expected a "
                "number, a NumPy array, a Value or a Tensor; convert with tinygrad_nn.tensor(...)"
            )
    return found


def namespace(x: Any) -> Any:
    """Namespace whose functions work on the payload `x`."""
    return namespace_of_type(type(x))


for number in (float, int, bool):
    register(number, scalar)
for kind in array.PAYLOADS:
    register(kind, array)
