"""AEDAT 4, the format of DV: compressed flatbuffers, one packet of one stream after the other.

The few tables needed are read here by hand, with every offset checked, since a library that fails
on a damaged file offers nothing of what stands before the damage.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from spynq.errors import MissingDependency
from spynq.events.recording import EventArray, pack
from spynq.events.stream import Damage, Source, Stream

__all__ = ["open_aedat4"]

_MAGIC = b"#!AER-DAT4.0\r\n"
_LARGEST_HEADER = 1 << 24
_LARGEST_PACKET = 1 << 28  # far above what a camera fills, far below what a damaged size asks for
_EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1"), ("padding", "V3")])
_RAW, _LZ4, _ZSTD = (0,), (1, 2), (3, 4)
_Unpack = Callable[[bytes], bytes]


class _Broken(Exception):
    """A flatbuffer that points outside of itself, or data that does not unpack."""


class _Buffer:
    """A flatbuffer; every access is checked."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def number(self, code: str, place: int) -> int:
        if not 0 <= place <= len(self.data) - struct.calcsize("<" + code):
            raise _Broken(f"a reference leads to byte {place} of a buffer of {len(self.data)}")
        return int(struct.unpack_from("<" + code, self.data, place)[0])

    def field(self, index: int) -> int | None:
        """Place of a field of the root table; None where it has its default."""
        root = self.number("I", 0)
        table = root - self.number("i", root)
        entry = 4 + 2 * index
        offset = self.number("H", table + entry) if entry < self.number("H", table) else 0
        return root + offset if offset else None

    def vector(self, place: int, size: int) -> tuple[int, int]:
        """First byte and length of the vector of elements of ``size`` bytes that a field refers to."""
        start = place + self.number("I", place)
        count = self.number("I", start)
        if count * size > len(self.data) - start - 4:
            raise _Broken(f"{count} elements do not fit a buffer of {len(self.data)} bytes")
        return start + 4, count


def open_aedat4(source: Source) -> Stream:
    """Decoder of the first event stream in the file; times are absolute, near 1.6e15 us.

    Raises
    ------
    spynq.errors.MissingDependency
        The file is compressed, and the package that unpacks it is not installed.
    """
    stream = Stream("AEDAT 4", iter(()), steady=True)
    place = len(_MAGIC)
    try:
        size = _Buffer(source.read(place, 4)).number("I", 0)
        if size > min(_LARGEST_HEADER, source.size - place - 4):
            raise _Broken(f"a header of {size} bytes does not fit a file of {source.size}")
        header = _Buffer(source.read(place + 4, size))
        compression, table, text = _header(header)
        unpack = _unpacker(compression, source)
    except _Broken as error:
        stream.blocks = _damaged(place, str(error))
        return stream
    start = place + 4 + size
    _, stream.width, stream.height = _geometry(text)
    stream.blocks = _blocks(source, start, table, unpack, stream)
    return stream


def _damaged(place: int, reason: str) -> Iterator[tuple[EventArray, int]]:
    raise Damage(place, reason)
    yield  # makes this a generator, so that the damage shows when events are asked for


def _header(header: _Buffer) -> tuple[int, int, str]:
    field = header.field(0)
    compression = header.number("i", field) if field is not None else 0
    field = header.field(1)
    table = header.number("q", field) if field is not None else -1
    field = header.field(2)
    text = b""
    if field is not None:
        start, length = header.vector(field, 1)
        text = header.data[start : start + length]
    return compression, table, text.decode("utf-8", "replace")


def _geometry(text: str) -> tuple[int | None, int | None, int | None]:
    """Number and size of the first event stream that the header's XML describes."""
    nodes = re.split(r'<node name="(\d+)"', text)
    for number, body in zip(nodes[1::2], nodes[2::2], strict=True):
        if ">EVTS<" in body:
            size = [re.search(rf'"size{axis}"[^>]*>(\d{{1,5}})<', body) for axis in "XY"]
            width, height = (int(found[1]) if found else 0 for found in size)
            if 1 <= width <= 32767 and 1 <= height <= 32767:
                return int(number), width, height
            return int(number), None, None
    return None, None, None


def _blocks(
    source: Source, place: int, table: int, unpack: _Unpack, stream: Stream
) -> Iterator[tuple[EventArray, int]]:
    end = table if place <= table <= source.size else source.size
    chosen, others = None, set()
    while place < end:
        head = source.read(place, 8)
        if len(head) < 8:
            raise Damage(place, f"the file ends {len(head)} bytes into a packet header of 8")
        number, size = struct.unpack("<ii", head)
        if number < 0 or not 0 < size <= _LARGEST_PACKET:
            raise Damage(place, "what should be a packet header is none")
        if place + 8 + size > end:
            raise Damage(place, f"the file ends {end - place - 8} bytes into a packet of {size}")
        try:
            data = unpack(source.read(place + 8, size))
            if data[8:12] == b"EVTS":
                chosen = number if chosen is None else chosen
                if number == chosen:
                    yield _events(_Buffer(data[4:])), place + 8 + size
                else:
                    others.add(number)
        except _Broken as error:
            raise Damage(place, str(error)) from None
        place += 8 + size
    if table > source.size:
        raise Damage(source.size, f"the file ends before its table of contents at byte {table}")
    if others:
        stream.notes.append(f"{len(others)} further event streams were left out")


def _events(buffer: _Buffer) -> EventArray:
    field = buffer.field(0)
    start, count = (0, 0) if field is None else buffer.vector(field, _EVENT.itemsize)
    raw = np.frombuffer(buffer.data, _EVENT, count, start)
    return pack(raw["t"], raw["x"], raw["y"], raw["p"] & 1)


def _unpacker(compression: int, source: Source) -> _Unpack:
    if compression in _RAW:
        return bytes
    if compression in _LZ4:
        return _lz4(source)
    if compression in _ZSTD:
        return _zstd(source)
    raise _Broken(f"compression {compression} is none of 0 to 4")


def _lz4(source: Source) -> _Unpack:
    try:
        import lz4.frame as lz4
    except ImportError:
        raise _absent(source, "LZ4", "lz4") from None

    def unpack(data: bytes) -> bytes:
        try:
            unpacker: Any = lz4.LZ4FrameDecompressor()
            # The limit keeps a damaged length from asking for all memory.
            unpacked = bytes(unpacker.decompress(data, max_length=_LARGEST_PACKET))
        except (RuntimeError, ValueError, MemoryError, EOFError) as error:
            raise _Broken(f"a packet does not unpack ({error})") from None
        if not unpacker.eof:
            raise _Broken("a packet does not unpack (its end is missing)")
        return unpacked

    return unpack


def _zstd(source: Source) -> _Unpack:
    try:
        import zstandard
    except ImportError:
        raise _absent(source, "zstd", "zstandard") from None

    def unpack(data: bytes) -> bytes:
        try:
            unpacker = zstandard.ZstdDecompressor(max_window_size=1 << 27)
            return bytes(unpacker.stream_reader(data).read(_LARGEST_PACKET))
        except (zstandard.ZstdError, ValueError, MemoryError) as error:
            raise _Broken(f"a packet does not unpack ({error})") from None

    return unpack


def _absent(source: Source, kind: str, package: str) -> MissingDependency:
    return MissingDependency(
        f"{source.path}: AEDAT 4 packed with {kind} needs the package {package}; "
        "install it with pip install 'spynq[events]'"
    )
