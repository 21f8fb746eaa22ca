"""Folders of DvsGesture: recordings in AEDAT 3.1, beside each a table of what was done when."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spynq.errors import FormatError
from spynq.events.files import load
from spynq.events.recording import Recording

__all__ = ["Label", "Trial", "gesture_files", "gesture_labels", "gesture_trials"]

_LABELS = "_labels.csv"
_COLUMNS = ("class", "startTime_usec", "endTime_usec")
_PARTS = {"train": "trials_to_train.txt", "test": "trials_to_test.txt"}


@dataclass(frozen=True)
class Label:
    """One row of a label table: class as written there (1 to 11), first and last microsecond."""

    label: int
    start: int
    end: int


@dataclass(frozen=True)
class Trial:
    """One gesture.

    Attributes
    ----------
    recording : Recording
        Its events: those with ``start <= t <= end``; times as in the file.
    label : int
        Class as in the table, from 1.
    user : int or None
        Number of the person, from the file's name ``user01_led.aedat``.
    light : str
        Lighting, from the same name; empty if it is not of that form.
    part : str
        ``"train"``, ``"test"``, or empty where the folder has no list of them.
    path : pathlib.Path
        The whole recording.
    start, end : int
        Microseconds.
    """

    recording: Recording
    label: int
    user: int | None
    light: str
    part: str
    path: Path
    start: int
    end: int


def gesture_files(folder: str | os.PathLike[str]) -> list[Path]:
    """Recordings of a folder that have a label table beside them, by name.

    Raises
    ------
    spynq.errors.FormatError
        There is none.
    """
    folder = Path(folder)
    found = [path for path in sorted(folder.glob("*.aedat")) if _table(path).exists()]
    if not found:
        raise FormatError(
            f"{folder}: no recording *.aedat with its *{_LABELS} beside it; name the folder of DvsGesture "
            "that holds user01_fluorescent.aedat and so on"
        )
    return found


def _table(path: Path) -> Path:
    return path.with_name(path.stem + _LABELS)


def gesture_labels(path: str | os.PathLike[str]) -> list[Label]:
    """Rows of a label table: columns class, startTime_usec, endTime_usec, in any order.

    Raises
    ------
    spynq.errors.FormatError
        A column is absent, or a row is not three whole numbers with the end after the start.
    """
    path = Path(path)
    lines = path.read_text(encoding="ascii", errors="replace").splitlines()
    names = [name.strip() for name in lines[0].split(",")] if lines else []
    if not set(_COLUMNS) <= set(names):
        raise FormatError(f"{path}: line 1: the columns must be {', '.join(_COLUMNS)}, not {names}")
    labels = []
    for number, line in enumerate(lines[1:], 2):
        if not line.strip():
            continue
        row = dict(zip(names, (cell.strip() for cell in line.split(",")), strict=False))
        cells = [row.get(name, "") for name in _COLUMNS]
        if not all(cell.isdecimal() and len(cell) < 19 for cell in cells) or int(cells[2]) < int(cells[1]):
            raise FormatError(f"{path}: line {number}: {line[:60]!r} is not a class, a start and a later end")
        labels.append(Label(*map(int, cells)))
    return labels


def gesture_trials(folder: str | os.PathLike[str], *, progress: bool = False) -> Iterator[Trial]:
    """Every gesture of a folder, or of one recording that has its label table beside it.

    Parameters
    ----------
    folder : path
        Folder of DvsGesture, or one ``.aedat`` file in it.
    progress : bool
        Show a bar while a recording is read.

    Warns
    -----
    spynq.events.EventWarning
        A recording is damaged; its trials end where it does.
    """
    place = Path(folder)
    paths = gesture_files(place) if place.is_dir() else [place]
    lists = {path.parent: _parts(path.parent) for path in paths}
    for path in paths:
        labels = gesture_labels(_table(path))
        whole = load(path, progress=progress)
        name = re.fullmatch(r"user(\d+)_(.+)", path.stem)
        t = whole.events["t"]
        for row in labels:
            inside = np.flatnonzero((t >= row.start) & (t <= row.end))
            yield Trial(
                replace(whole, events=whole.events[inside]),
                row.label,
                int(name[1]) if name else None,
                name[2] if name else "",
                lists[path.parent].get(path.name, ""),
                path,
                row.start,
                row.end,
            )


def _parts(folder: Path) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part, name in _PARTS.items():
        listed = folder / name
        if listed.exists():
            parts |= {line.strip(): part for line in listed.read_text(errors="replace").splitlines()}
    return parts
