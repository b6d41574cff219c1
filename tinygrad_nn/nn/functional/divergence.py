"""Losses of distributions: divergence, Poisson, normal, focal."""

from __future__ import annotations

from math import log as ln
from math import pi
from typing import Any

from tinygrad_nn.core.capturing import wrong
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.nn.functional.operands import operand, raw
from tinygrad_nn.nn.functional.targets import alike, pair, reduced
from tinygrad_nn.ops.activation import softplus
from tinygrad_nn.ops.arithmetic import negative
from tinygrad_nn.ops.elementwise import exp, log, sigmoid
from tinygrad_nn.ops.reduce import sum as total
from tinygrad_nn.ops.select import where

__all__ = ["gaussian_nll_loss", "kl_div", "poisson_nll_loss", "sigmoid_focal_loss"]


def kl_div(input: Any, target: Any, *, reduction: str = "mean", log_target: bool = False) -> Any:
    """Kullback-Leibler divergence t (ln t − x) of log-probabilities x from probabilities t.

    Args:
        input: Log-probabilities.
        target: Probabilities, or their logarithms with `log_target`.
        reduction: "mean" (over all elements), "batchmean" (the divergence itself, averaged over
            the first axis), "sum" or "none".
        log_target: Whether the target is logarithms: then eᵗ (t − x).

    Raises:
        ShapeError: The shapes differ.
        OptionError: A probability is negative.
    """
    x, t = pair("kl_div", input, target)
    if log_target:
        losses = exp(t) * (t - x)
    else:
        if wrong((raw(t) < 0).any()):
            raise OptionError(
                f"kl_div: got a target of {raw(t).min():.4g}, expected probabilities; pass "
                "log_target=True if they are logarithms"
            )
        # 0 ln 0 is 0, and its slope is kept out of the sum.
        known = t > 0
        losses = where(known, t * log(where(known, t, 1.0)), 0.0) - t * x
    if reduction == "batchmean":
        return total(losses) / (x.shape[0] if x.ndim else 1)
    return reduced("kl_div", losses, reduction)


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    *,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Any:
    """−ln of a Poisson distribution's probability of the count t, up to ln t!.

    eˣ − t x for the logarithm x of the rate; with `log_input=False`, x − t ln(x + ε) for the
    rate itself. `full` adds Stirling's t ln t − t + ½ ln(2πt) where t > 1.

    Raises:
        ShapeError: The shapes differ.
    """
    x, t = pair("poisson_nll_loss", input, target)
    losses = exp(x) - t * x if log_input else x - t * log(x + eps)
    if full:
        many = t > 1
        safe = where(many, t, 2.0)
        stirling = safe * log(safe) - safe + 0.5 * log(2 * pi * safe)
        losses = losses + where(many, stirling, 0.0)
    return reduced("poisson_nll_loss", losses, reduction)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """½ (ln v + (x − t)² / v): −ln of the normal density of t with mean x and variance v.

    Args:
        input: Means.
        target: Observations.
        var: Variances, at least 0: the shape of the means, the same without the last axis or
            with a side of 1, or one number. Below ε they count as ε (with the slope of 1, so
            that they can grow again).
        full: Add ½ ln 2π.
        eps: ε.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: The shapes do not fit.
        OptionError: A variance is negative.
    """
    x, t = pair("gaussian_nll_loss", input, target)
    v = alike(x, operand("gaussian_nll_loss", var))
    if tuple(v.shape) == tuple(x.shape[:-1]) and x.ndim and v.ndim:
        v = v[..., None]
    elif v.ndim and (
        v.ndim != x.ndim or any(a not in (1, b) for a, b in zip(v.shape, x.shape, strict=True))
    ):
        raise ShapeError(
            f"gaussian_nll_loss: got means {tuple(x.shape)} and variances {tuple(v.shape)}, "
            f"expected variances of that shape, {tuple(x.shape[:-1])}, or with sides of 1"
        )
    if wrong((raw(v) < 0).any()):
        raise OptionError(
            f"gaussian_nll_loss: got a variance of {raw(v).min():.4g}, expected at least 0; "
            "predict its logarithm and take exp, or use softplus"
        )
    lift = raw(v)
    v = v + (where(lift < eps, eps, lift) - lift)
    d = x - t
    losses = 0.5 * (log(v) + d * d / v)
    if full:
        losses = losses + 0.5 * ln(2 * pi)
    return reduced("gaussian_nll_loss", losses, reduction)


def sigmoid_focal_loss(
    input: Any, target: Any, alpha: float = 0.25, gamma: float = 2.0, reduction: str = "none"
) -> Any:
    """Focal loss −α_t (1 − p_t)^γ ln p_t of logits (Lin and others 2017, equation 5).

    Easy samples count less: p_t is the probability of the right label, α_t is α for the label 1
    and 1 − α for 0. Names and defaults are torchvision's.

    Args:
        input: Logits.
        target: Labels, 0 or 1.
        alpha: Weight of the label 1; negative for no weights.
        gamma: How much easy samples are discounted; 0 is binary cross-entropy.
        reduction: "mean", "sum" or "none".

    Raises:
        ShapeError: The shapes differ.
    """
    x, t = pair("sigmoid_focal_loss", input, target)
    p = sigmoid(x)
    right = p * t + (1 - p) * (1 - t)
    entropy = t * softplus(negative(x), 1.0, float("inf"))
    entropy = entropy + (1 - t) * softplus(x, 1.0, float("inf"))
    losses = entropy * (1 - right) ** gamma
    if alpha >= 0:
        losses = losses * (alpha * t + (1 - alpha) * (1 - t))
    return reduced("sigmoid_focal_loss", losses, reduction)
