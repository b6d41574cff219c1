"""What a file of `save` looks like, as writer and reader agree on it."""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import Final

from tinygrad_nn.errors import DataError

__all__ = [
    "CODES",
    "CRC",
    "DTYPES",
    "LENGTH",
    "MAX_DEPTH",
    "MAX_HEADER",
    "METADATA",
    "OURS",
    "VERSION",
    "refusal",
]

METADATA: Final = "__metadata__"
OURS: Final = "tinygrad_nn"
"""Our entry of the metadata."""
VERSION: Final = 2
"""Of that entry; version 1 was an .npz archive."""
LENGTH: Final = 8
"""Bytes of the number that a file begins with: the length of the header, little-endian."""
MAX_HEADER: Final = 100_000_000
"""Bytes; the limit of the safetensors library too."""
MAX_DEPTH: Final = 50
DTYPES: Final = MappingProxyType(
    {
        "BOOL": "?",
        "U8": "|u1",
        "I8": "|i1",
        "U16": "<u2",
        "I16": "<i2",
        "F16": "<f2",
        "U32": "<u4",
        "I32": "<i4",
        "F32": "<f4",
        "U64": "<u8",
        "I64": "<i8",
        "F64": "<f8",
        "C64": "<c8",
    }
)
"""The format's names of dtypes, and NumPy's."""
CODES: Final = MappingProxyType(
    {code.lstrip("<|"): name for name, code in DTYPES.items()} | {"b1": "BOOL"}
)
"""NumPy's codes without the byte order, and the format's names."""
CRC: Final = re.compile(rb'\{\\"tinygrad_nn\\":\d+,\\"crc32\\":\\"([0-9a-f]{8})\\"')
"""The beginning of our entry as it stands in the bytes of the header, JSON within JSON."""


def refusal(
    path: object,
    got: str,
    expected: str = "an intact safetensors file",
    step: str = "save or fetch it again",
) -> DataError:
    """Return the error for a file that is not read."""
    return DataError(f"{path}: got {got}, expected {expected}; {step}")
