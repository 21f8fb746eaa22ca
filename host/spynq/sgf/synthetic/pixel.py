"""The pixels of an event camera: pictures in, events out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.events.recording import SECOND, EventArray, pack
from spynq.sgf.synthetic.movement import RATE
from spynq.sgf.synthetic.render import SIZE, Images

__all__ = ["LIGHTS", "Light", "expose"]


@dataclass(frozen=True)
class Light:
    """What the lighting does to a pixel.

    Attributes
    ----------
    name : str
    threshold : float
        Change of log intensity that makes an event.
    cutoff : float
        Of the pixel's low-pass, Hz.
    noise : float
        Events per second and pixel that nothing caused.
    leak : float
        Thresholds per second by which the reference drifts, which makes ON events.
    """

    name: str
    threshold: float
    cutoff: float
    noise: float
    leak: float


LIGHTS = (
    Light("fluo", 0.14, 120, 0.08, 0.08),
    Light("led", 0.12, 180, 0.05, 0.06),
    Light("natural", 0.16, 60, 0.20, 0.12),
    Light("lab", 0.14, 90, 0.12, 0.10),
)

_STEP = SECOND // RATE
_MISMATCH = 0.06
_MOST = 4
"""Events of one pixel in one step."""
_HOT, _HOT_RATE = 0.0006, 40.0
_LEVELS = 4096
_LOG = np.log(np.arange(_LEVELS + 1) / _LEVELS + 0.02).astype(np.float32)
"""Log intensity by a table: the same on every machine, and as fast as the logarithm."""

_Drawn = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""Times, pixels (row-major) and polarities."""


class _Pixels:
    """State of all pixels between two pictures."""

    def __init__(self, light: Light, rng: np.random.Generator) -> None:
        count = SIZE * SIZE
        self.rng = rng
        spread = 1 + rng.normal(0, _MISMATCH, (2, count))
        self.on, self.off = (light.threshold * np.maximum(spread, 0.2)).astype(np.float32)
        self.leak = self.on * np.float32(light.leak / RATE)
        self.gain = np.float32(1 - np.exp(-2 * np.pi * light.cutoff / RATE))
        self.seen = self.reference = np.zeros(0, np.float32)
        self.scratch = np.empty(count, np.float32)

    def step(self, log: NDArray[np.float32], time: int) -> _Drawn | None:
        """Low-pass, compare, move the reference; ``log`` of shape (pixels,)."""
        if not len(self.seen):
            self.seen, self.reference = log.copy(), log.copy()
            return None
        change = self.scratch
        np.subtract(log, self.seen, out=change)
        change *= self.gain
        self.seen += change
        self.reference -= self.leak
        np.subtract(self.seen, self.reference, out=change)
        events = []
        for sign, threshold in ((1, self.on), (-1, self.off)):
            hit = np.flatnonzero(change > threshold if sign > 0 else -change > threshold)
            if not len(hit):
                continue
            size = threshold[hit]
            number = np.minimum(np.abs(change[hit]) / size, _MOST).astype(np.int64)
            self.reference[hit] += sign * number * size
            events.append((np.repeat(hit, number), np.full(int(number.sum()), (sign + 1) // 2)))
        if not events:
            return None
        pixel, polarity = (np.concatenate(parts) for parts in zip(*events, strict=True))
        return time + self.rng.integers(0, _STEP, len(pixel)), pixel, polarity


def _noise(light: Light, rng: np.random.Generator, steps: int) -> _Drawn:
    """Events of a whole trial that nothing caused: everywhere, and at hot pixels."""
    count = SIZE * SIZE
    everywhere = rng.poisson(light.noise * count * steps / RATE)
    hot = rng.choice(count, round(_HOT * count), replace=False)
    bursts = rng.poisson(_HOT_RATE * steps / RATE, len(hot))
    pixel = np.concatenate([rng.integers(0, count, everywhere), np.repeat(hot, bursts)])
    return rng.integers(0, steps * _STEP, len(pixel)), pixel, rng.integers(0, 2, len(pixel))


def expose(
    pictures: Iterable[Images], light: Light, rng: np.random.Generator, steps: int, most: int
) -> EventArray:
    """Events of a trial.

    Parameters
    ----------
    pictures : iterable of ndarray
        Pictures at :data:`~spynq.sgf.synthetic.movement.RATE` per second, some at a time.
    light : Light
    rng : numpy.random.Generator
    steps : int
        Pictures in all.
    most : int
        Events after which to stop.

    Returns
    -------
    ndarray
        Dtype :data:`~spynq.events.EVENT`, by time; at most ``most``.
    """
    pixels = _Pixels(light, rng)
    noise = _noise(light, rng, steps)
    drawn: list[_Drawn] = []
    total, time = 0, 0
    for log in _logarithms(pictures):
        found = pixels.step(log, time)
        if found is not None:
            drawn.append(found)
            total += len(found[0])
        time += _STEP
        if total >= most:
            break
    drawn.append(noise)
    t, pixel, polarity = (np.concatenate(parts) for parts in zip(*drawn, strict=True))
    order = np.argsort(t, kind="stable")
    order = order[t[order] < time][:most]
    y, x = np.divmod(pixel[order], SIZE)
    return pack(t[order], x, y, polarity[order])


def _logarithms(pictures: Iterable[Images]) -> Iterator[NDArray[np.float32]]:
    for images in pictures:
        images *= _LEVELS
        yield from _LOG[images.astype(np.int32).reshape(len(images), -1)]
