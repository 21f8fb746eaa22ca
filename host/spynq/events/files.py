"""Files in and out: what format a file has is read from its first bytes, never from its name."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import FormatError
from spynq.events.aedat2 import open_aedat2
from spynq.events.aedat3 import open_aedat3
from spynq.events.aedat4 import open_aedat4
from spynq.events.evt2 import open_evt2, open_evt21
from spynq.events.evt3 import open_evt3
from spynq.events.nmnist import looks_like_nmnist, open_nmnist
from spynq.events.prophesee import read_header
from spynq.events.recording import EVENT, EventWarning, Recording, backwards, fit, from_array
from spynq.events.stream import Damage, Source, Stream
from spynq.events.tables import csv_names, open_csv, open_npy, read_npz, write_csv, write_npy, write_npz

__all__ = ["FORMATS", "convert", "load", "recognise", "save"]

_OPEN: dict[str, Callable[[Source], Stream]] = {
    "AEDAT 2.0": open_aedat2,
    "AEDAT 3.1": open_aedat3,
    "AEDAT 4": open_aedat4,
    "EVT 2.0": lambda source: open_evt2(source, read_header(source)),
    "EVT 2.1": lambda source: open_evt21(source, read_header(source)),
    "EVT 3.0": lambda source: open_evt3(source, read_header(source)),
    "N-MNIST": open_nmnist,
    "CSV": open_csv,
    "NPY": open_npy,
}
_WRITE = {"npz": write_npz, "csv": write_csv, "npy": write_npy}

FORMATS = (*_OPEN, "NPZ")
"""Names of all formats that are read."""

_MAGIC = (
    (b"#!AER-DAT2.0", "AEDAT 2.0"),
    (b"#!AER-DAT3.1", "AEDAT 3.1"),
    (b"#!AER-DAT4.0", "AEDAT 4"),
    (b"\x93NUMPY", "NPY"),
    (b"PK\x03\x04", "NPZ"),
)
_REFUSED = (
    (b"#!AER-DAT", "another version of AEDAT than 2.0, 3.1 and 4.0"),
    (b"\x89HDF\r\n\x1a\n", "HDF5, which is not read"),
)


def load(
    events: str | os.PathLike[str] | NDArray[Any] | Mapping[str, Any],
    *,
    format: str | None = None,
    progress: bool = False,
) -> Recording:
    """Read a recording.

    Parameters
    ----------
    events : path, numpy.ndarray or mapping
        A file of any of :data:`FORMATS`, or a structured array (:func:`spynq.events.from_array`).
    format : str, optional
        One of :data:`FORMATS`; by default it is recognised from the first bytes of the file.
    progress : bool
        Show a bar on a terminal, once reading has taken two seconds.

    Returns
    -------
    Recording
        Of a file that is cut or damaged, what stands before the damage, with a note.

    Warns
    -----
    EventWarning
        Something was lost: the file is damaged, or over 1 % of the events lie outside the sensor.

    Raises
    ------
    spynq.errors.FormatError
        The format is not known, or nothing could be read; the message has file and byte.
    spynq.errors.MissingDependency
        The file is packed and the package that unpacks it is absent.
    OSError
        The file cannot be opened.
    """
    if isinstance(events, np.ndarray | Mapping):
        return from_array(events)
    path = Path(events)
    if path.is_dir():
        raise FormatError(
            f"{path} is a folder; name a file in it, or read DvsGesture with spynq.events.gesture_trials"
        )
    with Source(path) as source:
        name = format or recognise(source)
        if name == "NPZ":
            return _warned(read_npz(source), path, [])
        if name not in _OPEN:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}, not {name!r}")
        return _collect(_OPEN[name](source), source, progress)


def recognise(source: Source) -> str:
    """Format of an opened file, from its first bytes.

    Raises
    ------
    spynq.errors.FormatError
        It is none that is read.
    """
    head = source.head
    if not head:
        raise FormatError(f"{source.path}: at byte 0: the file is empty; copy it again")
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    for magic, what in _REFUSED:
        if head.startswith(magic):
            raise FormatError(f"{source.path}: at byte 0: {what}; convert it to AEDAT 4, NPZ or CSV first")
    if head.startswith(b"% "):
        version = read_header(source).version
        if f"EVT {version}" in _OPEN:
            return f"EVT {version}"
        raise FormatError(
            f"{source.path}: at byte 0: a header of Prophesee that names version {version or 'none'} of EVT, "
            "and 2.0, 2.1 and 3.0 are read; name the format if the header is wrong"
        )
    if csv_names(source) is not None:
        return "CSV"
    if looks_like_nmnist(source):
        return "N-MNIST"
    raise FormatError(
        f"{source.path}: at byte 0: no header of {', '.join(FORMATS)}; a CSV needs a first line with the "
        "names t, x, y and p, and a file without header can be read by naming its format"
    )


def _collect(stream: Stream, source: Source, progress: bool) -> Recording:
    from tqdm import tqdm

    blocks, damage, done = [], None, 0
    with tqdm(
        total=source.size,
        desc=source.path.name,
        unit="B",
        unit_scale=True,
        delay=2,
        leave=False,
        disable=None if progress else True,
    ) as bar:
        try:
            for block, end in stream.blocks:
                blocks.append(block)
                bar.update(end - done)
                done = end
        except Damage as met:
            damage = met
    events = np.concatenate(blocks) if blocks else np.empty(0, EVENT)
    losses = list(stream.losses)
    if damage is not None:
        if not len(events):
            raise FormatError(f"{source.path}: nothing could be read, {damage}; copy the file again")
        losses.append(f"{damage}; the {len(events)} events before it were read")
    elif losses and not len(events):
        raise FormatError(
            f"{source.path}: nothing could be read, from byte {stream.start} on: {losses[0]}; "
            "copy the file again"
        )
    back = backwards(events["t"])
    if back is not None and (stream.steady or stream.format in ("CSV", "NPY")):
        step = int(events["t"][back - 1]) - int(events["t"][back])
        text = f"event {back} is {step} us before the one before it"
        if not stream.steady:
            raise FormatError(f"{source.path}: {text}; sort the events by time first")
        losses.append(f"{text}; the {back} events before it were read")
        events = events[:back]
    t, x, y, p = (events[name] for name in "txyp")
    events, width, height, notes = fit(t, x, y, p, stream.width, stream.height)
    if not len(events) and not losses and not notes:
        notes = ["the file holds no events"]
    notes = [*stream.notes, *notes]
    return _warned(
        Recording(events, width, height, stream.format, tuple(notes), stream.y_up), source.path, losses
    )


def _warned(recording: Recording, path: Path, losses: list[str]) -> Recording:
    """The recording with its losses noted, after a warning about each, and about a wrong sensor size."""
    wrong_size = [note for note in recording.notes if "the sensor seems to have" in note]
    for text in (*losses, *wrong_size):
        warnings.warn(f"{path}: {text}", EventWarning, stacklevel=4)
    return Recording(
        recording.events,
        recording.width,
        recording.height,
        recording.format,
        (*losses, *recording.notes),
        recording.y_up,
    )


def save(recording: Recording, path: str | os.PathLike[str], *, format: str | None = None) -> Path:
    """Write a recording; the file is in place only when it is whole.

    Parameters
    ----------
    path : path
        Where to.
    format : str, optional
        ``npz`` (keeps everything), ``csv`` (no notes) or ``npy`` (the array alone, row 0 at the top);
        by default from the name's end.

    Returns
    -------
    pathlib.Path
        The file.
    """
    path = Path(path)
    kind = (format or path.suffix[1:]).lower()
    if kind not in _WRITE:
        raise ValueError(
            f"events are written as {', '.join(_WRITE)}, not as {kind or 'a name without end'!r}"
        )
    unfinished = path.with_name(path.name + ".part")
    try:
        _WRITE[kind](recording, unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
    return path


def convert(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    format: str | None = None,
    progress: bool = False,
) -> Recording:
    """Read any format and write ``.npz``, ``.csv`` or ``.npy``; what was read is returned.

    Raises
    ------
    ValueError
        Both are one file.
    """
    if Path(source).resolve() == Path(target).resolve():
        raise ValueError(f"{target} would overwrite the file that is read; name another one")
    recording = load(source, progress=progress)
    save(recording, target, format=format)
    return recording
