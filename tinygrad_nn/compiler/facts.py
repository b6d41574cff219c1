"""What is known of the functions that instructions call: the one table of it.

A function that stands in no line is taken for the worst: its result may be memory of an argument,
other numbers may make it fail. So a new operation needs no line here to be right; one makes it
quicker. `tests/compiler/test_facts.py` tries each entry on real arrays.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import numpy as np

from tinygrad_nn.compiler.program import Instruction

__all__ = [
    "FACTS", "UNKNOWN", "Facts", "Lies", "facts_of", "is_numpys", "is_reduction",
    "is_ufunc",
]  # fmt: skip


class Lies(Enum):
    """Whose memory a result is."""

    ANYWHERE = auto()
    """Its own or an argument's: nothing is known."""
    OVER = auto()
    """Its arguments' where that can be: another look at the same elements."""
    APART = auto()
    """Never an argument's."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a function; by default nothing.

    Attributes:
        lies: Whose memory its result is.
        sure: It fails for no numbers, if it did not for others of these shapes and dtypes.
        converts: It converts a Python number to the dtype of the array beside it.
        each: It computes each element of its result from those at that place.
        draws: It draws at random.
        shape_by: What values the shape of its result follows from: "", of none; "masks", of those
            alone; "values", of all; "some", of all in some calls.
    """

    lies: Lies = Lies.ANYWHERE
    sure: bool = False
    converts: bool = False
    each: bool = False
    draws: bool = False
    shape_by: str = ""


UNKNOWN = Facts()
_VIEW = Facts(Lies.OVER)
_NEW = Facts(Lies.APART)
_SURE = Facts(Lies.APART, sure=True)
_EACH = Facts(Lies.APART, each=True)
_CONVERTS = Facts(Lies.APART, converts=True)
_ARITHMETIC = Facts(Lies.APART, sure=True, converts=True)
_DRAWS = Facts(draws=True)
_BY_MASKS = Facts(shape_by="masks")
_BY_VALUES = Facts(shape_by="values")
_BY_SOME = Facts(shape_by="some")

FACTS: Mapping[str, Facts] = {
    # The same elements in another arrangement.
    "atleast_1d": _VIEW, "atleast_2d": _VIEW, "atleast_3d": _VIEW, "broadcast_arrays": _VIEW,
    "broadcast_to": _VIEW, "diagonal": _VIEW, "expand_dims": _VIEW, "flip": _VIEW,
    "fliplr": _VIEW, "flipud": _VIEW, "matrix_transpose": _VIEW,
    "moveaxis": _VIEW, "permute_dims": _VIEW, "ravel": _VIEW, "real": _VIEW, "reshape": _VIEW,
    "rot90": _VIEW, "squeeze": _VIEW, "swapaxes": _VIEW, "transpose": _VIEW,
    "getitem": Facts(Lies.OVER, shape_by="masks"),
    # Arithmetic and comparisons.
    "add": _ARITHMETIC, "subtract": _ARITHMETIC, "multiply": _ARITHMETIC, "divide": _ARITHMETIC,
    "maximum": _CONVERTS, "minimum": _CONVERTS, "fmax": _CONVERTS, "fmin": _CONVERTS,
    "less": _CONVERTS, "less_equal": _CONVERTS, "greater": _CONVERTS, "greater_equal": _CONVERTS,
    "equal": _CONVERTS, "not_equal": _CONVERTS,
    "sqrt": _SURE,
    # Element by element.
    "gelu": _EACH, "gelu_slope": _EACH, "masked": _EACH, "relu": _EACH, "sigmoid": _EACH,
    "softplus": _EACH, "tanh": _EACH, "where": _EACH,
    # Sums and products.
    "sum": _SURE, "mean": _SURE, "sum_rows": _SURE, "matmul": _SURE, "dot": _SURE,
    "linear": _NEW,
    # Layers.
    "convolution": _NEW, "convolution_transpose": _NEW, "convolution_weight": _NEW,
    "max_pool": _NEW, "pool_place": _NEW, "pool_winner": _NEW,
    "log_softmax": _NEW, "softmax": _NEW, "standardize": _NEW, "_row_slopes": _NEW, "nll": _NEW,
    "self_attention": _NEW, "self_attention_slope": _NEW, "_lstm": _NEW, "_lstm_slope": _NEW,
    # What places elements.
    "_stack": _NEW, "place": _NEW, "unslice": _NEW,
    # Random numbers.
    "keep_mask": _DRAWS, "noise": _DRAWS,
    # A result of another shape for other values.
    "_first_places": _BY_VALUES, "argwhere": _BY_VALUES, "flatnonzero": _BY_VALUES,
    "_counted": _BY_SOME, "bincount": _BY_SOME, "nonzero": _BY_SOME, "repeat": _BY_SOME,
    "unique": _BY_SOME,
    "select_at": _BY_MASKS,
}  # fmt: skip
"""By name: NumPy's, that of a function of backends/, or an operation's key."""

_UFUNC = Facts(Lies.APART)


def facts_of(i: Instruction) -> Facts:
    """What is known of the function that an instruction calls."""
    if is_ufunc(i.call):
        name = i.call.__name__
        return FACTS.get(name, _UFUNC) if is_numpys(name, i.call) else _UFUNC
    return FACTS.get(i.name, _UFUNC if is_reduction(i.call) else UNKNOWN)


def is_numpys(name: str, call: Any) -> bool:
    """Whether it is NumPy's function of this name: somebody else's ufunc may have any."""
    return getattr(np, name, None) is call


def is_ufunc(call: Any) -> bool:
    """Whether it is an elementwise function with one result."""
    return isinstance(call, np.ufunc) and call.nout == 1 and call.signature is None


def is_reduction(call: Any) -> bool:
    """Whether it is `ufunc.reduce`."""
    return (
        isinstance(getattr(call, "__self__", None), np.ufunc)
        and getattr(call, "__name__", "") == "reduce"
    )
