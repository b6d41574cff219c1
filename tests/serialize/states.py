"""States to save, drawn by Hypothesis, and when two of them are the same."""

import math

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

DTYPES = st.sampled_from(
    [np.dtype(code) for code in "? b B <i2 >i4 <u8 <f2 >f2 <f4 <f8 >f8 <c8 <c16".split()]
)
ARRAYS = DTYPES.flatmap(
    lambda dtype: hnp.arrays(
        dtype, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
    )
)
# Keys that look like ours, or like those of other places in the state, among others.
KEYS = (
    st.text(max_size=8)
    | st.integers(-(2**70), 2**70)
    | st.sampled_from(
        ["a", "b", "a.b", "a.b.a", "a_1", "$tensor", "$", "__metadata__", "0", "\ud800"]
    )
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**300), 2**300) | st.floats() | st.text()
STATES = st.dictionaries(
    KEYS,
    st.recursive(
        ARRAYS | ARRAYS.map(np.asfortranarray) | SCALARS,
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.lists(inner, max_size=3).map(tuple)
            | st.dictionaries(KEYS, inner, max_size=3)
        ),
        max_leaves=6,
    ),
    max_size=4,
)


def as_loaded(state: object) -> object:
    """What comes back of a state: arrays are in the machine's byte order."""
    if isinstance(state, dict):
        return {key: as_loaded(value) for key, value in state.items()}
    if isinstance(state, (list, tuple)):
        return type(state)(as_loaded(value) for value in state)
    if isinstance(state, np.ndarray):
        return state.astype(state.dtype.newbyteorder("="))
    return state


def same(a: object, b: object) -> bool:
    """Equal in type, dtype, shape and every bit; NaN equals NaN."""
    if type(a) is not type(b):
        return False
    if isinstance(a, np.ndarray):
        assert isinstance(b, np.ndarray)
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    if isinstance(a, dict):
        assert isinstance(b, dict)
        return list(a) == list(b) and all(same(a[key], b[key]) for key in a)
    if isinstance(a, (list, tuple)):
        assert isinstance(b, (list, tuple))
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, float):
        assert isinstance(b, float)
        return (math.isnan(a) and math.isnan(b)) or (a, math.copysign(1, a)) == (
            b,
            math.copysign(1, b),
        )
    return a == b
