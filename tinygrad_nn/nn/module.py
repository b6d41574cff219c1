"""`Module`: what has parameters, may contain other modules, and can be called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, Self

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.capturing import capturing, refuse_captured
from tinygrad_nn.core.node import CAPTURE, CAPTURING, MODE
from tinygrad_nn.errors import OperandError
from tinygrad_nn.nn.conversion import Convertible
from tinygrad_nn.nn.hooks import Hooked, call_hooked
from tinygrad_nn.nn.input_notes import add_note
from tinygrad_nn.nn.state import Mismatch, Stateful
from tinygrad_nn.nn.table import summarize
from tinygrad_nn.nn.tree import Tree, named_parts, walk
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.value import Value

__all__ = ["Mismatch", "Module"]


class Module(Tree, Hooked, Stateful, Convertible):
    """Base class of layers and models.

    A subclass calls `super().__init__()` first, assigns its parameters and submodules as
    attributes, and defines `forward`. Order of assignment is order of everything: of
    `parameters()`, of the state dict, of the text. Modules and parameters within a list,
    tuple or dict attribute count too, under `list.0`, `dict.key`.

    Attributes:
        training: Whether the module is being trained; layers such as dropout look at it.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> class Line(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.slope = nn.Parameter([2.0])
        ...
        ...     def forward(self, x):
        ...         return self.slope * x
        >>> Line()(tg.tensor([3.0])).tolist()
        [6.0]
    """

    training: bool
    one_row: ClassVar[bool] = False
    """Whether the summary shows the module as one row, not its parts."""

    def __init__(self) -> None:
        self.__dict__.update(training=True, _buffers={}, _hooks=None)

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; defined by each subclass."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: define forward(self, x) in the class"
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """`forward(*inputs, **options)`, with the hooks before and after it."""
        if MODE.get() & CAPTURE:
            CAPTURING.get().entered(self)
        try:
            hooks = self._hooks
            if hooks is None:
                return self.forward(*inputs, **options)
            return call_hooked(self, hooks, inputs, options)
        except (AttributeError, TypeError, ValueError) as error:
            add_note(self, error, (*inputs, *options.values()))
            raise

    # ── Changes to all parts ────────────────────────────────────────────────────────────

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training, or to evaluation."""
        if mode not in (True, False):
            raise OperandError(
                f"train: got {mode!r}, expected True or False; it only switches the mode, and "
                "trains nothing"
            )
        for module in self.modules():
            module.training = bool(mode)
        return self

    def eval(self) -> Self:
        """Switch this module and all below it to evaluation."""
        return self.train(False)

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of all parameters.

        Args:
            set_to_none: False fills existing gradients with zeros instead.
        """
        if not set_to_none:
            refuse_captured("zero_grad(set_to_none=False)", "write zero_grad()")
        capture = capturing()
        for p in self.parameters():
            if capture is not None:
                capture.forget_gradient(p)
            p.grad = None if set_to_none or p._grad is None else _zero(p)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze all parameters; some of them: `nn.utils.freeze`.

        Raises:
            OperandError: They are Values, which are parameters because they require a gradient.
        """
        parameters = list(self.parameters())
        if any(isinstance(p, Value) for p in parameters):
            raise OperandError(
                f"requires_grad_: the parameters of {type(self).__name__} are Values, expected "
                "tensors; build it with tensor=True, or leave them out of the optimiser"
            )
        for p in parameters:
            p.requires_grad_(requires_grad)
        return self

    def apply(self, fn: Callable[[Module], Any]) -> Self:
        """Call `fn` with each module, submodules first; for initialisation.

        Raises:
            OperandError: A module contains itself.
        """
        _apply(self, fn, ())
        return self

    # ── Text ────────────────────────────────────────────────────────────────────────────

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's own line."""
        return ""

    def __repr__(self) -> str:
        return _text(self, ())

    def _lines(self, above: tuple[Any, ...]) -> list[str]:
        """The parts, one line or block each; containers show repeated ones together."""
        return [f"({name}): {_text(module, above)}" for name, module in named_parts(self, Module)]

    def summary(self) -> str:
        """Table of the layers with their parameters, and the sum; more tells `nn.summary`.

        Example:
            >>> from tinygrad_nn import nn
            >>> print(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).summary())
            name   layer                                             shapes      parameters
            0      Linear(in_features=2, out_features=3, bias=True)  (3, 2) (3)           9
            1      ReLU()                                                                 0
            2      Linear(in_features=3, out_features=1, bias=True)  (1, 3) (1)           4
            total  9 + 4                                                                 13
        """
        return summarize(self)


def _text(module: Module, above: tuple[Any, ...]) -> str:
    """`repr` of a module; a module that contains itself ends at an ellipsis."""
    name = type(module).__name__
    if any(module is one for one in above):
        return f"{name}(...)"
    if type(module).__repr__ is not Module.__repr__:
        return repr(module)
    extra = module.extra_repr()
    lines = [line.replace("\n", "\n  ") for line in module._lines((*above, module))]
    if not lines and "\n" not in extra:
        return f"{name}({extra})"
    return "\n  ".join([f"{name}(", *(extra.split("\n") if extra else ()), *lines]) + "\n)"


def _apply(module: Module, fn: Callable[[Module], Any], above: tuple[Any, ...]) -> None:
    if any(module is one for one in above):
        list(walk(module))  # raises, and names the place
    for child in module.children():
        _apply(child, fn, (*above, module))
    fn(module)


def _zero(parameter: Any) -> Any:
    if isinstance(parameter, Value):
        return 0.0
    payload = parameter._data
    return Tensor.wrap(namespace(payload).zeros_like(payload))
