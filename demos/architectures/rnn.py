"""A recurrent network hears a tone of unknown pitch and says what comes next.

Talk: neural networks that can learn, "NN architectures" (recurrent neural networks). Elman,
"Finding structure in time" (1990): the hidden neurons see the input and themselves a step before,

    h_t = tanh(W x_t + U h_{t-1} + b),  y_t = V h_t + c, wanted: y_t = x_{t+1}

Here x_t = sin(w t + phase), with w from .2 to .5. Three numbers give w, as x_{t+1} = 2 cos(w) x_t -
x_{t-1}: the state has to keep the last value and the pitch. Squared error after ten numbers: expect
.065 if the last is said again, below .001 for 32 neurons. Fed with its own answers it goes on by
itself. What is weak: it hears its errors too, and falls out of step.
"""

from typing import Any

import numpy as np

import tinygrad_nn as tg
from tinygrad_nn import nn, optim
from tinygrad_nn.demo import Demo, run


def tones(n: int, length: int, rng: Any) -> Any:
    """n waves as (length, n, 1): time first."""
    pitch, phase = rng.uniform(0.2, 0.5, n), rng.uniform(0, 2 * np.pi, n)
    return np.sin(pitch * np.arange(length)[:, None] + phase)[..., None].astype(np.float32)


def main(demo: Demo) -> None:
    rng, steps = np.random.default_rng(demo.seed), 600 if demo.quick else 2500
    rnn, read = nn.RNN(1, 32, rng=demo.seed), nn.Linear(32, 1, rng=demo.seed)
    optimizer = optim.Adam([*rnn.parameters(), *read.parameters()], lr=0.003)
    schedule = optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)

    @tg.jit(engine="numpy")
    def step(x: Any) -> Any:
        states, _ = rnn(x[:-1])
        loss = nn.functional.mse_loss(read(states), x[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    for i in range(1, steps + 1):
        loss = step(tones(32, 40, rng))
        schedule.step()
        if i % (steps // 5) == 0:
            print(f"after {i:4} batches of 32 tones: loss {float(loss):.5f}")

    test = tones(1000, 100, rng)
    with tg.no_grad():
        said = read(rnn(test[:39])[0]).numpy()[10:]
    again, error = (((y - test[11:40]) ** 2).mean() for y in (test[10:39], said))
    demo.expect("squared error, the last number again", again, at_least=0.06, at_most=0.07)
    demo.expect("squared error, Elman network", error, at_most=0.006 if demo.quick else 0.001)

    with tg.no_grad():
        alone, (_, state) = list(test[:30]), rnn(test[:29])
        while len(alone) < 100:
            hidden, state = rnn(alone[-1][None], state)
            alone.append(read(hidden)[0].numpy())
    drift = ((np.array(alone) - test) ** 2).mean(axis=(1, 2))
    most = 0.4 if demo.quick else 0.1
    demo.expect("squared error, its tenth number alone", drift[39], at_most=most)

    if plt := demo.pyplot():
        figure, (top, low) = plt.subplots(2, 1, figsize=(10, 5), sharex=True, layout="constrained")
        top.plot(test[:, 0, 0], color="gray", linewidth=3, alpha=0.5, label="the tone")
        top.plot(np.array(alone)[:, 0, 0], color="tab:red", label="heard (blue), then by itself")
        top.axvspan(0, 29, color="tab:blue", alpha=0.08)
        top.set(ylabel="x", title="Thirty numbers heard, then the network goes on alone")
        top.legend(loc="upper right")
        low.semilogy(range(30, 100), drift[30:], color="tab:red")
        low.set(xlabel="step", ylabel="squared error", title="Mean of 1,000 tones")
        figure.savefig(demo.folder / "tones.png", dpi=120)


if __name__ == "__main__":
    run(main)
