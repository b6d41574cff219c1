"""Second order: gradients as functions, and what is claimed to be their derivative."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, always, draws

C = Category("second order")
X = draws(71, 4)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x):
    e = np.exp(x - x.max())
    return e / e.sum()


C.both("gradient of a sum of cubes", lambda x: 3 * x * x, lambda x, c: 6 * x * c, X)
C.wrong("gradient of a sum of cubes, 3 for 6", lambda x: 3 * x * x, lambda x, c: 3 * x * c, X,
        why="the 2 of the power is lost")  # fmt: skip


def rosenbrock(x):
    """Its gradient."""
    a, b = x
    return np.array([-400 * a * (b - a * a) - 2 * (1 - a), 200 * (b - a * a)])


def rosenbrock_hessian(x):
    a, b = x
    return np.array([[1200 * a * a - 400 * b + 2, -400 * a], [-400 * a, 200.0]])


R = np.array([-1.2, 1.0])
C.both("gradient of Rosenbrock's function", rosenbrock, lambda x, c: rosenbrock_hessian(x) @ c, R)
C.wrong("gradient of Rosenbrock's function, diagonal only", rosenbrock,
        lambda x, c: np.diag(rosenbrock_hessian(x)) * c, R, why="mixed terms are lost")  # fmt: skip
C.wrong("gradient of Rosenbrock's function, upper half", rosenbrock,
        lambda x, c: np.triu(rosenbrock_hessian(x)).T @ c, R, why="half of them lost")  # fmt: skip
DATA = draws(72, 9, 4)


def logistic(w):
    return DATA.T @ (sigmoid(DATA @ w) - 0.5)


def logistic_hessian(w):
    p = sigmoid(DATA @ w)
    return DATA.T * (p * (1 - p)) @ DATA


C.both("gradient of logistic regression", logistic, lambda w, c: logistic_hessian(w) @ c, X)
C.wrong("gradient of logistic regression, variance left out", logistic,
        lambda w, c: DATA.T @ DATA @ c / 4, X, why="that is a bound only")  # fmt: skip
C.both("gradient of log sum exp", softmax,
       lambda x, c: softmax(x) * (c - softmax(x) @ c), X)  # fmt: skip
C.wrong("gradient of log sum exp, only the diagonal", softmax, lambda x, c: softmax(x) * c, X,
        why="the outer product is lost")  # fmt: skip
C.both("gradient of the norm", lambda x: x / np.linalg.norm(x),
       lambda x, c: (c - x * (x @ c) / (x @ x)) / np.linalg.norm(x), X)  # fmt: skip
C.kink("gradient of relu squared at 0", lambda x: 2 * np.maximum(x, 0), always(0.0), 0.0,
       why="the second derivative is 0 or 2")  # fmt: skip
C.kink("gradient of huber at its change", lambda x: np.clip(x, -1, 1), always(1.0), 1.0,
       why="the second derivative is 1 or 0")  # fmt: skip
C.kink("gradient of x abs(x) at 0", lambda x: 2 * np.abs(x), always(0.0), 0.0,
       why="the second derivative is -2 or 2")  # fmt: skip
C.both("gradient of tanh", lambda x: 1 - np.tanh(x) ** 2,
       lambda x, c: -2 * np.tanh(x) * (1 - np.tanh(x) ** 2) * c, X)  # fmt: skip
C.wrong("gradient of tanh, inner derivative lost", lambda x: 1 - np.tanh(x) ** 2,
        lambda x, c: -2 * np.tanh(x) * c, X, why="right at first order only")  # fmt: skip


def backward(x, c):
    """Of exp(x) * x, with its cotangent as an input."""
    return c * (1 + x) * np.exp(x)


C.both("a rule and its cotangent", backward,
       lambda x, c, d: (d * c * (2 + x) * np.exp(x), d * (1 + x) * np.exp(x)), X,
       draws(73, 4))  # fmt: skip
C.wrong("a rule and its cotangent, which is taken as constant", backward,
        lambda x, c, d: (d * c * (2 + x) * np.exp(x), 0 * c), X, draws(73, 4),
        why="the rule is linear in it")  # fmt: skip
C.both("differences of second order of a spline", lambda x: np.maximum(x, 0) ** 2 * 3,
       lambda x, c: 6 * np.maximum(x, 0) * c, np.array([-1.0, 0.5, 2.0]))  # fmt: skip
C.both("Hessian of x^4/12, at 0.001", lambda x: x * x, lambda x: 2 * x, 1e-3)
CASES = C
