"""Operations that drawings and formulas treat in a way of their own, by what they do.

An operation that is listed nowhere is drawn and written like any other, so that a new one needs
no entry. Tests hold each list against what the operations compute, and say of each that could
be listed and is not, why. Names of composed operations need no place: no node bears them.
"""

from __future__ import annotations

from typing import Final

__all__ = ["COMMUTATIVE", "FITTED", "PLUMBING", "SAME", "ZEROS"]

SAME: Final = frozenset({"alias", "astype", "conj", "copy", "positive", "real", "widened"})
"""Give the numbers that they get."""
FITTED: Final = frozenset({"broadcast_to", "sum_to"})
"""Change the shape as NumPy does by itself, or undo that."""
PLUMBING: Final = SAME | FITTED | {
    "expand_dims", "matrix_transpose", "permute_dims", "reshape", "squeeze",
}  # fmt: skip
"""Only give the same numbers another form."""
ZEROS: Final = frozenset({"no_gradient", "zeros_like"})
"""Give zeros, whatever they get."""
COMMUTATIVE: Final = frozenset({
    "add", "dot_over", "fmax", "fmin", "hypot", "logaddexp", "logaddexp2", "maximum", "minimum",
    "multiply",
})  # fmt: skip
"""Give the same with both operands exchanged."""
