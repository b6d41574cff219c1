"""Folders for Hypothesis, and a web server whose every answer a test decides."""

import os
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tinygrad_nn.data.folders import DATA_VARIABLE

REPOSITORY = Path(__file__).resolve().parents[2]
Answer = Callable[[BaseHTTPRequestHandler], None]


class Mirror:
    """A web server on the loopback interface; `answers` are by file name."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.requested: list[str] = []
        self.closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/mnist/"

    def serve(self, name: str, body: bytes) -> None:
        self.answers[name] = lambda handler: answer(handler, body)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.removeprefix("/mnist/")
                mirror.requested.append(name)
                mirror.answers.get(name, not_found)(self)

            def log_message(self, format: str, *args: object) -> None:
                """Keep the output of the tests clean."""

        return Handler


def answer(handler: BaseHTTPRequestHandler, body: bytes, promised: int | None = None) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body) if promised is None else promised))
    handler.end_headers()
    handler.wfile.write(body)


def not_found(handler: BaseHTTPRequestHandler) -> None:
    handler.send_error(404)


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    """Two servers without any file yet."""
    # A proxy of the environment must not be asked for loopback addresses.
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    both = Mirror(), Mirror()
    yield both
    for mirror in both:
        mirror.close()


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples of a property may share."""
    return tmp_path_factory.mktemp("scratch")


@pytest.fixture
def no_data(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without any data: the folders of the machine must not decide a test."""
    monkeypatch.delenv(DATA_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "cache"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture(scope="session")
def real_mnist() -> Path:
    """The folder of the real files, or a skip that says where they were looked for."""
    roots = [Path(os.environ.get(DATA_VARIABLE) or "."), REPOSITORY.parent / "shared" / "data"]
    folders = [folder for root in roots for folder in (root, root / "mnist")]
    for folder in folders:
        if (folder / "train-images-idx3-ubyte.gz").is_file():
            return folder
    pytest.skip(f"no MNIST files: set {DATA_VARIABLE} to a folder that has them")
