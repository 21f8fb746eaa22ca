"""EVT 3.0 of Prophesee: 16-bit words that each change a part of the state or name pixels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spynq.events.prophesee import Header, missing_time, unknown_words
from spynq.events.recording import EventArray, pack
from spynq.events.stream import Clock, Source, Stream, held, words

__all__ = ["open_evt3"]

_Y, _X, _BASE, _VECTOR_12, _VECTOR_8, _LOW, _HIGH = 0x0, 0x2, 0x3, 0x4, 0x5, 0x6, 0x8
_OTHERS = (0x7, 0xA, 0xE, 0xF)  # continuations, trigger, vendor's own: no pixel events
_TIME_BITS = 24
_LENGTH = np.zeros(16, np.int64)
_LENGTH[[_VECTOR_12, _VECTOR_8]] = 12, 8
_KNOWN = np.zeros(16, np.bool_)
_KNOWN[[_Y, _X, _BASE, _VECTOR_12, _VECTOR_8, _LOW, _HIGH, *_OTHERS]] = True


@dataclass
class _State:
    """Carried from one piece of the file to the next; -1 where nothing has been said yet."""

    y: int = -1
    base: int = -1  # x of the next vector's first pixel
    polarity: int = 0
    low: int = 0
    high: int = -1
    early: int = 0
    unknown: int = 0


def open_evt3(source: Source, header: Header) -> Stream:
    """Decoder of EVT 3.0: type in bits 15:12; the 24-bit time wraps every 16.8 s."""
    stream = Stream("EVT 3.0", iter(()), header.width, header.height, start=header.end)

    def blocks() -> Iterator[tuple[EventArray, int]]:
        state, clock = _State(), Clock(_TIME_BITS, grain=4096)
        try:
            for word, end in words(source, header.end, "<u2"):
                yield _decode(word, state, clock), end
        finally:
            stream.notes += [*clock.note(), *missing_time(state.early)]
            stream.losses += unknown_words(state.unknown)

    stream.blocks = blocks()
    return stream


def _decode(word: NDArray[np.uint16], state: _State, clock: Clock) -> EventArray:
    kind = (word >> 12).astype(np.uint8)
    state.unknown += int(np.count_nonzero(~_KNOWN[kind]))
    value = (word & 0xFFF).astype(np.int64)

    def kept(which: int, initial: int) -> NDArray[np.int64]:
        mask = kind == which
        return held(mask, value[mask], initial)

    marks = kind == _HIGH
    high = held(marks, clock.extend(value[marks] << 12), state.high)
    low, row = kept(_LOW, state.low), kept(_Y, state.y)
    start, polarity = _vectors(kind, value, state)

    single = kind == _X
    pixel = single | (kind == _VECTOR_12) | (kind == _VECTOR_8)
    dated = pixel & (high >= 0) & (row >= 0) & (single | (start >= 0))
    state.early += int(np.count_nonzero(pixel)) - int(np.count_nonzero(dated))
    state.y, state.low, state.high = int(row[-1]), int(low[-1]), int(high[-1])

    place = np.flatnonzero(dated)
    alone = single[place]
    said = value[place]
    x = np.where(alone, said & 0x7FF, start[place])
    p = np.where(alone, said >> 11, polarity[place])
    which, bit = _pixels(np.where(alone, 1, np.where(kind[place] == _VECTOR_8, said & 0xFF, said)))
    place = place[which]
    return pack(high[place] + low[place], x[which] + bit, row[place] & 0x7FF, p[which])


def _vectors(
    kind: NDArray[np.uint8], value: NDArray[np.int64], state: _State
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """x of a vector's first pixel at each word, and its polarity; each vector moves x on by its length."""
    length = _LENGTH[kind]
    moved = np.cumsum(length) - length
    mask = kind == _BASE
    base = held(mask, value[mask], -1)
    since = held(mask, moved[mask], 0)
    before = base < 0
    if state.base >= 0:
        start = np.where(before, state.base, base & 0x7FF) + moved - since
    else:
        start = np.where(before, -1, (base & 0x7FF) + moved - since)
    polarity = np.where(before, state.polarity, base >> 11)
    # Damage can leave vectors without end; no sensor of this format is wider than 2,048 pixels.
    start = np.minimum(start, 4096)
    state.base = int(min(start[-1] + length[-1], 4096)) if start[-1] >= 0 else -1
    state.polarity = int(polarity[-1])
    return start, polarity


def _pixels(mask: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which word, and which of its pixels, for every set bit; lowest first."""
    octets = mask.astype("<u2").view(np.uint8).reshape(-1, 2)
    which, bit = np.nonzero(np.unpackbits(octets, axis=1, bitorder="little"))
    return which, bit
