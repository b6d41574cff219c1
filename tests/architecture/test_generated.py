"""What the documents take from the code is what the code says now."""

import json

import numpy as np
import pytest
from generate import pages
from trace_file import ENTRIES

import tinygrad_nn as tg
from tinygrad_nn import nn
from tinygrad_nn.viz.trace.file import dumps

PAGES = pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_generated_files_are_current(path):
    assert path.read_text(encoding="utf-8") == PAGES[path](), (
        f"{path.name} is not what the code says now: run `python docs/generate.py`"
    )


def entries(x, found):
    """Every key of every object in a nest, with the entries of the list or object it is in."""
    for value in x.values() if isinstance(x, dict) else x if isinstance(x, list) else ():
        entries(value, found)
    if isinstance(x, dict):
        found.append(frozenset(x))
    return found


def test_the_reference_of_trace_files_has_every_entry():
    """Each object of a file with something of everything has a table with all its entries."""
    known = {name: set(keys.split()) for name, keys in ENTRIES.items()}
    known["ops"] = {"name", "arguments", "doc"}
    net = nn.Sequential(nn.Linear(2, 3, rng=0), nn.Linear(3, 300, rng=1))
    found, seen = [], set()
    for inputs in (2, 5):
        x = tg.tensor(np.ones((4, inputs)), name="x")
        passed = tg.trace(lambda x=x: (net(x) ** 2).mean(), model=net, on_error="record")
        whole = json.loads(dumps(passed))
        entries(list(whole.values()), found)
    for keys in found:
        tables = {name for name, table in known.items() if keys <= table}
        assert tables, sorted(keys)
        seen |= tables
    assert seen == set(known)
