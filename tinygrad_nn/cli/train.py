"""`tinygrad-nn train`: the nine steps of learning, on images of digits."""

from __future__ import annotations

import datetime
import platform
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

import tinygrad_nn
from tinygrad_nn.cli.arguments import Options
from tinygrad_nn.cli.interruption import Interruption
from tinygrad_nn.cli.pages import write_report
from tinygrad_nn.cli.report import Report, draw_backward, gradient_lengths
from tinygrad_nn.cli.screen import Screen
from tinygrad_nn.data import Dataset
from tinygrad_nn.errors import AnomalyError, DataError, OptionError, StateError
from tinygrad_nn.report import Recorder
from tinygrad_nn.report.revision import revision
from tinygrad_nn.tensor import Tensor
from tinygrad_nn.train import Epoch, Experiment, RunFolder, Settings, load_images
from tinygrad_nn.train.folder import CHECKPOINT, HISTORY, WEIGHTS
from tinygrad_nn.viz.tracing import trace

__all__ = ["train"]

_VERSION: Final = 1
_LOSSES: Final = {
    "cross-entropy": "cross-entropy: −log of what the true class is given",
    "mse": "mean squared error, against 1 for the true class and 0 elsewhere",
}
# What the functions that read the files advise, in the words of the command.
_AS_OPTIONS: Final = {
    "load_mnist: ": "mnist: ",
    "pass download=True": "add --download",
    "or folder=": "or --data-folder FOLDER",
    "load_digits() needs no files": "The digits need no files: tinygrad-nn train digits",
}
DONE: Final = 0


def train(options: Options, interruption: Interruption) -> int:
    """Train as `options` say; return the exit code.

    Raises:
        TinygradError: an input is missing or damaged, or a file cannot be written.
        KeyboardInterrupt: interrupted; its text says what was saved.
    """
    if options.resume is not None:
        folder = RunFolder.open(options.resume)
        experiment, started = _restored(folder, options)
        run = _Run(experiment, folder, started, options.save_every)
        run.recorder.resume(folder.load_record(), experiment.model, len(experiment.history.epochs))
        begin = run.tell_resumed
    else:
        assert options.settings is not None
        experiment = Experiment(options.settings, *_images(options.settings, options))
        folder = RunFolder.create(options.out or _free_name(options.settings.data))
        run = _Run(experiment, folder, _now(), options.save_every)
        begin = run.begin
    try:
        begin()
        run.learn(interruption)
        run.finish()
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(str(interrupt) or run.what_is_saved()) from interrupt
    return DONE


def _restored(folder: RunFolder, options: Options) -> tuple[Experiment, str]:
    state = folder.load_state()
    try:
        settings = Settings.from_state(
            state.get("settings"), epochs=options.epochs, data_folder=options.data_folder
        )
        if settings.data == "digits" and (options.data_folder or options.download):
            raise OptionError(
                f"--data-folder and --download: got one with a run on the digits in {folder.path}, "
                "expected them with mnist only; leave them out"
            )
        experiment = Experiment(settings, *_images(settings, options))
        experiment.load_state_dict({key: value for key, value in state.items() if key != "started"})
        done = len(experiment.history.epochs)
        if settings.epochs is not None and done > settings.epochs:
            raise OptionError(
                f"--epochs: got {settings.epochs}, but the run in {folder.path} has {done} "
                f"already, expected more; pass for instance --epochs {done + 10}"
            )
    except StateError as error:
        raise DataError(
            f"{folder.path}: got a run that cannot be gone on with: {error}. Start a new run "
            "without --resume"
        ) from error
    return experiment, str(state.get("started", "unknown"))


def _images(settings: Settings, options: Options) -> tuple[Dataset, Dataset]:
    try:
        return load_images(settings, download=options.download)
    except DataError as error:
        text = str(error)
        for argument, option in _AS_OPTIONS.items():
            text = text.replace(argument, option)
        raise DataError(text) from error


def _free_name(data: str) -> str:
    """`runs/digits-20300131-120000`, or with a number behind it when two start in one second."""
    name = f"runs/{data}-{datetime.datetime.now():%Y%m%d-%H%M%S}"
    number = 1
    while Path(name if number == 1 else f"{name}-{number}").exists():
        number += 1
    return name if number == 1 else f"{name}-{number}"


def _counted(number: int | None, one: str, many: str) -> str:
    """`1 epoch`, `1,875 batches`."""
    return f"{number:,} {one if number == 1 else many}"


def _now() -> str:
    return datetime.datetime.now().astimezone().isoformat(timespec="seconds")


class _Run:
    """One run: what it says, and what it writes."""

    def __init__(
        self, experiment: Experiment, folder: RunFolder, started: str, save_every: float
    ) -> None:
        self.experiment, self.folder, self.started = experiment, folder, started
        self.save_every = save_every
        self.saved_at = time.monotonic()
        self.is_saving = True
        self.screen = Screen()
        self.example = 0
        self.recorder = Recorder(probe=experiment.test.inputs)

    # ── Before ──────────────────────────────────────────────────────────────────────────

    def begin(self) -> None:
        """Steps 1 to 7, and the first save."""
        e, s, say = self.experiment, self.experiment.settings, self.screen.indented
        try:
            self._save("running")
        except BaseException:
            self.folder.discard()
            raise
        self.screen.say(f"tinygrad_nn {tinygrad_nn.__version__} · {self.folder.path}")
        self.screen.say()
        self.screen.step(1, "Understand the problem, design the architecture")
        enlarged = " (8×8 enlarged)" if s.data == "digits" else ""
        say(
            f"{s.data}: {len(e.train):,} images to learn from, {len(e.test):,} to test on, "
            f"784 pixels{enlarged}, {len(e.train.classes)} classes"
        )
        with_activation = sum(e.sizes[1:])
        say(
            f"network {'-'.join(map(str, e.sizes))}: {sum(e.sizes):,} neurons, {with_activation} "
            "of them with an activation"
        )
        say(e.model.summary())
        self.screen.step(2, "Initialize the weights with random values")
        say(f"uniform between −1/√n and 1/√n for n inputs, seed {s.seed}")
        self.screen.step(3, "Choose the activation function")
        last = "softmax" if s.loss == "cross-entropy" else "sigmoid"
        hidden = f"{s.activation} in the hidden layers, " if s.layers else "no hidden layers; "
        say(f"{hidden}{last} at the output")
        self.screen.step(4, "Choose the loss function")
        say(_LOSSES[s.loss])
        self._first_pass()

    def _first_pass(self) -> None:
        say = self.screen.indented
        self.screen.step(5, "Make a prediction")
        say(f"test image {self.example}, {self._reading()}")
        loss = self._loss_of_example()
        self.screen.step(6, "Calculate the loss")
        say(f"{loss.item():.4f}")
        self.screen.step(7, "Calculate the gradient")
        loss.backward(retain_graph=True)
        lengths = ", ".join(f"{length:.3g}" for length in gradient_lengths(self.experiment.model))
        say(f"length for the weights of each layer: {lengths}; drawn in backward.svg")
        self.experiment.optimizer.zero_grad()
        self.folder.write("backward.svg", draw_backward(loss, self.experiment.model))

    def _loss_of_example(self) -> Any:
        e, i = self.experiment, self.example
        image = Tensor(e.test.inputs[i : i + 1], name=f"image {i}")
        return e.loss(e.model(image), e.test.targets[i : i + 1])

    def _reading(self) -> str:
        e, i = self.experiment, self.example
        (given,) = e.probabilities(e.test.inputs[i : i + 1])
        answer = int(given.argmax())
        truth = e.test.classes[int(e.test.targets[i])]
        return f"a {truth}, is read as {e.test.classes[answer]} ({100 * given[answer]:.1f} % sure)"

    def tell_resumed(self) -> None:
        """Say where an earlier run is taken up."""
        e = self.experiment
        done, inside = len(e.history.epochs), e.history.batches
        self.screen.say(f"tinygrad_nn {tinygrad_nn.__version__} · {self.folder.path}")
        self.screen.say()
        self.screen.say("steps 1 to 7 were taken when the run was begun")
        within = f" and {inside} batches of {len(e.loader)}" if inside else ""
        self.screen.say(f"going on after {done} of {e.settings.epochs} epochs{within}")

    # ── Learning ────────────────────────────────────────────────────────────────────────

    def learn(self, interruption: Interruption) -> None:
        """Step 8, saved after every epoch, and within one every so often.

        Raises:
            KeyboardInterrupt: interrupted, after the state was saved.
        """
        s = self.experiment.settings
        self.screen.step(8, "Adjust the weights to minimize the loss, again and again")
        fall = ", falling to 0" if s.schedule == "linear" else ""
        epochs = _counted(s.epochs, "epoch", "epochs")
        batches = _counted(len(self.experiment.loader), "batch", "batches")
        self.screen.indented(
            f"{s.optimizer}, learning rate {s.lr:g}{fall}; {epochs} of {batches} of {s.batch}"
        )
        # Overflow on the way to a loss of NaN is told by the error, not by NumPy's warnings.
        with interruption.awaited(), np.errstate(all="ignore"):
            try:
                is_done = self.experiment.fit(
                    self._epoch, lambda: self._batch(interruption), [self.recorder]
                )
            except AnomalyError:
                self._try(self._report_divergence)
                raise
            if not is_done:
                self._save("interrupted")
                self._report("interrupted")
        if not is_done:
            raise KeyboardInterrupt(self._how_to_go_on())

    def _epoch(self, epoch: Epoch) -> None:
        score = epoch.scores["test_accuracy"]
        width = len(str(self.experiment.settings.epochs))
        self.screen.say(
            f"  epoch {epoch.number:{width}}/{self.experiment.settings.epochs}"
            f"   loss {epoch.loss:6.4f}   test accuracy {100 * score:5.2f} %"
            f"   {epoch.seconds:5.2f} s{self.screen.bar(score)}"
        )
        self._try(lambda: self._save("running"))

    def _batch(self, interruption: Interruption) -> bool:
        """Save if it is time; return whether to stop."""
        if time.monotonic() >= self.saved_at + self.save_every:
            self._try(self._save_state)
        return interruption.requested

    def _try(self, save: Callable[[], None]) -> None:
        """Save and go on, even if it fails: the disk may have room again by the next time."""
        try:
            save()
        except DataError as error:
            self.saved_at = time.monotonic()
            if self.is_saving:
                print(
                    f"tinygrad-nn: warning: {' '.join(str(error).split())}. Learning goes on, and "
                    "saving is tried again",
                    file=sys.stderr,
                )
            self.is_saving = False
        else:
            self._tell_saved()

    def _tell_saved(self) -> None:
        if not self.is_saving:
            print("tinygrad-nn: saving works again", file=sys.stderr)
        self.is_saving = True

    def _how_to_go_on(self) -> str:
        history = self.experiment.history
        batches = _counted(history.batches, "batch", "batches")
        within = f" and {batches}" if history.batches else ""
        epochs = _counted(len(history.epochs), "epoch", "epochs")
        return (
            f"interrupted after {epochs}{within}; all that was learned is "
            f"saved. Go on with: tinygrad-nn train --resume {_quoted(self.folder.path)}"
        )

    def what_is_saved(self) -> str:
        """What an interruption at any other moment leaves."""
        if not (self.folder / CHECKPOINT).is_file():
            return "interrupted before anything was learned; nothing was saved"
        return (
            "interrupted; the run is kept as it was last saved. Go on with: "
            f"tinygrad-nn train --resume {_quoted(self.folder.path)}"
        )

    # ── After ───────────────────────────────────────────────────────────────────────────

    def finish(self) -> None:
        """Step 9, the report and the pictures; what was learned is saved before them."""
        self._save_state()
        self._save_weights()
        self._tell_saved()
        report = Report.of(self.experiment)
        self.screen.step(9, "Make another prediction")
        self.screen.indented(f"test image {self.example}, {self._reading()}")
        self.screen.indented(report.verdict)
        self.screen.say()
        self.screen.indented(report.confusion_text)
        self.screen.say()
        if not (self.folder / "backward.svg").is_file():
            drawing = draw_backward(self._loss_of_example(), self.experiment.model)
            self.folder.write("backward.svg", drawing)
        for name, picture in report.pictures().items():
            self.folder.write(name, picture)
        self._save_history("finished", report)
        verdict = self._report("finished", report)
        self.screen.say(f"in {self.folder.path}:")
        self.screen.indented(
            "report.html: all of it on one page; backward.html: a backward pass, step by step\n"
            "confusion.svg, mistakes.svg, weights.svg, history.svg, backward.svg\n"
            f"report.json, {HISTORY}, {WEIGHTS}, {CHECKPOINT}"
        )
        for sentence in verdict[1:]:
            self.screen.say(sentence)
        if report.advice:
            self.screen.say(report.advice)

    def _save(self, status: str) -> None:
        """Write the state first: what else is in the folder can be made from it."""
        self._save_state()
        if status != "running":
            self._save_weights()
        self._save_history(status)

    def _save_state(self) -> None:
        self.folder.save_state({**self.experiment.state_dict(), "started": self.started})
        self.saved_at = time.monotonic()

    def _save_weights(self) -> None:
        self.folder.save_arrays(WEIGHTS, self.experiment.model.state_dict())

    def _report(self, status: str, result: Report | None = None) -> list[str]:
        """Write the report; return what it says first."""
        e, i = self.experiment, self.example
        history = {**self._history(status, result), "revision": revision()}
        with np.errstate(all="ignore"):
            image = Tensor(e.test.inputs[i : i + 1], name=f"image {i}")
            found = trace(lambda: e.loss(e.model(image), e.test.targets[i : i + 1]), model=e.model)
        return write_report(self.folder, e, history, result, found)

    def _report_divergence(self) -> None:
        self._report("finished")

    def _save_history(self, status: str, report: Report | None = None) -> None:
        self.folder.save_history(self._history(status, report))

    def _history(self, status: str, report: Report | None) -> dict[str, Any]:
        e = self.experiment
        return {
            "format": "tinygrad_nn run",
            "version": _VERSION,
            "status": status,
            "started": self.started,
            "settings": e.settings.state_dict(),
            "versions": {
                "tinygrad_nn": tinygrad_nn.__version__,
                "python": platform.python_version(),
                "numpy": np.__version__,
                "platform": platform.platform(),
            },
            "data": {"name": e.train.name, "train": len(e.train), "test": len(e.test)},
            "network": {
                "sizes": list(e.sizes),
                "parameters": sum(p.size for p in e.model.parameters()),
            },
            "epochs": e.history.state_dict()["epochs"],
            "result": None if report is None else report.numbers(),
            "record": self.recorder.state_dict(),
        }


def _quoted(path: Path) -> str:
    text = str(path)
    return text if " " not in text else f'"{text}"'
