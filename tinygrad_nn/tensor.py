"""`Tensor`: an array in the computation graph; and how tensors are made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np

from tinygrad_nn import ops
from tinygrad_nn.core.backward import backward
from tinygrad_nn.core.capturing import capturing
from tinygrad_nn.core.handle import RemovableHandle
from tinygrad_nn.core.node import CLOCK, Node
from tinygrad_nn.core.op import LEAF, SEVERED, Op, register_family
from tinygrad_nn.errors import DTypeError, GradientError, OperandError, OptionError, ShapeError
from tinygrad_nn.methods import Arithmetic, Array, Elementwise
from tinygrad_nn.payload import payload_of, same_bits
from tinygrad_nn.ported import check_device
from tinygrad_nn.protocol import array_function, array_ufunc
from tinygrad_nn.space import ArraySpace, seed_for
from tinygrad_nn.torch_methods import Size, Torch

__all__ = ["Parameter", "Tensor", "tensor"]


class Tensor(Arithmetic, Elementwise, Array, Torch, ArraySpace):
    """An array that remembers how it was computed.

    Args:
        data: Array (copied, dtype kept), number or nested list (float32, unless another
            default is set; bools stay bool).
        requires_grad: Whether `backward` should fill `grad`; floats only.
        dtype: Convert to this dtype.
        name: Label for drawings and messages.

    Raises:
        DTypeError: `data` has no real numbers, or a gradient is asked of integers.

    Example:
        >>> import tinygrad_nn as tg
        >>> x = tg.tensor([1.0, 2.0, 3.0], requires_grad=True)
        >>> (x * x).sum().backward()
        >>> x.grad
        tensor([2., 4., 6.])
    """

    __slots__ = ("__weakref__",)

    def __init__(
        self,
        data: Any,
        requires_grad: bool = False,
        *,
        dtype: Any = None,
        name: str | None = None,
    ) -> None:
        self._data = payload_of(data, dtype)
        self.op = None
        self.a = self.b = self.params = self._grad = self.extra = None
        self.epoch = CLOCK.now
        if requires_grad:
            if not isinstance(requires_grad, (bool, np.bool_)):
                raise OptionError(
                    f"Tensor: got requires_grad={requires_grad!r:.40}, expected True or False; "
                    "Tensor makes a tensor of numbers, one of sides is tg.zeros((2, 3))"
                )
            self.requires_grad_()
        if name is not None:
            self.name = name

    # ── What it is ──────────────────────────────────────────────────────────────────────

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return self._data.shape  # type: ignore[no-any-return]

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self._data.ndim  # type: ignore[no-any-return]

    @property
    def dtype(self) -> Any:
        """NumPy dtype of the elements."""
        return self._data.dtype

    @property
    def size(self) -> Size:
        """Number of elements, as in NumPy; `x.size()` and `x.size(0)` as in PyTorch."""
        return Size(self._data.shape)

    def __len__(self) -> int:
        if not self._data.ndim:
            raise OperandError("len of a tensor without axes; expected at least one axis")
        return len(self._data)

    def __repr__(self) -> str:
        array = self._data
        if self.is_leaf and self.extra is not None and self.extra.shared is not None:
            array = self.extra.shared  # with what the user wrote, before the next use takes it over
        values = np.array2string(array, separator=", ", prefix="tensor(", threshold=100)
        parts = [values]
        if self._data.dtype not in (np.float32, np.bool_):
            parts.append(f"dtype={self._data.dtype}")
        if self.op is not None:
            is_own = self.is_leaf and self.op is not SEVERED
            parts.append("requires_grad=True" if is_own else f"op={self.op.name}")
        return f"tensor({', '.join(parts)})"

    # ── Its numbers ─────────────────────────────────────────────────────────────────────

    @property
    def data(self) -> Any:
        """The array. Writing into a leaf's changes the leaf for all later operations.

        A gradient is never wrong in silence: the graph keeps its own copy of what it used,
        and a result (not a leaf) that was written is refused at its next use.
        """
        capture = capturing()
        if capture is not None:
            return capture.shared(self)
        extra = self.extras()
        if extra.shared is None:
            extra.shared = self._data.copy()
        return extra.shared

    @data.setter
    def data(self, data: Any) -> None:
        extra = self.extra
        if extra is not None and data is extra.shared:
            return
        capture = capturing()
        if capture is not None:
            capture.payload(self)
            if getattr(data, "leaf", None) is self:
                return  # x.data += y has written it
        if not self.is_leaf:
            raise _written(self)
        # Python's numbers take the dtype that is there.
        weak = not hasattr(data, "dtype") and self._data.dtype.kind == "f"
        new = payload_of(data, self._data.dtype if weak else None)
        if self.op is not None and new.dtype.kind != "f":
            raise DTypeError(f"data of a tensor that requires a gradient: got {new.dtype}")
        if self._grad is not None and new.shape != self.shape:
            raise ShapeError(
                f"data: got shape {new.shape}, but there is a gradient of shape {self.shape}, to "
                "which the next one could not be added; forget it first: x.grad = None"
            )
        if capture is not None:
            capture.replaced(self)
        self._data = new
        self.epoch = CLOCK.tick()
        if extra is not None:
            # The given array stays the caller's: an optimiser must not write into it later.
            extra.shared = None

    def synced(self) -> Any:
        """Payload after taking over what the user wrote into `data`."""
        capture = capturing()
        return self.taken_over() if capture is None else capture.payload(self)

    def taken_over(self) -> Any:
        """The same, whether or not a step is captured."""
        shared = None if self.extra is None else self.extra.shared
        if shared is None or same_bits(shared, self._data):
            return self._data
        if not self.is_leaf:
            raise _written(self)
        self._data = shared.copy()
        self.epoch = CLOCK.tick()
        return self._data

    def numpy(self) -> Any:
        """The array, shared with a leaf as `data` is."""
        return self.data

    def item(self) -> float | int | bool:
        """The number of a tensor with one element."""
        if self._data.size != 1:
            raise ShapeError(
                f"item: got shape {self.shape}, expected one element; use .tolist() or index first"
            )
        self.refuse_to_tell(".item()")
        return self.synced().item()  # type: ignore[no-any-return]

    def tolist(self) -> Any:
        """Nested lists of Python numbers."""
        self.refuse_to_tell(".tolist()")
        return self.synced().tolist()

    def __float__(self) -> float:
        self.refuse_to_leave("float(tensor)")
        self.refuse_to_tell("float()")
        return float(self.item())

    def __int__(self) -> int:
        self.refuse_to_tell("int()")
        return int(self.item())

    def __bool__(self) -> bool:
        self.refuse_to_tell("bool(), as in `if x > 0:`,")
        return bool(self.item())

    def __index__(self) -> int:
        if self._data.dtype.kind not in "iu":
            raise OperandError(f"index: got a tensor of {self.dtype}, expected integers")
        self.refuse_to_tell("a Python integer, as in range(x),")
        return int(self.item())

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Any:
        self.refuse_to_leave("numpy.asarray(tensor)")
        self.refuse_to_tell("numpy.asarray()")
        value = self.synced()
        if copy or (dtype is not None and np.dtype(dtype) != value.dtype):
            return np.array(value, dtype=dtype)
        # Over a read-only buffer, since NumPy lets anyone make a mere view writeable again.
        return np.asarray(memoryview(value).toreadonly())

    # ── Comparisons: elementwise, as NumPy's ────────────────────────────────────────────

    # A tensor is a place in a graph, so it hashes by identity although == compares numbers.
    __hash__ = Node.__hash__

    def __eq__(self, other: object) -> Any:
        return ops.equal(self, other) if _comparable(other) else NotImplemented

    def __ne__(self, other: object) -> Any:
        return ops.not_equal(self, other) if _comparable(other) else NotImplemented

    __lt__ = ops.less
    __le__ = ops.less_equal
    __gt__ = ops.greater
    __ge__ = ops.greater_equal

    # ── Gradients ───────────────────────────────────────────────────────────────────────

    @property
    def grad(self) -> Tensor | None:
        """Gradient of the last roots, summed over passes; None before the first."""
        capture = capturing()
        if capture is not None and self.is_leaf:
            capture.payload(self)
        if self._grad is not None and not isinstance(self._grad, Node):
            self._grad = Tensor.wrap(self._grad)
        return cast("Tensor | None", self._grad)

    @grad.setter
    def grad(self, grad: Any) -> None:
        capture = capturing()
        if capture is not None and self.is_leaf:
            capture.forget_gradient(self)
        if grad is None:
            self._grad = None
            return
        node = grad if isinstance(grad, Tensor) else Tensor(grad, dtype=self.dtype)
        if node.shape != self.shape:
            raise ShapeError(f"grad: got shape {node.shape}, expected {self.shape}")
        self._grad = node if node.dtype == self.dtype else ops.astype(node, self.dtype)

    def backward(
        self, grad: Any = None, retain_graph: bool = False, create_graph: bool = False
    ) -> None:
        """Add the gradient of this tensor to `grad` of each leaf it was computed from.

        Args:
            grad: Gradient that arrives here, in this tensor's shape; may be left away for
                one element (then it is 1).
            retain_graph: Keep the graph for another pass; otherwise it is freed.
            create_graph: Record the gradients too, for derivatives of higher order.

        Raises:
            GradientError: Nothing here requires a gradient, or `grad` is missing.
            ShapeError: `grad` has another shape.
            FreedGraphError: An earlier pass freed the graph.
            MutationError: A leaf was written after it was used.
        """
        backward(self, seed_for(self, grad), retain_graph=retain_graph, create_graph=create_graph)

    @property
    def requires_grad(self) -> bool:
        """Whether a backward pass reaches this tensor."""
        return self.op is not None

    @requires_grad.setter
    def requires_grad(self, on: bool) -> None:
        self.requires_grad_(on)

    def requires_grad_(self, on: bool = True) -> Tensor:
        """Switch a leaf's need of a gradient; returns the tensor."""
        if not self.is_leaf:
            if on:
                return self
            raise GradientError(
                f"requires_grad of the result of {self.op.name}: it follows from its inputs; "  # type: ignore[union-attr]
                "use .detach()"
            )
        if on and self._data.dtype.kind != "f":
            raise DTypeError(
                f"requires_grad: got {self._data.dtype}, expected float16, float32 or float64; "
                "convert first: tensor(x, dtype='float32', requires_grad=True)"
            )
        capture = capturing()
        if capture is not None:
            capture.payload(self)
        self.op = LEAF if on else None
        return self

    def retain_grad(self) -> Tensor:
        """Let `backward` fill `grad` of this result too; returns the tensor."""
        self.extras().retains = True
        return self

    def register_hook(self, hook: Callable[[Tensor], Any]) -> RemovableHandle:
        """Call `hook(gradient)` when a pass arrives here; what it returns replaces it.

        Returns:
            What removes the hook.
        """
        if self.op is None:
            raise GradientError("register_hook: this tensor requires no gradient, so none arrives")
        hooks = self.extras().hooks
        hooks.append(hook)
        return RemovableHandle(lambda: hooks.remove(hook) if hook in hooks else None)

    def detach(self) -> Tensor:
        """Constant with the same numbers."""
        return Tensor.wrap(self.synced().copy())

    def __reduce__(self) -> tuple[Any, ...]:
        # For pickle and deepcopy: a leaf with the same numbers, which shares nothing.
        self.refuse_to_tell("a copy")
        grad = self._grad._data if isinstance(self._grad, Node) else self._grad
        return _restored, (type(self), self.synced(), self.requires_grad, self.name, grad)

    # ── What the engine needs to know of arrays ─────────────────────────────────────────

    __array_ufunc__ = array_ufunc
    __array_function__ = array_function


class Parameter(Tensor):
    """A tensor that a module owns and an optimiser updates; it requires a gradient.

    Args:
        data: As for `Tensor`; float arrays keep their dtype.
        requires_grad: False freezes it.
    """

    __slots__ = ()

    def __init__(self, data: Any, requires_grad: bool = True, **options: Any) -> None:
        super().__init__(data, requires_grad, **options)

    @classmethod
    def wrap(cls, payload: Any, op: Op | None = None) -> Any:
        """Tensor around an array: what is computed from a parameter is none."""
        return Tensor.wrap(payload, op)


def _restored(cls: type[Tensor], data: Any, on: bool, name: str | None, grad: Any) -> Tensor:
    """What `Tensor.__reduce__` took apart."""
    node = cls(data, on, name=name)
    node._grad = grad
    return node


def tensor(
    data: Any,
    requires_grad: bool = False,
    *,
    dtype: Any = None,
    device: Any = None,
    name: str | None = None,
) -> Tensor:
    """Make a `Tensor`; see there. The data is copied; the only device is "cpu"."""
    check_device("tensor", device)
    return Tensor(data, requires_grad, dtype=dtype, name=name)


def _comparable(other: object) -> bool:
    return isinstance(other, (Tensor, np.ndarray, np.generic, int, float, list, tuple))


def _written(node: Tensor) -> OperandError:
    return OperandError(
        f"data of the result of {node.op.name} was written: it is no longer what the graph "  # type: ignore[union-attr]
        "computes; write into a detached copy: x.detach()"
    )


register_family(np.ndarray, Tensor)
