"""Where the repository and the package are."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "tinygrad_nn"


def module_name(path: Path, package: Path = PACKAGE) -> str:
    """The dotted name of a file of the package, `a/b/__init__.py` being `a.b`."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
