"""`Optimizer`: what every optimiser shares: parameter groups, state, and the order of a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.bind import describe
from tinygrad_nn.core.node import CLOCK, Node, enable_grad
from tinygrad_nn.errors import GradientError, OperandError, OptionError, StateError
from tinygrad_nn.optim.rule import Rule

__all__ = ["Optimizer"]


class Optimizer(Rule):
    """Base class of optimisers: subclasses give the new numbers of one parameter.

    Args:
        params: Parameters, or dicts with "params" and options of that group.
        defaults: Options of groups that do not give them.

    Attributes:
        param_groups: One dict for each group: "params" and its options, which may be changed
            between steps (`optimizer.param_groups[0]["lr"] = 0.01`).
        state: What is remembered of each parameter, by its position.

    Raises:
        OptionError: There is no parameter, one comes twice, or an option is out of range.
        OperandError: Something given is no leaf that can be trained.
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[int, dict[str, Any]] = {}
        if isinstance(params, Node):
            raise OperandError(
                f"{self.name}: got one {type(params).__name__}, expected several parameters; "
                "pass a list: [parameter]"
            )
        if not isinstance(params, Iterable):
            raise OperandError(
                f"{self.name}: got {type(params).__name__}, expected parameters; "
                "pass model.parameters()"
            )
        groups = list(params)
        if not groups:
            raise OptionError(
                f"{self.name}: got no parameters; does the model have any, and was the generator "
                "model.parameters() already used up?"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    @property
    def name(self) -> str:
        """Name of the optimiser, for messages."""
        return type(self).__name__

    def add_param_group(self, group: Any) -> None:
        """Train more parameters: a dict with "params" and the options that differ."""
        if not isinstance(group, Mapping) or "params" not in group:
            raise OperandError(
                f"{self.name}: got the group {group!r:.60}, expected a dict with 'params'"
            )
        given = group["params"]
        params = [given] if isinstance(given, Node) else list(given)
        unknown = set(group) - set(self.defaults) - {"params"}
        if unknown:
            raise OptionError(
                f"{self.name}: got the option {sorted(unknown)[0]!r}, expected some of "
                f"{', '.join(self.defaults)}"
            )
        if not params:
            raise OptionError(f"{self.name}: got a group without parameters")
        known = {id(p) for other in self.param_groups for p in other["params"]}
        for place, p in enumerate(params):
            self._check_parameter(place, p)
            if id(p) in known:
                raise OptionError(
                    f"{self.name}: parameter {place} comes twice and would be updated twice in a "
                    "step; list each parameter once"
                )
            known.add(id(p))
        options = {**self.defaults, **{k: v for k, v in group.items() if k != "params"}}
        self.check(options)
        self.param_groups.append({"params": params, **options})

    def _check_parameter(self, place: int, p: Any) -> None:
        if not isinstance(p, Node):
            raise OperandError(
                f"{self.name}: parameter {place} is a {type(p).__name__}, expected a Parameter, "
                "Tensor or Value"
            )
        if not p.is_leaf:
            raise OperandError(
                f"{self.name}: parameter {place} is the result of {p.op.name}, expected "  # type: ignore[union-attr]
                "a leaf; a result follows from its inputs and cannot be written"
            )

    # ── A step ──────────────────────────────────────────────────────────────────────────

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients; `set_to_none=False` fills them with zeros instead."""
        for group in self.param_groups:
            for p in group["params"]:
                if set_to_none or p._grad is None:
                    p._grad = None
                else:
                    g = p._grad._data if isinstance(p._grad, Node) else p._grad
                    p._grad = namespace(g).zeros_like(g) if hasattr(g, "shape") else 0.0

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update each parameter that has a gradient; the others stay as they are.

        Args:
            closure: Computes the loss and its gradients, before the update.

        Returns:
            What `closure` returned.

        Raises:
            GradientError: No parameter has a gradient.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        moment = CLOCK.tick()
        idle, place, update = True, -1, self.update
        for group in self.param_groups:
            self.begin(group)
            for p in group["params"]:
                place += 1
                g = p._grad
                if g is None:
                    continue
                idle = False
                extra = p.extra
                value = p._data if extra is None else p.synced()
                if isinstance(g, Node):
                    g = _numbers(g, value)
                new = update(place, value, g, group)
                if type(new) is not type(value):
                    new = p.coerce(new)  # arithmetic on 0-d arrays gives NumPy scalars
                if type(value) is not float and new.dtype is not value.dtype:
                    # A float64 learning rate, or a state from before `model.double()`.
                    new = new.astype(value.dtype)
                p._data = new
                p.epoch = moment
                if extra is not None:
                    p.show_shared()
        if idle:
            raise GradientError(
                f"{self.name}.step: no parameter has a gradient; call loss.backward() first, and "
                "check that the loss was computed from these parameters"
            )
        return loss

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Copy of all that a later step depends on besides parameters and gradients."""
        groups, place = [], 0
        for group in self.param_groups:
            count = len(group["params"])
            options = {k: v for k, v in group.items() if k != "params"}
            groups.append({**options, "params": list(range(place, place + count))})
            place += count
        return {"state": deepcopy(self.state), "param_groups": groups}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue exactly where the optimiser that gave `state` stood.

        Raises:
            StateError: The parameter groups or the shapes differ; nothing is loaded then.
        """
        try:
            groups, remembered = state["param_groups"], state["state"]
            sizes = [len(group["params"]) for group in groups]
        except (KeyError, TypeError) as error:
            raise StateError(
                f"{self.name}.load_state_dict: expected a dict with 'state' and 'param_groups', as "
                f"state_dict() returns it; {error!r}"
            ) from error
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise StateError(
                f"{self.name}.load_state_dict: got groups of {sizes} parameters, expected {own}"
            )
        params = [p for group in self.param_groups for p in group["params"]]
        try:
            loaded = {int(place): deepcopy(dict(entry)) for place, entry in remembered.items()}
        except (AttributeError, TypeError, ValueError) as error:
            raise StateError(
                f"{self.name}.load_state_dict: expected under 'state' a dict of positions and "
                f"dicts, as state_dict() returns it; {error!r}"
            ) from error
        for place, entry in loaded.items():
            self._check_entry(place, entry, params)
        checked = []
        for old, new in zip(self.param_groups, groups, strict=True):
            options = {k: v for k, v in new.items() if k != "params"}
            if set(options) != set(old) - {"params"}:
                raise StateError(
                    f"{self.name}.load_state_dict: got the options {', '.join(options)}, expected "
                    f"{', '.join(k for k in old if k != 'params')}"
                )
            self.check(options)
            checked.append({"params": old["params"], **options})
        self.state, self.param_groups = loaded, checked

    def _check_entry(self, place: int, entry: dict[str, Any], params: list[Any]) -> None:
        if not 0 <= place < len(params):
            raise StateError(f"{self.name}.load_state_dict: there is no parameter {place}")
        shape = getattr(params[place], "shape", ())
        for key, numbers in entry.items():
            if key == "step":
                if not isinstance(numbers, int) or isinstance(numbers, bool) or numbers < 0:
                    raise StateError(
                        f"{self.name}.load_state_dict: 'step' of parameter {place}: got "
                        f"{numbers!r:.60}, expected an integer of at least 0"
                    )
                continue
            kind = getattr(getattr(numbers, "dtype", None), "kind", "")
            if kind != "f" and not isinstance(numbers, float):
                raise StateError(
                    f"{self.name}.load_state_dict: {key!r} of parameter {place}: got "
                    f"{describe(numbers)}, expected floats"
                )
            if getattr(numbers, "shape", ()) != shape:
                raise StateError(
                    f"{self.name}.load_state_dict: {key!r} of parameter {place}: got shape "
                    f"{getattr(numbers, 'shape', ())}, expected {shape}"
                )

    def __repr__(self) -> str:
        lines = [
            f"  {len(group['params'])} parameters: "
            + ", ".join(f"{k}={v}" for k, v in group.items() if k != "params")
            for group in self.param_groups
        ]
        return "\n".join([f"{self.name}(", *lines, ")"])


def _numbers(g: Node, value: Any) -> Any:
    """Payload of a gradient that the user saw or set, in the parameter's dtype."""
    numbers = g.synced()
    if hasattr(value, "dtype") and numbers.dtype != value.dtype:
        return numbers.astype(value.dtype)
    return numbers
