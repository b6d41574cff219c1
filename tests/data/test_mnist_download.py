"""Downloading MNIST: faults of the network and of mirrors, on a server of our own."""

import gzip
import hashlib
import io
import time
from pathlib import Path

import numpy as np
import pytest

from tests.data.conftest import Mirror
from tests.data.faults import FAULTS, HANGING
from tinygrad_nn.data import (
    MNIST_MIRRORS,
    download_mnist,
    fetch_url,
    fetching,
    load_mnist,
    mnist_download,
    write_idx,
)
from tinygrad_nn.data.mnist_download import MNIST_FILES, MnistFile
from tinygrad_nn.errors import DataError, OptionError

QUICK = 0.2
Files = dict[str, bytes]


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Files:
    """Small files in place of the 11 MB; the table of sizes and hashes is theirs."""
    noise = np.random.default_rng(0)
    table, packed = [], {}
    for number, file in enumerate(MNIST_FILES, start=2):
        shape = (number // 2, 28, 28) if "images" in file.stem else (number // 2,)
        source = tmp_path / "source"
        write_idx(source, noise.integers(0, 10, shape, np.uint8))
        content = source.read_bytes()
        source.unlink()
        digest = hashlib.sha256(content).hexdigest()
        table.append(MnistFile(file.stem, len(content), digest))
        packed[f"{file.stem}.gz"] = gzip.compress(content, mtime=0)
    monkeypatch.setattr(mnist_download, "MNIST_FILES", tuple(table))
    return packed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "mnist"


def serve_all(mirror: Mirror, files: Files) -> None:
    for name, content in files.items():
        mirror.serve(name, content)


def saved(folder: Path) -> Files:
    return {path.name: path.read_bytes() for path in folder.glob("*")}


# ------------------------------------------------------------------------------- good mirrors
def test_the_files_arrive_and_load(files: Files, folder: Path, mirrors):
    serve_all(mirrors[0], files)
    assert download_mnist(folder, mirrors=[mirrors[0].url], timeout=5) == folder
    assert saved(folder) == files
    assert len(load_mnist(folder)) == 1 and len(load_mnist(folder, split="test")) == 2


def test_files_that_are_there_are_kept_and_not_fetched(files: Files, folder: Path, mirrors):
    serve_all(mirrors[0], files)
    names = sorted(files)
    folder.mkdir(parents=True)
    (folder / names[0]).write_bytes(files[names[0]])
    # Unpacked under the plain name is as good.
    (folder / names[1].removesuffix(".gz")).write_bytes(gzip.decompress(files[names[1]]))
    for _ in range(2):
        download_mnist(folder, mirrors=[mirrors[0].url.rstrip("/")], timeout=5)
    assert sorted(mirrors[0].requested) == names[2:]


def test_without_a_folder_it_is_the_cache(files: Files, no_data: Path, mirrors):
    serve_all(mirrors[0], files)
    target = download_mnist(mirrors=[mirrors[0].url], timeout=5)
    assert no_data in target.parents and target.name == "mnist"
    assert len(load_mnist()) == 1


def test_the_real_files_pass_their_own_check(real_mnist: Path, folder: Path, mirrors):
    for file in MNIST_FILES:
        mirrors[0].serve(f"{file.stem}.gz", (real_mnist / f"{file.stem}.gz").read_bytes())
    download_mnist(folder, mirrors=[mirrors[0].url])
    assert len(load_mnist(folder, split="test")) == 10_000


def test_the_public_mirrors_are_the_default_and_encrypted(files: Files, folder: Path):
    asked = []

    def fetch(url: str, timeout: float) -> bytes:
        asked.append((url, timeout))
        return files[url.rpartition("/")[2]]

    download_mnist(folder, fetch=fetch, timeout=7)
    assert asked == [(f"{MNIST_MIRRORS[0]}{name}", 7) for name in files]
    assert all(mirror.startswith("https://") for mirror in MNIST_MIRRORS)


# ------------------------------------------------------------------------------------- faults
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_fault_is_named_and_the_next_mirror_serves(fault, files: Files, folder, mirrors):
    bad, good = mirrors
    first = next(iter(files))
    serve_all(bad, files)
    bad.answers[first] = lambda handler: fault(handler, files[first], bad)

    def fetch(url: str, timeout: float) -> bytes:
        # Short only where it must run out, for the machine may be busy.
        hangs = fault in HANGING and url.startswith(bad.url)
        return fetch_url(url, QUICK if hangs else timeout)

    with pytest.raises(DataError, match=FAULTS[fault]) as caught:
        download_mnist(folder, mirrors=[bad.url], fetch=fetch)
    assert bad.url in str(caught.value) and first in str(caught.value)
    assert saved(folder) == {}

    serve_all(good, files)
    download_mnist(folder, mirrors=[bad.url, good.url], fetch=fetch)
    assert saved(folder) == files
    # The mirror that failed is not asked again while another one works.
    assert bad.requested == [first, first] and good.requested == list(files)


@pytest.mark.parametrize("fault", [f for f in FAULTS if f in HANGING], ids=lambda f: f.__name__)
def test_a_server_that_hangs_holds_a_download_no_longer_than_asked(fault, mirrors):
    mirrors[0].answers["a"] = lambda handler: fault(handler, bytes(1 << 20), mirrors[0])
    start = time.monotonic()
    with pytest.raises(OSError, match="time"):
        fetch_url(f"{mirrors[0].url}a", QUICK)
    assert QUICK / 2 < time.monotonic() - start < 4


def test_when_all_fail_each_reason_is_given(files: Files, folder: Path, mirrors):
    mirrors[1].serve(next(iter(files)), b"no gzip")
    with pytest.raises(DataError, match=r"404.*expected gzip.*save the file yourself"):
        download_mnist(folder, mirrors=[mirror.url for mirror in mirrors], timeout=5)


def test_a_download_goes_on_where_it_stopped(files: Files, folder: Path, mirrors):
    serve_all(mirrors[0], files)
    last = list(files)[-1]
    del mirrors[0].answers[last]
    with pytest.raises(DataError, match=last):
        download_mnist(folder, mirrors=[mirrors[0].url], timeout=5)
    assert saved(folder) == {name: files[name] for name in files if name != last}
    mirrors[0].serve(last, files[last])
    mirrors[0].requested.clear()
    download_mnist(folder, mirrors=[mirrors[0].url], timeout=5)
    assert mirrors[0].requested == [last] and saved(folder) == files


def test_nobody_listens(files: Files, folder: Path, mirrors):
    with pytest.raises(DataError, match="got it from none of"):
        download_mnist(folder, mirrors=["http://127.0.0.1:9/mnist"], timeout=QUICK)


def test_a_body_over_the_bound_is_given_up(mirrors, monkeypatch):
    monkeypatch.setattr(fetching, "_MAX_DOWNLOAD", 1000)
    mirrors[0].serve("long", bytes(1001))
    mirrors[0].serve("fits", bytes(1000))
    assert len(fetch_url(f"{mirrors[0].url}fits", 5)) == 1000
    with pytest.raises(DataError, match="more than 1,000 bytes"):
        fetch_url(f"{mirrors[0].url}long", 5)


def test_the_bound_leaves_room_for_every_file(real_mnist: Path):
    largest = max(path.stat().st_size for path in real_mnist.glob("*.gz"))
    assert largest < fetching._MAX_DOWNLOAD < 3 * largest


def test_an_error_status_leaves_no_connection_open(mirrors):
    with pytest.raises(DataError, match="404") as caught:
        fetch_url(f"{mirrors[0].url}absent", 5)
    assert caught.value.__cause__.closed


class Endless(io.BufferedIOBase):
    """Zeros, as a compression bomb gives them, up to a bound that no test should reach."""

    given = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.given += size
        return bytes(size) if self.given < 1 << 22 else b""


def test_a_bomb_is_unpacked_one_byte_too_far_and_no_further():
    stream, file = Endless(), MnistFile("bomb", 100_000, "")
    with pytest.raises(DataError, match="more than 100,000 bytes"):
        mnist_download._check_content(stream, file)
    # Asking for nothing more is what ends the loop.
    assert stream.given == 100_001


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://127.0.0.1/a", "mnist", ""])
def test_only_web_addresses_are_opened(url):
    with pytest.raises(DataError, match="https://"):
        fetch_url(url, 1)


# ---------------------------------------------------------------------------------- the folder
def test_another_data_set_in_the_folder_is_not_overwritten(files: Files, folder: Path, mirrors):
    serve_all(mirrors[0], files)
    folder.mkdir(parents=True)
    name = next(iter(files))
    (folder / name).write_bytes(gzip.compress(b"Fashion-MNIST"))
    with pytest.raises(DataError, match=r"not the file of MNIST.*another folder="):
        download_mnist(folder, mirrors=[mirrors[0].url], timeout=5)
    assert gzip.decompress((folder / name).read_bytes()) == b"Fashion-MNIST"
    assert mirrors[0].requested == []


def test_a_folder_that_cannot_be_made_is_named(files: Files, tmp_path: Path, mirrors):
    serve_all(mirrors[0], files)
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match=r"cannot be written .*pass folder="):
        download_mnist(tmp_path / "file" / "mnist", mirrors=[mirrors[0].url], timeout=5)


def test_a_failed_write_leaves_nothing(files: Files, folder: Path, mirrors, monkeypatch):
    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    serve_all(mirrors[0], files)
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(DataError, match="No space left"):
        download_mnist(folder, mirrors=[mirrors[0].url], timeout=5)
    assert saved(folder) == {}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mirrors": []}, "mirrors: got"),
        ({"mirrors": "https://example.org"}, "mirrors: got"),
        ({"timeout": 0}, "timeout: got 0"),
        ({"timeout": float("inf")}, "timeout: got inf"),
        ({"timeout": True}, "timeout: got True"),
    ],
)
def test_unfit_arguments_are_refused(arguments, message, folder: Path):
    with pytest.raises(OptionError, match=message):
        download_mnist(folder, **arguments)
    assert not folder.exists()
