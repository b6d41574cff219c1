"""`load`: reads safetensors files, and believes nothing."""

from __future__ import annotations

import zlib
from os import PathLike, fspath, fstat
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.serialize.form import CRC, LENGTH, MAX_HEADER, OURS, VERSION, refusal
from tinygrad_nn.serialize.header import Entry, document, read_header
from tinygrad_nn.serialize.shards import files_of
from tinygrad_nn.serialize.tree import Reader

__all__ = ["load"]


def load(path: str | PathLike[str]) -> dict[Any, Any]:
    """Return the dict that `save` wrote, or the tensors of any safetensors file by name.

    Nothing in the file is run. Time and memory are bounded by the size of the file, and a damaged
    file of `save` is noticed. What `safetensors`, PyTorch or Hugging Face wrote gives a flat dict
    for `model.load_state_dict`; of a model that was split into files, give the path that ends in
    `.safetensors.index.json`.

    Args:
        path: the file.

    Returns:
        A new dict; arrays are the caller's own and may be written to. Numbers of dtype BF16, which
        NumPy does not have, become float32 without loss.

    Raises:
        DataError: the file is missing, unreadable, damaged, of another format, or of a dtype that
            NumPy does not have.
    """
    file = Path(fspath(path))
    if file.name.endswith(".json"):
        return _shards(file)
    return _file(file)


def _shards(index: Path) -> dict[Any, Any]:
    content = _opened(index, lambda stream: stream.read(MAX_HEADER + 1))
    merged: dict[Any, Any] = {}
    names = files_of(content, index)
    for shard, tensors in names.items():
        found = _file(index.parent / shard)
        missing = [name for name in tensors if name not in found]
        if missing:
            raise refusal(
                index, f"{missing[0][:60]!r} in {shard!r}", "tensors that are in the file named"
            )
        merged.update((name, found[name]) for name in tensors)
    return merged


def _file(path: Path) -> dict[Any, Any]:
    state: dict[Any, Any] = _opened(path, lambda stream: _state(stream, path))
    return state


def _opened(path: Path, read: Any) -> Any:
    # Asked first, because to open a pipe is to wait for its writer.
    if not path.is_file():
        got = "a folder" if path.is_dir() else "no file"
        raise refusal(path, f"{got} of this name", "a safetensors file", "check the path")
    try:
        with path.open("rb") as stream:
            return read(stream)
    except OSError as error:
        raise refusal(path, f"an error on reading ({error})", "a readable file") from error


def _state(stream: BinaryIO, path: Path) -> dict[Any, Any]:
    size = fstat(stream.fileno()).st_size
    head = stream.read(LENGTH)
    if head.startswith(b"PK"):
        raise refusal(
            path,
            "a zip archive, as numpy.savez and torch.save write it",
            "a safetensors file",
            "read it with numpy.load or torch.load, and write its arrays with tinygrad_nn.save",
        )
    length = int.from_bytes(head, "little")
    room = size - LENGTH - length
    if len(head) < LENGTH or room < 0 or length > MAX_HEADER:
        raise refusal(path, f"a file of {size:,} bytes that announces a header of {length:,}")
    content = stream.read(length)
    if not content.startswith(b"{"):
        raise refusal(path, "a header that does not begin with a brace")
    header = read_header(content, room, path)
    entry = _own_entry(header.metadata, content, path)
    # The checksum was taken with zeros in its own place.
    crc = zlib.crc32(CRC.sub(_with_zeros, head + content, count=1)) if entry else None
    arrays: dict[str, Any] = dict.fromkeys(entry.name for entry in header.entries)
    for place in sorted(header.entries, key=lambda entry: (entry.start, entry.stop)):
        arrays[place.name], crc = _array(stream, place, crc, path)
    if entry is None:
        return arrays
    if f"{crc:08x}" != entry["crc32"]:
        raise refusal(path, "contents that do not fit their checksum")
    if "tree" not in entry:
        return arrays
    state = Reader(arrays, path).value(entry["tree"])
    if arrays or not isinstance(state, dict):
        raise refusal(path, "a tree that does not fit the tensors")
    return state


def _own_entry(metadata: dict[str, str], content: bytes, path: Path) -> dict[str, Any] | None:
    """What `save` wrote of itself; None for files of other programs."""
    begin = f'{{"{OURS}":'
    if OURS not in metadata and not any(text.startswith(begin) for text in metadata.values()):
        return None
    entry = document(metadata.get(OURS, ""), path, "the metadata")
    version = entry.get(OURS) if isinstance(entry, dict) else None
    if type(version) is int and version > VERSION:
        raise refusal(
            path, f"version {version} of the format", f"version {VERSION}", "upgrade tinygrad_nn"
        )
    found = CRC.search(content)
    if (
        version != VERSION
        or found is None
        or entry.get("crc32") != found[1].decode()
        or not set(entry) <= {OURS, "crc32", "tree"}
    ):
        raise refusal(path, "metadata that was changed since save() wrote it")
    known: dict[str, Any] = entry
    return known


def _with_zeros(found: Any) -> bytes:
    whole: bytes = found[0]
    return whole.replace(found[1], b"0" * 8)


def _array(
    stream: BinaryIO, place: Entry, crc: int | None, path: Path
) -> tuple[NDArray[Any], int | None]:
    """The next array of the file, and the checksum up to its end."""
    array = np.empty(place.shape, place.dtype)
    flat = array.reshape(-1).view(np.uint8)
    if array.size and stream.readinto(flat.data) != array.nbytes:  # type: ignore[attr-defined]
        raise refusal(path, "an end before its numbers end")
    if crc is not None:
        crc = zlib.crc32(flat.data, crc)
    if place.dtype == np.bool_ and (flat > 1).any():
        raise refusal(path, f"a bool that is neither 0 nor 1 in {place.name[:60]!r}")
    if place.is_widened:
        return (array.astype("<u4") << 16).view("<f4").astype(np.float32, copy=False), crc
    return array.astype(array.dtype.newbyteorder("="), copy=False), crc
