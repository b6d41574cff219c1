"""Layers that normalise each channel: over the batch, or over each sample."""

from __future__ import annotations

from typing import Any, ClassVar, Unpack

from tinygrad_nn.core.capturing import item
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.operands import epsilon, floats, overwrite
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Parameter, Tensor

__all__ = [
    "BatchNorm1d",
    "BatchNorm2d",
    "BatchNorm3d",
    "InstanceNorm1d",
    "InstanceNorm2d",
    "InstanceNorm3d",
]


class _Norm(Module):
    """Parameters, running numbers and their update, which batch and instance layers share."""

    axes: ClassVar[tuple[int, ...]]
    weight: Parameter | None
    bias: Parameter | None
    running_mean: Tensor | None
    running_var: Tensor | None
    num_batches_tracked: Tensor | None

    def __init__(
        self,
        num_features: int,
        eps: float,
        momentum: float | None,
        affine: bool,
        track_running_stats: bool,
        bias: bool,
        factory: Factory,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        self.num_features = whole(name, "num_features", num_features)
        epsilon(name, eps)
        number = momentum is None or hasattr(momentum, "__float__")
        if not number or (momentum is not None and not 0 <= momentum <= 1):
            raise OptionError(
                f"{name}: got momentum={momentum!r}, expected the share of the new batch, from 0 "
                "to 1, or None for the mean of all batches"
            )
        self.eps, self.momentum, self.affine = eps, momentum, affine
        self.track_running_stats = track_running_stats
        first, shape = Start(name, factory), (self.num_features,)
        self.weight = first.constant(shape, 1.0) if affine else None
        self.bias = first.constant(shape, 0.0) if affine and bias else None
        tracked = track_running_stats
        self.register_buffer("running_mean", first.buffer(shape, 0.0) if tracked else None)
        self.register_buffer("running_var", first.buffer(shape, 1.0) if tracked else None)
        self.register_buffer(
            "num_batches_tracked", first.buffer((), 0, dtype="int64") if tracked else None
        )

    def reset_running_stats(self) -> None:
        """Begin anew: mean 0, variance 1, no batches."""
        for buffer, start in (
            (self.running_mean, 0),
            (self.running_var, 1),
            (self.num_batches_tracked, 0),
        ):
            if buffer is not None:
                overwrite(buffer, buffer.synced() * 0 + start)

    def extra_repr(self) -> str:
        """Options."""
        return (
            f"{self.num_features}, eps={self.eps}, momentum={self.momentum}, "
            f"affine={self.affine}, bias={self.bias is not None}, "
            f"track_running_stats={self.track_running_stats}"
        )

    def _check(self, x: Any, channel_axis: int) -> None:
        """Refuse an input of another number of axes or channels."""
        name = type(self).__name__
        if x.ndim not in self.axes:
            counts = " or ".join(map(str, self.axes))
            other = f"{name[:-2]}{x.ndim - 2}d" if 3 <= x.ndim <= 5 else None
            raise ShapeError(
                f"{name}: got an input {tuple(x.shape)} with {x.ndim} axes, expected {counts}"
                + (f"; {other} takes such inputs" if other else "")
            )
        if x.shape[channel_axis] != self.num_features:
            raise ShapeError(
                f"{name}: got an input {tuple(x.shape)} with {x.shape[channel_axis]} channels on "
                f"axis {channel_axis}, expected num_features={self.num_features}"
            )


class _BatchNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float | None = 0.1,
        affine: bool = True,
        track_running_stats: bool = True,
        *,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, factory)

    def forward(self, x: Any) -> Any:
        """x normalised by the batch in training, otherwise by the running numbers."""
        x = floats(type(self).__name__, x)
        self._check(x, 1)
        mean, variance = self.running_mean, self.running_var
        if not self.training:
            by_batch = mean is None and variance is None
            return functional.batch_norm(
                x, mean, variance, self.weight, self.bias, by_batch, 0.0, self.eps
            )
        count = self.num_batches_tracked
        if not self.track_running_stats:
            mean = variance = count = None
        momentum = self.momentum
        if momentum is None:
            momentum = 0.0 if count is None else 1.0 / (item(count) + 1)
        y = functional.batch_norm(
            x, mean, variance, self.weight, self.bias, True, momentum, self.eps
        )
        if count is not None:
            overwrite(count, count.synced() + 1)
        return y


class BatchNorm1d(_BatchNorm):
    """(x − mean) / √(variance + eps) · weight + bias, for each channel: `(N, C)` or `(N, C, L)`.

    In training mean and variance are the batch's, and the running ones move towards them; in
    evaluation the running ones are used.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers; None for the mean of all batches.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers; without them the batch's are used
            in evaluation too.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None; starts at 1.
        bias: Parameter (num_features,), or None; starts at 0.
        running_mean: Buffer (num_features,), or None; starts at 0.
        running_var: Buffer (num_features,), or None: variances over n − 1; starts at 1.
        num_batches_tracked: Buffer: number of batches seen in training, or None.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or there is one value for each in training.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> norm = nn.BatchNorm1d(1)
        >>> norm(tg.tensor([[1.0], [3.0]])).round(3).tolist()
        [[-1.0], [1.0]]
        >>> round(norm.running_mean.item(), 3), round(norm.running_var.item(), 3)
        (0.2, 1.1)

    Source:
        Ioffe and Szegedy 2015, "Batch normalization: accelerating deep network training by
        reducing internal covariate shift".
    """

    axes = (2, 3)


class BatchNorm2d(_BatchNorm):
    """`BatchNorm1d` for images: `(N, C, H, W) -> (N, C, H, W)`.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers; None for the mean of all batches.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None.
        bias: Parameter (num_features,), or None.
        running_mean: Buffer (num_features,), or None.
        running_var: Buffer (num_features,), or None.
        num_batches_tracked: Buffer (), or None.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or there is one value for each in training.

    Example:
        >>> from tinygrad_nn import nn
        >>> nn.BatchNorm2d(3, affine=False)
        BatchNorm2d(3, eps=1e-05, momentum=0.1, affine=False, bias=False, track_running_stats=True)
    """

    axes = (4,)


class BatchNorm3d(_BatchNorm):
    """`BatchNorm1d` for volumes: `(N, C, D, H, W) -> (N, C, D, H, W)`.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers; None for the mean of all batches.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None.
        bias: Parameter (num_features,), or None.
        running_mean: Buffer (num_features,), or None.
        running_var: Buffer (num_features,), or None.
        num_batches_tracked: Buffer (), or None.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or there is one value for each in training.
    """

    axes = (5,)


class _InstanceNorm(_Norm):
    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        *,
        bias: bool = True,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__(num_features, eps, momentum, affine, track_running_stats, bias, factory)

    def forward(self, x: Any) -> Any:
        """x normalised by each sample, or in evaluation by running numbers where they are kept."""
        x = floats(type(self).__name__, x)
        single = x.ndim == self.axes[0]
        self._check(x, 0 if single else 1)
        y = functional.instance_norm(
            x[None] if single else x,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            0.0 if self.momentum is None else self.momentum,
            self.eps,
        )
        return y[0] if single else y


class InstanceNorm1d(_InstanceNorm):
    """(x − mean) / √(variance + eps) · weight + bias, for each channel of each sample.

    `(N, C, L) -> (N, C, L)`, or, of one sample, `(C, L) -> (C, L)`.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers, which evaluation then uses.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None; starts at 1.
        bias: Parameter (num_features,), or None; starts at 0.
        running_mean: Buffer (num_features,), or None.
        running_var: Buffer (num_features,), or None: variances over n − 1.
        num_batches_tracked: Buffer (), or None; stays 0, as in PyTorch.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or have one place.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> nn.InstanceNorm1d(1)(tg.tensor([[[1.0, 3.0]]])).round(3).tolist()
        [[[-1.0, 1.0]]]

    Source:
        Ulyanov, Vedaldi and Lempitsky 2016, "Instance normalization: the missing ingredient for
        fast stylization".
    """

    axes = (2, 3)


class InstanceNorm2d(_InstanceNorm):
    """`InstanceNorm1d` for images: `(N, C, H, W)` or, of one, `(C, H, W)`.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers, which evaluation then uses.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None.
        bias: Parameter (num_features,), or None.
        running_mean: Buffer (num_features,), or None.
        running_var: Buffer (num_features,), or None.
        num_batches_tracked: Buffer (), or None.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or have one place.
    """

    axes = (3, 4)


class InstanceNorm3d(_InstanceNorm):
    """`InstanceNorm1d` for volumes: `(N, C, D, H, W)` or, of one, `(C, D, H, W)`.

    Args:
        num_features: C.
        eps: Keeps the root from 0.
        momentum: Share of the new batch in the running numbers.
        affine: Whether to multiply and add at all.
        track_running_stats: Whether to keep running numbers, which evaluation then uses.
        bias: Whether to add.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (num_features,), or None.
        bias: Parameter (num_features,), or None.
        running_mean: Buffer (num_features,), or None.
        running_var: Buffer (num_features,), or None.
        num_batches_tracked: Buffer (), or None.

    Raises:
        OptionError: A size, eps or momentum is no such number.
        ShapeError: In a call: the channels do not fit, or have one place.
    """

    axes = (4, 5)
