"""Two passes side by side: what changed between them, node by node.

matching.py   which node of one trace is which of the other
figures.py    how far two arrays are apart, as far as a trace tells
comparing.py  two traces -> Comparison (model.py)
words.py      nodes and changes in words; table.py: the table as text
drawing.py    both as one drawing
page.py       both as a page, with a table to sort and search
"""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from typing import Any, Self

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import FreedGraphError, OperandError
from tinygrad_nn.viz.choices import THEMES, checked_choice
from tinygrad_nn.viz.diff.comparing import compared
from tinygrad_nn.viz.diff.drawing import DiffDrawing
from tinygrad_nn.viz.diff.figures import Change as Change
from tinygrad_nn.viz.diff.model import Comparison, checked_tolerances
from tinygrad_nn.viz.diff.model import Pair as Pair
from tinygrad_nn.viz.diff.model import Rewired as Rewired
from tinygrad_nn.viz.diff.page import diff_page
from tinygrad_nn.viz.diff.table import table, verdict
from tinygrad_nn.viz.drawing import LIMIT
from tinygrad_nn.viz.page.assemble import framed
from tinygrad_nn.viz.picture import program
from tinygrad_nn.viz.saving import PAGES, ending, saved
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.tracing import trace

__all__ = ["Change", "Diff", "Pair", "Rewired", "compare"]


class Diff(Comparison):
    """What differs between two passes; made by `compare`.

    It prints as a table, the largest changes first.
    """

    @classmethod
    def of(cls, found: Comparison) -> Self:
        """The same data with these methods."""
        return cls(**{f.name: getattr(found, f.name) for f in fields(Comparison)})

    def draw(
        self,
        format: str = "svg",
        path: str | Path | None = None,
        *,
        level: str = "auto",
        theme: str = "auto",
        limit: int = LIMIT,
        timeout: float = program.TIMEOUT,
    ) -> DiffDrawing:
        """Draw both passes side by side: each box says if it is changed, new or absent.

        Args:
            format: "svg", "text" (the table), "dot", "png" or "pdf".
            path: File to save to; its format is that of the suffix.
            level: As for `tinygrad_nn.draw`, the same for both passes.
            theme: "light", "dark", or "auto" to follow the reader's setting (SVG only).
            limit: Boxes of each pass at most.
            timeout: Seconds that Graphviz's `dot` may take for PNG and PDF.

        Raises:
            OptionError: An argument is none of its choices.
            DrawingError: "png" or "pdf", and `dot` is missing or failed.
            OSError: `path` cannot be written.
        """
        checked_choice("compare", "theme", theme, THEMES)
        drawing = DiffDrawing(
            self,
            format,
            level,
            limit,
            theme=theme,
            direction="TB",
            engine="own",
            timeout=program.checked_timeout(timeout, "compare"),
        )
        if path is not None:
            drawing.save(path)
        else:
            drawing.content()
        return drawing

    def html(self, **options: Any) -> str:
        """The page as text; see `save_html`."""
        return diff_page(self, **options)

    def save_html(self, path: str | Path, **options: Any) -> Path:
        """Write a page with both passes and a table: one file, for any browser, without network.

        Args:
            path: Name of the file.
            options: As for `tinygrad_nn.viz.diff.page.diff_page`.

        Returns:
            The path.

        Raises:
            OptionError: An option is none of its choices, or the name no page's.
            OSError: The folder does not exist or cannot be written to.
        """
        ending(path, PAGES, "compare", "; draw(path=...) writes a picture")
        return saved(path, self.html(**options), "compare: the page")

    def __str__(self) -> str:
        return table(self)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {verdict(self)}>"

    def _repr_html_(self) -> str:
        return framed(self.html(), "Two passes side by side")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return {"text/plain": table(self), "text/html": self._repr_html_()}


def compare(
    before: Any, after: Any, *, model: Any = None, rtol: float = 0.0, atol: float = 0.0
) -> Diff:
    """What differs between two passes: values, gradients, nodes and how they are connected.

    Nodes are found again by what they are, the module they belong to, and where they stand in
    the graph. So a layer that is put in between is new, and all others stay the same. It serves
    for a loss before and after a step of an optimiser, two seeds, a net with and without a
    layer, or the same in float32 and float64: `compare(a, b).first_difference()` is where they
    part.

    Args:
        before: Trace, or a Value or Tensor, usually a loss, which is traced. Trace the first loss
            before the weights change.
        after: The same of the other pass.
        model: Module, or a list of several, whose paths the parameters bear as names.
        rtol: Differences of an array up to this times its largest element count as none.
        atol: Differences up to this count as none.

    Returns:
        A `Diff`, with `changed`, `unchanged`, `new`, `absent`, `rewired` and `is_same`.

    Raises:
        OperandError: One is neither a trace nor a Value or Tensor, or a trace without nodes.
        FreedGraphError: A backward pass freed the graph of one.
        OptionError: A tolerance is negative or NaN.

    Example:
        >>> import tinygrad_nn as tg
        >>> a = tg.Value(3.0, name="a")
        >>> found = tg.compare(a * a, a * a * 2.0)
        >>> found
        <Diff: 2 of 4 nodes changed, 2 new>
        >>> [r.op for r in found.new if r.op], [pair.after.name for pair in found.changed]
        (['multiply'], ['a', 'multiply_1'])
        >>> tg.compare(a * a, a * a).is_same
        True
    """
    checked_tolerances(rtol, atol)
    one, other = _traced(before, model, "before"), _traced(after, model, "after")
    return Diff.of(compared(one, other, rtol, atol))


def _traced(x: Any, model: Any, name: str) -> Trace:
    if isinstance(x, Node):
        # An array without a model would be NumPy's sum of the diagonal.
        x = trace(x, model=[] if model is None else model)
        if x.failure is not None and x.failure.phase == "freed":
            raise FreedGraphError(
                f"compare: {x.failure.message}; compare before loss.backward(), use "
                "loss.backward(retain_graph=True), or keep tinygrad_nn.trace(loss)"
            )
    if not isinstance(x, Trace):
        raise OperandError(
            f"compare: got {type(x).__name__} for {name!r}, expected a Value or Tensor, such as a "
            "loss, or what tinygrad_nn.trace gave"
        )
    if not x.records:
        raise OperandError(f"compare: the trace {name!r} has no nodes; trace a loss again")
    return x
