"""Where building the site keeps the pages of the tutorial that it ran, by a hash of their cells."""

from pathlib import Path

__all__ = ["EXECUTED"]

EXECUTED = Path(__file__).resolve().parents[1] / "build" / "executed-pages"
