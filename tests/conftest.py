"""What every test shares: the Hypothesis profiles, the two extents and a seeded generator."""

import getpass
import os
import sys
import tempfile
import zlib
from pathlib import Path

# Where tests run side by side, the threads of their products would only wait for one another.
if "PYTEST_XDIST_WORKER" in os.environ:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")

import numpy as np
import pytest
from hypothesis import settings

from tests import extents

# No deadline: the time of one example says more about the machine than about the code.
settings.register_profile("dev", max_examples=25, deadline=None)
# Derandomised, so that a change is judged by the same examples on every run; `nightly` looks for
# new ones. The blob in a failure's output replays it elsewhere.
settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
# `--hypothesis-profile` is read after this file and so overrides it.
settings.load_profile("ci" if os.environ.get("CI") else "dev")


def pytest_configure(config: pytest.Config) -> None:
    extents.choose(config)
    # Not for the workers of pytest-xdist, which would compile all that is installed anew.
    if sys.dont_write_bytecode and not getattr(config.option, "numprocesses", None):
        _let_commands_keep_bytecode()


def _let_commands_keep_bytecode() -> None:
    """Give the processes that tests start a folder for what they compile.

    Where this Python writes none, each of two hundred commands would compile the package: half
    of the time of tests/cli.
    """
    folder = Path(tempfile.gettempdir(), f"bytecode-of-{getpass.getuser()}")
    folder.mkdir(mode=0o700, exist_ok=True)
    # Nobody else may say what is run.
    if os.name == "posix" and folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder)
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    extents.join(items)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded from the test's name: the same numbers alone, in any order, anywhere.

    Not for use under ``@given``, whose examples would share it and not be replayable: draw a seed
    from Hypothesis there.
    """
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
