"""Small trainings to be reported, and how a page is read."""

import json
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import numpy as np

from tinygrad_nn import data, nn, optim, report, train
from tinygrad_nn.errors import AnomalyError


def network(sizes: list[int], activation: type[nn.Module] = nn.Tanh) -> nn.Sequential:
    rng = np.random.default_rng(0)
    parts: list[nn.Module] = []
    for wide, narrow in pairwise(sizes):
        parts += [nn.Linear(wide, narrow, rng=rng), activation()]
    return nn.Sequential(*parts[:-1])


def learned(
    sizes: list[int],
    examples: Any,
    epochs: int = 4,
    *,
    activation: type[nn.Module] = nn.Tanh,
    loss: Any = None,
    lr: float = 0.02,
    sgd: bool = False,
    **options: Any,
) -> report.Recorder:
    """A recorder that saw a training, also one that ended badly."""
    model, recorder = network(sizes, activation), report.Recorder()
    kind = optim.SGD if sgd else optim.Adam
    callbacks = [recorder, *options.pop("callbacks", ())]
    try:
        train.fit(
            model, loss or nn.CrossEntropyLoss(), kind(model.parameters(), lr=lr), examples, epochs,
            callbacks=callbacks, **options,
        )  # fmt: skip
    except (AnomalyError, KeyboardInterrupt):
        assert recorder.context is not None and recorder.context.error is not None
    return recorder


def moons_report(**options: Any) -> report.Report:
    moons = data.make_moons(160)
    recorder = learned(
        [2, 8, 6, 2], moons, 6, validation=data.make_moons(60, rng=3),
        metrics={"accuracy": train.Accuracy()}, **options,
    )  # fmt: skip
    return report.of(recorder, test=data.make_moons(90, rng=5), config={"seed": 0})


class Read(HTMLParser):
    """What a page holds: its JSON, and every `<data>` with its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.json: dict[str, str] = {}
        self.numbers: list[tuple[str, str, str]] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._script: str | None = None
        self._number: tuple[str, str] | None = None
        self.feed(page)
        self.document = json.loads(self.json["report"])

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "script":
            self._script = found.get("id") or "code"
        if tag == "data":
            self._number = (str(found["value"]), str(found["data-at"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._script = None

    def handle_data(self, text: str) -> None:
        if self._script is not None:
            self.json[self._script] = self.json.get(self._script, "") + text
        elif self._number is not None:
            self.numbers.append((*self._number, text))
            self._number = None
        else:
            self.text += text

    def at(self, path: str) -> Any:
        """The number of the document that a place names."""
        found = self.document
        for part in path.split("/"):
            name = part.replace("~2", "*").replace("~1", "/").replace("~0", "~")
            found = found[int(name)] if isinstance(found, list) else found[name]
        return found
