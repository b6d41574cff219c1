"""How the multi-layer perceptrons are trained: epochs of SGD or Adam, or L-BFGS on all the data."""

from __future__ import annotations

import warnings
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.optimize import minimize
from scipy.sparse import issparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split

from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import DataError
from tinygrad_nn.nn import functional
from tinygrad_nn.ops import linear
from tinygrad_nn.optim import SGD, Adam, Optimizer
from tinygrad_nn.sklearn.data import rows
from tinygrad_nn.sklearn.losses import Objective, activation_of, mean_loss
from tinygrad_nn.tensor import Parameter

__all__ = ["descend", "lbfgs", "raw_outputs", "split"]

_CHUNK = 1000
"""Rows of a sparse matrix that are made dense at a time."""
_LEAST_RATE = 1e-6


class _Adam(Adam):
    """Adam as scikit-learn writes it: ε is added to √v before the correction for the start."""

    def numbers(self, t: int, state: dict[str, Any], group: dict[str, Any]) -> Any:
        """Adam's step, and ε as it is."""
        return super().numbers(t, state, group)[0], group["eps"]


def outputs_of(estimator: Any, X: Any, coefs: Any, intercepts: Any, rng: Any = None) -> Any:
    """Outputs of the network before the last activation; `rng` leaves out, as when it learns."""
    last = len(coefs) - 1
    for i, (w, b) in enumerate(zip(coefs, intercepts, strict=True)):
        X = X @ w + b if issparse(X) else linear(X, w.T, b)
        if i < last:
            X = activation_of(type(estimator).__name__, estimator._names[i])(X)
            if rng is not None and estimator._dropouts[i]:
                X = functional.dropout(X, estimator._dropouts[i], rng=rng)
    return X


class _Learner:
    """Parameters of an estimator while they change, and its objective.

    Attributes:
        params: Coefficients of each layer, then intercepts.
    """

    def __init__(self, estimator: Any, objective: Objective, dtype: Any) -> None:
        self.estimator = estimator
        self.losses, self.shown = objective.losses, objective.shown
        arrays = [*estimator.coefs_, *estimator.intercepts_]
        self.params = [Parameter(array, dtype=dtype) for array in arrays]
        self.layers = len(estimator.coefs_)

    def loss(self, X: Any, y: Any, weight: Any, rng: Any = None) -> Any:
        """Mean loss of a batch."""
        e = self.estimator
        z = outputs_of(e, X, self.params[: self.layers], self.params[self.layers :], rng)
        return mean_loss(type(e).__name__, self.losses(z, y), weight, len(y))

    def penalty(self, count: Any) -> Any:
        """½ α Σ w² over the weight of the samples."""
        squares = [(w * w).sum() for w in self.params[: self.layers]]
        return sum(squares[1:], squares[0]) * (0.5 * self.estimator.alpha / float(count))

    def keep(self, dtype: Any) -> None:
        """Give the estimator its parameters as they are now."""
        arrays = [np.array(p.numpy(), dtype=dtype) for p in self.params]
        self.estimator.coefs_ = arrays[: self.layers]
        self.estimator.intercepts_ = arrays[self.layers :]


def split(estimator: Any, X: Any, y: Any, weight: Any, stratify: Any, rng: Any) -> list[Any]:
    """Part to learn from and part to validate with, of inputs, targets and weights each."""
    arrays = [X, y] if weight is None else [X, y, weight]
    parts = train_test_split(
        *arrays, random_state=rng, test_size=estimator.validation_fraction, stratify=stratify
    )
    if parts[1].shape[0] < 2:
        raise DataError(
            f"{type(estimator).__name__}: the validation set is too small; got "
            f"{parts[1].shape[0]} sample, expected 2 or more; raise validation_fraction, or give "
            "more data"
        )
    return parts if weight is not None else [*parts, None, None]


# ── Epochs of batches ───────────────────────────────────────────────────────────────────


def _optimizer(estimator: Any, params: list[Any]) -> Optimizer:
    rate = float(estimator.learning_rate_init)
    if estimator.solver == "adam":
        betas = (float(estimator.beta_1), float(estimator.beta_2))
        return _Adam(params, lr=rate, betas=betas, eps=float(estimator.epsilon))
    momentum = float(estimator.momentum)
    nesterov = bool(estimator.nesterovs_momentum) and momentum > 0
    return SGD(params, lr=rate, momentum=momentum, nesterov=nesterov)


def _set_rate(optimizer: Optimizer, rate: float) -> None:
    """Change the learning rate of SGD, whose buffer here is over the rate and there not."""
    group = optimizer.param_groups[0]
    if rate > 0:
        for state in optimizer.state.values():
            if state.get("momentum_buffer") is not None:
                state["momentum_buffer"] *= group["lr"] / rate
    group["lr"] = rate


def descend(
    estimator: Any, objective: Objective, X: Any, y: Any, weight: Any, rng: Any, *, once: bool
) -> None:
    """Epochs of SGD or Adam, until nothing improves any more; with `once` a single one."""
    e, name = estimator, type(estimator).__name__
    validation = None
    if e.early_stopping:
        stratify = y if e._labels is not None and e.n_outputs_ == 1 else None
        X, X_val, y, y_val, weight, w_val = split(e, X, y, weight, stratify, rng)
        validation = X_val, y_val, w_val
    learner = _Learner(e, objective, e.coefs_[0].dtype)
    optimizer = _optimizer(e, learner.params)
    if once and e._optimizer_state is not None:
        optimizer.load_state_dict(e._optimizer_state)
    samples = len(y)
    size = min(200, samples) if e.batch_size == "auto" else min(int(e.batch_size), samples)
    if e.batch_size != "auto" and e.batch_size > samples:
        warnings.warn(
            f"{name}: got `batch_size` larger than the number of samples, {samples}; it is clipped",
            stacklevel=5,
        )
    # Drawn only where needed, so that the other draws are those of scikit-learn.
    noise = np.random.default_rng(rng.randint(2**31 - 1)) if any(e._dropouts) else None
    order = np.arange(samples)
    e.n_iter_ = 0
    try:
        while e.n_iter_ < e.max_iter:
            if e.shuffle:
                order = order[_permutation(rng, samples)]
            total = 0.0
            for batch in _slices(samples, size):
                chosen = order[batch] if e.shuffle else batch
                total += _step(learner, optimizer, X, y, weight, chosen, noise)
            e.n_iter_ += 1
            _close_epoch(learner, total / samples, samples, validation)
            if e.learning_rate == "invscaling" and e.solver == "sgd":
                _set_rate(optimizer, float(e.learning_rate_init) / (e.t_ + 1) ** e.power_t)
            if e._no_improvement > e.n_iter_no_change and _is_enough(e, optimizer):
                break
            if once:
                break
            if e.n_iter_ == e.max_iter:
                warnings.warn(
                    f"{name}: Maximum iterations ({e.max_iter}) reached and the optimization "
                    "hasn't converged yet; raise max_iter, or scale the inputs",
                    ConvergenceWarning,
                    stacklevel=5,
                )
    except KeyboardInterrupt:
        warnings.warn(f"{name}: training interrupted by user", stacklevel=5)
    learner.keep(e.coefs_[0].dtype)
    if validation is not None and e._best is not None:
        e.coefs_, e.intercepts_ = e._best
    e._optimizer_state = optimizer.state_dict()


def _step(
    learner: _Learner, optimizer: Any, X: Any, y: Any, weight: Any, chosen: Any, noise: Any
) -> float:
    """Learn from a batch; returns its loss times its samples, as it is reported."""
    t = y[chosen]
    w = None if weight is None else weight[chosen]
    count = len(t) if w is None else w.sum()
    if not count:
        return 0.0  # nothing in this batch counts
    loss = learner.loss(rows(X, chosen), t, w, noise)
    penalty = learner.penalty(count)
    optimizer.zero_grad()
    (loss + penalty).backward()
    optimizer.step()
    return (float(loss) * learner.shown + float(penalty)) * len(t)


def _close_epoch(learner: _Learner, loss: float, samples: int, validation: Any) -> None:
    """Note the loss and, if there is a part for it, how well that is predicted."""
    e = learner.estimator
    if not np.isfinite(loss):
        raise DataError(
            f"{type(e).__name__}: got a loss of {loss} in epoch {e.n_iter_}, expected a finite "
            "number; scale the inputs (StandardScaler) and targets, or lower learning_rate_init"
        )
    e.loss_ = loss
    e.t_ += samples
    e.loss_curve_.append(loss)
    if e.verbose:
        print(f"Iteration {e.n_iter_}, loss = {loss:.8f}")
    if validation is None:
        e._no_improvement = e._no_improvement + 1 if loss > e.best_loss_ - e.tol else 0
        e.best_loss_ = min(loss, e.best_loss_)
        return
    learner.keep(e.coefs_[0].dtype)
    X, y, weight = validation
    with no_grad():
        z = raw_outputs(e, X)
        held = mean_loss(type(e).__name__, _numbers(learner.losses(z, y)), weight, len(y))
    score = e._validation_score(z, y, weight)
    e.validation_scores_.append(score)
    e.validation_loss_curve_.append(float(held) * learner.shown)
    if e.verbose:
        print(f"Validation score: {score:f}")
    is_better = score >= e.best_validation_score_ + e.tol
    e._no_improvement = 0 if is_better else e._no_improvement + 1
    if score > e.best_validation_score_:
        e.best_validation_score_ = score
        e._best = e.coefs_, e.intercepts_


def _numbers(x: Any) -> Any:
    """Array behind what a loss gave."""
    return x.numpy() if hasattr(x, "numpy") else x


def _is_enough(e: Any, optimizer: Optimizer) -> bool:
    """Whether to end, or to go on with a fifth of the learning rate."""
    what = "Validation score" if e.early_stopping else "Training loss"
    text = f"{what} did not improve more than tol={e.tol:f} for {e.n_iter_no_change} consecutive"
    rate = optimizer.param_groups[0]["lr"]
    is_end: bool = e.solver == "adam" or e.learning_rate != "adaptive" or rate <= _LEAST_RATE
    if not is_end:
        _set_rate(optimizer, rate / 5)
        e._no_improvement = 0
    if e.verbose:
        print(f"{text} epochs. {'Stopping.' if is_end else f'Setting learning rate to {rate / 5}'}")
    return is_end


def raw_outputs(estimator: Any, X: Any) -> Any:
    """Outputs for all rows of checked inputs, as an array."""
    with no_grad():
        return _numbers(outputs_of(estimator, X, estimator.coefs_, estimator.intercepts_))


# ── All the data at once ────────────────────────────────────────────────────────────────


def lbfgs(estimator: Any, goal: Objective, X: Any, y: Any, weight: Any) -> None:
    """SciPy's L-BFGS-B, which is scikit-learn's, on gradients of this package."""
    e, name = estimator, type(estimator).__name__
    dtype = e.coefs_[0].dtype
    # In double precision: a line search compares losses that hardly differ.
    learner = _Learner(e, goal, np.float64)
    params = learner.params
    places = list(pairwise(np.cumsum([0, *(p.size for p in params)])))

    def take(flat: Any) -> None:
        for p, (start, stop) in zip(params, places, strict=True):
            p.data = flat[start:stop].reshape(p.shape)

    total = float(len(y) if weight is None else weight.sum())

    def objective(flat: Any) -> tuple[float, Any]:
        take(flat)
        for p in params:
            p.grad = None
        penalty = learner.penalty(total)
        penalty.backward()
        value = float(penalty)
        for part in _chunks(X):
            w = None if weight is None else weight[part]
            count = float(len(y[part]) if w is None else w.sum())
            if count:
                loss = learner.loss(rows(X, part), y[part], w) * (count / total)
                loss.backward()
                value += float(loss)
        return value, np.concatenate([_numbers(p.grad).ravel() for p in params])

    def show(intermediate_result: Any) -> None:
        if e.verbose:
            print(f"loss = {intermediate_result.fun:.8f}")

    result = minimize(
        objective,
        np.concatenate([p.numpy().ravel() for p in params]),
        method="L-BFGS-B",
        jac=True,
        callback=show,
        options={"maxfun": e.max_fun, "maxiter": e.max_iter, "gtol": e.tol},
    )
    take(result.x)
    learner.keep(dtype)
    if not np.isfinite(result.fun):
        raise DataError(f"{name}: got a loss of {result.fun}, expected a number; scale the inputs")
    e.n_iter_ = min(int(result.nit), e.max_iter)
    hidden = float(learner.penalty(total))
    e.loss_ = (float(result.fun) - hidden) * learner.shown + hidden
    if result.status != 0:
        warnings.warn(
            f"{name}: lbfgs failed to converge after {e.n_iter_} iterations: {result.message}; "
            f"raise max_iter (now {e.max_iter}), or scale the inputs",
            ConvergenceWarning,
            stacklevel=5,
        )


def _chunks(X: Any) -> list[slice]:
    return _slices(X.shape[0], _CHUNK if issparse(X) else X.shape[0])


# The two that scikit-learn has for this check their arguments for half a millisecond each.
def _slices(count: int, size: int) -> list[slice]:
    """Parts of `size`, the last one smaller."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


def _permutation(rng: Any, count: int) -> Any:
    """The order that `sklearn.utils.shuffle` draws."""
    order = np.arange(count)
    rng.shuffle(order)
    return order
