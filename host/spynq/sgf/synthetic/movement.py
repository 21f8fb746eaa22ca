"""How one trial moves: eleven gestures of a puppet with two arms, as joints over time.

Pixels at 128 x 128, y down. Arm 0 is on the left of the image (the right arm of a person who faces
the camera), arm 1 on the right; "outward" is away from the body on either side.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.sgf.synthetic.subject import Subject

__all__ = ["GESTURES", "OTHER", "RATE", "Pose", "move"]

RATE = 200
"""Pictures per second."""
GESTURES = {
    1: "hand clapping",
    2: "right-hand wave",
    3: "left-hand wave",
    4: "right arm clockwise",
    5: "right arm counter-clockwise",
    6: "left arm clockwise",
    7: "left arm counter-clockwise",
    8: "arm roll",
    9: "air drums",
    10: "air guitar",
    11: "other",
}
"""Classes, with the numbers and names of DvsGesture; clockwise as the image shows it."""
OTHER = 11
"""The gesture that is none of those taught."""

_FREQUENCY = {1: 1.6, 2: 2.0, 3: 2.0, 4: 1.1, 5: 1.1, 6: 1.1, 7: 1.1, 8: 1.8, 9: 2.2, 10: 2.4, 11: 1.2}
_UPPER, _FORE = 20.0, 19.0
_SHOULDER = 14.0
_SIDES = (-1, 1)
_GRAIN = 1024
"""Joints lie on a grid of 1/1024 pixel, so that the last bit of a library's sine draws nothing new."""

Track = NDArray[np.float64]
"""Points over time, shape (steps, 2): x and y."""


@dataclass(frozen=True)
class Pose:
    """Joints over time; each array of shape (steps, 2), the lists by arm.

    Attributes
    ----------
    body : ndarray
        Point between the shoulders.
    shoulders, elbows, hands : list of ndarray
    """

    body: Track
    shoulders: list[Track]
    elbows: list[Track]
    hands: list[Track]


@dataclass(frozen=True)
class _Scene:
    """What every gesture needs: clock, phase, amplitude, shoulders, and chance."""

    subject: Subject
    time: NDArray[np.float64]
    phase: NDArray[np.float64]
    amplitude: NDArray[np.float64]
    body: Track
    rng: np.random.Generator

    def shoulder(self, arm: int) -> Track:
        place: Track = self.body + np.array([_SIDES[arm] * _SHOULDER * self.subject.scale, 0.0])
        return place

    def at(self, arm: int, outward: object, down: object) -> Track:
        """Hand ``outward`` and ``down`` of the shoulder, in units of the puppet, shifted by habit."""
        person, side = self.subject, _SIDES[arm]
        place = self.shoulder(arm)
        x = place[:, 0] + side * (np.asarray(outward) * person.scale + person.hand_x)
        y = place[:, 1] + np.asarray(down) * person.scale + person.hand_y
        return np.stack([x, y], axis=1)

    def rest(self, arm: int) -> Track:
        return self.at(arm, 5.0, 37.0)


def _slow(rng: np.random.Generator, time: NDArray[np.float64], highest: float) -> NDArray[np.float64]:
    """Smooth noise of unit variance with frequencies up to ``highest`` Hz: four random sines."""
    frequency = rng.uniform(0.1, 1.0, 4) * highest
    phase = rng.uniform(0, 2 * np.pi, 4)
    return np.asarray(np.sin(2 * np.pi * np.outer(time, frequency) + phase).sum(axis=1) / np.sqrt(2))


def _clap(scene: _Scene, gesture: int) -> list[Track]:
    outward = 2.5 + 9 * scene.amplitude * (1 - np.cos(scene.phase)) - _SHOULDER
    return [scene.at(arm, outward, 24.0) for arm in (0, 1)]


def _circle(scene: _Scene, gesture: int) -> list[Track]:
    arm = 0 if gesture in (4, 5) else 1
    turn = 1 if gesture in (4, 6) else -1  # y is down, so a growing angle turns clockwise
    radius = 15 * scene.amplitude
    wide = scene.rng.uniform(0.75, 1.1)
    outward, down = scene.rng.uniform(9, 15), scene.rng.uniform(0, 14)
    x = outward + _SIDES[arm] * wide * radius * np.cos(scene.phase)
    y = down + turn * radius * np.sin(scene.phase)
    hands = [scene.rest(0), scene.rest(1)]
    hands[arm] = scene.at(arm, x, y)
    return hands


def _roll(scene: _Scene, gesture: int) -> list[Track]:
    hands = []
    for arm, side in enumerate(_SIDES):
        phase = scene.phase + np.pi * arm
        inward = side * 5 * scene.amplitude * np.cos(phase)
        hands.append(scene.at(arm, 2 - _SHOULDER + inward, 24 + 10 * scene.amplitude * np.sin(phase)))
    return hands


def _drums(scene: _Scene, gesture: int) -> list[Track]:
    beat = 11 * scene.amplitude
    return [scene.at(arm, 15 - _SHOULDER, 24 + beat * np.sin(scene.phase + np.pi * arm)) for arm in (0, 1)]


def _guitar(scene: _Scene, gesture: int) -> list[Track]:
    neck = 0 if scene.subject.left_handed else 1
    drift = 1.5 * _slow(scene.rng, scene.time, 0.4)
    hands = [scene.at(arm, 2 - _SHOULDER, 35 + 9 * scene.amplitude * np.sin(scene.phase)) for arm in (0, 1)]
    hands[neck] = scene.at(neck, 26 + drift, 7 + drift)
    return hands


def _other(scene: _Scene, gesture: int) -> list[Track]:
    return [
        scene.at(
            arm,
            4 + 9 * scene.amplitude * _slow(scene.rng, scene.time, _FREQUENCY[11]),
            17 + 10 * scene.amplitude * _slow(scene.rng, scene.time, _FREQUENCY[11]),
        )
        for arm in (0, 1)
    ]


_HANDS: dict[int, Callable[[_Scene, int], list[Track]]] = {
    1: _clap, 4: _circle, 5: _circle, 6: _circle, 7: _circle,
    8: _roll, 9: _drums, 10: _guitar, 11: _other,
}  # fmt: skip


def _wave(scene: _Scene, arm: int) -> tuple[Track, Track]:
    """Elbow and hand by forward kinematics: the forearm swings about a raised elbow."""
    person, side = scene.subject, _SIDES[arm]
    lift = np.deg2rad(scene.rng.uniform(25, 60))
    lean = scene.rng.uniform(-5, 20)
    swing = np.deg2rad(lean + 30 * scene.amplitude * np.sin(scene.phase))
    upper, fore = (length * person.scale * person.arm for length in (_UPPER, _FORE))
    elbow = scene.shoulder(arm) + upper * np.array([side * np.sin(lift), np.cos(lift)])
    hand = elbow + fore * np.stack([side * np.sin(swing), -np.cos(swing)], axis=1)
    return elbow, hand


def _reach(shoulder: Track, hand: Track, upper: float, fore: float, side: int) -> tuple[Track, Track]:
    """Two-link inverse kinematics; a hand out of reach is pulled in.

    The elbow points outward, or down where the hand is held more outward than down: one way for a
    whole trial, so that it never jumps.
    """
    reach = hand - shoulder
    bend = side if reach[:, 1].mean() > side * reach[:, 0].mean() else -side
    distance = np.hypot(reach[:, 0], reach[:, 1])
    length = np.clip(distance, abs(upper - fore) + 0.5, 0.995 * (upper + fore))
    unit = reach / np.maximum(distance, 1e-6)[:, None]
    along = (length**2 + upper**2 - fore**2) / (2 * length)
    across = np.sqrt(np.maximum(upper**2 - along**2, 0))
    normal = np.stack([unit[:, 1], -unit[:, 0]], axis=1) * bend
    return shoulder + along[:, None] * unit + across[:, None] * normal, shoulder + length[:, None] * unit


def move(subject: Subject, gesture: int, rng: np.random.Generator, steps: int) -> Pose:
    """Joints of one trial.

    Parameters
    ----------
    subject : Subject
    gesture : int
        Class, a key of :data:`GESTURES`.
    rng : numpy.random.Generator
        Chance of this trial.
    steps : int
        Pictures, :data:`RATE` per second.
    """
    if gesture not in GESTURES:
        raise ValueError(f"gestures are 1 to {max(GESTURES)}, not {gesture}")
    time = np.arange(steps) / RATE
    pace = _FREQUENCY[gesture] * subject.speed * rng.uniform(0.85, 1.15)
    phase = np.cumsum(pace * (1 + 0.1 * _slow(rng, time, 0.5))) / RATE + rng.random()
    amplitude = subject.amplitude * rng.uniform(0.85, 1.15) * (1 + 0.1 * _slow(rng, time, 0.4))
    sway = subject.sway * np.stack([_slow(rng, time, 0.6), 0.4 * _slow(rng, time, 0.6)], axis=1)
    body = np.array([subject.centre_x, 50 + subject.offset_y]) + sway
    scene = _Scene(subject, time, 2 * np.pi * phase, amplitude, body, rng)

    targets = _HANDS[gesture](scene, gesture) if gesture in _HANDS else [scene.rest(0), scene.rest(1)]
    shoulders: list[Track] = []
    elbows: list[Track] = []
    hands: list[Track] = []
    for arm, side in enumerate(_SIDES):
        shoulder = scene.shoulder(arm)
        if gesture - 2 == arm:
            elbow, hand = _wave(scene, arm)
        else:
            upper, fore = (length * subject.scale * subject.arm for length in (_UPPER, _FORE))
            elbow, hand = _reach(shoulder, targets[arm], upper, fore, side)
        for joints, joint in ((shoulders, shoulder), (elbows, elbow), (hands, hand)):
            joints.append(_on_grid(joint))
    return Pose(_on_grid(body), shoulders, elbows, hands)


def _on_grid(points: Track) -> Track:
    return np.asarray(np.round(points * _GRAIN) / _GRAIN)
