"""Layers that leave out at random while training, and do nothing afterwards."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.generator import generator
from tinygrad_nn.nn import functional
from tinygrad_nn.nn.functional.operands import probability
from tinygrad_nn.nn.module import Module

__all__ = [
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
]


class Dropout(Module):
    """Each element 0 with probability p while training, otherwise times 1 / (1 − p).

    The mean of every element stays what it is, so that nothing changes in evaluation: there
    the input itself is returned. `(...) -> (...)`.

    Args:
        p: Probability of leaving out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks; None for masks that differ on each run.

    Attributes:
        rng: The generator, which every call in training advances.

    Raises:
        OptionError: p is outside [0, 1].

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.Dropout(0.5, rng=0)
        >>> sorted(set(layer(tg.ones((100,))).tolist()))
        [0.0, 2.0]
        >>> layer.eval()(tg.ones((3,))).tolist()
        [1.0, 1.0, 1.0]

    Source:
        Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from
        overfitting".
    """

    def __init__(self, p: float = 0.5, inplace: bool = False, *, rng: Any = None) -> None:
        super().__init__()
        probability(type(self).__name__, p)
        self.p, self.inplace = p, inplace
        self.rng = generator(rng)

    def forward(self, x: Any) -> Any:
        """x with elements left out, if training."""
        return functional.dropout(x, self.p, self.training, self.inplace, rng=self.rng)

    def extra_repr(self) -> str:
        """Options."""
        return f"p={self.p}, inplace={self.inplace}"


class Dropout1d(Dropout):
    """`Dropout` of whole channels: `(N, C, L)` or, of one sample, `(C, L)`.

    Args:
        p: Probability of leaving a channel out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Tompson et al. 2015, "Efficient object localization using convolutional networks".
    """

    def forward(self, x: Any) -> Any:
        """x with channels left out, if training."""
        return functional.dropout1d(x, self.p, self.training, self.inplace, rng=self.rng)


class Dropout2d(Dropout):
    """`Dropout` of whole channels: `(N, C, H, W)`, or, as in PyTorch, `(N, C, L)`.

    Args:
        p: Probability of leaving a channel out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Tompson et al. 2015, "Efficient object localization using convolutional networks".
    """

    def forward(self, x: Any) -> Any:
        """x with channels left out, if training."""
        return functional.dropout2d(x, self.p, self.training, self.inplace, rng=self.rng)


class Dropout3d(Dropout):
    """`Dropout` of whole channels: `(N, C, D, H, W)` or, of one sample, `(C, D, H, W)`.

    Args:
        p: Probability of leaving a channel out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Tompson et al. 2015, "Efficient object localization using convolutional networks".
    """

    def forward(self, x: Any) -> Any:
        """x with channels left out, if training."""
        return functional.dropout3d(x, self.p, self.training, self.inplace, rng=self.rng)


class AlphaDropout(Dropout):
    """Dropout for networks of SELUs, which keeps mean 0 and variance 1. `(...) -> (...)`.

    Elements left out become SELU's floor, about -1.758, and all are scaled and shifted.

    Args:
        p: Probability of leaving out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks.

    Raises:
        OptionError: p is outside [0, 1].

    Source:
        Klambauer et al. 2017, "Self-normalizing neural networks".
    """

    def forward(self, x: Any) -> Any:
        """x with elements at the floor, if training."""
        return functional.alpha_dropout(x, self.p, self.training, self.inplace, rng=self.rng)


class FeatureAlphaDropout(Dropout):
    """`AlphaDropout` of whole channels: `(N, C, ...) -> (N, C, ...)`.

    Args:
        p: Probability of leaving a channel out.
        inplace: Accepted as in PyTorch; a new tensor is returned all the same.
        rng: Seed or generator of the masks.

    Raises:
        OptionError: p is outside [0, 1].
    """

    def forward(self, x: Any) -> Any:
        """x with channels at the floor, if training."""
        return functional.feature_alpha_dropout(
            x, self.p, self.training, self.inplace, rng=self.rng
        )
