"""How arguments are nested, as a function that takes just such ones apart."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_nn.compiler.source import Source

__all__ = ["form_of", "opener"]


def form_of(key: Any) -> Any:
    """A key so that those are equal which are no different: not 1 and True, nor 0.0 and -0.0."""
    if type(key) is str:
        return key
    if isinstance(key, (tuple, frozenset)):
        return type(key), type(key)(map(form_of, key)) if type(key) is frozenset else forms_of(key)
    return type(key), key, repr(key) if isinstance(key, (float, complex)) else ""


def forms_of(keys: Iterable[Any]) -> tuple[Any, ...]:
    """The same for several."""
    return tuple(map(form_of, keys))


def opener(
    args: tuple[Any, ...], given: Mapping[str, Any]
) -> Callable[[tuple[Any, ...], Mapping[str, Any]], list[Any] | None]:
    """Function that gives the leaves of arguments nested as these are, and None for others.

    A walk through 700 numbers in a list takes 1 ms, this 20 us. What the leaves are is not looked
    at: a list in the place of a leaf is one.
    """
    source = Source()
    source.line("def opened(args, given):", 0)
    found: list[str] = []
    _open(source, args, "args", found)
    if given:
        # In their order, which `**options` has too.
        source.line(f"if list(given) != {source.name(list(given), 'names')}: return None")
        for key, value in given.items():
            _open_item(source, value, f"given[{source.name(key, 'key')}]", found)
    else:
        source.line("if given: return None")
    source.line(f"return [{', '.join(found)}]")
    return source.compiled()["opened"]  # type: ignore[no-any-return]


def _open(source: Source, tree: Any, at: str, found: list[str]) -> None:
    """Check the kind and the length of a list, tuple or dict, and go on with its items."""
    source.line(f"if {at}.__class__ is not {source.name(type(tree), 'kind')}: return None")
    if isinstance(tree, dict):
        keys = source.name(list(tree), "keys")
        source.line(f"if list({at}) != {keys}: return None")
        if any(type(key) is not str for key in tree):
            same, forms = source.name(forms_of, "forms"), source.name(forms_of(tree), "kept")
            source.line(f"if {same}({at}) != {forms}: return None")
        for n, value in enumerate(tree.values()):
            _open_item(source, value, f"{at}[{keys}[{n}]]", found)
        return
    source.line(f"if len({at}) != {len(tree)}: return None")
    if not any(x is None or isinstance(x, (dict, list, tuple)) for x in tree):
        found.append(f"*{at}")
        return
    for n, value in enumerate(tree):
        _open_item(source, value, f"{at}[{n}]", found)


def _open_item(source: Source, value: Any, at: str, found: list[str]) -> None:
    if value is None:
        source.line(f"if {at} is not None: return None")
    elif isinstance(value, (dict, list, tuple)):
        name = source.local("part")
        source.line(f"{name} = {at}")
        _open(source, value, name, found)
    else:
        found.append(at)
