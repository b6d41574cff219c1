"""The public names: what each module promises to those who import it.

`python docs/public_names.py` writes the checked-in list anew.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

__all__ = [
    "REFRESH",
    "SNAPSHOT",
    "current",
    "difference",
    "is_missing",
    "module_name",
    "names",
    "promised",
    "promising_modules",
]

HERE = Path(__file__).resolve().parent
PACKAGE = HERE.parent / "tinygrad_nn"
SNAPSHOT = HERE / "public_names.txt"
REFRESH = "python docs/public_names.py"
# Packages of an extra: their names are taken from the list where that is not installed.
EXTRAS = {"tinygrad_nn.sklearn": "sklearn", "tinygrad_nn.compiler.kernels.loops": "llvmlite"}


def module_name(path: Path, package: Path = PACKAGE) -> str:
    """The dotted name of a file of the package, `a/b/__init__.py` being `a.b`."""
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def promising_modules(package: Path = PACKAGE) -> Iterator[str]:
    """Names of the package, of its subpackages, and of the modules right below it."""
    for file in sorted({*package.rglob("__init__.py"), *package.glob("*.py")}):
        if file.stem != "__main__":
            yield module_name(file, package)


def promised(module: ModuleType) -> list[str]:
    """What a star import brings: `__all__`, or what a package without one re-exports.

    A plain module without `__all__` promises nothing: what it imported is not its own.
    """
    if hasattr(module, "__all__"):
        return list(module.__all__)
    if not hasattr(module, "__path__"):
        return []
    found = vars(module).items()
    return [n for n, value in found if not n.startswith("_") and not isinstance(value, ModuleType)]


def names(modules: Iterable[ModuleType]) -> list[str]:
    """One line a public name, sorted."""
    return sorted(f"{module.__name__}.{name}" for module in modules for name in promised(module))


def is_missing(module: str) -> bool:
    """Whether a module needs an extra that is not installed."""
    return module in EXTRAS and importlib.util.find_spec(EXTRAS[module]) is None


def current() -> list[str]:
    """The list as it is to be now."""
    modules = list(promising_modules())
    absent = [m for m in modules if is_missing(m)]
    kept = SNAPSHOT.read_text("utf-8").split() if absent else []
    unseen = [name for name in kept if name.rpartition(".")[0] in absent]
    return sorted([*names(importlib.import_module(m) for m in modules if m not in absent), *unseen])


def difference(kept: Iterable[str], found: Iterable[str]) -> list[str]:
    """What is gone and what is new."""
    old, new = set(kept), set(found)
    return sorted([f"- {name}" for name in old - new] + [f"+ {name}" for name in new - old])


def main() -> None:
    """Write the list."""
    argparse.ArgumentParser(description="Write the list of public names anew.").parse_args()
    SNAPSHOT.write_text("".join(f"{name}\n" for name in current()), "utf-8")
    print(f"wrote {SNAPSHOT.relative_to(HERE.parent)}")


if __name__ == "__main__":
    main()
