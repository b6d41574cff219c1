"""Real pages in a real browser: headless Chromium, driven by Playwright.

`page_at` opens a page, and its test fails when the page wrote an error to the console, raised one,
or asked for anything from outside. Without Playwright or Chromium the tests skip and say so.
"""

import os
import shutil
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


class Pages:
    """Opens pages and keeps what is wrong with them.

    `faults` holds, for all pages opened, errors of the console and of scripts, and requests that
    were refused. A test that plants such a fault empties it.
    """

    def __init__(self, browser: Any, folder: Path) -> None:
        self.faults: list[str] = []
        self.requests: list[str] = []
        self._browser = browser
        self._folder = folder
        self._contexts: list[Any] = []

    def __call__(
        self,
        source: str | Path,
        width: int = 1400,
        height: int = 900,
        theme: str = "light",
        **emulation: Any,
    ) -> Any:
        """Page of `source`, loaded.

        Args:
            source: HTML text, the path of a file, or an address of the loopback. Text may ask
                for nothing at all; a file for files of its own folder; an address for its host.
            width: Of the window, in CSS pixels.
            height: Of the window.
            theme: The reader's preference, "light" or "dark".
            **emulation: More for Playwright's `new_context`: `device_scale_factor`,
                `reduced_motion`, `forced_colors`, `has_touch`, `accept_downloads`.
        """
        address = self._address(source)
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme=theme,
            service_workers="block",
            **emulation,
        )
        self._contexts.append(context)
        context.set_default_timeout(TIMEOUT)
        text = isinstance(source, str) and not _is_address(source)
        allowed = address if text else address.rpartition("/")[0] + "/"
        context.route("**/*", lambda route: self._judge(route, address, allowed))
        context.on("console", self._hear)
        context.on("weberror", lambda error: self.faults.append(f"script error: {error.error}"))
        page = context.new_page()
        page.on("websocket", lambda socket: self._socket(socket.url, address))
        page.goto(address)
        return page

    def settle(self) -> None:
        """Hears what the pages still have to say, and closes them."""
        for context in self._contexts:
            for page in context.pages:
                page.wait_for_timeout(0)
            context.close()
        self._contexts.clear()

    def _address(self, source: str | Path) -> str:
        if isinstance(source, str) and _is_address(source):
            assert urlsplit(source).netloc.rpartition(":")[0] in LOOPBACK, f"not ours: {source}"
            return source
        if isinstance(source, str):
            file = self._folder / f"page-{len(self._contexts)}.html"
            # A lone surrogate is no UTF-8 and is written as a user's file would have it.
            file.write_text(source, "utf-8", errors="surrogatepass", newline="")
            source = file
        return source.resolve().as_uri()

    def _judge(self, route: Any, address: str, allowed: str) -> None:
        url = route.request.url.partition("#")[0]
        if url != address.partition("#")[0]:
            self.requests.append(url)
        if url.startswith((allowed, *INSIDE)) or url == address.partition("#")[0]:
            route.continue_()
        else:
            self.faults.append(f"request to {url}")
            route.abort()

    def _socket(self, url: str, address: str) -> None:
        if urlsplit(url).netloc != urlsplit(address).netloc:
            self.faults.append(f"socket to {url}")

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning", "assert"):
            self.faults.append(f"console {message.type}: {message.text}")


def _is_address(source: str) -> bool:
    return source.startswith(("http://", "https://")) and "\n" not in source


@pytest.fixture
def page_at(browser: Any, tmp_path: Path) -> Iterator[Pages]:
    """Opens a page: `page_at(html_or_path_or_address, width=1400, height=900, theme="light")`."""
    pages = Pages(browser, tmp_path)
    yield pages
    pages.settle()
    assert not pages.faults, "the page is at fault:\n" + "\n".join(pages.faults)
