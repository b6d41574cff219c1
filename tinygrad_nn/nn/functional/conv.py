"""Convolutions and windows as functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.sizes import Sizes, per_axis
from tinygrad_nn.ops.align import arrays
from tinygrad_nn.ops.columns import col2im, im2col
from tinygrad_nn.ops.convolution import check_transposed, convolution, convolution_transpose
from tinygrad_nn.ops.shape import expand_dims, permute_dims, reshape

__all__ = [
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_tbc",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "fold",
    "unfold",
]


def same_padding(kernel: Sequence[int], dilation: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Padding before and after each side that keeps its size; an odd one more stands behind."""
    totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
    return tuple((n // 2, n - n // 2) for n in totals)


def _padding(
    name: str, padding: Any, kernel: tuple[int, ...], stride: Any, dilation: Any
) -> tuple[tuple[int, int], ...]:
    if not isinstance(padding, str):
        return tuple((n, n) for n in per_axis(name, "padding", padding, len(kernel)))
    if padding == "valid":
        return ((0, 0),) * len(kernel)
    if padding != "same":
        raise OptionError(f"{name}: got padding={padding!r}, expected 'same', 'valid', or numbers")
    if max(stride) > 1:
        raise OptionError(
            f"{name}: got padding='same' with stride={stride}, expected a stride of 1: no padding "
            "keeps the size otherwise; give the padding in numbers"
        )
    return same_padding(kernel, dilation)


def _batched(name: str, x: Any, weight: Any, ndim: int) -> tuple[Any, bool]:
    """`x` with a batch axis, and whether it had none."""
    if weight.ndim != ndim + 2:
        raise ShapeError(
            f"{name}: got a weight {weight.shape}, expected {ndim + 2} axes: two of channels and "
            f"{ndim} of the kernel"
        )
    if x.ndim == ndim + 2:
        return x, False
    if x.ndim != ndim + 1:
        text = f"{name}: got an input {x.shape}, expected (N, C{', side' * ndim})"
        text += f" or (C{', side' * ndim}) for one sample"
        if x.ndim == ndim:
            text += "; put in an axis for the one channel: x[:, None] of a batch, x[None] of one"
        raise ShapeError(text)
    return expand_dims(x, 0), True


def _convolved(
    ndim: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, dilation: Any,
    groups: int,
) -> Any:  # fmt: skip
    name = f"conv{ndim}d"
    input, weight = arrays("convolution", input, weight)
    input, single = _batched(name, input, weight, ndim)
    stride = per_axis(name, "stride", stride, ndim, 1)
    dilation = per_axis(name, "dilation", dilation, ndim, 1)
    pads = _padding(name, padding, weight.shape[2:], stride, dilation)
    given = (input, weight) if bias is None else (input, weight, bias)
    y = convolution(*given, stride=stride, padding=pads, dilation=dilation, groups=groups)
    return y[0] if single else y


def conv1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of sequences: `(N, C, L), (O, C/groups, K), (O,) -> (N, O, L')`.

    y[n, o, p] = bias[o] + Σ weight[o, c, k] x[n, c, p · stride + k · dilation − padding], with
    L' = (L + 2 padding − dilation (K − 1) − 1) // stride + 1.

    Args:
        input: Batch (N, C, L), or one sample (C, L).
        weight: Kernels.
        bias: Added to each output channel, or None.
        stride: Step from one place of the window to the next.
        padding: Zeros on both sides; "same" keeps the length, "valid" is none.
        dilation: Distance of taps.
        groups: How many blocks of channels are kept apart.

    Raises:
        ShapeError: The shapes do not fit, or the kernel is larger than the padded input.
        OptionError: A number is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.nn import functional as F
        >>> F.conv1d(np.array([[[1.0, 2.0, 4.0]]]), np.array([[[-1.0, 1.0]]]))
        array([[[1., 2.]]])
    """
    return _convolved(1, input, weight, bias, stride, padding, dilation, groups)


def conv2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of images: `(N, C, H, W), (O, C/groups, KH, KW), (O,) -> (N, O, H', W')`.

    As `conv1d`, along both sides; a number stands for both, a pair for (H, W).

    Raises:
        ShapeError: The shapes do not fit, or the kernel is larger than the padded input.
        OptionError: A number is out of range.
    """
    return _convolved(2, input, weight, bias, stride, padding, dilation, groups)


def conv3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes | str = 0,
    dilation: Sizes = 1,
    groups: int = 1,
) -> Any:
    """Convolution of volumes: `(N, C, D, H, W), (O, C/groups, KD, KH, KW) -> (N, O, D', H', W')`.

    As `conv1d`, along all three sides.

    Raises:
        ShapeError: The shapes do not fit, or the kernel is larger than the padded input.
        OptionError: A number is out of range.
    """
    return _convolved(3, input, weight, bias, stride, padding, dilation, groups)


def _transposed(
    ndim: int, input: Any, weight: Any, bias: Any, stride: Any, padding: Any, output_padding: Any,
    groups: int, dilation: Any,
) -> Any:  # fmt: skip
    name = f"conv_transpose{ndim}d"
    input, weight = arrays("convolution_transpose", input, weight)
    input, single = _batched(name, input, weight, ndim)
    stride = per_axis(name, "stride", stride, ndim, 1)
    dilation = per_axis(name, "dilation", dilation, ndim, 1)
    before = per_axis(name, "padding", padding, ndim)
    extra = per_axis(name, "output_padding", output_padding, ndim)
    if any(e >= max(s, d) for e, s, d in zip(extra, stride, dilation, strict=True)):
        raise OptionError(
            f"{name}: got output_padding={output_padding!r} with stride {stride} and dilation "
            f"{dilation}, expected less than one of them"
        )
    check_transposed(name, input.shape, weight.shape, groups)
    pads = tuple((a, a - e) for a, e in zip(before, extra, strict=True))
    y = convolution_transpose(
        input, weight, stride=stride, padding=pads, dilation=dilation, groups=groups
    )
    if bias is not None:
        (bias,) = arrays("add", bias)
        if bias.shape != (y.shape[1],):
            raise ShapeError(
                f"{name}: got a bias of shape {bias.shape}, expected ({y.shape[1]},): one number "
                f"for each output channel of the weight {weight.shape} with groups={groups}"
            )
        y = y + reshape(bias, (y.shape[1], *(1,) * ndim))
    return y[0] if single else y


def conv_transpose1d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transpose of `conv1d`: `(N, C, L), (C, O/groups, K), (O,) -> (N, O, L')`.

    Each number of the input puts a kernel, multiplied by it, into the result; overlaps add up.
    L' = (L − 1) stride − 2 padding + dilation (K − 1) + output_padding + 1.

    Args:
        input: Batch (N, C, L), or one sample (C, L).
        weight: Kernels.
        bias: Added to each output channel, or None.
        stride: Distance of the kernels.
        padding: How much is cut off on both sides.
        output_padding: By how much less behind; smaller than stride or dilation.
        groups: How many blocks of channels are kept apart.
        dilation: Distance of taps.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A number is out of range.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.nn import functional as F
        >>> F.conv_transpose1d(np.array([[[1.0, 2.0]]]), np.array([[[1.0, 3.0]]]), stride=2)
        array([[[1., 3., 2., 6.]]])
    """
    return _transposed(1, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transpose of `conv2d`: `(N, C, H, W), (C, O/groups, KH, KW), (O,) -> (N, O, H', W')`.

    As `conv_transpose1d`, along both sides.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A number is out of range.
    """
    return _transposed(2, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(
    input: Any,
    weight: Any,
    bias: Any = None,
    stride: Sizes = 1,
    padding: Sizes = 0,
    output_padding: Sizes = 0,
    groups: int = 1,
    dilation: Sizes = 1,
) -> Any:
    """Transpose of `conv3d`: `(N, C, D, H, W), (C, O/groups, KD, KH, KW) -> (N, O, D', H', W')`.

    As `conv_transpose1d`, along all three sides.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A number is out of range.
    """
    return _transposed(3, input, weight, bias, stride, padding, output_padding, groups, dilation)


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """Convolution with time first: `(T, N, C), (K, C, O), (O,) -> (T', N, O)`.

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: `pad` is negative.
    """
    input, weight = arrays("convolution", input, weight)
    if input.ndim != 3 or weight.ndim != 3 or input.shape[2] != weight.shape[1]:
        raise ShapeError(
            f"conv_tbc: got an input {input.shape} and a weight {weight.shape}, expected "
            "(T, N, C) and (K, C, O)"
        )
    x, kernels = permute_dims(input, (1, 2, 0)), permute_dims(weight, (2, 1, 0))
    return permute_dims(conv1d(x, kernels, bias, padding=pad), (2, 0, 1))


def unfold(
    input: Any, kernel_size: Sizes, dilation: Sizes = 1, padding: Sizes = 0, stride: Sizes = 1
) -> Any:
    """Windows of images as columns: `(N, C, H, W) -> (N, C · KH · KW, places)`; or of one image.

    Raises:
        ShapeError: The input is no image, or the kernel is larger than the padded input.
        OptionError: A number is out of range.
    """
    (input,) = arrays("im2col", input)
    if input.ndim not in (3, 4):
        raise ShapeError(f"unfold: got an input {input.shape}, expected (N, C, H, W) or (C, H, W)")
    kernel, static = _window("unfold", kernel_size, dilation, padding, stride)
    if input.ndim == 3:
        return im2col(expand_dims(input, 0), kernel=kernel, **static)[0]
    return im2col(input, kernel=kernel, **static)


def fold(
    input: Any,
    output_size: Sizes,
    kernel_size: Sizes,
    dilation: Sizes = 1,
    padding: Sizes = 0,
    stride: Sizes = 1,
) -> Any:
    """Columns of `unfold` added up to images: `(N, C · KH · KW, places) -> (N, C, H, W)`.

    Raises:
        ShapeError: The columns are not those of such windows.
        OptionError: A number is out of range.
    """
    (input,) = arrays("col2im", input)
    if input.ndim not in (2, 3):
        raise ShapeError(
            f"fold: got an input {input.shape}, expected (N, C · taps, places), or without N"
        )
    sides = per_axis("fold", "output_size", output_size, 2, 1)
    kernel, static = _window("fold", kernel_size, dilation, padding, stride)
    if input.ndim == 2:
        return col2im(expand_dims(input, 0), sides=sides, kernel=kernel, **static)[0]
    return col2im(input, sides=sides, kernel=kernel, **static)


def _window(
    name: str, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[tuple[int, ...], dict[str, Any]]:
    pads = tuple((n, n) for n in per_axis(name, "padding", padding, 2))
    return per_axis(name, "kernel_size", kernel_size, 2, 1), {
        "stride": per_axis(name, "stride", stride, 2, 1),
        "padding": pads,
        "dilation": per_axis(name, "dilation", dilation, 2, 1),
    }
