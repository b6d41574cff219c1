"""`LRScheduler`: what every schedule shares: counting, writing rates, and state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any, ClassVar
from warnings import warn

from tinygrad_nn.core.capturing import refuse_captured
from tinygrad_nn.errors import OperandError, OptionError, StateError
from tinygrad_nn.optim.limits import Limit, check_limits
from tinygrad_nn.optim.optimizer import Optimizer

__all__ = ["LRScheduler"]

AFTERWARDS = "call it after the captured step, which follows the rate"
"""What to do instead of a scheduler's step in a captured one, which runs its lines but once."""

_IGNORED = frozenset(("_get_lr_called_within_step",))
"""What PyTorch's states hold besides and no schedule depends on."""


class LRScheduler:
    """Base class of schedules: a subclass gives the next rates, one for each group.

    Args:
        optimizer: Optimiser whose rates are set; at once, to those of epoch last_epoch + 1.
        last_epoch: Number of the last epoch done. From 0 on, training is resumed: the groups must
            hold their "initial_lr".

    Attributes:
        base_lrs: Rates of the groups at the start.
        last_epoch: How many times `step` was called since.

    Raises:
        OperandError: The optimiser is none.
        OptionError: An option is out of range, or "initial_lr" is missing.
    """

    limits: ClassVar[Mapping[str, Limit | tuple[Limit, ...]]] = {}
    functions: ClassVar[tuple[str, ...]] = ()
    """Attributes that are functions (or lists of them), of which a state keeps what it can."""

    base_lrs: list[float]
    last_epoch: int
    _step_count: int
    _last_lr: list[float]
    _is_initial: bool

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.attach(optimizer)
        check_limits(type(self).__name__, vars(self), self.limits)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise OptionError(
                    f"{type(self).__name__}: got last_epoch={last_epoch}, but param_groups[{i}] "
                    "has no 'initial_lr', expected the rate that training began with; load the "
                    "optimiser's state first, or leave last_epoch at -1"
                )
        self.base_lrs = [group["initial_lr"] for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._initial_step()

    def attach(self, optimizer: Any) -> None:
        """Hold on to the optimiser; refused if it is none."""
        if not isinstance(optimizer, Optimizer):
            raise OperandError(
                f"{type(self).__name__}: got {type(optimizer).__name__}, expected an optimiser of "
                "tinygrad_nn.optim; pass the optimizer whose rate is to change"
            )
        self.optimizer = optimizer

    def per_group(self, name: str, given: Any) -> list[Any]:
        """One value for each group, of a list or of one value for all."""
        groups = self.optimizer.param_groups
        if not isinstance(given, (list, tuple)):
            return [given] * len(groups)
        if len(given) != len(groups):
            raise OptionError(
                f"{type(self).__name__}: got {len(given)} values of {name}, expected "
                f"{len(groups)}, one for each group of parameters"
            )
        return list(given)

    # ── A step ──────────────────────────────────────────────────────────────────────────

    def _initial_step(self) -> None:
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def get_last_lr(self) -> list[float]:
        """Rates of the groups as last set by this scheduler."""
        return self._last_lr

    def get_lr(self) -> list[float]:
        """Rates of epoch `last_epoch`; defined by each subclass."""
        raise NotImplementedError(
            f"{type(self).__name__} has no get_lr: return the rates of epoch self.last_epoch"
        )

    def closed_form(self) -> list[float] | None:
        """Rates of epoch `last_epoch` by themselves, whatever they are now; None if not known."""
        return None

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of `epoch`.

        Warns:
            UserWarning: The first rate was passed over, since no step of the optimiser was taken.
        """
        refuse_captured(f"{type(self).__name__}.step", AFTERWARDS)
        if self._step_count == 1 and not self._stepped():
            warn(
                f"{type(self).__name__}.step: got called before any optimizer.step(), so that the "
                "first learning rate of the schedule is never used; call optimizer.step() first",
                UserWarning,
                stacklevel=2,
            )
        self._step_count += 1
        self._update_lr(epoch)

    def _stepped(self) -> bool:
        # An optimiser that replaces `step` as a whole does not tell.
        return self.optimizer._opt_called or type(self.optimizer).step is not Optimizer.step

    def _update_lr(self, epoch: float | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = int(epoch)
            given = self.closed_form()
            rates = self.get_lr() if given is None else given
        self._set(rates)

    def _set(self, rates: list[float]) -> None:
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise OptionError(
                f"{type(self).__name__}: the optimiser has {len(groups)} groups of parameters, "
                f"expected the {len(rates)} it had when the scheduler was made; make a new one"
            )
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self.rates()

    def rates(self) -> list[float]:
        """Rates of the groups now."""
        return [group["lr"] for group in self.optimizer.param_groups]

    def scaled(self, factor: float) -> list[float]:
        """Rates of the groups now, times `factor`."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]

    def based(self, factor: float) -> list[float]:
        """Rates of the groups at the start, times `factor`."""
        return [rate * factor for rate in self.base_lrs]

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Copy of what later rates depend on, for `tinygrad_nn.save`; not the optimiser's state.

        Of functions, only the attributes of callable objects are kept, as in PyTorch.
        """
        state = {k: deepcopy(v) for k, v in self._own().items()}
        for key in self.functions:
            kept = getattr(self, key)
            is_list = isinstance(kept, list)
            state[key] = [_inside(f) for f in kept] if is_list else _inside(kept)
        return state

    def load_state_dict(self, state_dict: Any) -> None:
        """Continue where the scheduler that gave the state stood; PyTorch's states too.

        The optimiser has a state of its own, which must be loaded too.

        Raises:
            StateError: Names differ; nothing is loaded then.
        """
        own = {*self._own(), *self.functions}
        if not isinstance(state_dict, Mapping) or set(state_dict) - _IGNORED != own:
            got = ", ".join(map(str, state_dict)) if isinstance(state_dict, Mapping) else state_dict
            raise StateError(
                f"{type(self).__name__}.load_state_dict: got {got!s:.300}, expected "
                f"{', '.join(sorted(own))}; make a scheduler of the class that gave the state"
            )
        for key in self.functions:
            kept = getattr(self, key)
            pairs = zip(kept, state_dict[key], strict=True) if isinstance(kept, list) else None
            for function, inside in pairs or [(kept, state_dict[key])]:
                if inside is not None:
                    vars(function).update(deepcopy(inside))
        vars(self).update({k: deepcopy(state_dict[k]) for k in self._own()})

    def _own(self) -> dict[str, Any]:
        """Attributes that a state holds as they are."""
        return {k: v for k, v in vars(self).items() if k not in ("optimizer", *self.functions)}


def _inside(function: Callable[..., Any] | None) -> dict[str, Any] | None:
    """Attributes of a callable object; None of a function or of none."""
    if function is None or type(function).__name__ == "function":
        return None
    return dict(vars(function))
