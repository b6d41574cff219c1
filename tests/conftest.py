"""What every test shares: the Hypothesis profiles and a seeded generator."""

import os
import zlib

import numpy as np
import pytest
from hypothesis import settings

# No deadline: the time of one example says more about the machine than about the code.
settings.register_profile("dev", max_examples=25, deadline=None)
# Derandomised, so that a change is judged by the same examples on every run; `nightly` looks for
# new ones. The blob in a failure's output replays it elsewhere.
settings.register_profile("ci", max_examples=30, deadline=None, derandomize=True, print_blob=True)
settings.register_profile("nightly", max_examples=2000, deadline=None, print_blob=True)
# `--hypothesis-profile` is read after this file and so overrides it.
settings.load_profile("ci" if os.environ.get("CI") else "dev")


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> np.random.Generator:
    """A generator seeded from the test's name: the same numbers alone, in any order, anywhere.

    Not for use under ``@given``, whose examples would share it and not be replayable: draw a seed
    from Hypothesis there.
    """
    return np.random.default_rng(zlib.crc32(request.node.name.encode()))
