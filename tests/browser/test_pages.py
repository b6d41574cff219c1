"""Every registered page passes every check, in both themes and at both widths."""

from typing import Any

import pytest

from tests.browser import checks, subjects  # noqa: F401  (the subjects register themselves)
from tests.browser.pages import PAGES, Subject

# The two corners of the four are the quick part; the others differ in one thing from each.
CORNERS = [
    pytest.param("light", 1400, id="light-1400"),
    pytest.param("dark", 420, id="dark-420"),
    pytest.param("dark", 1400, id="dark-1400", marks=pytest.mark.slow),
    pytest.param("light", 420, id="light-420", marks=pytest.mark.slow),
]
EVERY = [
    pytest.param(s, id=s.name, marks=[pytest.mark.slow] if s.slow else []) for s in PAGES.values()
]
# Pictures have no controls; that they have none is for the long tail to see.
MOVED = [
    pytest.param(s, id=s.name, marks=[pytest.mark.slow] if s.slow or s.shrinks else [])
    for s in PAGES.values()
]
SIGNED = [p for p in EVERY if p.values[0].colours]


def opened(page_at: Any, subject: Subject, *args: Any, **emulation: Any) -> Any:
    page = page_at(subject.source(), *args, **emulation)
    if subject.prepare is not None:
        subject.prepare(page)
    checks.frames(page)
    return page


def verdict(**found: list[str]) -> None:
    """Fails with all that was found, by check."""
    lines = [f"{name}: {line}" for name, lines in found.items() for line in lines]
    assert not lines, f"{len(lines)} at fault\n" + "\n".join(lines[:40])


@pytest.mark.parametrize(("theme", "width"), CORNERS)
@pytest.mark.parametrize("subject", EVERY)
def test_a_page_can_be_read_by_everyone(page_at, subject: Subject, theme: str, width: int):
    """A1, A2, A5, A7, A8, G3, G4, G12, S9."""
    page = opened(page_at, subject, width=width, theme=theme)
    verdict(
        axe=checks.axe(page),
        outline=checks.disorder(page),
        clipped=checks.clipped(page, subject.panes),
        boxes=checks.crowded(page),
        sizes=checks.too_small(page, subject.panes, shrinks=subject.shrinks),
        canvases=checks.unlabelled_canvases(page),
        glyphs=[] if subject.hostile else checks.glyphless(page),
        contrast=checks.low_contrast(page),
    )


@pytest.mark.parametrize("subject", MOVED)
def test_a_page_is_whole_at_twice_its_size(page_at, subject: Subject):
    """A5: at 200 % a window of 1280 pixels has room for 640."""
    page = opened(page_at, subject, width=640, height=450, device_scale_factor=2)
    verdict(clipped=checks.clipped(page, subject.panes))


@pytest.mark.parametrize("subject", MOVED)
def test_tab_reaches_every_control_and_is_seen_there(page_at, subject: Subject):
    """A3."""
    verdict(tab=checks.tab_walk(opened(page_at, subject)))


@pytest.mark.parametrize("theme", ["light", pytest.param("dark", marks=pytest.mark.slow)])
@pytest.mark.parametrize("subject", SIGNED)
def test_colours_of_different_meaning_differ_for_every_eye(page_at, subject: Subject, theme: str):
    """A4."""
    page = opened(page_at, subject, theme=theme)
    verdict(colours=checks.alike_colours(page, subject.colours))
