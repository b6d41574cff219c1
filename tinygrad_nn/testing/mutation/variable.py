"""How a mutant is named to another process: in the environment."""

from __future__ import annotations

from tinygrad_nn.errors import OptionError

__all__ = ["REPORT", "VARIABLE", "parsed", "spelled"]

VARIABLE = "TINYGRAD_NN_MUTANT"
"""Which mutant is planted: `operation:mutant:argument`."""
REPORT = "TINYGRAD_NN_MUTANT_REPORT"
"""File to which how often it was met is appended."""


def spelled(op: str, mutant: str, argument: int) -> str:
    """A mutant as one word.

    Example:
        >>> spelled("tanh", "sign", 0)
        'tanh:sign:0'
    """
    return f"{op}:{mutant}:{argument}"


def parsed(text: str) -> tuple[str, str, int]:
    """The names of operation and mutant, and the place of the argument.

    Raises:
        OptionError: It is none.
    """
    parts = text.split(":")
    try:
        op, mutant = parts[0], parts[1]
        return op, mutant, int(parts[2]) if len(parts) > 2 else 0
    except (IndexError, ValueError) as error:
        raise OptionError(
            f"{VARIABLE}: got {text!r:.80}, expected operation:mutant:argument, such as tanh:sign:0"
        ) from error
