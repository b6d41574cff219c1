"""Rules that are not linear in their cotangent: right for some, wrong for others."""

from __future__ import annotations

import numpy as np

from tests.testing.corpus.case import Category, draws

C = Category("not linear in the cotangent")
X = draws(11, 4)


def rule(name, bent, why, x=X):
    """Exp, whose cotangent is bent first."""
    C.wrong(name, np.exp, lambda x, c: bent(c) * np.exp(x), x, why=why)


C.both("cotangent passed on", np.exp, lambda x, c: c * np.exp(x), X)
rule("cotangent left out", np.ones_like, "right for ones only")
rule("square of the cotangent", lambda c: c * c, "right for 0 and 1 only")
rule("absolute cotangent", np.abs, "wrong below 0")
rule("positive part of the cotangent", lambda c: np.maximum(c, 0), "wrong below 0")
rule("sign of the cotangent", np.sign, "right for -1, 0 and 1 only")
rule("cotangent clipped at 1", lambda c: np.clip(c, -1, 1), "wrong beyond 1")
rule("cotangent clipped at 100", lambda c: np.clip(c, -100, 100), "wrong beyond 100")
rule("cotangent plus 0.001", lambda c: c + 1e-3, "not 0 for 0")
rule("cotangent 1 % larger below 0", lambda c: np.where(c < 0, 1.01 * c, c), "wrong below 0")
rule("cotangent thresholded at 0.1", lambda c: np.where(np.abs(c) < 0.1, 0, c), "lost if small")
rule("sine of the cotangent", np.sin, "right for small ones only")
rule("cotangent normalised", lambda c: c / max(np.linalg.norm(c), 1e-30), "its length is lost")
rule("cotangent not nan", lambda c: 0 * c + 1 if np.all(c == c[0]) else c, "for equal ones only")
rule("mean of the cotangent", lambda c: np.full_like(c, c.mean()), "linear, but not the derivative")
rule("first of the cotangent", lambda c: np.full_like(c, c[0]), "linear, but not the derivative")
rule("cotangent reversed", lambda c: c[::-1], "linear, but not the derivative")
rule("mean of a cotangent of 150", np.abs, "wrong below 0", draws(12, 150))
rule("largest of the cotangent added", lambda c: c + 1e-2 * np.abs(c).max(), "not linear")
C.wrong("a branch for one-hot cotangents", lambda x: np.cumsum(x**2),
        lambda x, c: 2 * x * (np.cumsum(c[::-1])[::-1] if (c != 0).sum() == 1 else c), X,
        why="right for one output at a time only")  # fmt: skip
C.both("sum in pairs", lambda x: x[::2] * x[1::2],
       lambda x, c: np.stack([c * x[1::2], c * x[::2]], -1).ravel(), X)  # fmt: skip
CASES = C
