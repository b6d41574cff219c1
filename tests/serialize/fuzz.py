"""Coverage-guided fuzzing of `load` with atheris: `python -m tests.serialize.fuzz [SECONDS]`.

Bytes that nobody thought of must be loaded or refused with DataError; what is loaded can be saved
and is the same when loaded again. Options of libFuzzer may follow the seconds.
"""

import contextlib
import os
import re
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np

STATES: list[dict] = [
    {},
    {"0.weight": np.eye(2, dtype=np.float32), "0.bias": np.array([True])},
    {
        "o": {0: {"step": 3, "m": np.zeros((2, 0))}},
        "x": [0.1, (None, float("nan")), 1 << 90, "é"],
        "c": np.array(1j),
    },
]


def main(seconds: int, *options: str) -> None:
    import atheris

    with atheris.instrument_imports(include=["tinygrad_nn.serialize", "json"]):
        import tinygrad_nn as tg
        from tests.serialize.states import same
        from tinygrad_nn.errors import DataError
        from tinygrad_nn.serialize.header import document

    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    file, again = folder / "state", folder / "again"
    corpus = folder / "corpus"
    corpus.mkdir()
    for number, state in enumerate(STATES):
        tg.save(state, corpus / f"{number}")

    def one(content: bytes) -> None:
        # A right length and checksum, so that mutations reach what lies behind the checks of them.
        sound = _with_length(content)
        for candidate in (content, sound, _signed(sound)):
            file.write_bytes(candidate)
            with contextlib.suppress(DataError):
                loaded = tg.load(file)
                tg.save(loaded, again)
                assert same(tg.load(again), loaded)
        with contextlib.suppress(DataError):
            document(content, "fuzz", "bytes")

    limits = [f"-max_total_time={seconds}", "-max_len=4096", "-rss_limit_mb=1024", "-timeout=10"]
    atheris.Setup([sys.argv[0], *limits, *options, str(corpus)], one)
    atheris.Fuzz()


def _signed(content: bytes) -> bytes:
    found = re.search(rb'crc32\\":\\"([0-9a-f]{8})', content)
    if found is None:
        return content
    zeros = content[: found.start(1)] + b"0" * 8 + content[found.end(1) :]
    crc = f"{zlib.crc32(zeros):08x}".encode()
    return content[: found.start(1)] + crc + content[found.end(1) :]


def _with_length(content: bytes) -> bytes:
    body = content[8:]
    end = body.rfind(b"}") + 1
    return end.to_bytes(8, "little") + body


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 60, *sys.argv[2:])
