"""Pooling layers to a size, and with random windows."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.generator import generator
from tinygrad_nn.nn.functional import adaptive_pool as functional
from tinygrad_nn.nn.functional.sizes import per_axis_or_none
from tinygrad_nn.nn.module import Module
from tinygrad_nn.nn.pool import several
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
]


class _AdaptiveAvgPool(Module):
    _dims = 0

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        per_axis_or_none(type(self).__name__, "output_size", output_size, self._dims)
        self.output_size = output_size

    def forward(self, input: Any) -> Any:
        """Means."""
        pool = (
            functional.adaptive_avg_pool1d,
            functional.adaptive_avg_pool2d,
            functional.adaptive_avg_pool3d,
        )
        return pool[self._dims - 1](input, self.output_size)

    def extra_repr(self) -> str:
        """Size."""
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveAvgPool):
    """Means of `output_size` windows of even length: `(N, C, L) -> (N, C, L_out)`, or without N.

    Window i goes from ⌊i L / L_out⌋ to ⌈(i + 1) L / L_out⌉, whatever L is.

    Args:
        output_size: L_out, or None for L.

    Raises:
        OptionError: It is no integer of at least 0.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveAvgPool1d(2)(tg.tensor([[[1.0, 2.0, 6.0]]])).tolist()
        [[[1.5, 4.0]]]
    """

    _dims = 1


class AdaptiveAvgPool2d(_AdaptiveAvgPool):
    """Means of windows of even size: `(N, C, H, W) -> (N, C, H_out, W_out)`, or without N.

    Args:
        output_size: Height and width out: one integer or two, None for the input's.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveAvgPool2d((2, None))(tg.zeros((1, 3, 5, 7))).shape
        (1, 3, 2, 7)
    """

    _dims = 2


class AdaptiveAvgPool3d(_AdaptiveAvgPool):
    """Means of windows of even size of `(N, C, D, H, W)`; see `AdaptiveAvgPool2d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveAvgPool3d(1)
        AdaptiveAvgPool3d(output_size=1)
    """

    _dims = 3


class _AdaptiveMaxPool(Module):
    _dims = 0

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__()
        per_axis_or_none(type(self).__name__, "output_size", output_size, self._dims)
        self.output_size, self.return_indices = output_size, return_indices

    def forward(self, input: Any) -> Any:
        """Maxima; with `return_indices` also their positions."""
        pool = (
            functional.adaptive_max_pool1d,
            functional.adaptive_max_pool2d,
            functional.adaptive_max_pool3d,
        )
        return pool[self._dims - 1](input, self.output_size, self.return_indices)

    def extra_repr(self) -> str:
        """Size."""
        return f"output_size={self.output_size}"


class AdaptiveMaxPool1d(_AdaptiveMaxPool):
    """Largest elements of `output_size` windows of even length: `(N, C, L) -> (N, C, L_out)`.

    The windows are those of `AdaptiveAvgPool1d`.

    Args:
        output_size: L_out, or None for L.
        return_indices: Return the maxima's positions as well.

    Raises:
        OptionError: The size is no integer of at least 0.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveMaxPool1d(2)(tg.tensor([[[1.0, 2.0, 6.0]]])).tolist()
        [[[2.0, 6.0]]]
    """

    _dims = 1


class AdaptiveMaxPool2d(_AdaptiveMaxPool):
    """Largest elements of windows of even size of `(N, C, H, W)`; see `AdaptiveMaxPool1d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveMaxPool2d((5, 7))
        AdaptiveMaxPool2d(output_size=(5, 7))
    """

    _dims = 2


class AdaptiveMaxPool3d(_AdaptiveMaxPool):
    """Largest elements of windows of even size of `(N, C, D, H, W)`; see `AdaptiveMaxPool1d`.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.AdaptiveMaxPool3d(1)
        AdaptiveMaxPool3d(output_size=1)
    """

    _dims = 3


class _FractionalMaxPool(Module):
    _dims = 0
    _random_samples: Tensor | None

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
        rng: Any = None,
    ) -> None:
        super().__init__()
        name, dims = type(self).__name__, self._dims
        functional.fractional_options(name, dims, kernel_size, output_size, output_ratio)
        self.kernel_size = several(kernel_size, dims)
        self.return_indices = return_indices
        samples = _random_samples
        if samples is not None and not isinstance(samples, Tensor):
            samples = tensor(samples)
        self.register_buffer("_random_samples", samples)
        self.output_size = None if output_size is None else several(output_size, dims)
        self.output_ratio = None if output_ratio is None else several(output_ratio, dims)
        self.rng = generator(rng)

    def forward(self, input: Any) -> Any:
        """Maxima; with `return_indices` also their positions."""
        pool = (
            functional.fractional_max_pool2d
            if self._dims == 2
            else functional.fractional_max_pool3d
        )
        return pool(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            self._random_samples,
            self.rng,
        )


class FractionalMaxPool2d(_FractionalMaxPool):
    """Largest elements of windows at random places: `(N, C, H, W) -> (N, C, H_out, W_out)`.

    The image shrinks by any ratio. Windows are drawn anew in each call, in evaluation too.

    Args:
        kernel_size: Height and width of a window.
        output_size: Number of windows along each axis.
        output_ratio: Instead of it, a share of the input's size.
        return_indices: Return the maxima's positions as well.
        _random_samples: (N, C, 2) numbers in [0, 1), instead of drawn ones.
        rng: Seed or generator.

    Raises:
        OptionError: A size or ratio is out of range, or not exactly one of them is given.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.FractionalMaxPool2d(2, output_ratio=0.7, rng=0)(tg.zeros((1, 1, 10, 10))).shape
        (1, 1, 7, 7)

    Source:
        Graham 2014, Fractional max-pooling.
    """

    _dims = 2


class FractionalMaxPool3d(_FractionalMaxPool):
    """Largest elements of windows at random places of `(N, C, D, H, W)`; with (N, C, 3) samples.

    See `FractionalMaxPool2d`.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.FractionalMaxPool3d(2, output_size=3, rng=0)(tg.zeros((1, 1, 5, 6, 7))).shape
        (1, 1, 3, 3, 3)
    """

    _dims = 3
