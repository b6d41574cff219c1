"""Sweeps over every module that the parity suite can build, with input as users never mean it.

A module gives what PyTorch gives, or what it gives for plain input, or refuses; it is never
silently wrong.
"""

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pytest

import tests.parity.cases  # noqa: F401  (registers)
import tinygrad_nn as tg
from tests.parity.case import MODULES, ModuleCase
from tests.parity.draws import Fixed
from tests.parity.harness import Sides, build, leaves, mapped, number
from tinygrad_nn import nn
from tinygrad_nn.errors import MutationError, TinygradError

SEEDS = range(2)


class Seeded:
    """The `Draw` of the parity suite from a seed: the same options on every run."""

    def __init__(self, seed: int) -> None:
        self._options = np.random.default_rng(seed)
        self.rng = np.random.default_rng(seed + 1000)

    def integer(self, low: int, high: int) -> int:
        return int(self._options.integers(low, high + 1))

    def boolean(self) -> bool:
        return bool(self._options.integers(0, 2))

    def choice(self, options: Any) -> Any:
        options = list(options)
        return options[int(self._options.integers(0, len(options)))]

    def real(self, low: float, high: float) -> float:
        return float(self._options.uniform(low, high))

    def array(self, *shape: int, low: float | None = None, high: float = 1.0) -> np.ndarray:
        numbers = (
            self.rng.standard_normal(shape) if low is None else self.rng.uniform(low, high, shape)
        )
        return np.asarray(numbers)

    def integers(self, *shape: int, low: int = 0, high: int) -> np.ndarray:
        return np.asarray(self.rng.integers(low, high + 1, shape))

    def bools(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.integers(0, 2, shape)).astype(bool)


def made(name: str, case: ModuleCase, seed: int) -> Any:
    """The module in float64 with weights away from 1 and 0, in the case's first mode."""
    create = case.build or (lambda library: getattr(library, name)(*case.args, **case.options))
    module = create(nn).double()
    rng = np.random.default_rng(seed)
    for p in module.parameters():
        p.data = p.data + 0.3 * rng.standard_normal(p.shape)
    return module.train(case.modes[:1] != ("eval",))


def called(module: Any, case: ModuleCase, leaf: Any) -> tuple[list[Any], list[Any]]:
    """Outputs and inputs of a call in which `leaf(array, whether it gets a gradient)` is given."""
    inputs, options = mapped(case.inputs, leaf), mapped(case.call, leaf)
    outputs = list(leaves(module(*inputs, **options)))
    return outputs, [x for x in leaves((inputs, options)) if isinstance(x, tg.Tensor)]


def tensors(a: np.ndarray, on: bool) -> Any:
    return tg.tensor(a.copy(), requires_grad=on)


def loss_of(outputs: list[Any]) -> Any:
    parts = [(x * x).sum() for x in outputs if getattr(x, "requires_grad", False)]
    return sum(parts[1:], parts[0]) if parts else None


def step(module: Any, case: ModuleCase) -> list[Any]:
    """Outputs and all gradients of a call, as arrays; None where there is no gradient."""
    outputs, inputs = called(module, case, tensors)
    loss = loss_of(outputs)
    module.zero_grad()
    if loss is not None:
        loss.backward()
    numbers = [number(x).copy() for x in outputs]
    given = [*module.parameters(), *inputs]
    return numbers + [None if x.grad is None else x.grad.data.copy() for x in given]


def assert_same_bits(a: list[Any], b: list[Any]) -> None:
    assert len(a) == len(b)
    for x, y in zip(a, b, strict=True):
        assert (x is None) == (y is None)
        if x is not None:
            assert x.dtype == y.dtype
            np.testing.assert_array_equal(x, y)


def cases(name: str) -> Any:
    for seed in SEEDS:
        case = MODULES[name](Seeded(seed))
        yield seed, case, made(name, case, seed)


ALL = sorted(MODULES)


# ── Numbers that are none ───────────────────────────────────────────────────────────────

# What is dropped is 0 here, also where it was NaN; with p = 1 PyTorch multiplies by 0. So it does
# with neighbours that have no weight in an interpolation, of which the result is independent.
_DROPS = {"Upsample"} | {
    "AlphaDropout",
    "Dropout",
    "Dropout1d",
    "Dropout2d",
    "Dropout3d",
    "FeatureAlphaDropout",
}


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf], ids=str)
@pytest.mark.parametrize("name", sorted(set(MODULES) - _DROPS))
def test_what_is_nan_for_pytorch_is_not_hidden(name, value):
    torch = pytest.importorskip("torch")
    for seed in SEEDS:
        case = MODULES[name](Seeded(seed))

        def poisoned(a, on, place=7 * seed):
            if not on:
                return Fixed(a)
            a = a.copy()
            if a.size:
                a.flat[place % a.size] = value
            return a

        ours, theirs = build(torch, name, case)
        ours.load_state_dict(theirs.state_dict())
        for module in (ours, theirs):
            module.train(case.modes[:1] == ("train",))
        sides = Sides(torch, (mapped(tuple(case.inputs), poisoned), mapped(case.call, poisoned)))
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                right = theirs(*sides.theirs[0], **sides.theirs[1])
            except (RuntimeError, ValueError):  # refused there; in-place on a leaf is too
                continue
            try:
                left = ours(*sides.ours[0], **sides.ours[1])
            except TinygradError:  # refused here, with the reason
                continue
        for a, b in zip(map(number, leaves(left)), map(number, leaves(right)), strict=True):
            if a.shape == b.shape and a.dtype.kind == "f" and np.isnan(value):
                assert not (np.isnan(b) & ~np.isnan(a)).any(), (name, case)
            elif a.shape == b.shape and a.dtype.kind == "f":
                assert not (~np.isfinite(b) & np.isfinite(a)).any(), (name, case)


# ── Arrays of every form ────────────────────────────────────────────────────────────────


def _read_only(a):
    a = a.copy()
    a.flags.writeable = False
    return a


def _strided(a):
    wide = np.zeros(tuple(2 * n for n in a.shape), a.dtype)
    view = wide[(*(slice(None, None, 2) for _ in a.shape), ...)]
    view[...] = a
    return view


def _backwards(a):
    turn = (*(slice(None, None, -1) for _ in a.shape), ...)
    return np.array(a[turn], order="C")[turn]


FORMS = {
    "read-only": _read_only,
    "other byte order": lambda a: a.astype(a.dtype.newbyteorder(">")),
    "column-major": lambda a: np.array(a, order="F"),
    "strided": _strided,
    "backwards": _backwards,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ALL)
def test_the_form_of_an_array_does_not_matter(name, form):
    for _, case, module in cases(name):
        expected, _ = called(copy.deepcopy(module), case, lambda a, on: a.copy())
        got, _ = called(module, case, lambda a, on: FORMS[form](a))
        for a, b in zip(map(number, got), map(number, expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "int32", "uint64"])
def test_the_width_of_integers_does_not_matter(name, dtype):
    limits = np.iinfo(dtype)

    def narrow(a, on):
        fits = a.size and a.dtype.kind == "i" and limits.min <= a.min() and a.max() <= limits.max
        return a.astype(dtype) if fits else a

    for _, case, module in cases(name):
        expected, _ = called(copy.deepcopy(module), case, lambda a, on: a)
        got, _ = called(module, case, narrow)
        for a, b in zip(map(number, got), map(number, expected), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)


# ── Copies ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ALL)
def test_a_copy_made_in_training_goes_on_to_the_same_bits(name):
    for _, case, module in cases(name):
        step(module, case)
        copies = [copy.deepcopy(module)]
        try:
            copies.append(pickle.loads(pickle.dumps(module)))
        except (pickle.PicklingError, AttributeError):
            assert case.build or "function" in str(case.options)  # a function without a name
        expected = [step(module, case), step(module, case)]
        for other in copies:
            assert repr(other) == repr(module)
            for mine, theirs in zip(module.parameters(), other.parameters(), strict=True):
                assert not np.shares_memory(mine.data, theirs.data)
            for wanted in expected:
                assert_same_bits(wanted, step(other, case))


# ── Writes between the passes ───────────────────────────────────────────────────────────


def _write(array: np.ndarray) -> None:
    if array.dtype.kind == "f":
        array *= -3
        array += 1
    else:
        array[...] = 0


def _gradients(module: Any, inputs: list[Any]) -> list[Any]:
    return [x.grad for x in (*module.parameters(), *inputs)]


def _assert_right_or_refused(
    module: Any, inputs: list[Any], loss: Any, expected: list[Any]
) -> None:
    module.zero_grad()
    try:
        loss.backward()
    except MutationError:
        return
    for a, b in zip(_gradients(module, inputs), expected, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            np.testing.assert_allclose(a.data, b.data, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("what", ["arrays", "tensors", "parameters"])
@pytest.mark.parametrize("name", ALL)
def test_a_write_between_the_passes_is_refused_or_does_not_matter(name, what):
    for _, case, module in cases(name):
        plain = copy.deepcopy(module)
        arrays: list[np.ndarray] = []

        def leaf(a, on, arrays=arrays):
            if what == "arrays":
                arrays.append(a.copy())
                return arrays[-1]
            return tensors(a, on)

        outputs, inputs = called(module, case, leaf)
        loss = loss_of(outputs)
        if loss is None:
            continue
        written = {
            "arrays": arrays,
            "tensors": [x.data for x in inputs],
            "parameters": [p.data for p in module.parameters()],
        }[what]
        for array in written:
            _write(array)
        others, given = called(plain, case, lambda a, on: a if what == "arrays" else tensors(a, on))
        plain.zero_grad()
        loss_of(others).backward()
        _assert_right_or_refused(module, inputs, loss, _gradients(plain, given))


# ── Batches without samples ─────────────────────────────────────────────────────────────


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("name", ALL)
def test_an_axis_without_elements_works_or_is_refused(name, axis):
    """Nothing but an exception of ours, and no warning."""
    cut = (slice(None),) * axis + (slice(0, 0),)
    for _, case, module in cases(name):
        try:
            outputs, _ = called(
                module, case, lambda a, on: tensors(a[cut] if a.ndim > axis else a, on)
            )
            loss = loss_of(outputs)
            if loss is not None:
                loss.backward()
        except TinygradError:
            pass
