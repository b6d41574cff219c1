"""The tutorial as Jupyter notebooks: `python docs/notebooks.py FOLDER` writes and runs them."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import jupytext
import nbformat
from executed import EXECUTED
from jupyter_cache import get_cache
from nbclient import NotebookClient
from nbformat import NotebookNode

HERE = Path(__file__).resolve().parent
PAGE = re.compile(r"\]\((\d\d-[\w-]+)\.md")


def executed(notebook: NotebookNode, name: str) -> NotebookNode:
    """The notebook with its outputs: those of the site's build where it ran the same cells."""
    if EXECUTED.exists():
        try:
            _, merged = get_cache(EXECUTED).merge_match_into_notebook(notebook)
        except KeyError:
            pass
        else:
            print(f"{name}: as the site's build ran it")
            return merged
    print(f"{name}: running")
    with TemporaryDirectory() as folder:
        resources = {"metadata": {"path": folder}}
        NotebookClient(notebook, timeout=300, resources=resources).execute()
    return notebook


def written(folder: Path, run: bool) -> list[Path]:
    """Write each page that has cells; links between pages lead from notebook to notebook."""
    found = []
    for source in sorted((HERE / "tutorial").glob("*.md")):
        if "{code-cell}" not in source.read_text("utf-8"):
            continue
        notebook = jupytext.read(source)
        if run:
            notebook = executed(notebook, source.stem)
        for cell in notebook.cells:
            if cell.cell_type == "markdown":
                cell.source = PAGE.sub(r"](\1.ipynb", cell.source)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{source.stem}.ipynb"
        nbformat.write(notebook, path)
        found.append(path)
    return found


def main() -> None:
    """Read the command line, write the notebooks, name them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--no-run", action="store_true", help="write them without outputs")
    given = parser.parse_args()
    found = written(given.folder, run=not given.no_run)
    print(*found, sep="\n")
    sys.exit(None if found else "no page of the tutorial has cells")


if __name__ == "__main__":
    main()
