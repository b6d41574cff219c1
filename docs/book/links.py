"""After the build: does every link within the site lead to a page, and to a place in it?"""

import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from docutils import nodes
from sphinx.addnodes import download_reference
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

PAGES = "pages"


class BrokenError(SphinxError):
    """Links that lead nowhere."""

    category = "broken links"


class Page(HTMLParser):
    """The places of a page, and where its links lead."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.feed(path.read_text("utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the ids and addresses of one element."""
        given = {name: value or "" for name, value in attrs}
        self.ids |= {given[name] for name in ("id", "name") if name in given}
        self.links += [given[name] for name in ("href", "src") if name in given]


def broken(folder: Path) -> Iterator[str]:
    """One line for each link that leads nowhere."""
    pages = {path: Page(path) for path in sorted(folder.rglob("*.html"))}
    for path, found in pages.items():
        for link in dict.fromkeys(found.links):
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            here = path.relative_to(folder)
            if not target.exists():
                yield f"{here}: {link} does not exist"
            elif parts.fragment and target in pages:
                if unquote(parts.fragment) not in pages[target].ids:
                    yield f"{here}: {link} names a place that is not there"


def open_pages(app: Sphinx, tree: nodes.document) -> None:
    """Links to our HTML pages open those, where Sphinx would have them saved as files."""
    depth = "../" * app.env.docname.count("/")
    for node in list(tree.findall(download_reference)):
        path = Path(app.srcdir, app.env.docname).parent / node["reftarget"]
        if path.resolve().parent == Path(app.srcdir, PAGES):
            address = f"{depth}{PAGES}/{path.name}"
            node.replace_self(
                nodes.reference("", "", *node.children, refuri=address, internal=True)
            )


def finish(app: Sphinx, exception: Exception | None) -> None:
    """Refuse a site with broken links."""
    if exception is None and app.builder.name == "html":
        shutil.copytree(Path(app.srcdir, PAGES), Path(app.outdir, PAGES), dirs_exist_ok=True)
        found = list(broken(Path(app.outdir)))
        if found:
            raise BrokenError("\n" + "\n".join(found))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("doctree-read", open_pages)
    app.connect("build-finished", finish, priority=900)  # when the theme is done
    return {"parallel_read_safe": True, "parallel_write_safe": True}
