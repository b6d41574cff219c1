"""`report.html` of a run, and the command `tinygrad-nn report`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinygrad_nn.cli.command import Command
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.report import Report as Result
from tinygrad_nn.cli.screen import Screen
from tinygrad_nn.errors import DataError
from tinygrad_nn.report import Report, load
from tinygrad_nn.report.document import finished
from tinygrad_nn.report.graph import plain_pass
from tinygrad_nn.report.reading import REPORT, of_run
from tinygrad_nn.report.result import of_classes
from tinygrad_nn.train import Experiment, RunFolder, Settings
from tinygrad_nn.train.experiment import IMAGE
from tinygrad_nn.viz.passes import Pass

__all__ = ["BACKWARD", "PAGE", "PAGES", "save_page", "write_report"]

PAGE = "report.html"
BACKWARD = "backward.html"


def _report(found: argparse.Namespace, interruption: Interruption) -> int:
    run = Path(found.run)
    page = load(found.run)
    save_page(page, Path(found.out) if found.out else (run if run.is_dir() else run.parent) / PAGE)
    return 0


def save_page(page: Any, out: Path) -> None:
    """Write a report or comparison, and say what it found.

    Raises:
        DataError: It cannot be written.
    """
    try:
        page.save(out)
    except OSError as error:
        raise DataError(
            f"{out}: got “{error.strerror or error}”, expected a file that can be written; choose "
            "another with -o"
        ) from error
    screen = Screen()
    for sentence in page.verdict if isinstance(page, Report) else ():
        screen.say(sentence)
    screen.say(f"written: {out}")


def _declare_report(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", metavar="RUN", help="folder of the run, or its report.html")
    _declare_out(parser, f"{PAGE} in its folder")


def _declare_out(parser: argparse.ArgumentParser, default: str) -> None:
    parser.add_argument("-o", "--out", metavar="FILE", help=f"page to write (default: {default})")


PAGES = (
    Command(
        name="report",
        help="write the report of a run anew, also of one that is still running",
        about="Write report.html of a run anew from what its folder holds.",
        declare=_declare_report,
        run=_report,
    ),
)


def write_report(
    folder: RunFolder,
    experiment: Experiment,
    history: Mapping[str, Any],
    result: Result | None,
    found: Pass | None,
) -> list[str]:
    """Write the report of a run, its data, and the stepper of one pass; return the verdict.

    Args:
        folder: Where to.
        experiment: The run.
        history: What `run.json` holds.
        result: Of its test; None where it did not come to that.
        found: The backward pass of one example.

    Raises:
        DataError: A file cannot be written.
    """
    s = experiment.settings
    document = {**of_run(history, "run.json"), "command": command(s), "script": script(s)}
    if result is not None:
        images = experiment.test.inputs.reshape(-1, *IMAGE)
        labels = experiment.test.targets
        document["result"] = of_classes(result.given, labels, experiment.test.classes, images)
    if found is not None:
        document["trace"] = plain_pass(found)
        found.save_html(folder / BACKWARD)
        document["backward"] = BACKWARD
    report = Report(finished(document))
    folder.write(REPORT, report.to_json())
    folder.write(PAGE, report.html)
    return report.verdict


def command(s: Settings) -> str:
    """The command line of these settings, each of them spelled out."""
    layers = ",".join(map(str, s.layers)) or "none"
    folder = f" --data-folder {s.data_folder}" if s.data_folder else ""
    return (
        f"tinygrad-nn train {s.data} --layers {layers} --activation {s.activation} --loss {s.loss} "
        f"--optimizer {s.optimizer} --lr {s.lr!r} --schedule {s.schedule} --batch {s.batch} "
        f"--epochs {s.epochs} --seed {s.seed}{folder}"
    )


def script(s: Settings) -> str:
    """Python that learns the same."""
    entries = "\n".join(
        f"    {name}={value!r}," for name, value in vars(s).items() if value is not None
    )
    return (
        "from tinygrad_nn import report, train\n\n"
        f"settings = train.Settings(\n{entries}\n)\n"
        "experiment = train.Experiment(settings, *train.load_images(settings))\n"
        "recorder = report.Recorder()\n"
        "experiment.fit(callbacks=[recorder])\n"
        'report.of(recorder, test=experiment.test).save("report.html")\n'
    )
