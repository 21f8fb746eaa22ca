"""Tiny gestures on a sensor of 16 x 16 pixels, so that a trial takes milliseconds on any device."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from spynq.events import Recording, pack
from spynq.sgf import Group, Setup, SgfConfig, Turn

TINY = SgfConfig(size=16, frames=12, classes=4, rows=8, bits=32, thetas=2, table=16)
CLASSES = ("left", "right", "clockwise", "counter")
PER_FRAME = 24
TinyTrial = Callable[[np.random.Generator, str], Recording]


@pytest.fixture(scope="session")
def tiny_flat() -> Setup:
    """Four classes side by side."""
    features = ("sum_left", "sum_right", "cx_W", "area_W", "rot_W", "above_left_0")
    return Setup(CLASSES, features={"A": features}, thetas=(1, 3), **_sizes())


@pytest.fixture(scope="session")
def tiny_gated() -> Setup:
    """Two classes that unit A decides alone, and a pair that a rule tells apart."""
    gates = ("left", "right", Turn("clockwise", "counter", "area_W"))
    features = {"A": ("sum_left", "sum_right", "sum_q00", "sum_q11", "above_left_0")}
    return Setup(CLASSES, gates, features, thetas=(1, 3), **_sizes())


@pytest.fixture(scope="session")
def tiny_group() -> Setup:
    """Two classes alone, two in unit C."""
    gates = ("left", "right", Group(("clockwise", "counter"), "C"))
    features = {"A": ("sum_left", "sum_right", "above_left_0"), "C": ("area_W", "rot_W", "cx_W")}
    return Setup(CLASSES, gates, features, thetas=(1, 3), **_sizes())


def _sizes() -> dict[str, object]:
    return {"build": TINY, "sensor": (16, 16), "events": PER_FRAME, "frames": TINY.frames, "least": 2}


@pytest.fixture(scope="session")
def tiny_trial() -> TinyTrial:
    """Events of a blob: at rest on one side, or on a circle."""
    return _trial


def _trial(rng: np.random.Generator, label: str) -> Recording:
    count = PER_FRAME * TINY.frames + int(rng.integers(0, PER_FRAME))
    phase = 2 * np.pi * (np.arange(count) / count * 1.5 + rng.random())
    if label in ("clockwise", "counter"):
        turn = 1 if label == "clockwise" else -1
        cx, cy = 7.5 + 4.5 * np.cos(phase), 7.5 + turn * 4.5 * np.sin(phase)
    else:
        cx, cy = np.full(count, 3.5 if label == "left" else 11.5), np.full(count, 7.5)
    x, y = (np.clip(np.round(c + rng.normal(0, 1.2, count)), 0, 15).astype(int) for c in (cx, cy))
    t = np.cumsum(rng.integers(1, 400, count))
    return Recording(pack(t, x, y, rng.random(count) < 0.85), 16, 16)
