"""A writer of PNG images: signature, header, pixels packed by zlib, end (W3C PNG, 2003)."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.errors import DTypeError, ShapeError

__all__ = ["png"]

_GREY, _COLOUR = 0, 2


def png(pixels: NDArray[Any]) -> bytes:
    r"""Return a PNG file of 8 bits a channel.

    Args:
        pixels: uint8 of shape (height, width) for grey, (height, width, 3) for red, green, blue.

    Raises:
        DTypeError: another dtype.
        ShapeError: another shape, or a side of 0.

    Example:
        >>> import numpy as np
        >>> png(np.zeros((28, 28), np.uint8))[:4]
        b'\x89PNG'
    """
    if pixels.dtype != np.uint8:
        raise DTypeError(
            f"png: got {pixels.dtype}, expected uint8; scale to 0...255 and convert with "
            "astype(np.uint8)"
        )
    if pixels.shape[2:] not in ((), (3,)) or pixels.ndim < 2 or not pixels.size:
        raise ShapeError(
            f"png: got shape {pixels.shape}, expected (height, width) or (height, width, 3), no "
            "side 0; reshape the pixels"
        )
    height, width = pixels.shape[:2]
    colour = _GREY if pixels.ndim == 2 else _COLOUR
    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    # Each row starts with the number of its filter: 0, none.
    rows = np.pad(pixels.reshape(height, -1), ((0, 0), (1, 0)))
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, content) for kind, content in parts)


def _chunk(kind: bytes, content: bytes) -> bytes:
    checksum = zlib.crc32(kind + content)
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)
