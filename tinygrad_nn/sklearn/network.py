"""What the two network estimators share: parameters with `__`, and the order of a fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from copy import deepcopy
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils.validation import check_is_fitted, validate_data

from tinygrad_nn import nn
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OptionError, ShapeError
from tinygrad_nn.sklearn.data import checked_weight, column, rows
from tinygrad_nn.sklearn.options import FLAG, Range, check_options, either, number, whole
from tinygrad_nn.sklearn.parts import Goal, made_loss, made_module, made_optimizer
from tinygrad_nn.train.history import History
from tinygrad_nn.train.loop import fit as train

__all__ = ["Network"]

_PREFIXES = ("module__", "optimizer__", "loss__")
_RANGES = {
    "max_epochs": whole(1),
    "batch_size": either(whole(1), Range(lambda v: v == -1, "-1 for all samples")),
    "shuffle": FLAG,
    "validation_fraction": either(Range(lambda v: v is None, "None"), number(0, 1, open_most=True)),
    "warm_start": FLAG,
    "verbose": FLAG,
}
_PREDICTED = 1000
"""Samples that are predicted at a time."""


class Batches:
    """Batches of a data set, in a new order each time.

    Args:
        X: Inputs.
        targets: Targets.
        weight: Weights of the samples, or None.
        size: Samples of a batch. A last one of a single sample joins the batch before it, since
            a batch norm cannot learn from it.
        rng: Generator of the order, or None for the order of the data.
    """

    def __init__(self, X: Any, targets: Any, weight: Any, size: int, rng: Any) -> None:
        self._X, self._targets, self._weight, self._rng = X, targets, weight, rng
        samples = len(targets)
        bounds = [*range(0, samples, min(size, samples)), samples]
        if len(bounds) > 2 and bounds[-1] - bounds[-2] == 1:
            del bounds[-2]
        self._bounds = bounds

    def __len__(self) -> int:
        return len(self._bounds) - 1

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        samples = self._bounds[-1]
        order = np.arange(samples) if self._rng is None else self._rng.permutation(samples)
        for start, stop in zip(self._bounds[:-1], self._bounds[1:], strict=True):
            chosen = order[start:stop]
            t = self._targets[chosen]
            yield (
                rows(self._X, chosen),
                t if self._weight is None else (t, self._weight[chosen]),
            )


class Network(BaseEstimator):  # type: ignore[misc]
    """Base of the two: a module, and how it is trained."""

    _unknown: Mapping[str, Any] = MappingProxyType({})

    # ── Parameters ──────────────────────────────────────────────────────────────────────

    def _take(self, options: dict[str, Any]) -> None:
        """Keep `module__...` and the like under their names; others until `fit` refuses them.

        scikit-learn wants `__init__` to refuse nothing, so that clones and searches can be made.
        """
        for key, value in options.items():
            if key.startswith(_PREFIXES):
                setattr(self, key, value)
            else:
                self._unknown = {**self._unknown, key: value}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Parameters by name, `module__...` and the like included."""
        more = {k: v for k, v in vars(self).items() if k.startswith(_PREFIXES)}
        return {**super().get_params(deep), **more, **self._unknown}

    def set_params(self, **params: Any) -> Any:
        """Change parameters.

        Raises:
            ValueError: There is no such parameter.
        """
        own = {k for k in params if k.startswith(_PREFIXES) or k in self._unknown}
        self._take({k: params[k] for k in own})
        super().set_params(**{k: v for k, v in params.items() if k not in own})
        return self

    def _options(self, prefix: str) -> dict[str, Any]:
        found = {k: v for k, v in vars(self).items() if k.startswith(prefix)}
        return {k.removeprefix(prefix): v for k, v in found.items()}

    def _refuse_unknown(self, name: str) -> None:
        for key in self._unknown:
            near = get_close_matches(key, self._get_param_names(), 1)
            raise OptionError(
                f"{name}: got the parameter {key!r}, expected "
                + (repr(near[0]) if near else f"of {', '.join(self._get_param_names())}")
                + f", or one that begins with {', '.join(_PREFIXES)}"
            )

    # ── To be fitted ────────────────────────────────────────────────────────────────────

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, once: bool) -> Any:
        name = type(self).__name__
        self._refuse_unknown(name)
        check_options(self, _RANGES)
        is_first = not hasattr(self, "module_") or not (self.warm_start or once)
        X, y = validate_data(
            self,
            X,
            y,
            accept_sparse="csr",
            allow_nd=True,
            multi_output=True,
            y_numeric=not self._classifies,
            reset=is_first,
        )
        weight = checked_weight(name, sample_weight, X.shape[0], np.float64)
        y = y if issparse(y) else column(y)
        weight = self._learn_targets(y, weight, once=once)
        rng = check_random_state(self.random_state)
        if is_first:
            self._start(X, rng)
        X = self._inputs(X)
        loss = self._default_loss() if self.loss is None else self.loss
        loss = made_loss(name, loss, self._options("loss__"))
        targets = self._targets(y, self._tried(X), loss)
        dtype = self._dtype()
        weight = None if weight is None else weight.astype(dtype)
        if weight is not None and not weight.all():
            # A batch in which nothing counts would be a step all the same.
            X, targets, weight = X[weight > 0], targets[weight > 0], weight[weight > 0]
        self._train(X, targets, weight, loss, rng, once=once)
        return self

    def _start(self, X: Any, rng: Any) -> None:
        """New module, nothing learned yet."""
        seed = int(rng.randint(2**31 - 1))
        known = {
            "n_features": X.shape[1],
            "n_outputs": self._width(),
            "rng": np.random.default_rng(seed),
        }
        module = made_module(type(self).__name__, self.module, self._options("module__"), known)
        if self.random_state is not None:
            for place, (_, generator) in enumerate(module.generators()):
                bits = generator.bit_generator
                bits.state = type(bits)(np.random.SeedSequence([seed, place])).state
        self.module_ = module
        dtype = self.dtype
        if dtype is None and not isinstance(self.module, nn.Module) and not self._looks_up(X):
            dtype = X.dtype if X.dtype.kind == "f" else np.float64
        if dtype is not None:
            module.to(np.dtype(dtype).name)
        self.history_ = History()
        self._optimizer_state: dict[str, Any] | None = None

    def _train(self, X: Any, targets: Any, weight: Any, loss: Any, rng: Any, *, once: bool) -> None:
        name, size = type(self).__name__, self.batch_size
        validation = None
        part = None if once else self.validation_fraction
        if part:
            arrays = [X, targets] + ([] if weight is None else [weight])
            stratify = targets if self._classifies and targets.ndim == 1 else None
            X, X_val, targets, t_val, *weights = train_test_split(
                *arrays, test_size=part, random_state=rng, stratify=stratify
            )
            weight, w_val = weights or (None, None)
            validation = Batches(X_val, t_val, w_val, _PREDICTED, None)
        order = np.random.default_rng(rng.randint(2**31 - 1)) if self.shuffle else None
        batches = Batches(X, targets, weight, len(targets) if size == -1 else int(size), order)
        goal = Goal(name, loss, weighted=weight is not None)
        module = self.module_.train()
        optimizer = made_optimizer(
            name, self.optimizer, self._options("optimizer__"), module.parameters()
        )
        if once and self._optimizer_state is not None:
            optimizer.load_state_dict(self._optimizer_state)
        self.callbacks_ = deepcopy(list(self.callbacks or ()))
        before = len(self.history_.epochs)
        train(
            module,
            goal,
            optimizer,
            batches,
            before + (1 if once else self.max_epochs),
            validation=validation,
            callbacks=self.callbacks_,
            count=goal.count,
            history=self.history_,
        )
        module.eval()
        self._optimizer_state = optimizer.state_dict()
        new = self.history_.epochs[before:]
        self.n_iter_ = len(new)
        self.loss_curve_ = [epoch.loss for epoch in self.history_.epochs]
        if self.verbose:
            for epoch in new:
                scores = "".join(f", {k} = {v:.6g}" for k, v in epoch.scores.items())
                print(f"Epoch {epoch.number}, loss = {epoch.loss:.6g}{scores}")

    def _learn_targets(self, y: Any, weight: Any, *, once: bool) -> Any:
        """Note what there is to predict; returns the weights of the samples."""
        raise NotImplementedError

    def _targets(self, y: Any, outputs: Any, loss: Any) -> Any:
        """Targets for outputs of that shape."""
        raise NotImplementedError

    def _width(self) -> int:
        """`n_outputs` of a module that is made by fit."""
        raise NotImplementedError

    def _default_loss(self) -> Any:
        raise NotImplementedError

    def _dtype(self) -> Any:
        """dtype of the module's first parameter."""
        return next((p.dtype for p in self.module_.parameters()), np.dtype("float32"))

    def _inputs(self, X: Any) -> Any:
        """Inputs in the module's dtype; integers stay such for an embedding, which looks up."""
        return X if self._looks_up(X) else X.astype(self._dtype(), copy=False)

    def _looks_up(self, X: Any) -> bool:
        """Whether the inputs are numbers of rows in an embedding."""
        looks = any(isinstance(m, (nn.Embedding, nn.EmbeddingBag)) for m in self.module_.modules())
        return looks and X.dtype.kind in "iu"

    def _tried(self, X: Any) -> Any:
        """Outputs for the first sample: their shape is checked before anything is learned."""
        self.module_.eval()
        return self._answer(rows(X, slice(0, 1)))

    def _answer(self, inputs: Any) -> Any:
        with no_grad():
            outputs = self.module_(inputs)
        outputs = outputs.numpy() if hasattr(outputs, "numpy") else outputs
        shape = getattr(outputs, "shape", None)
        if shape is None or len(shape) not in (1, 2) or shape[0] != len(inputs):
            raise ShapeError(
                f"{type(self).__name__}: got from the module for inputs of shape {inputs.shape} "
                f"{'outputs of shape ' + str(shape) if shape is not None else type(outputs)}, "
                "expected (samples, outputs)"
            )
        return outputs

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Learn from samples.

        Args:
            X: `(N, features)`, an array, data frame or sparse matrix; or `(N, ...)`.
            y: Targets `(N,)` or `(N, outputs)`.
            sample_weight: `(N,)`, at least 0: a weight of 2 counts a sample twice.

        Raises:
            OptionError: A parameter is out of range.
            ShapeError: The module's outputs do not fit the targets.
            AnomalyError: The loss became NaN or infinite.
            ValueError: What else scikit-learn refuses in data.
        """
        return self._fit(X, y, sample_weight, once=False)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Go on learning: one epoch over these samples."""
        return self._fit(X, y, sample_weight, once=True)

    # ── To predict ──────────────────────────────────────────────────────────────────────

    def _outputs(self, X: Any) -> Any:
        """What the module gives, `(N, outputs)`."""
        check_is_fitted(self)
        X = self._inputs(validate_data(self, X, accept_sparse="csr", allow_nd=True, reset=False))
        parts = gen_batches(X.shape[0], _PREDICTED)
        z = np.concatenate([self._answer(rows(X, part)) for part in parts])
        return z[:, None] if z.ndim == 1 else z

    def _mismatch(self, outputs: Any, expected: str) -> ShapeError:
        return ShapeError(
            f"{type(self).__name__}: got outputs of shape (samples, "
            f"{', '.join(map(str, outputs.shape[1:]))}) from the module, expected {expected}; "
            "a module made by fit is told its n_outputs"
        )

    def __sklearn_is_fitted__(self) -> bool:
        """Whether there is a trained module."""
        return hasattr(self, "n_iter_")

    def __sklearn_tags__(self) -> Any:
        """What scikit-learn is to know: sparse inputs are welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
