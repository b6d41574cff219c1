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

_FORM = "expected package.module:function"


def found_at(name: str, option: str) -> Any:
    """The function of this name; the current folder is searched for its module first.

    Raises:
        OptionError: There is none, or its module cannot be imported.
    """
    module, colon, path = name.partition(":")
    if not colon or not module or not path:
        raise OptionError(f"{option}: got {name[:100]!r}, {_FORM}{_as_typed(name)}")
    if module.endswith(".py") or os.sep in module:
        dotted = module.removesuffix(".py").replace(os.sep, ".").strip(".")
        raise OptionError(f"{option}: got a file, {_FORM}; did you mean {dotted}:{path}?")
    found: Any = _module(module, option)
    reached = module
    for part in path.split("."):
        if not hasattr(found, part):
            raise OptionError(f"{option}: {reached} has no {part!r}{_near(part, found)}")
        found = getattr(found, part)
        reached = f"{reached}.{part}"
    if not callable(found):
        raise OptionError(
            f"{option}: {name} is a {type(found).__name__}, expected a function; name one of "
            f"{_functions(_module(module, option))}"
        )
    return found


def _as_typed(name: str) -> str:
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
