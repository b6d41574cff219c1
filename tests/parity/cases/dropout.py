"""What leaves out at random: compared where nothing is random. tests/nn/test_dropout.py has
the rest.
"""

from typing import Any

from tests.parity.case import FunctionCase, ModuleCase, functions, modules
from tests.parity.draws import Draw


def _input(draw: Draw, name: str) -> Any:
    axes = {"1": [2, 3], "2": [3, 4], "3": [4, 5]}.get(name[-2], [2, 3, 4])
    return draw.array(*[draw.integer(1, 3) for _ in range(draw.choice(axes))])


@modules("Dropout", "Dropout1d", "Dropout2d", "Dropout3d", "AlphaDropout", "FeatureAlphaDropout")
def dropout(draw: Draw, name: str) -> ModuleCase:
    p = draw.choice([0.5, 0.0, 0.25, 1.0])
    modes = ("train", "eval", "eval") if p in (0, 1) else ("eval", "eval")
    return ModuleCase((p,), {}, (_input(draw, name),), modes=modes)


@functions(
    "dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_alpha_dropout"
)
def dropout_function(draw: Draw, name: str) -> FunctionCase:
    p = draw.choice([0.5, 0.0, 1.0])
    training = draw.boolean() if p in (0, 1) else False
    return FunctionCase((_input(draw, name), p), {"training": training})


@functions("gumbel_softmax")
def gumbel_softmax(draw: Draw, name: str) -> FunctionCase:
    """One class is so likely that no noise counts."""
    logits = 1e6 * draw.integers(2, 3, high=0).astype(float)
    dim = draw.choice([0, 1, -1])
    logits[(0, slice(None)) if dim == 0 else (slice(None), 1)] = 1e6
    return FunctionCase(
        (logits,), {"tau": draw.choice([0.5, 2.0]), "hard": draw.boolean(), "dim": dim}
    )
