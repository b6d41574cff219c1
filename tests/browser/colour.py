"""How far apart colours are: to read one on the other, and to tell one from the other."""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_TO_XYZ = np.array([
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
])  # fmt: skip
_WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(rgb: Array) -> Array:
    """Light of sRGB numbers 0 to 255, shape (..., 3)."""
    x = np.asarray(rgb, float) / 255
    return np.where(x <= 0.04045, x / 12.92, ((x + 0.055) / 1.055) ** 2.4)


def luminance(rgb: Array) -> Array:
    return linear(rgb) @ np.array([0.2126, 0.7152, 0.0722])


def contrast(a: Array, b: Array) -> Array:
    """Ratio of WCAG 2, from 1 to 21."""
    x, y = luminance(a) + 0.05, luminance(b) + 0.05
    return np.maximum(x, y) / np.minimum(x, y)


def lab(rgb: Array) -> Array:
    t = linear(rgb) @ _TO_XYZ.T / _WHITE
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(f, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def ciede2000(first: Array, second: Array) -> float:
    """ΔE of CIE 2000 between two colours of Lab: 1 is just seen, 20 is another colour."""
    (l1, a1, b1), (l2, a2, b2) = first, second
    c7 = ((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2) ** 7
    g = 0.5 * (1 - np.sqrt(c7 / (c7 + 25.0**7)))
    a1, a2 = a1 * (1 + g), a2 * (1 + g)
    c1, c2 = np.hypot(a1, b1), np.hypot(a2, b2)
    h1, h2 = np.arctan2(b1, a1) % (2 * np.pi), np.arctan2(b2, a2) % (2 * np.pi)
    grey = c1 * c2 == 0
    turn = 0.0 if grey else (h2 - h1 + np.pi) % (2 * np.pi) - np.pi
    hue = h1 + h2 if grey else (h1 + turn / 2) % (2 * np.pi)
    dl, dc, dh = l2 - l1, c2 - c1, 2 * np.sqrt(c1 * c2) * np.sin(turn / 2)
    lm, cm = (l1 + l2) / 2, (c1 + c2) / 2
    t = (
        1
        - 0.17 * np.cos(hue - np.pi / 6)
        + 0.24 * np.cos(2 * hue)
        + 0.32 * np.cos(3 * hue + np.pi / 30)
        - 0.20 * np.cos(4 * hue - 63 * np.pi / 180)
    )
    sl = 1 + 0.015 * (lm - 50) ** 2 / np.sqrt(20 + (lm - 50) ** 2)
    sc, sh = 1 + 0.045 * cm, 1 + 0.015 * cm * t
    far = np.exp(-(((np.degrees(hue) - 275) / 25) ** 2))
    rt = -2 * np.sqrt(cm**7 / (cm**7 + 25.0**7)) * np.sin(np.pi / 3 * far)
    light, chroma, shade = dl / sl, dc / sc, dh / sh
    return float(np.sqrt(light**2 + chroma**2 + shade**2 + rt * chroma * shade))
