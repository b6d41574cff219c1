"""Body, style sheets, scripts and data to one self-contained page.

A page asks the network for nothing, and its content-security policy forbids that it could: it
runs the one script and the style sheets whose hashes it names. Texts of users reach it
only as JSON, in which no `<` is left, or escaped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from importlib import resources
from typing import Any

from tinygrad_nn.viz.page.packing import packed_script, packed_style
from tinygrad_nn.viz.wording import clean, shorten

__all__ = [
    "assemble",
    "framed",
    "json_text",
    "security_hashes",
    "shared",
    "source",
]

_TITLE_WIDTH = 120


def assemble(
    *,
    title: str,
    body: str,
    styles: Sequence[str],
    scripts: Sequence[str],
    data: Mapping[str, Any],
    hashes: Sequence[str] = (),
) -> str:
    r"""One HTML document that is the same for the same arguments.

    Args:
        title: Any text; it is cleaned, shortened and escaped.
        body: HTML of our own, without scripts, style attributes and handlers.
        styles: Style sheets, joined into one.
        scripts: Scripts, joined into one with one scope; they share their top-level names.
        data: What the script reads, by the `id` of the element that holds it as JSON.
        hashes: Further scripts and styles that may run, as `security_hashes` gives them: those
            of pages framed in this one, since a frame inherits the policy.

    Example:
        >>> page = assemble(title="A", body="<p>a", styles=[], scripts=["f()"], data={"d": "<"})
        >>> '"\\u003c"' in page, page.count("default-src 'none'")
        (True, 1)
    """
    style = packed_style("\n".join(styles))
    script = "(()=>{'use strict';" + packed_script("\n".join(scripts)) + "\n})();"
    scripting = " ".join([_hash(script), *(h for h in hashes if h)])
    styling = " ".join([_hash(style), *(h for h in hashes if h)])
    policy = (
        f"default-src 'none'; script-src {scripting}; style-src {styling}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    held = "".join(
        f'<script type="application/json" id="{escape(key)}">{json_text(value)}</script>\n'
        for key, value in data.items()
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escape(shorten(clean(title), _TITLE_WIDTH))}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n{body}\n{held}"
        f"<script>{script}</script>\n</body>\n</html>\n"
    )


def security_hashes(page: str) -> list[str]:
    """Hashes that the policy of an assembled page names."""
    policy = page.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]
    return sorted(set(re.findall(r"'sha256-[^']*'", policy)))


def framed(page: str, title: str, *, height: int = 820) -> str:
    """A page inside another one, as in a notebook: it may run its script and nothing else.

    Its origin is no one's: it reaches neither the page around it nor what a browser stores.
    """
    return (
        f'<iframe sandbox="allow-scripts allow-downloads" loading="lazy" width="100%" '
        f'height="{int(height)}" title="{escape(shorten(clean(title), _TITLE_WIDTH))}" '
        f'srcdoc="{escape(page)}"></iframe>'
    )


def json_text(value: Any) -> str:
    """JSON in ASCII without a `<`, so that nothing in it can end the element around it.

    Raises:
        ValueError: `value` holds a NaN or an infinity, which JSON has no numbers for.
    """
    text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c")


def source(*path: str) -> str:
    """Text of a file of this package, such as `source("stepper", "main.js")`."""
    return resources.files(__package__).joinpath(*path).read_text("utf-8")


def shared(*names: str) -> list[str]:
    """Scripts that several pages have, such as `shared("dom.js", "words.js")`."""
    return [source("shared", name) for name in names]


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
