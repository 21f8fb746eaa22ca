"""What the decoders share: a file read in pieces, clocks that wrap, and damage that ends a file early."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.events.recording import SECOND, EventArray

__all__ = ["Clock", "Damage", "Source", "Stream", "held", "words"]

_PIECE = 1 << 20
"""Words decoded at once: large enough for NumPy, small enough for a board's memory."""


class Damage(Exception):
    """The file cannot be read from here on; never leaves this package.

    Parameters
    ----------
    offset : int
        Byte of the file where the damage starts.
    reason : str
        What is wrong there, to stand behind "at byte N".
    """

    def __init__(self, offset: int, reason: str) -> None:
        super().__init__(f"at byte {offset}: {reason}")
        self.offset, self.reason = offset, reason


class Source:
    """A file opened for reading, with its size and a place to tell progress to."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path.open("rb")
        self.size = path.stat().st_size
        self.head = self.read(0, 4096)

    def read(self, offset: int, count: int) -> bytes:
        """Up to ``count`` bytes; fewer at the end of the file."""
        self.file.seek(offset)
        return self.file.read(max(0, min(count, self.size - offset)))

    def __enter__(self) -> Source:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.file.close()


@dataclass
class Stream:
    """A decoder at work.

    Attributes
    ----------
    format : str
        Name and version.
    blocks : iterator of (numpy.ndarray, int)
        Pieces of events, and the byte of the file that each ends at; raises :class:`Damage`.
    width, height : int or None
        Sensor size where the file names it.
    notes, losses : list of str
        Filled while ``blocks`` runs: what is good to know, and what was lost (which warns).
    steady : bool
        The format's clock does not wrap: a jump back of over a second is damage.
    y_up : bool
        Row 0 is at the bottom.
    start : int
        First byte of the data.
    """

    format: str
    blocks: Iterator[tuple[EventArray, int]]
    width: int | None = None
    height: int | None = None
    notes: list[str] = field(default_factory=list)
    losses: list[str] = field(default_factory=list)
    steady: bool = False
    y_up: bool = False
    start: int = 0


class Clock:
    """Makes one time of a counter of a few bits that starts again at zero.

    A step back of more than a second is taken for the wrap; less is jitter and stays. A step forward
    by nearly the whole period right behind a wrap is jitter across it.

    Parameters
    ----------
    bits : int
        Width of the counter, in microseconds.
    grain : int
        Microseconds that each value stands for, where low bits are told elsewhere.
    """

    def __init__(self, bits: int, grain: int = 1) -> None:
        self.period = 1 << bits
        self._jitter = SECOND - grain + 1
        self.wraps = 0
        self._last: int | None = None

    def extend(self, raw: NDArray[np.int64]) -> NDArray[np.int64]:
        """The next counter values as times that go on; int64, microseconds."""
        if not len(raw):
            return raw
        first = raw[0] if self._last is None else self._last
        step = np.diff(raw, prepend=first)
        self._last = int(raw[-1])
        back = step < -self._jitter
        if not self.wraps and not back.any():
            return raw
        wraps = self.wraps + np.cumsum(back)
        jittered = wraps - np.cumsum(step > self.period - self._jitter)
        if int(jittered.min()) >= 0:
            wraps = jittered
        self.wraps = int(wraps[-1])
        return np.asarray(raw + wraps * self.period, dtype=np.int64)

    def note(self) -> list[str]:
        """One note if the clock ever wrapped."""
        if not self.wraps:
            return []
        times = "once" if self.wraps == 1 else f"{self.wraps} times"
        return [f"the clock of {self.period / SECOND:.4g} s wrapped {times}"]


def words(source: Source, start: int, dtype: str) -> Iterator[tuple[NDArray[Any], int]]:
    """Whole words from byte ``start`` on, with the byte that each piece ends at.

    Raises
    ------
    Damage
        At the end, when the file ends within a word.
    """
    kind = np.dtype(dtype)
    end = start + (source.size - start) // kind.itemsize * kind.itemsize
    while start < end:
        piece = source.read(start, min(_PIECE * kind.itemsize, end - start))
        whole = len(piece) // kind.itemsize
        if not whole:
            break  # the file was cut while it was read
        start += whole * kind.itemsize
        yield np.frombuffer(piece, kind, whole), start
    if start < source.size:
        raise Damage(start, f"the file ends {source.size - start} bytes into a word of {kind.itemsize}")


def held(mask: NDArray[np.bool_], values: NDArray[np.int64], initial: int) -> NDArray[np.int64]:
    """The latest value at or before each place; ``initial`` before the first.

    Parameters
    ----------
    mask : numpy.ndarray
        Shape (n,): places where the state changes.
    values : numpy.ndarray
        Shape (number of these places,), int64: the new states.
    """
    places = np.flatnonzero(mask)
    lengths = np.diff(places, prepend=0, append=len(mask))
    return np.repeat(np.concatenate([np.array([initial], np.int64), values]), lengths)
