"""Functions and gradients of which mathematics knows the truth, for checkers to be tried on."""

from __future__ import annotations

from tests.testing.corpus import (
    algebra,
    cotangents,
    dependent,
    hostile,
    kinks,
    large,
    mistakes,
    noisy,
    plateaus,
    poles,
    precision,
    scales,
    second,
)
from tests.testing.corpus.case import Case, Truth

__all__ = ["CASES", "Case", "Truth"]

_MODULES = (
    kinks, poles, plateaus, noisy, scales, precision, mistakes, cotangents, dependent, large,
    algebra, hostile, second,
)  # fmt: skip

CASES: list[Case] = [case for module in _MODULES for case in module.CASES]
"""All of them, by category."""
