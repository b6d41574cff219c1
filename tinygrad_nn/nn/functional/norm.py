"""Normalisation as functions: PyTorch's names and argument order."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import epsilon, floats, overwrite
from tinygrad_nn.nn.functional.sizes import is_whole, whole
from tinygrad_nn.ops.elementwise import sqrt
from tinygrad_nn.ops.normalization import moments, standardize
from tinygrad_nn.ops.repeat import pad
from tinygrad_nn.ops.shape import reshape

__all__ = [
    "batch_norm",
    "group_norm",
    "instance_norm",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]

# ── Over the last axes ──────────────────────────────────────────────────────────────────


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """(x − mean) / √(variance + eps) · weight + bias, over the last axes of each sample.

    `(..., *normalized_shape) -> (..., *normalized_shape)`. One node.

    Args:
        input: Tensor of floats.
        normalized_shape: Sizes of the axes to normalise over; an int for one.
        weight: `normalized_shape`, or None for 1.
        bias: `normalized_shape`, or None for 0.
        eps: Keeps the root from 0.

    Raises:
        ShapeError: The shapes do not end in `normalized_shape`.
    """
    x = floats("layer_norm", input)
    axes = _last_axes("layer_norm", x, normalized_shape, weight, bias)
    return _affine(x, weight, bias, axes, epsilon("layer_norm", eps))


def rms_norm(
    input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Any:
    """x / √(mean(x²) + eps) · weight, over the last axes of each sample.

    `(..., *normalized_shape) -> (..., *normalized_shape)`. One node.

    Args:
        input: Tensor of floats.
        normalized_shape: Sizes of the axes to normalise over; an int for one.
        weight: `normalized_shape`, or None for 1.
        eps: Keeps the root from 0; None for the distance from 1 to the next number of the dtype.

    Raises:
        ShapeError: The shapes do not end in `normalized_shape`.
    """
    x = floats("rms_norm", input)
    axes = _last_axes("rms_norm", x, normalized_shape, weight, None)
    tiny = float(namespace(x._data).finfo(x.dtype).eps) if eps is None else epsilon("rms_norm", eps)
    return _affine(x, weight, None, axes, tiny, centred=False)


def normal_shape(name: str, normalized_shape: Any) -> tuple[int, ...]:
    """`normalized_shape` as a tuple.

    Raises:
        OptionError: It is empty, or has something else than sizes.
    """
    found = (normalized_shape,) if is_whole(normalized_shape) else normalized_shape
    good = isinstance(found, (tuple, list)) and bool(found)
    if not good or not all(is_whole(n) and n >= 0 for n in found):
        raise OptionError(
            f"{name}: got normalized_shape={normalized_shape!r}, expected the size of the last "
            "axis, or a tuple of the sizes of the last axes"
        )
    return tuple(map(int, found))


def _last_axes(name: str, x: Any, normalized_shape: Any, *affine: Any) -> tuple[int, ...]:
    wanted = normal_shape(name, normalized_shape)
    start = x.ndim - len(wanted)
    if start < 0 or x.shape[start:] != wanted:
        raise ShapeError(
            f"{name}: got an input {x.shape} and normalized_shape {wanted}, expected an input "
            f"(..., {', '.join(map(str, wanted))}): the last axes are normalised over"
        )
    for word, part in zip(("weight", "bias"), affine, strict=True):
        if part is not None and tuple(part.shape) != wanted:
            raise ShapeError(
                f"{name}: got a {word} {tuple(part.shape)}, expected {wanted}: normalized_shape"
            )
    return tuple(range(start, x.ndim))


def _affine(
    x: Any, weight: Any, bias: Any, axes: tuple[int, ...], eps: float, centred: bool = True
) -> Any:
    """The node, with whichever of weight and bias there are."""
    static: dict[str, Any] = {"axes": axes, "eps": eps, "centred": centred}
    if weight is None:
        y = standardize(x, **static)
        return y if bias is None else y + bias
    if bias is None:
        return standardize(x, weight, **static)
    return standardize(x, weight, bias, **static)


# ── Over everything but channels ────────────────────────────────────────────────────────


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x − mean) / √(variance + eps) · weight + bias, for each channel over samples and places.

    `(N, C, ...) -> (N, C, ...)`. When training, mean and variance are the batch's, and the
    running ones given are overwritten: (1 − momentum) · running + momentum · batch, with the
    variance over n − 1. Otherwise the running ones are used.

    Args:
        input: Tensor of floats.
        running_mean: `(C,)`: leaf tensor or array; None for none.
        running_var: `(C,)`: the same.
        weight: `(C,)`, or None for 1.
        bias: `(C,)`, or None for 0.
        training: Whether to use the batch.
        momentum: Share of the batch in the running numbers.
        eps: Keeps the root from 0.

    Raises:
        ShapeError: A shape does not fit the channels, or, in training, a channel has fewer than
            two values.
        OptionError: Running numbers are needed and missing.
    """
    x = floats("batch_norm", input)
    eps = epsilon("batch_norm", eps)
    running = (running_mean, running_var)
    _check_channels("batch_norm", x, 2, (*running, weight, bias))
    if not training:
        return _by_running("batch_norm", x, running, weight, bias, eps)
    axes = (0, *range(2, x.ndim))
    count = prod([x.shape[a] for a in axes])
    if count < 2:
        raise ShapeError(
            f"batch_norm: got {x.shape}, {'one value' if count else 'no values'} for each channel "
            "in training, expected at least two, or every output would be the bias; give larger "
            "batches (DataLoader drops a small last one with drop_last=True), or call model.eval()"
        )
    if any(r is not None for r in running):
        _update(running, moments(x.synced(), axes=axes), count, momentum)
    weight, bias = _over_channels(x, weight, bias)
    return _affine(x, weight, bias, axes, eps)


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """(x − mean) / √(variance + eps) · weight + bias, for each channel of each sample.

    `(N, C, ...) -> (N, C, ...)`. The running numbers given are overwritten with their mean over
    the samples, as `batch_norm` does; without `use_input_stats` they are used.

    Args:
        input: Tensor of floats.
        running_mean: `(C,)`: leaf tensor or array; None for none.
        running_var: `(C,)`: the same.
        weight: `(C,)`, or None for 1.
        bias: `(C,)`, or None for 0.
        use_input_stats: Whether to use the samples' own mean and variance.
        momentum: Share of the batch in the running numbers.
        eps: Keeps the root from 0.

    Raises:
        ShapeError: A shape does not fit the channels, or a channel has fewer than two places.
        OptionError: Running numbers are needed and missing.
    """
    x = floats("instance_norm", input)
    eps = epsilon("instance_norm", eps)
    running = (running_mean, running_var)
    _check_channels("instance_norm", x, 3 if use_input_stats else 2, (*running, weight, bias))
    if not use_input_stats:
        return _by_running("instance_norm", x, running, weight, bias, eps)
    axes = tuple(range(2, x.ndim))
    count = prod(x.shape[2:])
    if count < 2:
        raise ShapeError(
            f"instance_norm: got {x.shape}, {'one place' if count else 'no places'} for each "
            "channel, expected at least two, or every output would be the bias; normalise over "
            "the batch (batch_norm) or over channels (layer_norm)"
        )
    if any(r is not None for r in running) and len(x):
        each = moments(x.synced(), axes=axes)
        _update(running, each.mean(axis=1), count, momentum)
    weight, bias = _over_channels(x, weight, bias)
    return _affine(x, weight, bias, axes, eps)


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """(x − mean) / √(variance + eps) · weight + bias, for each group of channels of a sample.

    `(N, C, ...) -> (N, C, ...)`; group i has the channels from i · C / num_groups on.

    Args:
        input: Tensor of floats.
        num_groups: Number of groups, which divides C.
        weight: `(C,)`, or None for 1.
        bias: `(C,)`, or None for 0.
        eps: Keeps the root from 0.

    Raises:
        OptionError: The groups do not divide the channels.
        ShapeError: A shape does not fit the channels, or all groups have one value in all.
    """
    x = floats("group_norm", input)
    eps = epsilon("group_norm", eps)
    _check_channels("group_norm", x, 2, (None, None, weight, bias))
    samples, channels, *places = x.shape
    check_groups("group_norm", num_groups, channels)
    size = channels // num_groups
    if samples * size * prod(places) == 1:
        raise ShapeError(
            f"group_norm: got {x.shape} in {num_groups} groups, one value for each, expected at "
            "least two, or every output would be the bias; take fewer groups"
        )
    grouped = (num_groups, size, *[1] * len(places))
    weight, bias = (None if p is None else reshape(p, grouped) for p in (weight, bias))
    y = reshape(x, (samples, num_groups, size, *places))
    return reshape(_affine(y, weight, bias, tuple(range(2, y.ndim)), eps), x.shape)


def check_groups(name: str, groups: Any, channels: int) -> None:
    """Refuse groups that do not divide the channels.

    Raises:
        OptionError: They do not.
    """
    if not is_whole(groups) or groups < 1 or channels % groups:
        raise OptionError(
            f"{name}: got num_groups={groups!r} for {channels} channels, expected a divisor of "
            f"{channels}, such as {_divisors(channels)}"
        )


def _divisors(n: int) -> str:
    return ", ".join([str(i) for i in range(1, n + 1) if n % i == 0][:6]) or "1"


def _check_channels(name: str, x: Any, least: int, parts: tuple[Any, ...]) -> None:
    if x.ndim < least:
        raise ShapeError(
            f"{name}: got an input {x.shape}, expected (samples, channels"
            f"{', places)' if least > 2 else ', ...)'}; add an axis with x[None] for one sample"
        )
    words = ("running_mean", "running_var", "weight", "bias")
    for word, part in zip(words, parts, strict=True):
        if part is not None and tuple(part.shape) != x.shape[1:2]:
            raise ShapeError(
                f"{name}: got an input {x.shape}, so {x.shape[1]} channels, and {word} "
                f"{tuple(part.shape)}, expected {x.shape[1:2]}; the channels are axis 1"
            )


def _over_channels(x: Any, *parts: Any) -> list[Any]:
    """Numbers for each channel, as they broadcast to the input."""
    shape = (-1, *[1] * (x.ndim - 2))
    return [p if p is None or x.ndim == 2 else reshape(p, shape) for p in parts]


def _by_running(
    name: str, x: Any, running: tuple[Any, ...], weight: Any, bias: Any, eps: float
) -> Any:
    mean, variance = (r.synced() if isinstance(r, Node) else r for r in running)
    if mean is None or variance is None:
        raise OptionError(
            f"{name}: got no running_mean or running_var, expected both where the batch's own are "
            "not used; pass them, or training=True (use_input_stats=True)"
        )
    scale = 1 / sqrt(variance + eps)
    if weight is not None:
        scale = weight * scale
    mean, scale, bias = _over_channels(x, mean, scale, bias)
    y = (x - mean) * scale
    return y if bias is None else y + bias


def _update(running: tuple[Any, ...], batch: Any, count: int, momentum: float) -> None:
    """Move the running mean and variance towards those of the batch."""
    unbiased = (1.0, count / (count - 1))
    for target, new, factor in zip(running, batch, unbiased, strict=True):
        if target is not None:
            old = target.synced() if isinstance(target, Node) else target
            share = new.reshape(-1) * (factor * momentum)
            overwrite(target, old * (1 - momentum) + share)


# ── Across neighbouring channels ────────────────────────────────────────────────────────


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """x / (k + alpha · mean of x² over `size` neighbouring channels)^beta.

    `(N, C, ...) -> (N, C, ...)`; beyond the first and last channel there are zeros.

    Args:
        input: Tensor of floats.
        size: Channels in the window.
        alpha: Factor of the mean.
        beta: Exponent.
        k: Added, so that the base is not 0.

    Raises:
        ShapeError: There are fewer than three axes.
        OptionError: The window is empty.
    """
    x = floats("local_response_norm", input)
    if x.ndim < 3:
        raise ShapeError(
            f"local_response_norm: got an input {x.shape}, expected (samples, channels, places)"
        )
    size = whole("local_response_norm", "size", size, 1)
    if not x.size:
        return x
    channels = x.shape[1]
    around = [(0, 0)] * x.ndim
    around[1] = (size // 2, (size - 1) // 2)
    squares = pad(x * x, tuple(around))
    window = squares[:, :channels]
    for start in range(1, size):
        window = window + squares[:, start : start + channels]
    return x / (k + window * (alpha / size)) ** beta
