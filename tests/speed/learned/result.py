"""What a training came to, and the texts it reads."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tinygrad_nn.errors import DataError

VARIABLE = "TINYGRAD_NN_DATA"


@dataclass(frozen=True)
class Result:
    """What one training came to.

    Attributes:
        score: accuracy or loss of examples that it did not see.
        text: what the network wrote in the end, if it writes.
        notes: other numbers worth a column of the table, by heading.
    """

    score: float
    text: str = ""
    notes: tuple[tuple[str, float], ...] = ()


def text_file(name: str) -> str:
    """Content of `name`.txt in the folder of the variable, or its subfolder `text`.

    Raises:
        DataError: it is in neither.
    """
    root = os.environ.get(VARIABLE)
    places = [Path(root) / part / f"{name}.txt" for part in ("", "text")] if root else []
    for place in places:
        if place.exists():
            return place.read_text("utf-8")
    raise DataError(
        f"{name}.txt: got no such file in {root}, expected it there or in its folder text; set "
        f"{VARIABLE} to the folder that has it"
    )


def excerpt(text: str) -> str:
    """`text` for a page: no blanks at the ends."""
    return text.strip()
