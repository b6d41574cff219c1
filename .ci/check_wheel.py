"""Fail unless the wheel holds every tracked file of the package. Usage: check_wheel.py WHEEL."""

import subprocess
import sys
import zipfile

tracked = subprocess.run(
    ["git", "ls-files", "tinygrad_nn", "tinygrad_nn_pytest.py"],
    capture_output=True,
    text=True,
    check=True,
).stdout.split("\n")
shipped = set(zipfile.ZipFile(sys.argv[1]).namelist())
missing = sorted(set(filter(None, tracked)) - shipped)
# Without py.typed type checkers ignore every annotation; an empty listing would pass the rest.
if missing or "tinygrad_nn/py.typed" not in shipped:
    sys.exit(f"not in the wheel: {missing or 'tinygrad_nn/py.typed'}")
print(f"{len(shipped)} files, every tracked one among them")
