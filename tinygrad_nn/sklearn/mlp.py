"""Multi-layer perceptrons with scikit-learn's parameters, defaults and results."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils.metaestimators import available_if

from tinygrad_nn.ops import log_softmax
from tinygrad_nn.sklearn.data import Labels, class_weighted, first_labels, refuse_balanced
from tinygrad_nn.sklearn.multilayer import Multilayer, learns_in_steps

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, Multilayer):  # type: ignore[misc]
    """Multi-layer perceptron that tells classes; scikit-learn's, and more.

    The same parameters and the same `random_state` give the weights and the loss curve of
    `sklearn.neural_network.MLPClassifier`, up to rounding. Besides, it has `dropout`,
    `class_weight`, losses of one's own, an activation for each layer, `decision_function`, and
    the loss of the part held back. Samples may have several labels.

    Args:
        hidden_layer_sizes: Neurons of each hidden layer.
        activation: Of the hidden layers: a name ("identity", "logistic", "tanh", "relu", "elu",
            "gelu", "hardtanh", "leaky_relu", "mish", "selu", "silu", "softplus", "softsign"), a
            function of tensors, or a list of one for each layer.
        solver: "adam", "sgd", or "lbfgs" for small data, which takes all of it at once.
        alpha: Strength of the L2 penalty on the weights.
        batch_size: Samples a step; "auto" for 200, or all if they are fewer.
        learning_rate: Of "sgd": "constant", "invscaling" or "adaptive" (a fifth when nothing
            improves).
        learning_rate_init: Learning rate, at first.
        power_t: Exponent of "invscaling".
        max_iter: Most epochs; of "lbfgs" most iterations.
        shuffle: Whether each epoch has an order of its own.
        random_state: Seed of weights, order and dropout: the same one gives the same bits.
        tol: Improvement that counts as one.
        verbose: Whether to print each epoch's loss.
        warm_start: Whether `fit` goes on from the weights of the last one.
        momentum: Of "sgd".
        nesterovs_momentum: Whether it looks ahead.
        early_stopping: Whether a part of the data is held back, and the weights kept that predict
            it best.
        validation_fraction: Size of that part.
        beta_1: Of "adam".
        beta_2: Of "adam".
        epsilon: Of "adam".
        n_iter_no_change: Epochs without improvement that end the training.
        max_fun: Most evaluations of the loss by "lbfgs".
        loss: "log_loss", or a function of outputs before the last activation and targets, which
            are class indices `(N,)`, or zeros and ones `(N, outputs)` for two classes or several
            labels; it returns the loss of each sample.
        class_weight: Weight of each class: a dict, or "balanced" for as much weight to each.
        dropout: Probability of leaving out a hidden neuron in a step; or a list of one for each
            layer. The loss fluctuates then: with a larger n_iter_no_change it ends later.

    Attributes:
        classes_: The labels in order.
        coefs_: List of weights (inputs, outputs) of each layer.
        intercepts_: List of biases (outputs,) of each layer.
        loss_: Loss of the last epoch, with the penalty.
        loss_curve_: Loss of each epoch.
        best_loss_: The lowest; None with early_stopping.
        validation_scores_: Score of the part held back after each epoch, or None.
        best_validation_score_: The highest of them, or None.
        validation_loss_curve_: Its loss, without the penalty, or None.
        n_iter_: Epochs, or iterations of "lbfgs".
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs included.
        n_outputs_: Outputs.
        out_activation_: Name of the last activation.
        n_features_in_: Features.
        feature_names_in_: Their names, if the inputs had some.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> from tinygrad_nn.sklearn import MLPClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> model = MLPClassifier((16,), learning_rate_init=0.01, dropout=0.1, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.9
        True
    """

    _classifies = True

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: Any = "log_loss",
        class_weight: Any = None,
        dropout: Any = 0.0,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.class_weight = class_weight
        self.dropout = dropout

    def _numbers(self, y: Any, weight: Any, dtype: Any, *, once: bool) -> tuple[Any, Any]:
        name = type(self).__name__
        if self._labels is None or not (self.warm_start or once):
            self._labels = Labels(y)
            self.classes_ = self._labels.classes
        else:
            self._labels.check(name, y, same=self.warm_start and not once)
        self.n_outputs_ = self._labels.width
        if once:
            refuse_balanced(name, self.class_weight)
        weight = class_weighted(name, self.class_weight, y, weight, dtype)
        return self._labels.numbers(y, dtype), weight

    @available_if(learns_in_steps)  # type: ignore[untyped-decorator]
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
        return self._fit_once(X, y, sample_weight)

    def decision_function(self, X: Any) -> Any:
        """Outputs before the last activation: `(N,)` for two classes, otherwise `(N, classes)`."""
        z = self._outputs(X)
        return z[:, 0] if self.n_outputs_ == 1 else z

    def predict(self, X: Any) -> Any:
        """Labels `(N,)`; zeros and ones `(N, labels)` where samples may have several."""
        return self._chosen(self._outputs(X))

    def _chosen(self, z: Any) -> Any:
        assert self._labels is not None
        return self._labels.chosen(z)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities `(N, classes)`; each on its own where samples may have several labels."""
        z = self._outputs(X)
        p = self._linked(z)
        if self.n_outputs_ > 1:
            return p
        return np.ones_like(p) if len(self.classes_) == 1 else np.hstack([1 - p, p])

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the probabilities, exact where those round to 0."""
        z = self._outputs(X)
        if self.out_activation_ == "softmax":
            return log_softmax(z, -1)
        if self.n_outputs_ == 1 and len(self.classes_) == 1:
            return np.zeros_like(z)
        log_p = -np.logaddexp(0, -z)
        return np.hstack([-np.logaddexp(0, z), log_p]) if self.n_outputs_ == 1 else log_p

    def _validation_score(self, z: Any, y: Any, weight: Any) -> float:
        assert self._labels is not None
        truth = self._labels.classes[y] if self._labels.exclusive else self._labels.chosen(y - 0.5)
        return float(accuracy_score(truth, self._chosen(z), sample_weight=weight))

    def __sklearn_tags__(self) -> Any:
        """Of a classifier that also takes several labels a sample."""
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


class MLPRegressor(RegressorMixin, Multilayer):  # type: ignore[misc]
    """Multi-layer perceptron that predicts numbers; scikit-learn's, and more.

    The same parameters and the same `random_state` give the weights and the loss curve of
    `sklearn.neural_network.MLPRegressor`, up to rounding. Besides, it has `dropout`, more losses,
    an activation for each layer, and the loss of the part held back.

    Args:
        loss: "squared_error" (half of it), "poisson" (half the deviance of exp of the output),
            "absolute_error", "huber", or a function of outputs and targets, both
            `(N, outputs)`, which returns the loss of each sample.
        hidden_layer_sizes: Neurons of each hidden layer.
        activation: Of the hidden layers: a name ("identity", "logistic", "tanh", "relu", "elu",
            "gelu", "hardtanh", "leaky_relu", "mish", "selu", "silu", "softplus", "softsign"), a
            function of tensors, or a list of one for each layer.
        solver: "adam", "sgd", or "lbfgs" for small data, which takes all of it at once.
        alpha: Strength of the L2 penalty on the weights.
        batch_size: Samples a step; "auto" for 200, or all if they are fewer.
        learning_rate: Of "sgd": "constant", "invscaling" or "adaptive" (a fifth when nothing
            improves).
        learning_rate_init: Learning rate, at first.
        power_t: Exponent of "invscaling".
        max_iter: Most epochs; of "lbfgs" most iterations.
        shuffle: Whether each epoch has an order of its own.
        random_state: Seed of weights, order and dropout: the same one gives the same bits.
        tol: Improvement that counts as one.
        verbose: Whether to print each epoch's loss.
        warm_start: Whether `fit` goes on from the weights of the last one.
        momentum: Of "sgd".
        nesterovs_momentum: Whether it looks ahead.
        early_stopping: Whether a part of the data is held back, and the weights kept that predict
            it best.
        validation_fraction: Size of that part.
        beta_1: Of "adam".
        beta_2: Of "adam".
        epsilon: Of "adam".
        n_iter_no_change: Epochs without improvement that end the training.
        max_fun: Most evaluations of the loss by "lbfgs".
        dropout: Probability of leaving out a hidden neuron in a step; or a list of one for each
            layer. The loss fluctuates then: with a larger n_iter_no_change it ends later.

    Attributes:
        coefs_: List of weights (inputs, outputs) of each layer.
        intercepts_: List of biases (outputs,) of each layer.
        loss_: Loss of the last epoch, with the penalty.
        loss_curve_: Loss of each epoch.
        best_loss_: The lowest; None with early_stopping.
        validation_scores_: Score of the part held back after each epoch, or None.
        best_validation_score_: The highest of them, or None.
        validation_loss_curve_: Its loss, without the penalty, or None.
        n_iter_: Epochs, or iterations of "lbfgs".
        t_: Samples seen.
        n_layers_: Layers, inputs and outputs included.
        n_outputs_: Outputs.
        out_activation_: Name of the last activation.
        n_features_in_: Features.
        feature_names_in_: Their names, if the inputs had some.

    Example:
        >>> from sklearn.datasets import make_regression
        >>> from tinygrad_nn.sklearn import MLPRegressor
        >>> X, y = make_regression(100, 3, random_state=0)
        >>> model = MLPRegressor(solver="lbfgs", max_iter=2000, random_state=0)
        >>> model.fit(X, y).score(X, y) > 0.99
        True
    """

    _classifies = False

    def __init__(
        self,
        loss: Any = "squared_error",
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: Any = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        dropout: Any = 0.0,
    ) -> None:
        self.loss = loss
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.dropout = dropout

    def _numbers(self, y: Any, weight: Any, dtype: Any, *, once: bool) -> tuple[Any, Any]:
        y = (y[:, None] if y.ndim == 1 else y).astype(dtype)
        self.n_outputs_ = y.shape[1]
        return y, weight

    def predict(self, X: Any) -> Any:
        """Predictions `(N,)`, or `(N, outputs)` if there were several targets."""
        return self._flat(self._linked(self._outputs(X)))

    def _flat(self, y: Any) -> Any:
        return y[:, 0] if y.shape[1] == 1 else y

    def _validation_score(self, z: Any, y: Any, weight: Any) -> float:
        return float(r2_score(self._flat(y), self._flat(self._linked(z)), sample_weight=weight))
