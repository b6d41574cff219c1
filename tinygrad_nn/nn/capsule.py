"""Capsules: groups of neurons whose length says whether, and whose direction says how."""

from __future__ import annotations

from typing import Any, Unpack

from tinygrad_nn.errors import ShapeError
from tinygrad_nn.nn.factory import Factory, Start
from tinygrad_nn.nn.functional.capsule import capsule_margin_loss, squash
from tinygrad_nn.nn.functional.sizes import whole
from tinygrad_nn.nn.loss import Loss
from tinygrad_nn.nn.module import Module
from tinygrad_nn.ops.contract import einsum
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.shape import expand_dims, zeros_like
from tinygrad_nn.ops.softmax import softmax

__all__ = ["CapsuleLayer", "CapsuleLoss"]


class CapsuleLayer(Module):
    """Capsules fed by capsules, with routing by agreement: `(N, in, d) -> (N, out, e)`.

    Each capsule i predicts û_{j|i} = W_ij uᵢ. Routing starts with equal shares and, round by
    round, moves them to the capsules that agree: c = softmax over j of b, sⱼ = Σᵢ c_ij û_{j|i},
    vⱼ = squash(sⱼ), b_ij ← b_ij + û_{j|i} · vⱼ (Sabour, Frosst and Hinton, "Dynamic routing
    between capsules", 2017, procedure 1). The shares count as constants in the gradient but for
    the last round, as is usual.

    Args:
        in_capsules: Capsules below.
        in_features: Numbers in each of them.
        out_capsules: Capsules above.
        out_features: Numbers in each of them.
        routing: Rounds.
        factory: rng, dtype and device; see `nn.factory.Factory`.

    Attributes:
        weight: Parameter (in_capsules, out_capsules, out_features, in_features).

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> layer = nn.CapsuleLayer(6, 4, 3, 8, rng=0)
        >>> layer(tg.random.normal(size=(2, 6, 4), rng=0)).shape
        (2, 3, 8)
    """

    def __init__(
        self,
        in_capsules: int,
        in_features: int,
        out_capsules: int,
        out_features: int,
        routing: int = 3,
        **factory: Unpack[Factory],
    ) -> None:
        super().__init__()
        sides = {
            "in_capsules": in_capsules,
            "out_capsules": out_capsules,
            "out_features": out_features,
            "in_features": in_features,
        }
        shape = [whole("CapsuleLayer", name, side, 1) for name, side in sides.items()]
        self.routing = whole("CapsuleLayer", "routing", routing, 1)
        self.weight = Start("CapsuleLayer", factory).normal(shape, in_features**-0.5)

    def forward(self, input: Any) -> Any:
        """Capsules above.

        Raises:
            ShapeError: The input is not (N, in_capsules, in_features).
        """
        count, _, _, width = self.weight.shape
        if input.ndim != 3 or tuple(input.shape[1:]) != (count, width):
            raise ShapeError(
                f"CapsuleLayer: got {tuple(input.shape)}, expected (N, {count}, {width}): samples, "
                "capsules, features"
            )
        predicted = einsum("ioed,nid->nioe", self.weight, input)
        fixed = predicted.detach()
        logits = zeros_like(total(fixed, -1))
        for _ in range(self.routing - 1):
            shares = softmax(logits, -1)
            agreed = squash(einsum("nio,nioe->noe", shares, fixed))
            logits = logits + total(fixed * expand_dims(agreed, 1), -1)
        return squash(einsum("nio,nioe->noe", softmax(logits, -1), predicted))

    def extra_repr(self) -> str:
        """Sizes."""
        count, out, features, width = self.weight.shape
        return f"{count}, {width}, {out}, {features}, routing={self.routing}"


class CapsuleLoss(Loss):
    """Margin loss of class capsules. See `functional.capsule_margin_loss`.

    Args:
        m_plus: Length that the right capsule should reach.
        m_minus: Length that the others should stay below.
        lambd: Weight of the others.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(capsule_margin_loss)

    def __init__(
        self,
        m_plus: float = 0.9,
        m_minus: float = 0.1,
        lambd: float = 0.5,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, m_plus=m_plus, m_minus=m_minus, lambd=lambd)
