"""Pages as texts: a policy that holds, data that stays data, packing that changes nothing."""

import base64
import hashlib
import json
import re
from collections import Counter
from functools import cache
from html.parser import HTMLParser
from importlib import resources

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tinygrad_nn as tg
from tests.extents import share, twofold
from tests.viz.graphs import names, values
from tinygrad_nn.errors import OptionError
from tinygrad_nn.viz.page.assemble import assemble, framed, json_text, security_hashes
from tinygrad_nn.viz.page.packing import packed_script, packed_style
from tinygrad_nn.viz.page.stepper import stepper_page
from tinygrad_nn.viz.trace.file import to_json

SHELL_LIMIT = 174_000
"""S7: bytes of a page beyond its data. Measured: 158,200, which is 51,000 as servers send it."""


class Reader(HTMLParser):
    """Elements as (tag, attributes), and the texts of scripts and styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.raw: list[tuple[str, dict[str, str | None], str]] = []
        self.title = ""
        self.inside = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        self.inside = tag
        if tag in ("script", "style"):
            self.raw.append((tag, dict(attrs), ""))

    def handle_data(self, data):
        if self.inside in ("script", "style"):
            tag, attributes, text = self.raw[-1]
            self.raw[-1] = (tag, attributes, text + data)
        if self.inside == "title":
            self.title += data

    def handle_endtag(self, tag):
        self.inside = ""

    def data(self) -> dict:
        (text,) = (t for _, a, t in self.raw if a.get("type") == "application/json")
        return json.loads(text)


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@pytest.fixture(scope="module")
def lesson() -> tg.viz.Trace:
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    loss = (a * b + a).tanh()
    loss.name = "L"
    return tg.trace(loss)


@pytest.fixture(scope="module")
def page(lesson) -> str:
    return stepper_page(lesson)


def test_the_policy_names_exactly_what_runs(page):
    read = Reader(page)
    policy = next(
        a["content"] for t, a in read.found if a.get("http-equiv") == "Content-Security-Policy"
    )
    rules = {r.split()[0]: r.split()[1:] for r in policy.split("; ")}
    assert rules["default-src"] == ["'none'"]
    assert rules["base-uri"] == rules["form-action"] == ["'none'"]
    assert rules["img-src"] == ["data:"]
    (script,) = (t for tag, a, t in read.raw if tag == "script" and not a.get("type"))
    (style,) = (t for tag, _, t in read.raw if tag == "style")
    assert rules["script-src"] == [f"'sha256-{digest(script)}'"]
    assert rules["style-src"] == [f"'sha256-{digest(style)}'"]
    assert "unsafe" not in policy
    # The policy binds what follows it, so nothing may run before.
    assert page.index("Content-Security-Policy") < min(page.index("<style"), page.index("<script"))


def test_nothing_points_outside_and_nothing_needs_an_inline_exception(page):
    read = Reader(page)
    for tag, attributes in read.found:
        assert not any(k.startswith("on") or k == "style" for k in attributes), (tag, attributes)
        for k in ("src", "href", "action", "data", "srcset"):
            assert (attributes.get(k) or "#").startswith(("#", "data:")), (tag, attributes)
    texts = "".join(t for _, _, t in read.raw)
    assert "@import" not in texts
    assert not re.search(r"url\((?!#)", texts)
    assert set(re.findall(r"https?://[^\s\"'`]+", texts)) <= {"http://www.w3.org/2000/svg"}
    assert not re.search(
        r"\b(innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval)\b", texts
    )


@cache
def plain_tags():
    plain = Reader(stepper_page(tg.trace(tg.Value(1.0) * 2.0), title="a"))
    return Counter(t for t, _ in plain.found)


@twofold
@share(100)
@given(values(names))
def test_names_stay_data(root):
    """S12: whatever a name holds, the page has the same elements, and the name in its JSON."""
    trace = tg.trace(root)
    read = Reader(stepper_page(trace, title=root.name or "a"))
    assert Counter(t for t, _ in read.found) == plain_tags()
    assert read.data()["trace"] == json.loads(json.dumps(to_json(trace)))
    stepper_page(trace).encode("utf-8")


@given(st.recursive(st.none() | st.text() | st.integers(), st.lists))
def test_json_survives_and_cannot_end_its_element(value):
    text = json_text(value)
    assert "<" not in text
    assert text.isascii()
    assert json.loads(text) == value


@pytest.mark.parametrize("x", [float("nan"), float("inf")])
def test_json_has_no_number_that_is_none(x):
    with pytest.raises(ValueError, match="JSON"):
        json_text({"x": x})


def test_the_same_trace_gives_the_same_page(lesson, page, tmp_path):
    assert stepper_page(lesson) == page
    path = tg.viz.Pass.of(lesson).save_html(tmp_path / "pass.html")
    assert path.read_text("utf-8") == page


def test_a_page_is_little_more_than_its_data(lesson, page):
    """S7, the page's part."""
    data = len(json.dumps(to_json(lesson), separators=(",", ":")))
    assert len(page.encode()) - data < SHELL_LIMIT


def test_options_reach_the_page_and_wrong_ones_are_refused(lesson):
    read = Reader(stepper_page(lesson, title="<b>&", level="op", theme="dark", step=3))
    assert read.title == "<b>&"
    options = read.data()["options"]
    assert options.pop("open") == {name: [0] for name in ("first", "module", "op", "scalar")}
    assert options == {"level": "op", "theme": "dark", "step": 3, "title": "<b>&"}
    for wrong in ({"level": "deep"}, {"theme": "pink"}, {"step": -1}):
        with pytest.raises(OptionError, match="stepper page: got"):
            stepper_page(lesson, **wrong)


def test_a_framed_page_comes_out_whole_and_may_do_little(page):
    (frame,) = (a for t, a in Reader(framed(page, 'T"<')).found if t == "iframe")
    assert frame["srcdoc"] == page
    assert frame["title"] == 'T"<'
    assert "allow-same-origin" not in frame["sandbox"]


def test_a_page_around_frames_names_their_hashes(page):
    around = assemble(
        title="t", body=framed(page, "f"), styles=[], scripts=[], data={},
        hashes=security_hashes(page),
    )  # fmt: skip
    assert set(security_hashes(page)) < set(security_hashes(around))


# ── Packing ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "packed"),
    [
        ("let a = 1; // one\nlet b = 2;", "let a=1;let b=2;"),
        ("a\n/* two\nlines */\nb", "a\nb"),
        ("a /* one */ b", "a b"),
        ("f('// kept  x')", "f('// kept  x')"),
        ('f("/* kept */")', 'f("/* kept */")'),
        ("f('it\\'s // kept')", "f('it\\'s // kept')"),
        ("`a  ${ b + /* gone */ `c  ${ d }` }  e`", "`a  ${b+`c  ${d}`}  e`"),
        ("`\\`${'}'}`", "`\\`${'}'}`"),
        ("x = /[/ ']+/g.exec( y )", "x=/[/ ']+/g.exec(y)"),
        ("x = a / b / c", "x=a/b/c"),
        ("x = a / /b/.c", "x=a/ /b/.c"),
        ("x = a < /b/.c; y = a < !b", "x=a< /b/.c;y=a< !b"),
        ("a * /b/.c; a / (b)", "a* /b/.c;a/(b)"),
        ("a - --b; a++ + ++b", "a- --b;a++ + ++b"),
        ("a - -b; c + +d", "a- -b;c+ +d"),
        ("return  x", "return x"),
        ("a\nb", "a\nb"),
        ("[1, 2]\n.map(f)", "[1,2]\n.map(f)"),
        ("const f = () => {\n  g();\n}\nh()", "const f=()=>{g();}\nh()"),
        ("/** @type {A} */ (b).c", "(b).c"),
    ],
)
def test_packing_keeps_what_counts(text, packed):
    assert packed_script(text) == packed
    assert packed_script(packed) == packed


@pytest.mark.parametrize(
    "text", ["'a", '"a\n"', "`a", "`${", "/* a", "x = /a", "'</script>'", "a<!--b"]
)
def test_a_script_that_would_break_the_page_is_refused(text):
    with pytest.raises(ValueError, match=r"^(script|page): got"):
        packed_script(text)


def test_a_style_loses_comments_and_spaces_only():
    text = "/* c */\na b > c ,\n.d { margin : 0 1px ; }\n@media (x) { e { f: calc(1px + 2px); } }\n"
    packed = "a b > c,.d{margin : 0 1px}@media (x){e{f: calc(1px + 2px)}}"
    assert packed_style(text) == packed


def test_scripts_share_one_scope_without_sharing_a_name():
    """A second function of a name would replace the first one without a word."""
    page = resources.files("tinygrad_nn.viz.page")
    files = [f for folder in ("shared", "stepper") for f in page.joinpath(folder).iterdir()]
    texts = [f.read_text("utf-8") for f in files if f.name.endswith(".js")]
    found = Counter(
        name
        for text in texts
        for name in re.findall(r"^(?:async )?(?:function\*?|const|let|class) (\w+)", text, re.M)
    )
    assert len(found) > 50
    assert not [name for name, count in found.items() if count > 1]
    assert not [t for t in texts if re.search(r"^(import|export)\b", t, re.M)]
    assert all(t.startswith("// @ts-check") for t in texts)
