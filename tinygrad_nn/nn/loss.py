"""Losses as modules; each is the function of `nn.functional` with its options kept.

Here those of predictions; those of pairs, lists and distributions are in `nn.ranking`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn.functional import likelihood, losses
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Tensor, tensor

__all__ = [
    "BCELoss",
    "BCEWithLogitsLoss",
    "CrossEntropyLoss",
    "HingeEmbeddingLoss",
    "HingeLoss",
    "HuberLoss",
    "L1Loss",
    "MSELoss",
    "MultiMarginLoss",
    "NLLLoss",
    "SmoothL1Loss",
]


class Loss(Module):
    """A loss function and its options.

    Weights become buffers: they follow `to(dtype)` and show in the state dict.
    """

    function: ClassVar[Callable[..., Any]]
    reductions: ClassVar[tuple[str, ...]] = ("mean", "sum", "none")

    def __init__(self, reduction: str = "mean", *, weights: Any = None, **options: Any) -> None:
        super().__init__()
        if reduction not in self.reductions:
            raise OptionError(
                f"{type(self).__name__}: got the reduction {reduction!r}, expected one of "
                f"{', '.join(self.reductions)}"
            )
        self.reduction = reduction
        self._options = options
        for name, weight in (weights or {}).items():
            kept = weight if weight is None or isinstance(weight, Tensor) else tensor(weight)
            self.register_buffer(name, kept)

    def forward(self, *inputs: Any) -> Any:
        """Loss of the prediction for the target."""
        weights = {name: getattr(self, name) for name in self._buffers}
        function = type(self).function
        return function(*inputs, reduction=self.reduction, **self._options, **weights)

    def extra_repr(self) -> str:
        """Options that differ from the plain loss."""
        options = {
            **self._options,
            **({"reduction": self.reduction} if self.reduction != "mean" else {}),
        }
        return ", ".join(f"{name}={value!r}" for name, value in options.items())


class MSELoss(Loss):
    """Mean squared error. See `functional.mse_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(losses.mse_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class L1Loss(Loss):
    """Mean absolute error. See `functional.l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(losses.l1_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class HuberLoss(Loss):
    """Huber's loss. See `functional.huber_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        delta: Where the parabola becomes a line.
    """

    function = staticmethod(losses.huber_loss)

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction, delta=delta)


class SmoothL1Loss(Loss):
    """Absolute error with a rounded tip. See `functional.smooth_l1_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        beta: Where the parabola becomes a line.
    """

    function = staticmethod(losses.smooth_l1_loss)

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction, beta=beta)


class BCELoss(Loss):
    """Binary cross-entropy of probabilities. See `functional.binary_cross_entropy`.

    Args:
        weight: Factor for each element, broadcast.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(losses.binary_cross_entropy)

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, weights={"weight": weight})


class BCEWithLogitsLoss(Loss):
    """Binary cross-entropy of logits. See `functional.binary_cross_entropy_with_logits`.

    Args:
        weight: Factor for each element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: Factor for the positive class.
    """

    function = staticmethod(losses.binary_cross_entropy_with_logits)

    def __init__(self, weight: Any = None, reduction: str = "mean", pos_weight: Any = None) -> None:
        super().__init__(reduction, weights={"weight": weight, "pos_weight": pos_weight})


class HingeLoss(Loss):
    """Max-margin loss of scores and labels of −1 and 1. See `functional.hinge_loss`.

    Args:
        reduction: "mean", "sum" or "none".
        squared: Square it.
    """

    function = staticmethod(losses.hinge_loss)

    def __init__(self, reduction: str = "mean", squared: bool = False) -> None:
        super().__init__(reduction, squared=squared)


class HingeEmbeddingLoss(Loss):
    """Hinge loss of distances. See `functional.hinge_embedding_loss`.

    Args:
        margin: Distance beyond which different samples cost nothing.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(losses.hinge_embedding_loss)

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class MultiMarginLoss(Loss):
    """Hinge loss of several classes. See `functional.multi_margin_loss`.

    Args:
        p: Power, 1 or 2.
        margin: Distance that the right class should lead by.
        weight: One number for each class.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(losses.multi_margin_loss)

    def __init__(
        self, p: int = 1, margin: float = 1.0, weight: Any = None, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, weights={"weight": weight}, p=p, margin=margin)


class NLLLoss(Loss):
    """Negative log-likelihood of log-probabilities. See `functional.nll_loss`.

    Args:
        weight: One number for each class.
        ignore_index: Samples of this class index are left out.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(likelihood.nll_loss)

    def __init__(
        self, weight: Any = None, *, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(reduction, weights={"weight": weight}, ignore_index=ignore_index)


class CrossEntropyLoss(Loss):
    """Cross-entropy of logits. See `functional.cross_entropy`.

    Args:
        weight: One number for each class.
        ignore_index: Samples of this class index are left out.
        reduction: "mean", "sum" or "none".
        label_smoothing: Share of the target that is spread over all classes.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> loss = nn.CrossEntropyLoss()(tg.tensor([[0.0, 0.0]]), [1])
        >>> round(loss.item(), 4)
        0.6931
    """

    function = staticmethod(likelihood.cross_entropy)

    def __init__(
        self,
        weight: Any = None,
        *,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(
            reduction,
            weights={"weight": weight},
            ignore_index=ignore_index,
            label_smoothing=label_smoothing,
        )
