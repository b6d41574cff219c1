"""Both sides of a case, run and compared: values, gradients, buffers, state dicts, texts."""

import inspect
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tinygrad_nn as tg
from tests.parity.case import FunctionCase, ModuleCase
from tests.parity.draws import Fixed
from tests.parity.left_out import ARGUMENTS
from tinygrad_nn import nn

# ---------------------------------------------------------------------------- structures


def mapped(value: Any, leaf: Callable[[np.ndarray, bool], Any]) -> Any:
    """`value` with `leaf(array, whether it is to get a gradient)` for its arrays."""
    if isinstance(value, Fixed):
        return leaf(value.array, False)
    if isinstance(value, np.ndarray):
        return leaf(value, value.dtype.kind == "f")
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(mapped(v, leaf) for v in value)
    if isinstance(value, dict):
        return {k: mapped(v, leaf) for k, v in value.items()}
    return value


def leaves(value: Any) -> Iterator[Any]:
    """Tensors of a nested result, in order."""
    if isinstance(value, (tuple, list)):
        for v in value:
            yield from leaves(v)
    elif isinstance(value, dict):
        for v in value.values():
            yield from leaves(v)
    elif value is not None and hasattr(value, "shape"):
        yield value


class Sides:
    """The same arrays as leaves of either library."""

    def __init__(self, torch: Any, value: Any) -> None:
        self.ours: Any = mapped(value, self._our_leaf)
        self.theirs: Any = mapped(value, lambda a, on: torch.tensor(a, requires_grad=on))

    @staticmethod
    def _our_leaf(array: np.ndarray, on: bool) -> Any:
        return tg.tensor(array.copy(), requires_grad=on)

    def gradients(self) -> Iterator[tuple[Any, Any]]:
        for a, b in zip(leaves(self.ours), leaves(self.theirs), strict=True):
            if b.requires_grad:
                yield a.grad, b.grad


def number(x: Any) -> np.ndarray:
    return x.detach().numpy() if hasattr(x, "detach") else np.asarray(x)


def agree(what: str, ours: Any, theirs: Any, tolerance: float) -> None:
    a, b = number(ours), number(theirs)
    assert a.shape == b.shape, f"{what}: shape {a.shape}, PyTorch's {b.shape}"
    assert a.dtype.kind == b.dtype.kind, f"{what}: {a.dtype}, PyTorch's {b.dtype}"
    if a.dtype.kind != "f":
        np.testing.assert_array_equal(a, b, err_msg=what)
        return
    finite = np.abs(b[np.isfinite(b)])
    scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(
        a, b, rtol=tolerance, atol=tolerance * max(scale, 1e-3), err_msg=what
    )


def agree_on_gradients(what: str, ours: Any, theirs: Any, shape: Any, tolerance: float) -> None:
    """No gradient and a gradient of zeros are the same."""
    a, b = (np.zeros(shape) if g is None else number(g) for g in (ours, theirs))
    agree(what, a, b, tolerance)


# ------------------------------------------------------------------------------ comparing


def backward(rng: np.random.Generator, torch: Any, ours: Any, theirs: Any) -> bool:
    """Send the same random gradients into both results; False if there is nothing to send."""
    pairs = list(zip(leaves(ours), leaves(theirs), strict=True))
    total_ours, total_theirs = None, None
    for a, b in pairs:
        if not b.requires_grad:
            assert not (b.dtype.is_floating_point and a.requires_grad), "tracked only by ours"
            continue
        weight = rng.standard_normal(tuple(b.shape))
        part, other = (a * weight).sum(), (b * torch.tensor(weight)).sum()
        total_ours = part if total_ours is None else total_ours + part
        total_theirs = other if total_theirs is None else total_theirs + other
    if total_ours is None:
        return False
    total_ours.backward()
    total_theirs.backward()
    return True


def compare_function(torch: Any, name: str, case: FunctionCase, seed: int) -> None:
    sides = Sides(torch, {"args": tuple(case.args), "options": case.options})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = getattr(torch.nn.functional, name)(
            *sides.theirs["args"], **sides.theirs["options"]
        )
    ours = getattr(nn.functional, name)(*sides.ours["args"], **sides.ours["options"])
    outputs = list(zip(leaves(ours), leaves(theirs), strict=True))
    assert outputs, f"{name} returned no tensor"
    for i, (a, b) in enumerate(outputs):
        agree(f"output {i}", a, b, case.tolerance)
    if case.grad and backward(np.random.default_rng(seed), torch, ours, theirs):
        for i, ((a, b), leaf) in enumerate(
            zip(sides.gradients(), _tracked(sides.theirs), strict=True)
        ):
            agree_on_gradients(f"gradient of input {i}", a, b, tuple(leaf.shape), case.tolerance)


def _tracked(value: Any) -> list[Any]:
    return [t for t in leaves(value) if t.requires_grad]


def build(torch: Any, name: str, case: ModuleCase) -> tuple[Any, Any]:
    make = case.build or (lambda library: getattr(library, name)(*case.args, **case.options))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = make(torch.nn).double()
    return make(nn).double(), theirs


def compare_module(torch: Any, name: str, case: ModuleCase, seed: int) -> None:
    rng = np.random.default_rng(seed)
    ours, theirs = build(torch, name, case)
    if case.text:
        assert repr(ours) == repr(theirs)
    with torch.no_grad():  # away from weights of 1 and 0, which hide a missing factor
        for p in theirs.parameters():
            p.add_(torch.tensor(0.3 * rng.standard_normal(tuple(p.shape))))
    _same_state(ours, theirs)
    ours.load_state_dict(theirs.state_dict())
    for mode in case.modes:
        ours.train(mode == "train")
        theirs.train(mode == "train")
        _compare_call(torch, case, ours, theirs, rng, mode)
    # What was loaded and moved on can be given back.
    theirs.load_state_dict({k: torch.as_tensor(v) for k, v in ours.state_dict().items()})


def _same_state(ours: Any, theirs: Any) -> None:
    a, b = ours.state_dict(), theirs.state_dict()
    assert list(a) == list(b)
    for key, tensor in b.items():
        assert a[key].shape == tuple(tensor.shape), f"{key}: {a[key].shape}"
        assert a[key].dtype == tensor.numpy().dtype, f"{key}: {a[key].dtype}"
    assert [n for n, _ in ours.named_parameters()] == [n for n, _ in theirs.named_parameters()]


def _compare_call(
    torch: Any, case: ModuleCase, ours: Any, theirs: Any, rng: np.random.Generator, mode: str
) -> None:
    sides = Sides(torch, {"inputs": tuple(case.inputs), "call": case.call})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        right = theirs(*sides.theirs["inputs"], **sides.theirs["call"])
    left = ours(*sides.ours["inputs"], **sides.ours["call"])
    outputs = list(zip(leaves(left), leaves(right), strict=True))
    assert outputs, "no tensor was returned"
    for i, (a, b) in enumerate(outputs):
        agree(f"{mode}: output {i}", a, b, case.tolerance)
    ours.zero_grad()
    theirs.zero_grad()
    if case.grad and backward(rng, torch, left, right):
        for i, ((a, b), leaf) in enumerate(
            zip(sides.gradients(), _tracked(sides.theirs), strict=True)
        ):
            agree_on_gradients(
                f"{mode}: gradient of input {i}", a, b, tuple(leaf.shape), case.tolerance
            )
        given = dict(theirs.named_parameters())
        for key, p in ours.named_parameters():
            q = given[key]
            agree_on_gradients(
                f"{mode}: gradient of {key}", p.grad, q.grad, tuple(q.shape), case.tolerance
            )
    expected = dict(theirs.named_buffers())
    for key, buffer in ours.named_buffers():
        agree(f"{mode}: buffer {key}", buffer, expected[key], case.tolerance)


# ----------------------------------------------------------------------------- signatures


def parameters(function: Any) -> list[tuple[str, Any]] | None:
    """Names and defaults in order, those that are not compared left out; None if unknown."""
    try:
        signature = inspect.signature(_behind(function))
    except ValueError:
        return _documented(function)
    return [
        (p.name, p.default)
        for p in signature.parameters.values()
        if p.name not in ("self", *ARGUMENTS) and p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)
    ]


def _behind(function: Any) -> Any:
    """The function that PyTorch's `fn(*args, **kwargs)` chooses by a flag: return_indices."""
    if not inspect.isfunction(function) or not function.__closure__:
        return function
    return inspect.getclosurevars(function).nonlocals.get("if_true", function)


def _documented(function: Any) -> list[tuple[str, Any]] | None:
    """Of a function that is not written in Python: from the first line of its documentation."""
    found = re.search(rf"{function.__name__}\((.*?)\) ->", (function.__doc__ or ""), re.DOTALL)
    if found is None:
        return None
    entries = [e.strip() for e in re.split(r",\s*(?![^()]*\))", found.group(1)) if e.strip()]
    result: list[tuple[str, Any]] = []
    for entry in entries:
        name, _, default = entry.partition("=")
        if name.strip() not in ("*", *ARGUMENTS):
            result.append((name.strip(), _literal(default.strip())))
    return result


def _literal(text: str) -> Any:
    words = {"None": None, "True": True, "False": False, "": inspect.Parameter.empty}
    if text in words:
        return words[text]
    try:
        return float(text) if "." in text or "e" in text else int(text)
    except ValueError:
        return text.strip("'\"")


def same_signature(ours: Any, theirs: Any) -> None:
    """PyTorch's arguments are ours, in its order, with its defaults; ours may have more behind."""
    expected, got = parameters(theirs), parameters(ours)
    if expected is None or got is None:
        return
    assert [n for n, _ in got][: len(expected)] == [n for n, _ in expected]
    for (name, default), (_, wanted) in zip(got, expected, strict=False):
        if callable(wanted) or callable(default):
            assert callable(wanted) == callable(default), name
            continue
        assert default == wanted or (default is wanted), f"{name}={default!r}, not {wanted!r}"
