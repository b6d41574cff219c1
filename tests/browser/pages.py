"""The pages that every check is run on, by name. Register one here and it gets them all.

A function gives the page as HTML text, or the path of its file, or an address of the loopback;
it is called once in a process.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

__all__ = ["PAGES", "Subject", "page", "shell"]


@dataclass(frozen=True)
class Subject:
    """A page to be checked.

    Attributes:
        name: For the test's name.
        source: Gives the page.
        panes: Selector of what a reader can move about in, where text may leave the frame.
        colours: Selectors by meaning, of things whose colours are to be told apart.
        hostile: Whether it shows text for which there may be no glyph.
        shrinks: Whether its graphs, being pictures, become smaller with the page.
        slow: Whether all of its checks belong to the long tail.
        prepare: What a reader does first, such as a click.
    """

    name: str
    source: Callable[[], str | Path]
    panes: str | None = None
    colours: dict[str, str] = field(default_factory=dict)
    hostile: bool = False
    shrinks: bool = False
    slow: bool = False
    prepare: Callable[[Any], None] | None = None


PAGES: dict[str, Subject] = {}


def page(name: str, **rest: Any) -> Callable[[Callable[[], str | Path]], Callable[[], str | Path]]:
    """Registers the function below it: `@page("report")`; the rest are fields of `Subject`."""

    def register(source: Callable[[], str | Path]) -> Callable[[], str | Path]:
        assert name not in PAGES, f"two pages are called {name}"
        PAGES[name] = Subject(name, cache(source), **rest)
        return source

    return register


def shell(body: str, title: str = "A drawing") -> str:
    """A page around a part that is made to be embedded."""
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">\n"
        f"<title>{escape(title)}</title>\n<style>:root {{ color-scheme: light dark }} "
        "body { font: 16px sans-serif; margin: 12px }</style>\n</head>\n"
        f"<body><main><h1>{escape(title)}</h1>\n{body}\n</main></body></html>\n"
    )
