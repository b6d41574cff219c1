"""`draw`: a graph as a picture or as text."""

from __future__ import annotations

import functools
import re
import sys
import warnings
from functools import cache, cached_property
from pathlib import Path
from types import MethodType
from typing import Any

from tinygrad_nn.errors import DrawingError, OptionError
from tinygrad_nn.viz.choices import LEVELS, THEMES, checked_choice
from tinygrad_nn.viz.picture import program
from tinygrad_nn.viz.picture.compose import compose
from tinygrad_nn.viz.picture.dot import to_dot
from tinygrad_nn.viz.picture.painted import painted
from tinygrad_nn.viz.picture.placing import svg_by_dot, svg_of
from tinygrad_nn.viz.picture.programs import HasGraph, program_scene
from tinygrad_nn.viz.picture.references import with_references
from tinygrad_nn.viz.picture.scene import Scene
from tinygrad_nn.viz.picture.text import to_text
from tinygrad_nn.viz.saving import ending, named, saved
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.recorder import record
from tinygrad_nn.viz.view.levels import view
from tinygrad_nn.viz.view.model import View

__all__ = ["Drawing", "DrawingWarning", "draw"]

SUFFIXES = {".svg": "svg", ".dot": "dot", ".gv": "dot", ".txt": "text"}
SUFFIXES |= {".png": "png", ".pdf": "pdf"}
CHOICES = {
    "level": LEVELS,
    "flow": ("forward", "backward"),
    "format": ("svg", "dot", "text", "png", "pdf"),
    "direction": ("auto", "TB", "LR"),
    "theme": THEMES,
    "engine": ("auto", "dot", "own"),
}
LIMIT = 300
"""Boxes that one drawing shows at most; beyond that it is a texture, not a picture."""

_INSIDE = (str(Path(__file__).parent), functools.__file__)
_MOST_FOR_DOT = 200
"""Boxes and labels for which `dot` is asked: with more it may take seconds, and some graphs of a
thousand take it minutes."""
_LONGEST_ROW = 3
"""Operations on numbers that fit side by side; other graphs run downward."""
_WIDEST_ROW = 1368.0
"""Modules run rightward as far as that fits on a screen at its full size."""
_WIDEST_CELL = 1000.0
"""The same for the output of a cell in a notebook."""
_ROW_GAP = 22.0
_MOST_STEPS = 60
"""Boxes of instructions in the drawing of a program: each has several lines."""
_SIZE = re.compile(r' (?:width|height)="([\d.]+)"')
_FINE, _COARSE = 144, 72
_MOST_FINE = 5e6
"""A picture of more square pixels is not made twice as fine: it would have 80 MB in memory."""


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
    """A view of a trace, and its pictures; made by `draw`.

    It holds numbers only, no part of the graph, and looks the same however the graph
    changes later. Notebooks show it as a picture, and terminals as text.

    Attributes:
        view: What is shown: its boxes and links.
        trace: The recorded graph.
        format: What `content` and `save` give unless told otherwise.
    """

    def __init__(self, view: View, format: str, **options: Any) -> None:
        self.view = view
        self.trace = view.trace
        self.format = format
        self._options = options

    @cached_property
    def svg(self) -> str:
        """SVG text."""
        return self._svg(self._direction(_WIDEST_ROW))

    def _svg(self, direction: str, *, needs_dot: bool = False) -> str:
        """Placed by `dot` if it can be had and knows how, by our own layout otherwise.

        What needs Graphviz afterwards all the same fails at once, without a warning before.
        """
        scene, theme, engine = self._scene, self._options["theme"], self._options["engine"]
        suits = not scene.frames and len(scene.all_boxes) <= _MOST_FOR_DOT
        if engine == "dot" or (engine == "auto" and suits):
            try:
                return svg_by_dot(scene, direction, theme, self._options["timeout"])
            except DrawingError as error:
                if engine == "dot" or needs_dot:
                    raise
                _warn_once(f"{error} This drawing has the built-in layout, which needs no program.")
        return svg_of(scene, direction, theme)

    @cached_property
    def dot(self) -> str:
        """DOT text, for Graphviz and programs that read its language."""
        return to_dot(self._scene, self._direction(_WIDEST_ROW))

    @cached_property
    def text(self) -> str:
        """Plain text: a tree of the nodes, or an outline of the modules."""
        return to_text(self.view, constants=self._options["constants"])

    @cached_property
    def _scene(self) -> Scene:
        back = self._options["flow"] == "backward"
        return with_references(compose(self.view, back=back))

    def content(self, format: str | None = None) -> bytes:
        """The drawing as the bytes of a file of `format`.

        Raises:
            DrawingError: "png" or "pdf", and Graphviz's `dot` is missing or failed.
        """
        chosen = _checked("format", format or self.format)
        if chosen in ("png", "pdf"):
            svg = self._svg(self._direction(_WIDEST_ROW), needs_dot=True)
            width, height = (float(n) for n in _SIZE.findall(svg.partition(">")[0])[:2])
            dpi = _FINE if width * height <= _MOST_FINE else _COARSE
            return program.picture(painted(svg), chosen, self._options["timeout"], dpi)
        return str(getattr(self, chosen)).encode()

    def save(self, path: str | Path, format: str | None = None) -> Path:
        """Write a file, completely or not at all.

        Args:
            path: Its name.
            format: What to write, whatever the name ends in. By default it is that of the suffix,
                and that of the drawing for a name without one.

        Returns:
            The path.

        Raises:
            OptionError: The suffix is none of those of a drawing.
            OSError: The folder does not exist or cannot be written to.
            DrawingError: As for `content`.
        """
        if format is None:
            suffix = ending(path, tuple(SUFFIXES), "draw", ", or format= beside it")
            format = SUFFIXES.get(suffix, self.format)
        content = self.content(format)
        return saved(path, content, "draw: the drawing")

    def _direction(self, widest: float) -> str:
        chosen = self._options["direction"]
        if chosen != "auto":
            return str(chosen)
        if self.view.level == "module":
            return "LR" if _row_width(self._scene) <= widest else "TB"
        scalar = self.trace.is_scalar
        return "LR" if scalar and _depth(self.trace) <= _LONGEST_ROW else "TB"

    def _repr_svg_(self) -> str | None:
        if self.format not in ("svg", "png", "pdf"):
            return None
        direction = self._direction(_WIDEST_CELL)
        return self.svg if direction == self._direction(_WIDEST_ROW) else self._svg(direction)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        bundle = {"text/plain": self.dot if self.format == "dot" else self.text}
        picture = self._repr_svg_()
        if picture is not None:
            bundle["image/svg+xml"] = picture
        return bundle

    def __str__(self) -> str:
        return self.dot if self.format == "dot" else self.text

    def __repr__(self) -> str:
        count, boxes = self.trace.kept, len(self.view.parts)
        folded = f" in {boxes} boxes" if any(len(p.nodes) > 1 for p in self.view.parts) else ""
        return f"<Drawing of {self.trace.root.name!r:.40}, {count} nodes{folded}, {self.format}>"


class ProgramDrawing(Drawing):
    """The program of a captured step, and its pictures; made by `draw`."""

    def __init__(self, shown: HasGraph, format: str, limit: int, **options: Any) -> None:
        self.format = format
        self._options = options
        self._graph = shown.graph(min(limit, _MOST_STEPS))
        self._text, self._name = shown.text(), repr(shown)

    @cached_property
    def text(self) -> str:
        """What `print(step.program)` prints."""
        return self._text

    @cached_property
    def _scene(self) -> Scene:
        return with_references(program_scene(self._graph))

    def _direction(self, widest: float) -> str:
        chosen = str(self._options["direction"])
        return "TB" if chosen == "auto" else chosen

    def __repr__(self) -> str:
        return f"<Drawing of {self._name}, {self.format}>"


def draw(
    x: Any,
    format: str | None = None,
    path: str | Path | None = None,
    *,
    level: str = "auto",
    flow: str = "forward",
    model: Any = None,
    backward: bool = False,
    show_constants: bool = True,
    plumbing: bool = False,
    direction: str = "auto",
    theme: str = "auto",
    limit: int = LIMIT,
    engine: str = "auto",
    timeout: float = program.TIMEOUT,
) -> Drawing:
    """Draw the graph that `x` was computed by.

    At the level of numbers each box shows a name, a value and a gradient, and each arrow its
    local derivative and what it adds to the gradient it leads back to. At the level of modules
    a box is one call of a module, with a row for each parameter and how large its gradient is.
    Nothing is left away: what is not shown by itself is part of a box that says so.

    Args:
        x: Value or Tensor, for example a loss, or a `Trace` of one; or a captured step, which
            is drawn as the program of its last call, `step.program`: `level`, `flow`, `model`
            and the like tell nothing of that.
        format: "svg", "dot", "text", "png" or "pdf"; by default that of the suffix of
            `path`, or "svg". The last two are the SVG's picture and need Graphviz's program
            `dot` to be painted; with the theme "auto" they are light.
        path: File to save to.
        level: "scalar" for every node with its numbers, "op" for a box an operation, "module"
            for a box a module, "auto" to choose by the size of the graph.
        flow: "forward" for arrows from inputs to results, with local derivatives;
            "backward" for arrows of the backward pass, with what each adds to a gradient.
        model: Module, or a list of several: its parameters are named by their dotted paths,
            such as "layers.0.weight", and not "parameter_1".
        backward: Run a backward pass for the drawing, so that every node has its gradient.
            The `grad` of no node changes, and the graph is kept.
        show_constants: Draw the numbers and arrays without gradients too.
        plumbing: Give boxes of their own to operations that only put numbers into another
            form, such as `reshape`, where an operation is a box.
        direction: "TB" for downward, "LR" for rightward, "auto" to choose by the size.
        theme: "light", "dark", or "auto" to follow the reader's setting (SVG only).
        limit: Draw at most this many boxes of nodes and modules, and fold the rest into them.
        engine: Who places the boxes: "dot" for Graphviz, which draws no frames, "own" for the
            built-in layout, "auto" for `dot` where it works, there are no frames, and the
            boxes and labels are at most 200.
        timeout: Seconds that `dot` may take.

    Raises:
        OperandError: `x` is no Value, Tensor or Trace, or `model` no module.
        OptionError: An argument is none of its choices.
        FreedGraphError: `backward`, and an earlier backward pass freed the graph.
        GradientError: `backward` of something that requires no gradient, or of an array.
        DrawingError: `dot` is needed, and is missing, failed or took too long.
        OSError: `path` cannot be written.
        CaptureError: `x` is a captured step that was not called yet.

    Example:
        >>> import tinygrad_nn as tg
        >>> a = tg.Value(3.0, name="a")
        >>> print(tg.draw(a * a, "text", backward=True))  # doctest: +ELLIPSIS
        multiply_1 = multiply(a, a)  9  grad ▲ 1
        ├─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]
        └─ a                         3  grad ▲ 6  [local 3, adds ▲ 3]
        <BLANKLINE>
        Arrows run forward: “local” is the derivative of the result by this input; “adds” is ...
    """
    chosen = _format(format, path)
    for name, value in (("direction", direction), ("theme", theme), ("engine", engine),
                        ("level", level), ("flow", flow)):  # fmt: skip
        _checked(name, value)
    shown = _program_of(x)
    if shown is not None:
        drawn: Drawing = ProgramDrawing(
            shown, chosen, limit, direction=direction, theme=theme, engine=engine,
            timeout=program.checked_timeout(timeout),
        )  # fmt: skip
        return _finished(drawn, path, chosen)
    if isinstance(x, Trace):
        if backward or model is not None:
            raise OptionError(
                "draw: got a Trace and backward= or model=, which are for recording one; leave "
                "them away, or draw the loss itself"
            )
        trace = x
    else:
        on_freed = "raise" if backward else "record"
        trace = record(x, backward=backward, model=model, on_freed=on_freed)
    drawing = Drawing(
        view(trace, level, limit, plumbing=plumbing, constants=show_constants), chosen, flow=flow,
        constants=show_constants, direction=direction, theme=theme, engine=engine,
        timeout=program.checked_timeout(timeout),
    )  # fmt: skip
    return _finished(drawing, path, chosen)


def _program_of(x: Any) -> HasGraph | None:
    """A program as it is, and of a captured step that of its last call, or its error."""
    if isinstance(x, MethodType):
        x = x.__func__  # a step in a class is a method of its objects
    if not isinstance(x, HasGraph) and hasattr(type(x), "program"):
        x = x.program
    return x if isinstance(x, HasGraph) else None


def _finished(drawing: Drawing, path: str | Path | None, chosen: str) -> Drawing:
    """A drawing that was made once at least, so that what is wrong with it shows now."""
    if path is not None:
        drawing.save(path, chosen)
    else:
        drawing.content()
    return drawing


def _format(format: str | None, path: str | Path | None) -> str:
    suffix = None if path is None else named(path, "draw").suffix.lower()
    implied = SUFFIXES.get(suffix or "")
    if format is None:
        if suffix and implied is None:
            raise OptionError(
                f"draw: got a path ending in {suffix!r}, expected one of "
                f"{', '.join(SUFFIXES)}, or format= beside it"
            )
        return implied or "svg"
    _checked("format", format)
    if implied is not None and implied != format:
        raise OptionError(
            f"draw: got format={format!r} and a path ending in {suffix!r}; leave one of them away"
        )
    return format


def _checked(name: str, value: str) -> str:
    return checked_choice("draw", name, value, CHOICES[name])


def _depth(trace: Trace) -> int:
    """Operations on the longest way to the root."""
    depth: dict[int, int] = {}
    uses = trace.uses()
    for r in trace.records:
        inputs = (depth[e.source] for e in uses.get(r.key, ()))
        depth[r.key] = max(inputs, default=0) + (r.op is not None)
    return depth[trace.root.key]


def _row_width(scene: Scene) -> float:
    """About how wide it is if it runs rightward."""
    widths = {box.key: box.width for box in scene.all_boxes}
    after: dict[str, list[str]] = {}
    waiting: dict[str, int] = dict.fromkeys(widths, 0)
    for a, b in scene.links():
        after.setdefault(a, []).append(b)
        waiting[b] += 1
    reach = dict.fromkeys(widths, 0.0)
    ready = [key for key in widths if not waiting[key]]
    for key in ready:
        reach[key] += widths[key]
        for b in after.get(key, ()):
            reach[b] = max(reach[b], reach[key] + _ROW_GAP)
            waiting[b] -= 1
            if not waiting[b]:
                ready.append(b)
    return max(reach.values(), default=0.0)
