"""Fail unless the wheel holds every tracked file of the package. Usage: check_wheel.py WHEEL."""

import subprocess
import sys
import zipfile

tracked = subprocess.run(
    ["git", "ls-files", "tinygrad_nn"],
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\n")
shipped = set(zipfile.ZipFile(sys.argv[1]).namelist())
# Installed beside the package and not within: see pyproject.toml.
beside = "tinygrad_nn/testing/entry/"
missing = sorted({name.removeprefix(beside) for name in tracked if name} - shipped)
# Without py.typed type checkers ignore every annotation; an empty listing would pass the rest.
if missing or "tinygrad_nn/py.typed" not in shipped:
    sys.exit(f"not in the wheel: {missing or 'tinygrad_nn/py.typed'}")
print(f"{len(shipped)} files, every tracked one among them")
