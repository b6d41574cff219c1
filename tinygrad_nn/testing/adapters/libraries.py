"""The other libraries whose gradients are checked."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["LIBRARIES", "Library"]


@dataclass(frozen=True)
class Library:
    """Another library that differentiates.

    Its adapter is the module beside this one that is named like it, imported when a function of
    the library is checked, with a function `problem_of(f, inputs)`.

    Attributes:
        name: In words.
        packages: Whose classes and functions are its own.
    """

    name: str
    packages: tuple[str, ...]


LIBRARIES = {
    "torch": Library("PyTorch", ("torch",)),
    "jax": Library("JAX", ("jax", "jaxlib", "flax")),
    "autograd": Library("HIPS autograd", ("autograd",)),
}
"""By the name of its adapter, which is also the one to install."""
