"""What a command is, and how what was typed is read by a table of them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

import tinygrad_nn
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.errors import OptionError

__all__ = ["Command", "chosen"]

_LONGEST = 200
"""Characters of what was typed that an error repeats."""


@dataclass(frozen=True)
class Command:
    """One command, and all that the command line knows of it.

    Attributes:
        name: What is typed.
        help: One line for the list of commands.
        about: What it does, for its own help.
        declare: Adds its arguments to a parser.
        run: From what was read, does it; gives the exit code.
        examples: Shown below its arguments.
    """

    name: str
    help: str
    about: str
    declare: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Interruption], int]
    examples: str = ""


def chosen(
    commands: Sequence[Command], arguments: Sequence[str] | None = None
) -> Callable[[Interruption], int]:
    """The command that was asked for, ready to run.

    Args:
        commands: All that there are.
        arguments: What follows the name of the program; None takes it from the process.

    Raises:
        OptionError: No such command or argument, or a value that is none.
        SystemExit: With code 0, after --help and --version.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    parser = _parser(commands)
    if not arguments:
        parser.print_help()
        raise SystemExit(0)
    found, unknown = parser.parse_known_args(arguments)
    names = [command.name for command in commands]
    if found.command is None:
        raise OptionError(
            f"got no command, expected {', '.join(names[:-1])} or {names[-1]}; try tinygrad-nn "
            "--help"
        )
    if unknown:
        raise OptionError(
            f"unrecognized arguments: {' '.join(unknown)[:_LONGEST]}; try tinygrad-nn "
            f"{found.command} --help"
        )
    return partial(commands[names.index(found.command)].run, found)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        message = message.removeprefix("argument ")
        raise OptionError(f"{message[: 3 * _LONGEST]}; try {self.prog} --help")


def _parser(commands: Sequence[Command]) -> argparse.ArgumentParser:
    plain = argparse.RawDescriptionHelpFormatter
    parser = _Parser(
        prog="tinygrad-nn",
        description="Networks that learn, on an autograd engine you can see through.",
        epilog="Start with: tinygrad-nn train      (seconds, needs no files)",
        formatter_class=plain,
        allow_abbrev=False,
    )
    version = f"tinygrad-nn {tinygrad_nn.__version__}"
    parser.add_argument("--version", action="version", version=version)
    group = parser.add_subparsers(
        dest="command", metavar="command", title="commands", parser_class=_Parser
    )
    for command in commands:
        command.declare(
            group.add_parser(
                command.name,
                help=command.help,
                description=command.about,
                epilog=command.examples,
                formatter_class=plain,
                allow_abbrev=False,
            )
        )
    return parser
