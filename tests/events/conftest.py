"""Small encoders of every format, one event at a time, written apart from the readers."""

from __future__ import annotations

import io
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Event = tuple[int, int, int, int]
"""t, x, y, p."""


def make_events(rng: random.Random, count: int, size: int, start: int = 0) -> list[Event]:
    """Events in order over a square sensor, with equal times, gaps, and runs of neighbours at once."""
    events: list[Event] = []
    t = start
    while len(events) < count:
        t += rng.choice((0, 0, 1, 3, 70, 5000))
        y, p = rng.randrange(size), rng.randrange(2)
        columns = rng.sample(range(size), rng.choice((1, 1, 2, 6)))
        near = [x for x in columns if abs(x - columns[0]) < 20]
        events += [(t, x, y, p) for x in sorted(near)]
    return events[:count]


def aedat2(events: list[Event]) -> bytes:
    out = b"#!AER-DAT2.0\r\n# made for a test\r\n# AEChip: net.sf.jaer.chip.retina.DVS128\r\n"
    for t, x, y, p in events:
        out += struct.pack(">II", y << 8 | (127 - x) << 1 | (1 - p), t & 0xFFFFFFFF)
    return out


def aedat3(events: list[Event], packet: int = 7, lines: int = 5) -> bytes:
    out = b"#!AER-DAT3.1\r\n" + b"#Source 1: DVS128\r\n" * lines + b"#!END-HEADER\r\n"
    groups: dict[int, list[Event]] = {}
    for event in events:
        groups.setdefault(event[0] >> 31, []).append(event)
    # A packet of special events (type 0) stands first and is not for the reader.
    out += struct.pack("<hhiiiiii", 0, 1, 8, 4, 0, 2, 2, 2) + bytes(16)
    for overflow, group in groups.items():
        for first in range(0, len(group), packet):
            part = group[first : first + packet]
            n = len(part)
            out += struct.pack("<hhiiiiii", 1, 1, 8, 4, overflow, n, n, n)
            for t, x, y, p in part:
                out += struct.pack("<II", x << 17 | y << 2 | p << 1 | 1, t & 0x7FFFFFFF)
    return out


def _table(fields: list[bytes | None], vectors: dict[int, bytes], identifier: bytes) -> bytes:
    """A flatbuffer of one table: fields inline, or a vector (its bytes, count first) behind the table."""
    body, slots, patches = b"", [], {}
    for index, inline in enumerate(fields):
        if index in vectors:
            body += bytes(-(4 + len(body)) % 4)
            slots.append(4 + len(body))
            patches[index] = len(body)
            body += bytes(4)
        elif inline is None:
            slots.append(0)
        else:
            body += bytes(-(4 + len(body)) % len(inline))
            slots.append(4 + len(body))
            body += inline
    vtable = struct.pack(f"<HH{len(slots)}H", 4 + 2 * len(slots), 4 + len(body), *slots)
    vtable += bytes(-len(vtable) % 4)
    root = 8 + len(vtable)
    whole = struct.pack("<I", root) + identifier + vtable + struct.pack("<i", len(vtable)) + body
    for index, vector in vectors.items():
        whole += bytes(-(len(whole) + 4) % 8)
        place = root + 4 + patches[index]
        whole = whole[:place] + struct.pack("<I", len(whole) - place) + whole[place + 4 :] + vector
    return struct.pack("<I", len(whole)) + whole


def aedat4(events: list[Event], packet: int = 7, compression: int = 0, size: int = 34) -> bytes:
    xml = (
        '<dv version="2.0"><node name="outInfo"><node name="0"><attr key="typeIdentifier" type="string">EVTS'
        f'</attr><node name="info"><attr key="sizeX" type="int">{size}</attr><attr key="sizeY" type="int">'
        f"{size}</attr></node></node>"
        '<node name="3"><attr key="typeIdentifier" type="string">IMUS</attr></node></node></dv>'
    ).encode()
    text = {2: struct.pack("<I", len(xml)) + xml + b"\0"}
    header = _table([struct.pack("<i", compression), struct.pack("<q", -1), b""], text, b"IOHE")
    packets = [(3, _table([], {}, b"IMUS"))]
    for first in range(0, len(events), packet):
        part = events[first : first + packet]
        rows = b"".join(struct.pack("<qhh?3x", t, x, y, bool(p)) for t, x, y, p in part)
        packets.append((0, _table([b""], {0: struct.pack("<I", len(part)) + rows}, b"EVTS")))
    out = b"#!AER-DAT4.0\r\n" + header
    for stream, data in packets:
        if compression == 1:
            import lz4.frame

            data = lz4.frame.compress(data)
        if compression == 3:
            import zstandard

            data = zstandard.ZstdCompressor().compress(data)
        out += struct.pack("<ii", stream, len(data)) + data
    return out


def evt2(events: list[Event], size: int = 34) -> bytes:
    out, high = f"% evt 2.0\n% geometry {size}x{size}\n% end\n".encode(), -1
    for t, x, y, p in events:
        if t >> 6 != high:
            high = t >> 6
            out += struct.pack("<I", 0x8 << 28 | high & 0x0FFFFFFF)
        out += struct.pack("<I", p << 28 | (t & 63) << 22 | x << 11 | y)
    return out


def evt21(events: list[Event], legacy: bool = False, said: bool = True, size: int = 34) -> bytes:
    """Neighbours of one group of 32, time and polarity that follow each other share a word."""
    order = f";endianness={'legacy' if legacy else 'little'}" if said else ""
    out, high = f"% evt 2.1\n% format EVT21;height={size};width={size}{order}\n% end\n".encode(), -1
    words, last = [], None
    for t, x, y, p in events:
        if t >> 6 != high:
            high = t >> 6
            words.append(0x8 << 60 | (high & 0x0FFFFFFF) << 32)
            last = None
        group = p << 60 | (t & 63) << 54 | (x & ~31) << 43 | y << 32
        bit = 1 << (x & 31)
        if last == group and bit > words[-1] & 0xFFFFFFFF:
            words[-1] |= bit
        else:
            words.append(group | bit)
        last = group
    for word in words:
        halves = word >> 32, word & 0xFFFFFFFF
        out += struct.pack("<II", *(halves if legacy else halves[::-1]))
    return out


def evt3(events: list[Event], vectors: bool = True, size: int = 34) -> bytes:
    """Runs of rising x at one time, row and polarity become vectors."""
    out = [0x8 << 12 | events[0][0] >> 12 & 0xFFF] if events else []
    high = low = row = -1
    index = 0
    while index < len(events):
        t, x, y, p = events[index]
        if t >> 12 != high:
            high = t >> 12
            out.append(0x8 << 12 | high & 0xFFF)
        if t & 0xFFF != low:
            low = t & 0xFFF
            out.append(0x6 << 12 | low)
        if y != row:
            row = y
            out.append(row)
        run = [x]
        while index + len(run) < len(events):
            other = events[index + len(run)]
            if (other[0], other[2], other[3]) != (t, y, p) or not run[-1] < other[1] < x + 20:
                break
            run.append(other[1])
        if len(run) > 1 and vectors:
            mask = sum(1 << place - x for place in run)
            out += [0x3 << 12 | p << 11 | x, 0x4 << 12 | mask & 0xFFF, 0x5 << 12 | mask >> 12]
        else:
            run = [x]
            out.append(0x2 << 12 | p << 11 | x)
        index += len(run)
    return f"% evt 3.0\n% geometry {size}x{size}\n% end\n".encode() + struct.pack(f"<{len(out)}H", *out)


def nmnist(events: list[Event]) -> bytes:
    return b"".join(bytes((x, y)) + (p << 23 | t & 0x7FFFFF).to_bytes(3, "big") for t, x, y, p in events)


def csv(events: list[Event]) -> bytes:
    return b"x,y,timestamp,polarity\n" + b"".join(b"%d,%d,%d,%d\n" % (x, y, t, p) for t, x, y, p in events)


def npy(events: list[Event]) -> bytes:
    kind = np.dtype([("p", "?"), ("x", "<u2"), ("timestamp", "<i8"), ("y", "<u2")])
    file = io.BytesIO()
    np.save(file, np.array([(p, x, t, y) for t, x, y, p in events], kind))
    return file.getvalue()


def npz(events: list[Event]) -> bytes:
    file = io.BytesIO()
    columns = {name: np.array([event[i] for event in events], "i8") for i, name in enumerate("txyp")}
    np.savez_compressed(file, **columns)
    return file.getvalue()


ENCODERS: dict[str, Callable[[list[Event]], bytes]] = {
    "AEDAT 2.0": aedat2,
    "AEDAT 3.1": aedat3,
    "AEDAT 4": aedat4,
    "EVT 2.0": evt2,
    "EVT 2.1": evt21,
    "EVT 3.0": evt3,
    "N-MNIST": nmnist,
    "CSV": csv,
    "NPY": npy,
    "NPZ": npz,
}


@pytest.fixture(params=sorted(ENCODERS))
def format_name(request: pytest.FixtureRequest) -> str:
    """Each format in turn."""
    return str(request.param)


@pytest.fixture
def encoders() -> dict[str, Callable[..., bytes]]:
    """Encoder of each format, and variants."""
    return {
        **ENCODERS,
        "AEDAT 4, LZ4": lambda events: aedat4(events, compression=1),
        "AEDAT 4, zstd": lambda events: aedat4(events, compression=3),
        "EVT 2.1, high half first": lambda events: evt21(events, legacy=True),
        "EVT 2.1, order not said": lambda events: evt21(events, legacy=True, said=False),
        "EVT 3.0, no vectors": lambda events: evt3(events, vectors=False),
    }


@pytest.fixture
def events() -> Callable[..., list[Event]]:
    """Random events: ``events(seed, count, size)``."""
    return lambda seed, count=60, size=34, start=0: make_events(random.Random(seed), count, size, start)


@pytest.fixture
def written(tmp_path: Path, encoders: dict[str, Callable[..., bytes]]) -> Callable[[str, list[Event]], Path]:
    """Write events in a format, under a name that does not tell it."""

    def write(name: str, events: list[Event]) -> Path:
        path = tmp_path / f"recording_{len(list(tmp_path.iterdir()))}.dat"
        path.write_bytes(encoders[name](events))
        return path

    return write
