"""Random pauses, the same for every bench: when a side of a handshake holds back."""

from __future__ import annotations

import random
from collections.abc import Iterator

__all__ = ["STYLES", "pauses"]

STYLES = ("none", "rare", "half", "mostly", "blocks")
"""Never, one cycle in ten, every second, nine in ten, and blocks of up to 40 cycles."""

_SHARE = {"none": 0.0, "rare": 0.1, "half": 0.5, "mostly": 0.9}
_LONGEST_BLOCK = 40


def pauses(style: str, seed: int | random.Random) -> Iterator[bool]:
    """Endless sequence, one value per clock cycle: True where the side holds back.

    Parameters
    ----------
    style : str
        One of :data:`STYLES`.
    seed : int or random.Random
        Where the choices come from.
    """
    if style not in STYLES:
        raise ValueError(f"unknown pauses {style!r}; known are {', '.join(STYLES)}")
    rng = seed if isinstance(seed, random.Random) else random.Random(seed)
    return _blocks(rng) if style == "blocks" else _independent(rng, _SHARE[style])


def _independent(rng: random.Random, share: float) -> Iterator[bool]:
    while True:
        yield rng.random() < share


def _blocks(rng: random.Random) -> Iterator[bool]:
    holding = False
    while True:
        for _ in range(rng.randint(1, _LONGEST_BLOCK)):
            yield holding
        holding = not holding
