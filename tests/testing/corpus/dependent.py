"""Inputs that depend on one another: the same array twice, symmetric matrices, constraints."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, always, draws

C = Category("dependent inputs")
X = draws(13, 4)
S = draws(14, 3, 3)
S = S + S.T + np.diag([4.0, 8.0, 12.0])

C.right("the same array twice", lambda a, b: a * b, lambda a, b, c: (c * b, c * a), X, X,
        why="each place counts by itself")  # fmt: skip
C.wrong("the same array twice, both at once", lambda a, b: a * b,
        lambda a, b, c: (2 * c * a, 2 * c * a), X, X,
        why="each place counts by itself")  # fmt: skip
VIEW = draws(15, 6)
C.both("an array and a view of it", lambda a, b: (a[:3] * b).sum(),
       lambda a, b: (np.concatenate([b, np.zeros(3)]), a[:3].copy()), VIEW, VIEW[::2])  # fmt: skip
C.both("an array and its transpose", lambda a, b: np.trace(a @ b), lambda a, b: (b.T, a.T), S, S.T)


def eigenvalues(a):
    return np.linalg.eigvalsh(a)


def of_both(a, c):
    _, v = np.linalg.eigh(a)
    return (v * c) @ v.T


def of_lower(a, c):
    whole = of_both(a, c)
    return np.tril(whole + whole.T, -1) + np.diag(np.diag(whole))


C.both("eigenvalues of the symmetric part", lambda a: eigenvalues((a + a.T) / 2), of_both, S)
C.both("eigenvalues, read from the lower half", eigenvalues, of_lower, S)
C.wrong("eigenvalues, as if both halves were read", eigenvalues, of_both, S,
        why="the upper half is never read, so its slopes are 0")  # fmt: skip
C.both("quadratic form in its matrix", lambda a: X[:3] @ a @ X[:3],
       lambda a: np.outer(X[:3], X[:3]), S)  # fmt: skip
C.wrong("quadratic form in its vector, of a symmetric matrix", lambda x: x @ np.triu(S) @ x,
        lambda x: 2 * np.triu(S) @ x, X[:3], why="the matrix is not symmetric")  # fmt: skip
C.both("log det of a symmetric matrix", lambda a: np.linalg.slogdet((a + a.T) / 2)[1],
       np.linalg.inv, S)  # fmt: skip


def unit(x):
    return x / np.linalg.norm(x)


C.both("projection to the sphere", unit,
       lambda x, c: (c - unit(x) * (unit(x) @ c)) / np.linalg.norm(x), unit(X))  # fmt: skip
C.wrong("projection to the sphere, as if it were one", unit, lambda x, c: c, unit(X),
        why="the radial part is lost")  # fmt: skip


def onto_simplex(p):
    p = p / p.sum()
    return (p * p).sum()


def onto_simplex_grad(p):
    s = p.sum()
    q = p / s
    return 2 * (q - (q * q).sum()) / s


P = np.array([0.1, 0.2, 0.7])
C.both("probabilities, normalised", onto_simplex, onto_simplex_grad, P)
C.wrong("probabilities, sum taken as constant", onto_simplex, lambda p: 2 * p / p.sum() ** 2, P,
        why="a step changes the sum")  # fmt: skip


def symmetric_only(a):
    if not np.array_equal(a, a.T):
        raise ValueError("expected a symmetric matrix")
    return np.trace(a @ a)


C.undecidable("a function that raises for asymmetric matrices", symmetric_only,
              lambda a: 2 * a, S, why="no element moves alone")  # fmt: skip
C.right("diagonal alone of a matrix that must be symmetric",
        lambda d: symmetric_only(np.diag(d)), lambda d: 2 * d, X)  # fmt: skip
C.right("one input unused", lambda a, b: (a * a).sum(), lambda a, b: (2 * a, np.zeros_like(b)),
        X, X, why="of b the slope is 0")  # fmt: skip
C.wrong("one input unused, but a gradient", lambda a, b: (a * a).sum(),
        lambda a, b: (2 * a, 2 * b), X, X, why="of b the slope is 0")  # fmt: skip
C.right("difference of an array and itself", lambda a, b: np.abs(a - b).sum() * 0 + (a - b).sum(),
        lambda a, b: (np.ones_like(a), -np.ones_like(b)), X, X)  # fmt: skip
C.kink("distance of an array and itself", lambda a, b: np.abs(a - b).sum(),
       lambda a, b: (np.zeros_like(a), np.zeros_like(b)), X, X,
       why="each element is at a kink of abs")  # fmt: skip
C.both("a number and twice that number", lambda a, b: a**2 * b, lambda a, b: (2 * a * b, a * a),
       1.5, 3.0, factor=-1.0)  # fmt: skip
C.wrong("a number twice, summed into the first", lambda a, b: a * b,
        lambda a, b: (a + b, always(0.0)()), 1.5, 1.5, why="each place counts")  # fmt: skip
CASES = C
