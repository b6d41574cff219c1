"""What a layer's parameters start from: seed, dtype, device, and the first numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

from tinygrad_nn.creation import full
from tinygrad_nn.errors import OptionError
from tinygrad_nn.generator import generator
from tinygrad_nn.payload import default_float
from tinygrad_nn.ported import check_device as check_device
from tinygrad_nn.tensor import Parameter, Tensor

__all__: list[str] = []


class Factory(TypedDict, total=False):
    """Keyword arguments that every layer with parameters takes besides its own.

    Attributes:
        rng: Seed or generator of the first weights.
        dtype: Of the parameters; float32 unless `default_dtype` says otherwise.
        device: "cpu" or None, so that PyTorch scripts run as they are.
    """

    rng: Any
    dtype: Any
    device: Any


class Start:
    """Makes the parameters of one layer.

    Args:
        layer: Name of the layer, for messages.
        factory: The layer's keyword arguments.

    Attributes:
        rng: Generator that the numbers come from, drawn in the order of the calls.
        dtype: Of the parameters.

    Raises:
        OptionError: An argument is unknown, or names a device that is not the CPU.
    """

    def __init__(self, layer: str, factory: Factory) -> None:
        unknown = sorted(set(factory) - {"rng", "dtype", "device"})
        if unknown:
            raise OptionError(
                f"{layer}: got the argument {unknown[0]!r}, expected one of its signature, or rng, "
                "dtype, device"
            )
        check_device(layer, factory.get("device"))
        self.rng = generator(factory.get("rng"))
        dtype = factory.get("dtype")
        self.dtype = default_float() if dtype is None else dtype

    def uniform(self, shape: Sequence[int], bound: float) -> Parameter:
        """Parameter with numbers uniform in ±bound."""
        # Drawn in double precision, so that every dtype starts from the same numbers.
        return Parameter(self.rng.uniform(-bound, bound, tuple(shape)), dtype=self.dtype)

    def normal(self, shape: Sequence[int], std: float = 1.0) -> Parameter:
        """Parameter with normal numbers of mean 0."""
        return Parameter(self.rng.normal(0.0, std, tuple(shape)), dtype=self.dtype)

    def constant(self, shape: Sequence[int], number: float) -> Parameter:
        """Parameter filled with one number."""
        return Parameter(full(tuple(shape), number, dtype=self.dtype).data)

    def buffer(self, shape: Sequence[int], number: float, dtype: Any = None) -> Tensor:
        """Tensor filled with one number, for `register_buffer`."""
        return full(tuple(shape), number, dtype=self.dtype if dtype is None else dtype)
