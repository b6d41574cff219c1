"""The public names: what each module promises to those who import it.

`python -m tests.architecture.public_names` writes the checked-in list anew.
"""

import importlib
import importlib.util
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from tests.architecture.paths import PACKAGE, module_name

SNAPSHOT = Path(__file__).with_name("public_names.txt")
REFRESH = "python -m tests.architecture.public_names"
# Packages of an extra: their names are taken from the list where that is not installed.
EXTRAS = {"tinygrad_nn.sklearn": "sklearn", "tinygrad_nn.compiler.kernels.loops": "llvmlite"}


def promising_modules(package: Path) -> Iterator[str]:
    """Names of the package, of its subpackages, and of the modules right below it."""
    for file in sorted({*package.rglob("__init__.py"), *package.glob("*.py")}):
        if file.stem != "__main__":
            yield module_name(file)


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
    modules = list(promising_modules(PACKAGE))
    absent = [m for m in modules if is_missing(m)]
    kept = SNAPSHOT.read_text("utf-8").split() if absent else []
    unseen = [name for name in kept if name.rpartition(".")[0] in absent]
    return sorted([*names(importlib.import_module(m) for m in modules if m not in absent), *unseen])


def difference(kept: Iterable[str], found: Iterable[str]) -> list[str]:
    kept, found = set(kept), set(found)
    return sorted([f"- {name}" for name in kept - found] + [f"+ {name}" for name in found - kept])


if __name__ == "__main__":
    SNAPSHOT.write_text("".join(f"{name}\n" for name in current()), "utf-8")
    print(f"wrote {SNAPSHOT}")
