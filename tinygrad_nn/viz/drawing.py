"""`draw`: a graph as a picture or as text."""

from __future__ import annotations

import functools
import sys
import warnings
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tinygrad_nn.atomic import write_atomic
from tinygrad_nn.errors import DrawingError, OptionError
from tinygrad_nn.viz.picture import layout, program
from tinygrad_nn.viz.picture.dot import to_dot
from tinygrad_nn.viz.picture.layout import Placement, Size
from tinygrad_nn.viz.trace.recorder import LIMIT, record
from tinygrad_nn.viz.picture.scene import Scene, compose
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.picture.svg import to_svg
from tinygrad_nn.viz.picture.text import to_text

__all__ = ["Drawing", "DrawingWarning", "draw"]

_SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".txt": "text"}
_SUFFIXES |= {".png": "png", ".pdf": "pdf"}
_CHOICES = {
    "format": ("svg", "dot", "text", "png", "pdf"),
    "direction": ("auto", "TB", "LR"),
    "theme": ("auto", "light", "dark"),
    "engine": ("auto", "dot", "own"),
}
_INSIDE = (str(Path(__file__).parent), functools.__file__)
_LONGEST_ROW = 3
"""Operations on numbers that fit side by side; other graphs run downward."""


class DrawingWarning(UserWarning):
    """A drawing was made in another way than asked for."""


@cache
def _warn_once(message: str) -> None:
    """Warn once in a process: a notebook draws the same loss many times."""
    frame, level = sys._getframe(), 1
    while frame.f_back and frame.f_code.co_filename.startswith(_INSIDE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, DrawingWarning, stacklevel=level)


class Drawing:
    """A trace of a graph, and its pictures; made by `draw`.

    It holds numbers only, no part of the graph, and looks the same however the graph
    changes later. Notebooks show it as a picture, and terminals as text.

    Attributes:
        trace: The recorded graph.
        format: What `content` and `save` give unless told otherwise.
    """

    def __init__(self, trace: Trace, format: str, **options: Any) -> None:
        self.trace = trace
        self.format = format
        self._options = options

    @cached_property
    def svg(self) -> str:
        """SVG text."""
        constants, theme = self._options["constants"], self._options["theme"]
        scene = compose(self.trace, constants=constants)
        return to_svg(scene, self._placement(scene), theme)

    @cached_property
    def dot(self) -> str:
        """DOT text, for Graphviz and programs that read its language."""
        constants = self._options["constants"]
        return to_dot(self.trace, constants=constants, direction=self._direction)

    @cached_property
    def text(self) -> str:
        """Tree of plain text."""
        return to_text(self.trace, constants=self._options["constants"])

    def content(self, format: str | None = None) -> bytes:
        """The drawing as the bytes of a file of `format`.

        Raises:
            DrawingError: "png" or "pdf", and Graphviz's `dot` is missing or failed.
        """
        chosen = _checked("format", format or self.format)
        if chosen in ("png", "pdf"):
            return program.picture(self.dot, chosen, self._options["timeout"])
        return str(getattr(self, chosen)).encode()

    def save(self, path: str | Path) -> Path:
        """Write a file; its format is that of the name's suffix if that is a known one.

        The file is written completely or not at all.

        Returns:
            The path.

        Raises:
            OSError: The folder does not exist or cannot be written to.
            DrawingError: As for `content`.
        """
        path = Path(path)
        content = self.content(_SUFFIXES.get(path.suffix.lower(), self.format))
        try:
            write_atomic(path, content)
        except OSError as error:
            raise OSError(
                error.errno,
                f"draw: the drawing was not saved: {error.strerror}; expected the name of a file "
                "in a folder that exists and can be written to",
                str(path),
            ) from error
        return path

    @property
    def _direction(self) -> str:
        chosen = self._options["direction"]
        if chosen != "auto":
            return str(chosen)
        scalar = all(r.value.is_scalar for r in self.trace.records)
        return "LR" if scalar and _depth(self.trace) <= _LONGEST_ROW else "TB"

    def _placement(self, scene: Scene) -> Placement:
        """Places by `dot` if it can be had, by our own layout otherwise."""
        boxes = scene.all_boxes
        at = {box.key: k for k, box in enumerate(boxes)}
        sizes = [Size(box.width, box.height, box.is_round) for box in boxes]
        links = [(at[a], at[b]) for a, b in scene.links()]
        if self._options["engine"] == "own":
            return layout.place(sizes, links, self._direction)
        try:
            return program.place(sizes, links, self._direction, self._options["timeout"])
        except DrawingError as error:
            if self._options["engine"] == "dot":
                raise
            _warn_once(f"{error} This drawing has the built-in layout, which needs no program.")
            return layout.place(sizes, links, self._direction)

    def _repr_svg_(self) -> str | None:
        return self.svg if self.format in ("svg", "png", "pdf") else None

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": self.dot if self.format == "dot" else self.text}
        picture = self._repr_svg_()
        if picture is not None:
            bundle["image/svg+xml"] = picture
        return bundle

    def __str__(self) -> str:
        return self.dot if self.format == "dot" else self.text

    def __repr__(self) -> str:
        count = self.trace.kept
        return f"<Drawing of {self.trace.root.name!r:.40}, {count} nodes, {self.format}>"


def draw(
    x: Any,
    format: str | None = None,
    path: str | Path | None = None,
    *,
    model: Any = None,
    backward: bool = False,
    show_constants: bool = True,
    direction: str = "auto",
    theme: str = "auto",
    limit: int = LIMIT,
    engine: str = "auto",
    timeout: float = program.TIMEOUT,
) -> Drawing:
    """Draw the graph that `x` was computed by.

    Each box shows a name, a value and a gradient, and each arrow of a scalar graph its local
    derivative and what it adds to the gradient it leads back to.

    Args:
        x: Value or Tensor, for example a loss.
        format: "svg", "dot", "text", "png" or "pdf"; by default that of the suffix of
            `path`, or "svg". The last two need Graphviz's program `dot`.
        path: File to save to.
        model: Module, or a list of several: its parameters are named by their dotted paths,
            such as "layers.0.weight", and not "parameter_1".
        backward: Run a backward pass for the drawing, so that every node has its gradient.
            The `grad` of no node changes, and the graph is kept.
        show_constants: Draw the numbers and arrays without gradients too.
        direction: "TB" for downward, "LR" for rightward, "auto" to choose by the depth.
        theme: "light", "dark", or "auto" to follow the reader's setting (SVG only).
        limit: Draw this many nodes, those nearest to `x`, and say how many are left out.
        engine: Who places the boxes of an SVG: "dot" for Graphviz, "own" for the built-in
            layout, "auto" for `dot` where it works.
        timeout: Seconds that `dot` may take.

    Raises:
        OperandError: `x` is no Value or Tensor, or `model` no module.
        OptionError: An argument is none of its choices.
        FreedGraphError: An earlier backward pass freed the graph.
        GradientError: `backward` of something that requires no gradient, or of an array.
        DrawingError: `dot` is needed, and is missing, failed or took too long.
        OSError: `path` cannot be written.

    Example:
        >>> import tinygrad_nn as tg
        >>> a = tg.Value(3.0, name="a")
        >>> print(tg.draw(a * a, "text", backward=True))  # doctest: +ELLIPSIS
        multiply_1 = multiply(a, a)  9  grad ▲ 1
        ├─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]
        └─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]
        <BLANKLINE>
        Arrows: “local” is the derivative of the result by this input; “adds” is ...
    """
    chosen = _format(format, path)
    for name, value in (("direction", direction), ("theme", theme), ("engine", engine)):
        _checked(name, value)
    trace = record(x, backward=backward, limit=limit, model=model)
    drawing = Drawing(
        trace, chosen, constants=show_constants, direction=direction, theme=theme,
        engine=engine, timeout=timeout,
    )  # fmt: skip
    if path is not None:
        drawing.save(path)
    else:
        drawing.content()
    return drawing


def _format(format: str | None, path: str | Path | None) -> str:
    suffix = None if path is None else Path(path).suffix.lower()
    implied = _SUFFIXES.get(suffix or "")
    if format is None:
        if suffix and implied is None:
            raise OptionError(
                f"draw: got a path ending in {suffix!r}, expected one of "
                f"{', '.join(_SUFFIXES)}, or format= beside it"
            )
        return implied or "svg"
    _checked("format", format)
    if implied is not None and implied != format:
        raise OptionError(
            f"draw: got format={format!r} and a path ending in {suffix!r}; leave one of them away"
        )
    return format


def _checked(name: str, value: str) -> str:
    if value not in _CHOICES[name]:
        raise OptionError(
            f"draw: got {name}={value!r}, expected one of {', '.join(map(repr, _CHOICES[name]))}"
        )
    return value


def _depth(trace: Trace) -> int:
    """Operations on the longest way to the root."""
    depth: dict[int, int] = {}
    uses = trace.uses()
    for r in trace.records:
        inputs = (depth[e.source] for e in uses.get(r.key, ()))
        depth[r.key] = max(inputs, default=0) + (r.op is not None)
    return depth[trace.root.key]
