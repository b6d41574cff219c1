"""`python -m tests.testing.comparison.sizes`: time of a check of Jacobians above 100 x 100."""

from __future__ import annotations

import json
import warnings
from time import process_time
from typing import Any

import numpy as np

from tests.testing.comparison.checkers import CHECKERS
from tests.testing.corpus.case import Case, Category, draws

COMPARED = ("ours", "PyTorch", "PyTorch, fast")
_ROUNDS = 3


def _softmax(z: Any) -> Any:
    e = np.exp(z - z.max())
    return e / e.sum()


def _normal(z: Any) -> Any:
    y = z - z.mean()
    return y / np.sqrt((y * y).mean() + 1e-5)


def _normal_grad(z: Any, c: Any) -> Any:
    y = z - z.mean()
    s = np.sqrt((y * y).mean() + 1e-5)
    return (c - c.mean() - y / s * (c * y / s).mean()) / s


def cases() -> list[Case]:
    """Five functions, from 128 x 128 to 400 x 300."""
    found = Category("sizes")

    def through(name: str, rows: int, columns: int, f: Any, pull: Any) -> None:
        a, x = draws(rows, rows, columns) / np.sqrt(columns), draws(columns, columns)
        found.right(f"{name}, {rows} x {columns}", lambda x: f(a @ x),
                    lambda x, c: a.T @ pull(a @ x, c), x)  # fmt: skip

    through("tanh of a linear map", 128, 128, np.tanh, lambda z, c: c * (1 - np.tanh(z) ** 2))
    through("softmax of a linear map", 200, 150, _softmax,
            lambda z, c: _softmax(z) * (c - _softmax(z) @ c))  # fmt: skip
    through("normalised linear map", 256, 200, _normal, _normal_grad)
    through("exp of sines of a linear map", 300, 300, lambda z: np.exp(np.sin(z)),
            lambda z, c: c * np.cos(z) * np.exp(np.sin(z)))  # fmt: skip
    through("linear map", 400, 300, lambda z: z * 1.0, lambda z, c: c)
    return list(found)


def measured() -> list[dict[str, Any]]:
    """Seconds of each checker on each function, the least of some rounds in turn."""
    checks = {name: CHECKERS[name]() for name in COMPARED}
    rows = []
    for case in cases():
        best = dict.fromkeys(COMPARED, np.inf)
        for _ in range(_ROUNDS):
            for name, check in checks.items():
                start = process_time()
                said, text = check(case)
                best[name] = min(best[name], process_time() - start)
                assert said.name == "PASS", (name, case.name, text)
        rows.append({"name": case.name, "seconds": best})
    return rows


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    print(json.dumps(measured()))
