"""What the camera sees: the puppet painted with antialiased tapered capsules, back to front."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.synthetic.movement import Pose
from spynq.sgf.synthetic.subject import Subject

__all__ = ["SIZE", "Images", "backdrop", "pictures"]

SIZE = 128
"""Pixels on a side."""

Images = NDArray[np.float32]
"""Reflectance 0 to 1, shape (pictures, rows, columns)."""

_CHUNK = 16
"""Pictures painted at once: few enough that a limb moves little, enough for long NumPy loops."""
_FINGERS = np.deg2rad([-27.0, -9.0, 9.0, 27.0])


@dataclass(frozen=True)
class _Capsule:
    """A limb over time: two ends of shape (steps, 2), radii at both, and its reflectance."""

    first: NDArray[np.float64]
    last: NDArray[np.float64]
    radius_first: float
    radius_last: float
    shade: float
    stripes: float = 0.0


def backdrop(rng: np.random.Generator) -> Images:
    """Background: grey with a slow texture and up to three rectangles; shape (1, SIZE, SIZE)."""
    y, x = np.mgrid[:SIZE, :SIZE] / SIZE
    waves = np.zeros((SIZE, SIZE))
    for _ in range(3):
        fx, fy, phase = rng.uniform(-2, 2), rng.uniform(-2, 2), rng.uniform(0, 2 * np.pi)
        waves += 0.02 * np.sin(2 * np.pi * (fx * x + fy * y) + phase)
    image = 0.45 + waves
    for _ in range(rng.integers(0, 4)):
        left, top = rng.integers(0, SIZE, 2)
        width, height = rng.integers(10, 50, 2)
        image[top : top + height, left : left + width] *= rng.uniform(0.6, 1.4)
    # On a grid, as the joints are: the same picture on every machine.
    return np.asarray(np.round(np.clip(image, 0.02, 1) * 4096) / 4096, np.float32)[None]


def _limbs(subject: Subject, pose: Pose) -> Iterator[_Capsule]:
    k, body = subject.scale, pose.body
    down = np.array([0.0, k])
    yield _Capsule(body + 10 * down, body + 70 * down, 13 * k, 14 * k, subject.shirt, subject.stripes)
    yield _Capsule(body + 2 * down, body - 10 * down, 4 * k, 4 * k, subject.skin)
    yield _Capsule(body - 13 * down, body - 19 * down, 6.5 * k, 8 * k, subject.skin)
    fore = subject.sleeve if subject.long_sleeves else subject.skin
    for shoulder, elbow, hand in zip(pose.shoulders, pose.elbows, pose.hands, strict=True):
        yield _Capsule(shoulder, elbow, 4.6 * k, 3.8 * k, subject.sleeve)
        yield _Capsule(elbow, hand, 3.9 * k, 3.1 * k, fore)
        yield from _palm(elbow, hand, k, subject.skin)


def _palm(elbow: NDArray[np.float64], hand: NDArray[np.float64], k: float, skin: float) -> Iterator[_Capsule]:
    along = hand - elbow
    along = along / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-6)[:, None]
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    yield _Capsule(hand, hand + 2 * k * along, 3.9 * k, 3.9 * k, skin)
    for angle in _FINGERS:
        finger = np.cos(angle) * along + np.sin(angle) * across
        yield _Capsule(hand + 4 * k * finger, hand + 10 * k * finger, 0.85 * k, 0.85 * k, skin)


def pictures(subject: Subject, pose: Pose, background: Images) -> Iterator[Images]:
    """Pictures of the whole trial, some at a time.

    Parameters
    ----------
    subject : Subject
    pose : Pose
    background : ndarray
        Of :func:`backdrop`.
    """
    limbs = list(_limbs(subject, pose))
    steps = len(pose.body)
    for start in range(0, steps, _CHUNK):
        part = slice(start, min(start + _CHUNK, steps))
        images = np.repeat(background, part.stop - start, axis=0)
        for limb in limbs:
            _paint(images, limb, part)
        yield images


def _paint(images: Images, limb: _Capsule, part: slice) -> None:
    """Paint one limb into ``images``, within the box that it stays in."""
    first, last = limb.first[part].astype(np.float32), limb.last[part].astype(np.float32)
    margin = max(limb.radius_first, limb.radius_last) + 1
    low = np.floor(np.minimum(first.min(0), last.min(0)) - margin).astype(int).clip(0, SIZE)
    high = np.ceil(np.maximum(first.max(0), last.max(0)) + margin).astype(int).clip(0, SIZE - 1) + 1
    if (low >= high).any():
        return
    box = images[:, low[1] : high[1], low[0] : high[0]]
    x = np.arange(low[0], high[0], dtype=np.float32) - first[:, :1]
    y = np.arange(low[1], high[1], dtype=np.float32) - first[:, 1:]
    along = last - first
    unit = along / np.maximum((along * along).sum(axis=1, keepdims=True), np.float32(1e-6))
    # Share of the way from the first to the last end, at the point of the axis that is nearest.
    share = (x * unit[:, :1])[:, None, :] + (y * unit[:, 1:])[:, :, None]
    np.maximum(share, 0, out=share)
    np.minimum(share, 1, out=share)
    off = share * along[:, 0, None, None]
    np.subtract(x[:, None, :], off, out=off)
    off *= off
    off_y = share * along[:, 1, None, None]
    np.subtract(y[:, :, None], off_y, out=off_y)
    off_y *= off_y
    off += off_y
    np.sqrt(off, out=off)
    share *= np.float32(limb.radius_last - limb.radius_first)
    share += np.float32(limb.radius_first + 0.5)
    share -= off
    np.maximum(share, 0, out=share)
    np.minimum(share, 1, out=share)
    shade: Images | np.float32 = np.float32(limb.shade)
    if limb.stripes:
        wave = np.float32(limb.stripes) * np.sign(np.sin(y * np.float32(0.7)))
        shade = np.clip(np.float32(limb.shade) + wave, 0.03, 1).astype(np.float32)[:, :, None]
    share *= shade - box
    box += share
