"""Who moves: the size, clothes and habits of one person, drawn from a seed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["GENERATOR", "Subject", "draw_subject"]

GENERATOR = 1
"""Version of the generator: part of every seed, and of the place where events are kept."""


@dataclass(frozen=True)
class Subject:
    """One person; lengths in pixels at 128 x 128, reflectances 0 to 1, factors around 1.

    Attributes
    ----------
    number : int
        Which person; the seed of all that follows.
    scale : float
        Size, 1.08 to 1.45: pixels per unit of the puppet.
    centre_x, offset_y : float
        Where the body stands.
    arm : float
        Length of the arms against the body.
    sleeve, skin, shirt : float
        Reflectances.
    stripes : float
        Contrast of the shirt's horizontal stripes; 0 for most.
    long_sleeves : bool
        Whether the forearm is covered.
    speed, amplitude : float
        How fast and how wide this person moves.
    hand_x, hand_y : float
        Habit: how far from the usual place the hands are held (outward, down).
    sway : float
        Movement of the body, pixels.
    left_handed : bool
        Plays the guitar the other way round.
    """

    number: int
    scale: float
    centre_x: float
    offset_y: float
    arm: float
    sleeve: float
    skin: float
    shirt: float
    stripes: float
    long_sleeves: bool
    speed: float
    amplitude: float
    hand_x: float
    hand_y: float
    sway: float
    left_handed: bool


def draw_subject(number: int) -> Subject:
    """The person of this number, 0 or more; always the same one."""
    if number < 0:
        raise ValueError(f"subjects are numbered from 0, not {number}")
    rng = np.random.default_rng([GENERATOR, number])
    dark = rng.random() < 0.5
    sleeve = rng.uniform(0.10, 0.24) if dark else rng.uniform(0.75, 1.0)
    skin = rng.uniform(0.16, 0.26) if rng.random() < 0.3 else rng.uniform(0.72, 0.95)
    return Subject(
        number=number,
        scale=rng.uniform(1.08, 1.45),
        centre_x=rng.normal(64, 5),
        offset_y=rng.normal(0, 4),
        arm=rng.uniform(0.92, 1.08),
        sleeve=sleeve,
        skin=skin,
        shirt=float(np.clip(sleeve + rng.normal(0, 0.08), 0.05, 1.0)),
        stripes=rng.uniform(0.0, 0.15) if rng.random() < 0.3 else 0.0,
        long_sleeves=bool(rng.random() < 0.5),
        speed=rng.uniform(0.75, 1.35),
        amplitude=rng.uniform(0.75, 1.25),
        hand_x=rng.normal(0, 2.5),
        hand_y=rng.normal(0, 3),
        sway=rng.uniform(0.1, 0.8),
        left_handed=bool(rng.random() < 0.15),
    )
