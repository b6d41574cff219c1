"""The command `tinygrad-nn`.

`commands.py` is the table of the commands, and `command.py` reads by it what was typed. `train.py`
is `tinygrad-nn train`, with its options in `arguments.py`; `report.py` judges what came out;
`pages.py` writes the report, and is `tinygrad-nn report` and `compare`; `seeing.py` shows saved
traces; `gradcheck.py` checks a gradient, with its function from `target.py` and its inputs from
`inputs.py`. `interruption.py` takes Ctrl-C at a moment that suits, `screen.py` writes the lines.

Exit codes: 0 done, 1 a gradient is wrong, 2 refused or failed with one line on stderr, 130
interrupted.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from tinygrad_nn.cli.command import chosen
from tinygrad_nn.cli.commands import COMMANDS
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.errors import TinygradError

__all__ = ["main"]

FAILED = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code.

    Args:
        arguments: what follows the name of the command; None takes them from the process.
    """
    try:
        with Interruption() as interruption:
            return chosen(COMMANDS, arguments)(interruption)
    except BrokenPipeError:
        # The reader of a pipe is gone: nobody can be told, and the buffer must not be flushed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    except (TinygradError, OSError, MemoryError) as error:
        text = " ".join(str(error).split()) or type(error).__name__
        _tell(f"tinygrad-nn: error: {text}")
        return FAILED
    except KeyboardInterrupt as interrupt:
        _tell(f"tinygrad-nn: {str(interrupt) or 'interrupted'}")
        return INTERRUPTED


def _tell(line: str) -> None:
    # Where nobody reads the exit code says it alone.
    with suppress(OSError):
        print(line, file=sys.stderr, flush=True)
