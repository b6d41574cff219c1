"""What the two multi-layer perceptrons share: parameters, weights, and the order of a fit."""

from __future__ import annotations

from itertools import pairwise
from math import inf, sqrt
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from tinygrad_nn.errors import DataError, OptionError
from tinygrad_nn.sklearn.data import Labels, checked_weight, column
from tinygrad_nn.sklearn.losses import LINKS, activation_of, objective_of
from tinygrad_nn.sklearn.options import (
    FLAG,
    Range,
    check_options,
    either,
    number,
    one_of,
    whole,
)
from tinygrad_nn.sklearn.solvers import descend, lbfgs, raw_outputs

__all__ = ["Multilayer", "learns_in_steps"]

_RANGES = {
    "solver": one_of("adam", "sgd", "lbfgs"),
    "alpha": number(0),
    "batch_size": either(one_of("auto"), whole(1)),
    "learning_rate": one_of("constant", "invscaling", "adaptive"),
    "learning_rate_init": number(0, open_least=True),
    "power_t": number(0),
    "max_iter": whole(1),
    "shuffle": FLAG,
    "tol": number(0),
    "verbose": either(FLAG, whole(0)),
    "warm_start": FLAG,
    "momentum": number(0, 1),
    "nesterovs_momentum": FLAG,
    "early_stopping": FLAG,
    "validation_fraction": number(0, 1, open_most=True),
    "beta_1": number(0, 1, open_most=True),
    "beta_2": number(0, 1, open_most=True),
    "epsilon": number(0, open_least=True),
    "n_iter_no_change": either(whole(1), Range(lambda v: v == inf, "infinity")),
    "max_fun": whole(1),
}
_SIZE = whole(1)
_DROPOUT = number(0, 1, open_most=True)


def learns_in_steps(estimator: Any) -> bool:
    """Whether there is a `partial_fit`; if not, the error says why."""
    if estimator.solver == "lbfgs":
        raise AttributeError(
            f"{type(estimator).__name__}: partial_fit needs solver='adam' or 'sgd'; 'lbfgs' "
            "takes all the data at once"
        )
    return True


class Multilayer(BaseEstimator):  # type: ignore[misc]
    """Base of the two: weights `coefs_`, `intercepts_`, and how they are learned."""

    _labels: Labels | None = None

    # ── To be fitted ────────────────────────────────────────────────────────────────────

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, once: bool) -> Any:
        sizes = self._checked_sizes()
        is_first = not hasattr(self, "coefs_") or not (self.warm_start or once)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            multi_output=True,
            y_numeric=not self._classifies,
            dtype=(np.float64, np.float32),
            reset=is_first,
        )
        name, dtype = type(self).__name__, X.dtype
        weight = checked_weight(name, sample_weight, X.shape[0], dtype)
        y, weight = self._numbers(y if issparse(y) else column(y), weight, dtype, once=once)
        labels = self._labels
        link = ("softmax" if labels.exclusive else "logistic") if labels else "identity"
        objective = objective_of(name, self.loss, link, self.n_outputs_, y)
        rng = check_random_state(self.random_state)
        units = [X.shape[1], *sizes, self.n_outputs_]
        if is_first:
            self._start(units, dtype, rng)
        elif [c.shape for c in self.coefs_] != list(pairwise(units)):
            raise DataError(
                f"{name}: got layers of {units} neurons, but those to go on with have "
                f"{[len(self.coefs_[0]), *(c.shape[1] for c in self.coefs_)]}; fit anew with "
                "warm_start=False"
            )
        self.out_activation_ = objective.link
        if self.solver == "lbfgs":
            lbfgs(self, objective, X, y, weight)
        else:
            self._start_curves(is_first)
            descend(self, objective, X, y, weight, rng, once=once)
        if not all(np.isfinite(w).all() for w in (*self.coefs_, *self.intercepts_)):
            raise DataError(
                f"{name}: the solver produced weights that are not finite; scale the inputs "
                "(StandardScaler), or lower learning_rate_init"
            )
        return self

    def _numbers(self, y: Any, weight: Any, dtype: Any, *, once: bool) -> tuple[Any, Any]:
        """Targets as numbers and weights of the samples."""
        raise NotImplementedError

    def _checked_sizes(self) -> list[int]:
        """Sizes of the hidden layers, after a look at all parameters."""
        check_options(self, _RANGES)
        name = type(self).__name__
        given: Any = self.hidden_layer_sizes
        sizes = list(given) if np.iterable(given) and not isinstance(given, str) else [given]
        if not all(_SIZE.holds(s) for s in sizes):
            raise OptionError(
                f"{name}: hidden_layer_sizes must be > 0, got {given!r}; expected a list of "
                "integers of at least 1, one for each hidden layer"
            )
        several = isinstance(self.activation, (list, tuple))
        chosen = list(self.activation) if several else [self.activation] * max(len(sizes), 1)
        for activation in chosen:
            activation_of(name, activation)
        drops = np.iterable(self.dropout) and not isinstance(self.dropout, str)
        self._dropouts = list(self.dropout) if drops else [self.dropout] * len(sizes)
        for what, found in (("activation", chosen), ("dropout", self._dropouts)):
            if sizes and len(found) != len(sizes):
                raise OptionError(
                    f"{name}: got {len(found)} values in {what}, expected {len(sizes)}: one for "
                    "each hidden layer, or one for all"
                )
        if not all(map(_DROPOUT.holds, self._dropouts)):
            raise OptionError(
                f"{name}: got dropout={self.dropout!r}, expected {_DROPOUT.text}, or a list of them"
            )
        if self.solver == "lbfgs" and any(self._dropouts):
            raise OptionError(
                f"{name}: got dropout={self.dropout!r} with solver='lbfgs', expected 'adam' or "
                "'sgd': lbfgs needs a loss that is the same each time"
            )
        if self.early_stopping and not self.validation_fraction:
            raise OptionError(f"{name}: got validation_fraction=0, expected a number above 0")
        self._names = chosen
        return [int(s) for s in sizes]

    def _start(self, units: list[int], dtype: Any, rng: Any) -> None:
        """First weights (Glorot and Bengio 2010, as scikit-learn draws them), empty curves."""
        self.n_iter_ = self.t_ = 0
        self.n_layers_ = len(units)
        self.coefs_, self.intercepts_ = [], []
        for i, (inputs, outputs) in enumerate(pairwise(units)):
            activation = self._names[min(i, len(self._names) - 1)]
            bound = sqrt((2 if activation == "logistic" else 6) / (inputs + outputs))
            self.coefs_.append(rng.uniform(-bound, bound, (inputs, outputs)).astype(dtype))
            self.intercepts_.append(rng.uniform(-bound, bound, outputs).astype(dtype))
        self._optimizer_state = None

    def _start_curves(self, is_first: bool) -> None:
        """Nothing was measured yet, or not of this kind."""
        early = self.early_stopping
        if not is_first and early == isinstance(getattr(self, "validation_scores_", 0), list):
            return
        self._best = None
        self._no_improvement = 0
        self.loss_curve_: list[float] = []
        self.best_loss_ = None if early else inf
        self.best_validation_score_ = -inf if early else None
        self.validation_scores_: list[float] | None = [] if early else None
        self.validation_loss_curve_: list[float] | None = [] if early else None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Learn from samples.

        Args:
            X: `(N, features)`, an array, data frame or sparse matrix.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: `(N,)`, at least 0: a weight of 2 counts a sample twice.

        Raises:
            OptionError: A parameter is out of range.
            DataError: Weights or targets are not such, or training diverged.
            ValueError: What else scikit-learn refuses in data.
        """
        return self._fit(X, y, sample_weight, once=False)

    @available_if(learns_in_steps)  # type: ignore[untyped-decorator]
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Go on learning: one epoch over these samples."""
        return self._fit_once(X, y, sample_weight)

    def _fit_once(self, X: Any, y: Any, sample_weight: Any) -> Any:
        if self.early_stopping:
            raise OptionError(
                f"{type(self).__name__}: partial_fit does not support early_stopping=True"
            )
        return self._fit(X, y, sample_weight, once=True)

    # ── To predict ──────────────────────────────────────────────────────────────────────

    def _outputs(self, X: Any) -> Any:
        """Outputs before the last activation."""
        check_is_fitted(self)
        X = validate_data(self, X, accept_sparse="csr", dtype=(np.float64, np.float32), reset=False)
        return raw_outputs(self, X)

    def _linked(self, z: Any) -> Any:
        return LINKS[self.out_activation_](z)

    def _validation_score(self, z: Any, y: Any, weight: Any) -> float:
        """Score of outputs for the samples that were held back."""
        raise NotImplementedError

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is to know: sparse inputs are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
