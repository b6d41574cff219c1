"""`save`: a nested dict becomes a safetensors file."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Any, Final

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.core.capturing import capturing
from tinygrad_nn.errors import OptionError
from tinygrad_nn.serialize.form import CRC, OURS, VERSION
from tinygrad_nn.serialize.header import packed_header
from tinygrad_nn.serialize.tree import Grower

__all__ = ["save"]

# PyTorch's names and layouts, which is what tools want to know that read this entry.
_FORMAT: Final = {"format": "pt"}


def save(state: Mapping[Any, Any], path: str | PathLike[str]) -> None:
    """Write a dict of arrays to a safetensors file; a failed or killed write leaves the old file.

    Dicts, lists and tuples may be nested. Arrays keep their dtype and shape, and become
    little-endian and contiguous; numbers, texts, bools and None stay what they are. A tensor is
    saved as its array. The same state gives the same bytes.

    Other readers find the tensors under their keys, with dots between nested ones:
    `save(model.state_dict(), "model.safetensors")` is what `safetensors.torch.load_file` and the
    tools around PyTorch expect.

    Args:
        state: keys are texts or integers.
        path: the file, named as you like; `.safetensors` tells others what it is.

    Raises:
        DTypeError: an array holds objects, texts or dates.
        OptionError: a key or value is of another kind, or nested more than 50 deep; or the path
            ends in `.npz` or `.npy`, which would promise another format.
        OSError: the folder does not exist or cannot be written to.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn import load
        >>> save({"weights": {"bias": np.float32([1, 2])}, "epoch": 3}, "state.safetensors")
        >>> load("state.safetensors")
        {'weights': {'bias': array([1., 2.], dtype=float32)}, 'epoch': 3}
    """
    if (capture := capturing()) is not None:
        raise capture.refused("tg.save, which would run once and in no replay,", "save it outside")
    if not isinstance(state, Mapping):
        raise OptionError(
            f"save: got {type(state).__name__}, expected a dict; pass model.state_dict(), or "
            "{'name': value}"
        )
    file = Path(fspath(path))
    if file.suffix in (".npz", ".npy"):
        raise OptionError(
            f"save: got the name {file.name[:60]!r}, expected another ending, since the format is "
            f"safetensors; name it {file.stem[:60]}.safetensors, or use numpy.savez"
        )
    grower = Grower()
    tree = grower.node(state)
    entry = {OURS: VERSION, "crc32": "0" * 8}
    if not grower.is_flat:
        entry["tree"] = tree
    text = json.dumps(entry, separators=(",", ":"), allow_nan=False)
    head, arrays = packed_header(grower.arrays, {**_FORMAT, OURS: text})
    pieces = [array.reshape(-1).data for array in arrays if array.size]
    crc = zlib.crc32(head)
    for piece in pieces:
        crc = zlib.crc32(piece, crc)
    found = CRC.search(head)
    assert found is not None
    signed = head[: found.start(1)] + f"{crc:08x}".encode() + head[found.end(1) :]
    write_atomic(file, [signed, *pieces])
