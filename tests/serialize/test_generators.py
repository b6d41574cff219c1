"""The state of a random generator survives a file."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn.errors import StateError
from tinygrad_nn.serialize import generator_state, set_generator_state

KINDS = [
    np.random.PCG64,
    np.random.PCG64DXSM,
    np.random.MT19937,
    np.random.Philox,
    np.random.SFC64,
]


def drawn(rng: np.random.Generator) -> bytes:
    small = rng.integers(0, 9, 3, dtype=np.uint8)
    return small.tobytes() + rng.normal(size=50).tobytes() + rng.random(3, np.float32).tobytes()


@pytest.mark.parametrize("kind", KINDS)
def test_the_next_draws_are_the_same(kind: Any, tmp_path: Path):
    rng, other = np.random.Generator(kind(1)), np.random.Generator(kind(2))
    # One draw of 32 bits leaves half a word behind, which belongs to the state.
    rng.integers(0, 9, dtype=np.uint32)
    tg.save({"rng": generator_state(rng)}, tmp_path / "a")
    expected = drawn(rng)
    set_generator_state(other, tg.load(tmp_path / "a")["rng"])
    assert drawn(other) == expected


WILD: Any = st.recursive(
    st.none() | st.integers(-(2**200), 2**200) | st.text(max_size=3) | st.floats(),
    lambda inner: st.lists(inner, max_size=3),
)


@given(
    kind=st.sampled_from(KINDS),
    inner=st.dictionaries(
        st.sampled_from(["state", "inc", "key", "pos", "counter"]),
        WILD | st.binary(max_size=9).map(lambda b: np.frombuffer(b, np.uint8)),
    ),
    more=st.dictionaries(st.sampled_from(["has_uint32", "uinteger", "buffer", "buffer_pos"]), WILD),
)
def test_a_wild_state_is_refused_or_taken(kind: Any, inner: dict, more: dict):
    rng = np.random.Generator(kind(1))
    before = generator_state(rng)
    try:
        set_generator_state(rng, {**before, **more, "state": {**before["state"], **inner}})
    except StateError:
        assert repr(generator_state(rng)) == repr(before)


@pytest.mark.parametrize(
    "state", [None, {}, 5, {"bit_generator": "PCG64"}, generator_state(np.random.default_rng(0))]
)
def test_the_state_of_another_kind_is_refused(state: Any):
    rng = np.random.Generator(np.random.SFC64(3))
    expected = drawn(np.random.Generator(np.random.SFC64(3)))
    with pytest.raises(StateError, match="SFC64"):
        set_generator_state(rng, state)
    assert drawn(rng) == expected
