"""N-MNIST's ``.bin`` and slayer's ``.bs2``: five bytes per event, no header."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from spynq.events.recording import SECOND, EventArray, pack
from spynq.events.stream import Clock, Damage, Source, Stream, words

__all__ = ["looks_like_nmnist", "open_nmnist"]

_SIZE = 34
_TIME_BITS = 23
_MARK, _MARKED = 240, 1 << 13
"""An "event" in row 240 of an ATIS file says that 2**13 us passed that the counter does not show."""

_TALLEST = 180  # of the data sets in this format; above, row 240 may be a pixel


def _fields(word: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.int64]]:
    wide = word.astype(np.int64)
    return word[:, 0], word[:, 1], (wide[:, 2] & 0x7F) << 16 | wide[:, 3] << 8 | wide[:, 4]


def looks_like_nmnist(source: Source) -> bool:
    """Whether a file without a header is of this format: its times rise and its pixels are few.

    Of files with under 20 events all pixels must lie on the 34 x 34 of N-MNIST.
    """
    count = len(source.head) // 5
    if not count:
        return False
    x, y, t = _fields(np.frombuffer(source.head, np.uint8, count * 5).reshape(-1, 5))
    mark = y == _MARK
    passed = (t + np.cumsum(mark) * _MARKED)[~mark]
    rising = np.count_nonzero(np.diff(passed) >= 0) >= 0.97 * (len(passed) - 1)
    small = bool(((x < _SIZE) & ((y < _SIZE) | (y == _MARK))).all())
    return bool(rising and t[0] < 4 * SECOND and (small or count >= 20))


def open_nmnist(source: Source) -> Stream:
    """Decoder: x, y, then polarity in the top bit and 23 bits of microseconds, big end first."""
    stream = Stream("N-MNIST", iter(()))

    def blocks() -> Iterator[tuple[EventArray, int]]:
        clock, passed = Clock(_TIME_BITS), 0
        marks_apply = _marks_apply(source)
        largest = 0
        try:
            for piece, end in words(source, 0, "V5"):
                word = piece.view(np.uint8).reshape(-1, 5)
                x, y, raw = _fields(word)
                t, p = clock.extend(raw), word[:, 2] >> 7
                if marks_apply:
                    mark = y == _MARK
                    added = passed + np.cumsum(mark) * _MARKED
                    passed = int(added[-1])
                    t, x, y, p = (column[~mark] for column in (t + added, x, y, p))
                largest = max([largest, *map(int, (x.max(), y.max()) if len(x) else ())])
                yield pack(t, x, y, p), end
        finally:
            if largest < _SIZE:
                stream.width = stream.height = _SIZE
            stream.notes.extend(clock.note())
            if passed:
                stream.notes.append(f"{passed // _MARKED} marks of time that passed were counted in")

    stream.blocks = blocks()
    return stream


def _marks_apply(source: Source) -> bool:
    """Whether row 240 marks time: no other row is beyond those of the sensors that write marks."""
    try:
        for piece, _ in words(source, 0, "V5"):
            y = piece.view(np.uint8).reshape(-1, 5)[:, 1]
            if bool(((y >= _TALLEST) & (y != _MARK)).any()):
                return False
    except Damage:
        pass  # the decoder tells it
    return True
