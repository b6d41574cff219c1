"""The other libraries whose gradients are checked: what is known of them without an import."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["LIBRARIES", "NUMPY", "Library"]


@dataclass(frozen=True)
class Library:
    """Another library.

    What makes problems of its functions is the module of `adapters` that is named like it, imported
    when one of them is checked, with a function `problem_of(f, inputs)`.

    Attributes:
        name: In words.
        packages: Whose classes and functions are its own.
        places: Modules in which it has functions.
        guests: Those whose functions are made of its own, and whose objects are no arrays.
        renamed: What it calls arguments that have other names in NumPy.
        array: How a program writes an array of it, of `{value}`, `{dtype}` and `{leaf}`; "" where
            its arrays are NumPy's.
        imports: What that needs, by the name that each brings.
        wide: A line without which there are no dtypes of 64 bits.
    """

    name: str
    packages: tuple[str, ...]
    places: tuple[str, ...]
    guests: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    array: str = ""
    imports: Mapping[str, str] = field(default_factory=dict)
    wide: str = ""


NUMPY = Library("NumPy", ("numpy",), ("numpy", "numpy.linalg", "scipy.special", "scipy.linalg"))

LIBRARIES = {
    "torch": Library(
        "PyTorch",
        ("torch",),
        ("torch", "torch.special", "torch.linalg", "torch.nn.functional"),
        renamed={"axis": "dim", "keepdims": "keepdim"},
        array="torch.tensor({value}, dtype=torch.{dtype}{leaf})",
        imports={"torch": "import torch"},
    ),
    "jax": Library(
        "JAX",
        ("jax", "jaxlib"),
        ("jax.numpy", "jax.nn", "jax.scipy.special", "jax.scipy.linalg", "jax.lax"),
        guests=("flax",),
        array='jnp.array({value}, dtype="{dtype}")',
        imports={"jax": "import jax", "jnp": "import jax.numpy as jnp"},
        wide='jax.config.update("jax_enable_x64", True)',
    ),
    "autograd": Library(
        "HIPS autograd",
        ("autograd",),
        ("autograd.numpy", "autograd.scipy.special", "autograd.scipy.linalg"),
    ),
}
"""Those that differentiate, by the name of the adapter, which is also the one to install."""
