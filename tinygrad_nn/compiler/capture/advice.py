"""What to write instead of what a captured step cannot hold."""

from __future__ import annotations

__all__ = ["BRANCH", "NEW", "PRINT", "READ", "WHOLE", "WRITING"]

BRANCH = (
    "while a step is captured a value is not known, and the branch taken now would be taken at "
    "each replay; write tinygrad_nn.where(condition, a, b), or move the branch out of the step"
)
READ = "return it from the step and read it there"
PRINT = (
    "it would be shown once, when the step is captured, and never in a replay; return it from the "
    "step and print it there"
)
WHOLE = (
    "the caller's array would be changed by eager code and not by a replay; write x = x + y, which "
    "makes a new one, and return it where the caller needs it"
)
NEW = (
    "make a new array: tinygrad_nn.index_put(x, i, value), or tinygrad_nn.where(mask, value, x); "
    "a leaf may be given it whole: x.data = new"
)
WRITING = {"byteswap", "fill", "partition", "put", "resize", "setfield", "setflags", "sort"}
"""Methods of arrays that write into them."""
