"""scikit-learn's own checks of an estimator, all of them, with the default parameters."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from tinygrad_nn.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

# What the checks fit is small and random: whether it converges says nothing.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# scikit-learn checks its own perceptrons with max_iter=100.
ESTIMATORS = [
    MLPClassifier(max_iter=100),
    MLPRegressor(max_iter=100),
    NetClassifier(),
    NetRegressor(),
]


@parametrize_with_checks(ESTIMATORS)
def test_check_of_scikit_learn(estimator, check):
    check(estimator)
