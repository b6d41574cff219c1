"""The commands of `tinygrad-nn`; to add one, define a `Command` and name it in `COMMANDS`."""

from __future__ import annotations

from tinygrad_nn.cli.arguments import ABOUT, EXAMPLES, declare, options
from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.comparing import COMPARE
from tinygrad_nn.cli.demos import DEMOS
from tinygrad_nn.cli.gradcheck import GRADCHECK
from tinygrad_nn.cli.pages import PAGES
from tinygrad_nn.cli.seeing import SEEING
from tinygrad_nn.cli.train import train

__all__ = ["COMMANDS"]

_TRAIN = Command(
    name="train",
    help="train a network that reads handwritten digits",
    about=ABOUT,
    declare=declare,
    run=lambda found, interruption: train(options(found), interruption),
    examples=EXAMPLES,
)

COMMANDS: tuple[Command, ...] = (_TRAIN, *PAGES, COMPARE, *SEEING, GRADCHECK, DEMOS)
