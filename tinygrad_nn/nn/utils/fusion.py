"""A layer and the batch normalisation behind it made one layer, for use after training.

In evaluation a batch normalisation is an affine map of each channel with fixed numbers,
γ (y − μ) / √(σ² + ε) + β, which the weight and bias of the layer before can take over.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.ops.shape import reshape
from tinygrad_nn.tensor import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """Copy of a convolution that does what `conv` and then `bn` do.

    Args:
        conv: Convolution, in evaluation.
        bn: Batch normalisation, in evaluation, with running statistics.
        transpose: `conv` is a transposed convolution, whose weight is `(in, out, ...)`.

    Raises:
        OptionError: One of them is in training, or `bn` has no running statistics.
        ShapeError: Their channels differ.
    """
    _check("fuse_conv_bn_eval", conv, bn, conv.out_channels)
    fused = deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that `fuse_conv_bn_eval` makes.

    Args:
        conv_w: Weight of the convolution.
        conv_b: Its bias, or None.
        bn_rm: Running mean μ.
        bn_rv: Running variance σ².
        bn_eps: ε.
        bn_w: γ, or None for 1.
        bn_b: β, or None for 0.
        transpose: The weight is `(in, out, ...)`.
    """
    lead = (1, -1) if transpose else (-1, 1)
    return _fused(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, lead)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """Copy of a `Linear` that does what `linear` and then `bn` do; as `fuse_conv_bn_eval`."""
    _check("fuse_linear_bn_eval", linear, bn, linear.out_features)
    fused = deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(
        linear.weight, linear.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the `Linear` that `fuse_linear_bn_eval` makes."""
    return _fused(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))


def _fused(
    w: Any, b: Any, mean: Any, variance: Any, eps: float, gamma: Any, beta: Any, lead: Any
) -> tuple[Parameter, Parameter]:
    with no_grad():
        scale = (variance + eps) ** -0.5
        if gamma is not None:
            scale = scale * gamma
        bias = ((0.0 if b is None else b) - mean) * scale
        if beta is not None:
            bias = bias + beta
        weight = w * reshape(scale, (*lead, *(1,) * (w.ndim - 2)))
    kind = w.dtype if b is None else b.dtype
    return (
        Parameter(weight, w.requires_grad, dtype=w.dtype),
        Parameter(bias, b is None or b.requires_grad, dtype=kind),
    )


def _check(name: str, layer: Any, bn: Any, channels: int) -> None:
    if layer.training or bn.training:
        raise OptionError(f"{name}: got a module in training, expected both after .eval()")
    if bn.running_mean is None or bn.running_var is None:
        raise OptionError(
            f"{name}: got a {type(bn).__name__} without running statistics, expected one with "
            "track_running_stats=True"
        )
    if bn.num_features not in (channels, 1):
        raise ShapeError(
            f"{name}: got {channels} channels and a normalisation of {bn.num_features}, expected "
            "as many"
        )
