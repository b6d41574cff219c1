"""HIPS autograd as a judge."""

from collections.abc import Callable, Sequence
from typing import Any

import autograd.numpy as anp
import autograd.scipy.linalg
import autograd.scipy.special
import numpy as np
from autograd import grad

from tests.ops.case import Arrays, flatten
from tests.oracle.judge import first_found
from tinygrad_nn.core.op import Op

PLACES = (anp, autograd.scipy.special, autograd.scipy.linalg)
# Ours to autograd's, where the name or the meaning differs; None: none that means the same.
NAMES: dict[str, Callable[..., Any] | None] = {
    "prod": None,  # NaN where an element is 0
    "sinc": None,  # NaN at 0
}


class AutogradJudge:
    """Functions of `autograd.numpy` that have a derivative there."""

    def find(self, record: Op) -> Callable[..., Any] | None:
        function = NAMES[record.key] if record.key in NAMES else first_found(PLACES, record)
        # What autograd does not wrap is NumPy's own and would drop the gradient.
        wrapped = function is not None and hasattr(function, "fun")
        return function if wrapped or record.key in NAMES else None

    def values(self, call: Callable[[Sequence[Any]], Any], floats: Arrays) -> Arrays:
        return [y for y in map(np.asarray, flatten(call(floats))) if y.dtype.kind == "f"]

    def gradients(
        self, call: Callable[[Sequence[Any]], Any], floats: Arrays, weights: Arrays, probes: Arrays
    ) -> tuple[Arrays, Arrays | None]:
        def total(xs: Any) -> Any:
            outputs = flatten(call([xs[i] for i in range(len(floats))]))
            return sum(anp.sum(y * w) for y, w in zip(outputs, weights, strict=True))

        def probed(xs: Any) -> Any:
            return sum(anp.sum(g * u) for g, u in zip(grad(total)(xs), probes, strict=True))

        given = [np.array(x) for x in floats]
        return list(grad(total)(given)), list(grad(probed)(given))
