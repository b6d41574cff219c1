"""Checks of units: dead, saturated, equal, always the same answer."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.registry import WAKE, Found, check
from tinygrad_nn.train.doctor.thresholds import (
    CONSTANT_SPREAD,
    DEAD_SHARE,
    SAMPLES_MIN,
    SATURATED_SHARE,
)

__all__: list[str] = []


@check(
    "dead-units",
    "warning",
    rule="more than 75 % of a ReLU layer's units are 0 for every sample of several batches; an "
    "error if all are",
    advice="start the layer before it anew (its bias at 0) with a lower learning rate, or put "
    "nn.LeakyReLU in place of nn.ReLU here",
)
def dead_units(e: Evidence) -> Iterator[Found]:
    """Units that are never on get no gradient, and stay off."""
    for site in e.sites.values():
        if site.alive is not None and site.dead > DEAD_SHARE:
            yield Found(
                site.path, site.dead, DEAD_SHARE,
                f"{int((~site.alive).sum())} of {site.alive.size} units are 0 for all of "
                f"{site.samples} samples",
                severity="error" if site.dead == 1 else None,
            )  # fmt: skip


@check(
    "saturated-units",
    "warning",
    rule="more than 70 % of a hidden layer's sigmoids or tanhs lie near their ends",
    advice="scale the inputs to mean 0 and spread 1, and start this layer's weights with "
    "nn.init.xavier_uniform_",
)
def saturated_units(e: Evidence) -> Iterator[Found]:
    """Near its ends an activation is flat, and passes on hardly any gradient."""
    for site in e.sites.values():
        if site.is_output or not site.count or site.samples < SAMPLES_MIN:
            continue  # a sure answer is near an end
        share = site.near / site.count
        if share > SATURATED_SHARE:
            yield Found(
                site.path, share, SATURATED_SHARE,
                f"{share:.0%} of the outputs of {site.op} lie near its ends",
            )  # fmt: skip


@check(
    "symmetric-units",
    "error",
    rule="more than half of a hidden layer's units are equal, in weights and in gradients",
    advice="start the weights at random: nn.init.kaiming_uniform_(layer.weight)",
)
def symmetric_units(e: Evidence) -> Iterator[Found]:
    """Equal units with equal gradients stay equal for ever: the layer is one unit wide."""
    layers = list(e.passes[-1].flow) if e.passes else []
    last = layers[-1] if layers else None
    for name in e.parameters:
        path = name.rpartition(".")[0]
        if path == last or path not in layers:
            continue
        shares = [one.twins[name] for one in e.passes if name in one.twins]
        if shares and min(shares) > 0.5:  # noqa: PLR2004  (half)
            count = e.parameters[name].shape[0]
            yield Found(
                name, min(shares), 0.5, f"{min(shares):.0%} of {count} units have an equal twin"
            )


@check(
    "constant-predictions",
    "error",
    rule="the outputs differ between samples by less than 0.01 % of their size",
    advice="scale the inputs to mean 0 and spread 1, and check that they reach the output: train "
    "with fewer layers first",
)
def constant_predictions(e: Evidence) -> Iterator[Found]:
    """A model that answers the same whatever it is shown."""
    y = e.outputs
    if y is None or y.ndim < 1 or len(y) < 2 or not y.size or not np.isfinite(y).all():
        return
    if e.inputs is not None and not np.ptp(e.inputs.reshape(len(e.inputs), -1), axis=0).any():
        return  # it was shown the same
    if e.trial and not e.is_stuck:
        return  # it is on its way
    layers = list(e.passes[-1].flow) if e.passes else []
    head = e.parameters.get(f"{layers[-1]}.weight".lstrip(".")) if layers else None
    if head is not None and not np.any(head._data):
        return  # a last layer that starts at zero, as some do on purpose
    spread = float(y.astype(float).std(axis=0).max())
    size = float(np.abs(y).max())
    share = spread / size if size else 0.0
    if share < CONSTANT_SPREAD and not e.has_learned:
        yield Found(
            "", share, CONSTANT_SPREAD,
            f"over {len(y)} samples the outputs differ by {share:.1e} of their size",
            advice=f"{WAKE} (at {e.blocked}): nothing passes through them" if e.blocked else None,
        )  # fmt: skip
