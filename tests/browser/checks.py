"""Checks that hold for any page. Each takes an open page and gives what is wrong, in words.

They read the page through the browser: its boxes, its computed styles, its pixels. None needs
the page's policy loosened; a probe runs as the browser's own tools do.
"""

import base64
import io
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tests.browser.colour import ciede2000, contrast, lab

HERE = Path(__file__).parent
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
CONTRAST = 4.5
DIFFERENCE = 20.0
DEFICIENCIES = ("none", "protanopia", "deuteranopia", "tritanopia")
TALLEST = 12_000
# Colours that carry a meaning, by what is painted in them.
SIGNS = {"plus": ".plus", "minus": ".minus"}

Pixels = NDArray[np.uint8]


_sessions: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()


# ── Ways into the page ──────────────────────────────────────────────────────────────────


@cache
def _source(name: str) -> str:
    return (HERE / name).read_text("utf-8")


def probe(page: Any, name: str, argument: Any = None) -> Any:
    """What a file of `probes/` finds in the page."""
    common, text = _source("probes/common.js"), _source(f"probes/{name}.js")
    return page.evaluate(f"(argument) => (\n{text})(\n{common}, argument)", argument)


def command(page: Any, name: str, **arguments: Any) -> Any:
    """A command of Chromium's own tools. What one sets lasts as long as the page's session."""
    if page not in _sessions:
        _sessions[page] = page.context.new_cdp_session(page)
    return _sessions[page].send(name, arguments)


def pixels(page: Any, box: tuple[float, float, float, float] | None = None) -> Pixels:
    """What the window shows, shape (height, width, 3); `box` is left, top, right, bottom."""
    from PIL import Image

    clip = {}
    if box is not None:
        left, top, right, bottom = box
        clip = {"clip": {"x": left, "y": top, "width": right - left, "height": bottom - top,
                         "scale": 1}}  # fmt: skip
    shot = command(page, "Page.captureScreenshot", format="png", optimizeForSpeed=True, **clip)
    with Image.open(io.BytesIO(base64.b64decode(shot["data"]))) as image:
        return np.asarray(image.convert("RGB"))


def stretch(page: Any) -> None:
    """Makes the window as tall as the page, so that all of it is painted at once."""
    for _ in range(6):  # a part that takes a share of the window's height grows with it
        size = page.viewport_size
        tall = page.evaluate("document.documentElement.scrollHeight")
        if tall <= size["height"] or size["height"] == TALLEST:
            return
        page.set_viewport_size({"width": size["width"], "height": min(tall, TALLEST)})
        frames(page)


def frames(page: Any) -> None:
    """Waits until the page has painted twice, so that what observes sizes has had its turn."""
    page.evaluate("new Promise((go) => requestAnimationFrame(() => requestAnimationFrame(go)))")


# ── Checks ──────────────────────────────────────────────────────────────────────────────


def axe(page: Any) -> list[str]:
    """A1: what axe-core finds, its advice on good practice included."""
    command(page, "Runtime.evaluate", expression=f"{_source('vendor/axe.min.js')};0")
    run = "axe.run(document, {resultTypes: ['violations']}).then((r) => r.violations)"
    found = []
    for rule in page.evaluate(run):
        places = [f"{n['target'][0]} {n['html'][:120]}" for n in rule["nodes"]]
        found.append(f"{rule['id']} ({rule['help']}), {len(places)}: {'; '.join(places[:4])}")
    return found


def low_contrast(page: Any) -> list[str]:
    """A2: text whose contrast to what is really painted below it is less than 4.5.

    The ground is that of a picture of the page without the ink of its text. Each colour that
    fills at least a sixth of a text's place counts, so that text across two grounds needs both.
    """
    stretch(page)
    texts = probe(page, "colours")
    probe(page, "ink", True)
    ground = pixels(page)
    probe(page, "ink", False)
    found = []
    for item in texts:
        if item["colour"] is None:
            found.append(f"{item['where']} {item['text']!r}: painted in no plain colour")
            continue
        worst = min((w for r in item["rects"] if (w := _worst(ground, r, item["colour"]))),
                    default=None)  # fmt: skip
        if worst and worst[0] < CONTRAST:
            ratio, below = worst
            ink = "#" + "".join(f"{c:02x}" for c in item["colour"][:3])
            found.append(
                f"{item['where']} {item['text']!r}: {ratio:.2f}, {ink} "
                f"at {item['colour'][3]:.2f} on #{below:06x}"
            )
    return found


def _worst(ground: Pixels, rect: list[float], ink: list[float]) -> tuple[float, int] | None:
    """Least contrast of a text's colour to the colours of its ground, and that colour."""
    left, top, right, bottom = rect
    inset = (bottom - top) * 0.15
    part = ground[
        max(0, round(top + inset)) : max(0, round(bottom - inset)),
        max(0, round(left)) : max(0, round(right)),
    ].astype(np.int64)
    if not part.size:
        return None
    codes, counts = np.unique(part @ np.array([65536, 256, 1]), return_counts=True)
    codes = codes[counts * 6 >= counts.sum()] if (counts * 6 >= counts.sum()).any() else codes
    below = np.stack([codes >> 16, codes >> 8 & 255, codes & 255], -1).astype(float)
    above = ink[3] * np.array(ink[:3]) + (1 - ink[3]) * below
    ratios = contrast(above, below)
    k = int(ratios.argmin())
    return float(ratios[k]), int(codes[k])


def clipped(page: Any, panes: str | None = None) -> list[str]:
    """A5: text cut off for good, and a page that scrolls sideways."""
    return list(probe(page, "clipped", panes))


def glyphless(page: Any) -> list[str]:
    """A8, G12: characters without a picture in the fonts at hand, and emoji."""
    return list(probe(page, "glyphs"))


def crowded(page: Any) -> list[str]:
    """G3, G4, S9: text outside its box, and boxes and labels that lie on one another."""
    return list(probe(page, "boxes"))


def too_small(page: Any, panes: str | None = None, *, shrinks: bool = False) -> list[str]:
    """Text that is too small to read and targets that are too small to hit.

    Text of graphs counts as it is shown; with `shrinks`, and in `panes`, where the reader can
    look closer, as it would be at the graph's own size.
    """
    return list(probe(page, "sizes", {"panes": panes, "shrinks": shrinks}))


def disorder(page: Any) -> list[str]:
    """A page without a language, a title, one first heading, one main part; ids used twice."""
    return list(probe(page, "outline"))


def unlabelled_canvases(page: Any) -> list[str]:
    """A7: canvases that say nothing to those who do not see them."""
    return list(probe(page, "canvases"))


def alike_colours(page: Any, selectors: dict[str, str] | None = None) -> list[str]:
    """A4: colours of different meaning that look alike to some eyes.

    Measured by CIEDE2000 in pixels that the page paints, as Chromium shows them to full sight
    and with each of the three kinds of colour blindness.
    """
    stretch(page)
    plain = pixels(page)
    spots, found = {}, []
    for name, places in probe(page, "painted", selectors or SIGNS).items():
        if places:
            spots[name] = _spots(plain, places)
            if not len(spots[name]):
                found.append(f"{name}: no pixel of the colour {places[0]['colour']}")
    names = [name for name in spots if len(spots[name])]
    if len(names) < 2:
        return found
    for kind in DEFICIENCIES:
        command(page, "Emulation.setEmulatedVisionDeficiency", type=kind)
        shot = pixels(page) if kind != "none" else plain
        seen = {n: lab(np.median(shot[tuple(spots[n].T)].astype(float), 0)) for n in names}
        for k, a in enumerate(names):
            for b in names[:k]:
                if (difference := ciede2000(seen[a], seen[b])) < DIFFERENCE:
                    found.append(f"{b} and {a}: ΔE {difference:.1f} with {kind}")
    command(page, "Emulation.setEmulatedVisionDeficiency", type="none")
    return found


def _spots(shot: Pixels, places: list[dict[str, Any]]) -> NDArray[np.intp]:
    """Pixels, as (row, column), that have the colour that was asked for, or nearly."""
    for slack in (3, 24):
        found = []
        for place in places:
            left, top, right, bottom = (max(0, round(x)) for x in place["box"])
            part = shot[top:bottom, left:right].astype(int)
            near = (abs(part - np.array(place["colour"])) <= slack).all(-1)
            found.append(np.argwhere(near) + np.array([top, left]))
        if len(all_found := np.concatenate(found)):
            return all_found
    return np.empty((0, 2), np.intp)


# ── The walk by Tab ─────────────────────────────────────────────────────────────────────


def tab_walk(page: Any, per_kind: int = 2) -> list[str]:
    """A3: controls that Tab does not reach, a focus that is not seen, a trap.

    A focus is seen where it changes at least as many pixels as half the element's outline has,
    each by a contrast of 3 or more. `per_kind` elements of each kind are looked at.
    """
    stretch(page)
    controls = probe(page, "controls")
    start = probe(page, "focused")
    reached = {start["index"]} if start else set()
    ends = 2 if start else 1  # from the middle, the rest is met after the end
    looked: dict[str, int] = {}
    found, last, same = [], None, 0
    for _ in range(2 * len(controls) + 40):
        page.keyboard.press("Tab")
        here = probe(page, "focused")
        if here is None:
            ends -= 1
            if ends:
                continue
            break
        same = same + 1 if here["where"] == last and here["index"] in reached else 0
        if here["index"] >= 0 and here["index"] in reached and not same and ends == 1:
            break  # round once without a stop outside: some browsers have none
        last = here["where"]
        if same == 3:
            return [*found, f"{last}: a trap, Tab does not leave it"]
        reached.add(here["index"])
        kind = here["kind"]
        if not same and looked.setdefault(kind, 0) < per_kind:
            looked[kind] += 1
            if fault := _unseen_focus(page, here):
                found.append(fault)
    else:
        found.append("a trap: Tab goes on and on")
    for k, control in enumerate(controls):
        if k not in reached:
            found.append(f"{control['where']} {control['text']!r}: not reached by Tab")
    return found


def _unseen_focus(page: Any, here: dict[str, Any]) -> str | None:
    left, top, right, bottom = here["box"]
    width, height = here["size"]
    box = (max(0, left - 8), max(0, top - 8), min(width, right + 8), min(height, bottom + 8))
    if box[0] >= box[2] or box[1] >= box[3]:
        return f"{here['where']}: has the focus out of sight"
    focused = pixels(page, box)
    page.evaluate("globalThis[Symbol.for('last')] = document.activeElement; "
                  "document.activeElement.blur()")  # fmt: skip
    plain = pixels(page, box)
    page.evaluate("globalThis[Symbol.for('last')].focus({preventScroll: true})")
    if focused.shape != plain.shape:
        return None
    changed = int((contrast(focused.astype(float), plain.astype(float)) >= 3).sum())
    needed = (min(right, width) - max(left, 0)) + (min(bottom, height) - max(top, 0))
    if changed < needed:
        return f"{here['where']}: focus changes {changed} pixels, {needed:.0f} are needed"
    return None
