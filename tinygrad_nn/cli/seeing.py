"""The commands that show saved traces: `tinygrad-nn draw`, `step`, `explain`, `diff`, `movie`.

A trace is a JSON file that `trace.save(path)` wrote. It may come from anyone: it is checked in
full, and nothing in it is run.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np

from tinygrad_nn.cli.arguments import real, whole
from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.screen import Screen
from tinygrad_nn.errors import DataError, DrawingError, OptionError
from tinygrad_nn.viz.diff import compare
from tinygrad_nn.viz.drawing import CHOICES, LIMIT, SUFFIXES
from tinygrad_nn.viz.movie import Movie
from tinygrad_nn.viz.passes import Pass
from tinygrad_nn.viz.wording import clean, shorten

__all__ = ["SEEING"]

T = TypeVar("T")

_PAGE = (".html", ".htm")
_EXPLAINED = (*_PAGE, ".tex", ".mml", ".txt")
_TRACE = "a file that trace.save(path) wrote"
_MOVIE = "a file that movie.save(path) wrote"
# What the functions advise, in the words of the command.
_AS_OPTIONS = {"timeout=": "--timeout", "limit=": "--limit", "top=": "--top "}
_LONGEST = 300


# ── Files ───────────────────────────────────────────────────────────────────────────────


def _load(name: str) -> Pass:
    return _read(name, Pass.load, _TRACE)


def _read(name: str, load: Callable[[Path], T], expected: str) -> T:
    """What `load` makes of a file.

    Raises:
        DataError: There is no such file, it is of another kind, or it is damaged.
    """
    path, shown = Path(name), _shown(name)
    try:
        if path.is_file():
            return load(path)
        what = "a folder or device" if path.exists() else "the name of no file"
        raise DataError(f"{shown}: got {what}, expected {expected}")
    except OSError as error:
        raise DataError(f"{shown}: {error.strerror or error}; expected {expected}") from error
    except ValueError as error:
        words = str(error).removeprefix("trace file: ").removeprefix("movie file: ")
        raise DataError(words if words.startswith(shown) else f"{shown}: {words}") from error


def _checked(name: str, traces: Sequence[str], endings: Sequence[str]) -> Path:
    """Name of the file to write, before anything is computed for it."""
    path = Path(name)
    if path.suffix.lower() not in endings:
        raise OptionError(
            f"--out: got {_shown(name)!r}, expected a name that ends in "
            f"{', '.join(endings[:-1])} or {endings[-1]}"
        )
    if path.exists() and any(map(path.samefile, traces)):
        raise OptionError(f"--out: got {_shown(name)!r}, which is a trace; choose another name")
    return path


def _write(out: Path, save: Callable[[Path], object]) -> None:
    try:
        save(out)
    except OSError as error:
        raise DataError(
            f"{_shown(out)}: got “{shorten(error.strerror or str(error), _LONGEST)}”, expected a "
            "file in a folder that exists and can be written to; choose another with -o"
        ) from error
    _say(f"written: {out}")


def _shown(name: str | Path) -> str:
    return shorten(clean(str(name)), _LONGEST)


def _say(text: str) -> None:
    """Write lines in which nothing can steer a terminal, whatever the names in a file are."""
    Screen().say("\n".join(map(clean, text.split("\n"))))


@contextmanager
def _in_words() -> Iterator[None]:
    """Warnings as lines, and advice in the words of the command."""
    with warnings.catch_warnings(record=True) as told, np.errstate(all="ignore"):
        warnings.simplefilter("always")
        try:
            yield
        except (DrawingError, OptionError) as error:
            text = str(error)
            for argument, option in _AS_OPTIONS.items():
                text = text.replace(argument, option)
            raise type(error)(text) from error
    for warning in told:
        print(f"tinygrad-nn: warning: {' '.join(str(warning.message).split())}", file=sys.stderr)


def _declare_files(
    parser: argparse.ArgumentParser, out: str, *names: str, needed: bool = False
) -> None:
    for name in names or ("trace",):
        parser.add_argument(name, metavar=name.upper(), help=f"JSON: {_TRACE}")
    parser.add_argument("-o", "--out", metavar="FILE", required=needed, help=out)


# ── draw ────────────────────────────────────────────────────────────────────────────────


def _draw(found: argparse.Namespace, interruption: Interruption) -> int:
    trace = _load(found.trace)
    out = None if found.out is None else _checked(found.out, [found.trace], tuple(SUFFIXES))
    format = "text" if out is None else SUFFIXES[out.suffix.lower()]
    with _in_words():
        drawing = trace.draw(
            format, level=found.level, flow=found.flow, direction=found.direction,
            theme=found.theme, limit=found.limit, timeout=found.timeout,
        )  # fmt: skip
        if out is not None:
            _write(out, drawing.save)
    if out is None:
        _say(drawing.text)
    return 0


def _declare_draw(parser: argparse.ArgumentParser) -> None:
    _declare_files(parser, f"picture to write, by its ending: {', '.join(SUFFIXES)}; text on the "
                           "terminal without; .png and .pdf need Graphviz")  # fmt: skip
    for name, help in (
        ("level", "what a box is: a number, an operation, a module"),
        ("flow", "forward, or the way of the backward pass"),
        ("direction", "downward or rightward"),
        ("theme", "colours of an SVG; auto follows the reader's setting"),
    ):
        known = CHOICES[name]
        parser.add_argument(f"--{name}", choices=known, default=known[0], help=f"{help} "
                            f"(default: {known[0]})")  # fmt: skip
    parser.add_argument(
        "--limit", type=whole, default=LIMIT, metavar="N",
        help=f"draw at most N boxes, and fold the rest into them (default: {LIMIT})",
    )  # fmt: skip
    parser.add_argument(
        "--timeout", type=whole, default=5, metavar="S",
        help="seconds that Graphviz may take (default: 5)",
    )  # fmt: skip


# ── step ────────────────────────────────────────────────────────────────────────────────


def _step(found: argparse.Namespace, interruption: Interruption) -> int:
    trace = _load(found.trace)
    out = _checked(found.out, [found.trace], _PAGE)
    title = None if found.title is None else clean(found.title)
    with _in_words():
        _write(out, lambda path: trace.save_html(
            path, level=found.level, theme=found.theme, step=found.step, title=title,
        ))  # fmt: skip
    return 0


def _declare_step(parser: argparse.ArgumentParser) -> None:
    _declare_files(parser, "page to write, such as page.html", needed=True)
    for name, help in (("level", "what is open at first"), ("theme", "colours")):
        known = CHOICES[name]
        parser.add_argument(f"--{name}", choices=known, default=known[0], help=f"{help} "
                            f"(default: {known[0]})")  # fmt: skip
    parser.add_argument(
        "--step", type=whole, default=0, metavar="N", help="step at which the page opens"
    )
    parser.add_argument("--title", metavar="TEXT", help="heading of the page")


# ── explain ─────────────────────────────────────────────────────────────────────────────


def _explain(found: argparse.Namespace, interruption: Interruption) -> int:
    trace = _load(found.trace)
    out = None if found.out is None else _checked(found.out, [found.trace], _EXPLAINED)
    with _in_words():
        answer = trace.explain(found.name, found.index, top=found.top)
        if out is not None:
            _write(out, answer.save)
    if out is None:
        _say(str(answer))
    return 0


def _declare_explain(parser: argparse.ArgumentParser) -> None:
    _declare_files(parser, f"file to write, by its ending: {', '.join(_EXPLAINED)}; the text on "
                           "the terminal without")  # fmt: skip
    parser.add_argument("name", metavar="NAME", help="what has the gradient, such as 0.weight")
    parser.add_argument(
        "--index", type=_index, metavar="I,J",
        help="element of an array (default: the one with the largest gradient)",
    )  # fmt: skip
    parser.add_argument(
        "--top", type=whole, default=5, metavar="N", help="show N paths (default: 5)"
    )


def _index(text: str) -> tuple[int, ...]:
    try:
        return tuple(whole(part.strip()) for part in text.split(","))
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(
            f"got {text[:60]!r}, expected whole numbers with commas between; pass for instance "
            "--index 3,4, or --index=-1,0"
        ) from error


# ── diff ────────────────────────────────────────────────────────────────────────────────


def _diff(found: argparse.Namespace, interruption: Interruption) -> int:
    names = [found.before, found.after]
    before, after = map(_load, names)
    out = None
    if found.out is not None:
        out = _checked(found.out, names, (*_PAGE, *SUFFIXES))
    with _in_words():
        answer = compare(before, after, rtol=found.rtol, atol=found.atol)
        if out is not None:
            is_page = out.suffix.lower() in _PAGE
            _write(out, answer.save_html if is_page else lambda path: answer.draw(path=path))
    if out is None:
        _say(str(answer))
    return 0


def _declare_diff(parser: argparse.ArgumentParser) -> None:
    endings = f"page ({', '.join(_PAGE)}) or picture ({', '.join(SUFFIXES)})"
    _declare_files(parser, f"{endings} to write; a table on the terminal without", "before",
                   "after")  # fmt: skip
    for name, of in (("rtol", "as a share of the largest element of an array"), ("atol", "at all")):
        parser.add_argument(
            f"--{name}", type=real, default=0.0, metavar="X",
            help=f"differences up to X, {of}, count as none (default: 0)",
        )  # fmt: skip


# ── movie ───────────────────────────────────────────────────────────────────────────────


def _movie(found: argparse.Namespace, interruption: Interruption) -> int:
    film = _read(found.movie, Movie.load, _MOVIE)
    out = _checked(found.out, [found.movie], _PAGE)
    with _in_words():
        _write(out, lambda path: film.save_html(path, theme=found.theme))
    return 0


def _declare_movie(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("movie", metavar="MOVIE", help=f"JSON: {_MOVIE}")
    parser.add_argument("-o", "--out", metavar="FILE", required=True, help="page to write")
    known = CHOICES["theme"]
    parser.add_argument("--theme", choices=known, default=known[0], help=f"colours "
                        f"(default: {known[0]})")  # fmt: skip


SEEING = (
    Command(
        name="draw",
        help="draw a saved trace: a picture, or text on the terminal",
        about="Draw the backward pass that a saved trace holds, as a picture or as text.",
        declare=_declare_draw,
        run=_draw,
        examples="examples:\n"
        "  tinygrad-nn draw pass.json\n"
        "  tinygrad-nn draw pass.json -o pass.svg --level module",
    ),
    Command(
        name="step",
        help="write a page that steps through the backward pass of a saved trace",
        about="Write one HTML file that steps through a backward pass; it needs no network.",
        declare=_declare_step,
        run=_step,
        examples="example:\n  tinygrad-nn step pass.json -o pass.html",
    ),
    Command(
        name="explain",
        help="say why something in a saved trace has its gradient",
        about="Say along which paths a gradient came, and what each of them adds.",
        declare=_declare_explain,
        run=_explain,
        examples="examples:\n"
        "  tinygrad-nn explain pass.json a\n"
        "  tinygrad-nn explain pass.json 0.weight --index 3,4",
    ),
    Command(
        name="diff",
        help="compare two saved traces: values, gradients, new and absent nodes",
        about="Say what differs between two passes: values, gradients, new and absent nodes.",
        declare=_declare_diff,
        run=_diff,
        examples="examples:\n"
        "  tinygrad-nn diff before.json after.json\n"
        "  tinygrad-nn diff before.json after.json -o diff.html",
    ),
    Command(
        name="movie",
        help="write a page that plays the passes of a training run",
        about="Write one HTML file that plays the passes of a training run, frame by frame.",
        declare=_declare_movie,
        run=_movie,
        examples="example:\n  tinygrad-nn movie film.json -o film.html",
    ),
)
