"""What an optimiser's state dict must look like, and how it is taken over."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tinygrad_nn.core.bind import describe
from tinygrad_nn.errors import StateError, TinygradError
from tinygrad_nn.optim.limits import EXECUTION, is_number
from tinygrad_nn.payload import payload_of
from tinygrad_nn.ported import from_torch

__all__ = ["KEPT", "array", "checked_entry", "loaded_options", "number", "parts"]

KEPT: Final = frozenset(
    ("initial_lr", "max_lr", "min_lr", "swa_lr", "max_momentum", "base_momentum")
) | frozenset(("name", "param_names"))
"""What a group may hold besides options: notes of schedulers, and names."""

_LATER: Final = frozenset(EXECUTION) | {"maximize", "decoupled_weight_decay"}
"""Options that states of older versions of PyTorch lack."""


def parts(where: str, state: Any) -> tuple[list[dict[str, Any]], dict[Any, dict[str, Any]]]:
    """Groups of a state dict, and the entries of its parameters."""
    try:
        groups = [dict(group) for group in state["param_groups"]]
        sizes = [len(group["params"]) for group in groups]
        remembered = state["state"]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise StateError(
            f"{where}: expected a dict with 'state' and 'param_groups', as state_dict() returns "
            f"it; {error!r}"
        ) from error
    places = {
        key: place for place, key in enumerate(key for group in groups for key in group["params"])
    }
    if len(places) != sum(sizes):
        raise StateError(f"{where}: got a parameter that is in 'params' twice")
    try:
        named = {_place(where, key, places): dict(entry) for key, entry in remembered.items()}
    except (AttributeError, TypeError, ValueError) as error:
        raise StateError(
            f"{where}: expected under 'state' a dict of positions and dicts, as state_dict() "
            f"returns it; {error!r}"
        ) from error
    return groups, named


def _place(where: str, key: Any, places: Mapping[Any, int]) -> int:
    if key in places:
        return places[key]
    if int(key) in places:
        return places[int(key)]
    raise StateError(f"{where}: there is no parameter {key} in 'params'")


def loaded_options(where: str, own: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a loaded group; how PyTorch ran its steps is left out."""
    options = {k: v for k, v in new.items() if k != "params" and k not in EXECUTION}
    expected = set(own) - {"params"} - KEPT
    missing = expected - set(options)
    unknown = set(options) - expected - KEPT
    if missing - _LATER or unknown:
        raise StateError(
            f"{where}: got the options {', '.join(map(str, options))}, expected "
            f"{', '.join(k for k in own if k in expected - set(EXECUTION))}"
        )
    return {**{k: own[k] for k in expected & _LATER}, **options}


def checked_entry(
    where: str, entry: Mapping[str, Any], fresh: Mapping[str, Any], value: Any
) -> dict[str, Any]:
    """Copy of what is remembered of a parameter; `fresh` is what a first step would make.

    Raises:
        StateError: Something is missing, or of another kind or shape.
    """
    entry = {key: kept for key, kept in entry.items() if kept is not None}
    missing = [key for key in fresh if key not in entry]
    if entry and missing:
        raise StateError(f"{where}: got {', '.join(entry)}, expected {missing[0]!r} too")
    return {
        key: _like(f"{where}: {key!r}", kept, fresh.get(key, value)) for key, kept in entry.items()
    }


def _like(where: str, kept: Any, model: Any) -> Any:
    if isinstance(model, int):
        return number(where, kept, whole=True)
    if isinstance(model, float):
        return number(where, kept)
    return array(where, kept, model)


def number(where: str, kept: Any, whole: bool = False) -> Any:
    """A number, or an array with one element that PyTorch keeps for it."""
    if not is_number(kept) or (whole and (float(kept) < 0 or float(kept) % 1)):
        expected = "an integer of at least 0" if whole else "a number"
        raise StateError(f"{where}: got {kept!r:.60}, expected {expected}")
    return int(kept) if whole else float(kept)


def array(where: str, kept: Any, model: Any) -> Any:
    """Copy of an array or tensor with the shape and dtype of `model`, in the order of C."""
    try:
        taken = payload_of(from_torch(kept), None)
    except (TinygradError, TypeError) as error:
        raise StateError(f"{where}: got {describe(kept)}, expected floats") from error
    if taken.dtype.kind != "f" or not hasattr(kept, "dtype"):
        raise StateError(f"{where}: got {describe(kept)}, expected floats")
    if taken.shape != model.shape:
        raise StateError(f"{where}: got shape {taken.shape}, expected {model.shape}")
    return taken.astype(model.dtype, order="C")
