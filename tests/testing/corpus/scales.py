"""Ill-conditioned functions, mixed scales, oscillation."""

from __future__ import annotations

import numpy as np
from scipy import linalg

from tests.testing.corpus.case import Category, always, draws

ILL = Category("ill-conditioned")
MIXED = Category("mixed scales")
WAVES = Category("oscillation")

HILBERT = linalg.hilbert(6)
ILL.both("solve with Hilbert's matrix", lambda b: np.linalg.solve(HILBERT, b),
         lambda b, c: np.linalg.solve(HILBERT.T, c), np.ones(6))  # fmt: skip
NARROW = np.diag(10.0 ** np.arange(-5, 6, 2))
ILL.both("quadratic form of 1e10", lambda x: x @ NARROW @ x, lambda x: 2 * NARROW @ x, np.ones(6))
ILL.both("diagonal form of 1e10, each by itself", lambda x: NARROW @ x * x,
         lambda x, c: 2 * np.diag(NARROW) * x * c, np.ones(6))  # fmt: skip
ILL.both("inverse of a nearly singular matrix", np.linalg.inv,
         lambda a, c: -np.linalg.inv(a).T @ c @ np.linalg.inv(a).T,
         np.array([[1.0, 2.0], [2.0, 4.0 + 1e-4]]))  # fmt: skip


def logsumexp(x):
    top = x.max()
    return top + np.log(np.exp(x - top).sum())


def weights(x):
    e = np.exp(x - x.max())
    return e / e.sum()


ILL.both("log sum exp of 700, 699, 690", logsumexp, weights, np.array([700.0, 699.0, 690.0]))
ILL.both("Vandermonde determinant", lambda x: np.prod([x[j] - x[i] for j in range(4) for i in
         range(j)]), lambda x: np.array([np.prod([x[j] - x[i] for j in range(4) for i in range(j)])
         * sum(1 / (x[k] - x[i]) for i in range(4) if i != k) for k in range(4)]),
         np.array([1.0, 1.001, 1.003, 1.007]))  # fmt: skip
ILL.both("Rosenbrock's valley", lambda x: 100 * (x[1] - x[0] ** 2) ** 2 + (1 - x[0]) ** 2,
         lambda x: np.array([-400 * x[0] * (x[1] - x[0] ** 2) - 2 * (1 - x[0]),
                             200 * (x[1] - x[0] ** 2)]), np.array([0.99, 0.981]))  # fmt: skip
ILL.both("x^20 at 1.5", lambda x: x**20, lambda x: 20 * x**19, 1.5)
ILL.both("x^200 at 1.1", lambda x: x**200, lambda x: 200 * x**199, 1.1)
ILL.both("exp(exp(exp(x))) at 1", lambda x: np.exp(np.exp(np.exp(x))),
         lambda x: np.exp(np.exp(np.exp(x))) * np.exp(np.exp(x)) * np.exp(x), 1.0)  # fmt: skip
ILL.both("difference of close exponentials", lambda x: np.exp(x[0]) - np.exp(x[1]),
         lambda x: np.array([np.exp(x[0]), -np.exp(x[1])]),
         np.array([20.0, 20.0 + 1e-9]))  # fmt: skip


def logistic_map(x):
    for _ in range(20):
        x = 3.9 * x * (1 - x)
    return x


def logistic_slope(x):
    slope = 1.0
    for _ in range(20):
        x, slope = 3.9 * x * (1 - x), slope * 3.9 * (1 - 2 * x)
    return slope


ILL.both("twenty steps of a chaotic map", logistic_map, logistic_slope, 0.3)
PAIR = np.diag([1.0, 1.0 + 1e-6, 3.0])
ILL.both("eigenvalues 1e-6 apart", lambda a: np.linalg.eigvalsh((a + a.T) / 2),
         lambda a, c: np.diag(c), PAIR, why="eigenvectors are the axes")  # fmt: skip

WIDE = np.array([1e-8, 1.0, 1e8])
MIXED.both("squares of 1e-8, 1 and 1e8", lambda x: x * x, lambda x, c: 2 * x * c, WIDE)
MIXED.both("sum of logs of 1e-8, 1 and 1e8", lambda x: np.log(x).sum(), lambda x: 1 / x, WIDE)
MIXED.wrong(
    "sum of logs, of 1e8 1 % off", lambda x: np.log(x).sum(),
    lambda x: np.array([1.0, 1.0, 1.01]) / x, WIDE, why="1 % off in a slope of 1e-8",
)  # fmt: skip
MIXED.both("product of 1e-8, 1 and 1e8", lambda x: x.prod(), lambda x: x.prod() / x, WIDE)
MIXED.both("sines of waves of 1e-6, 1 and 1e6", lambda x: np.sin(x / WIDE),
           lambda x, c: c * np.cos(x / WIDE) / WIDE, 0.3 * WIDE)  # fmt: skip
MIXED.both("1e8 sin(x)", lambda x: 1e8 * np.sin(x), lambda x: 1e8 * np.cos(x), 1.1, factor=1.0001)
MIXED.both("1e-12 x^2", lambda x: 1e-12 * x * x, lambda x: 2e-12 * x, 0.7, factor=1.0001)
MIXED.wrong("1e-12 x^2, 0", lambda x: 1e-12 * x * x, always(0.0), 0.7, why="it is 1.4e-12")
MIXED.both("x at 1e20, squared", lambda x: x * x, lambda x: 2 * x, 1e20)
MIXED.both("x at 1e-150, squared", lambda x: x * x, lambda x: 2 * x, 1e-150)
MIXED.both("x at 1e-30, sine", np.sin, np.cos, 1e-30)
MIXED.both("exp(-x/1e9) at 1e9", lambda x: np.exp(-x / 1e9), lambda x: -np.exp(-x / 1e9) / 1e9, 1e9)
MIXED.both("exp(1e9 x) at 1e-9", lambda x: np.exp(1e9 * x), lambda x: 1e9 * np.exp(1e9 * x), 1e-9)
MIXED.both("arctan(1e7 x) at 1e-8", lambda x: np.arctan(1e7 * x),
           lambda x: 1e7 / (1 + (1e7 * x) ** 2), 1e-8)  # fmt: skip
MIXED.both("1e10 a + b", lambda x: 1e10 * x[0] + np.sin(x[1]),
           lambda x: np.array([1e10, np.cos(x[1])]), np.array([1.0, 2.0]), factor=-1.0)  # fmt: skip
MIXED.wrong("1e10 a + b, of b 0", lambda x: 1e10 * x[0] + np.sin(x[1]),
            lambda x: np.array([1e10, 0.0]), np.array([1.0, 2.0]),
            why="of b it is -0.4, which a sum of 1e10 still shows")  # fmt: skip
MIXED.both("outputs of 1e-10 and 1e10", lambda x: np.array([1e-10, 1e10]) * np.exp(x),
           lambda x, c: (c * np.array([1e-10, 1e10])).sum() * np.exp(x), 0.2)  # fmt: skip
MIXED.wrong("outputs of 1e-10 and 1e10, the small one lost",
            lambda x: np.array([1e-10, 1e10]) * np.exp(x), lambda x, c: c[1] * 1e10 * np.exp(x),
            0.2, why="the slope of the first output is 1.2e-10, not 0")  # fmt: skip
MIXED.both("lorentzian of width 1e-5", lambda x: 1 / (1 + (x / 1e-5) ** 2),
           lambda x: -2 * x / 1e-10 / (1 + (x / 1e-5) ** 2) ** 2, 2e-5)  # fmt: skip
MIXED.both("a bump of width 1e-7 at 1", lambda x: np.exp(-(((x - 1) / 1e-7) ** 2)),
           lambda x: -2e14 * (x - 1) * np.exp(-(((x - 1) / 1e-7) ** 2)), 1 + 2.0**-24)  # fmt: skip
MIXED.both("sin at 1e6", np.sin, np.cos, 1e6)
MIXED.both("cos at 1e12", np.cos, lambda x: -np.sin(x), 1e12)

for w in (1e3, 1e6, 1e9):
    WAVES.both(f"sin({w:g} x)", lambda x, w=w: np.sin(w * x), lambda x, w=w: w * np.cos(w * x), 0.3)
WAVES.both("x + 1e-6 sin(1e6 x)", lambda x: x + 1e-6 * np.sin(1e6 * x),
           lambda x: 1 + np.cos(1e6 * x), 0.7)  # fmt: skip
WAVES.wrong("x + 1e-6 sin(1e6 x), of the straight part", lambda x: x + 1e-6 * np.sin(1e6 * x),
            always(1.0), 0.7, why="close by the ripple adds cos(7e5)")  # fmt: skip
WAVES.both("x^2 + 1e-9 sin(1e9 x)", lambda x: x * x + 1e-9 * np.sin(1e9 * x),
           lambda x: 2 * x + np.cos(1e9 * x), 0.7, factor=1.05)  # fmt: skip
WAVES.both("sin(1/x) at 0.01", lambda x: np.sin(1 / x), lambda x: -np.cos(1 / x) / x**2, 1e-2)
WAVES.both("sin(1/x) at 0.0001", lambda x: np.sin(1 / x), lambda x: -np.cos(1 / x) / x**2, 1e-4)
WAVES.both("sin(x^2) at 1000", lambda x: np.sin(x * x), lambda x: 2 * x * np.cos(x * x), 1e3)


def weierstrass(x):
    return sum(0.5**k * np.cos(7.0**k * np.pi * x) for k in range(9))


def weierstrass_slope(x):
    return sum(-(3.5**k) * np.pi * np.sin(7.0**k * np.pi * x) for k in range(9))


WAVES.both("nine terms of Weierstrass's sum", weierstrass, weierstrass_slope, 0.2)
WAVES.both("Chebyshev's polynomial of degree 99", lambda x: np.cos(99 * np.arccos(x)),
           lambda x: 99 * np.sin(99 * np.arccos(x)) / np.sqrt(1 - x * x), 0.95)  # fmt: skip
WAVES.both("a wave in a bell", lambda x: np.exp(-x * x) * np.sin(1e4 * x),
           lambda x: np.exp(-x * x) * (1e4 * np.cos(1e4 * x) - 2 * x * np.sin(1e4 * x)),
           0.5)  # fmt: skip
WAVES.both("sines of a vector of frequencies", lambda x: np.sin(np.array([1.0, 1e2, 1e4]) * x),
           lambda x, c: c * np.array([1.0, 1e2, 1e4]) * np.cos(np.array([1.0, 1e2, 1e4]) * x),
           draws(8, 3))  # fmt: skip
WAVES.both("exp(-1e4 x^2) cos(300 x)", lambda x: np.exp(-1e4 * x * x) * np.cos(300 * x),
           lambda x: np.exp(-1e4 * x * x) * (-2e4 * x * np.cos(300 * x) - 300 * np.sin(300 * x)),
           7e-3)  # fmt: skip
CASES = [*ILL, *MIXED, *WAVES]
