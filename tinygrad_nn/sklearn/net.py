"""Estimators around any module: `NetClassifier` and `NetRegressor`."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from tinygrad_nn import nn
from tinygrad_nn.ops import log_softmax
from tinygrad_nn.sklearn.data import Labels, class_weighted, first_labels, refuse_balanced
from tinygrad_nn.sklearn.losses import LINKS
from tinygrad_nn.sklearn.network import Network
from tinygrad_nn.sklearn.parts import link_of

__all__ = ["NetClassifier", "NetRegressor"]


class NetClassifier(ClassifierMixin, Network):  # type: ignore[misc]
    """Any module as a classifier of scikit-learn.

    The module gives `(N, classes)` logits; for two classes also one, `(N, 1)`; for several labels
    a sample one for each label. Probabilities are told by the loss: of `NLLLoss` the outputs are
    their logarithms, of `BCELoss` they are the outputs.

    Args:
        module: The network: a module, which `fit` copies; a class or function that makes one,
            called with `module__...` and, where its signature has these names, `n_features`,
            `n_outputs` and `rng` (through which `random_state` decides the first weights); or
            None for layers of neurons: `module__hidden=(100,)`, `module__activation="relu"`,
            `module__dropout=0`.
        loss: Name in `nn` or `nn.functional`, class (options are `loss__...`), module or function
            of outputs and targets: class indices `(N,)`, or for one output or several labels zeros
            and ones in the outputs' shape. None for cross-entropy.
        optimizer: Name or class in `tinygrad_nn.optim`; its options are `optimizer__lr` and so on.
        max_epochs: Epochs.
        batch_size: Samples a step; -1 for all.
        shuffle: Whether each epoch has an order of its own.
        validation_fraction: Part held back to measure "val_loss" after each epoch, or None.
        callbacks: A list of `train.Callback`s, such as `EarlyStopping()`; `fit` works with copies.
        class_weight: Weight of each class: a dict, or "balanced" for as much weight to each.
        warm_start: Whether `fit` goes on with the module of the last one.
        random_state: Seed of weights, order and dropout: the same one gives the same bits.
        dtype: Of the module, to which inputs are converted. None for that of the inputs, float32 or
            float64, as in scikit-learn; of a module that was made already, for its own.
        verbose: Whether to print the losses.
        options: `module__...`, `optimizer__...`, `loss__...`.

    Attributes:
        classes_: The labels in order.
        out_activation_: How the outputs become probabilities: "softmax", "logistic", "exp" or
            "identity".
        module_: The trained module.
        history_: `train.History` of all epochs.
        loss_curve_: Loss of each epoch.
        n_iter_: Epochs of the last fit.
        callbacks_: The copies of the callbacks that it worked with.
        n_features_in_: Features.
        feature_names_in_: Their names, if the inputs had some.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from tinygrad_nn import nn
        >>> from tinygrad_nn.sklearn import NetClassifier
        >>> def network(n_features, n_outputs, hidden=8, rng=None):
        ...     first = nn.Linear(n_features, hidden, rng=rng)
        ...     return nn.Sequential(first, nn.Tanh(), nn.Linear(hidden, n_outputs, rng=rng))
        >>> X, y = load_iris(return_X_y=True)
        >>> model = NetClassifier(network, module__hidden=16, optimizer__lr=0.02, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.9
        True
    """

    _classifies = True
    _labels: Labels | None = None

    def __init__(
        self,
        module: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = "Adam",
        max_epochs: int = 100,
        batch_size: int = 128,
        shuffle: bool = True,
        validation_fraction: float | None = None,
        callbacks: Any = None,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = None,
        verbose: bool = False,
        **options: Any,
    ) -> None:
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose
        self._take(options)

    def _learn_targets(self, y: Any, weight: Any, *, once: bool) -> Any:
        name = type(self).__name__
        if self._labels is None or not (self.warm_start or once):
            self._labels = Labels(y)
            self.classes_ = self._labels.classes
        else:
            self._labels.check(name, y, same=self.warm_start and not once)
        if once:
            refuse_balanced(name, self.class_weight)
        return class_weighted(name, self.class_weight, y, weight, np.float64)

    def _width(self) -> int:
        return len(self.classes_)

    def _default_loss(self) -> Any:
        return _cross_entropy

    def _targets(self, y: Any, outputs: Any, loss: Any) -> Any:
        labels = self._labels
        assert labels is not None
        count = len(labels.classes)
        width = outputs.shape[1] if outputs.ndim > 1 else 1
        if width != count and (width != 1 or labels.several or count > 2):
            kind = "label" if labels.several else "class"
            raise self._mismatch(outputs, f"(samples, {count}), one for each {kind}")
        exclusive = not labels.several and width == count
        self.out_activation_ = link_of(loss, width, exclusive)
        numbers = labels.numbers(y, outputs.dtype)
        if labels.exclusive or not exclusive:
            return numbers if outputs.ndim > 1 or numbers.ndim == 1 else numbers[:, 0]
        return numbers[:, 0].astype(np.int64)

    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Any:
        """Go on learning: one epoch over these samples.

        Args:
            X: `(N, features)`.
            y: Labels.
            sample_weight: `(N,)`, at least 0.
            classes: All labels there are; needed by the first call.
        """
        labels = first_labels(type(self).__name__, self, y, classes)
        if labels is not None:
            self._labels, self.classes_ = labels, labels.classes
        return super().partial_fit(X, y, sample_weight)

    def decision_function(self, X: Any) -> Any:
        """Above 0 for the second of two classes `(N,)`, otherwise `(N, classes)`: outputs."""
        d = self._scores(X)
        return d[:, 0] if d.shape[1] == 1 else d

    def _scores(self, X: Any) -> Any:
        z = self._outputs(X)
        assert self._labels is not None
        if self.out_activation_ == "identity":
            return z - 0.5  # probabilities
        if self._labels.width == 1 and z.shape[1] > 1:
            return z[:, 1:] - z[:, :1]
        return z

    def predict(self, X: Any) -> Any:
        """Labels `(N,)`; zeros and ones `(N, labels)` where samples may have several."""
        d = self._scores(X)
        assert self._labels is not None
        return self._labels.chosen(d)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities `(N, classes)`; each on its own where samples may have several labels."""
        z = self._outputs(X)
        p = LINKS[self.out_activation_](z)
        assert self._labels is not None
        if p.shape[1] > 1 or self._labels.several:
            return p
        return np.ones_like(p) if len(self.classes_) == 1 else np.hstack([1 - p, p])

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the probabilities."""
        z = self._outputs(X)
        if self.out_activation_ == "softmax":
            return log_softmax(z, -1)
        if self.out_activation_ == "exp":
            return z
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        """Of a classifier that also takes several labels a sample."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class NetRegressor(RegressorMixin, Network):  # type: ignore[misc]
    """Any module as a regressor of scikit-learn.

    The module gives `(N, outputs)`, for one target also `(N,)`.

    Args:
        module: The network: a module, which `fit` copies; a class or function that makes one,
            called with `module__...` and, where its signature has these names, `n_features`,
            `n_outputs` and `rng` (through which `random_state` decides the first weights); or
            None for layers of neurons: `module__hidden=(100,)`, `module__activation="relu"`,
            `module__dropout=0`.
        loss: Name in `nn` or `nn.functional`, class (options are `loss__...`), module or function
            of outputs and targets, both of the outputs' shape. None for the mean squared error.
        optimizer: Name or class in `tinygrad_nn.optim`; its options are `optimizer__lr` and so on.
        max_epochs: Epochs.
        batch_size: Samples a step; -1 for all.
        shuffle: Whether each epoch has an order of its own.
        validation_fraction: Part held back to measure "val_loss" after each epoch, or None.
        callbacks: A list of `train.Callback`s, such as `EarlyStopping()`; `fit` works with copies.
        warm_start: Whether `fit` goes on with the module of the last one.
        random_state: Seed of weights, order and dropout: the same one gives the same bits.
        dtype: Of the module, to which inputs are converted. None for that of the inputs, float32 or
            float64, as in scikit-learn; of a module that was made already, for its own.
        verbose: Whether to print the losses.
        options: `module__...`, `optimizer__...`, `loss__...`.

    Attributes:
        module_: The trained module.
        history_: `train.History` of all epochs.
        loss_curve_: Loss of each epoch.
        n_iter_: Epochs of the last fit.
        callbacks_: The copies of the callbacks that it worked with.
        n_features_in_: Features.
        feature_names_in_: Their names, if the inputs had some.

    Example:
        >>> from sklearn.datasets import make_regression
        >>> from tinygrad_nn.sklearn import NetRegressor
        >>> X, y = make_regression(100, 3, random_state=0)
        >>> model = NetRegressor(optimizer="LBFGS", batch_size=-1, random_state=0)
        >>> model.fit(X, y / y.std()).score(X, y / y.std()) > 0.99
        True
    """

    _classifies = False

    def __init__(
        self,
        module: Any = None,
        *,
        loss: Any = None,
        optimizer: Any = "Adam",
        max_epochs: int = 100,
        batch_size: int = 128,
        shuffle: bool = True,
        validation_fraction: float | None = None,
        callbacks: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        dtype: Any = None,
        verbose: bool = False,
        **options: Any,
    ) -> None:
        self.module = module
        self.loss = loss
        self.optimizer = optimizer
        self.max_epochs = max_epochs
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.validation_fraction = validation_fraction
        self.callbacks = callbacks
        self.warm_start = warm_start
        self.random_state = random_state
        self.dtype = dtype
        self.verbose = verbose
        self._take(options)

    def _learn_targets(self, y: Any, weight: Any, *, once: bool) -> Any:
        self.n_outputs_ = 1 if y.ndim == 1 else y.shape[1]
        return weight

    def _width(self) -> int:
        return self.n_outputs_

    def _default_loss(self) -> Any:
        return nn.MSELoss()

    def _targets(self, y: Any, outputs: Any, loss: Any) -> Any:
        width = outputs.shape[1] if outputs.ndim > 1 else 1
        if width != self.n_outputs_:
            raise self._mismatch(outputs, f"(samples, {self.n_outputs_}), one for each target")
        return y.astype(outputs.dtype).reshape(len(y), *outputs.shape[1:])

    def predict(self, X: Any) -> Any:
        """Predictions `(N,)`, or `(N, outputs)` if there were several targets."""
        y = self._outputs(X)
        return y[:, 0] if y.shape[1] == 1 else y


def _cross_entropy(outputs: Any, targets: Any, reduction: str = "mean") -> Any:
    """Of softmax at class indices, otherwise of the sigmoid of each output."""
    if targets.dtype.kind in "iu":
        return nn.functional.cross_entropy(outputs, targets, reduction=reduction)
    return nn.functional.binary_cross_entropy_with_logits(outputs, targets, reduction=reduction)
