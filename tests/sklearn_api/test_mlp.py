"""What the perceptrons have besides scikit-learn's, and what they refuse."""

import pickle
from functools import partial

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_wine, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale

import tinygrad_nn as tg
from tinygrad_nn.errors import OptionError
from tinygrad_nn.nn import functional
from tinygrad_nn.sklearn import MLPClassifier, MLPRegressor

quiet = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


def same_weights(a, b, **tolerance):
    for x, y in zip(a.coefs_ + a.intercepts_, b.coefs_ + b.intercepts_, strict=True):
        np.testing.assert_allclose(x, y, **tolerance)


@quiet
@pytest.mark.parametrize(
    "loss", ["log_loss", lambda z, t: functional.cross_entropy(z, t, reduction="none")]
)
def test_a_weight_counts_as_repetition(loss, rng):
    X, y = wine()
    weight = rng.integers(0, 4, len(y))
    options = {"loss": loss, "max_iter": 8, "batch_size": 10**6, "random_state": 0}
    with pytest.warns(UserWarning, match="clipped"):
        weighted = MLPClassifier(**options).fit(X, y, weight)
        repeated = MLPClassifier(**options).fit(X.repeat(weight, axis=0), y.repeat(weight))
    same_weights(weighted, repeated, rtol=1e-7, atol=1e-10)


@quiet
def test_class_weight_is_a_weight_of_samples():
    X, y = wine()
    options = {"max_iter": 8, "random_state": 0}
    by_class = MLPClassifier(class_weight={0: 2, 1: 0.5, 2: 1}, **options).fit(X, y)
    by_hand = MLPClassifier(**options).fit(X, y, np.array([2, 0.5, 1])[y])
    same_weights(by_class, by_hand, rtol=0)
    counts = np.bincount(y)
    balanced = MLPClassifier(class_weight="balanced", **options).fit(X, y)
    same_weights(balanced, MLPClassifier(**options).fit(X, y, (len(y) / 3 / counts)[y]), rtol=1e-12)


def test_class_weight_finds_the_rare_class():
    X, y = make_blobs([300, 15], random_state=3, cluster_std=3.0)
    plain = MLPClassifier((8,), solver="lbfgs", random_state=0, alpha=1, max_iter=2000).fit(X, y)
    fair = clone(plain).set_params(class_weight="balanced").fit(X, y)
    assert (fair.predict(X)[y == 1] == 1).mean() > (plain.predict(X)[y == 1] == 1).mean()


@quiet
def test_the_same_seed_gives_the_same_bits():
    X, y = wine()
    options = {"dropout": 0.3, "max_iter": 5, "early_stopping": True}
    first, second = (MLPClassifier(random_state=7, **options).fit(X, y) for _ in range(2))
    same_weights(first, second, rtol=0)
    other = MLPClassifier(random_state=8, **options).fit(X, y)
    assert (first.coefs_[0] != other.coefs_[0]).any()


@quiet
def test_dropout_acts_while_learning_alone():
    X, y = wine()
    model = MLPClassifier(dropout=[0.5], max_iter=5, random_state=0).fit(X, y)
    assert (model.predict_proba(X) == model.predict_proba(X)).all()
    plain = MLPClassifier(max_iter=5, random_state=0).fit(X, y)
    assert (model.coefs_[0] != plain.coefs_[0]).any()
    one = MLPClassifier((20, 20), dropout=[0.0, 0.5], learning_rate_init=0.02, random_state=0)
    assert one.fit(X, y).score(X, y) > 0.95


@quiet
def test_an_activation_for_each_layer():
    X, y = wine()
    options = {"hidden_layer_sizes": (9, 8), "max_iter": 5, "random_state": 0}
    model = MLPClassifier(activation=["tanh", tg.sin], **options).fit(X, y)
    (w1, w2, w3), (b1, b2, b3) = model.coefs_, model.intercepts_
    z = np.sin(np.tanh(X @ w1 + b1) @ w2 + b2) @ w3 + b3
    np.testing.assert_allclose(model.decision_function(X), z, rtol=1e-12)
    both = MLPClassifier(activation=["relu", "relu"], **options).fit(X, y)
    same_weights(both, MLPClassifier(**options).fit(X, y), rtol=0)
    for name in ("elu", "gelu", "hardtanh", "leaky_relu", "mish", "selu", "silu", "softplus"):
        assert MLPClassifier(activation=name, **options).fit(X, y).score(X, y) > 0.2


@quiet
def test_losses_of_a_regressor(rng):
    X = rng.normal(size=(300, 2))
    y = X[:, 0] + (rng.random(300) < 0.1) * 50
    options = {"hidden_layer_sizes": (), "max_iter": 400, "learning_rate_init": 0.05}

    def pinball(z, t):
        return tg.maximum(0.9 * (t - z), -0.1 * (t - z))

    fits = {}
    for loss in ("squared_error", "absolute_error", "huber", pinball):
        fits[loss] = MLPRegressor(loss, random_state=0, **options).fit(X, y).predict(X)
    assert abs(np.median(fits["absolute_error"] - X[:, 0])) < 0.3
    assert abs(np.median(fits["huber"] - X[:, 0])) < 0.5
    assert np.median(fits["squared_error"] - X[:, 0]) > 3
    assert abs((y < fits[pinball]).mean() - 0.9) < 0.03


@quiet
def test_a_loss_of_one_number_is_a_mean():
    X, y = wine()
    options = {"max_iter": 4, "random_state": 0}
    mean = MLPClassifier(loss=functional.cross_entropy, **options).fit(X, y)
    same_weights(mean, MLPClassifier(**options).fit(X, y), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match=r"one number for each sample.*reduction='none'"):
        MLPClassifier(loss=functional.cross_entropy, **options).fit(X, y, np.ones(len(y)))
    each = partial(functional.cross_entropy, reduction="none")
    weighted = MLPClassifier(loss=each, **options).fit(X, y, np.ones(len(y)))
    same_weights(weighted, mean, rtol=1e-9, atol=1e-12)


@quiet
def test_early_stopping_keeps_the_best_and_tells_both_curves():
    X, y = wine()
    options = {"max_iter": 60, "learning_rate_init": 0.02, "n_iter_no_change": 5}
    model = MLPClassifier(early_stopping=True, random_state=0, **options).fit(X, y)
    assert model.best_validation_score_ == max(model.validation_scores_)
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == model.n_iter_
    assert model.validation_loss_curve_[-1] < model.validation_loss_curve_[0]
    assert model.best_loss_ is None


@quiet
def test_one_class_and_its_probability():
    X, _ = wine()
    model = MLPClassifier(max_iter=2, random_state=0).fit(X, np.full(len(X), "only"))
    assert model.predict_proba(X).shape == (len(X), 1)
    assert (model.predict_proba(X) == 1).all() and (model.predict_log_proba(X) == 0).all()
    assert set(model.predict(X)) == {"only"}


def test_log_probabilities_are_finite_where_probabilities_are_not():
    X, y = wine()
    model = MLPClassifier(solver="lbfgs", max_iter=500, random_state=0).fit(X, y)
    far = 1e4 * X
    assert (model.predict_proba(far) == 0).any()
    assert np.isfinite(model.predict_log_proba(far)).all()
    two = MLPClassifier(solver="lbfgs", max_iter=500, random_state=0).fit(X, y == 0)
    assert (two.predict_proba(far) == 0).any()
    assert np.isfinite(two.predict_log_proba(far)).all()


@quiet
@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_a_pickled_one_goes_on_as_the_other(solver):
    X, y = wine()
    model = MLPClassifier(solver=solver, max_iter=3, random_state=0, activation=["gelu"]).fit(X, y)
    copy = pickle.loads(pickle.dumps(model))
    for each in (model, copy):
        for _ in range(3):
            each.partial_fit(X, y)
    same_weights(model, copy, rtol=0)


def test_it_tells_that_it_did_not_converge(capsys):
    X, y = wine()
    for solver in ("adam", "lbfgs"):
        with pytest.warns(ConvergenceWarning, match="max_iter"):
            MLPClassifier(solver=solver, max_iter=2, verbose=True, random_state=0).fit(X, y)
        assert "loss = " in capsys.readouterr().out


BAD = [
    ({"solver": "rmsprop"}, "'adam' or 'sgd' or 'lbfgs'"),
    ({"alpha": -1}, "at least 0"),
    ({"alpha": float("nan")}, "at least 0"),
    ({"max_iter": 0}, "at least 1"),
    ({"max_iter": True}, "an integer"),
    ({"learning_rate_init": 0}, "above 0"),
    ({"beta_1": 1}, "below 1"),
    ({"batch_size": "all"}, "'auto'"),
    ({"shuffle": "no"}, "True or False"),
    ({"hidden_layer_sizes": (5, 0)}, "hidden_layer_sizes must be > 0"),
    ({"hidden_layer_sizes": 2.5}, "integers"),
    ({"hidden_layer_sizes": "big"}, "integers"),
    ({"activation": "swish"}, "relu"),
    ({"activation": ["relu", "tanh"]}, "one for each hidden layer"),
    ({"dropout": 1.0}, "below 1"),
    ({"dropout": [0.1, 0.2]}, "one for each hidden layer"),
    ({"dropout": 0.5, "solver": "lbfgs"}, "'adam' or 'sgd'"),
    ({"loss": "hinge"}, "log_loss"),
    ({"class_weight": "even"}, "balanced"),
    ({"early_stopping": True, "validation_fraction": 0.0}, "above 0"),
]


@pytest.mark.parametrize(("options", "text"), BAD, ids=str)
def test_bad_parameters_are_refused_by_fit(options, text):
    X, y = wine()
    model = MLPClassifier(**options)
    with pytest.raises(OptionError, match=text):
        model.fit(X, y)
    assert not hasattr(model, "coefs_")


@quiet
def test_bad_data_are_refused():
    X, y = wine()
    model = MLPClassifier(max_iter=2)
    for weight, text in [(np.ones(3), "shape"), (-np.ones(len(y)), "at least 0"), (0 * y, "zero")]:
        with pytest.raises(ValueError, match=text):
            model.fit(X, y, weight)
    with pytest.raises(ValueError, match="first call"):
        model.partial_fit(X, y)
    model.fit(X, y)
    with pytest.raises(ValueError, match=r"not in `self\.classes_`"):
        model.partial_fit(X, y + 1)
    with pytest.raises(ValueError, match="first call"):
        model.partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="fit anew"):
        model.set_params(warm_start=True, hidden_layer_sizes=(7,)).fit(X, y)
    with pytest.raises(ValueError, match="same classes"):
        model.set_params(hidden_layer_sizes=(100,)).fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match="balanced"):
        model.set_params(class_weight="balanced").partial_fit(X, y)
    with pytest.raises(ValueError, match="early_stopping"):
        MLPRegressor(early_stopping=True).partial_fit(X, y)
    with pytest.raises(AttributeError) as caught:
        MLPRegressor(solver="lbfgs").partial_fit(X, y)
    assert "all the data at once" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match="counts"):
        MLPRegressor("poisson").fit(X, y - 1)
    with pytest.raises(ValueError, match="too small"):
        MLPRegressor(early_stopping=True).fit(X[:5], y[:5])


def test_divergence_is_told():
    X, y = wine()
    with np.errstate(all="ignore"), pytest.raises(ValueError, match="scale the inputs"):
        MLPRegressor(solver="sgd", learning_rate_init=1e3).fit(X * 1e5, y)
