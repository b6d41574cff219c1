"""`tinygrad-nn gradcheck`: functions by name, inputs by shape or file, exit codes, errors."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.cli.process import run
from tinygrad_nn.cli import main

MODULE = """
import numpy as np

SCALE = 2.0

def energy(x, y):
    return (SCALE * np.sin(x) * y).sum()

def forces(x, y):
    return SCALE * np.cos(x) * y, SCALE * np.sin(x)

def backwards(x, y):
    return SCALE * np.sin(x), SCALE * np.cos(x) * y

def logs(x):
    return np.log(x).sum()

def slopes(x):
    return 1 / x

def picky(x):
    raise KeyError("no such thing")

class Spring:
    @staticmethod
    def energy(x):
        return (x * x).sum()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "springs_of_mine.py").write_text(MODULE)
    package = tmp_path / "deep_of_mine" / "inner"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "shape.py").write_text(
        "import numpy as np\n\ndef bell(x):\n    return np.exp(-x * x)\n"
    )
    (package / "bells.py").write_text("from .shape import bell\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.delitem(sys.modules, "springs_of_mine", raising=False)
    return tmp_path


ENERGY = "gradcheck springs_of_mine:energy"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (f"{ENERGY} --grad springs_of_mine:forces --shape 2,3", 0, ["energy: pass, 12 elements"]),
        (f"{ENERGY} --shape 2,3 --shape 1,3", 0, ["energy: pass, 9 elements"]),
        (f"{ENERGY} --shape () --order 2", 0, ["energy: pass"]),
        (f"{ENERGY} --grad springs_of_mine:backwards --shape 4", 1,
         ["energy: FAIL", "x and y are exchanged", "springs_of_mine.py:6",
          "from springs_of_mine import backwards, energy"]),
        ("gradcheck springs_of_mine:logs --shape 5 --domain positive --seed 3", 0, ["pass"]),
        ("gradcheck springs_of_mine:logs --shape 5 --domain 0.5:2 --dtype float32", 0, ["pass"]),
        ("gradcheck springs_of_mine:logs --grad springs_of_mine:slopes --shape 5", 1,
         ["INCONCLUSIVE"]),
        ("gradcheck springs_of_mine:Spring.energy --shape 5 --no-dense", 0, ["pass"]),
        ("gradcheck springs_of_mine.py:energy --grad forces --shape 2,3", 0, ["pass"]),
        ("gradcheck deep_of_mine/inner/bells.py:bell --shape 4", 0, ["bell: pass"]),
        (f"{ENERGY} --grad backwards --shape 4", 1, ["x and y are exchanged"]),
        (f"{ENERGY} --grad springs_of_mine.py:forces --shape 3 --exact mpmath", 0, ["pass"]),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_function_is_checked(arguments: str, code: int, words: list[str], capsys):
    assert main(arguments.split()) == code
    said = capsys.readouterr()
    assert all(word in said.out for word in words), said.out
    assert not said.err


@pytest.mark.parametrize("names", [("x", "y"), ("arr_0", "arr_1"), ("y", "x")])
def test_inputs_come_from_a_file(names: tuple[str, str], capsys):
    np.savez("inputs.npz", allow_pickle=False, **{n: np.ones(k) for k, n in enumerate(names, 1)})
    assert main([*ENERGY.split(), "--inputs", "inputs.npz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    sizes = [sum(e["input"] == i for e in found["elements"]) for i in range(2)]
    assert sizes == ([2, 1] if names[0] == "y" else [1, 2])


def test_json_has_all_of_it(capsys):
    arguments = f"{ENERGY} --grad springs_of_mine:backwards --shape 2 --json --seed 9"
    assert main(arguments.split()) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "fail" and found["seed"] == 9 and len(found["elements"]) == 4
    assert found["hints"] == ["the gradients of x and y are exchanged"]


def test_a_function_of_torch_is_known_by_its_module(folder: Path, capsys):
    pytest.importorskip("torch")
    source = "import torch\n\n\ndef f(x):\n    return torch.exp(-(x**2))\n"
    (folder / "bells_of_mine.py").write_text(source)
    assert main("gradcheck bells_of_mine:f --shape 3".split()) == 0
    assert "f: pass, 9 elements" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("springs_of_mine.energy", ["expected package.module:function", "springs_of_mine:energy?"]),
        ("springs_of_mine", ["expected package.module:function"]),
        ("springs_of_min.py:energy", ["no file", "did you mean springs_of_mine.py?"]),
        ("springs_of_mine.py", ["springs_of_mine.py:NAME"]),
        ("deep_of_mine/inner/bells:bell", ["deep_of_mine/inner/bells.py:bell?"]),
        ("springs_of_mine.py:energi", ["did you mean 'energy'"]),
        ("json.py:energy", ["another module", "rename the file"]),
        ("springs_of_mine:energy --shape 2 --grad force", ["did you mean 'forces'"]),
        ("springs_of_mine:energie", ["no 'energie'", "did you mean 'energy'"]),
        ("springs_of_mine:zzz", ["no 'zzz'", "expected one of energy, forces"]),
        ("springs_of_mine:SCALE", ["is a float, expected a function", "energy, forces"]),
        ("springs_of_min:energy", ["no module", "did you mean springs_of_mine?"]),
        ("zzz.yyy:energy", ["no module 'zzz'", "in the folder that it is in"]),
        ("broken_of_mine:f", ["ZeroDivisionError", "broken_of_mine.py:1"]),
        ("leaves_of_mine:f", ["SystemExit"]),
        ("needs_of_mine:f", ["No module named 'zzz_needed'"]),
        ("springs_of_mine:energy", ["--shape", "(x, y)", "--shape 3,4 --shape 3,4"]),
        ("springs_of_mine:energy --shape 1 --shape 2 --shape 3", ["got 3, expected 2"]),
        ("springs_of_mine:energy --shape a", ["--shape", "'a'", "--shape 3,4"]),
        ("springs_of_mine:energy --shape 9999999,9999999", ["smaller inputs"]),
        ("springs_of_mine:energy --shape 2 --domain positiv", ["did you mean positive?"]),
        ("springs_of_mine:energy --shape 2 --domain 2:1", ["interval such as"]),
        ("springs_of_mine:energy --shape 2 --domain orthogonal", ["orthogonal", "shape"]),
        ("springs_of_mine:energy --inputs none.npz", ["no file 'none.npz'"]),
        ("springs_of_mine:energy --inputs springs_of_mine.py", ["cannot be read"]),
        ("springs_of_mine:energy --inputs pickled.npz", ["cannot be read"]),
        ("springs_of_mine:energy --inputs none.npz --shape 2", ["one or the other"]),
        ("springs_of_mine:energy --shape 2 --engine thorch", ["--engine", "torch"]),
        ("springs_of_mine:energy --shape 2 --grad springs_of_mine:SCALE", ["--grad", "float"]),
        ("springs_of_mine:picky --shape 2", ["KeyError", "no such thing"]),
        ("springs_of_mine:energy --shape 2,3 --shape 3,2", ["broadcast"]),
        ("springs_of_mine:energy --shape 2 --order 7", ["order=7"]),
    ],
)
def test_what_cannot_be_checked_is_said_in_one_line(
    arguments: str, words: list[str], folder: Path, capsys
):
    (folder / "broken_of_mine.py").write_text("1 / 0\n")
    (folder / "json.py").touch()
    (folder / "leaves_of_mine.py").write_text("raise SystemExit(3)\n")
    (folder / "needs_of_mine.py").write_text("import zzz_needed\n")
    np.savez("pickled.npz", allow_pickle=True, x=np.array([{}], object), y=np.ones(2))
    assert main(["gradcheck", *arguments.split()]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("tinygrad-nn: error: ") and said.err.count("\n") == 1, said.err
    assert all(word in said.err for word in words), said.err
    assert not said.out


def test_as_a_process(folder: Path):
    done = run(*ENERGY.split(), "--shape", "2", folder=folder)
    assert done.returncode == 0 and done.stdout.startswith("gradcheck energy: pass")
    wrong = run(*ENERGY.split(), "--shape", "2", "--grad", "springs_of_mine:backwards",
                folder=folder)  # fmt: skip
    assert wrong.returncode == 1 and "hint:" in wrong.stdout and not wrong.stderr
