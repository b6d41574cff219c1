"""What a file of `save` looks like, as writer and reader agree on it."""

from __future__ import annotations

import re
from typing import Final

__all__ = ["DTYPE", "FORMAT", "MAX_DEPTH", "TREE", "VERSION"]

TREE: Final = "tree.json"
FORMAT: Final = "tinygrad_nn"
VERSION: Final = 1
MAX_DEPTH: Final = 50
DTYPE: Final = re.compile(r"\|b1|\|[iu]1|[<>](?:[iu][248]|f[248]|c8|c16)")
"""Bools, integers, floats and complex numbers, in NumPy's codes."""
