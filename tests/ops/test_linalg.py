"""Products and linear algebra: identities, degenerate matrices, narrow dtypes and messages.

Values and first and second derivatives on ordinary matrices are the business of the suite of
every operation, which has NumPy, finite differences and three other libraries for judges.
"""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tinygrad_nn import linalg
from tinygrad_nn.errors import OperandError, OptionError, ShapeError

seeds = st.integers(0, 2**32 - 1)


def slope(function: Any, *xs: Any) -> Any:
    """Gradient of `function` with respect to its first argument."""
    return np.asarray(tg.grad(function)(*map(np.asarray, xs)))


# ── Products ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "left, right",
    [
        ((0,), (0,)),
        ((3, 0), (0, 2)),
        ((0, 3), (3, 2)),
        ((2, 3, 0), (0, 2)),
        ((0, 2, 3), (3, 1)),
    ],
)
def test_products_of_nothing(left: tuple[int, ...], right: tuple[int, ...]):
    a = tg.tensor(np.ones(left), requires_grad=True)
    b = tg.tensor(np.ones(right), requires_grad=True)
    y = a @ b
    assert y.shape == (np.ones(left) @ np.ones(right)).shape
    y.sum().backward()
    assert a.grad.shape == left and b.grad.shape == right
    assert np.all(b.grad.data == np.prod(left[:-1]) if b.size else True)


def test_half_precision_adds_up_in_single():
    a = np.ones((1, 4096), np.float16)
    y = tg.matmul(tg.tensor(a), a.T)
    assert y.dtype == np.float16 and y.item() == 4096
    assert tg.einsum("ij,kj->", tg.tensor(a), a).item() == 4096


@pytest.mark.parametrize(
    "left, right, text",
    [
        ((32, 8), (9, 16), r"inner sizes differ, \(32, 8\) @ \(9, 16\): 8 and 9"),
        ((2, 3, 4), (5, 4, 1), "batch axes do not broadcast"),
        ((), (3,), "expected at least one axis"),
    ],
)
def test_matmul_names_both_shapes(left: Any, right: Any, text: str):
    with pytest.raises(ShapeError, match=text):
        tg.tensor(np.ones(left)) @ np.ones(right)


@given(seeds)
def test_products_along_another_axis(seed: int):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, 2, 3, 4))
    np.testing.assert_allclose(tg.vecdot(a, b, axis=0), np.vecdot(a, b, axis=0))
    np.testing.assert_allclose(tg.cross(a, b, axis=1), np.cross(a, b, axis=1))
    # a · (b × c) is a determinant, the same whichever factor comes first.
    u, v, w = rng.normal(size=(3, 3))
    found = slope(lambda x: tg.vecdot(x, tg.cross(v, w)) + linalg.det(tg.stack([x, v, w])), u)
    np.testing.assert_allclose(found, 2 * np.cross(v, w), atol=1e-9)


def test_a_chain_is_multiplied_in_the_cheapest_order():
    shapes = [(40, 2), (2, 30), (30, 1), (1, 50)]
    arrays = [tg.tensor(np.ones(s), requires_grad=True) for s in shapes]
    y = linalg.multi_dot(arrays)
    sizes = {n.shape for n in tg.reverse_order(y) if not n.is_leaf}
    assert sizes == {(2, 1), (40, 1), (40, 50)}
    np.testing.assert_array_equal(y.data, np.full((40, 50), 60.0))


@pytest.mark.parametrize(
    "operands",
    [
        ("ij , jk -> ik", "ab", "bc"),
        ("ab", [0, 1], "bc", [1, 2], [0, 2]),
        ("ij,jk", "ab", "bc"),
        ("...j,jk->...k", "ab", "bc"),
        ("ab", [..., 1], "bc", [1, 2], [..., 2]),
    ],
)
def test_einsum_reads_every_notation(operands: Any):
    given = {"ab": np.arange(6.0).reshape(2, 3), "bc": np.arange(12.0).reshape(3, 4)}
    arrays = [given.get(x, x) if isinstance(x, str) else x for x in operands]
    np.testing.assert_array_equal(tg.einsum(*arrays), given["ab"] @ given["bc"])
    tensors = [tg.tensor(x, requires_grad=True) if hasattr(x, "ndim") else x for x in arrays]
    assert np.einsum(*tensors, optimize=True).requires_grad


@pytest.mark.parametrize(
    "text, shapes, error, message",
    [
        ("ij,jk->ik", [(2, 3)], OperandError, "expected 2"),
        ("ij->ij", [(2,)], ShapeError, "got 1 axes for the term 'ij'"),
        ("ij,jk->ik", [(2, 3), (4, 2)], ShapeError, "sizes 3 and 4"),
        ("ij->ik", [(2, 3)], OperandError, "output 'ik'"),
        ("ij->ii", [(2, 2)], OperandError, "output 'ii'"),
        ("i1->i", [(2, 2)], OperandError, "expected letters"),
    ],
)
def test_einsum_says_what_does_not_fit(text: str, shapes: Any, error: Any, message: str):
    with pytest.raises(error, match=message):
        tg.einsum(text, *(tg.tensor(np.ones(s)) for s in shapes))


# ── Systems, inverses, determinants ─────────────────────────────────────────────────────


@given(seeds, st.integers(1, 4))
def test_the_gradient_of_an_identity_is_nothing(seed: int, n: int):
    """What equals a constant has no slope, by whatever route it is computed."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, n, n)) + 4 * np.eye(n)
    weight = rng.normal(size=(2, n, n))
    for constant in (
        lambda x: linalg.inv(x) @ x,
        lambda x: linalg.solve(x, x),
        lambda x: linalg.pinv(x) @ x,
        lambda x: linalg.expm(x / 4) @ linalg.expm(-x / 4),
        lambda x: linalg.matrix_power(x, -2) @ x @ x,
        lambda x: linalg.qr(x).Q.mT @ linalg.qr(x).Q,
        lambda x: linalg.inv(x) * tg.expand_dims(linalg.det(x), (-2, -1)) - tg.cofactors(x).mT,
    ):
        found = slope(lambda x, f=constant: (f(x) * weight).sum(), x)
        np.testing.assert_allclose(found, 0, atol=1e-7)


@given(seeds, st.integers(1, 4))
def test_factors_multiply_back(seed: int, n: int):
    """A product of the factors is the matrix, so its gradient is the one that was put in."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, n)) / 8 + np.diag(1 + np.arange(n))
    spd = x @ x.T + np.eye(n)
    g = rng.normal(size=(n, n))
    symmetric = (g + g.T) / 2

    def rebuilt_eigh(x: Any) -> Any:
        w, v = linalg.eigh(x)
        return (v * w) @ v.mT

    def rebuilt_svd(x: Any) -> Any:
        u, s, vh = linalg.svd(x)
        return (u * s) @ vh

    for whole, matrix, want in (
        (lambda x: linalg.cholesky(x) @ linalg.cholesky(x, upper=True), spd, symmetric),
        (rebuilt_eigh, spd, symmetric),
        (rebuilt_svd, x, g),
        (lambda x: linalg.qr(x).Q @ linalg.qr(x).R, x, g),
    ):
        found = slope(lambda x, f=whole: (f(x) * g).sum(), matrix)
        np.testing.assert_allclose(found, want, atol=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [
        np.zeros((1, 1)),
        np.zeros((2, 2)),
        np.ones((3, 3)),
        np.diag([1.0, 2.0, 0.0]),
        np.arange(9.0).reshape(3, 3),
        np.diag([1e-200, 1e200]),
    ],
)
def test_the_gradient_of_det_is_the_cofactors_of_singular_matrices_too(matrix: Any):
    n = len(matrix)
    minors = [
        [
            np.linalg.det(np.delete(np.delete(matrix, i, 0), j, 1)) * (-1) ** (i + j)
            for j in range(n)
        ]
        for i in range(n)
    ]
    np.testing.assert_allclose(slope(linalg.det, matrix), minors, atol=1e-12)


def test_logarithms_of_determinants():
    huge = 1e200 * np.eye(3)
    sign, value = linalg.slogdet(tg.tensor(-huge, requires_grad=True))
    assert sign.item() == -1 and not sign.requires_grad
    np.testing.assert_allclose(value.item(), 600 * np.log(10))
    np.testing.assert_allclose(slope(linalg.logdet, huge), 1e-200 * np.eye(3))
    assert np.isnan(linalg.logdet(-np.eye(3))) and linalg.logdet(np.zeros((2, 2))) == -np.inf


def test_solve_takes_one_vector_for_many_matrices():
    a = tg.tensor(np.stack([np.eye(2), 2 * np.eye(2)]), requires_grad=True)
    b = tg.tensor(np.array([2.0, 4.0]), requires_grad=True)
    y = linalg.solve(a, b)
    np.testing.assert_array_equal(y.data, [[2, 4], [1, 2]])
    y.sum().backward()
    np.testing.assert_array_equal(b.grad.data, [1.5, 1.5])
    np.testing.assert_array_equal(a.grad.data, -y.data[:, None, :] * [[[1], [1]], [[0.5], [0.5]]])


def test_expm_of_what_is_known():
    turn = np.array([[0.0, -1.0], [1.0, 0.0]])
    for angle in (0.0, 1e-9, 1.0, 50.0, -300.0):
        want = np.cos(angle) * np.eye(2) + np.sin(angle) * turn
        np.testing.assert_allclose(linalg.expm(angle * turn), want, atol=1e-11)
    nilpotent = np.diag([2.0, 3.0], 1)
    want = np.eye(3) + nilpotent + nilpotent @ nilpotent / 2
    np.testing.assert_allclose(linalg.expm(nilpotent), want, atol=1e-14)
    # Diagonal matrices commute, and equal eigenvalues need no care here.
    np.testing.assert_allclose(
        slope(lambda x: linalg.expm(x).sum(), 2 * np.eye(2)), np.full((2, 2), np.exp(2))
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_narrow_dtypes_stay(dtype: Any):
    x = tg.tensor(np.array([[4.0, 1.0], [1.0, 3.0]], dtype), requires_grad=True)
    for function in (
        linalg.inv,
        linalg.det,
        linalg.cholesky,
        linalg.eigvalsh,
        linalg.svdvals,
        linalg.pinv,
        linalg.expm,
        linalg.norm,
        linalg.cond,
        linalg.logdet,
    ):
        x.grad = None
        y = function(x)
        y.sum().backward()
        assert y.dtype == x.grad.dtype == dtype, function.__name__


# ── Values that coincide ────────────────────────────────────────────────────────────────


def test_equal_values_give_no_nan():
    for function, want in (
        (lambda x: linalg.eigvalsh(x).sum(), np.eye(3)),
        (lambda x: linalg.svdvals(x).sum(), np.eye(3)),
        (lambda x: linalg.norm(x, "nuc"), np.eye(3)),
        (lambda x: (linalg.eigvalsh(x) ** 2).sum(), 2 * np.eye(3)),
    ):
        np.testing.assert_allclose(slope(function, np.eye(3)), want, atol=1e-12)
    assert np.isfinite(slope(lambda x: linalg.eigh(x).eigenvectors.sum(), np.eye(3))).all()
    assert np.isfinite(slope(lambda x: linalg.svd(x).U.sum(), np.zeros((3, 2)))).all()


def test_a_triangle_is_read_when_asked_for():
    x = np.array([[2.0, 100.0], [1.0, 5.0]])
    for uplo in "LU":
        want = np.linalg.eigvalsh(x, UPLO=uplo)
        np.testing.assert_allclose(linalg.eigvalsh(x, UPLO=uplo), want)
        got = slope(lambda x, u=uplo: linalg.eigvalsh(x, UPLO=u)[0], x)
        assert got[0, 1] == 0 if uplo == "L" else got[1, 0] == 0
    np.testing.assert_allclose(linalg.eigvalsh(x), np.linalg.eigvalsh((x + x.T) / 2))
    found = slope(lambda x: linalg.eigh(x)[0][0], x)
    np.testing.assert_array_equal(found, found.T)


def test_norms_at_zero_have_gradient_zero():
    for order in (None, "fro"):
        found = slope(lambda x, p=order: linalg.norm(x, p), np.zeros((2, 2)))
        np.testing.assert_array_equal(found, 0)


@given(seeds, st.sampled_from([None, "fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf]), st.booleans())
def test_matrix_norms_over_any_axes(seed: int, order: Any, keepdims: bool):
    x = np.random.default_rng(seed).normal(size=(2, 3, 4))
    for axes in ((0, 2), (2, 1), (-3, 1)):
        want = np.linalg.norm(x, order, axes, keepdims)
        np.testing.assert_allclose(linalg.norm(x, order, axes, keepdims), want)


@given(seeds, st.sampled_from([(4, 2), (2, 4), (3, 3)]), st.booleans())
def test_least_squares_is_numpys(seed: int, shape: tuple[int, int], vector: bool):
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=shape), rng.normal(size=shape[:1] if vector else (shape[0], 2))
    for got, want in zip(linalg.lstsq(a, b), np.linalg.lstsq(a, b), strict=True):
        np.testing.assert_allclose(got, np.reshape(want, np.shape(got)), atol=1e-9)
    # The normal equations hold, so moving x off the solution changes the residual in no
    # direction: the gradient of the residual by b is the residual itself.
    if shape[0] > shape[1]:
        rest = slope(lambda b: linalg.lstsq(a, b).residuals.sum() / 2, b)
        np.testing.assert_allclose(rest, b - a @ np.linalg.lstsq(a, b)[0], atol=1e-8)


# ── The surface ─────────────────────────────────────────────────────────────────────────


def test_results_have_numpys_fields():
    x = tg.tensor(np.array([[2.0, 1.0], [1.0, 3.0]]), requires_grad=True)
    for name in ("eigh", "svd", "qr", "slogdet"):
        ours, theirs = getattr(linalg, name)(x), getattr(np.linalg, name)(x.data)
        assert ours._fields == theirs._fields
        answered = getattr(np.linalg, name)(x)
        assert all(isinstance(y, tg.Tensor) for y in answered) and answered._fields == ours._fields


def test_the_namespace_has_the_operations():
    for name in linalg.__all__:
        assert getattr(linalg, name) is getattr(tg, name)


@pytest.mark.parametrize(
    "call, error, text",
    [
        (lambda x: linalg.inv(x[:1]), ShapeError, r"inv: got shape \(1, 2\)"),
        (lambda x: linalg.inv(x * 0), np.linalg.LinAlgError, "inv: Singular matrix.*pinv"),
        (lambda x: linalg.cholesky(-x), np.linalg.LinAlgError, "positive definite"),
        (lambda x: linalg.qr(x, mode="complete"), OptionError, "'reduced'"),
        (lambda x: linalg.svd(x[:1], full_matrices=True), OptionError, "full_matrices=True"),
        (lambda x: linalg.norm(x, "far"), OptionError, "'far'"),
        (lambda x: linalg.norm(x, 2, axis=(0, 1, 2)), ShapeError, "axis"),
        (lambda x: linalg.eigh(x, UPLO="X"), OptionError, "UPLO='X'"),
        (lambda x: linalg.matrix_power(x, 0.5), OptionError, "n=0.5"),
        (lambda x: linalg.multi_dot([x]), ShapeError, "two or more"),
        (lambda x: linalg.tensordot(x, x[:1], 1), ShapeError, "equal sizes"),
        (lambda x: linalg.cross(x, x), ShapeError, "three numbers"),
    ],
)
def test_errors_name_the_fix(call: Any, error: type[Exception], text: str):
    with pytest.raises(error, match=text):
        call(tg.tensor(np.array([[2.0, 1.0], [1.0, 3.0]]), requires_grad=True))
