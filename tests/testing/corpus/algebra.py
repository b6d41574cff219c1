"""Linear algebra, norms at 0, ties of maxima and of sorted numbers."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from tests.testing.corpus.case import Category, draws

C = Category("linear algebra")
TIES = Category("norms at 0 and ties")
A = draws(51, 4, 4) + 3 * np.eye(4)
B = draws(52, 4, 2)
inv = np.linalg.inv

C.both("determinant", np.linalg.det, lambda a: np.linalg.det(a) * inv(a).T, A)
C.wrong("determinant, transposed", np.linalg.det, lambda a: np.linalg.det(a) * inv(a), A,
        why="the inverse is to be transposed")  # fmt: skip
C.right("determinant of a singular matrix", np.linalg.det,
        lambda a: np.array([[4.0, -2.0], [-2.0, 1.0]]),
        np.array([[1.0, 2.0], [2.0, 4.0]]), why="the adjugate")  # fmt: skip
C.both("inverse", inv, lambda a, c: -inv(a).T @ c @ inv(a).T, A)
C.wrong("inverse, not transposed", inv, lambda a, c: -inv(a) @ c @ inv(a), A, why="transposed")
C.both("solve", np.linalg.solve, lambda a, b, c: (
    -inv(a).T @ c @ np.linalg.solve(a, b).T, inv(a).T @ c), A, B)  # fmt: skip
C.wrong("solve, of the matrix the sign", np.linalg.solve, lambda a, b, c: (
    inv(a).T @ c @ np.linalg.solve(a, b).T, inv(a).T @ c), A, B, why="minus is lost")  # fmt: skip
C.wrong("solve, of the transposed system", np.linalg.solve, lambda a, b, c: (
    -inv(a).T @ c @ np.linalg.solve(a, b).T, inv(a) @ c), A, B,
    why="the system is to be transposed")  # fmt: skip
C.both("log of the determinant's size", lambda a: np.linalg.slogdet(a)[1], lambda a: inv(a).T, A)
S = A @ A.T


def half(m):
    out = np.tril(m)
    out[np.diag_indices(len(m))] /= 2
    return out


def cholesky_grad(a, c):
    low = np.linalg.cholesky((a + a.T) / 2)
    inner = inv(low).T @ half(low.T @ c) @ inv(low)
    return (inner + inner.T) / 2


C.both("Cholesky factor", lambda a: np.linalg.cholesky((a + a.T) / 2), cholesky_grad, S)
C.wrong("Cholesky factor, not made symmetric", lambda a: np.linalg.cholesky((a + a.T) / 2),
        lambda a, c: inv(np.linalg.cholesky(a)).T @ half(np.linalg.cholesky(a).T @ c)
        @ inv(np.linalg.cholesky(a)), S, why="half of it is on the wrong side")  # fmt: skip


def projector(a):
    """On the first eigenvector: it has no sign that may flip."""
    v = np.linalg.eigh((a + a.T) / 2)[1][:, 0]
    return np.outer(v, v)


def projector_grad(a, c, gap=1.0):
    w, v = np.linalg.eigh((a + a.T) / 2)
    c = (c + c.T) / 2
    inner = np.zeros_like(a)
    for k in range(1, len(w)):
        inner += (v[:, k] @ c @ v[:, 0]) / (w[0] - w[k]) ** gap * np.outer(v[:, k], v[:, 0])
    return inner + inner.T


C.both("projector on an eigenvector", projector, projector_grad, S)
C.wrong("projector on an eigenvector, gap squared", projector,
        lambda a, c: projector_grad(a, c, 2.0), S, why="gaps count once")  # fmt: skip


def svd_grad(a, c):
    u, _, v = np.linalg.svd(a, full_matrices=False)
    return u * c @ v


C.both("singular values", lambda a: np.linalg.svd(a, compute_uv=False), svd_grad, B)
C.both("nuclear norm", lambda a: np.linalg.svd(a, compute_uv=False).sum(),
       lambda a: svd_grad(a, np.ones(2)), B)  # fmt: skip
C.both("exponential of a matrix", linalg.expm,
       lambda a, c: linalg.expm_frechet(a.T, c, compute_expm=False), A / 3)  # fmt: skip
C.wrong("exponential of a matrix, as if it commuted", linalg.expm,
        lambda a, c: linalg.expm(a.T) @ c, A / 3, why="a and its change do not")  # fmt: skip
C.both("third power of a matrix", lambda a: a @ a @ a,
       lambda a, c: c @ (a @ a).T + a.T @ c @ a.T + (a @ a).T @ c, A)  # fmt: skip
C.wrong("third power of a matrix, middle term lost", lambda a: a @ a @ a,
        lambda a, c: c @ (a @ a).T + (a @ a).T @ c, A,
        why="one of three terms is lost")  # fmt: skip
C.both("trace of a product", lambda a, b: np.trace(a @ b @ b.T),
       lambda a, b: (b @ b.T, (a + a.T) @ b), A, B)  # fmt: skip
C.both("Kronecker product", np.kron, lambda a, b, c: (
    np.einsum("ikjl,kl->ij", c.reshape(2, 4, 2, 2), b),
    np.einsum("ikjl,ij->kl", c.reshape(2, 4, 2, 2), a)), B[:2], B)  # fmt: skip
C.both("least squares", lambda b: np.linalg.lstsq(A[:, :2], b, rcond=None)[0],
       lambda b, c: np.linalg.pinv(A[:, :2]).T @ c, B[:, 0])  # fmt: skip

norm = np.linalg.norm
Z = np.zeros(3)
TIES.kink("norm at 0, 0", norm, np.zeros_like, Z, why="slopes -1 and 1 along each axis")
TIES.kink("norm at 0, a unit vector", norm, lambda x: np.array([0.6, 0.0, 0.8]), Z,
          why="each element lies between -1 and 1")  # fmt: skip
TIES.wrong("norm at 0, nan", norm, lambda x: x / norm(x), Z, why="0/0 is no subgradient")
TIES.wrong("norm at 0, 2", norm, lambda x: np.array([2.0, 0.0, 0.0]), Z, why="beyond -1 and 1")
for d in (1e-3, 1e-9, 1e-150):
    TIES.both(f"norm at {d:g}", norm, lambda x: x / norm(x), d * np.array([0.6, 0.0, 0.8]))
TIES.right("squared norm at 0", lambda x: x @ x, lambda x: 2 * x, Z)
TIES.both("norm with 1e-12 under the root, at 0", lambda x: np.sqrt(x @ x + 1e-12),
          lambda x: x / np.sqrt(x @ x + 1e-12), np.array([1e-6, 0.0, 2e-6]))  # fmt: skip
TIES.kink("sum of absolute values with a 0", lambda x: np.abs(x).sum(), np.sign,
          np.array([1.0, 0.0, -2.0]), why="the second is at a kink")  # fmt: skip
TIES.kink("largest of three, two of them equal", np.max, lambda x: (x == x.max()) / 2.0,
          np.array([2.0, 2.0, 1.0]), why="either may be it")  # fmt: skip
TIES.wrong("largest of three, two equal, the third", np.max, lambda x: np.array([0.0, 0.0, 1.0]),
           np.array([2.0, 2.0, 1.0]), why="the third is not the largest")  # fmt: skip
TIES.both("largest of three, 1e-10 apart", np.max, lambda x: (x == x.max()) * 1.0,
          np.array([2.0, 2.0 + 1e-10, 1.0]))  # fmt: skip
TIES.wrong("largest of three, 1e-10 apart, shared", np.max, lambda x: np.array([0.5, 0.5, 0.0]),
           np.array([2.0, 2.0 + 1e-10, 1.0]), why="the second alone is the largest")  # fmt: skip
TIES.kink("maximum norm with a tie", lambda x: np.abs(x).max(),
          lambda x: np.array([1.0, 0.0, 0.0]), np.array([3.0, -3.0, 1.0]),
          why="either may be it")  # fmt: skip


def unsort(x, c):
    out = np.zeros_like(x)
    out[np.argsort(x, kind="stable")] = c
    return out


D = np.array([0.7, 0.3, 2.0, -1.0])
TIES.both("sorted numbers", np.sort, unsort, D)
TIES.wrong("sorted numbers, in the wrong order", np.sort, lambda x, c: c[np.argsort(x)], D,
           why="the permutation is to be inverted")  # fmt: skip
TIES.kink("sorted numbers with a tie", lambda x: np.sort(x) * np.arange(4.0),
          lambda x, c: unsort(x, c * np.arange(4.0)), np.array([0.5, 1.0, 0.5, 2.0]),
          why="two may change places")  # fmt: skip
TIES.both("median of five", np.median, lambda x: (x == np.median(x)) * 1.0, draws(53, 5))
TIES.kink("median of five with a tie", np.median, lambda x: np.array([0.0, 1.0, 0.0, 0.0, 0.0]),
          np.array([0.0, 1.0, 1.0, 2.0, -1.0]), why="either may be it")  # fmt: skip
TIES.both("the two largest", lambda x: np.sort(x)[-2:].sum(), lambda x: (x > 0.5) * 1.0, D)
TIES.kink("group norms, one of a group of zeros", lambda x: norm(x.reshape(2, 2), axis=1).sum(),
          lambda x: np.array([0.6, 0.8, 0.0, 0.0]), np.array([3.0, 4.0, 0.0, 0.0]),
          why="the second group is at the tip of its cone")  # fmt: skip
TIES.both("cosine of vectors of 1e-6", lambda x, y: x @ y / norm(x) / norm(y),
          lambda x, y: (y / norm(x) / norm(y) - x * (x @ y) / norm(x) ** 3 / norm(y),
                        x / norm(x) / norm(y) - y * (x @ y) / norm(y) ** 3 / norm(x)),
          1e-6 * draws(54, 3), 1e-6 * draws(55, 3))  # fmt: skip
CASES = [*C, *TIES]
