"""Ways to choose what to prune; see `nn.utils.prune`."""

from __future__ import annotations

from typing import Any, ClassVar

from tinygrad_nn.backends import namespace
from tinygrad_nn.core.node import no_grad
from tinygrad_nn.errors import OperandError, OptionError, ShapeError
from tinygrad_nn.generator import generator
from tinygrad_nn.ops.reduce import vector_norm
from tinygrad_nn.ported import from_torch
from tinygrad_nn.tensor import Parameter, Tensor, tensor

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
]


class BasePruningMethod:
    """A way to choose what to prune: a subclass defines `compute_mask`.

    Attributes:
        PRUNING_TYPE: "unstructured" (single numbers), "structured" (slices along `dim`) or
            "global" (the whole mask at once): what a second method sees of the first.
    """

    PRUNING_TYPE: ClassVar[str] = "unstructured"
    dim: int
    _tensor_name: str

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Mask of zeros and ones in the shape of `t`; where `default_mask` is 0 it stays 0.

        Args:
            t: Tensor of importance: the parameter itself, if nothing else was given.
            default_mask: Mask of what was pruned before.
        """
        raise NotImplementedError(f"{type(self).__name__} has no compute_mask: define it")

    def apply_mask(self, module: Any) -> Tensor:
        """The parameter with its mask."""
        name = self._tensor_name
        original, mask = getattr(module, f"{name}_orig"), getattr(module, f"{name}_mask")
        return original * mask.astype(original.dtype)  # type: ignore[no-any-return]

    def __call__(self, module: Any, inputs: Any = ()) -> None:
        """Before each call of `module`: make its attribute anew."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @classmethod
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune `module.<name>`; what was pruned before stays.

        Args:
            module: The layer.
            name: Of its parameter.
            args: Of the constructor.
            importance_scores: What to look at in place of the parameter; of its shape.
            kwargs: Of the constructor.
        """
        method = cls(*args, **kwargs)
        method._tensor_name = name
        number, old = hooked(module, name)
        if old is None and not isinstance(module.__dict__.get(name), Parameter):
            own = [n for n, _ in module.named_parameters(recurse=False)]
            raise OptionError(
                f"prune: {type(module).__name__} has no parameter {name!r}; it has "
                f"{', '.join(own) or 'none'}"
            )
        current = getattr(module, name).detach()
        scores = current if importance_scores is None else as_tensor(importance_scores).detach()
        if scores.shape != current.shape:
            raise ShapeError(
                f"prune: got importance_scores of shape {scores.shape}, expected {current.shape}"
            )
        # All that may fail comes before the module is changed.
        if old is None:
            original = module.__dict__[name]
            ones = namespace(current._data).ones_like(current._data)
            mask = method.compute_mask(scores, default_mask=Tensor.wrap(ones))
            delattr(module, name)
            module.register_parameter(f"{name}_orig", original)
        else:
            method = _joined(old, method)
            before = getattr(module, f"{name}_mask").detach()
            mask = method.compute_mask(scores, default_mask=before)
            module._hooks.before.pop(number)
        module.register_buffer(f"{name}_mask", as_tensor(mask).detach())
        method(module)
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """`t` times its mask; no module is concerned."""
        t = as_tensor(t)
        if default_mask is None:
            default_mask = Tensor.wrap(namespace(t._data).ones_like(t._data))
        scores = t if importance_scores is None else as_tensor(importance_scores)
        if scores.shape != t.shape:
            raise ShapeError(
                f"prune: got importance_scores of shape {scores.shape}, expected {t.shape}"
            )
        return t * self.compute_mask(scores.detach(), default_mask=default_mask)

    def remove(self, module: Any) -> None:
        """Write the zeros into the parameter, and make it one of the module's own again."""
        name = self._tensor_name
        with no_grad():
            numbers = self.apply_mask(module).synced().copy()
        original = getattr(module, f"{name}_orig")
        for part in ("", "_orig", "_mask"):
            delattr(module, name + part)
        original.data = numbers
        module.register_parameter(name, original)


class PruningContainer(BasePruningMethod):
    """Several methods on one parameter, each on what the ones before it left."""

    def __init__(self, *args: BasePruningMethod) -> None:
        self._methods: tuple[BasePruningMethod, ...] = ()
        if args:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod) -> None:
        """Add `method`, which is for the same parameter."""
        if not isinstance(method, BasePruningMethod):
            raise OperandError(
                f"PruningContainer: got {type(method).__name__}, expected a BasePruningMethod"
            )
        if method._tensor_name != self._tensor_name:
            raise OptionError(
                f"PruningContainer: got a method for {method._tensor_name!r}, expected "
                f"{self._tensor_name!r}"
            )
        self._methods = (*self._methods, method)

    def __len__(self) -> int:
        return len(self._methods)

    def __iter__(self) -> Any:
        return iter(self._methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Mask of the last method, on what `default_mask` left."""
        method = self._methods[-1]
        scores, before = as_tensor(t)._data, as_tensor(default_mask)._data
        key = _left(method, scores, before)
        part = method.compute_mask(Tensor.wrap(scores[key]), Tensor.wrap(before[key].copy()))
        mask = before.astype(scores.dtype)
        mask[key] = as_tensor(part)._data
        return Tensor.wrap(mask)


class Identity(BasePruningMethod):
    """Prunes nothing: the names change, the numbers do not."""

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """`default_mask`."""
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes numbers at random.

    Args:
        amount: How many (int), or which share of them (float).
        rng: Seed or generator.
    """

    def __init__(self, amount: float, *, rng: Any = None) -> None:
        self.amount, self.rng = _amount(amount), generator(rng)

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Mask with zeros at random places."""
        return _without_least(self.rng.random(t.shape), default_mask, self.amount)


class L1Unstructured(BasePruningMethod):
    """Prunes the numbers of least magnitude.

    Args:
        amount: How many (int), or which share of them (float).
    """

    def __init__(self, amount: float) -> None:
        self.amount = _amount(amount)

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Mask with zeros where `t` is least."""
        return _without_least(abs(as_tensor(t)._data), default_mask, self.amount)


class RandomStructured(BasePruningMethod):
    """Prunes whole slices along an axis, at random.

    Args:
        amount: How many slices (int), or which share of them (float).
        dim: The axis.
        rng: Seed or generator.
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1, *, rng: Any = None) -> None:
        self.amount, self.dim, self.rng = _amount(amount), dim, generator(rng)

    def _scores(self, array: Any) -> Any:
        return self.rng.random(array.shape[self.dim])

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """Mask with zeros in the slices of least score."""
        array, mask = as_tensor(t)._data, as_tensor(default_mask)._data
        if array.ndim < 2 or not -array.ndim <= self.dim < array.ndim:
            raise ShapeError(
                f"prune: got shape {array.shape} and dim={self.dim}, expected at least two axes, "
                "one of which is dim"
            )
        chosen = _least(self._scores(array), _count(self.amount, array.shape[self.dim]))
        key: list[Any] = [slice(None)] * array.ndim
        key[self.dim] = chosen
        mask = mask.astype(array.dtype)
        mask[tuple(key)] = 0
        return Tensor.wrap(mask)


class LnStructured(RandomStructured):
    """Prunes the slices of least norm along an axis.

    Args:
        amount: How many slices (int), or which share of them (float).
        n: Order of the norm: a number, `inf`, or "fro" for 2.
        dim: The axis.
    """

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def _scores(self, array: Any) -> Any:
        at = self.dim % array.ndim
        axes = tuple(axis for axis in range(array.ndim) if axis != at)
        return vector_norm(array, axis=axes, ord=2 if self.n == "fro" else float(self.n))


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask of the user.

    Args:
        mask: Zeros and ones (or bools) in the shape of the parameter.
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = as_tensor(mask)

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask, and zeros where `default_mask` has them."""
        before = as_tensor(default_mask)
        if self.mask.shape != before.shape:
            raise ShapeError(
                f"prune: got a mask of shape {self.mask.shape}, expected {before.shape}"
            )
        return before * self.mask.astype(before.dtype)


def as_tensor(x: Any) -> Any:
    """`x` as a tensor, also PyTorch's."""
    x = from_torch(x)
    return x if isinstance(x, Tensor) else tensor(x)


def hooked(module: Any, name: str) -> tuple[Any, Any]:
    """Number and method of the pruning of a parameter."""
    held = {} if module._hooks is None else module._hooks.before
    for number, hook in held.items():
        method = hook.function
        if isinstance(method, BasePruningMethod) and method._tensor_name == name:
            return number, method
    return None, None


def _joined(old: BasePruningMethod, method: BasePruningMethod) -> PruningContainer:
    methods = old._methods if isinstance(old, PruningContainer) else (old,)
    return PruningContainer(*methods, method)


def _left(method: BasePruningMethod, scores: Any, before: Any) -> Any:
    """What of a tensor a further method may look at."""
    if method.PRUNING_TYPE == "unstructured":
        return before != 0
    key: list[Any] = [slice(None)] * scores.ndim
    if method.PRUNING_TYPE == "structured":
        at = method.dim % scores.ndim
        others = tuple(axis for axis in range(scores.ndim) if axis != at)
        key[at] = (before != 0).any(axis=others)
    elif method.PRUNING_TYPE != "global":
        raise OptionError(
            f"prune: {type(method).__name__} has PRUNING_TYPE {method.PRUNING_TYPE!r}, expected "
            "'unstructured', 'structured' or 'global'"
        )
    return tuple(key)


def _amount(amount: Any) -> Any:
    whole = hasattr(amount, "__index__")
    if isinstance(amount, bool) or not hasattr(amount, "__float__"):
        raise OptionError(f"prune: got amount={amount!r}, expected an int or a float")
    if not (amount >= 0 and (whole or amount <= 1)):
        raise OptionError(
            f"prune: got amount={amount!r}, expected a share from 0.0 to 1.0, or a number of at "
            "least 0"
        )
    return int(amount) if whole else float(amount)


def _count(amount: Any, size: int) -> int:
    """How many of `size` an amount is."""
    if isinstance(amount, int) and amount > size:
        raise OptionError(f"prune: got amount={amount}, expected at most {size}, all there are")
    return amount if isinstance(amount, int) else round(amount * size)


def _least(scores: Any, count: int) -> Any:
    return scores.argsort(kind="stable")[:count]


def _without_least(scores: Any, default_mask: Any, amount: Any) -> Tensor:
    """The mask, and zeros at the places of least score."""
    mask = as_tensor(default_mask)._data.copy()
    flat = mask.reshape(-1)
    flat[_least(scores.reshape(-1), _count(amount, flat.size))] = 0
    return Tensor.wrap(flat.reshape(mask.shape))
