"""EVT 2.0 and EVT 2.1 of Prophesee: time in two halves, one event or 32 neighbours per word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.events.prophesee import Header, missing_time, unknown_words
from spynq.events.recording import EventArray, pack
from spynq.events.stream import Clock, Source, Stream, held, words

__all__ = ["open_evt2", "open_evt21"]

_OFF, _ON, _TIME_HIGH = 0x0, 0x1, 0x8
_OTHERS = (0xA, 0xE, 0xF)  # trigger, vendor's own, continuation: no pixel events
_TIME_BITS = 34
_KNOWN = np.zeros(16, np.bool_)
_KNOWN[[_OFF, _ON, _TIME_HIGH, *_OTHERS]] = True


class _Times:
    """Time base of both formats: 28 high bits in words of their own, 6 low bits beside the pixel."""

    def __init__(self) -> None:
        self.clock = Clock(_TIME_BITS, grain=64)
        self.base = -1
        self.early = self.unknown = 0

    def of(self, high: NDArray[np.uint32], kind: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Times of all words, and which words are pixel events that can be dated."""
        self.unknown += int(np.count_nonzero(~_KNOWN[kind]))
        marks = kind == _TIME_HIGH
        base = held(marks, self.clock.extend((high[marks] & 0x0FFFFFFF).astype(np.int64) << 6), self.base)
        self.base = int(base[-1])
        pixel = kind <= _ON
        dated = pixel & (base >= 0)
        self.early += int(np.count_nonzero(pixel)) - int(np.count_nonzero(dated))
        return base + ((high >> 22) & 0x3F), dated

    def tell(self, stream: Stream) -> None:
        """Put what was met into the stream's notes and losses."""
        stream.notes += [*self.clock.note(), *missing_time(self.early)]
        stream.losses += unknown_words(self.unknown)


def open_evt2(source: Source, header: Header) -> Stream:
    """Decoder of EVT 2.0: 32-bit little-endian words, type in bits 31:28, x in 21:11, y in 10:0."""
    stream = Stream("EVT 2.0", iter(()), header.width, header.height, start=header.end)

    def blocks() -> Iterator[tuple[EventArray, int]]:
        times = _Times()
        try:
            for word, end in words(source, header.end, "<u4"):
                kind = (word >> 28).astype(np.uint8)
                t, dated = times.of(word, kind)
                event = word[dated]
                yield pack(t[dated], (event >> 11) & 0x7FF, event & 0x7FF, kind[dated]), end
        finally:
            times.tell(stream)

    stream.blocks = blocks()
    return stream


def open_evt21(source: Source, header: Header) -> Stream:
    """Decoder of EVT 2.1: 64-bit words, the low half a mask of 32 neighbours from x on.

    The header's ``endianness=legacy`` (IMX636) means that the high half comes first; without that
    entry the order in which more words make sense is taken, and noted.
    """
    stream = Stream("EVT 2.1", iter(()), header.width, header.height, start=header.end)
    high_first = {"legacy": True, "little": False}.get(header.endianness)
    if high_first is None:
        high_first = _guess_order(source, header.end)
        order = "high" if high_first else "low"
        stream.notes.append(f"the order of the halves is not in the header; {order} half first was found")

    def blocks() -> Iterator[tuple[EventArray, int]]:
        times = _Times()
        try:
            for word, end in words(source, header.end, "<u8"):
                halves = word.view("<u4").reshape(-1, 2)
                high, mask = (halves[:, 0], halves[:, 1]) if high_first else (halves[:, 1], halves[:, 0])
                kind = (high >> 28).astype(np.uint8)
                t, dated = times.of(high, kind)
                row, bit = _bits(mask[dated])
                first = high[dated]
                x = ((first >> 11) & 0x7FF)[row] + bit
                yield pack(t[dated][row], x, (first & 0x7FF)[row], kind[dated][row]), end
        finally:
            times.tell(stream)

    stream.blocks = blocks()
    return stream


def _bits(mask: NDArray[np.uint32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which word, and which bit of it, for every set bit; lowest first."""
    set_ = np.unpackbits(mask.astype("<u4").view(np.uint8).reshape(-1, 4), axis=1, bitorder="little")
    row, bit = np.nonzero(set_)
    return row, bit


def _guess_order(source: Source, start: int) -> bool:
    raw = source.read(start, 1 << 16)
    halves = np.frombuffer(raw, "<u4", len(raw) // 8 * 2).reshape(-1, 2)

    def sense(high: NDArray[np.uint32]) -> int:
        kind = high >> 28
        # The first pixel of a group of 32 is a multiple of 32; time words occur, and low masks vary.
        return int(np.count_nonzero((kind == _TIME_HIGH) | ((kind <= _ON) & ((high >> 11) & 0x1F == 0))))

    return sense(halves[:, 0]) > sense(halves[:, 1])
