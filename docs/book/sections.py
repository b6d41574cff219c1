"""The README.md of a folder is the table of contents of that section.

A code host shows it as the page of the folder, with plain links. Here the same links, in the same
order, become the section's menu: a page that no README.md names is one that Sphinx warns of.
"""

import re
from collections.abc import Iterator
from pathlib import PurePosixPath

from sphinx.application import Sphinx

LINK = re.compile(r"\]\((?P<target>[^)\s#]+)\.md\)")
MENU = "\n\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
# To be copied: in no menu.
TEMPLATE = "decisions/template"
# Pages that are made by the build, which a README.md cannot link to.
MADE = {"reference/README": "\n## Modules\n\n```{toctree}\n:maxdepth: 1\n\nmodules/index\n```\n"}


def entries(docname: str, text: str) -> Iterator[str]:
    """The pages of this section: those of its folder, and those right below `docs/`."""
    folder = PurePosixPath(docname).parent
    for target in dict.fromkeys(LINK.findall(text)):
        path = PurePosixPath(target)
        if path.name == "README":
            continue
        if len(path.parts) == 1:
            yield f"/{folder / path}"
        elif path.parts[:-1] == ("..",) * len(folder.parts):
            yield f"/{path.name}"


def add_menu(app: Sphinx, docname: str, source: list[str]) -> None:
    """Append the menu to a section's first page."""
    if docname == TEMPLATE:
        source[0] = f"---\norphan: true\n---\n\n{source[0]}"
    if PurePosixPath(docname).name == "README":
        found = [name for name in entries(docname, source[0]) if name != f"/{TEMPLATE}"]
        source[0] += MENU.format(entries="\n".join(found)) + MADE.get(docname, "")


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.connect("source-read", add_menu)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
