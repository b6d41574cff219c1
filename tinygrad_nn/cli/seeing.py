"""The commands that show saved traces: `tinygrad-nn draw`, `step`, `explain`, `movie`.

A trace is a JSON file that `trace.save(path)` wrote. It may come from anyone: it is checked in
full, and nothing in it is run.
"""

from __future__ import annotations

import argparse

from tinygrad_nn.cli.arguments import whole
from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.traces import (
    TRACE,
    checked,
    in_words,
    load_trace,
    read_file,
    say,
    write_file,
)
from tinygrad_nn.viz.drawing import CHOICES, LIMIT, SUFFIXES
from tinygrad_nn.viz.movie import Movie
from tinygrad_nn.viz.saving import PAGES
from tinygrad_nn.viz.wording import clean

__all__ = ["SEEING"]

_EXPLAINED = (*PAGES, ".tex", ".mml", ".txt")
_MOVIE = "a file that movie.save(path) wrote"


def _declare_files(parser: argparse.ArgumentParser, out: str, *, needed: bool = False) -> None:
    parser.add_argument("trace", metavar="TRACE", help=f"JSON: {TRACE}")
    parser.add_argument("-o", "--out", metavar="FILE", required=needed, help=out)


# ── draw ────────────────────────────────────────────────────────────────────────────────


def _draw(found: argparse.Namespace, interruption: Interruption) -> int:
    trace = load_trace(found.trace)
    out = None if found.out is None else checked(found.out, [found.trace], tuple(SUFFIXES))
    format = "text" if out is None else SUFFIXES[out.suffix.lower()]
    with in_words():
        drawing = trace.draw(
            format, level=found.level, flow=found.flow, direction=found.direction,
            theme=found.theme, limit=found.limit, timeout=found.timeout,
        )  # fmt: skip
        if out is not None:
            write_file(out, drawing.save)
    if out is None:
        say(drawing.text)
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
    trace = load_trace(found.trace)
    out = checked(found.out, [found.trace], PAGES)
    title = None if found.title is None else clean(found.title)
    with in_words():
        write_file(out, lambda path: trace.save_html(
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
    trace = load_trace(found.trace)
    out = None if found.out is None else checked(found.out, [found.trace], _EXPLAINED)
    with in_words():
        answer = trace.explain(found.name, found.index, top=found.top)
        if out is not None:
            write_file(out, answer.save)
    if out is None:
        say(str(answer))
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


# ── movie ───────────────────────────────────────────────────────────────────────────────


def _movie(found: argparse.Namespace, interruption: Interruption) -> int:
    film = read_file(found.movie, Movie.load, _MOVIE)
    out = checked(found.out, [found.movie], PAGES)
    with in_words():
        write_file(out, lambda path: film.save_html(path, theme=found.theme))
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
        name="movie",
        help="write a page that plays the passes of a training run",
        about="Write one HTML file that plays the passes of a training run, frame by frame.",
        declare=_declare_movie,
        run=_movie,
        examples="example:\n  tinygrad-nn movie film.json -o film.html",
    ),
)
