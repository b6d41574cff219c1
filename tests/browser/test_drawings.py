"""Every sample drawing, at every level and in both directions, measured as a browser shows it."""

import pytest

from tests.browser import checks
from tests.browser.pages import shell
from tests.viz import samples

# Text of users, for which there may be no glyph.
UNKNOWN = ("nasty",)


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_text_stays_in_its_box_and_boxes_apart(page_at, theme: str):
    """G3, G4, G12, S9 and contrast, of all drawings in one page, one after the other."""
    page, found = page_at(shell(""), width=1400, height=1000, theme=theme), []
    for name in samples.drawings():
        page.set_content(shell(samples.drawing(name, theme).svg))
        page.set_viewport_size({"width": 1400, "height": 1000})
        lines = checks.crowded(page) + checks.too_small(page, shrinks=True)
        if not name.startswith(UNKNOWN):
            lines += checks.glyphless(page)
        lines += checks.low_contrast(page)
        found += [f"{name}: {line}" for line in lines]
    assert not found, f"{len(found)} at fault\n" + "\n".join(found[:60])
