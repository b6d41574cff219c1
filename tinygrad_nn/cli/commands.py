"""The commands of `tinygrad-nn`; to add one, define a `Command` and name it here."""

from __future__ import annotations

from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.pages import PAGES
from tinygrad_nn.cli.seeing import SEEING
from tinygrad_nn.cli.train import TRAIN

__all__ = ["COMMANDS"]

COMMANDS: tuple[Command, ...] = (TRAIN, *PAGES, *SEEING)
