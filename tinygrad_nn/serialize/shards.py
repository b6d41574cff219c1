"""Models split into several files: the index says which tensor is where."""

from __future__ import annotations

import re
from typing import Any, Final

from tinygrad_nn.serialize.form import MAX_HEADER, refusal
from tinygrad_nn.serialize.header import document

__all__ = ["files_of"]

# No separators, colons or leading dots: a name that stays in the folder on every system.
_NAME: Final = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_. -]*\.safetensors")


def files_of(content: bytes, path: object) -> dict[str, list[str]]:
    """Return the names of the tensors in each file, as an index says.

    Args:
        content: the index: `{"metadata": ..., "weight_map": {tensor: file}}`.
        path: of the index, for errors.

    Raises:
        DataError: it is no index, or names a file that may be in another folder.
    """
    if len(content) > MAX_HEADER:
        raise refusal(path, f"more than {MAX_HEADER:,} bytes", "an index")
    index = document(content, path, "the index")
    names: Any = index.get("weight_map") if isinstance(index, dict) else None
    if not isinstance(names, dict):
        raise refusal(path, "no weight_map", "the index of a safetensors model", "check the path")
    files: dict[str, list[str]] = {}
    for tensor, file in names.items():
        if not isinstance(file, str) or not _NAME.fullmatch(file):
            raise refusal(
                path,
                f"the file {str(file)[:60]!r}",
                "plain names of .safetensors files beside the index",
                "do not use it unless you know why it names others",
            )
        files.setdefault(file, []).append(tensor)
    return files
