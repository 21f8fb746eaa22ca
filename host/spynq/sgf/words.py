"""Words of the streams from events and commands, and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.contract import Beat
from spynq.sgf.params import COMMAND, EVENT_WORD, RESULT, Kind, SgfConfig, Window

__all__ = [
    "Result",
    "Words",
    "command",
    "event_words",
    "label",
    "pack",
    "pause",
    "place_of",
    "read_result",
    "scale",
    "unpack",
    "writes",
]

Words = NDArray[np.uint64]


def pack(beat: Beat, **values: int) -> int:
    """A word from its fields; those not named are 0."""
    fields = {field.name: field for field in beat.fields}
    return sum(fields[name].insert(int(value)) for name, value in values.items())


def unpack(beat: Beat, word: int) -> dict[str, int]:
    """Fields of a word by name."""
    return {field.name: field.extract(int(word)) for field in beat.fields}


def event_words(t: NDArray, x: NDArray, y: NDArray, p: NDArray, *, end: bool = False) -> Words:  # type: ignore[type-arg]
    """Event words.

    Parameters
    ----------
    t, x, y, p : array_like of int, shape [events]
        Microseconds (taken modulo 2**32), column and row (0 to 16,383), polarity (0 or 1).
    end : bool
        The trial ends with the last of them; without events a word that only ends it.
    """
    if not len(t):
        return np.array([pack(EVENT_WORD, END=1)] if end else [], np.uint64)
    fields = {field.name: np.uint64(field.lsb) for field in EVENT_WORD.fields}
    words = (np.asarray(t).astype(np.int64) & 0xFFFF_FFFF).astype(np.uint64) << fields["T"]
    for name, values in (("X", x), ("Y", y), ("P", p)):
        words |= np.asarray(values).astype(np.uint64) << fields[name]
    words |= np.uint64(1) << fields["VALID"]
    if end:
        words[-1] |= np.uint64(1) << fields["END"]
    return words


def command(kind: Kind, address: int = 0, data: int = 0, **fields: int) -> int:
    """A command word; ``data`` may be negative."""
    return pack(COMMAND, KIND=kind, COMMAND=1, ADDRESS=address, DATA=data & 0xFFFF_FFFF, **fields)


def pause() -> int:
    """The word that ends a run."""
    return command(Kind.PAUSE)


def label(number: int, *, teach: bool = True) -> int:
    """Label of the trial in hand: teach it to class ``number``, or take it out of it."""
    return command(Kind.LABEL, number, TEACH=int(teach), UNTEACH=int(not teach))


def writes(entries: Iterable[tuple[int, int]]) -> list[int]:
    """Words that store ``(address, data)`` in the window."""
    return [command(Kind.WRITE, address, data) for address, data in entries]


def scale(size: int, sensor: int) -> int:
    """SCALE register of a sensor side, ``floor(size * 65536 / sensor)``."""
    return size * 65536 // sensor


@dataclass(frozen=True)
class Result:
    """A result word, by its fields."""

    winner: int
    second: int
    score: int
    open: int
    flags: int
    trial: int


def read_result(word: int) -> Result:
    """Fields of a result word."""
    fields = unpack(RESULT, word)
    return Result(*(fields[name] for name in ("WINNER", "SECOND", "SCORE", "OPEN", "FLAGS", "TRIAL")))


def place_of(config: SgfConfig, address: int) -> tuple[Window, int] | None:
    """Part of the window and place in it; None where the build holds nothing.

    The places of BIT and COUNT are ``256 * unit (or row) + bit``, those of TABLE ``16 * slot + word``.
    """
    part = max((base for base in Window if base <= address), default=Window.THETA)
    place = address - part
    bit, word = place % 256, place % 16
    there = {
        Window.THETA: place < config.thetas,
        Window.UNIT: place < 3,
        Window.GATE: place < config.rows,
        Window.PATH: place < config.classes,
        Window.BIT: place < 3 * 256 and bit < config.bits,
        Window.TRIALS: place < config.rows,
        Window.TABLE: place < 16 * config.table and word <= -(-config.bits // 32),
        Window.COUNT: place < 256 * config.rows and bit < config.bits,
    }[part]
    return (part, place) if there else None
