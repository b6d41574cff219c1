"""Checks of gradients and of what the optimiser makes of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tinygrad_nn.train.doctor.evidence import Evidence
from tinygrad_nn.train.doctor.registry import WAKE, Found, check
from tinygrad_nn.train.doctor.thresholds import (
    EXPLODING_NORM,
    EXPLODING_RATIO,
    UPDATE_ABSURD,
    UPDATE_HIGH,
    UPDATE_LOW,
    UPDATE_WILD,
    VANISHING_RATIO,
)

__all__: list[str] = []


def ratios(e: Evidence) -> tuple[str, str, list[float]]:
    """First and last layer, and the ratio of the gradients there, for each pass."""
    found = []
    first = last = ""
    for one in e.passes:
        flow = list(one.flow.items())
        if len(flow) < 2 or not flow[-1][1] or not np.isfinite(flow[0][1] / flow[-1][1]):
            continue
        (first, a), (last, b) = flow[0], flow[-1]
        found.append(a / b)
    return first, last, found


@check(
    "vanishing-gradients",
    "error",
    rule="the gradient at the first layer is less than 1e-4 of that at the last, in every batch",
    advice="use nn.ReLU instead of sigmoid or tanh, or put a normalising layer between the layers",
)
def vanishing(e: Evidence) -> Iterator[Found]:
    """The first layers do not learn."""
    first, last, found = ratios(e)
    if found and max(found) < VANISHING_RATIO:
        message = f"at most {max(found):.1e} of the gradient at {last} arrives"
        advice = None
        if e.blocked:
            message += f": the dead units at {e.blocked} stop it"
            advice = f"{WAKE}: the gradient comes back with them"
        elif _is_rectified(e):
            advice = (
                "start the weights with nn.init.kaiming_uniform_(layer.weight, "
                "nonlinearity='relu'), or put a normalising layer between the layers"
            )
        yield Found(first, max(found), VANISHING_RATIO, message, advice)


def _is_rectified(e: Evidence) -> bool:
    """Whether the hidden activations are ReLUs already, as far as they are known."""
    hidden = [site.op for site in e.sites.values() if not site.is_output]
    return bool(hidden) and all(op.startswith("relu") for op in hidden)


@check(
    "exploding-gradients",
    "error",
    rule="the gradient grows 10,000-fold from the last to the first layer, or its norm is over "
    "100 times that of the weights",
    advice="start with smaller weights (nn.init.kaiming_uniform_), scale inputs and targets to "
    "spread 1, and clip with nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
)
def exploding(e: Evidence) -> Iterator[Found]:
    """Steps that undo everything."""
    first, last, found = ratios(e)
    if found and min(found) > EXPLODING_RATIO:
        yield Found(
            first, min(found), EXPLODING_RATIO,
            f"the gradient is {min(found):.1e} times that at {last}",
        )  # fmt: skip
        return
    norms = [p.gradient_norm / p.weight_norm for p in e.passes if p.weight_norm]
    # Before the trial, and typical of it: one large gradient is no fault.
    typical = float(np.median(norms)) if norms else 0.0
    if typical > EXPLODING_NORM and np.isfinite(typical):
        yield Found(
            "", typical, EXPLODING_NORM,
            f"its norm is {typical:.3g} times that of the weights",
        )  # fmt: skip


@check(
    "unused-parameters",
    "warning",
    rule="a trainable parameter gets no gradient in any batch",
    advice="use it in forward, or take it out of the model; detach() and .data cut the graph too",
)
def unused(e: Evidence) -> Iterator[Found]:
    """Parameters that nothing of the loss depends on."""
    reached = {name for one in e.passes for name in one.gradients}
    if not reached:
        return
    for name, p in e.parameters.items():
        if p.requires_grad and name not in reached:
            yield Found(name, 0.0, 0.0, f"no gradient in {len(e.passes)} batches")


@check(
    "frozen-in-optimizer",
    "note",
    rule="a parameter that requires no gradient is in the optimiser",
    advice="pass only what is trained: [p for p in model.parameters() if p.requires_grad]",
)
def frozen(e: Evidence) -> Iterator[Found]:
    """They are not adjusted, which may not be what was meant."""
    held = _held(e)
    for name, p in e.parameters.items():
        if id(p) in held and not p.requires_grad:
            yield Found(name, 0.0, 0.0, "it is frozen, and will not be adjusted")


@check(
    "missing-from-optimizer",
    "error",
    rule="a trainable parameter is in no group of the optimiser",
    advice="make the optimiser of model.parameters(), after the model was built and changed; or "
    "freeze the parameter: p.requires_grad_(False)",
)
def missing(e: Evidence) -> Iterator[Found]:
    """They get gradients, and stay as they are."""
    if e.optimizer is None:
        return
    held = _held(e)
    trainable = {name: p for name, p in e.parameters.items() if p.requires_grad}
    if len(trainable) > 1 and not any(id(p) in held for p in trainable.values()):
        yield Found(
            "", len(trainable), 0,
            f"it has none of the {len(trainable)} trainable parameters: was it made of another "
            "model, or of a copy?",
        )  # fmt: skip
        return
    for name, p in trainable.items():
        if id(p) not in held:
            yield Found(name, 0.0, 0.0, "no group has it, so that it stays as it is")


def _held(e: Evidence) -> set[int]:
    groups = [] if e.optimizer is None else e.optimizer.param_groups
    return {id(p) for group in groups for p in group["params"]}


@check(
    "gradients-never-zeroed",
    "error",
    rule="before a pass the gradients of an earlier step are still there, again and again",
    advice="call optimizer.zero_grad() before loss.backward(), in every step",
)
def never_zeroed(e: Evidence) -> Iterator[Found]:
    """Each step then follows the sum of all gradients so far."""
    if e.left_gradients >= 2:
        yield Found(
            "", e.left_gradients, 2,
            f"at {e.left_gradients} of {e.steps} steps the old gradients were still there",
        )  # fmt: skip


@check(
    "update-ratio",
    "warning",
    rule="a step replaces the weights (update over weight above 1), or it is outside of 1e-5 to "
    "0.1 while the loss is not learned; healthy is 1e-4 to 1e-2",
    advice="choose the learning rate with train.find_learning_rate, or give this layer a group of "
    "its own",
)
def update_ratio(e: Evidence) -> Iterator[Found]:
    """How much of a weight a step changes."""
    for name in e.parameters:
        found = [one.updates[name] for one in e.passes if name in one.updates]
        typical = float(np.median(found)) if found else np.nan
        if len(found) < 2 or not np.isfinite(typical):
            continue  # one step tells nothing
        if e.blocked and not any(one.gradients.get(name) for one in e.passes):
            continue  # no gradient arrives: no rate would help
        if typical > UPDATE_ABSURD or (e.is_stuck and typical > UPDATE_HIGH):
            yield Found(name, typical, UPDATE_HIGH, f"a step changes {typical:.3g} of the weights")
        elif e.is_stuck and max(found) > UPDATE_WILD:
            message = f"a step changed {max(found):.3g} times the weights"
            yield Found(name, max(found), UPDATE_WILD, message)
        elif e.is_stuck and typical < UPDATE_LOW and e.parameters[name].requires_grad:
            yield Found(name, typical, UPDATE_LOW, f"a step changes {typical:.1e} of the weights")
