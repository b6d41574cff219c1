"""Estimators for scikit-learn: for pipelines, searches over parameters, and cross-validation.

`mlp.py` has `MLPClassifier` and `MLPRegressor` with scikit-learn's own parameters and results, and
what its users miss there; `net.py` has `NetClassifier` and `NetRegressor`, which train any module.
`multilayer.py` and `network.py` have what each pair shares, `solvers.py` the training of the
first and `epochs.py` that of the second. It needs the extra `sklearn`.
"""

try:
    import sklearn as _sklearn  # noqa: F401
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "tinygrad_nn.sklearn needs scikit-learn, which is not installed: "
        "pip install 'tinygrad-nn[sklearn]'",
        name="sklearn",
    ) from error

from tinygrad_nn.sklearn.mlp import MLPClassifier as MLPClassifier
from tinygrad_nn.sklearn.mlp import MLPRegressor as MLPRegressor
from tinygrad_nn.sklearn.net import NetClassifier as NetClassifier
from tinygrad_nn.sklearn.net import NetRegressor as NetRegressor
