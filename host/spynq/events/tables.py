"""Events as tables: CSV with column names, NPZ, NPY."""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import FormatError
from spynq.events.recording import EventArray, Recording, columns_of, from_array, pack
from spynq.events.stream import Damage, Source, Stream

__all__ = ["csv_names", "open_csv", "open_npy", "read_npz", "write_csv", "write_npy", "write_npz"]

_NPY: Any = np.lib.format  # has no types
_PIECE = 1 << 22
_LONGEST_LINE = 1 << 12
_ROWS = 1 << 16
_LARGEST = 1 << 53  # beyond, a number cannot be a time in microseconds, a pixel or a polarity


# --- CSV -------------------------------------------------------------------------------------------------


def csv_names(source: Source) -> tuple[list[str], str, int, dict[str, str]] | None:
    """Column names, delimiter, first byte behind them, and what a comment says; None for no CSV.

    Lines that start with ``#`` may stand before the names; ``# width=34, height=34`` gives the size.
    """
    said: dict[str, str] = {}
    start = 0
    while True:
        newline = source.head.find(b"\n", start)
        line = source.head[start : newline if newline >= 0 else None]
        if len(line) > _LONGEST_LINE or not line.isascii():
            return None
        text = line.decode().strip()
        start = newline + 1 if newline >= 0 else source.size
        if not text.startswith("#"):
            break
        said |= dict(re.findall(r"(\w+)=(\w+)", text))
        if newline < 0:
            return None
    names = re.split(r"[,;\t ]+", text.strip("\ufeff"))
    delimiter = next((mark for mark in ",;\t " if mark in text), ",")
    if len(names) < 4 or any(not re.fullmatch(r"[A-Za-z_]\w*", name.strip('"')) for name in names):
        return None
    return [name.strip('"') for name in names], delimiter, start, said


def open_csv(source: Source) -> Stream:
    """Decoder of whole numbers in named columns, in any order; t is in microseconds."""
    found = csv_names(source)
    if found is None:
        raise FormatError(
            f"{source.path}: at byte 0: no line of column names; the first line must name t, x, y and p"
        )
    names, delimiter, start, said = found
    width, height = (_size(said.get(name, "")) for name in ("width", "height"))
    stream = Stream("CSV", iter(()), width, height, y_up=said.get("y_up") == "1")
    try:
        columns_of({name: np.empty(0, np.int64) for name in names})
    except ValueError as error:
        raise FormatError(f"{source.path}: at byte 0: {error}") from None

    def blocks() -> Iterator[tuple[EventArray, int]]:
        for text, offset in _lines(source, start):
            rows, good = _numbers(text.replace(delimiter.encode(), b","), len(names))
            try:
                t, x, y, p = columns_of(dict(zip(names, rows.T, strict=True)))
                yield pack(t, _narrow(x), _narrow(y), p), offset + good
            except ValueError as error:
                raise Damage(offset, str(error)) from None
            if good < len(text):
                bad = text[good : good + 40].split(b"\n")[0].decode("ascii", "replace").strip()
                raise Damage(offset + good, f"{bad!r} is not a line of {len(names)} whole numbers")
            if offset + good == source.size and not text.endswith(b"\n"):
                stream.notes.append("the last line has no end; if the file is cut, that event is wrong")

    stream.blocks = blocks()
    return stream


def _narrow(column: NDArray[Any]) -> NDArray[np.int16]:
    """Coordinates in 16 bits; what does not fit lies outside of any sensor, as -1 does."""
    outside = (column < 0) | (column > 32767)
    # Wide first: NumPy 2 puts no -1 into a column without signs.
    return np.where(outside, -1, column.astype(np.int64)).astype(np.int16)


def _size(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[1-9]\d{0,3}", text) else None


def _lines(source: Source, start: int) -> Iterator[tuple[bytes, int]]:
    """Pieces of whole lines and where they start; the last line may lack its end."""
    while start < source.size:
        piece = source.read(start, _PIECE)
        end = piece.rfind(b"\n") + 1
        if start + len(piece) >= source.size or not end:
            end = len(piece)
        if not end:
            return
        yield piece[:end], start
        start += end


def _numbers(text: bytes, columns: int) -> tuple[NDArray[np.int64], int]:
    """Rows of whole numbers up to the first line that is none, and the bytes that they take."""
    good = text if text.endswith(b"\n") else text + b"\n"
    rows = _parse(good, columns)
    if rows is not None:
        return rows, len(text)
    # Somewhere is a bad line: halve until it is found, so that what stands before it is kept.
    ends = np.flatnonzero(np.frombuffer(good, np.uint8) == ord("\n")) + 1
    low, high = 0, len(ends)
    while high - low > 1:
        middle = (low + high) // 2
        if _parse(good[: ends[middle - 1]], columns) is None:
            high = middle
        else:
            low = middle
    length = int(ends[low - 1]) if low else 0
    rows = _parse(good[:length], columns)
    return (rows if rows is not None else np.empty((0, columns), np.int64)), length


def _parse(text: bytes, columns: int) -> NDArray[np.int64] | None:
    """Rows of whole numbers; None unless every line is one."""
    if not text.strip():
        return np.empty((0, columns), np.int64)
    text = text.replace(b"True", b"1").replace(b"False", b"0").replace(b"\r", b"").strip() + b"\n"
    raw = np.frombuffer(text, np.uint8)
    marks = raw[(raw == ord(",")) | (raw == ord("\n"))]
    if len(marks) % columns or b"\0" in text:
        return None
    grid = marks.reshape(-1, columns)
    if not ((grid[:, :-1] == ord(",")).all() and (grid[:, -1] == ord("\n")).all()):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            values = np.fromstring(text.replace(b"\n", b",").decode("ascii"), np.int64, sep=",")
        except (DeprecationWarning, ValueError):
            return None
    if len(values) != len(marks) or (len(values) and int(np.abs(values).max()) > _LARGEST):
        return None
    return values.reshape(-1, columns)


def write_csv(recording: Recording, path: Path) -> None:
    """Columns t, x, y, p below a comment with the sensor's size."""
    with path.open("w", encoding="ascii", newline="\n") as file:
        file.write(f"# width={recording.width}, height={recording.height}, y_up={int(recording.y_up)}\n")
        file.write("t,x,y,p\n")
        for start in range(0, len(recording), _ROWS):
            rows = recording.events[start : start + _ROWS]
            columns = (rows[name].tolist() for name in "txyp")
            file.write("".join(map("%d,%d,%d,%d\n".__mod__, zip(*columns, strict=True))))


# --- NPZ and NPY -----------------------------------------------------------------------------------------


def read_npz(source: Source) -> Recording:
    """A recording from columns t, x, y, p, or from one structured array, of any names and order.

    Raises
    ------
    spynq.errors.FormatError
        The archive is damaged (its index is at the end and its columns are packed, so that no part of
        one can be offered) or holds no events.
    """
    place, what = source.size, "index"
    arrays: dict[str, NDArray[Any]] = {}
    try:
        source.file.seek(0)
        with warnings.catch_warnings(), zipfile.ZipFile(source.file) as archive:
            warnings.simplefilter("error")
            for member in archive.infolist():
                place, what = max(0, member.header_offset), member.filename
                with archive.open(member) as file:
                    arrays[member.filename.removesuffix(".npy")] = _NPY.read_array(file, allow_pickle=False)
    except Exception as error:  # zipfile, zlib and NumPy fail in more ways than can be listed
        raise FormatError(
            f"{source.path}: at byte {place}: the archive's {what} cannot be read "
            f"({str(error) or type(error).__name__}); copy the file again"
        ) from None
    try:
        return _from_archive(arrays)
    except ValueError as error:
        raise FormatError(f"{source.path}: {error}") from None


def _from_archive(arrays: dict[str, NDArray[Any]]) -> Recording:
    def single(name: str) -> Any:
        value = arrays.get(name)
        return value.item() if value is not None and value.size == 1 else None

    width, height = single("width"), single("height")
    size = (width, height) if isinstance(width, int) and isinstance(height, int) else (None, None)
    structured = [array for array in arrays.values() if array.dtype.names]
    recording = from_array(structured[0].ravel() if len(structured) == 1 else arrays, *size)
    notes = arrays.get("notes", np.array([], "U1"))
    told = tuple(notes.tolist()) if notes.dtype.kind == "U" and notes.ndim == 1 else ()
    return Recording(
        recording.events,
        recording.width,
        recording.height,
        "NPZ",
        (*told, *recording.notes),
        single("y_up") is True,
    )


def write_npz(recording: Recording, path: Path) -> None:
    """Compressed columns t, x, y, p, and everything else that a recording knows."""
    columns = {name: recording.events[name] for name in "txyp"}
    with path.open("wb") as file:
        np.savez_compressed(
            file,
            **columns,
            width=np.int64(recording.width),
            height=np.int64(recording.height),
            y_up=np.bool_(recording.y_up),
            origin=np.str_(recording.format),
            notes=np.array(recording.notes, np.str_),
        )


def open_npy(source: Source) -> Stream:
    """Decoder of one structured array; of a file that is cut, the whole records are offered."""
    source.file.seek(0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            version = _NPY.read_magic(source.file)
            read = {
                (1, 0): _NPY.read_array_header_1_0,
                (2, 0): _NPY.read_array_header_2_0,
            }[version]
            shape, _, dtype = read(source.file)
        columns_of(np.empty(0, dtype))
    except Exception as error:  # NumPy fails in more ways on a damaged header than can be listed
        raise FormatError(
            f"{source.path}: at byte 0: no header of a structured array ({error}); copy the file again"
        ) from None
    start, count = source.file.tell(), int(np.prod(shape, dtype=object))

    def blocks() -> Iterator[tuple[EventArray, int]]:
        there = min(count, (source.size - start) // dtype.itemsize)
        raw = np.frombuffer(source.read(start, there * dtype.itemsize), dtype, there)
        try:
            t, x, y, p = columns_of(raw)
        except ValueError as error:
            raise Damage(start, str(error)) from None
        yield pack(t, _narrow(x), _narrow(y), p), source.size
        if there < count:
            raise Damage(start + there * dtype.itemsize, f"the file ends after {there} of {count} events")

    return Stream("NPY", blocks())


def write_npy(recording: Recording, path: Path) -> None:
    """The structured array alone, with row 0 at the top, since the file has no place to say otherwise."""
    with path.open("wb") as file:
        np.save(file, recording.upright().events)
