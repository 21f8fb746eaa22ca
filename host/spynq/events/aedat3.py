"""AEDAT 3.1, the format of cAER and of the DvsGesture recordings: packets of one kind of event each."""

from __future__ import annotations

import struct
from collections.abc import Iterator

import numpy as np

from spynq.events.recording import EVENT, EventArray, pack
from spynq.events.stream import Damage, Source, Stream

__all__ = ["open_aedat3"]

_END = b"#!END-HEADER"
_LONGEST_HEADER = 1 << 20
_HEADER = struct.Struct("<hhiiiiii")
"""Type, source, bytes per event, place of the time in it, overflow, capacity, number, valid ones."""

_POLARITY = 1
_TYPES = 64  # above are types that nobody defined: the reader has lost the packets
_SIZES = {b"DVS128": (128, 128), b"DAVIS240": (240, 180), b"DAVIS346": (346, 260)}


def open_aedat3(source: Source) -> Stream:
    """Decoder of polarity events; other packets are stepped over.

    The header ends at the line ``#!END-HEADER``, however many lines it has. In the 32-bit data word
    bit 0 means valid, bit 1 is the polarity, 16:2 are y and 31:17 x. The packet's overflow counter
    holds the time's bits from 31 on.
    """
    raw = source.read(0, _LONGEST_HEADER)
    mark = raw.find(_END)
    newline = raw.find(b"\n", mark)
    stream = Stream("AEDAT 3.1", iter(()), steady=True)
    for name, (width, height) in _SIZES.items():
        if mark >= 0 and name in raw[:mark].upper():
            stream.width, stream.height = width, height
            break
    start = newline + 1 if mark >= 0 and newline >= 0 else None
    stream.blocks = _blocks(source, start, stream)
    return stream


def _blocks(source: Source, start: int | None, stream: Stream) -> Iterator[tuple[EventArray, int]]:
    if start is None:
        raise Damage(0, "the header has no line #!END-HEADER")
    others = invalid = 0
    origins: set[int] = set()
    place = start
    while place < source.size:
        head = source.read(place, _HEADER.size)
        if len(head) < _HEADER.size:
            raise Damage(place, f"the file ends {len(head)} bytes into a packet header of {_HEADER.size}")
        kind, origin, size, offset, overflow, _, number, _ = _HEADER.unpack(head)
        if not (0 <= kind < _TYPES and size > 0 and number >= 0 and overflow >= 0):
            raise Damage(place, "what should be a packet header is none")
        if kind == _POLARITY and (size, offset) != (8, 4):
            raise Damage(place, f"polarity events of {size} bytes with the time at {offset}, not 8 and 4")
        place += _HEADER.size
        if kind == _POLARITY:
            origins.add(origin)
            events, wrong = _polarity(source.read(place, size * number), overflow)
            invalid += wrong
            yield events, place
        else:
            others += 1
        if place + size * number > source.size:
            raise Damage(place, f"the file ends {source.size - place} bytes into a packet of {size * number}")
        place += size * number
    if others:
        stream.notes.append(f"{others} packets of other kinds than polarity events were left out")
    if invalid:
        stream.notes.append(f"{invalid} events marked as invalid were left out")
    if len(origins) > 1:
        stream.notes.append(f"events of {len(origins)} sources are mixed")


def _polarity(raw: bytes, overflow: int) -> tuple[EventArray, int]:
    """Events of as many whole records as there are, and how many were marked invalid."""
    record = np.frombuffer(raw, "<u4", len(raw) // 8 * 2).reshape(-1, 2)
    if not len(record):
        return np.empty(0, EVENT), 0
    valid = (record[:, 0] & 1).astype(np.bool_)
    data, time = record[valid, 0], record[valid, 1] & 0x7FFFFFFF
    t = time.astype(np.int64) + (overflow << 31)
    return pack(t, data >> 17, (data >> 2) & 0x7FFF, (data >> 1) & 1), len(record) - len(data)
