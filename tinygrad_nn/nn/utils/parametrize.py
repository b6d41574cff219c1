"""Parameters that are computed from others: `register_parametrization` and what goes with it.

A parametrisation is a module of one tensor (or several) to the tensor that the layer uses. The
layer's attribute becomes a property that calls it; the tensor to learn moves to
`module.parametrizations.<name>.original` (several: `original0`, `original1`, ...), names that
PyTorch's state dicts have too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import DTypeError, OperandError, OptionError, ShapeError
from tinygrad_nn.nn.container import ModuleDict, ModuleList
from tinygrad_nn.nn.module import Module
from tinygrad_nn.tensor import Parameter, Tensor

__all__ = [
    "ParametrizationList",
    "cached",
    "is_parametrized",
    "register_parametrization",
    "remove_parametrizations",
    "type_before_parametrizations",
]

_CACHE: ContextVar[dict[tuple[int, str], Any] | None] = ContextVar(
    "tinygrad_nn_parametrizations", default=None
)


@contextmanager
def cached() -> Iterator[None]:
    """Context in which each parametrised tensor is computed once, however often it is used.

    For a recurrent layer, say, that uses its weight at every step. A change of the original
    within the body is not seen.
    """
    if _CACHE.get() is not None:
        yield
        return
    token = _CACHE.set({})
    try:
        yield
    finally:
        _CACHE.reset(token)


class ParametrizationList(ModuleList):
    """The parametrisations of one tensor, called one after the other, and the original.

    Args:
        modules: The parametrisations.
        original: Parameter or buffer that the module had.
        unsafe: Do not check that shape and dtype stay.

    Attributes:
        original: What is learnt; `original0`, `original1`, ... where there are several.
    """

    def __init__(self, modules: Sequence[Module], original: Tensor, unsafe: bool = False) -> None:
        if not modules:
            raise OperandError("ParametrizationList: got no modules, expected at least one")
        super().__init__(modules)
        self.unsafe = unsafe
        found = _inverted(list(self), original, forgiving=True)
        self.is_tensor = isinstance(found, Tensor)
        self.ntensors = 1 if self.is_tensor else len(found)
        shape, dtype = original.shape, original.dtype
        if self.is_tensor:
            if found.dtype != dtype:
                raise DTypeError(
                    f"right_inverse: got {found.dtype} for a tensor of {dtype}, expected {dtype}"
                )
            if found is not original:
                original.data = found._data
            _own(self, "original", original)
        else:
            for i, part in enumerate(found):
                data = part.synced().copy()
                whole = isinstance(original, Parameter)
                made = Parameter(data, original.requires_grad) if whole else Tensor(data)
                _own(self, f"original{i}", made)
        if not unsafe:
            _same("parametrization", self(), shape, dtype)

    def originals(self) -> list[Tensor]:
        """The tensors that the first parametrisation is called with."""
        if self.is_tensor:
            return [self.original]
        return [getattr(self, f"original{i}") for i in range(self.ntensors)]

    def forward(self) -> Any:
        """The tensor that the module uses."""
        first, *rest = self
        x = first(*self.originals())
        for module in rest:
            x = module(x)
        return x

    def right_inverse(self, value: Tensor) -> None:
        """Write into the originals what makes the module's tensor `value`.

        Raises:
            OperandError: A parametrisation has no `right_inverse`.
            DTypeError: It changed the dtype.
        """
        found = _inverted(list(self), value, forgiving=False)
        parts = [found] if isinstance(found, Tensor) else list(found)
        originals = self.originals()
        if len(parts) != len(originals):
            raise OperandError(
                f"right_inverse: got {len(parts)} tensors, expected {len(originals)}"
            )
        for original, part in zip(originals, parts, strict=True):
            if part.dtype != original.dtype:
                raise DTypeError(f"right_inverse: got {part.dtype}, expected {original.dtype}")
        for original, part in zip(originals, parts, strict=True):
            original.data = part.synced().copy()


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let `module.<tensor_name>` be computed by `parametrization` on each use.

    If it has `right_inverse`, the original is that of what the module had, and assigning to
    the attribute works; it may return several tensors. A second one takes what the first
    computes.

    Args:
        module: The layer.
        tensor_name: Name of its parameter or buffer.
        parametrization: Module of the original(s) to the tensor.
        unsafe: It may change shape and dtype; nothing is checked.

    Returns:
        `module`, of a class derived from its own.

    Raises:
        OptionError: The module has no such parameter or buffer.
        ShapeError: The parametrisation changes the shape.
        DTypeError: It changes the dtype.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn import nn
        >>> class Symmetric(nn.Module):
        ...     def forward(self, x):
        ...         return tg.triu(x) + tg.triu(x, 1).mT
        >>> layer = nn.Linear(3, 3)
        >>> _ = nn.utils.parametrize.register_parametrization(layer, "weight", Symmetric())
        >>> bool(tg.all(layer.weight == layer.weight.mT))
        True
    """
    if not isinstance(parametrization, Module):
        raise OperandError(
            f"register_parametrization: got {type(parametrization).__name__}, expected a Module"
        )
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        held = _held(module)[tensor_name]
        if not unsafe:
            value = getattr(module, tensor_name)
            found = parametrization(value)
            _same("parametrization", found, value.shape, value.dtype)
            inverse = _inverted([parametrization], found, forgiving=True)
            _same("right_inverse", inverse, value.shape, value.dtype)
        held.append(parametrization)
        held.unsafe |= unsafe
        return module
    own = module.__dict__.get(tensor_name)
    if not isinstance(own, Parameter) and (tensor_name not in module._buffers or own is None):
        names = [name for name, _ in module.named_parameters(recurse=False)]
        raise OptionError(
            f"register_parametrization: {type(module).__name__} has no parameter or buffer "
            f"{tensor_name!r}; it has {', '.join(names) or 'none'}"
        )
    made = ParametrizationList([parametrization], own, unsafe)
    delattr(module, tensor_name)
    if not is_parametrized(module):
        module.__class__ = _derived(type(module))
        module.parametrizations = ModuleDict()
    setattr(type(module), tensor_name, _property(tensor_name))
    _held(module)[tensor_name] = made
    return module


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Whether the module computes some tensor, or the one of this name."""
    held = module.__dict__.get("parametrizations")
    if not isinstance(held, ModuleDict):
        return False
    return len(held) > 0 if tensor_name is None else tensor_name in held


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make `module.<tensor_name>` an ordinary parameter or buffer again.

    Args:
        module: The layer.
        tensor_name: Name of the tensor.
        leave_parametrized: Keep the numbers that were computed; False goes back to the
            original, where there is one.

    Raises:
        OptionError: It is not parametrised, or there are several originals to go back to.
    """
    if not is_parametrized(module, tensor_name):
        raise OptionError(
            f"remove_parametrizations: {tensor_name!r} of {type(module).__name__} is not "
            "parametrised"
        )
    held = _held(module)[tensor_name]
    if not held.is_tensor and not leave_parametrized:
        raise OptionError(
            f"remove_parametrizations: {tensor_name!r} is computed of {held.ntensors} tensors, so "
            "that there is no original to go back to; leave out leave_parametrized=False"
        )
    original = held.originals()[0]
    if leave_parametrized:
        with no_grad():
            numbers = getattr(module, tensor_name).synced().copy()
        if held.is_tensor:
            original.grad = None
            original.data = numbers
        elif isinstance(original, Parameter):
            original = Parameter(numbers, any(t.requires_grad for t in held.originals()))
        else:
            original = Tensor(numbers)
    delattr(type(module), tensor_name)
    del _held(module)[tensor_name]
    if not is_parametrized(module):
        del module.parametrizations
        module.__class__ = type(module).__bases__[0]
    _own(module, tensor_name, original)
    return module


def type_before_parametrizations(module: Module) -> type:
    """Class that the module had before it was parametrised."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def _held(module: Module) -> Any:
    return module.parametrizations


def _own(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _inverted(modules: list[Module], value: Any, forgiving: bool) -> Any:
    """What the modules make `value` of; without `right_inverse` that is `value` itself."""
    with no_grad():
        for module in reversed(modules):
            inverse = getattr(module, "right_inverse", None)
            if inverse is None and forgiving:
                continue
            if inverse is None:
                raise OperandError(
                    f"assignment: {type(module).__name__} has no right_inverse(value), which "
                    "would say what to write into the original; define it"
                )
            try:
                value = inverse(value)
            except NotImplementedError:
                if not forgiving:
                    raise
    several = isinstance(value, (list, tuple)) and all(isinstance(v, Tensor) for v in value)
    if not isinstance(value, Tensor) and not several:
        raise OperandError(
            f"right_inverse: got {type(value).__name__}, expected a Tensor or a tuple of Tensors"
        )
    return value


def _same(what: str, found: Any, shape: Any, dtype: Any) -> None:
    if not isinstance(found, Tensor):
        raise OperandError(f"{what}: got {type(found).__name__}, expected a Tensor")
    if found.shape != shape:
        raise ShapeError(
            f"{what}: got shape {found.shape} for a tensor of shape {shape}, expected the same; "
            "pass unsafe=True if that is meant"
        )
    if found.dtype != dtype:
        raise DTypeError(
            f"{what}: got {found.dtype} for a tensor of {dtype}, expected the same; pass "
            "unsafe=True if that is meant"
        )


def _property(name: str) -> property:
    def get(module: Any) -> Any:
        cache = _CACHE.get()
        try:
            if cache is None:
                return module.parametrizations[name]()
            key = (id(module), name)
            if key not in cache:
                cache[key] = module.parametrizations[name]()
            return cache[key]
        except AttributeError as error:
            # As it stands Python would take the property itself for missing.
            raise OperandError(f"parametrization of {name!r}: {error}") from error

    def put(module: Any, value: Any) -> None:
        module.parametrizations[name].right_inverse(value)

    return property(get, put)


def _derived(kind: type) -> type:
    """Class of one module, to which its properties are given."""
    return type(f"Parametrized{kind.__name__}", (kind,), {"__reduce_ex__": _reduced})


def _reduced(module: Any, protocol: Any) -> Any:
    # The class belongs to this module alone, so copies and pickles make one of their own.
    kind = type_before_parametrizations(module)
    return _restored, (kind, list(module.parametrizations)), dict(vars(module))


def _restored(kind: type, names: list[str]) -> Any:
    derived: Any = _derived(kind)
    for name in names:
        setattr(derived, name, _property(name))
    return derived.__new__(derived)
