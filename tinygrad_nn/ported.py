"""What scripts for PyTorch say otherwise: devices, dtypes, and names that are not here."""

from __future__ import annotations

from typing import Any

from tinygrad_nn.core.node import Node
from tinygrad_nn.errors import DTypeError, OperandError, OptionError

__all__ = ["FUNCTIONS", "METHODS", "check_device", "from_torch", "to_dtype"]

_DEVICES = ("cpu", "cuda", "mps", "xpu", "meta", "hpu", "ipu", "xla", "mtia")
_ABSENT = ("bfloat16", "float8", "complex32")
_IGNORED = {"non_blocking", "copy", "memory_format"}

# ── Devices and dtypes ──────────────────────────────────────────────────────────────────


def check_device(name: str, device: Any) -> None:
    """Refuse a device that is not the CPU.

    Raises:
        OptionError: It is another one.
    """
    if device is not None and str(device).partition(":")[0] != "cpu":
        raise OptionError(
            f"{name}: got device={device!r}, expected 'cpu' or None: arrays are NumPy's; leave "
            "the argument out"
        )


def to_dtype(name: str, *args: Any, **kwargs: Any) -> Any:
    """The dtype of `to(dtype)`, `to(device, dtype)` or `to(tensor)`; None where none is asked.

    Raises:
        OptionError: The device is not the CPU.
        DTypeError: NumPy has no such dtype.
        OperandError: The arguments are none of these.
    """
    unknown = sorted(set(kwargs) - _IGNORED - {"device", "dtype", "tensor", "other"})
    if unknown or len(args) > 4:
        got = f"the argument {unknown[0]!r}" if unknown else f"{len(args)} arguments"
        raise OperandError(
            f"{name}: got {got}, expected to(dtype), to(device, dtype) or to(tensor)"
        )
    check_device(name, kwargs.get("device"))
    dtype = kwargs.get("dtype")
    given = kwargs.get("tensor", kwargs.get("other"))
    for argument in (*args, given):
        if argument is None or isinstance(argument, bool):
            continue  # PyTorch's non_blocking and copy
        if _is_device(argument):
            check_device(name, argument)
        elif not isinstance(argument, type) and hasattr(argument, "dtype"):
            dtype = argument.dtype
        else:
            dtype = argument
    return None if dtype is None else _dtype(name, dtype)


def _is_device(argument: Any) -> bool:
    if isinstance(argument, int):
        return True  # the number of a GPU
    if type(argument).__name__ == "device":
        return True
    return isinstance(argument, str) and argument.partition(":")[0] in _DEVICES


def _dtype(name: str, dtype: Any) -> Any:
    """`dtype` in a form that NumPy understands."""
    text = str(dtype)
    if text.startswith("torch."):
        dtype = text = text.removeprefix("torch.")
    if text.startswith(_ABSENT):
        raise DTypeError(
            f"{name}: got {text}, which NumPy has not; expected float16, float32 or float64"
        )
    return dtype


def from_torch(x: Any) -> Any:
    """Array of a tensor of PyTorch, wherever it lives; anything else as it is."""
    if isinstance(x, Node) or not hasattr(x, "numpy"):
        return x
    for step in ("detach", "cpu"):
        x = getattr(x, step, lambda kept=x: kept)()
    if str(getattr(x, "dtype", "")) in ("torch.bfloat16", "torch.float8_e4m3fn"):
        x = x.float()  # NumPy has no such dtype
    return x.numpy()


# ── Names that are not here ─────────────────────────────────────────────────────────────

_CPU = "leave it out: there is no device but the CPU"
_PLAIN = "x.numpy() is the array, which has NumPy's"

METHODS = {
    "addmm": "write x + a @ b",
    "acos": "write x.arccos()",
    "asin": "write x.arcsin()",
    "atan": "write x.arctan()",
    "atan2": "write x.arctan2(y)",
    "baddbmm": "write x + a @ b",
    "bernoulli": "write tg.random.bernoulli(x, rng=...)",
    "bfloat16": "NumPy has none; write x.astype('float16')",
    "byte": "write x.astype('uint8')",
    "char": "write x.astype('int8')",
    "cross": "write tg.cross(x, y)",
    "cuda": _CPU,
    "data_ptr": _PLAIN,
    "diag": "write tg.diag(x)",
    "get_device": _CPU,
    "grad_fn": "the operation that made x is x.op",
    "histc": "write np.histogram(x.numpy(), bins)",
    "index_fill": "write tg.index_put(x, key, value)",
    "inverse": "write x.inv()",
    "is_cuda": _CPU,
    "itemsize": "write x.dtype.itemsize",
    "kthvalue": "write x.sort(axis=...)[..., k]",
    "multinomial": "write tg.random.categorical(x.log(), rng=...)",
    "narrow": "write x[:, start : start + length]",
    "ndimension": "write x.ndim",
    "nelement": "write x.size",
    "new_empty": "write tg.empty(shape, dtype=x.dtype)",
    "new_full": "write tg.full(shape, value, dtype=x.dtype)",
    "new_ones": "write tg.ones(shape, dtype=x.dtype)",
    "new_tensor": "write tg.tensor(data, dtype=x.dtype)",
    "new_zeros": "write tg.zeros(shape, dtype=x.dtype)",
    "pin_memory": _CPU,
    "reshape_as": "write x.reshape(y.shape)",
    "rsqrt": "write 1 / x.sqrt()",
    "select": "index it: x[:, i]",
    "short": "write x.astype('int16')",
    "storage": _PLAIN,
    "stride": _PLAIN,
    "sum_to_size": "write x.sum_to(shape)",
    "type": "x.dtype is its dtype; convert by x.astype('float32')",
    "unflatten": "write x.reshape(shape)",
    "unique": "write np.unique(x.numpy())",
    "view_as": "write x.reshape(y.shape)",
    "where": "write tg.where(condition, x, y)",
}

_IN_PLACE = """
abs add ceil clamp clip cos cumsum div exp floor index_add index_put lerp log masked_fill mul
nan_to_num neg pow reciprocal relu remainder round scatter scatter_add sigmoid sign sin sqrt
squeeze sub t tanh transpose tril triu trunc unsqueeze
""".split()

METHODS |= {
    f"{name}_": f"nothing is written in place: x = x.{name}(...) makes a new tensor; "
    "x.data[...] = y, with x.data NumPy's array, writes into a leaf"
    for name in _IN_PLACE
}
METHODS |= {
    f"{name}_": f"write nn.init.{name}_(x), or draw anew by tg.random"
    for name in ("normal", "uniform")
}
METHODS |= {
    "addcdiv_": "write x = x + value * a / b",
    "addcmul_": "write x = x + value * a * b",
    "bernoulli_": "write x = tg.random.bernoulli(p, x.shape, rng=...)",
    "detach_": "write x = x.detach()",
    "fill_diagonal_": "write np.fill_diagonal(x.data, value)",
    "index_copy_": "write x[index] = values",
    "random_": "write x = tg.random.integers(low, high, x.shape, rng=...)",
    "share_memory_": _CPU,
}

FUNCTIONS = {
    "FloatTensor": "write tg.tensor(data)",
    "LongTensor": "write tg.tensor(data, dtype='int64')",
    "amp": "convert the model: model.to('float16'), or leave it out",
    "bernoulli": "write tg.random.bernoulli(p, rng=...)",
    "bfloat16": "NumPy has none; write 'float16'",
    "bmm": "write tg.matmul, or a @ b",
    "chunk": "write x.chunk(n)",
    "compile": "write tg.jit(step), of a whole step: loss, backward and update",
    "cuda": _CPU,
    "device": "leave it out, or write 'cpu': there is no other",
    "func": "tg.grad, tg.jacobian, tg.hessian, tg.vjp, tg.jvp and tg.hvp are in the package itself",
    "gradcheck": "write from tinygrad_nn.testing import gradcheck",
    "inference_mode": "write tg.no_grad()",
    "is_tensor": "write isinstance(x, tg.Tensor)",
    "manual_seed": "there is no global seed: give rng=0, or one np.random.default_rng(0), to "
    "whatever draws: layers, DataLoader, tg.random",
    "mm": "write tg.matmul, or a @ b",
    "multinomial": "write tg.random.categorical(logits, rng=...)",
    "normal": "write tg.random.normal(mean, std, size, rng=...)",
    "numel": "write x.size",
    "randint": "write tg.random.integers(low, high, size, rng=...)",
    "set_default_dtype": "write with tg.default_dtype('float64'):",
    "set_grad_enabled": "write tg.enable_grad() or tg.no_grad()",
    "squeeze_": "write x = x.squeeze()",
    "testing": "write import tinygrad_nn.testing, or from tinygrad_nn.testing import gradcheck",
    "unbind": "write tg.unstack(x, axis)",
    "utils": "DataLoader, TensorDataset, samplers: tinygrad_nn.data; checkpoint: tg.checkpoint",
    "version": "write tg.__version__",
    "vmap": "write the function for whole arrays; tg.jacobian and tg.hessian need none",
}
