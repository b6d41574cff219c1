"""What the documents take from the code is what the code says now."""

import importlib.util

import pytest

from tests.architecture.paths import ROOT

_spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
assert _spec is not None and _spec.loader is not None
generate = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(generate)


@pytest.mark.parametrize("path", generate.pages(), ids=lambda path: path.name)
def test_generated_files_are_current(path):
    text = generate.pages()[path]
    assert path.read_text(encoding="utf-8") == text, (
        f"{path.name} is not what the code says now: run `python docs/generate.py`"
    )
