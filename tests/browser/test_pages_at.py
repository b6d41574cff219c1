"""The fixture opens pages of every source, and sees what a page must not do."""

import pytest

QUIET = "<!doctype html><html lang=en><title>t</title><body><h1>Title</h1>{}</body></html>"

GUILTY = [
    ("<script>console.error('broken')</script>", "console error: broken"),
    ("<script>console.warn('careful')</script>", "console warning: careful"),
    ("<script>undefinedName()</script>", "undefinedName"),
    ("<script>Promise.reject(new Error('late'))</script>", "late"),
    ("<img src='https://example.org/a.png' alt=''>", "request to https://example.org/a.png"),
    ("<script src='http://127.0.0.1:9/a.js'></script>", "request to http://127.0.0.1:9/a.js"),
    ("<link rel=stylesheet href='neighbour.css'>", "neighbour.css"),
    ("<style>body{background:url(https://example.org/b.png)}</style>", "example.org/b.png"),
    ("<script>fetch('https://example.org/c').catch(() => 0)</script>", "example.org/c"),
    ("<iframe title=f src='https://example.org/d'></iframe>", "example.org/d"),
    ("<script>new WebSocket('ws://example.org/e')</script>", "example.org/e"),
    ("<script>navigator.sendBeacon('https://example.org/f')</script>", "example.org/f"),
]


@pytest.mark.parametrize(("body", "heard"), GUILTY)
def test_a_planted_fault_is_heard(page_at, body: str, heard: str):
    page = page_at(QUIET.format(body))
    page.wait_for_timeout(50)
    page_at.settle()
    assert heard in "\n".join(page_at.faults)
    page_at.faults.clear()


def test_text_a_file_and_its_neighbours_open(page_at, tmp_path):
    page = page_at(QUIET.format("<p>from text"), theme="dark", width=420)
    assert page.inner_text("p") == "from text"
    assert page.evaluate("matchMedia('(prefers-color-scheme: dark)').matches")
    assert page.evaluate("innerWidth") == 420
    (tmp_path / "a.css").write_text("p { color: rgb(1, 2, 3) }", "utf-8")
    (tmp_path / "a.html").write_text(QUIET.format("<link rel=stylesheet href=a.css><p>"), "utf-8")
    page = page_at(tmp_path / "a.html")
    assert page.evaluate("getComputedStyle(document.querySelector('p')).color") == "rgb(1, 2, 3)"
    assert len(page_at.requests) == 1
