"""A function by its name: `package.module:function`."""

from __future__ import annotations

import os
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from tinygrad_nn.errors import OptionError

__all__ = ["found_at"]

_FORM = "expected package.module:function, or file.py:function"


def found_at(name: str, option: str) -> Any:
    """The function of this name; the current folder is searched for its module first.

    Raises:
        OptionError: There is none, or its module cannot be imported.
    """
    module, colon, path = name.rpartition(":")
    if not colon or not module or not path:
        raise OptionError(f"{option}: got {name[:100]!r}, {_FORM}{_as_typed(name)}")
    if os.sep in module and not module.endswith(".py"):
        raise OptionError(
            f"{option}: got {name[:100]!r}, {_FORM}; did you mean {module}.py:{path}?"
        )
    owner = _of_file(module, option) if module.endswith(".py") else _module(module, option)
    found: Any = owner
    reached = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise OptionError(f"{option}: {reached} has no {part!r}{_near(part, found)}")
        found = getattr(found, part)
        reached = f"{reached}.{part}"
    if not callable(found):
        raise OptionError(
            f"{option}: {name} is a {type(found).__name__}, expected a function; name one of "
            f"{_functions(owner)}"
        )
    return found


def _of_file(name: str, option: str) -> ModuleType:
    """The module that is written in a file, imported by its name in its package."""
    path = Path(name).resolve()
    if not path.is_file():
        raise OptionError(f"{option}: there is no file {name[:100]!r}{_near_file(path)}")
    folder, parts = path.parent, [path.stem]
    while (folder / "__init__.py").exists() and folder != folder.parent:
        parts.insert(0, folder.name)
        folder = folder.parent
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    found = _module(".".join(parts), option)
    other = getattr(found, "__file__", None) or "Python itself"
    if Path(other).resolve() != path:
        raise OptionError(
            f"{option}: {name[:100]!r} cannot be imported, since {'.'.join(parts)} is the name of "
            f"another module too ({other}); rename the file"
        )
    return found


def _near_file(path: Path) -> str:
    near = get_close_matches(path.name, [p.name for p in path.parent.glob("*.py")], 1)
    return f"; did you mean {near[0]}?" if near else ""


def _as_typed(name: str) -> str:
    if name.endswith(".py"):
        return f"; did you mean {name[:100]}:NAME, with the name of a function in it?"
    module, dot, function = name.removesuffix(":").rpartition(".")
    return f"; did you mean {module}:{function}?" if dot and function != "py" else ""


def _module(name: str, option: str) -> ModuleType:
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{name}.".startswith(f"{error.name}."):
            raise OptionError(_failed(name, option, error)) from error
        raise OptionError(
            f"{option}: there is no module {error.name!r} here or among what is installed"
            f"{_near_module(error.name)}"
        ) from error
    except (Exception, SystemExit) as error:
        raise OptionError(_failed(name, option, error)) from error


def _failed(name: str, option: str, error: BaseException) -> str:
    at = traceback.extract_tb(error.__traceback__)[-1]
    return (
        f"{option}: to import {name} raised {type(error).__name__}: {error} "
        f"({at.filename}:{at.lineno}); see that python -c 'import {name}' works"
    )


def _near(part: str, owner: Any) -> str:
    """What may have been meant."""
    names = [n for n in dir(owner) if callable(getattr(owner, n, None)) and n[0] != "_"]
    if near := get_close_matches(part, names, 1):
        return f"; did you mean {near[0]!r}?"
    return f"; expected one of {_functions(owner)}"


def _functions(owner: Any) -> str:
    """Functions that are defined there, not imported."""
    name = getattr(owner, "__name__", None)
    own = [
        n
        for n, thing in vars(owner).items()
        if callable(thing) and getattr(thing, "__module__", name) == name and n[0] != "_"
    ]
    return ", ".join(own[:8]) + (", ..." if len(own) > 8 else "") or "its functions: it has none"


def _near_module(name: str) -> str:
    beside = Path(*name.split(".")[:-1])
    here = [p.stem for p in beside.glob("*") if p.suffix == ".py" or (p / "__init__.py").exists()]
    near = get_close_matches(name.rpartition(".")[2], here, 1)
    prefix = "".join(f"{part}." for part in name.split(".")[:-1])
    if near:
        return f"; did you mean {prefix}{near[0]}?"
    return "; start the command in the folder that it is in"
