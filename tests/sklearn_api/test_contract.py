"""scikit-learn's own checks of an estimator, all of them, with the default parameters."""

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

from tinygrad_nn.sklearn import MLPClassifier, MLPRegressor, NetClassifier, NetRegressor

# What the checks fit is small and random: whether it converges says nothing.
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

# scikit-learn checks its own perceptrons with max_iter=100.
FIRST = [MLPClassifier(max_iter=100), NetRegressor()]
"""One of each family, one of each task."""
OTHERS = [MLPRegressor(max_iter=100), NetClassifier()]


@parametrize_with_checks(FIRST)
def test_check_of_scikit_learn(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(OTHERS)
def test_check_of_scikit_learn_of_the_others(estimator, check):
    check(estimator)
