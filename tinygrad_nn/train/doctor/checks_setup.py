"""Checks of how model and training are put together: modes, and modules at several places."""

from __future__ import annotations

from collections.abc import Iterator

from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.registry import Found, check

__all__: list[str] = []


@check(
    "training-in-eval-mode",
    "error",
    rule="steps are made while a model with dropout or batch norm is in evaluation mode, or such "
    "a part is in another mode than the model",
    advice="call model.train() before each epoch",
)
def eval_while_training(e: Evidence) -> Iterator[Found]:
    """Dropout does nothing then, and running statistics stay as they are."""
    if e.training_in_eval:
        yield Found("", e.training_in_eval, 0, f"{e.training_in_eval} steps in evaluation mode")
    for path in e.mixed_modes:
        yield Found(path, 1, 0, "it is in evaluation mode, while the model is in training mode")


@check(
    "measuring-in-train-mode",
    "error",
    rule="predictions are made without gradients while a model with dropout or batch norm is in "
    "training mode",
    advice="call model.eval() before measuring, and model.train() behind it",
)
def train_while_measuring(e: Evidence) -> Iterator[Found]:
    """Predictions are noisy then, and running statistics learn from the held-out data."""
    if e.measuring_in_train:
        yield Found("", e.measuring_in_train, 0, f"{e.measuring_in_train} batches were measured so")


@check(
    "shared-layer",
    "warning",
    rule="one layer with parameters stands at several places of the same container",
    advice="make one layer for each place: [nn.Linear(8, 8) for _ in range(3)], not "
    "[nn.Linear(8, 8)] * 3",
)
def shared_layer(e: Evidence) -> Iterator[Found]:
    """Wanted by a few, an accident of `[layer] * 3` by most."""
    places: dict[tuple[str, int], list[str]] = {}
    for path, module in e.model.named_modules(remove_duplicate=False):
        if path and next(iter(module.parameters()), None) is not None:
            places.setdefault((path.rpartition(".")[0], id(module)), []).append(path)
    for paths in places.values():
        if len(paths) > 1:
            yield Found(
                paths[0], len(paths), 1, f"the same layer is {', '.join(paths)}, with one weight"
            )
