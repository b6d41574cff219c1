"""What `.to(...)` was asked for: PyTorch's forms of a dtype, a device or another tensor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Self

from tinygrad_nn.errors import DTypeError, OperandError
from tinygrad_nn.nn.factory import check_device
from tinygrad_nn.tensor import Tensor

__all__ = ["Convertible", "to_dtype"]

_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "hpu", "ipu", "xla", "mtia")
_ABSENT = ("bfloat16", "float8", "complex32")
_IGNORED = {"non_blocking", "copy", "memory_format"}


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


def to_dtype(name: str, *args: Any, **kwargs: Any) -> Any:
    """The dtype of `to(dtype)`, `to(device, dtype)` or `to(tensor)`; None where none is asked.

    Raises:
        OptionError: The device is not the CPU.
        DTypeError: NumPy has no such dtype.
        OperandError: The arguments are none of these.
    """
    unknown = sorted(set(kwargs) - _IGNORED - {"device", "dtype", "tensor", "other"})
    if unknown or len(args) > 4:
        got = f"the argument {unknown[0]!r}" if unknown else f"{len(args)} arguments"
        raise OperandError(
            f"{name}: got {got}, expected to(dtype), to(device, dtype) or to(tensor)"
        )
    check_device(name, kwargs.get("device"))
    dtype = kwargs.get("dtype")
    given = kwargs.get("tensor", kwargs.get("other"))
    for argument in (*args, given):
        if argument is None or isinstance(argument, bool):
            continue  # PyTorch's non_blocking and copy
        if _is_device(argument):
            check_device(name, argument)
        elif not isinstance(argument, type) and hasattr(argument, "shape"):
            dtype = argument.dtype
        else:
            dtype = argument
    return None if dtype is None else _dtype(name, dtype)


def _is_device(argument: Any) -> bool:
    if isinstance(argument, int):
        return True  # the number of a GPU
    if type(argument).__name__ == "device":
        return True
    return isinstance(argument, str) and argument.partition(":")[0] in _DEVICES


def _dtype(name: str, dtype: Any) -> Any:
    """`dtype` in a form that NumPy understands."""
    text = str(dtype)
    if text.startswith("torch."):
        dtype = text = text.removeprefix("torch.")
    if text.startswith(_ABSENT):
        raise DTypeError(
            f"{name}: got {text}, which NumPy has not; expected float16, float32 or float64"
        )
    return dtype
