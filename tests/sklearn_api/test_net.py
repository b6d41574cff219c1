"""Any module as an estimator: what it is made of, searches over it, and what is refused."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_wine
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.errors import AnomalyError, OperandError, OptionError, ShapeError
from tinygrad_nn.sklearn import NetClassifier, NetRegressor
from tinygrad_nn.train import EarlyStopping, LambdaCallback


def wine():
    X, y = load_wine(return_X_y=True)
    return scale(X), y


def made(n_features, n_outputs, hidden=8, rng=None):
    first = nn.Linear(n_features, hidden, rng=rng)
    return nn.Sequential(first, nn.Tanh(), nn.Linear(hidden, n_outputs, rng=rng))


class Bend(nn.Module):
    def __init__(self, n_features, n_outputs, hidden=8, drop=0.0, rng=None):
        super().__init__()
        self.first = nn.Linear(n_features, hidden, rng=rng)
        self.drop = nn.Dropout(drop)
        self.last = nn.Linear(hidden, n_outputs, rng=rng)

    def forward(self, x):
        return self.last(self.drop(tg.tanh(self.first(x))))


def state(model):
    return model.module_.state_dict()


def same_state(a, b, **tolerance):
    a, b = state(a), state(b)
    assert a.keys() == b.keys()
    for name in a:
        np.testing.assert_allclose(a[name], b[name], **tolerance)


FAST = {"max_epochs": 30, "optimizer__lr": 0.02, "random_state": 0}


@pytest.mark.parametrize(
    "module",
    [None, made, Bend, made(13, 3, rng=0), nn.Linear(13, 3, rng=0)],
    ids=["none", "factory", "class", "module", "layer"],
)
def test_it_learns_whatever_the_module_is(module):
    X, y = wine()
    model = NetClassifier(module, **FAST).fit(X, y)
    assert model.score(X, y) > 0.95
    p = model.predict_proba(X)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.log(p), model.predict_log_proba(X), rtol=1e-4, atol=1e-5)
    assert (model.decision_function(X).argmax(axis=1) == model.predict(X)).all()
    assert model.loss_curve_ == model.history_["loss"] and model.n_iter_ == 30


def test_a_given_module_is_not_changed():
    X, y = wine()
    module = made(13, 3, rng=0)
    before = module.state_dict()
    model = NetClassifier(module, **FAST).fit(X, y)
    assert all((before[name] == value).all() for name, value in module.state_dict().items())
    assert model.module is module and model.module_ is not module
    assert model.module_[0].weight.dtype == np.float32


def test_it_is_the_loop_written_out():
    """Full batches of a plain loop give the same numbers."""
    X, y = wine()
    module = made(13, 3, rng=0).double()
    model = NetClassifier(
        module, optimizer=optim.SGD, optimizer__lr=0.1, max_epochs=5, batch_size=-1, shuffle=False
    )
    model.fit(X, y)
    sgd = optim.SGD(module.parameters(), lr=0.1)
    for _ in range(5):
        sgd.zero_grad()
        nn.functional.cross_entropy(module(X), y).backward()
        sgd.step()
    for name, value in module.state_dict().items():
        np.testing.assert_allclose(state(model)[name], value, rtol=1e-12)


def test_the_same_seed_gives_the_same_bits():
    X, y = wine()
    options = {**FAST, "module__drop": 0.3, "max_epochs": 3}
    first, second = (NetClassifier(Bend, **options).fit(X, y) for _ in range(2))
    same_state(first, second, rtol=0)
    other = NetClassifier(Bend, **{**options, "random_state": 1}).fit(X, y)
    assert (state(first)["last.bias"] != state(other)["last.bias"]).any()


@pytest.mark.parametrize(
    "loss", [None, nn.CrossEntropyLoss, nn.CrossEntropyLoss(), "cross_entropy"]
)
def test_a_weight_counts_as_repetition(loss, rng):
    X, y = wine()
    weight = rng.integers(0, 4, len(y))
    options = {"loss": loss, "batch_size": -1, "random_state": 0, "max_epochs": 5}
    weighted = NetClassifier(made, **options).fit(X, y, weight)
    repeated = NetClassifier(made, **options).fit(X.repeat(weight, axis=0), y.repeat(weight))
    same_state(weighted, repeated, rtol=1e-7, atol=1e-10)
    by_class = NetClassifier(made, class_weight={0: 1, 1: 2, 2: 3}, **options).fit(X, y)
    same_state(by_class, NetClassifier(made, **options).fit(X, y, y + 1), rtol=1e-10)


def test_probabilities_are_told_by_the_loss():
    X, y = wine()
    two = y == 1

    def ending(last, outputs):
        return nn.Sequential(nn.Linear(13, outputs, rng=0), last)

    logs = NetClassifier(ending(nn.LogSoftmax(1), 3), loss="NLLLoss", **FAST).fit(X, y)
    plain = NetClassifier(nn.Sequential(nn.Linear(13, 3, rng=0)), **FAST).fit(X, y)
    np.testing.assert_allclose(logs.predict_proba(X), plain.predict_proba(X), rtol=2e-3, atol=1e-4)
    sure = NetClassifier(ending(nn.Sigmoid(), 1), loss=nn.BCELoss, **FAST).fit(X, two)
    logit = NetClassifier(nn.Linear(13, 1, rng=0), **FAST).fit(X, two)
    both = NetClassifier(nn.Linear(13, 2, rng=0), **FAST).fit(X, two)
    assert [m.out_activation_ for m in (logs, plain, sure, logit, both)] == [
        "exp", "softmax", "identity", "logistic", "softmax",
    ]  # fmt: skip
    np.testing.assert_allclose(sure.predict_proba(X), logit.predict_proba(X), rtol=2e-3, atol=1e-4)
    for model in (sure, logit, both):
        p = model.predict_proba(X)
        assert p.shape == (len(X), 2) and model.decision_function(X).shape == (len(X),)
        assert (model.predict(X) == (p[:, 1] > 0.5)).all() and model.score(X, two) > 0.9
        assert ((model.decision_function(X) > 0) == model.predict(X)).all()


def test_several_labels_a_sample():
    X, y = wine()
    Y = np.stack([y > 0, X[:, 0] > 0, X[:, 1] + X[:, 2] > 0], axis=1).astype(int)
    model = NetClassifier(**FAST).fit(X, Y)
    assert model.predict(X).shape == Y.shape and (model.predict(X) == Y).mean() > 0.95
    assert (model.predict(X) == (model.predict_proba(X) > 0.5)).all()


@pytest.mark.parametrize("columns", [1, 2])
def test_regression(columns):
    X, y = load_diabetes(return_X_y=True)
    X, y = scale(X), scale(y)
    Y = y if columns == 1 else np.stack([y, -y], axis=1)
    model = NetRegressor(optimizer="LBFGS", batch_size=-1, max_epochs=1, random_state=0)
    model.set_params(module__hidden=(), optimizer__max_iter=200).fit(X, Y)
    exact = np.linalg.lstsq(np.c_[X, np.ones(len(X))], Y, rcond=None)[0]
    np.testing.assert_allclose(model.predict(X), np.c_[X, np.ones(len(X))] @ exact, atol=1e-3)
    flat = NetRegressor(nn.Sequential(nn.Linear(10, 1), nn.Flatten(0)), max_epochs=1).fit(X, y)
    assert flat.predict(X).shape == (len(X),)


def test_search_over_module_and_optimizer():
    X, y = wine()
    net = NetClassifier(made, max_epochs=15, random_state=0)
    grid = {"netclassifier__module__hidden": [1, 8], "netclassifier__optimizer__lr": [1e-6, 0.05]}
    search = GridSearchCV(make_pipeline(StandardScaler(), net), grid, cv=3).fit(X, y)
    assert search.best_params_["netclassifier__optimizer__lr"] == 0.05
    best = search.best_estimator_[-1]
    assert best.module_[0].weight.shape == (best.module__hidden, 13)
    assert search.best_score_ > 0.9 and search.score(X, y) > 0.9


def test_parameters_with_two_underscores():
    net = NetClassifier(made, module__hidden=3)
    assert net.get_params()["module__hidden"] == 3 and "module__hidden=3" in repr(net)
    copy = clone(net).set_params(module__hidden=4, optimizer="SGD", loss__label_smoothing=0.1)
    assert (copy.module__hidden, copy.optimizer, copy.loss__label_smoothing) == (4, "SGD", 0.1)
    assert net.module__hidden == 3
    with pytest.raises(ValueError, match="Invalid parameter"):
        net.set_params(hiden=3)


def test_pickles_and_joblib(tmp_path):
    joblib = pytest.importorskip("joblib")
    X, y = wine()
    model = NetClassifier(Bend, module__drop=0.2, **FAST).fit(X, y)
    joblib.dump(model, tmp_path / "model")
    for copy in (pickle.loads(pickle.dumps(model)), joblib.load(tmp_path / "model")):
        assert (copy.predict_proba(X) == model.predict_proba(X)).all()
        same_state(copy.partial_fit(X, y), pickle.loads(pickle.dumps(model)).partial_fit(X, y))
    assert joblib.hash(model) == joblib.hash(joblib.load(tmp_path / "model"))
    scores = cross_val_score(NetClassifier(made, **FAST), X, y, cv=3, n_jobs=1)
    assert scores.min() > 0.85


def test_partial_fit_goes_on():
    X, y = wine()
    steps = NetClassifier(made, batch_size=-1, shuffle=False, random_state=0)
    for _ in range(4):
        steps.partial_fit(X, y, classes=[0, 1, 2])
    whole = NetClassifier(made, batch_size=-1, shuffle=False, random_state=0, max_epochs=4)
    same_state(steps, whole.fit(X, y), rtol=1e-12)
    assert len(steps.loss_curve_) == 4
    more = whole.set_params(warm_start=True).fit(X, y)
    assert len(more.loss_curve_) == 8 and more.n_iter_ == 4


def test_callbacks_and_validation():
    X, y = wine()
    seen = []
    stopping = EarlyStopping("val_loss", patience=2)
    hook = LambdaCallback(on_epoch_end=lambda context: seen.append(context.epoch))
    model = NetClassifier(
        made, max_epochs=300, optimizer__lr=0.1, validation_fraction=0.3, random_state=0
    )
    model.set_params(callbacks=[stopping, hook]).fit(X, y, np.linspace(1, 2, len(y)))
    assert model.n_iter_ < 300 and model.callbacks_[0].best_epoch > 0
    assert stopping.best_epoch == 0, "fit works with copies"
    assert len(model.history_["val_loss"]) == model.n_iter_


def test_inputs_of_other_shapes_and_kinds():
    X, y = load_digits(return_X_y=True)
    images = (X / 16).reshape(-1, 1, 8, 8)[:600]
    model = NetClassifier(
        lambda rng: nn.Sequential(
            nn.Conv2d(1, 4, 3, rng=rng), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10, rng=rng)
        ),
        **FAST,
    )
    assert model.fit(images, y[:600]).score(images, y[:600]) > 0.9
    words = np.random.default_rng(0).integers(0, 9, (200, 5))
    reader = NetClassifier(
        lambda n_outputs, rng: nn.Sequential(
            nn.Embedding(9, 6, rng=rng), nn.Flatten(), nn.Linear(30, n_outputs, rng=rng)
        ),
        **FAST,
    )
    assert reader.fit(words, words[:, 0] > 4).score(words, words[:, 0] > 4) > 0.95


def test_a_last_batch_of_one_sample_is_joined():
    X, y = wine()
    model = NetClassifier(
        nn.Sequential(nn.Linear(13, 4, rng=0), nn.BatchNorm1d(4), nn.Linear(4, 3, rng=0)),
        batch_size=59, max_epochs=3,
    )  # fmt: skip
    assert len(X) % 59 == 1
    model.fit(X, y)


BAD = [
    ({"max_epochs": 0}, OptionError, "at least 1"),
    ({"batch_size": 0}, OptionError, "-1 for all"),
    ({"validation_fraction": 1.0}, OptionError, "below 1"),
    ({"module": 3}, OperandError, "a module, its class"),
    ({"module": lambda: 3}, OperandError, "expected a Module"),
    ({"module": made, "module__hiden": 3}, OptionError, "module__hidden"),
    ({"module": nn.Linear(13, 3), "module__hidden": 3}, OptionError, "the class"),
    ({"module": nn.Linear(13, 5)}, ShapeError, r"\(samples, 3\), one for each class"),
    ({"module": nn.Linear(13, 1)}, ShapeError, "one for each class"),
    ({"module": nn.Linear(12, 3)}, ShapeError, "12"),
    ({"optimizer": "Adaam"}, OptionError, "AdamW"),
    ({"optimizer__rate": 1}, OptionError, "optimizer__lr"),
    ({"loss": "Entropy"}, OptionError, "CrossEntropyLoss"),
    ({"loss": 5}, OptionError, "class, module or function"),
    ({"loss": nn.CrossEntropyLoss(), "loss__reduction": "sum"}, OptionError, "the class"),
    ({"optimzer": "SGD"}, OptionError, "'optimizer'"),
    ({"class_weight": "even"}, OptionError, "balanced"),
]


@pytest.mark.parametrize(("options", "kind", "text"), BAD)
def test_bad_parameters_are_refused_by_fit(options, kind, text):
    X, y = wine()
    with pytest.raises(kind, match=text):
        NetClassifier(**options).fit(X, y)


def test_divergence_is_told():
    X, y = wine()
    with pytest.raises(AnomalyError, match="learning rate"):
        NetRegressor(optimizer="SGD", optimizer__lr=1e6, random_state=0).fit(X * 1e3, y)
