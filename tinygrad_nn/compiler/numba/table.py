"""Which functions of arrays are compiled, and how: the one table of them.

Only NumPy's own functions stand here. Operations of this package are compiled by running their
text on stand-ins (`lower`), so that none of them has a second definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["CODES", "ELEMENTWISE", "MATHEMATICS", "REDUCTIONS", "code", "literal"]

CODES = frozenset({"f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1"})
"""dtypes that are compiled: a letter for the kind and the number of bytes."""

_FLOATS, _INTEGERS, _BOOLS = "f", "iu", "b"
_NUMBERS = _FLOATS + _INTEGERS
_ALL = _NUMBERS + _BOOLS

_GREATER = "{0} if ({0} >= {1}) or ({0} != {0}) else {1}"
_SMALLER = "{0} if ({0} <= {1}) or ({0} != {0}) else {1}"

# What divides integers or rounds them stays NumPy's: its rules for signs and zero are its own.
ELEMENTWISE: dict[str, dict[str, str]] = {
    "add": {_NUMBERS: "{0} + {1}", _BOOLS: "{0} or {1}"},
    "subtract": {_NUMBERS: "{0} - {1}"},
    "multiply": {_NUMBERS: "{0} * {1}", _BOOLS: "{0} and {1}"},
    "divide": {_FLOATS: "{0} / {1}"},
    "negative": {_NUMBERS: "-{0}"},
    "positive": {_NUMBERS: "{0}"},
    "absolute": {_FLOATS: "abs({0})"},
    "fabs": {_FLOATS: "abs({0})"},
    "square": {_NUMBERS: "{0} * {0}"},
    "reciprocal": {_FLOATS: "{t}(1) / {0}"},
    "sqrt": {_FLOATS: "sqrt({0})"},
    "exp": {_FLOATS: "exp_{c}({0})"},
    "expm1": {_FLOATS: "expm1_{c}({0})"},
    "log": {_FLOATS: "log_{c}({0})"},
    "log1p": {_FLOATS: "log1p_{c}({0})"},
    "tanh": {_FLOATS: "tanh_{c}({0})"},
    "maximum": {_FLOATS: _GREATER, _INTEGERS: "max({0}, {1})"},
    "minimum": {_FLOATS: _SMALLER, _INTEGERS: "min({0}, {1})"},
    "equal": {_ALL: "{0} == {1}"},
    "not_equal": {_ALL: "{0} != {1}"},
    "less": {_NUMBERS: "{0} < {1}"},
    "less_equal": {_NUMBERS: "{0} <= {1}"},
    "greater": {_NUMBERS: "{0} > {1}"},
    "greater_equal": {_NUMBERS: "{0} >= {1}"},
    "isnan": {_FLOATS: "{0} != {0}"},
    "isfinite": {_FLOATS: "abs({0}) < {t}(inf)"},
    "isinf": {_FLOATS: "abs({0}) == {t}(inf)"},
    "logical_and": {_BOOLS: "{0} and {1}"},
    "logical_or": {_BOOLS: "{0} or {1}"},
    "logical_not": {_BOOLS: "not {0}"},
    "logical_xor": {_BOOLS: "{0} != {1}"},
    "bitwise_and": {_BOOLS: "{0} and {1}", _INTEGERS: "{0} & {1}"},
    "bitwise_or": {_BOOLS: "{0} or {1}", _INTEGERS: "{0} | {1}"},
    "bitwise_xor": {_BOOLS: "{0} != {1}", _INTEGERS: "{0} ^ {1}"},
    "invert": {_BOOLS: "not {0}", _INTEGERS: "~{0}"},
    "sign": {_FLOATS: "{0} if {0} != {0} else {t}({0} > {t}(0)) - {t}({0} < {t}(0))"},
}
"""NumPy's ufuncs: for the kinds of the dtype that it computes in, the expression of the operands
{0}, {1}; {t} is the type, {c} its code."""

MATHEMATICS = ("exp", "expm1", "log", "log1p", "tanh")
"""Those that functions of `mathematics` compute."""

REDUCTIONS = {
    "sum": "sum", "add.reduce": "sum",
    "max": "max", "amax": "max", "maximum.reduce": "max",
    "min": "min", "amin": "min", "minimum.reduce": "min",
}  # fmt: skip
"""Names of reductions, and the kind of each."""


def code(dtype: Any) -> str:
    """Code of a dtype; "" if it is not compiled."""
    if dtype is None or not dtype.isnative:
        return ""
    found = f"{dtype.kind}{dtype.itemsize}"
    return found if found in CODES else ""


def literal(value: Any, dtype: Any) -> str:
    """Text of a number that does not change, as this dtype."""
    number = dtype.type(value)
    if dtype.kind == "b":
        return repr(bool(number))
    text = repr(number.item())
    return f"{code(dtype)}({text})"


def expression(name: str, dtypes: Any) -> str:
    """Template for a ufunc whose loop has these dtypes; "" if it is not compiled."""
    codes = {code(np.dtype(d)) for d in dtypes}
    kinds = {d.kind for d in dtypes[:-1]}
    if "" in codes or len(kinds) != 1 or len({d for d in dtypes[:-1]}) != 1:
        return ""
    kind = kinds.pop()
    for those, template in ELEMENTWISE.get(name, {}).items():
        if kind in those:
            return template
    return ""
