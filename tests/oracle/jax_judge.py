"""JAX as a judge, in double precision on the processor."""

from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tests.ops.case import Arrays, flatten
from tests.oracle.judge import first_found
from tinygrad_nn.core.op import Op

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_platforms", "cpu")

PLACES = (jnp, jax.nn, jax.scipy.special, jax.scipy.linalg, jax.lax)
# Ours to JAX's, where the name or the meaning differs; None: there is none that means the same.
NAMES: dict[str, Callable[..., Any] | None] = {
    "_concat": lambda *xs, axis: jnp.concatenate(xs, axis=axis),
    "_stack": lambda *xs, axis: jnp.stack(xs, axis=axis),
    "gelu": lambda x, approximate: jax.nn.gelu(x, approximate=approximate == "tanh"),
    # Their second derivatives at 0 are 0 and 1/2 there, and not 1/2 and 0.
    "i0": None,
    "i1": None,
    "unique": None,  # has no gradient there
}


class JaxJudge:
    """Functions of `jax.numpy` and its neighbours."""

    def find(self, record: Op) -> Callable[..., Any] | None:
        return NAMES[record.key] if record.key in NAMES else first_found(PLACES, record)

    def values(self, call: Callable[[Sequence[Any]], Any], floats: Arrays) -> Arrays:
        return [np.asarray(y) for y in _floats(call([jnp.asarray(x) for x in floats]))]

    def gradients(
        self, call: Callable[[Sequence[Any]], Any], floats: Arrays, weights: Arrays, probes: Arrays
    ) -> tuple[Arrays, Arrays | None]:
        def total(xs: list[Any]) -> Any:
            return sum((y * w).sum() for y, w in zip(_floats(call(xs)), weights, strict=True))

        def probed(xs: list[Any]) -> Any:
            firsts = jax.grad(total)(xs)
            return sum((g * u).sum() for g, u in zip(firsts, probes, strict=True)), firsts

        given = [jnp.asarray(x) for x in floats]
        seconds, firsts = jax.grad(probed, has_aux=True)(given)
        return [np.asarray(g) for g in firsts], [np.asarray(g) for g in seconds]


def _floats(outputs: Any) -> list[Any]:
    return [y for y in map(jnp.asarray, flatten(outputs)) if jnp.issubdtype(y.dtype, jnp.floating)]
