"""What is registered to be checked: drawings, steppers, reports. One function a page."""

from functools import partial
from itertools import pairwise

import numpy as np

import tinygrad_nn as tg
from tests.browser.pages import page, shell
from tinygrad_nn import data, nn, optim, report, train
from tinygrad_nn.viz.diff import Diff
from tinygrad_nn.viz.movie import Movie
from tinygrad_nn.viz.page.stepper import stepper_page

# All series that have a colour of their own.
SERIES = {f"series {k}": f".line.s{k}" for k in range(6)}
SIGNS = {"plus": ".plus", "minus": ".minus"}


# ── Graphs ──────────────────────────────────────────────────────────────────────────────


def chain() -> tg.Value:
    """The example with a number used twice."""
    a, b = tg.Value(2.0, name="a"), tg.Value(-3.0, name="b")
    c, f = tg.Value(6.5, name="c"), tg.Value(-2.0, name="f")
    loss = ((a * b + c) * f).tanh() + a**2
    loss.name = "loss"
    return loss


def neuron_net() -> tg.Value:
    """A network of single numbers, 2-4-1."""
    rng = np.random.default_rng(1)
    x = [tg.Value(float(v), name=f"x{k}") for k, v in enumerate(rng.normal(size=2))]
    hidden = []
    for j in range(4):
        w = [tg.Value(float(v), name=f"w{j}{k}") for k, v in enumerate(rng.normal(size=2))]
        hidden.append((w[0] * x[0] + w[1] * x[1]).tanh())
    out = hidden[0]
    for h in hidden[1:]:
        out = out + h * float(rng.normal())
    loss = (out - 1.0) ** 2.0
    loss.name = "loss"
    return loss


def expression() -> tg.Tensor:
    """Operations on arrays with broadcasting, an index, a constant."""
    rng = np.random.default_rng(2)
    x = tg.Tensor(rng.normal(size=(8, 5)), name="x")
    w = tg.Tensor(rng.normal(size=(5, 3)), requires_grad=True, name="weight of the first layer")
    b = tg.Tensor(np.zeros(3), requires_grad=True, name="b")
    loss = ((tg.tanh(x @ w + b) * 2.0)[:, 1:] ** 2.0).mean()
    loss.name = "loss"
    return loss


def network(*widths: int, batch: int = 8) -> tuple[nn.Module, tg.Tensor]:
    """A classifier and its loss on a small batch."""
    rng = np.random.default_rng(0)
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b, rng=rng), nn.Sigmoid()]
    model = nn.Sequential(*layers[:-1])
    x = tg.Tensor(rng.normal(size=(batch, widths[0])))
    loss = nn.functional.cross_entropy(model(x), tg.Tensor(rng.integers(0, widths[-1], batch)))
    loss.name = "loss"
    return model, loss


def broken() -> tg.Tensor:
    """A pass with a NaN in it."""
    x = tg.Tensor([1.0, -1.0, 0.0], requires_grad=True, name="x")
    with np.errstate(all="ignore"):
        y = (tg.sqrt(x) * 2.0).sum()
        y.name = "y"
        y.backward(retain_graph=True)
    return y


def oddly_named() -> tg.Value:
    a = tg.Value(2.0, name="</script><img src=x onerror=alert(1)>")
    b = tg.Value(3.0, name="\u202eright to left, and very long " * 20)
    loss = a * b + a
    loss.name = '"><b>{loss}</b>&amp;\n'
    return loss


# ── Drawings ────────────────────────────────────────────────────────────────────────────


drawing = partial(page, shrinks=True, panes=".pane")


def drawn(x: object, **options: object) -> str:
    svg = tg.draw(x, engine="own", **options).svg
    # A drawing shrinks to four fifths; what is wider then scrolls, in a notebook as here.
    return shell(
        '<div class="pane" tabindex="0" role="region" aria-label="drawing" '
        f'style="overflow-x: auto">{svg}</div>'
    )


@drawing("drawing-values", colours=SIGNS)
def _() -> str:
    return drawn(chain(), backward=True)


@drawing("drawing-backward", colours=SIGNS)
def _() -> str:
    return drawn(chain(), backward=True, flow="backward")


@drawing("drawing-neurons", colours=SIGNS, slow=True)
def _() -> str:
    return drawn(neuron_net(), backward=True)


@drawing("drawing-dark", slow=True)
def _() -> str:
    return drawn(chain(), theme="dark")


@drawing("drawing-operations")
def _() -> str:
    return drawn(expression(), backward=True)


@drawing("drawing-clusters", slow=True)
def _() -> str:
    model, loss = network(6, 5, 4, 3)
    return drawn(loss, model=model, level="op", backward=True)


@drawing("drawing-modules")
def _() -> str:
    model, loss = network(784, 16, 16, 10)
    return drawn(loss, model=model, backward=True)


@drawing("drawing-repeats", slow=True)
def _() -> str:
    model, loss = network(*[12] * 14)
    return drawn(loss, model=model, backward=True)


@drawing("drawing-broken")
def _() -> str:
    return drawn(broken())


@drawing("drawing-odd-names", hostile=True)
def _() -> str:
    return drawn(oddly_named(), backward=True)


# ── Steppers ────────────────────────────────────────────────────────────────────────────

PANES = "#graph"


@page("stepper-values", panes=PANES, colours=SIGNS, prepare=lambda p: p.keyboard.press("End"))
def _() -> str:
    return stepper_page(tg.trace(chain()))


@page("stepper-modules", panes=PANES)
def _() -> str:
    model, loss = network(784, 16, 16, 10)
    return stepper_page(tg.trace(loss, model=model), step=3)


@page("stepper-operations", panes=PANES, slow=True)
def _() -> str:
    return stepper_page(tg.trace(expression()), step=4)


@page("stepper-help", panes=PANES, slow=True, prepare=lambda p: p.keyboard.press("?"))
def _() -> str:
    return stepper_page(tg.trace(chain()))


@page("stepper-broken", panes=PANES, slow=True)
def _() -> str:
    with np.errstate(all="ignore"):
        return stepper_page(tg.trace(broken()))


@page("stepper-odd-names", panes=PANES, hostile=True, slow=True)
def _() -> str:
    return stepper_page(tg.trace(oddly_named()), step=2)


# ── Reports ─────────────────────────────────────────────────────────────────────────────


def training(lr: float = 0.1, epochs: int = 6) -> report.Report:
    """A short training on two blobs in the plane."""
    points = data.make_blobs(240, rng=0)
    model = nn.Sequential(nn.Linear(2, 8, rng=1), nn.Tanh(), nn.Linear(8, 3, rng=2))
    sgd, recorder = optim.SGD(model.parameters(), lr=lr), report.Recorder()
    train.fit(model, nn.CrossEntropyLoss(), sgd, points, epochs, callbacks=[recorder])
    return report.of(recorder, test=points, config={"seed": 0}, command="tinygrad-nn train blobs")


@page("report")
def _() -> str:
    return training().html


@page("report-compared", slow=True, colours=SERIES)
def _() -> str:
    return report.compare([training(0.1 * k) for k in range(1, 7)], names=list("abcdef")).html


# ── Several passes ──────────────────────────────────────────────────────────────────────


def two_passes() -> Diff:
    """A network with and without batch norm."""
    rng = np.random.default_rng(3)
    x, targets = rng.normal(size=(8, 12)), np.arange(8) % 3

    def passed(*between: nn.Module) -> object:
        first, last = nn.Linear(12, 16, rng=0), nn.Linear(16, 3, rng=1)
        model = nn.Sequential(first, *between, nn.Tanh(), last)
        model.to("float64")

        def loss() -> tg.Tensor:
            found = nn.functional.cross_entropy(model(tg.tensor(x, name="x")), tg.tensor(targets))
            found.name = "loss"
            return found

        return tg.trace(loss, model=model)

    return tg.compare(passed(), passed(nn.BatchNorm1d(16)))


def walk(frames: int = 12) -> Movie:
    """Some steps of a small network."""
    model, _ = network(6, 5, 4, 3)
    model.to("float64")
    sgd, run = optim.SGD(model.parameters(), lr=0.5), tg.movie(model)
    x = np.random.default_rng(1).normal(size=(8, 6))
    for _ in range(frames):
        loss = nn.functional.cross_entropy(model(tg.tensor(x)), tg.tensor(np.arange(8) % 3))
        loss.name = "loss"
        run.add(loss)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
    return run


@page("two-passes", panes=".drawing, .scroll")
def _() -> str:
    return two_passes().html()


@page("movie", panes="#graph, .scroll")
def _() -> str:
    return walk().html(frame=3)


@page("movie-values", panes="#graph, .scroll", slow=True)
def _() -> str:
    return tg.movie(traces=[tg.trace(chain())] * 3).html()
