"""Pooling to a size, and pooling with random windows, with PyTorch's signatures."""

from __future__ import annotations

from math import prod
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DTypeError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.sizes import check_rank, per_axis, per_axis_or_none, sides
from tinygrad_nn.ops.noise import noise
from tinygrad_nn.ops.pooling import (
    Window,
    max_at,
    max_pool,
    pool_index,
    pool_sum,
    pool_winner,
)
from tinygrad_nn.ops.resample import resample

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
]


# ── To a size ───────────────────────────────────────────────────────────────────────────


def _outputs(name: str, x: Any, dims: int, output_size: Any) -> tuple[int, ...]:
    check_rank(name, x, dims)
    wanted = per_axis_or_none(name, "output_size", output_size, dims)
    found = tuple(n if m is None else m for n, m in zip(sides(x, dims), wanted, strict=True))
    if not all(sides(x, dims)):
        raise ShapeError(
            f"{name}: got shape {tuple(x.shape)}, expected axes with elements to pool over"
        )
    return found


def _tiles(x: Any, outputs: tuple[int, ...]) -> tuple[Window, ...] | None:
    """The windows where the output divides the input, so that they are a grid; else None."""
    pairs = list(zip(sides(x, len(outputs)), outputs, strict=True))
    if not all(m and n % m == 0 for n, m in pairs):
        return None
    return tuple(Window(n // m, n // m, 0, 1, m) for n, m in pairs)


def adaptive_mean(name: str, dims: int, input: Any, output_size: Any) -> Any:
    """Means of the windows i n/m to (i + 1) n/m along each axis, rounded outwards."""
    x = operand(name, input)
    if x.dtype.kind != "f":
        raise DTypeError(f"{name}: got {x.dtype}, expected floats; convert: x.astype('float32')")
    outputs = _outputs(name, x, dims, output_size)
    if windows := _tiles(x, outputs):
        return pool_sum(x, windows=windows) * (1 / prod(w.size for w in windows))
    for d, (n, m) in enumerate(zip(sides(x, dims), outputs, strict=True)):
        if n != m:
            x = resample(x, axis=x.ndim - dims + d, line=("area", n, m))
    return x


def adaptive_avg_pool1d(input: Any, output_size: Any) -> Any:
    """Means of `output_size` windows of even length: `(N, C, L) -> (N, C, L_out)`, or without N.

    Window i goes from ⌊i L / L_out⌋ to ⌈(i + 1) L / L_out⌉.

    Raises:
        OptionError: The size is no integer of at least 0, or None for the input's.
        ShapeError: The rank is wrong, or there is nothing to pool.
    """
    return adaptive_mean("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Any, output_size: Any) -> Any:
    """Means of windows of even size, `(N, C, H, W) -> (N, C, H_out, W_out)`, or without N.

    `output_size` is one integer, or one for each axis, None for the input's. See
    `adaptive_avg_pool1d`.
    """
    return adaptive_mean("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Any, output_size: Any) -> Any:
    """Means of windows of even size of `(N, C, D, H, W)`; see `adaptive_avg_pool2d`."""
    return adaptive_mean("adaptive_avg_pool3d", 3, input, output_size)


def _adaptive_max(name: str, dims: int, input: Any, output_size: Any, indices: bool) -> Any:
    x = operand(name, input)
    outputs = _outputs(name, x, dims, output_size)
    if windows := _tiles(x, outputs):
        y = max_pool(x, windows=windows)
        if not indices:
            return y
        winner = pool_winner(x, y, windows=windows)
        return y, pool_index(winner, windows=windows, sides=sides(x, dims))
    functions = namespace(raw(x))
    places = []
    for n, m in zip(sides(x, dims), outputs, strict=True):
        spans = [range(i * n // m, -(-(i + 1) * n // m)) for i in range(m)]
        longest = max(map(len, spans), default=1)
        # A shorter window repeats its last element, which changes neither maximum nor first.
        rows = [[*span, *[span[-1]] * (longest - len(span))] for span in spans]
        places.append(functions.reshape(functions.asarray(rows, dtype="int64"), (m, longest)))
    y, index = max_at(x, *places)
    return (y, index) if indices else y


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of `output_size` windows of even length: `(N, C, L) -> (N, C, L_out)`.

    The windows are those of `adaptive_avg_pool1d`. With `return_indices` also the positions.

    Raises:
        OptionError: The size is no integer of at least 0, or None for the input's.
        ShapeError: The rank is wrong, or there is nothing to pool.
    """
    return _adaptive_max("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows of even size of `(N, C, H, W)`; see `adaptive_max_pool1d`."""
    return _adaptive_max("adaptive_max_pool2d", 2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows of even size of `(N, C, D, H, W)`."""
    return _adaptive_max("adaptive_max_pool3d", 3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """`adaptive_max_pool1d` and the positions, whatever `return_indices` says."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """`adaptive_max_pool2d` and the positions, whatever `return_indices` says."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """`adaptive_max_pool3d` and the positions, whatever `return_indices` says."""
    return adaptive_max_pool3d(input, output_size, True)


# ── With random windows ─────────────────────────────────────────────────────────────────


def fractional_options(
    name: str, dims: int, kernel_size: Any, output_size: Any, output_ratio: Any
) -> tuple[tuple[int, ...], tuple[int, ...] | None, tuple[float, ...] | None]:
    """Kernel, and sizes or ratios along each axis.

    Raises:
        OptionError: One is out of range, or not exactly one of size and ratio is given.
    """
    kernel = per_axis(name, "kernel_size", kernel_size, dims, 1)
    if (output_size is None) == (output_ratio is None):
        raise OptionError(
            f"{name}: got output_size={output_size!r} and output_ratio={output_ratio!r}, expected "
            "exactly one of them"
        )
    if output_size is not None:
        return kernel, per_axis(name, "output_size", output_size, dims, 1), None
    several = isinstance(output_ratio, (tuple, list))
    ratios = list(output_ratio) if several else [output_ratio] * dims
    if len(ratios) != dims or not all(isinstance(r, (int, float)) and 0 < r < 1 for r in ratios):
        raise OptionError(
            f"{name}: got output_ratio={output_ratio!r}, expected a number between 0 and 1, or "
            f"{dims} of them"
        )
    return kernel, None, tuple(map(float, ratios))


def _fractional(
    name: str,
    dims: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    samples: Any,
    rng: Any,
) -> tuple[Any, Any]:
    x = operand(name, input)
    check_rank(name, x, dims)
    # As in PyTorch's functional form a size counts before a ratio.
    ratio = None if output_size is not None else output_ratio
    kernel, wanted, ratios = fractional_options(name, dims, kernel_size, output_size, ratio)
    if wanted is None:
        assert ratios is not None
        wanted = tuple(int(n * r) for n, r in zip(sides(x, dims), ratios, strict=True))
    for n, size, m in zip(sides(x, dims), kernel, wanted, strict=True):
        if m < 1 or m + size - 1 > n:
            raise ShapeError(
                f"{name}: got shape {tuple(x.shape)}, along whose axis of {n} there are no {m} "
                f"windows of {size}; expected 1 <= output <= {n} − {size} + 1"
            )
    batch = x.shape[0] if x.ndim == dims + 2 else 1
    drawn = _samples(name, x, (batch, x.shape[-dims - 1], dims), samples, rng)
    # PyTorch takes the samples of two axes in the reverse order of those of three.
    order = (1, 0) if dims == 2 else (0, 1, 2)
    places = []
    for n, size, m, d in zip(sides(x, dims), kernel, wanted, order, strict=True):
        at = _starts(drawn[..., d], n, size, m)[..., None] + namespace(drawn).arange(size)
        places.append(at if x.ndim == dims + 2 else at[0])
    return max_at(x, *places)


def _samples(name: str, x: Any, shape: tuple[int, ...], samples: Any, rng: Any) -> Any:
    payload = raw(x)
    if samples is None:
        like = namespace(payload).empty(shape, payload.dtype)
        return noise(like, kind="uniform", rng=generator(rng))
    samples = raw(samples)
    # More samples than images are left over, as in PyTorch.
    if samples.ndim != 3 or samples.shape[0] < shape[0] or samples.shape[1:] != shape[1:]:
        raise ShapeError(
            f"{name}: got _random_samples of shape {tuple(samples.shape)}, expected {shape}"
        )
    return samples[: shape[0]]


def _starts(sample: Any, n: int, size: int, m: int) -> Any:
    """Where windows begin along an axis (Graham 2014): ⌊(i + u) α⌋ − ⌊u α⌋, the last at the end."""
    functions = namespace(sample)
    alpha = sample.dtype.type((n - size) / (m - 1)) if m > 1 else 0
    i = functions.arange(m)
    moved = functions.astype((i.astype(sample.dtype) + sample[..., None]) * alpha, "int64")
    found = moved - functions.astype(sample[..., None] * alpha, "int64")
    return functions.where(i == m - 1, n - size, found)


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    rng: Any = None,
) -> Any:
    """Largest elements of windows at random places: `(N, C, H, W) -> (N, C, H_out, W_out)`.

    Neighbouring windows are about α = (n − kernel) / (n_out − 1) apart, rounded up or down at
    random, with one random number for each image, channel and axis (Graham 2014, Fractional
    max-pooling).

    Args:
        input: Array, with or without N.
        kernel_size: Height and width of a window.
        output_size: Number of windows along each axis.
        output_ratio: Instead of it, a share of the input's size.
        return_indices: Return the positions in the flattened image as well.
        _random_samples: (N, C, 2) numbers in [0, 1), instead of drawn ones.
        rng: Seed or generator.

    Raises:
        OptionError: A size or ratio is out of range, or neither is given.
        ShapeError: The rank is wrong, or so many windows do not fit.
    """
    y, index = _fractional(
        "fractional_max_pool2d",
        2,
        input,
        kernel_size,
        output_size,
        output_ratio,
        _random_samples,
        rng,
    )
    return (y, index) if return_indices else y


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    rng: Any = None,
) -> Any:
    """The same for `(N, C, D, H, W)`, with (N, C, 3) samples; see `fractional_max_pool2d`."""
    y, index = _fractional(
        "fractional_max_pool3d",
        3,
        input,
        kernel_size,
        output_size,
        output_ratio,
        _random_samples,
        rng,
    )
    return (y, index) if return_indices else y


def fractional_max_pool2d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    rng: Any = None,
) -> Any:
    """`fractional_max_pool2d` and the positions, whatever `return_indices` says."""
    return fractional_max_pool2d(
        input, kernel_size, output_size, output_ratio, True, _random_samples, rng
    )


def fractional_max_pool3d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
    rng: Any = None,
) -> Any:
    """`fractional_max_pool3d` and the positions, whatever `return_indices` says."""
    return fractional_max_pool3d(
        input, kernel_size, output_size, output_ratio, True, _random_samples, rng
    )
