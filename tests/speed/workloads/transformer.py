"""W5: a step of Adam of a small GPT on text of 65 characters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import pi, sqrt
from typing import Any

import numpy as np

from tests.speed.training import (
    UNITS,
    Training,
    by_hand_contender,
    contenders,
    torch_contender,
)
from tests.speed.workload import Workload, aims

VOCABULARY, WIDTH, HEADS = 65, 128, 4
RATE, BETAS, EPS = 1e-3, (0.9, 0.999), 1e-8
NORM_EPS = 1e-5
STEPS = 3


def batch(samples: int, length: int) -> tuple[Any, Any]:
    rng = np.random.default_rng(5)
    text = rng.integers(0, VOCABULARY, (samples, length + 1))
    return text[:, :-1].copy(), text[:, 1:].copy()


def weights(layers: int, length: int) -> list[Any]:
    """Arrays in the order of the modules' parameters: two tables, the layers, norm and head."""
    rng = np.random.default_rng(6)

    def affine(n: int, m: int) -> list[Any]:
        return [rng.normal(0, 0.05, (m, n)), rng.normal(0, 0.05, m)]

    def norm() -> list[Any]:
        return [rng.normal(1, 0.05, WIDTH), rng.normal(0, 0.05, WIDTH)]

    found = [rng.normal(0, 0.1, (VOCABULARY, WIDTH)), rng.normal(0, 0.1, (length, WIDTH))]
    for _ in range(layers):
        found += affine(WIDTH, 3 * WIDTH) + affine(WIDTH, WIDTH)
        found += affine(WIDTH, 4 * WIDTH) + affine(4 * WIDTH, WIDTH)
        found += norm() + norm()
    return [a.astype(np.float32) for a in found + norm() + affine(WIDTH, VOCABULARY)]


# ── In modules, which both libraries have ───────────────────────────────────────────────


def targets(samples: int, length: int, layers: int) -> tuple[Any, Any]:
    text, following = batch(samples, length)
    return text, following.reshape(-1)


def gpt(nn: Any, samples: int, length: int, layers: int) -> Any:
    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.places = nn.Embedding(length, WIDTH)
            self.blocks = nn.ModuleList(
                nn.TransformerEncoderLayer(
                    WIDTH, HEADS, 4 * WIDTH, 0.0, gelu, batch_first=True, norm_first=True
                )
                for _ in range(layers)
            )
            self.norm = nn.LayerNorm(WIDTH)
            self.head = nn.Linear(WIDTH, VOCABULARY)
            self.mask = nn.Transformer.generate_square_subsequent_mask(length)

        def forward(self, text: Any) -> Any:
            x = self.tokens(text) + self.places.weight
            for block in self.blocks:
                x = block(x, self.mask, is_causal=True)
            return self.head(self.norm(x)).reshape(-1, VOCABULARY)

    def gelu(x: Any) -> Any:
        return nn.functional.gelu(x, approximate="tanh")

    return GPT()


def quicker(nn: Any, samples: int, length: int, layers: int) -> Any:
    """Without the layer's module: the form in which small GPTs are usually written."""
    F = nn.functional

    class Block(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.qkv, self.out = nn.Linear(WIDTH, 3 * WIDTH), nn.Linear(WIDTH, WIDTH)
            self.up, self.down = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
            self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

        def forward(self, x: Any) -> Any:
            parts = self.qkv(self.norm1(x)).split(WIDTH, dim=2)
            q, k, v = (a.unflatten(2, (HEADS, -1)).transpose(1, 2) for a in parts)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + self.out(y.transpose(1, 2).flatten(2))
            return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))

    class GPT(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.tokens = nn.Embedding(VOCABULARY, WIDTH)
            self.places = nn.Embedding(length, WIDTH)
            self.blocks = nn.Sequential(*(Block() for _ in range(layers)))
            self.norm, self.head = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, VOCABULARY)

        def forward(self, text: Any) -> Any:
            x = self.blocks(self.tokens(text) + self.places.weight)
            return self.head(self.norm(x)).reshape(-1, VOCABULARY)

    return GPT()


# ── As a function of the weights ────────────────────────────────────────────────────────


def logits(lib: Any, p: Sequence[Any], x: Any, samples: int, length: int, layers: int) -> Any:
    xp = lib.np
    below = np.tril(np.ones((length, length), bool))

    def normed(x: Any, w: Any, b: Any) -> Any:
        c = x - xp.mean(x, -1, keepdims=True)
        return c / xp.sqrt(xp.mean(c * c, -1, keepdims=True) + NORM_EPS) * w + b

    def attended(x: Any, w: Any, b: Any) -> Any:
        parts = xp.reshape(xp.dot(x, w.T) + b, (samples, length, 3, HEADS, WIDTH // HEADS))
        q, k, v = xp.transpose(parts, (2, 0, 3, 1, 4))
        scores = xp.matmul(q, xp.swapaxes(k, 2, 3)) * (HEADS / WIDTH) ** 0.5
        y = xp.matmul(lib.softmax(xp.where(below, scores, np.float32(-np.inf))), v)
        return xp.reshape(xp.transpose(y, (0, 2, 1, 3)), (-1, WIDTH))

    h = xp.reshape(p[0][x] + p[1], (-1, WIDTH))
    for i in range(layers):
        wi, bi, wo, bo, wu, bu, wd, bd, w1, b1, w2, b2 = p[2 + 12 * i : 14 + 12 * i]
        h = h + xp.dot(attended(normed(h, w1, b1), wi, bi), wo.T) + bo
        h = h + xp.dot(lib.gelu(xp.dot(normed(h, w2, b2), wu.T) + bu), wd.T) + bd
    w, b, head, bias = p[-4:]
    return xp.dot(normed(h, w, b), head.T) + bias


def table(samples: int, length: int, layers: int) -> list[Any]:
    return weights(layers, length)


TRAINING = Training(targets, table, gpt, logits, "Adam", RATE, STEPS)


# ── Written out ─────────────────────────────────────────────────────────────────────────


def norm(x: Any, w: Any, b: Any) -> Any:
    c = x - x.mean(-1, keepdims=True)
    r = 1 / np.sqrt(np.vecdot(c, c)[..., None] / x.dtype.type(WIDTH) + x.dtype.type(NORM_EPS))
    c *= r
    return c * w + b, (c, r, w)


def norm_back(g: Any, kept: Any) -> Any:
    h, r, w = kept
    dw, db = (g * h).sum(0), g.sum(0)
    g = g * w
    g -= g.mean(-1, keepdims=True) + h * (np.vecdot(g, h)[..., None] / h.dtype.type(WIDTH))
    g *= r
    return g, [dw, db]


def gelu(x: Any) -> Any:
    t = np.tanh(sqrt(2 / pi) * (x + 0.044715 * x * x * x))
    return 0.5 * x * (1 + t), t


def gelu_back(g: Any, x: Any, t: Any) -> Any:
    inner = sqrt(2 / pi) * (1 + 3 * 0.044715 * x * x)
    return g * (0.5 * (1 + t) + 0.5 * x * (1 - t * t) * inner)


def affine_back(g: Any, x: Any, w: Any) -> Any:
    return g @ w, [g.T @ x, np.ones(len(g), g.dtype) @ g]


def heads(x: Any, samples: int, parts: int) -> Any:
    x = x.reshape(samples, -1, parts, HEADS, WIDTH // HEADS)
    return x.transpose(2, 0, 3, 1, 4)


class Layer:
    """A layer's forward and backward pass, with what the second needs of the first."""

    def forward(self, x: Any, p: list[Any], samples: int, hidden: Any) -> Any:
        self.p, self.samples, self.scale = p, samples, x.dtype.type(1 / sqrt(WIDTH // HEADS))
        wi, bi, wo, bo, wu, bu, wd, bd, *norms = p
        self.h, self.kept1 = norm(x, *norms[:2])
        self.q, self.k, self.v = heads(self.h @ wi.T + bi, samples, 3)
        s = (self.q * self.scale) @ self.k.mT
        s += hidden
        s -= s.max(-1, keepdims=True)
        np.exp(s, out=s)
        s /= s.sum(-1, keepdims=True)
        self.s = s
        self.y = (s @ self.v).transpose(0, 2, 1, 3).reshape(x.shape)
        x = x + (self.y @ wo.T + bo)
        self.h2, self.kept2 = norm(x, *norms[2:])
        self.u = self.h2 @ wu.T + bu
        self.a, self.t = gelu(self.u)
        return x + (self.a @ wd.T + bd)

    def backward(self, g: Any) -> Any:
        wi, _, wo, _, wu, _, wd, _, *_ = self.p
        da, down = affine_back(g, self.a, wd)
        dh, up = affine_back(gelu_back(da, self.u, self.t), self.h2, wu)
        more, norm2 = norm_back(dh, self.kept2)
        g = g + more
        dy, out = affine_back(g, self.y, wo)
        dy = heads(dy, self.samples, 1)[0]
        ds = dy @ self.v.mT
        ds -= np.vecdot(ds, self.s)[..., None]
        ds *= self.s
        found = np.empty((self.samples, dy.shape[2], 3 * WIDTH), g.dtype)
        into = heads(found, self.samples, 3)
        into[0], into[1] = ds @ self.k * self.scale, ds.mT @ self.q * self.scale
        into[2] = self.s.mT @ dy
        dh, qkv = affine_back(found.reshape(-1, 3 * WIDTH), self.h, wi)
        more, norm1 = norm_back(dh, self.kept1)
        return g + more, [*qkv, *out, *up, *down, *norm1, *norm2]


def written_out(samples: int, length: int, layers: int, dtype: Any) -> Any:
    """Step of the mathematics in NumPy: no graph; the weights are kept in place."""
    text, following = (a.reshape(-1) for a in batch(samples, length))
    p = [a.astype(dtype) for a in weights(layers, length)]
    moments = [(np.zeros_like(a), np.zeros_like(a)) for a in p]
    hidden = np.triu(np.full((length, length), -np.inf, dtype), 1)
    rows, count = np.arange(len(text)), [0]

    def step() -> Any:
        x = (p[0][text].reshape(samples, length, WIDTH) + p[1]).reshape(-1, WIDTH)
        stack = [Layer() for _ in range(layers)]
        for i, layer in enumerate(stack):
            x = layer.forward(x, p[2 + 12 * i : 14 + 12 * i], samples, hidden)
        h, kept = norm(x, *p[-4:-2])
        z = h @ p[-2].T + p[-1]
        z -= z.max(1, keepdims=True)
        chosen = z[rows, following]
        np.exp(z, out=z)
        sums = z.sum(1)
        loss = (np.log(sums) - chosen).mean()
        z /= sums[:, None]
        z[rows, following] -= 1
        z /= len(rows)
        g, head = affine_back(z, h, p[-2])
        g, last = norm_back(g, kept)
        found: list[Any] = []
        for layer in reversed(stack):
            g, own = layer.backward(g)
            found = own + found
        one_hot = (text == np.arange(VOCABULARY)[:, None]).astype(dtype)
        first = [one_hot @ g, g.reshape(samples, length, WIDTH).sum(0)]
        descend([*first, *found, *last, *head])
        return loss

    def descend(gradients: list[Any]) -> None:
        count[0] += 1
        for a, g, (m, v) in zip(p, gradients, moments, strict=True):
            adam(a, g, m, v, count[0])

    return step


def adam(a: Any, g: Any, m: Any, v: Any, count: int) -> None:
    m *= BETAS[0]
    m += (1 - BETAS[0]) * g
    v *= BETAS[1]
    v += (1 - BETAS[1]) * (g * g)
    below = np.sqrt(v)
    below *= 1 / sqrt(1 - BETAS[1] ** count)
    below += EPS
    a -= m / below * (RATE / (1 - BETAS[0] ** count))


def by_hand(samples: int, length: int, layers: int) -> Callable[[], Any]:
    return written_out(samples, length, layers, np.float32)


def standard(samples: int, length: int, layers: int) -> list[float]:
    step = written_out(samples, length, layers, np.float64)
    return [float(step()) for _ in range(STEPS)]


TRANSFORMER = Workload(
    key="W5",
    title="GPT of 4 layers, width 128, 4 heads, one Adam step, float32",
    cases={
        "batch 16, context 128": {"samples": 16, "length": 128, "layers": 4},
        "batch 2, context 16, 2 layers": {"samples": 2, "length": 16, "layers": 2},
    },
    contenders=contenders(
        TRAINING,
        torch_contender(TRAINING, "PyTorch modules"),
        by_hand_contender(TRAINING, by_hand),
        torch_model=quicker,
    ),
    standard=standard,
    reference="PyTorch",
    units={**UNITS, "time": ("ms", 1e3)},
    quick=("batch 2, context 16, 2 layers",),
    goals=aims("batch 16, context 128", 0.95, 0.80),
    note="GELU by the formula through tanh, as in GPT-2. Ours is made of "
    "`nn.TransformerEncoderLayer`; PyTorch is quicker without it, and is the reference so.",
)
