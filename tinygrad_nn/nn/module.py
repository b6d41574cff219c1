"""`Module`: what has parameters, may contain other modules, and can be called."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import Any, ClassVar, Self

from tinygrad_nn.backends import namespace
from tinygrad_nn.errors import DTypeError, OperandError
from tinygrad_nn.nn.state import Mismatch, load, snapshot
from tinygrad_nn.nn.summary import summarize
from tinygrad_nn.tensor import Parameter, Tensor
from tinygrad_nn.value import Value

__all__ = ["Handle", "Module"]

_OWN = frozenset({"training", "_buffers", "_before", "_after"})


class Module:
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
    _buffers: dict[str, bool]
    _before: tuple[Callable[..., Any], ...]
    _after: tuple[Callable[..., Any], ...]
    one_row: ClassVar[bool] = False
    """Whether the summary shows the module as one row, not its parts."""

    # Parameters, buffers and submodules live in the ordinary `__dict__`: there is no second
    # register that could disagree with it, and reading one costs what any attribute does.
    def __init__(self) -> None:
        self.__dict__.update(training=True, _buffers={}, _before=(), _after=())

    def forward(self, *inputs: Any) -> Any:
        """Compute the output; defined by each subclass."""
        raise NotImplementedError(
            f"{type(self).__name__} has no forward: define forward(self, x) in the class"
        )

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        """`forward(*inputs, **options)`, with the hooks before and after it."""
        if not (self._before or self._after):
            return self.forward(*inputs, **options)
        for hook in self._before:
            changed = hook(self, inputs)
            if changed is not None:
                inputs = changed if isinstance(changed, tuple) else (changed,)
        output = self.forward(*inputs, **options)
        for hook in self._after:
            changed = hook(self, inputs, output)
            if changed is not None:
                output = changed
        return output

    # ── Attributes ──────────────────────────────────────────────────────────────────────

    def __setattr__(self, name: str, value: Any) -> None:
        if isinstance(value, (Parameter, Module)) and "_buffers" not in self.__dict__:
            raise OperandError(
                f"{type(self).__name__}.{name} was set before super().__init__() was called; "
                "make that the first line of __init__"
            )
        old = self.__dict__.get(name)
        for kind in (Parameter, Module):
            if isinstance(old, kind) and value is not None and not isinstance(value, kind):
                raise OperandError(
                    f"{type(self).__name__}.{name} is a {kind.__name__}: got a "
                    f"{type(value).__name__}, which would drop it; assign a {kind.__name__} or "
                    "None" + (f"; or write {name}.data = ..." if kind is Parameter else "")
                )
        if name in self.__dict__.get("_buffers", ()) and not isinstance(value, Tensor | None):
            raise OperandError(
                f"{type(self).__name__}.{name} is a buffer: got {type(value).__name__}, expected a "
                "Tensor or None; convert it with tinygrad_nn.tensor"
            )
        object.__setattr__(self, name, value)

    def __getattr__(self, name: str) -> Any:
        # Python asks here only for what it did not find.
        if name.startswith("__"):
            raise AttributeError(name)
        text = f"{type(self).__name__} has no attribute {name!r}"
        if "_buffers" not in self.__dict__ and name in _OWN:
            text += "; call super().__init__() first in its __init__"
        elif near := get_close_matches(name, dir(self), n=1):
            text += f"; did you mean {near[0]!r}?"
        else:
            own = [n for n, _ in named_parts(self, (Parameter, Module))]
            text += f"; it has {', '.join(own) or 'no parameters or submodules'}"
        raise AttributeError(text, name=name, obj=self)

    def register_buffer(self, name: str, tensor: Tensor | None, persistent: bool = True) -> None:
        """Make `tensor` an attribute that is state but not trained, such as a running mean.

        Args:
            name: Name of the attribute.
            tensor: The buffer, or None.
            persistent: Whether it belongs to the state dict.
        """
        if tensor is not None and not isinstance(tensor, Tensor):
            raise OperandError(
                f"register_buffer: got {type(tensor).__name__} for {name!r}, expected a Tensor; "
                "convert it with tinygrad_nn.tensor"
            )
        self._buffers[name] = persistent
        setattr(self, name, tensor)

    def register_parameter(self, name: str, parameter: Parameter | None) -> None:
        """Make `parameter` an attribute; None stands for one that is left away."""
        if parameter is not None and not isinstance(parameter, Parameter):
            raise OperandError(
                f"register_parameter: got {type(parameter).__name__} for {name!r}, expected a "
                "Parameter"
            )
        setattr(self, name, parameter)

    # ── Parts ───────────────────────────────────────────────────────────────────────────

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Name and module for each direct submodule."""
        return named_parts(self, Module)

    def children(self) -> Iterator[Module]:
        """Direct submodules."""
        return (module for _, module in self.named_children())

    def named_modules(
        self, prefix: str = "", seen: set[int] | None = None
    ) -> Iterator[tuple[str, Module]]:
        """Dotted name and module for this module and all below it, each once."""
        seen = set() if seen is None else seen
        if id(self) in seen:
            return
        seen.add(id(self))
        yield prefix, self
        for name, module in self.named_children():
            yield from module.named_modules(_dotted(prefix, name), seen)

    def modules(self) -> Iterator[Module]:
        """This module and all below it, each once."""
        return (module for _, module in self.named_modules())

    def named_parameters(self, prefix: str = "", recurse: bool = True) -> Iterator[tuple[str, Any]]:
        """Dotted name and parameter, each parameter once, also if it is shared."""
        seen: set[int] = set()
        for path, module in self.named_modules(prefix) if recurse else [(prefix, self)]:
            for name, parameter in own_parameters(module):
                if id(parameter) not in seen:
                    seen.add(id(parameter))
                    yield _dotted(path, name), parameter

    def parameters(self, recurse: bool = True) -> Iterator[Any]:
        """Parameters in order of assignment, each once."""
        return (parameter for _, parameter in self.named_parameters(recurse=recurse))

    def named_buffers(self, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
        """Dotted name and tensor for each buffer."""
        for path, module in self.named_modules(prefix):
            for name in module._buffers:
                if (buffer := getattr(module, name)) is not None:
                    yield _dotted(path, name), buffer

    def buffers(self) -> Iterator[Tensor]:
        """Buffers of this module and of those below it."""
        return (buffer for _, buffer in self.named_buffers())

    # ── State ───────────────────────────────────────────────────────────────────────────

    def state_dict(self) -> dict[str, Any]:
        """Copies of all parameters and persistent buffers by dotted name.

        The copies are arrays (floats for a `Value`): they stay what they are when training
        goes on.
        """
        return snapshot(_state(self))

    def load_state_dict(self, state: Any, strict: bool = True) -> Mismatch:
        """Take over the numbers of a state dict; all of them, or on an error none.

        Args:
            state: Dotted name to array, tensor or nested list.
            strict: Refuse names that are missing or unexpected; otherwise report them.

        Returns:
            The names that were missing and unexpected.

        Raises:
            StateError: A name is missing or unexpected, or a shape differs; all are named.
        """
        return load(type(self).__name__, _state(self), state, strict)

    # ── Changes to all parts ────────────────────────────────────────────────────────────

    def train(self, mode: bool = True) -> Self:
        """Switch this module and all below it to training, or to evaluation."""
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
        for p in self.parameters():
            p.grad = None if set_to_none or p._grad is None else _zero(p)

    def requires_grad_(self, requires_grad: bool = True) -> Self:
        """Freeze (False) or unfreeze all parameters.

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

    def to(self, dtype: Any) -> Self:
        """Convert parameters, their gradients and float buffers to another float dtype."""
        tensors = [t for t in (*self.parameters(), *self.buffers()) if isinstance(t, Tensor)]
        converted = [t.synced().astype(dtype) for t in tensors if t.dtype.kind == "f"]
        if any(array.dtype.kind != "f" for array in converted):
            raise DTypeError(f"to: got {dtype!r}, expected float16, float32 or float64")
        for t, array in zip([t for t in tensors if t.dtype.kind == "f"], converted, strict=True):
            grad, t.grad = t.grad, None
            t.data = array
            if grad is not None:
                t.grad = grad.detach().data.astype(array.dtype)
        return self

    def double(self) -> Self:
        """Convert to float64."""
        return self.to("float64")

    def float(self) -> Self:
        """Convert to float32."""
        return self.to("float32")

    def half(self) -> Self:
        """Convert to float16."""
        return self.to("float16")

    def apply(self, function: Callable[[Module], Any]) -> Self:
        """Call `function` with each module, submodules first; for initialisation."""
        for module in self.children():
            module.apply(function)
        function(self)
        return self

    # ── Hooks ───────────────────────────────────────────────────────────────────────────

    def register_forward_pre_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, inputs)` before each forward.

        What it returns, if not None, replaces the inputs: a tuple, or the only one.
        """
        self._before = (*self._before, hook)
        return Handle(self, "_before", hook)

    def register_forward_hook(self, hook: Callable[..., Any]) -> Handle:
        """Call `hook(module, inputs, output)` after each forward.

        What it returns, if not None, replaces the output.
        """
        self._after = (*self._after, hook)
        return Handle(self, "_after", hook)

    # ── Text ────────────────────────────────────────────────────────────────────────────

    def extra_repr(self) -> str:
        """What stands between the parentheses of the module's own line."""
        return ""

    def __repr__(self) -> str:
        lines = [
            f"  ({name}): " + repr(module).replace("\n", "\n  ")
            for name, module in self.named_children()
        ]
        head = f"{type(self).__name__}({self.extra_repr()}"
        return "\n".join([head, *lines, ")"]) if lines else head + ")"

    def summary(self) -> str:
        """Table of the layers with their parameters, and the sum.

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


class Handle:
    """Removes a hook: `handle.remove()`, or `with handle:` to have it for a block only."""

    def __init__(self, module: Module, hooks: str, hook: Callable[..., Any]) -> None:
        self._module, self._hooks, self._hook = module, hooks, hook

    def remove(self) -> None:
        """Remove the hook; doing so twice does nothing."""
        kept = [h for h in getattr(self._module, self._hooks) if h is not self._hook]
        setattr(self._module, self._hooks, tuple(kept))

    def __enter__(self) -> Handle:
        return self

    def __exit__(self, *exception: object) -> None:
        self.remove()


def named_parts(module: Module, kinds: Any) -> Iterator[tuple[str, Any]]:
    """Attributes of the given kinds, also those inside lists, tuples and dicts."""
    for name, value in list(vars(module).items()):
        if isinstance(value, kinds):
            yield name, value
        elif isinstance(value, (list, tuple, dict)) and name[0] != "_":
            yield from _inside(name, value, kinds)


def _inside(name: str, parts: Any, kinds: Any) -> Iterator[tuple[str, Any]]:
    for key, value in parts.items() if isinstance(parts, dict) else enumerate(parts):
        if isinstance(value, kinds):
            yield f"{name}.{key}", value
        elif isinstance(value, (list, tuple, dict)):
            yield from _inside(f"{name}.{key}", value, kinds)


def own_parameters(module: Module) -> Iterator[tuple[str, Any]]:
    """Name and parameter for those of the module itself; leaf Values count as parameters."""
    for name, value in named_parts(module, (Parameter, Value)):
        if isinstance(value, Parameter) or (value.is_leaf and value.requires_grad):
            yield name, value


def _state(module: Module) -> dict[str, Any]:
    """Dotted name to parameter or persistent buffer; a shared one under each of its names."""
    found: dict[str, Any] = {}
    for path, part in module.named_modules():
        found.update((_dotted(path, name), p) for name, p in own_parameters(part))
        for name, persistent in part._buffers.items():
            if persistent and getattr(part, name) is not None:
                found[_dotted(path, name)] = getattr(part, name)
    return found


def _zero(parameter: Any) -> Any:
    if isinstance(parameter, Value):
        return 0.0
    payload = parameter._data
    return Tensor.wrap(namespace(payload).zeros_like(payload))


def _dotted(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix else name
