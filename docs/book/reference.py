"""The reference: a page for each module that promises names, written before the build.

What is public is asked of `docs/public_names.py`, to which the tests hold the package, so that no
name is forgotten. An object is described once, under its shortest name; every other module
that passes it on has a row with a link. Operations are on the page of their family.
"""

import importlib
import inspect
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from docutils import nodes
from public_names import promised, promising_modules
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.roles import XRefRole
from sphinx.util.docutils import SphinxRole

from book.docstrings import prose

FOLDER = Path("reference", "modules")
TOP, OPS = "tinygrad_nn", "tinygrad_nn.ops"
# Classes whose methods come from bases that nobody looks for: shown with all that they can do.
WHOLE = {"tinygrad_nn.Tensor", "tinygrad_nn.Value"}
# But not with what the engine asks of their bases.
ENGINE = ("ArraySpace", "object")
PREFIXES = {"tg": TOP, "nn": f"{TOP}.nn", "optim": f"{TOP}.optim", "F": f"{TOP}.nn.functional"}
# `grad`, `dim` and `x` are words of mathematics more often than links; these are names.
LOOKS_LIKE_A_NAME = re.compile(
    r"(?:tinygrad_nn|tg|nn|optim|F)(?:\.\w+)+|[A-Z]\w*[a-z]\w*(?:\.\w+)*"
)


@dataclass
class Entry:
    """A public object: where it is described, and the other names it goes by."""

    name: str
    thing: Any
    page: str
    aliases: list[str] = field(default_factory=list)

    @property
    def directive(self) -> str:
        """The directive that describes it."""
        if inspect.isclass(self.thing):
            return "autoexception" if issubclass(self.thing, BaseException) else "autoclass"
        return "autofunction" if callable(self.thing) else "py:data"

    @property
    def summary(self) -> str:
        """The first sentence of its docstring; of data, what is in it."""
        if self.directive == "py:data":
            return contents_of(self.thing)
        doc = inspect.cleandoc(self.thing.__doc__ or "")
        return prose(" ".join(doc.split("\n\n")[0].split()))


def contents_of(thing: Any) -> str:
    """A sentence on public data, which has no docstring."""
    kind = type(thing).__name__.strip("_")
    if isinstance(thing, str):
        return f"The text ``{thing!r}``."
    if isinstance(thing, dict | tuple):
        return f"A {kind}: {', '.join(f'``{key}``' for key in thing)}."
    return f"The one ``{kind}``."


@dataclass
class Reference:
    """Every public name, and the entry it leads to."""

    modules: dict[str, dict[str, Entry]]
    entries: list[Entry]

    @property
    def pages(self) -> dict[str, list[Entry]]:
        """The entries that are described on each page."""
        found: dict[str, list[Entry]] = {name: [] for name in self.modules}
        for entry in sorted(self.entries, key=lambda e: (e.name.lower(), e.name)):
            found.setdefault(entry.page, []).append(entry)
        return found

    @property
    def families(self) -> list[str]:
        """The pages of operations."""
        return sorted(page for page in self.pages if page.startswith(f"{OPS}."))


@cache
def reference() -> Reference:
    """Read it off the package."""
    modules: dict[str, ModuleType] = {}
    for name in promising_modules():
        module = importlib.import_module(name)
        if promised(module):
            modules[name] = module
    places: dict[int, list[tuple[str, str]]] = {}
    for name, module in modules.items():
        for public in promised(module):
            places.setdefault(id(getattr(module, public)), []).append((name, public))
    entries = {key: entry_of(modules, found) for key, found in places.items()}
    table = {
        name: {public: entries[id(getattr(module, public))] for public in sorted(promised(module))}
        for name, module in modules.items()
    }
    return Reference(table, list(entries.values()))


def entry_of(modules: dict[str, ModuleType], places: list[tuple[str, str]]) -> Entry:
    """The entry of an object that these modules promise under these names."""
    module, public = places[0]
    thing = getattr(modules[module], public)
    own = getattr(thing, "__name__", None)
    module, public = min(places, key=lambda p: (p[1] != own, p[0].count("."), p))
    in_ops = OPS in [name for name, _ in places]
    page = thing.__module__ if in_ops else module
    names = [f"{m}.{n}" for m, n in places]
    return Entry(f"{module}.{public}", thing, page, [n for n in names if n != f"{module}.{public}"])


# ------------------------------------------------------------------------------- writing
def heading(text: str, line: str) -> list[str]:
    """A heading of reStructuredText."""
    return [text, line * len(text), ""]


def rows(entries: dict[str, Entry]) -> list[str]:
    """A table of names, each with its first sentence."""
    lines = [".. list-table::", "   :widths: 30 70", "   :class: names", ""]
    for public, entry in sorted(entries.items(), key=lambda item: item[0].lower()):
        lines.append(f"   * - :py:obj:`{public} <{entry.name}>`")
        lines.append(f"     - {entry.summary}")
    return [*lines, ""]


def described(entry: Entry) -> list[str]:
    """The directive for one object."""
    lines = [f".. {entry.directive}:: {entry.name}"]
    if inspect.isclass(entry.thing):
        lines += ["   :members:", "   :show-inheritance:"]
    if entry.name in WHOLE:
        lines.append(f"   :inherited-members: {', '.join(ENGINE)}")
    if entry.directive == "py:data":
        lines += ["", f"   {entry.summary}"]
    spoken = sorted({a.removeprefix(f"{TOP}.") for a in also(entry)})
    if spoken:
        lines += ["", f"   Also as {', '.join(f'``{name}``' for name in spoken)}."]
    return [*lines, ""]


def also(entry: Entry) -> Iterator[str]:
    """Its names that a reader may meet: not those of a module that only defines it."""
    for alias in entry.aliases:
        module, _, public = alias.rpartition(".")
        if public != entry.name.rpartition(".")[2] and module != OPS:
            yield alias


def page(name: str, found: Reference) -> str:
    """The text of a module's page."""
    lines = heading(name, "=")
    lines += [f".. automodule:: {name}", "   :no-members:"]
    if name in known():  # a function of the same name has the place: `tinygrad_nn.tensor`
        lines.append("   :no-index:")
    lines.append("")
    own = found.pages[name]
    table = found.modules.get(name) or {entry.name.rpartition(".")[2]: entry for entry in own}
    if name in (TOP, OPS):
        families = {e.page for e in table.values() if e.page in found.families}
        table = {public: e for public, e in table.items() if e.page not in families}
        lines += ["The operations are on the pages of their families:", ""]
        for family in sorted(families):
            names = ", ".join(f":py:obj:`{short(e)} <{e.name}>`" for e in found.pages[family])
            lines += [f"* :doc:`{family}`: {names}"]
        lines.append("")
    if table:
        lines += rows(table)
    for entry in own:
        lines += described(entry)
    return "\n".join(lines)


def short(entry: Entry) -> str:
    """The last part of its name."""
    return entry.name.rpartition(".")[2]


def contents(found: Reference) -> str:
    """The text of the page that lists the modules."""
    lines = heading("Every public module", "=")
    lines += [
        "A page for each module that promises names, generated from the docstrings. What a module",
        "passes on is described once, under its shortest name.",
        "",
        ".. toctree::",
        "   :maxdepth: 1",
        "",
    ]
    menu = [f"   {name.removeprefix(f'{TOP}.')} <{name}>" for name in sorted(found.pages)]
    return "\n".join([*lines, *menu, ""])


def write(app: Sphinx) -> None:
    """Write the pages that changed, and remove those of modules that are gone."""
    found = reference()
    folder = Path(app.srcdir, FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    texts = {folder / f"{name}.rst": page(name, found) for name in found.pages}
    texts[folder / "index.rst"] = contents(found)
    for path in folder.iterdir():
        if path not in texts:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for path, text in texts.items():
        if not path.exists() or path.read_text("utf-8") != text:
            path.write_text(text, "utf-8")


# --------------------------------------------------------------------------------- links
@cache
def known() -> dict[str, str]:
    """The full name that each other name stands for; a last part only if one object has it."""
    found: dict[str, str] = {}
    ends: dict[str, set[str]] = {}
    for entry in reference().entries:
        for name in (entry.name, *entry.aliases):
            found[name] = entry.name
            ends.setdefault(name.rpartition(".")[2], set()).add(entry.name)
        module = getattr(entry.thing, "__module__", None)
        found[f"{module}.{getattr(entry.thing, '__qualname__', '')}"] = entry.name
    return {end: names.pop() for end, names in ends.items() if len(names) == 1} | found


def full_name(target: str) -> str | None:
    """The name under which the target, or the class that has it, is described."""
    first, _, rest = target.partition(".")
    spelled = f"{PREFIXES[first]}.{rest}" if first in PREFIXES and rest else target
    if spelled in known():
        return known()[spelled]
    owner, _, member = spelled.rpartition(".")
    return f"{known()[owner]}.{member}" if owner in known() else None


class CodeOrName(SphinxRole):
    """What a docstring has in single backticks: a link if it is a name of ours, code otherwise."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        """The node for this text."""
        name = self.text.removesuffix("()")
        if LOOKS_LIKE_A_NAME.fullmatch(name) and (target := full_name(name)):
            role = XRefRole()
            raw = f":py:obj:`{self.text} <{target}>`"
            return role("py:obj", raw, f"{self.text} <{target}>", self.lineno, self.inliner)
        return [nodes.literal(self.rawtext, self.text)], []


def resolve(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, shown: nodes.Element
) -> nodes.Node | None:
    """Find what a type or an error is called here: `ShapeError`, `nn.Module`."""
    if node.get("refdomain") != "py" or not (target := full_name(node["reftarget"])):
        return None
    if "." not in node["reftarget"] and not node["reftarget"][:1].isupper():
        return None
    domain = env.domains.python_domain
    return domain.resolve_xref(
        env, node.get("refdoc", env.docname), app.builder, "obj", target, node, shown
    )


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx."""
    app.add_role("code-or-name", CodeOrName())
    app.connect("builder-inited", write)
    app.connect("missing-reference", resolve)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
