"""Tables and formulas as HTML."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from tinygrad_nn.viz.page.assemble import assemble, source
from tinygrad_nn.viz.wording import clean

__all__ = ["Table", "body", "notebook", "page"]


class Table(NamedTuple):
    """A table of texts."""

    caption: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


_STYLE = """
.explanation { max-width: 72rem; margin: 0 auto; padding: 1rem; }
.explanation table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto; }
.explanation caption { text-align: left; font-weight: 600; padding: 0.25rem 0; }
.explanation th, .explanation td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0;
  border-bottom: 1px solid; vertical-align: top; white-space: nowrap; }
.explanation td:last-child { white-space: normal; }
.explanation math { overflow-x: auto; display: block; margin: 1rem 0; }
.explanation .formula { text-align: left; }
"""


def body(
    heading: str, notes: Sequence[str], tables: Sequence[Table], mathml: str, *, level: int = 3
) -> str:
    """Part of a page: heading, sentences, formulas and tables; every text is escaped."""
    parts = [f"<h{level}>{_text(heading)}</h{level}>"]
    parts += [f"<p>{_text(note)}</p>" for note in notes]
    parts += [_table(table) for table in tables]
    # Focusable, since a wide formula scrolls by itself.
    if mathml:
        parts.append(f'<div role="group" aria-label="Formula" tabindex="0">{mathml}</div>')
    return f'<div class="explanation">{"".join(parts)}</div>'


def notebook(heading: str, notes: Sequence[str], tables: Sequence[Table], mathml: str) -> str:
    """The same for a notebook, with its style."""
    return f"<style>{_STYLE}</style>{body(heading, notes, tables, mathml)}"


def page(heading: str, notes: Sequence[str], tables: Sequence[Table], mathml: str) -> str:
    """A whole page, which asks the network for nothing."""
    inside = body(heading, notes, tables, mathml, level=1)
    return assemble(
        title=heading,
        body=f"<main>{inside}</main>",
        styles=[source("theme.css"), _STYLE],
        scripts=[],
        data={},
    )


def _table(table: Table) -> str:
    head = "".join(f'<th scope="col">{_text(x)}</th>' for x in table.header)
    rows = "".join(f"<tr>{''.join(f'<td>{_text(x)}</td>' for x in row)}</tr>" for row in table.rows)
    return (
        f'<table tabindex="0"><caption>{_text(table.caption)}</caption>'
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
    )


def _text(text: str) -> str:
    return escape(clean(text))
