"""What tests of the engine share."""

import sys

import pytest


@pytest.fixture
def hurried():
    """Threads that change places as often as they can."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)
