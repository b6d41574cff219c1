"""`tinygrad-nn demos`: the demos of the two talks, listed and run."""

from __future__ import annotations

import argparse
import ast
import subprocess
import sys
import time
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.traces import say
from tinygrad_nn.errors import DataError, OptionError

__all__ = ["DEMOS", "GROUPS", "about"]

GROUPS = {
    "basics": "Basics: the neuron, losses, descent",
    "handwriting": "Handwriting: the network of 784-16-16-10",
    "architectures": "Architectures",
    "learning": "Kinds of learning",
    "history": "History and facts",
    "seeing": "Seeing what a network sees",
}
"""Titles of the folders of demos, in the order of the talks."""
_PACKAGE = Path(__file__).parents[1]


@dataclass(frozen=True)
class _Demo:
    """A script, its group, and the first line of what it says of itself."""

    path: Path
    group: str
    about: str

    @property
    def name(self) -> str:
        return self.path.stem


def _all() -> list[_Demo]:
    """The demos: within the package where it is installed, beside it in a checkout."""
    for folder in (_PACKAGE / "demos", _PACKAGE.parent / "demos"):
        found = [
            _Demo(path, group, about(path))
            for group in GROUPS
            for path in sorted((folder / group).glob("*.py"))
        ]
        if found:
            return found
    raise DataError(
        f"demos: none are in {_PACKAGE / 'demos'} or beside it; install tinygrad-nn anew"
    )


def about(path: Path) -> str:
    """The first line of what a demo says of itself."""
    return (ast.get_docstring(ast.parse(path.read_text("utf-8"))) or "").partition("\n")[0]


def _run(found: argparse.Namespace, interruption: Interruption) -> int:
    demos = _all()
    if found.all and found.names:
        raise OptionError(f"demos: got --all and the name {found.names[0]!r}, expected one of them")
    if not found.all and not found.names:
        _list(demos)
        return 0
    chosen = demos if found.all else [_named(name, demos) for name in found.names]
    outcomes = [_outcome(demo, found) for demo in chosen]
    failed = [demo.name for demo, code, _ in outcomes if code]
    if len(chosen) > 1:
        say("")
        for demo, code, seconds in outcomes:
            say(f"{'FAILED' if code else 'met':6}  {seconds:6.1f} s  {demo.name}")
    if failed:
        say(f"{len(failed)} of {len(chosen)} failed: {', '.join(failed)}")
    return int(bool(failed))


def _list(demos: list[_Demo]) -> None:
    width = max(len(demo.name) for demo in demos)
    for group in GROUPS:
        members = [demo for demo in demos if demo.group == group]
        if members:
            say(f"{group}:")
        for demo in members:
            say(f"  {demo.name:{width}}  {demo.about}")
    say("\nrun one: tinygrad-nn demos NAME")
    say("all in their short form: tinygrad-nn demos --all --quick")


def _named(name: str, demos: list[_Demo]) -> _Demo:
    by_name = {demo.name: demo for demo in demos}
    stem = Path(name).stem.replace("-", "_")
    if stem not in by_name:
        near = get_close_matches(stem, by_name, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        raise OptionError(f"demos: no demo is named {name!r}; {hint}`tinygrad-nn demos` lists them")
    return by_name[stem]


def _outcome(demo: _Demo, found: argparse.Namespace) -> tuple[_Demo, int, float]:
    """Run one in a process of its own, as from its file."""
    options = ["--seed", str(found.seed), *(["--quick"] if found.quick else [])]
    folder = Path(found.folder, demo.name)
    say(f"== {demo.name}")
    sys.stdout.flush()  # before what the process writes to the same place
    begun = time.perf_counter()
    done = subprocess.run(
        [sys.executable, str(demo.path), *options, "--folder", str(folder)], check=False
    )
    return demo, done.returncode, time.perf_counter() - begun


def _declare(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="demos to run (default: list all)")
    parser.add_argument("--all", action="store_true", help="run all of them")
    parser.add_argument("--quick", action="store_true", help="the short form, seconds each")
    parser.add_argument("--seed", type=int, default=0, help="of all random numbers (default: 0)")
    parser.add_argument(
        "--folder", default="runs/demos", help="for pictures and numbers (default: %(default)s)"
    )


DEMOS = Command(
    name="demos",
    help="list and run the demos: every concept of the two talks, with its number",
    about="Every concept of the two talks as a short script that measures a number, and says\n"
    "whether it is what was expected. Without a name all are listed.",
    declare=_declare,
    run=_run,
    examples="examples:\n"
    "  tinygrad-nn demos\n"
    "  tinygrad-nn demos binary_blitz associative_memory\n"
    "  tinygrad-nn demos --all --quick",
)
