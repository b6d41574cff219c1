"""One backward pass as a page to step through: a single file, for any browser, without network."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import resources
from typing import Any

from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.choices import LEVELS, THEMES, checked_choice, checked_text
from tinygrad_nn.viz.page.assemble import assemble, source
from tinygrad_nn.viz.trace.file import to_json
from tinygrad_nn.viz.trace.model import Trace
from tinygrad_nn.viz.trace.words import pass_title
from tinygrad_nn.viz.view.groups import groups
from tinygrad_nn.viz.view.levels import BUDGET, opened

__all__ = ["stepper_page"]

_COUNTED = re.compile(r"^\d{1,9}(?= of \d+$)", re.ASCII)


def stepper_page(
    trace: Trace,
    *,
    title: str | None = None,
    level: str = "auto",
    theme: str = "auto",
    step: int = 0,
) -> str:
    """The page as HTML text, which is the same for the same trace.

    Everything is in it: it asks the network for nothing, and its policy forbids that it could.

    Args:
        trace: The pass to show.
        title: Heading, instead of one with the name of what was traced.
        level: What is open at first: "module", "op" or "scalar"; "auto" chooses by the size.
        theme: "light", "dark", or "auto" for the reader's setting.
        step: Step at which the page opens, from 0; one after the last stands for the last.

    Raises:
        OptionError: A choice that there is none of, or a step below 0.

    Example:
        >>> import tinygrad_nn as tg
        >>> from tinygrad_nn.viz.trace.recorder import record
        >>> page = stepper_page(record(tg.Value(2.0, name="a") ** 2.0, backward=True))
        >>> page[:15], "https://" in page
        ('<!doctype html>', False)
    """
    checked_choice("stepper page", "level", level, LEVELS)
    checked_choice("stepper page", "theme", theme, THEMES)
    if type(step) is not int or step < 0:
        raise OptionError(f"stepper page: got step={step!r:.60}, expected a whole number from 0 on")
    checked_text("stepper page", "title", title)
    # No page has more steps than its script can count.
    first, shown = opened(trace, level)
    options: dict[str, Any] = {
        "level": first,
        "open": {"first": _ranges(shown), **_levels(trace)},
        "theme": theme,
        "step": min(step, 2**53 - 1),
    }
    if title is not None:
        options["title"] = title
    heading = title or pass_title(trace)
    return assemble(
        title=heading,
        body=source("stepper", "stepper.html"),
        styles=[source("theme.css"), *_texts(".css")],
        scripts=_texts(".js"),
        data={"trace": {"trace": to_json(trace), "groups": _groups(trace), "options": options}},
    )


def _levels(trace: Trace) -> dict[str, list[int | list[int]]]:
    """Groups that are open at each level, as in the drawings; all where all nodes have room."""
    found = {name: opened(trace, name)[1] for name in LEVELS if name != "auto"}
    if len(trace.records) <= BUDGET:
        found["scalar"] = list(range(len(groups(trace))))
    return {name: _ranges(some) for name, some in found.items()}


def _groups(trace: Trace) -> list[dict[str, Any]]:
    """Groups in short: what is as in the group before is left away, and what can be counted."""
    found = []
    last: dict[str, Any] = {"kind": "", "title": "", "about": "", "parent": None, "scope": None}
    for group in groups(trace):
        now = {name: getattr(group, name) for name in last}
        usual = last | {"title": _COUNTED.sub(lambda m: str(int(m[0]) + 1), last["title"])}
        told = {name: value for name, value in now.items() if value != usual[name]}
        found.append(told | {"nodes": _ranges(group.nodes)})
        last = now
    return found


def _ranges(keys: Sequence[int]) -> list[int | list[int]]:
    """Keys in their order, three or more in a row as the first and the last."""
    found: list[int | list[int]] = []
    start = 0
    for end in range(1, len(keys) + 1):
        if end < len(keys) and keys[end] == keys[end - 1] + 1:
            continue
        run = keys[start:end]
        found += [[run[0], run[-1]]] if len(run) > 2 else run
        start = end
    return found


def _texts(ending: str) -> list[str]:
    """Shared files, then those of the stepper, by their names; what starts the page comes last."""
    found = []
    for folder in ("shared", "stepper"):
        entries = resources.files(__package__).joinpath(folder).iterdir()
        names = sorted(entry.name for entry in entries if entry.name.endswith(ending))
        names.sort(key=lambda name: name == "main.js")
        found += [source(folder, name) for name in names]
    return found
