"""`Optimizer`: what every optimiser shares: parameter groups, state, and the order of a step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from typing import Any

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import Capturing, capturing, refuse_captured
from tinygrad_nn.core.node import CLOCK, Node, enable_grad
from tinygrad_nn.errors import GradientError, OperandError, OptionError, StateError
from tinygrad_nn.optim.hooks import Hooked
from tinygrad_nn.optim.limits import is_number
from tinygrad_nn.optim.rule import Rule
from tinygrad_nn.optim.state import KEPT, checked_entry, loaded_options, parts

__all__ = ["Optimizer"]


class Optimizer(Rule, Hooked):
    """Base class of optimisers: a subclass gives its options and the formula, see `Rule`.

    Args:
        params: Parameters, pairs of name and parameter, or dicts with "params" and the options of
            that group.
        defaults: Options of groups that do not give them.

    Attributes:
        param_groups: One dict for each group: "params" and its options, which may be changed
            between steps (`optimizer.param_groups[0]["lr"] = 0.01`).
        state: What is remembered of each parameter: `optimizer.state[p]["exp_avg"]`.

    Raises:
        OptionError: There is no parameter, one comes twice, or an option is out of range.
        OperandError: Something given is no leaf that can be trained.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import optim
        >>> class Signs(optim.Optimizer):
        ...     def __init__(self, params, lr=0.1):
        ...         super().__init__(params, {"lr": lr})
        ...
        ...     def update(self, value, g, state, group, c):
        ...         return -group["lr"] * tg.sign(g)
        >>> w = tg.Value(1.0)
        >>> (w * w).backward()
        >>> Signs([w]).step()
        >>> w.data
        0.9
    """

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        self.param_groups: list[dict[str, Any]] = []
        self.state: dict[Any, dict[str, Any]] = defaultdict(dict)
        self._hooks = {}
        self._opt_called = False
        if isinstance(params, Node):
            raise OperandError(
                f"{self.name}: got one {type(params).__name__}, expected several parameters; "
                "pass a list: [parameter]"
            )
        if not isinstance(params, Iterable) or hasattr(params, "named_parameters"):
            raise OperandError(
                f"{self.name}: got {type(params).__name__}, expected parameters; "
                "pass model.parameters()"
            )
        groups = self._ordered(params)
        if not groups:
            raise OptionError(
                f"{self.name}: got no parameters; does the model have any, and was the generator "
                "model.parameters() already used up?"
            )
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    # ── Groups ──────────────────────────────────────────────────────────────────────────

    def add_param_group(self, param_group: Any) -> None:
        """Train more parameters: a dict with "params" and the options that differ."""
        if not isinstance(param_group, Mapping) or "params" not in param_group:
            raise OperandError(
                f"{self.name}: got the group {param_group!r:.60}, expected a dict with 'params'"
            )
        listed = param_group["params"]
        params = [listed] if isinstance(listed, Node) else self._ordered(listed)
        unknown = set(param_group) - set(self.defaults) - KEPT - {"params"}
        if unknown:
            raise OptionError(
                f"{self.name}: got the option {min(map(str, unknown))!r}, expected some of "
                f"{', '.join(self.defaults)}"
            )
        if not params:
            raise OptionError(f"{self.name}: got a group without parameters")
        names = [p[0] for p in params if isinstance(p, tuple) and len(p) == 2]
        if names:
            params = [p[1] if isinstance(p, tuple) else p for p in params]
        self._check_names(names, params)
        known = {id(p) for p in self._parameters()}
        for place, p in enumerate(params):
            self._check_parameter(place, p)
            if id(p) in known:
                raise OptionError(
                    f"{self.name}: parameter {place} comes twice and would be updated twice in a "
                    "step; list each parameter once"
                )
            known.add(id(p))
        options = {**self.defaults, **{k: v for k, v in param_group.items() if k != "params"}}
        if names:
            options["param_names"] = names
        self.check(options)
        self.param_groups.append({"params": params, **options})

    def _parameters(self) -> Iterator[Any]:
        return (p for group in self.param_groups for p in group["params"])

    def _ordered(self, params: Any) -> list[Any]:
        if isinstance(params, (set, frozenset)):
            raise OperandError(
                f"{self.name}: got a set, expected a list: a state belongs to its parameter by "
                "the order, and that of a set differs from run to run"
            )
        return list(params)

    def _check_names(self, names: list[str], params: list[Any]) -> None:
        named = [bool(names)] + ["param_names" in group for group in self.param_groups]
        if len(names) not in (0, len(params)) or len(set(named)) > 1:
            raise OptionError(
                f"{self.name}: got some parameters with names and some without, expected names for "
                "all or none; pass model.named_parameters() or model.parameters()"
            )

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
        if not set_to_none:
            refuse_captured(f"{self.name}.zero_grad(set_to_none=False)", "write zero_grad()")
        capture = capturing()
        for p in self._parameters():
            if set_to_none or p._grad is None:
                if capture is not None:
                    capture.forget_gradient(p)
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
        self._opt_called = True
        if not self._hooks:
            return self._step(closure)
        args, kwargs = (() if closure is None else (closure,)), dict[str, Any]()
        for hook in self.hooks("step_pre"):
            changed = hook(self, args, kwargs)
            if changed is not None:
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise OperandError(
                        f"{self.name}: got {changed!r:.60} from a hook before the step, expected "
                        "None or (args, kwargs)"
                    )
                args, kwargs = changed
        loss = self._step(*args, **kwargs)
        for hook in self.hooks("step_post"):
            hook(self, args, kwargs)
        return loss

    def _step(self, closure: Callable[[], Any] | None = None) -> Any:
        """The step itself, between its hooks."""
        capture = capturing()
        if capture is not None:
            return self._captured(capture, closure)
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        moment = CLOCK.tick()
        idle, moved, state = True, self.moved, self.state
        for group in self.param_groups:
            for p in group["params"]:
                g = p._grad
                if g is None:
                    continue
                idle = False
                if p.extra is not None:
                    p.synced()
                if isinstance(g, Node):
                    g = as_numbers(g, p._data)
                new = moved(p, g, state[p], group)
                write(p, p._data, new, moment)
        if idle:
            raise self.idle()
        return loss

    def _captured(self, capture: Capturing, closure: Callable[[], Any] | None) -> None:
        """Hand the step on to the capture under way."""
        if closure is not None:
            refuse_captured(
                f"{self.name}.step with a closure",
                "compute the loss and its gradients in the captured step, then call step()",
            )
        if self.hooks("step_pre") or self.hooks("step_post"):
            refuse_captured(
                f"hooks around {self.name}.step", "call their functions beside the captured step"
            )
        capture.stepped(self)

    def idle(self) -> GradientError:
        """The error of a step without any gradient."""
        return GradientError(
            f"{self.name}.step: no parameter has a gradient; call loss.backward() first, and "
            "check that the loss was computed from these parameters"
        )

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Copy of all that a later step depends on besides parameters and gradients.

        The layout is PyTorch's: `{"state": {0: {"step": ..., ...}}, "param_groups": [...]}`, with
        arrays and Python numbers, which `tinygrad_nn.save` writes.
        """
        for hook in self.hooks("state_dict_pre"):
            hook(self)
        groups: list[dict[str, Any]] = []
        remembered: dict[int, dict[str, Any]] = {}
        place = 0
        for group in self.param_groups:
            options = {k: deepcopy(v) for k, v in group.items() if k != "params"}
            count = len(group["params"])
            groups.append({**options, "params": list(range(place, place + count))})
            for p in group["params"]:
                if self.state.get(p):
                    remembered[place] = deepcopy(self.state[p])
                place += 1
        state: dict[str, Any] = {"state": remembered, "param_groups": groups}
        for hook in self.hooks("state_dict_post"):
            changed = hook(self, state)
            state = state if changed is None else changed
        return state

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue exactly where the optimiser that gave the state stood; PyTorch's states too.

        Options of the state replace those of this optimiser. Arrays take the dtype of their
        parameter, as in PyTorch.

        Raises:
            StateError: Groups, keys or shapes differ; nothing is loaded then.
            OptionError: An option is out of range; nothing is loaded then.
        """
        for hook in self.hooks("load_pre"):
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        where = f"{self.name}.load_state_dict"
        groups, entries = parts(where, state_dict)
        sizes = [len(group["params"]) for group in groups]
        own = [len(group["params"]) for group in self.param_groups]
        if sizes != own:
            raise StateError(f"{where}: got groups of {sizes} parameters, expected {own}")
        loaded, state = [], defaultdict[Any, dict[str, Any]](dict)
        place = 0
        for old, new in zip(self.param_groups, groups, strict=True):
            options = deepcopy(loaded_options(where, old, new))
            rate: Any = options.get("lr")
            # A schedule that falls to 0 may end a rounding below, and must resume all the same.
            self.check({**options, "lr": max(0.0, rate)} if is_number(rate) else options)
            loaded.append({**old, **options})
            for p in old["params"]:
                if place in entries:
                    text = f"{where}: parameter {place}"
                    state[p] = self.entry(text, entries[place], p, loaded[-1])
                place += 1
        self.state, self.param_groups = state, loaded
        for hook in self.hooks("load_post"):
            hook(self)

    def entry(
        self, where: str, entry: dict[str, Any], p: Any, group: dict[str, Any]
    ) -> dict[str, Any]:
        """What is to be remembered of a parameter, from an entry of a state dict; checked."""
        fresh: dict[str, Any] = {}
        self.begin(fresh, p._data, group)
        return checked_entry(where, entry, fresh, p._data)

    def __repr__(self) -> str:
        lines = [f"{self.name} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join([*lines, ")"])


def as_numbers(g: Node, value: Any) -> Any:
    """Payload of a gradient that the user saw or set, in the parameter's dtype."""
    numbers = g.synced()
    if hasattr(value, "dtype") and numbers.dtype != value.dtype:
        return numbers.astype(value.dtype)
    return numbers


def write(p: Any, value: Any, new: Any, moment: int) -> None:
    """Give the leaf `p`, whose numbers were `value`, the `new` ones."""
    if type(new) is not type(value):
        new = p.coerce(new)  # arithmetic on 0-d arrays gives NumPy scalars
    if hasattr(value, "dtype") and new.dtype is not value.dtype:
        # An option in float64, or a state from before `model.double()`.
        new = new.astype(value.dtype)
    p._data = new
    p.epoch = moment
    if p.extra is not None:
        p.show_shared()
