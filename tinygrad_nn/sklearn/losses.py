"""Losses and activations of the multi-layer perceptrons, by scikit-learn's names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from tinygrad_nn.errors import DataError, OptionError, ShapeError
from tinygrad_nn.nn import functional
from tinygrad_nn.ops import exp, softmax

__all__ = ["LINKS", "Objective", "activation_of", "mean_loss", "objective_of"]


def _same(x: Any) -> Any:
    return x


ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "identity": _same,
    "logistic": functional.sigmoid,
    "tanh": functional.tanh,
    "relu": functional.relu,
    "elu": functional.elu,
    "gelu": functional.gelu,
    "hardtanh": functional.hardtanh,
    "leaky_relu": functional.leaky_relu,
    "mish": functional.mish,
    "selu": functional.selu,
    "silu": functional.silu,
    "softplus": functional.softplus,
    "softsign": functional.softsign,
}
LINKS: dict[str, Callable[[Any], Any]] = {
    "identity": _same,
    "exp": exp,
    "logistic": functional.sigmoid,
    "softmax": lambda z: softmax(z, -1),
}
"""From a network's outputs to what is predicted: `out_activation_`."""


class Objective(NamedTuple):
    """What a perceptron minimises.

    Attributes:
        losses: Of outputs and targets: one number for each sample, or for each sample and output.
        link: `out_activation_`.
        shown: Factor of the loss as it is reported.
    """

    losses: Callable[[Any, Any], Any]
    link: str
    shown: float = 1.0


def activation_of(name: str, activation: Any) -> Callable[[Any], Any]:
    """Function of an activation's name.

    Raises:
        OptionError: There is none.
    """
    if callable(activation):
        return activation  # type: ignore[no-any-return]
    if activation in ACTIVATIONS:
        return ACTIVATIONS[activation]
    raise OptionError(
        f"{name}: got the activation {activation!r}, expected a function or one of "
        f"{', '.join(ACTIVATIONS)}; or a list of them, one for each hidden layer"
    )


# ── Classifiers ─────────────────────────────────────────────────────────────────────────


def _softmax_loss(z: Any, t: Any) -> Any:
    return functional.cross_entropy(z, t, reduction="none")


def _logistic_loss(z: Any, t: Any) -> Any:
    return functional.binary_cross_entropy_with_logits(z, t, reduction="none").sum(axis=1)


# ── Regressors ──────────────────────────────────────────────────────────────────────────


def _squared(z: Any, t: Any) -> Any:
    d = z - t
    return 0.5 * (d * d).sum(axis=1)


def _poisson(z: Any, t: Any) -> Any:
    """Half the Poisson deviance of eᶻ."""
    return (exp(z) - t * z + (xlogy(t, t) - t)).sum(axis=1)


def _absolute(z: Any, t: Any) -> Any:
    return functional.l1_loss(z, t, reduction="none").mean(axis=1)


def _huber(z: Any, t: Any) -> Any:
    return functional.huber_loss(z, t, reduction="none").mean(axis=1)


REGRESSION: dict[str, Callable[[Any, Any], Any]] = {
    "squared_error": _squared,
    "poisson": _poisson,
    "absolute_error": _absolute,
    "huber": _huber,
}


def objective_of(name: str, loss: Any, link: str, outputs: int, y: Any) -> Objective:
    """What to minimise, from the parameter `loss`.

    Args:
        name: Of the estimator, for messages.
        loss: Name or function.
        link: "softmax" or "logistic" for a classifier, "identity" for a regressor.
        outputs: Number of outputs.
        y: Targets, to be checked.

    Raises:
        OptionError: The loss is unknown.
        DataError: It does not take such targets.
    """
    if callable(loss):
        return Objective(loss, link)
    if link != "identity":
        if loss == "log_loss":
            return Objective(_softmax_loss if link == "softmax" else _logistic_loss, link)
        known = "'log_loss'"
    else:
        if isinstance(loss, str) and loss in REGRESSION:
            if loss == "poisson" and (y < 0).any():
                raise DataError(
                    f"{name}: got targets below 0, expected counts: loss='poisson' has no others"
                )
            # The value shown is scikit-learn's, a mean over outputs; the slope is that of the sum.
            shown = 1 / outputs if loss == "squared_error" else 1.0
            return Objective(REGRESSION[loss], "exp" if loss == "poisson" else link, shown)
        known = ", ".join(map(repr, REGRESSION))
    raise OptionError(
        f"{name}: got loss={loss!r}, expected {known} or a function of outputs and targets that "
        "returns the loss of each sample"
    )


def mean_loss(name: str, losses: Any, weight: Any, samples: int) -> Any:
    """Mean over the samples of their losses, each counted `weight` times.

    Args:
        name: Of the estimator, for messages.
        losses: `(N,)` or `(N, ...)`; or, without weights, one number, which is taken as the mean.
        weight: `(N,)` or None.
        samples: N.

    Raises:
        ShapeError: The losses are not one or more a sample.
    """
    shape = np.shape(losses)
    if shape[:1] != (samples,):
        if shape == () and weight is None:
            return losses
        raise ShapeError(
            f"{name}: got a loss of shape {shape} for {samples} samples, expected ({samples},), "
            "one number for each sample, so that weights of samples or classes can count; of a "
            "function of nn.functional: functools.partial(function, reduction='none')"
        )
    if len(shape) > 1:
        losses = losses.mean(axis=tuple(range(1, len(shape))))
    return losses.mean() if weight is None else (losses * weight).sum() / weight.sum()
