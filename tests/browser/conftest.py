"""Real pages in a real browser: headless Chromium, driven by Playwright.

`page_at` opens a page, and its test fails when the page wrote an error to the console, raised one,
or asked for anything from outside. Without Playwright or Chromium the tests skip and say so.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

# Chromium is that of the system: `playwright install` would download hundreds of megabytes.
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# A page is to be the only one that asks for anything, so that each request is its own.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
    "--font-render-hinting=none",
    "--hide-scrollbars",
)
INSIDE = ("data:", "blob:", "about:")
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
TIMEOUT = 15_000  # milliseconds; far above what any step here takes


def executable() -> str | None:
    """Path of a Chromium: the one that $CHROMIUM names, else the first on the path."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for n in NAMES if (path := shutil.which(n))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """One Chromium for the tests of this process, started when the first of them asks."""
    api = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is not installed: pip install -e '.[browser]'"
    )
    path = executable()
    if path is None:
        pytest.skip(f"no Chromium on this machine: none of {', '.join(NAMES)}; or set $CHROMIUM")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=path, args=list(FLAGS))
        yield chromium
        chromium.close()


class Tab:
    """A context with one page. What the page asks for and says goes to the test that has it."""

    def __init__(self, browser: Any, theme: str, emulation: dict[str, Any]) -> None:
        self.theme = theme
        self.owner: Pages | None = None
        self.address = self.allowed = ""
        self._context = browser.new_context(
            color_scheme=theme, service_workers="block", **emulation
        )
        context = self._context
        context.set_default_timeout(TIMEOUT)
        context.route("**/*", self._judge)
        context.on("console", self._hear)
        context.on("weberror", lambda error: self._tell(f"script error: {error.error}"))
        self.page = context.new_page()
        self.page.on("websocket", lambda socket: self._socket(socket.url))

    def open(self, owner: "Pages", address: str, allowed: str, place: str) -> None:
        self.owner, self.address, self.allowed = owner, address, allowed
        self.page.goto(f"{address}#{place}" if place else address)

    def settle(self) -> None:
        """Hears what the page still has to say."""
        self.page.wait_for_timeout(0)

    def leave(self) -> bool:
        """Makes the page as good as new, if it can."""
        page = self.page
        fresh = len(self._context.pages) == 1 and self.address.startswith("file:")
        if fresh:
            page.evaluate("try { localStorage.clear(); sessionStorage.clear() } catch { }")
            page.emulate_media(
                media="null", color_scheme=self.theme, reduced_motion="null", forced_colors="null"
            )
            page.mouse.move(-10, -10)
            page.goto("about:blank")
        self.owner = None
        return fresh

    def close(self) -> None:
        self._context.close()

    def _judge(self, route: Any) -> None:
        url = route.request.url.partition("#")[0]
        asked = url == self.address.partition("#")[0]
        if self.owner is not None and not asked:
            self.owner.requests.append(url)
        if asked or url.startswith((self.allowed, *INSIDE)):
            route.continue_()
        else:
            self._tell(f"request to {url}")
            route.abort()

    def _socket(self, url: str) -> None:
        if urlsplit(url).netloc != urlsplit(self.address).netloc:
            self._tell(f"socket to {url}")

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning", "assert"):
            self._tell(f"console {message.type}: {message.text}")

    def _tell(self, fault: str) -> None:
        if self.owner is not None:
            self.owner.faults.append(fault)


class Pool:
    """Tabs by theme. To open one takes longer than most tests, so they are used again."""

    def __init__(self, browser: Any) -> None:
        self._browser = browser
        self._free: dict[str, list[Tab]] = defaultdict(list)

    def take(self, theme: str, emulation: dict[str, Any]) -> Tab:
        """A tab as good as new; with `emulation` a new one."""
        free = self._free[theme]
        if free and not emulation:
            return free.pop()
        return Tab(self._browser, theme, emulation)

    def give(self, tab: Tab, again: bool) -> None:
        """Takes a tab back, to be used again if it may be."""
        if tab.leave() and again:
            self._free[tab.theme].append(tab)
        else:
            tab.close()

    def close(self) -> None:
        """Closes those that nobody has."""
        for tabs in self._free.values():
            for tab in tabs:
                tab.close()
        self._free.clear()


@pytest.fixture(scope="session")
def tabs(browser: Any) -> Iterator[Pool]:
    """The pages of this process."""
    pool = Pool(browser)
    yield pool
    pool.close()


class Pages:
    """Opens pages and keeps what is wrong with them.

    `faults` holds, for all pages opened, errors of the console and of scripts, and requests that
    were refused. A test that plants such a fault empties it.
    """

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._pool = pool
        self._folder = folder
        self._tabs: list[tuple[Tab, bool]] = []

    def __call__(
        self,
        source: str | Path,
        width: int = 1400,
        height: int = 900,
        theme: str = "light",
        place: str = "",
        **emulation: Any,
    ) -> Any:
        """Page of `source`, loaded.

        Args:
            source: HTML text, the path of a file, or an address of the loopback. Text may ask
                for nothing at all; a file for files of its own folder; an address for its host.
            width: Of the window, in CSS pixels.
            height: Of the window.
            theme: The reader's preference, "light" or "dark".
            place: What follows the # of its address.
            **emulation: More for Playwright's `new_context`: `device_scale_factor`,
                `reduced_motion`, `forced_colors`, `has_touch`, `accept_downloads`.
        """
        address = self._address(source)
        tab = self._pool.take(theme, emulation)
        self._tabs.append((tab, not emulation))
        tab.page.set_viewport_size({"width": width, "height": height})
        text = isinstance(source, str) and not _is_address(source)
        tab.open(self, address, address if text else address.rpartition("/")[0] + "/", place)
        return tab.page

    def settle(self) -> None:
        """Hears what the pages still have to say, and leaves them."""
        for tab, again in self._tabs:
            tab.settle()
            self._pool.give(tab, again)
        self._tabs.clear()

    def _address(self, source: str | Path) -> str:
        if isinstance(source, str) and _is_address(source):
            assert urlsplit(source).netloc.rpartition(":")[0] in LOOPBACK, f"not ours: {source}"
            return source
        if isinstance(source, str):
            file = self._folder / f"page-{len(self._tabs)}.html"
            # A lone surrogate is no UTF-8 and is written as a user's file would have it.
            file.write_text(source, "utf-8", errors="surrogatepass", newline="")
            source = file
        return source.resolve().as_uri()


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://")) and "\n" not in source


@pytest.fixture
def page_at(tabs: Pool, tmp_path: Path) -> Iterator[Pages]:
    """Opens a page: `page_at(html_or_path_or_address, width=1400, height=900, theme="light")`."""
    pages = Pages(tabs, tmp_path)
    yield pages
    pages.settle()
    assert not pages.faults, "the page is at fault:\n" + "\n".join(pages.faults)
