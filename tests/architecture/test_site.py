"""What our site adds to Sphinx: each check of it sees a planted fault."""

from pathlib import Path

import pytest
from public_names import SNAPSHOT

from tests.architecture.paths import ROOT

for needed in ("sphinx", "furo", "myst_nb", "sklearn"):
    pytest.importorskip(needed, reason=f"the site needs {needed}: pip install -e '.[docs]'")

from book import docstrings, drawings, links, reference, sections  # noqa: E402


def test_every_public_name_leads_to_one_entry_that_is_described():
    found = reference.reference()
    names = {f"{module}.{name}" for module, table in found.modules.items() for name in table}
    assert names == set(SNAPSHOT.read_text("utf-8").split())
    described = [entry.name for entries in found.pages.values() for entry in entries]
    assert len(described) == len(set(described))
    assert {e.name for table in found.modules.values() for e in table.values()} == set(described)


@pytest.mark.parametrize(
    ("name", "entry", "page"),
    [
        ("tinygrad_nn.ops.absolute", "tinygrad_nn.abs", "tinygrad_nn.ops.elementwise"),
        ("tinygrad_nn.transforms.hvp", "tinygrad_nn.hvp", "tinygrad_nn"),
        ("tinygrad_nn.tensor.Tensor", "tinygrad_nn.Tensor", "tinygrad_nn"),
        ("tinygrad_nn.nn.Swish", "tinygrad_nn.nn.SiLU", "tinygrad_nn.nn"),
    ],
)
def test_an_object_is_described_under_its_shortest_name(name: str, entry: str, page: str):
    module, _, public = name.rpartition(".")
    found = reference.reference().modules[module][public]
    assert (found.name, found.page) == (entry, page)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("nn.Linear", "tinygrad_nn.nn.Linear"),
        ("tg.tanh", "tinygrad_nn.tanh"),
        ("Tensor.backward", "tinygrad_nn.Tensor.backward"),
        ("ShapeError", "tinygrad_nn.errors.ShapeError"),
        ("np.tanh", None),
        ("Nothing", None),
    ],
)
def test_names_are_found_as_docstrings_write_them(written: str, meant: str | None):
    assert reference.full_name(written) == meant


@pytest.mark.parametrize(
    ("written", "escaped"),
    [
        ("log |Γ(x)|, see `a|b`", r"log \|Γ(x)\|, see `a|b`"),
        ("`Metric`s of 2*3", r"`Metric`\ s of 2\*3"),
        ('"encoder.*", "*.bias"', r'"encoder.\*", "\*.bias"'),
        ("this *is* meant", "this *is* meant"),
    ],
)
def test_docstrings_are_prose(written: str, escaped: str):
    assert docstrings.prose(written) == escaped


def test_examples_in_docstrings_stay_as_they_are():
    lines = ["|x|", "", ">>> 2 * 3 | 4", "6", "", "|x|"]
    docstrings.read_as_prose(None, "function", "f", None, None, lines)
    assert lines == [r"\|x\|", "", ">>> 2 * 3 | 4", "6", "", r"\|x\|"]


def test_arguments_that_share_a_line_are_not_each_others_types():
    lines = ["Args:", "    a, b (int): Of", "        a, b and c.", "    x: One, two: three."]
    docstrings.read_as_prose(None, "function", "f", None, None, lines)
    assert lines == ["Args:", "    a,b (int): Of", "        a, b and c.", "    x: One, two: three."]


def test_a_readme_is_the_menu_of_its_section():
    text = "[b](b.md) [a](a.md#x) [b](b.md) [up](../up.md) [other](../other/page.md) ![c](c.svg)"
    assert list(sections.entries("folder/README", text)) == ["/folder/b", "/up"]


def test_planted_broken_links_are_found(tmp_path: Path):
    (tmp_path / "a.html").write_text("<a href='b.html#here'></a><a href='https://x.org/y'></a>")
    (tmp_path / "b.html").write_text("<p id='here'></p><img src='gone.svg'><a href='a.html#no'>")
    assert list(links.broken(tmp_path)) == [
        "b.html: gone.svg does not exist",
        "b.html: a.html#no names a place that is not there",
    ]


def test_drawings_say_how_small_they_may_be():
    assert drawings.smallest_width(ROOT / "docs" / "images" / "lenet.svg") == 393.6
    assert drawings.smallest_width(ROOT / "docs" / "images" / "gone.svg") is None
