"""The table of a model: its layers, their shapes, and how many numbers they learn."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinygrad_nn.nn.module import Module

__all__ = ["summarize"]

_CELL_MAX = 56


def _rows(model: Module) -> list[tuple[str, str, str, int]]:
    """Name, text, shapes and number of parameters of each module that is or has no part."""
    rows: list[tuple[str, str, str, int]] = []
    counted: set[int] = set()
    inside: tuple[str, ...] = ()
    for name, module in model.named_modules():
        if inside and name.startswith(inside):
            continue
        if module.one_row:
            inside = (*inside, f"{name}." if name else "")
        whole = module.named_parameters(recurse=module.one_row)
        new = [p for _, p in whole if id(p) not in counted]
        counted.update(map(id, new))
        inner = not module.one_row and next(module.children(), None) is not None
        if not new and inner:
            continue
        shapes = [p.shape if hasattr(p, "shape") else () for p in new]
        text = type(module).__name__ if inner else repr(module)
        sizes = " ".join(f"({', '.join(map(str, shape))})" for shape in shapes if shape)
        numbers = sum(map(prod, shapes))
        rows.append((name or type(module).__name__, _short(text), _short(sizes), numbers))
    return rows


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _CELL_MAX else line[: _CELL_MAX - 1] + "…"


def summarize(model: Module) -> str:
    """Text table of `model`; the last line adds up the layers."""
    rows = _rows(model)
    counts = [count for *_, count in rows if count]
    table = [("name", "layer", "shapes", "parameters")]
    table += [(name, text, shapes, f"{count:,}") for name, text, shapes, count in rows]
    terms = " + ".join(f"{count:,}" for count in counts) if len(counts) > 1 else ""
    table.append(("total", terms, "", f"{sum(counts):,}"))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return "\n".join(
        "  ".join(
            [
                *(cell.ljust(w) for cell, w in zip(row[:3], widths, strict=False)),
                row[3].rjust(widths[3]),
            ]
        )
        for row in table
    )
