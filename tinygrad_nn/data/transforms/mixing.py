"""Transforms of a whole batch, inputs and targets together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tinygrad_nn.data.arguments import whole_number
from tinygrad_nn.data.shuffling import Rng
from tinygrad_nn.data.transforms.base import Transform, to_dtype, to_working
from tinygrad_nn.data.transforms.ranges import not_negative
from tinygrad_nn.data.transforms.scaling import one_hot
from tinygrad_nn.errors import OptionError, ShapeError

__all__ = ["Mixup"]


@dataclass(frozen=True)
class Mixup(Transform):
    """Every example mixed with another one of its batch, and their targets alike.

        x' = l x_i + (1 - l) x_j,   y' = l y_i + (1 - l) y_j,   l from Beta(alpha, alpha),

    one l for the batch, and j from a random order of it. Give it to `DataLoader(transform=)`,
    or call `Mixup(0.2, classes=10).on_batch(inputs, targets, rng)`. The targets become
    probabilities, which `CrossEntropyLoss` takes as they are.

    Args:
        alpha: strength; 0 mixes nothing.
        classes: number of classes, needed when the targets are labels; None if they are floats
            of their own, as in regression.

    Source:
        H. Zhang, M. Cisse, Y. N. Dauphin, D. Lopez-Paz, "mixup: Beyond Empirical Risk
        Minimization", ICLR 2018.

    Example:
        >>> x, y = Mixup(1.0, classes=2).on_batch(np.eye(2), np.array([0, 1]), rng=0)
        >>> x.shape, y.sum(axis=1).tolist()
        ((2, 2), [1.0, 1.0])
    """

    alpha: float = 0.2
    classes: int | None = None
    is_random: ClassVar[bool] = True

    def __post_init__(self) -> None:
        not_negative("alpha", self.alpha)
        if self.classes is not None:
            whole_number("classes", self.classes, 2)

    def __call__(self, x: Any, rng: Rng | None = None) -> NDArray[Any]:
        """Refuse: one example has no other one to be mixed with."""
        raise OptionError(
            "Mixup: got one example, expected a batch with its targets; give it to "
            "DataLoader(..., transform=Mixup(...)) or call on_batch(inputs, targets, rng)"
        )

    batch = __call__

    def on_batch(self, inputs: Any, targets: Any, rng: Rng | None = None) -> tuple[Any, Any]:
        """Return mixed inputs and the mixed targets."""
        generator = self._generator(rng)
        x, y = np.asarray(inputs), self._amounts(np.asarray(targets))
        if x.shape[:1] != y.shape[:1]:
            raise ShapeError(
                f"Mixup: got inputs {x.shape} and targets {np.shape(targets)}, expected one "
                f"target for each input; compare the first axes"
            )
        share = generator.beta(self.alpha, self.alpha) if self.alpha else 1.0
        partner = generator.permutation(len(x))
        return self._mixed(x, partner, share), self._mixed(y, partner, share)

    def _amounts(self, targets: NDArray[Any]) -> NDArray[Any]:
        if targets.dtype.kind == "f":
            return targets
        if self.classes is None:
            raise OptionError(
                f"Mixup: got targets of dtype {targets.dtype}, which are labels, and no number "
                f"of classes to mix them in; pass Mixup(alpha, classes=10)"
            )
        return one_hot(targets, self.classes, np.dtype(np.float32))

    def _mixed(self, x: NDArray[Any], partner: NDArray[Any], share: float) -> NDArray[Any]:
        values = to_working(self, x)
        weight = values.dtype.type(share)
        return to_dtype(weight * values + (1 - weight) * values[partner], x.dtype)
