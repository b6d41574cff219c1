"""What may be typed after `tinygrad-nn train`, and one clear line on what is wrong with it."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from tinygrad_nn.errors import OptionError
from tinygrad_nn.train.settings import (
    ACTIVATIONS,
    DATA,
    LOSSES,
    OPTIMIZERS,
    RATES,
    SCHEDULES,
    Settings,
)

__all__ = ["ABOUT", "EXAMPLES", "Options", "declare", "options", "real", "whole"]

ABOUT: Final = """\
Train a network that reads handwritten digits: 784-16-16-10 neurons unless told otherwise.
It shows the nine steps of learning as they happen, and writes what was learned, and
pictures of it, into a folder."""

EXAMPLES: Final = """\
examples:
  tinygrad-nn train                       the digits that come with the package; seconds
  tinygrad-nn train mnist --download      60,000 MNIST images; fetches 11 MB once
  tinygrad-nn train --layers 32 --activation relu --lr 0.002
  tinygrad-nn train --activation sigmoid --loss mse --optimizer sgd --schedule constant \\
      --epochs 100                        plain gradient descent on the squared error
  tinygrad-nn train --resume runs/digits-20300131-120000
                                          go on where a run was stopped

what a run leaves in its folder:
  run.json        settings, seed, versions, loss and accuracy of each epoch, confusion matrix
  model.safetensors       the weights, for tinygrad_nn.load and every reader of safetensors
  checkpoint.safetensors  everything that --resume needs
  report.html     all of it on one page; report.json has its data, backward.html one backward pass
  confusion.svg   what was taken for what          mistakes.svg   the worst mistakes
  weights.svg     what the first layer looks for   history.svg    loss and accuracy by epoch
  backward.svg    the backward pass of one example

Ctrl-C stops after the current batch and saves: nothing learned is lost. A crash or kill loses what
came after the last checkpoint: written at the start, after each epoch and every 10 seconds.
Exit codes: 0 done, 2 refused or failed (one line says why), 130 interrupted."""

# Options that are entries of the settings, so that --resume can take them from the folder.
_SETTINGS: Final = ("layers", "activation", "loss", "optimizer", "lr", "schedule", "batch", "seed")


@dataclass(frozen=True)
class Options:
    """What was asked for.

    Attributes:
        settings: of a new run; None to go on with an old one.
        resume: folder of the run to go on with.
        epochs: in all, for `resume`; None keeps what the run was begun with.
        out: folder of a new run; None makes a name.
        data_folder: where the MNIST files are.
        download: whether to fetch them.
        save_every: seconds between two checkpoints within an epoch.
    """

    settings: Settings | None
    resume: str | None
    epochs: int | None
    out: str | None
    data_folder: str | None
    download: bool
    save_every: float


def options(found: argparse.Namespace) -> Options:
    """What was asked for.

    Raises:
        OptionError: An option is out of range, or does not go with another.
    """
    if not (isfinite(found.save_every) and found.save_every >= 0):
        raise OptionError(
            f"--save-every: got {found.save_every:g}, expected seconds from 0 up; pass for "
            "instance --save-every 10"
        )
    return _resumed(found) if found.resume is not None else _new(found)


def _new(found: argparse.Namespace) -> Options:
    if found.data and found.data_option and found.data != found.data_option:
        raise OptionError(
            f"--data: got {found.data_option} beside {found.data}, expected one data set; leave "
            "one of them out"
        )
    given = {name: getattr(found, name) for name in (*_SETTINGS, "epochs", "data_folder")}
    given["data"] = found.data or found.data_option
    try:
        settings = Settings(**{name: value for name, value in given.items() if value is not None})
    except OptionError as error:
        # An entry of the settings bears the name of its option.
        text = re.sub(r"(?<=for instance )(\w+)=", r"--\1 ", str(error))
        raise OptionError(f"--{text}") from error
    for name in ("data_folder", "download"):
        if settings.data == "digits" and getattr(found, name):
            raise OptionError(
                f"--{name.replace('_', '-')}: got it with the digits, expected it with mnist only, "
                "since the digits come with the package; add mnist or leave it out"
            )
    return Options(
        settings,
        None,
        settings.epochs,
        found.out,
        found.data_folder,
        bool(found.download),
        found.save_every,
    )


def _resumed(found: argparse.Namespace) -> Options:
    for name in ("data", "data_option", "out", *_SETTINGS):
        if getattr(found, name) is not None:
            shown = "data" if name.startswith("data") else name
            raise OptionError(
                f"--{shown}: got it with --resume, expected only --epochs, --data-folder, "
                "--download and --save-every there, since the run folder knows the rest; leave it "
                "out, or start a new run"
            )
    if found.epochs is not None and found.epochs < 1:
        raise OptionError(f"--epochs: got {found.epochs}, expected at least 1; leave it out")
    return Options(
        None,
        found.resume,
        found.epochs,
        None,
        found.data_folder,
        bool(found.download),
        found.save_every,
    )


def declare(train: argparse.ArgumentParser) -> None:
    """Add the options of `tinygrad-nn train`."""
    _add_data(train)
    _add_network(train)
    _add_learning(train)
    _add_folder(train)


def _add_data(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("data")
    known = " or ".join(DATA)
    group.add_argument("data", nargs="?", metavar="DATA", help=f"{known} (default: digits)")
    group.add_argument("--data", dest="data_option", metavar="DATA", help="the same as an option")
    group.add_argument(
        "--data-folder",
        metavar="FOLDER",
        help="where the MNIST files are (default: the folder in TINYGRAD_NN_DATA, its subfolder "
        "mnist, then the user's cache)",
    )
    group.add_argument(
        "--download", action="store_true", default=None, help="fetch missing MNIST files, 11 MB"
    )


def _add_network(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("network")
    default = Settings()
    group.add_argument(
        "--layers",
        type=_layers,
        metavar="N,N",
        help="neurons of each hidden layer, or none (default: 16,16)",
    )
    _named(group, "activation", ACTIVATIONS, default.activation)
    _named(group, "loss", LOSSES, default.loss)


def _add_learning(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("learning")
    default, mnist = Settings(), Settings(data="mnist")
    _named(group, "optimizer", OPTIMIZERS, default.optimizer)
    rates = "; ".join(
        f"{loss}: " + ", ".join(f"{name} {rate:g}" for name, rate in rates.items())
        for loss, rates in RATES.items()
    )
    group.add_argument(
        "--lr", type=real, metavar="X", help=f"learning rate at the start (default for {rates})"
    )
    _named(group, "schedule", SCHEDULES, default.schedule)
    group.add_argument(
        "--batch",
        type=whole,
        metavar="N",
        help=f"examples for each adjustment (default: digits {default.batch}, mnist {mnist.batch})",
    )
    group.add_argument(
        "--epochs",
        type=whole,
        metavar="N",
        help=f"passes over the examples (default: digits {default.epochs}, mnist {mnist.epochs})",
    )
    group.add_argument(
        "--seed",
        type=whole,
        metavar="N",
        help="of the first weights and the order of the examples (default: 0)",
    )


def _add_folder(train: argparse.ArgumentParser) -> None:
    group = train.add_argument_group("folder")
    group.add_argument(
        "--out", metavar="FOLDER", help="new folder for the run (default: runs/DATA-DATE-TIME)"
    )
    group.add_argument(
        "--resume",
        metavar="FOLDER",
        help="go on with the run in this folder, bit for bit as if it had not stopped; "
        "--epochs sets a new end",
    )
    group.add_argument(
        "--save-every",
        type=real,
        default=10.0,
        metavar="S",
        help="seconds between two checkpoints within an epoch (default: 10)",
    )


def _named(group: Any, name: str, known: Any, default: str) -> None:
    names = ", ".join(known)
    group.add_argument(f"--{name}", metavar="NAME", help=f"{names} (default: {default})")


def _layers(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    try:
        return tuple(_digits(part) for part in text.split(","))
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text[:60]!r}, expected numbers of neurons with commas between, or none; pass "
            "for instance --layers 16,16"
        ) from error


def whole(text: str) -> int:
    """A whole number as an option."""
    try:
        return _digits(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text[:60]!r}, expected a whole number; pass for instance 5"
        ) from error


def _digits(text: str) -> int:
    # int() also takes 1_000 and Arabic digits, and refuses very long ones with a lecture.
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()) or len(digits) > 18:
        raise ValueError(text)
    return int(text)


def real(text: str) -> float:
    """A number as an option."""
    try:
        return float(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"got {text[:60]!r}, expected a number; pass for instance 0.005"
        ) from error
