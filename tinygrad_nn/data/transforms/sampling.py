"""Reading images between their pixels, and cutting windows out of them; whole batches at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Places = NDArray[np.float64]


def bilinear(
    images: NDArray[Any], rows: Places, columns: Places, fill: float | None
) -> NDArray[Any]:
    """Return the values of images at places between their pixels.

    With r = floor(row), c = floor(column) and the rests u, v, the value is

        (1 - u) ((1 - v) x[r, c] + v x[r, c+1]) + u ((1 - v) x[r+1, c] + v x[r+1, c+1]).

    Args:
        images: floats of shape (N, C, H, W).
        rows: shape (N, h, w), where to read; pixel i has its middle at i.
        columns: shape (N, h, w).
        fill: the value around the image, or None to continue the outermost pixels.

    Returns:
        Shape (N, C, h, w), within the range of the images and `fill`.
    """
    count, channels = images.shape[:2]
    if not images.size or not rows.size:
        return np.zeros((count, channels, *rows.shape[1:]), images.dtype)
    if fill is None:
        padded, first = images, 0
    else:
        edge = ((0, 0), (0, 0), (1, 1), (1, 1))
        padded, first = np.pad(images, edge, constant_values=fill), 1
    height, width = padded.shape[2:]
    top, below, u = _between(rows + first, height, images.dtype)
    left, beside, v = _between(columns + first, width, images.dtype)
    # One flat index serves all channels and images: four takes in all.
    plane = np.arange(count * channels).reshape(count, channels, 1, 1) * (height * width)
    values = padded.reshape(-1)

    def read(row: NDArray[np.intp], column: NDArray[np.intp]) -> NDArray[Any]:
        taken: NDArray[Any] = values.take(plane + (row * width + column)[:, None])
        return taken

    upper = _mixed(read(top, left), read(top, beside), v)
    lower = _mixed(read(below, left), read(below, beside), v)
    # Rounding may overshoot the largest value by one unit in the last place.
    low, high = np.fmin.reduce(padded, axis=None), np.fmax.reduce(padded, axis=None)
    return np.asarray(_mixed(upper, lower, u).clip(low, high))


def _between(
    places: Places, side: int, dtype: np.dtype[Any]
) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[Any]]:
    """Return the pixel before, the pixel behind, and how far the place lies between them."""
    inside = places.clip(0, side - 1)
    before = inside.astype(np.intp)
    return before, np.minimum(before + 1, side - 1), (inside - before).astype(dtype)[:, None]


def _mixed(first: NDArray[Any], second: NDArray[Any], weight: NDArray[Any]) -> NDArray[Any]:
    # Exact where the weight is 0: an image that is not moved is not changed.
    second -= first
    second *= weight
    second += first
    return second


def windows(
    images: NDArray[Any],
    tops: NDArray[np.intp],
    lefts: NDArray[np.intp],
    size: tuple[int, int],
    fill: float,
) -> NDArray[Any]:
    """Return one window of each image, exact copies of whole pixels.

    Args:
        images: shape (N, C, H, W), of any dtype.
        tops: shape (N,), the image row that becomes row 0; outside of the image is `fill`.
        lefts: shape (N,).
        size: (h, w) of the windows.
        fill: the value around the images.

    Returns:
        Shape (N, C, h, w).
    """
    height, width = images.shape[2:]
    rows = tops[:, None] + np.arange(size[0])
    columns = lefts[:, None] + np.arange(size[1])
    inside = ((rows >= 0) & (rows < height))[:, :, None] & ((columns >= 0) & (columns < width))[
        :, None
    ]
    if not images.size:
        return np.full((*images.shape[:2], *size), fill, images.dtype)
    which = np.arange(len(images))[:, None, None, None]
    channel = np.arange(images.shape[1])[:, None, None]
    row = rows.clip(0, height - 1)[:, None, :, None]
    column = columns.clip(0, width - 1)[:, None, None, :]
    taken: NDArray[Any] = images[which, channel, row, column]
    taken[np.broadcast_to(~inside[:, None], taken.shape)] = fill
    return taken
