"""The same parameters and seed give scikit-learn's weights, curves and scores."""

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn import neural_network as judge
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale

from tinygrad_nn.sklearn import MLPClassifier, MLPRegressor

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

COMMON = [
    {},
    {"shuffle": False, "batch_size": 50},
    {"alpha": 1.0, "hidden_layer_sizes": (12, 7)},
    {"hidden_layer_sizes": ()},
    {"hidden_layer_sizes": 5, "activation": "logistic"},
    {"activation": "tanh", "beta_1": 0.5, "beta_2": 0.9, "epsilon": 1e-3},
    {"activation": "identity"},
    {"solver": "sgd"},
    {"solver": "sgd", "momentum": 0.0},
    {"solver": "sgd", "nesterovs_momentum": False, "momentum": 0.5},
    {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.1},
    {"solver": "sgd", "learning_rate": "adaptive", "tol": 0.05, "n_iter_no_change": 1},
    {"early_stopping": True, "n_iter_no_change": 3},
    {"solver": "lbfgs", "max_iter": 15},
]


def data(kind):
    if kind == "regression":
        X, y = load_diabetes(return_X_y=True)
        return scale(X), scale(y)
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    if kind == "binary":
        return X, y == 1
    if kind == "several":
        return X, np.stack([y > 0, y < 2, X[:, 0] > 0], axis=1).astype(int)
    return X, np.array(["a", "b", "c"])[y]


def agree(ours, theirs):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(ours, name), getattr(theirs, name), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-8, atol=1e-10)
    for name in ("loss_curve_", "validation_scores_", "loss_", "best_loss_"):
        if getattr(theirs, name, None) is not None:
            np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-9)
    for name in ("n_iter_", "n_layers_", "n_outputs_", "out_activation_", "t_", "n_features_in_"):
        assert getattr(ours, name) == getattr(theirs, name)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("kind", ["binary", "classes", "several"])
@pytest.mark.parametrize("options", COMMON, ids=str)
def test_classifier(options, kind, weighted, rng):
    X, y = data(kind)
    weight = rng.uniform(0, 2, len(y)) if weighted else None
    options = {"max_iter": 12, "random_state": 3, "learning_rate_init": 0.01, **options}
    ours = MLPClassifier(**options).fit(X, y, weight)
    theirs = judge.MLPClassifier(**options).fit(X, y, weight)
    agree(ours, theirs)
    assert (ours.classes_ == theirs.classes_).all()
    assert (ours.predict(X) == theirs.predict(X)).all()
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-7)
    with np.errstate(divide="ignore"):
        logs = theirs.predict_log_proba(X)
    # Nearer to 0 and far below, those there have lost digits: 1 - p rounds.
    sure = (logs > -10) & (logs < -1e-5)
    np.testing.assert_allclose(ours.predict_log_proba(X)[sure], logs[sure], rtol=1e-6)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("loss", ["squared_error", "poisson"])
@pytest.mark.parametrize("options", COMMON, ids=str)
def test_regressor(options, loss, weighted, rng):
    X, y = data("regression")
    y = np.round(np.exp(y)) if loss == "poisson" else y
    weight = rng.uniform(0, 2, len(y)) if weighted else None
    options = {"max_iter": 12, "random_state": 3, **options}
    ours = MLPRegressor(loss, **options).fit(X, y, weight)
    theirs = judge.MLPRegressor(loss, **options).fit(X, y, weight)
    agree(ours, theirs)
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7, atol=1e-9)


def test_several_targets():
    X, y = data("regression")
    y = np.stack([y, 2 * y, y**2], axis=1)
    agree(
        MLPRegressor(max_iter=10, random_state=1).fit(X, y),
        judge.MLPRegressor(max_iter=10, random_state=1).fit(X, y),
    )


@pytest.mark.parametrize("solver", ["adam", "sgd"])
def test_calls_that_go_on(solver):
    """warm_start and partial_fit, in which the optimiser remembers."""
    X, y = data("classes")
    options = {"solver": solver, "max_iter": 4, "random_state": 0}
    pair = [kind(warm_start=True, **options) for kind in (MLPClassifier, judge.MLPClassifier)]
    for _ in range(3):
        agree(*(model.fit(X, y) for model in pair))
    pair = [kind(**options) for kind in (MLPClassifier, judge.MLPClassifier)]
    for part in (slice(0, 60), slice(60, 150), slice(0, 150)):
        agree(*(m.partial_fit(X[part], y[part], classes=["a", "b", "c"]) for m in pair))


def test_float32_stays_float32():
    X, y = data("classes")
    for solver in ("adam", "sgd", "lbfgs"):
        ours = MLPClassifier(solver=solver, max_iter=5, random_state=0).fit(X.astype("float32"), y)
        assert {c.dtype.name for c in ours.coefs_ + ours.intercepts_} == {"float32"}
        assert ours.predict_proba(X.astype("float32")).dtype == np.float32
        wide = MLPClassifier(solver=solver, max_iter=5, random_state=0).fit(X, y)
        np.testing.assert_allclose(ours.loss_, wide.loss_, rtol=1e-4)


def test_sparse_inputs_give_what_dense_ones_do():
    sparse = pytest.importorskip("scipy.sparse")
    X, y = load_digits(return_X_y=True)
    X = X / 16
    for form in (sparse.csr_array, sparse.csc_matrix):
        for solver in ("adam", "lbfgs"):
            options = {"solver": solver, "max_iter": 3, "random_state": 0}
            dense = MLPClassifier(**options).fit(X, y)
            other = MLPClassifier(**options).fit(form(X), y)
            np.testing.assert_allclose(other.coefs_[0], dense.coefs_[0], atol=1e-10)
            np.testing.assert_allclose(
                other.predict_proba(form(X)), dense.predict_proba(X), atol=1e-10
            )


@pytest.mark.parametrize("load", [load_digits, load_wine])
def test_accuracy_is_comparable_whatever_the_seed(load):
    """With seeds of their own: the means over three may differ by the spread, not by more."""
    X, y = load(return_X_y=True)
    X = scale(X)
    found = []
    for kind, seeds in ((MLPClassifier, (0, 1, 2)), (judge.MLPClassifier, (3, 4, 5))):
        scores = []
        for seed in seeds:
            X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
            model = kind(random_state=seed, max_iter=40).fit(X_train, y_train)
            scores.append(model.score(X_test, y_test))
        found.append(np.mean(scores))
    assert abs(found[0] - found[1]) < 0.03


# ------------------------------------------------------------- the checks see a planted fault
def test_a_planted_fault_is_found(monkeypatch):
    """Adam with ε where PyTorch has it: the difference to scikit-learn is small, and seen."""
    from tinygrad_nn.sklearn import solvers

    monkeypatch.delattr(solvers._Adam, "numbers")
    X, y = data("classes")
    options = {"max_iter": 12, "random_state": 3, "epsilon": 1e-3}
    with pytest.raises(AssertionError):
        agree(MLPClassifier(**options).fit(X, y), judge.MLPClassifier(**options).fit(X, y))
