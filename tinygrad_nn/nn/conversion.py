"""Conversion of modules to another dtype, in PyTorch's forms."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from tinygrad_nn.errors import DTypeError
from tinygrad_nn.ported import to_dtype
from tinygrad_nn.tensor import Tensor

__all__ = ["Convertible"]


class Convertible:
    """What a `Module` knows of dtypes and devices."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """Convert parameters, their gradients and float buffers to another float dtype.

        `to(dtype)`, `to(device)`, `to(device, dtype)` or `to(tensor)`, also by keyword. The
        only device is "cpu". Buffers of integers and bools stay what they are.

        Raises:
            DTypeError: The dtype is none of floats.
            OptionError: The device is another than the CPU.
        """
        dtype = to_dtype(f"{type(self).__name__}.to", *args, **kwargs)
        if dtype is not None:
            self._convert("to", [t for t in self._tensors() if t.dtype.kind == "f"], dtype)
        return self

    def type(self, dst_type: Any) -> Self:
        """Convert all parameters and all buffers, those of integers too."""
        self._convert("type", list(self._tensors()), to_dtype("type", dst_type))
        return self

    def double(self) -> Self:
        """Convert to float64."""
        return self.to("float64")

    def float(self) -> Self:
        """Convert to float32."""
        return self.to("float32")

    def half(self) -> Self:
        """Convert to float16."""
        return self.to("float16")

    def bfloat16(self) -> Self:
        """Refused: NumPy has no bfloat16.

        Raises:
            DTypeError: Always.
        """
        return self.to("bfloat16")

    def cpu(self) -> Self:
        """The module itself: everything is on the CPU."""
        return self

    def cuda(self, device: Any = None) -> Self:
        """Refused: there is no other device than the CPU.

        Raises:
            OptionError: Always.
        """
        return self.to("cuda" if device is None else device)

    def _tensors(self) -> Iterator[Tensor]:
        tree: Any = self
        seen: set[int] = set()
        for t in (*tree.parameters(), *tree.buffers()):
            if isinstance(t, Tensor) and id(t) not in seen:
                seen.add(id(t))
                yield t

    def _convert(self, name: str, tensors: list[Tensor], dtype: Any) -> None:
        try:
            converted = [t.synced().astype(dtype) for t in tensors]
        except TypeError as error:
            raise DTypeError(
                f"{name}: got {dtype!r}, expected float16, float32 or float64"
            ) from error
        if any(array.dtype.kind != "f" for array in converted):
            raise DTypeError(f"{name}: got {dtype!r}, expected float16, float32 or float64")
        for t, array in zip(tensors, converted, strict=True):
            grad, t.grad = t.grad, None
            t.data = array
            if grad is not None:
                t.grad = grad.detach().data.astype(array.dtype)
