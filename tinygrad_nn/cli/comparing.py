"""`tinygrad-nn compare`: runs on one page, or two saved traces node by node."""

from __future__ import annotations

import argparse
from pathlib import Path

from tinygrad_nn.cli.arguments import real
from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.pages import save_page
from tinygrad_nn.cli.traces import checked, in_words, is_trace, load_trace, say, write_file
from tinygrad_nn.errors import OptionError
from tinygrad_nn.report import compare as compare_runs
from tinygrad_nn.viz.diff import compare as compare_traces
from tinygrad_nn.viz.drawing import SUFFIXES
from tinygrad_nn.viz.saving import PAGES
from tinygrad_nn.viz.wording import clean, counted, shorten

__all__ = ["COMPARE"]

_PAGE = "compare.html"
_MOST_RUNS = 6


def _compare(found: argparse.Namespace, interruption: Interruption) -> int:
    traces = [name for name in found.things if is_trace(name)]
    if not traces:
        return _runs(found)
    if len(traces) < len(found.things):
        other = next(name for name in found.things if name not in traces)
        if not Path(other).exists():
            load_trace(other)
        raise OptionError(
            f"compare: got the trace {_shown(traces[0])} and {_shown(other)}, which is none, "
            "expected two traces, or runs only; compare things of one kind"
        )
    return _traces(found)


def _runs(found: argparse.Namespace) -> int:
    if found.rtol is not None or found.atol is not None:
        name = "rtol" if found.rtol is not None else "atol"
        raise OptionError(
            f"--{name}: got it with {_shown(found.things[0])}, which is no trace, expected it with "
            "two traces; leave it out, or pass files that trace.save(path) wrote"
        )
    if not 2 <= len(found.things) <= _MOST_RUNS:
        raise OptionError(
            f"compare: got {counted(len(found.things), 'run')}, expected 2 to {_MOST_RUNS}; pass "
            "their folders"
        )
    save_page(compare_runs(tuple(found.things)), Path(found.out or _PAGE))
    return 0


def _traces(found: argparse.Namespace) -> int:
    if len(found.things) != 2:
        raise OptionError(
            f"compare: got {counted(len(found.things), 'trace')}, expected 2; pass one of before "
            "and one of after"
        )
    before, after = map(load_trace, found.things)
    out = None
    if found.out is not None:
        out = checked(found.out, found.things, (*PAGES, *SUFFIXES))
    with in_words():
        answer = compare_traces(before, after, rtol=found.rtol or 0.0, atol=found.atol or 0.0)
        if out is not None:
            is_page = out.suffix.lower() in PAGES
            write_file(out, answer.save_html if is_page else lambda path: answer.draw(path=path))
    if out is None:
        say(str(answer))
    return 0


def _shown(name: str) -> str:
    return repr(shorten(clean(name), 80))


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "things", nargs="+", metavar="RUN_OR_TRACE",
        help="folder of a run, or its report; or JSON: a file that trace.save(path) wrote",
    )  # fmt: skip
    endings = f"page ({', '.join(PAGES)}) or picture ({', '.join(SUFFIXES)})"
    parser.add_argument(
        "-o", "--out", metavar="FILE",
        help=f"of runs the page to write (default: {_PAGE}); of traces a {endings}, and a table on "
        "the terminal without",
    )  # fmt: skip
    for name, of in (("rtol", "as a share of the largest element of an array"), ("atol", "at all")):
        parser.add_argument(
            f"--{name}", type=real, metavar="X",
            help=f"of traces: differences up to X, {of}, count as none (default: 0)",
        )  # fmt: skip


COMPARE = Command(
    name="compare",
    help="put two to six runs on one page, or say what differs between two saved traces",
    about="Two to six runs on one page: curves over the same axes, what differs.\n"
    "Or two saved traces: values, gradients, new and absent nodes.",
    declare=_declare,
    run=_compare,
    examples="examples:\n"
    "  tinygrad-nn compare runs/one runs/other -o compare.html\n"
    "  tinygrad-nn compare before.json after.json\n"
    "  tinygrad-nn compare before.json after.json -o diff.html",
)
