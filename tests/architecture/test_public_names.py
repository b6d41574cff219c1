"""A public name appears or disappears only on purpose."""

import importlib
from types import ModuleType

import pytest
from public_names import (
    REFRESH,
    SNAPSHOT,
    current,
    difference,
    is_missing,
    names,
    promised,
    promising_modules,
)


def test_public_names_are_those_written_down():
    changed = difference(SNAPSHOT.read_text("utf-8").split(), current())
    assert not changed, (
        "public names changed (- gone, + new):\n"
        + "\n".join(changed)
        + f"\nIf that is meant: `{REFRESH}`, and a line in docs/changelog.md."
    )


@pytest.mark.parametrize("name", list(promising_modules()))
def test_every_promised_name_exists_once(name: str):
    if is_missing(name):
        pytest.skip(f"{name} needs an extra that is not installed")
    assert faults(importlib.import_module(name)) == []


def faults(module: ModuleType) -> list[str]:
    public = promised(module)
    twice = sorted({name for name in public if public.count(name) > 1})
    return twice + [name for name in public if not hasattr(module, name)]


# ------------------------------------------------------------- the checks see a planted fault
def planted(**attributes: object) -> ModuleType:
    module = ModuleType("m")
    vars(module).update(attributes)
    return module


def test_a_planted_change_of_names_is_found():
    module = planted(__all__=["kept", "new"])
    assert difference(["m.kept", "m.gone"], names([module])) == ["+ m.new", "- m.gone"]


def test_a_package_without_a_list_promises_its_reexports():
    reexports = {"Node": int, "_hidden": int, "submodule": planted()}
    assert names([planted(__path__=[], **reexports)]) == ["m.Node"]
    assert names([planted(**reexports)]) == []


def test_planted_ghosts_and_doubles_are_found():
    assert faults(planted(__all__=["ghost", "x", "x"], x=1)) == ["x", "ghost"]
