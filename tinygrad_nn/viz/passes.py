"""`Pass`: a trace with what can be made of it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from tinygrad_nn.viz.drawing import Drawing, draw
from tinygrad_nn.viz.explain import Explanation, explain
from tinygrad_nn.viz.page.assemble import framed
from tinygrad_nn.viz.page.stepper import stepper_page
from tinygrad_nn.viz.saving import JSON, PAGES, ending, named, saved
from tinygrad_nn.viz.trace.file import dumps, load
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.words import pass_title

__all__ = ["Pass"]

_MOST_IN_CELL = 2_000_000
"""Letters of a page that a notebook keeps with each cell that shows a pass."""
_BYTES = 60
"""Letters that a node or use takes in a page at least: a larger trace is not even tried."""


@dataclass(frozen=True, repr=False)
class Pass(Trace):
    """A `Trace` with what can be made of it: a file, a page, a drawing, an explanation.

    It is what `trace` gives. It holds numbers and texts only, no part of the graph, and
    nothing that is computed later changes it.
    """

    def save(self, path: str | Path) -> Path:
        """Write it as a JSON file, completely or not at all.

        Returns:
            The path.

        Raises:
            OptionError: The name ends in something else than `.json`.
            OSError: The folder does not exist or cannot be written to.
        """
        ending(path, JSON, "trace", "; a page is written by save_html(path), a picture by draw")
        return saved(path, dumps(self), "trace: it")

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a file that `save` wrote.

        The file may come from anyone: it is checked in full, and nothing in it is run.

        Raises:
            DataError: It is no trace, of another version, damaged, or larger than 1 GB.
            OSError: It cannot be read.

        Example:
            >>> import tinygrad_nn as tg, tempfile, pathlib
            >>> a = tg.Value(3.0, name="a")
            >>> first = tg.trace(a * a)
            >>> path = first.save(pathlib.Path(tempfile.mkdtemp()) / "pass.json")
            >>> type(first).load(path) == first
            True
        """
        return cls.of(load(named(path, "trace")))

    def save_html(self, path: str | Path, **options: Any) -> Path:
        """Write a page that steps through the pass: one file, for any browser, without network.

        Args:
            path: Name of the file.
            options: As for `tinygrad_nn.viz.page.stepper.stepper_page`.

        Returns:
            The path.

        Raises:
            OptionError: An option is none of its choices, or the name no page's.
            OSError: The folder does not exist or cannot be written to.
        """
        ending(path, PAGES, "page", "; save(path) writes the trace, draw a picture")
        return saved(path, stepper_page(self, **options), "page: it")

    def draw(
        self, format: str | None = None, path: str | Path | None = None, **options: Any
    ) -> Drawing:
        """Draw it: `tinygrad_nn.draw` with this trace, and its arguments."""
        return draw(self, format, path, **options)

    def explain(self, name: str, index: Any = None, *, top: int = 5) -> Explanation:
        """Why what bears this name has its gradient: `tinygrad_nn.explain` with this trace.

        Example:
            >>> import tinygrad_nn as tg
            >>> a = tg.Value(3.0, name="a")
            >>> found = tg.trace(a * a).explain("a")
            >>> found.gradient, found.path_count
            (6.0, 2)
        """
        return explain(name, self, index, top=top)

    def __str__(self) -> str:
        """The drawing as text."""
        return draw(self, "text").text

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """The page that steps through it if that is small, and the picture and text of `draw`."""
        bundle = draw(self)._repr_mimebundle_(include, exclude)
        if len(self.records) + len(self.edges) <= _MOST_IN_CELL // _BYTES:
            page = framed(stepper_page(self), pass_title(self))
            if len(page) <= _MOST_IN_CELL:
                bundle["text/html"] = page
        return bundle

    @classmethod
    def of(cls, trace: Trace) -> Self:
        """The same data with these methods."""
        return cls(**{f.name: getattr(trace, f.name) for f in fields(Trace)})
