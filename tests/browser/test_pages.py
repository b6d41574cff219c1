"""Every registered page passes every check, in both themes and at both widths."""

from typing import Any

import pytest

from tests.browser import checks, subjects  # noqa: F401  (the subjects register themselves)
from tests.browser.pages import PAGES, Subject

# One page of each kind. The quick part is most checks of these, and the first of every page that
# is not slow itself; the long tail is all checks of all pages.
FIRST = ("drawing-values", "stepper-values", "report")
CORNERS = [("light", 1400), ("dark", 420), ("dark", 1400), ("light", 420)]


def subject_param(s: Subject, *args: Any, quick: bool, name: str = "") -> Any:
    return pytest.param(
        s, *args, id=s.name + name, marks=[] if quick and not s.slow else [pytest.mark.slow]
    )


# One of the four corners is quick, and of one page its opposite; the others differ in one thing.
READ = [
    subject_param(s, *corner, name=f"-{corner[0]}-{corner[1]}",
                  quick=k == 0 or (k == 1 and s.name == FIRST[1]))
    for s in PAGES.values() for k, corner in enumerate(CORNERS)
]  # fmt: skip
# Pictures have no controls; that they have none is for the long tail to see.
MOVED = [subject_param(s, quick=s.name == FIRST[1]) for s in PAGES.values()]
SIGNED = [subject_param(s, quick=s.name in FIRST) for s in PAGES.values() if s.colours]


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


@pytest.mark.parametrize(("subject", "theme", "width"), READ)
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
