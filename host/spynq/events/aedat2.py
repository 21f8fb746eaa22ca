"""AEDAT 2.0, the format of jAER: big-endian pairs of address and time."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from spynq.errors import FormatError
from spynq.events.recording import EventArray, pack
from spynq.events.stream import Clock, Source, Stream, words

__all__ = ["open_aedat2"]

_LONGEST_HEADER = 1 << 20
_SIZE = 128
_ADDRESSES = 1 << 15  # bits above are triggers and other signals of the camera


def open_aedat2(source: Source) -> Stream:
    """Decoder of DVS128 recordings.

    ``x = 127 - (a >> 1 & 127)``, ``y = a >> 8 & 127`` with row 0 at the bottom, bit 0 set means OFF;
    the 32-bit time in microseconds wraps.

    Raises
    ------
    spynq.errors.FormatError
        The header names another chip than the DVS128.
    """
    raw = source.read(0, _LONGEST_HEADER)
    start = 0
    while raw.startswith(b"#", start):
        newline = raw.find(b"\n", start)
        start = newline + 1 if newline >= 0 else len(raw)
    chip = re.search(rb"AEChip:[^\r\n]*?(\w+)[\r\n]", raw[:start])
    if chip and b"DVS128" not in chip[1].upper():
        raise FormatError(
            f"{source.path}: at byte {chip.start()}: the chip {chip[1].decode()} made this, and AEDAT 2.0 "
            "is read for the DVS128 alone; convert the file to AEDAT 4 or CSV with the vendor's tool"
        )
    stream = Stream("AEDAT 2.0", iter(()), _SIZE, _SIZE, y_up=True)
    stream.notes.append("row 0 is at the bottom, as the format has it")

    def blocks() -> Iterator[tuple[EventArray, int]]:
        clock, signals = Clock(32), 0
        try:
            for word, end in words(source, start, ">u8"):
                address, raw_time = (word >> 32).astype(np.int64), (word & 0xFFFFFFFF).astype(np.int64)
                t = clock.extend(raw_time)
                pixel = address < _ADDRESSES
                signals += len(word) - int(np.count_nonzero(pixel))
                a = address[pixel]
                yield pack(t[pixel], _SIZE - 1 - (a >> 1 & 127), a >> 8 & 127, ~a & 1), end
        finally:
            stream.notes.extend(clock.note())
            if signals:
                stream.notes.append(f"{signals} signals that are no pixel events were left out")

    stream.blocks = blocks()
    return stream
