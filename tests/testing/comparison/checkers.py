"""The checkers, each at its defaults; all of them call the same NumPy functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.testing.comparison.scores import Said
from tests.testing.corpus import Case

Outcome = tuple[Said, str]
SCIPY_BOUND = 1e-5
"""`scipy.optimize` gives an accuracy and no verdict: "on the order of 1e-6 or lower" is right."""


def split(case: Case) -> tuple[list[int], Callable[..., Any], Callable[..., list[Any]]]:
    """Which inputs are of floats; `f` of those alone, and gradients of those for a cotangent."""
    at = [i for i, x in enumerate(case.inputs) if x.dtype.kind == "f"]

    def whole(given: Any) -> list[Any]:
        inputs = list(case.inputs)
        for i, x in zip(at, given, strict=True):
            inputs[i] = x if x.shape else x[()]
        return inputs

    def f(*given: Any) -> Any:
        return case.f(*whole(given))

    def pull(given: Any, cotangent: Any) -> list[Any]:
        cotangent = np.asarray(cotangent)
        inputs = whole(given)
        found = case.grad(*inputs, cotangent) if cotangent.shape else case.grad(*inputs)
        grads = list(found) if isinstance(found, tuple) else [found]
        kept = [np.asarray(grads[i]) for i in at]
        return kept if cotangent.shape else [g * cotangent for g in kept]

    return at, f, pull


def floats(case: Case) -> list[Any]:
    return [np.array(x) for x in case.inputs if x.dtype.kind == "f"]


def ours() -> Callable[[Case], Outcome]:
    from tinygrad_nn.errors import CheckError
    from tinygrad_nn.testing import gradcheck

    def check(case: Case) -> Outcome:
        try:
            report = gradcheck(case.f, *case.inputs, grad=case.grad)
        except CheckError as error:
            return Said.REFUSED, str(error)
        said = {"pass": Said.PASS, "fail": Said.FAIL, "kink": Said.KINK}
        return said.get(report.verdict.value, Said.INCONCLUSIVE), repr(report)

    return check


def torch(*, fast: bool) -> Callable[[Case], Outcome]:
    import torch as library
    from torch.autograd.gradcheck import GradcheckError

    library.set_num_threads(1)

    def check(case: Case) -> Outcome:
        _at, f, pull = split(case)

        class Wrapped(library.autograd.Function):
            @staticmethod
            def forward(ctx: Any, *xs: Any) -> Any:
                arrays = [x.detach().numpy() for x in xs]
                ctx.arrays = [np.array(x) for x in arrays]
                return library.as_tensor(f(*arrays))

            @staticmethod
            def backward(ctx: Any, cotangent: Any) -> Any:
                found = pull(ctx.arrays, cotangent.numpy())
                return tuple(library.as_tensor(np.ascontiguousarray(g)) for g in found)

        tensors = [library.tensor(x, requires_grad=True) for x in floats(case)]
        try:
            library.autograd.gradcheck(Wrapped.apply, tensors, fast_mode=fast)
        except GradcheckError as error:
            return Said.FAIL, str(error)
        return Said.PASS, ""

    return check


def jax() -> Callable[[Case], Outcome]:
    import jax as library
    from jax.test_util import check_grads

    library.config.update("jax_enable_x64", True)

    def check(case: Case) -> Outcome:
        _at, f, pull = split(case)
        arrays = [library.numpy.asarray(x) for x in floats(case)]

        def value(*xs: Any) -> Any:
            return library.numpy.asarray(f(*(np.array(x) for x in xs)))

        def backward(xs: Any, cotangent: Any) -> Any:
            found = pull([np.array(x) for x in xs], np.array(cotangent))
            return tuple(
                library.numpy.asarray(g, dtype=x.dtype) for g, x in zip(found, xs, strict=True)
            )

        wrapped = library.custom_vjp(value)
        wrapped.defvjp(lambda *xs: (value(*xs), xs), backward)
        try:
            check_grads(wrapped, tuple(arrays), order=1, modes=["rev"])
        except AssertionError as error:
            return Said.FAIL, str(error)
        return Said.PASS, ""

    return check


def autograd() -> Callable[[Case], Outcome]:
    from autograd.extend import defvjp, primitive
    from autograd.test_util import check_grads

    def check(case: Case) -> Outcome:
        at, f, pull = split(case)
        wrapped = primitive(f)

        def rule(n: int) -> Callable[..., Any]:
            return lambda value, *xs: lambda c: pull([np.asarray(x) for x in xs], c)[n]

        defvjp(wrapped, *(rule(n) for n in range(len(at))))
        try:
            check_grads(wrapped, tuple(range(len(at))), modes=["rev"], order=1)(*floats(case))
        except AssertionError as error:
            return Said.FAIL, str(error)
        return Said.PASS, ""

    return check


def scipy() -> Callable[[Case], Outcome]:
    from scipy.optimize._numdiff import approx_derivative

    def check(case: Case) -> Outcome:
        _at, f, pull = split(case)
        arrays = floats(case)
        cuts = np.cumsum([x.size for x in arrays])[:-1]

        def parts(flat: Any) -> list[Any]:
            pieces = np.split(flat, cuts)
            return [p.reshape(x.shape).astype(x.dtype) for p, x in zip(pieces, arrays, strict=True)]

        def value(flat: Any) -> Any:
            return np.asarray(f(*parts(flat))).ravel()

        shape = np.shape(f(*(x.copy() for x in arrays)))
        start = np.concatenate([x.ravel() for x in arrays])
        rows = []
        for unit in np.eye(int(np.prod(shape))):
            found = pull([x.copy() for x in arrays], unit.reshape(shape))
            rows.append(np.concatenate([np.asarray(g, float).ravel() for g in found]))
        numeric = np.atleast_2d(approx_derivative(value, start))
        claims = np.array(rows).reshape(numeric.shape)
        error = np.max(np.abs(claims - numeric) / np.maximum(1, np.abs(numeric)), initial=0.0)
        return (Said.PASS if error <= SCIPY_BOUND else Said.FAIL), f"accuracy {error:.1e}"

    return check


CHECKERS: dict[str, Callable[[], Callable[[Case], Outcome]]] = {
    "ours": ours,
    "PyTorch": lambda: torch(fast=False),
    "PyTorch, fast": lambda: torch(fast=True),
    "JAX": jax,
    "HIPS autograd": autograd,
    "SciPy": scipy,
}
"""By the names that the page has for them."""
