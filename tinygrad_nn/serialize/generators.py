"""The state of a random generator, for `save`."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np

from tinygrad_nn.errors import StateError

__all__ = ["generator_state", "set_generator_state"]


def generator_state(rng: np.random.Generator) -> dict[str, Any]:
    """Return all that the next draws of `rng` depend on, as a dict that `save` takes."""
    return deepcopy(dict(rng.bit_generator.state))


def set_generator_state(rng: np.random.Generator, state: Any) -> None:
    """Make `rng` draw what the generator of `generator_state` would have drawn next.

    Raises:
        StateError: the state is of another kind of generator, or damaged; `rng` is unchanged.

    Example:
        >>> import numpy as np
        >>> from tinygrad_nn.serialize import generator_state
        >>> rng, other = np.random.default_rng(1), np.random.default_rng(2)
        >>> state = generator_state(rng)
        >>> first = rng.normal(size=3)
        >>> set_generator_state(other, state)
        >>> bool((other.normal(size=3) == first).all())
        True
    """
    before = rng.bit_generator.state
    try:
        rng.bit_generator.state = state
    except (AttributeError, IndexError, KeyError, OverflowError, TypeError, ValueError) as error:
        rng.bit_generator.state = before
        raise StateError(
            f"rng: got a state that does not fit ({error}), expected one of "
            f"{before['bit_generator']}; load an intact one"
        ) from error
