"""Losses of pairs, triplets, lists, sequences and distributions, as modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_nn.nn.functional import ctc, divergence, margin
from tinygrad_nn.nn.loss import Loss

__all__ = [
    "CTCLoss",
    "CosineEmbeddingLoss",
    "FocalLoss",
    "GaussianNLLLoss",
    "KLDivLoss",
    "MarginRankingLoss",
    "MultiLabelMarginLoss",
    "MultiLabelSoftMarginLoss",
    "PoissonNLLLoss",
    "SoftMarginLoss",
    "TripletMarginLoss",
    "TripletMarginWithDistanceLoss",
]

# ── Labels, pairs, triplets ─────────────────────────────────────────────────────────────


class SoftMarginLoss(Loss):
    """ln(1 + e^(−y x)) of labels of −1 and 1. See `functional.soft_margin_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.soft_margin_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class MultiLabelMarginLoss(Loss):
    """Hinge loss of lists of right classes. See `functional.multilabel_margin_loss`.

    Args:
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.multilabel_margin_loss)

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction)


class MultiLabelSoftMarginLoss(Loss):
    """Binary cross-entropy of logits over the classes. See `multilabel_soft_margin_loss`.

    Args:
        weight: One number for each class.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.multilabel_soft_margin_loss)

    def __init__(self, weight: Any = None, reduction: str = "mean") -> None:
        super().__init__(reduction, weights={"weight": weight})


class MarginRankingLoss(Loss):
    """Which of two scores is higher. See `functional.margin_ranking_loss`.

    Args:
        margin: By how much it should be.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.margin_ranking_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class CosineEmbeddingLoss(Loss):
    """Angle between vectors that belong together or not. See `functional.cosine_embedding_loss`.

    Args:
        margin: Cosine below which others cost nothing, from −1 to 1.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.cosine_embedding_loss)

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(reduction, margin=margin)


class TripletMarginLoss(Loss):
    """Nearer to the positive than to the negative. See `functional.triplet_margin_loss`.

    Args:
        margin: By how much nearer.
        p: Degree of the norm.
        eps: Added to differences.
        swap: Whether the distance of positive and negative counts too.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.triplet_margin_loss)

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, margin=margin, p=p, eps=eps, swap=swap)


class TripletMarginWithDistanceLoss(Loss):
    """The same with a distance of one's own. See `triplet_margin_with_distance_loss`.

    Args:
        distance_function: Of two batches of vectors; None for Euclid's.
        margin: By how much nearer.
        swap: Whether the distance of positive and negative counts too.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(margin.triplet_margin_with_distance_loss)

    def __init__(
        self,
        *,
        distance_function: Callable[[Any, Any], Any] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, distance_function=distance_function, margin=margin, swap=swap)


# ── Distributions and sequences ─────────────────────────────────────────────────────────


class KLDivLoss(Loss):
    """Kullback-Leibler divergence. See `functional.kl_div`.

    Args:
        reduction: "mean", "batchmean" (the divergence itself), "sum" or "none".
        log_target: Whether the target is logarithms.
    """

    function = staticmethod(divergence.kl_div)
    reductions = ("mean", "batchmean", "sum", "none")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction, log_target=log_target)


class PoissonNLLLoss(Loss):
    """Negative log-likelihood of counts. See `functional.poisson_nll_loss`.

    Args:
        log_input: Whether the prediction is the logarithm of the rate.
        full: Add Stirling's term.
        eps: Keeps the logarithm of a rate of 0 finite.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(divergence.poisson_nll_loss)

    def __init__(
        self,
        log_input: bool = True,
        full: bool = False,
        eps: float = 1e-8,
        reduction: str = "mean",
    ) -> None:
        super().__init__(reduction, log_input=log_input, full=full, eps=eps)


class GaussianNLLLoss(Loss):
    """Negative log-likelihood of a normal distribution. See `functional.gaussian_nll_loss`.

    Args:
        full: Add ½ ln 2π.
        eps: Least variance.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(divergence.gaussian_nll_loss)

    def __init__(self, *, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(reduction, full=full, eps=eps)


class FocalLoss(Loss):
    """Cross-entropy in which easy samples count less. See `functional.sigmoid_focal_loss`.

    Args:
        alpha: Weight of the label 1; negative for no weights.
        gamma: How much easy samples are discounted.
        reduction: "mean", "sum" or "none".
    """

    function = staticmethod(divergence.sigmoid_focal_loss)

    def __init__(self, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "mean") -> None:
        super().__init__(reduction, alpha=alpha, gamma=gamma)


class CTCLoss(Loss):
    """Label sequences of unknown alignment. See `functional.ctc_loss`.

    Args:
        blank: Class of the blank.
        reduction: "mean", "sum" or "none".
        zero_infinity: Count samples with too few frames as 0 instead of infinity.
    """

    function = staticmethod(ctc.ctc_loss)

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction, blank=blank, zero_infinity=zero_infinity)
