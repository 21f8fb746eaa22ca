"""Text header of Prophesee's RAW files: lines of ``% keyword value``."""

from __future__ import annotations

import re
from dataclasses import dataclass

from spynq.errors import FormatError
from spynq.events.stream import Source

__all__ = ["Header", "missing_time", "read_header", "unknown_words"]

_SENSORS = (
    ("gen3", 640, 480),
    ("gen41", 1280, 720),
    ("imx636", 1280, 720),
    ("imx646", 1280, 720),
    ("genx320", 320, 320),
)
_LONGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class Header:
    """What a header says.

    Attributes
    ----------
    version : str
        ``"2.0"``, ``"2.1"``, ``"3.0"``, another one, or empty.
    end : int
        First byte of the data.
    width, height : int or None
        Sensor size, from the geometry or the name of the camera's plug-in.
    endianness : str
        Of the data, empty where it is not said.
    """

    version: str
    end: int
    width: int | None
    height: int | None
    endianness: str


def read_header(source: Source) -> Header:
    """Read the header; it ends before the first line that does not start with ``% ``.

    Raises
    ------
    spynq.errors.FormatError
        The file ends within it, or a line is longer than any header.
    """
    raw = source.read(0, _LONGEST_HEADER)
    end, values = 0, {}
    while raw.startswith(b"% ", end):
        newline = raw.find(b"\n", end)
        if newline < 0:
            raise FormatError(f"{source.path}: at byte {end}: a header line without end; copy the file again")
        keyword, _, value = raw[end + 2 : newline].decode("ascii", "replace").strip().partition(" ")
        end = newline + 1
        if keyword == "end":
            break
        values[keyword.lower()] = value.strip()
    name, _, options = values.get("format", "").partition(";")
    entries = dict(part.partition("=")[::2] for part in options.split(";"))
    version = values.get("evt", "")
    if not version and (digits := re.fullmatch(r"EVT(\d)(\d?)", name)):
        version = f"{digits[1]}.{digits[2] or 0}"
    width, height = _size(values, entries)
    return Header(version, end, width, height, entries.get("endianness", values.get("endianness", "")))


def _size(values: dict[str, str], entries: dict[str, str]) -> tuple[int | None, int | None]:
    size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", values.get("geometry", ""))
    if not size and entries.get("width", "").isdecimal() and entries.get("height", "").isdecimal():
        size = re.fullmatch(r"(\d{1,5})x(\d{1,5})", f"{entries['width']}x{entries['height']}")
    if size and 1 <= int(size[1]) <= 2048 and 1 <= int(size[2]) <= 2048:
        return int(size[1]), int(size[2])
    plugin = values.get("plugin_name", "").lower()
    for name, width, height in _SENSORS:
        if name in plugin:
            return width, height
    return None, None


def missing_time(count: int) -> list[str]:
    """A note on events that stand before the first time word and so have no time."""
    return [f"{count} events before the first full time stamp were left out"] if count else []


def unknown_words(count: int) -> list[str]:
    """A loss: words of a type that the format does not have, as damage makes them."""
    return [f"{count} words of unknown type were skipped"] if count else []
