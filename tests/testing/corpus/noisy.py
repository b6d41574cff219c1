"""Noise: added, of solvers that stop somewhere, of rounding, of cancellation."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, always, draws, noise

C = Category("noise")

for level, factor in ((1e-12, 1.001), (1e-10, 1.01), (1e-8, 1.01), (1e-6, 1.1), (1e-4, 1.5)):
    C.both(
        f"x^2 with noise of {level:g}", lambda x, level=level: x * x + level * noise(x),
        lambda x: 2 * x, 1.3, factor=factor, why="the slope of what the noise lies upon",
    )  # fmt: skip
    C.both(
        f"exp of a vector with noise of {level:g}",
        lambda x, level=level: np.exp(x) * (1 + level * noise(x)), lambda x, c: c * np.exp(x),
        np.array([-0.5, 0.2, 1.1]), factor=factor, why="the slope of what the noise lies upon",
    )  # fmt: skip
C.undecidable(
    "a slope of 1e-6 under noise of 1", lambda x: 1e-6 * np.sin(x) + noise(x),
    lambda x: 1e-6 * np.cos(x), 0.3, why="the function is noise",
)  # fmt: skip
C.undecidable("nothing but noise", noise, always(0.5), 1.7, why="it is noise")


def newton(a):
    x = np.asarray(a, float)
    while abs(x * x - a) > 1e-7 * a:
        x = (x + a / x) / 2
    return x


def bisected(a):
    low, high = 0.0, 10.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if middle**3 < a else (low, middle)
    return np.float64((low + high) / 2)


def fixed_point(a):
    x = 0.0
    for _ in range(60):
        x = np.cos(a * x)
    return np.float64(x)


def fixed_point_grad(a):
    x = fixed_point(a)
    return -np.sin(a * x) * x / (1 + a * np.sin(a * x))


def series(x):
    total, term, n = 0.0, 1.0, 0
    while abs(term) > 1e-9:
        total, n = total + term, n + 1
        term = term * x / n
    return np.float64(total)


def euler(a):
    """Of y' = -a y, which has a derivative of its own."""
    y = 1.0
    for _ in range(100):
        y = y - 0.01 * a * y
    return np.float64(y)


MATRIX = draws(3, 6, 6) @ draws(3, 6, 6).T + 6 * np.eye(6)


def conjugate(b):
    """Solution of MATRIX x = b, to 1e-8."""
    x, r = np.zeros_like(b), b.copy()
    p = r
    while r @ r > 1e-16 * (b @ b):
        q = MATRIX @ p
        step = (r @ r) / (p @ q)
        x, last = x + step * p, r
        r = r - step * q
        p = r + (r @ r) / (last @ last) * p
    return x


def powered(a):
    """Largest eigenvalue, by iteration until rounding stops it."""
    v, last, value = np.ones(len(a)), 0.0, 1.0
    while abs(value - last) > 1e-15 * abs(value):
        w = a @ v
        v, last, value = w / np.linalg.norm(w), value, v @ w / (v @ v)
    return np.float64(value)


def powered_grad(a):
    v = np.linalg.eigh(a)[1][:, -1]
    return np.outer(v, v)


def quadrature(a):
    """Integral of exp(-a t^2) over [0, 1] by Simpson's rule."""
    t = np.linspace(0, 1, 2001)
    w = np.where(np.arange(2001) % 2, 4.0, 2.0)
    w[[0, -1]] = 1.0
    return np.float64(w @ np.exp(-a * t * t) / 6000)


def quadrature_grad(a):
    t = np.linspace(0, 1, 200001)
    return np.float64(-np.trapezoid(t * t * np.exp(-a * t * t), t))


C.both("square root by Newton's method", newton, lambda a: 0.5 / np.sqrt(a), 7.3,
       why="stopping at 1e-7 leaves an error that changes smoothly")  # fmt: skip
C.both("cube root by bisection", bisected, lambda a: np.cbrt(a) / 3 / a, 5.0,
       why="stopping at 1e-9 leaves noise of that size")  # fmt: skip
C.both("fixed point of cos(a x)", fixed_point, fixed_point_grad, 0.9, factor=-1.0)
C.both("exp as a series that stops at 1e-9", series, np.exp, 1.7,
       why="stopping leaves an error of 1e-9 of the slope")  # fmt: skip
C.both("Euler's method", euler, lambda a: -((1 - 0.01 * a) ** 99), 1.5, factor=1.02)
C.wrong("Euler's method, of the equation instead", euler, lambda a: -np.exp(-a), 1.5,
        why="the method's derivative is 1 % less than the equation's")  # fmt: skip
C.both("conjugate gradients", conjugate, lambda b, c: np.linalg.solve(MATRIX, c), draws(4, 6),
       why="stopping at 1e-8 leaves noise of that size")  # fmt: skip
C.both("largest eigenvalue by iteration", powered, powered_grad, MATRIX, factor=1.1,
       why="the slope of the limit, of which rounding is left")  # fmt: skip
C.both("Simpson's rule", quadrature, quadrature_grad, 1.2)
C.both("float32 inside", lambda x: np.float64(np.sin(np.float32(x) * np.float32(3))),
       lambda x: 3 * np.cos(3 * x), 0.8, why="the slope of what float32 rounds")  # fmt: skip
C.both("rounded to ten digits", lambda x: np.round(np.sin(x), 10), np.cos, 0.6,
       why="the slope of what is rounded")  # fmt: skip
C.both("rounded to six digits", lambda x: np.round(np.exp(x), 6), np.exp, 0.4, factor=1.1,
       why="the slope of what is rounded")  # fmt: skip
C.both("sum and difference of 1e6", lambda x: (np.sin(x) + 1e6) - 1e6, np.cos, 0.6,
       why="noise of 1e-10")  # fmt: skip
C.both("sum and difference of 1e10", lambda x: (np.sin(x) + 1e10) - 1e10, np.cos, 0.6, factor=1.2,
       why="noise of 1e-6")  # fmt: skip
C.both("(1 - cos x)/x^2 at 0.01", lambda x: (1 - np.cos(x)) / x**2,
       lambda x: -x / 12 + x**3 / 180, 1e-2, factor=-1.0,
       why="cancellation leaves 1e-12 of noise")  # fmt: skip
C.both("(exp(x) - 1)/x at 0.0001", lambda x: (np.exp(x) - 1) / x,
       lambda x: 0.5 + x / 3 + x * x / 8, 1e-4)  # fmt: skip
C.both("sqrt(x + 1) - sqrt(x) at 1e6", lambda x: np.sqrt(x + 1) - np.sqrt(x),
       lambda x: -0.5 / (np.sqrt(x) * np.sqrt(x + 1) * (np.sqrt(x) + np.sqrt(x + 1))), 1e6,
       factor=-1.0, why="cancellation leaves 1e-10 of 0.5e-3")  # fmt: skip


def expanded(x):
    return x**6 - 6 * x**5 + 15 * x**4 - 20 * x**3 + 15 * x**2 - 6 * x + 1


C.both("(x - 1)^6, expanded, at 1.3", expanded, lambda x: 6 * (x - 1) ** 5, 1.3)
C.both("variance as a difference of moments", lambda x: (x * x).mean() - x.mean() ** 2,
       lambda x: 2 * (x - x.mean()) / x.size, 1e4 + draws(5, 5), factor=-1.0,
       why="noise of 1e-8 beside a variance of 1")  # fmt: skip
CASES = C
