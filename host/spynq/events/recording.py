"""What every event file becomes: one structured array, the sensor's size, and what to know about both."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "EVENT",
    "GUESSED",
    "SECOND",
    "EventArray",
    "EventWarning",
    "Recording",
    "columns_of",
    "from_array",
    "pack",
]

EVENT = np.dtype([("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1")])
"""An event: time in microseconds, column, row, polarity (1 brighter, 0 darker)."""

EventArray = NDArray[np.void]

SECOND = 1_000_000
"""Microseconds."""

GUESSED = "the sensor's size is not in the data and was taken from the largest coordinates"
"""The note of a recording whose size is a guess."""

_LARGEST = int(np.iinfo(np.int16).max)
_LONGEST = 1 << 62  # differences of two times still fit 64 bits
_FEW, _FRAMES_PER_SECOND = 1000, 200  # events that tell; an event camera has far more times a second
_NAMES = {"timestamp": "t", "timestamps": "t", "ts": "t", "polarity": "p", "pol": "p"}


class EventWarning(UserWarning):
    """Part of an event file was not read; the message says which part and why."""


@dataclass(frozen=True)
class Recording:
    """Events of one sensor.

    Attributes
    ----------
    events : numpy.ndarray
        Shape (events,), dtype :data:`EVENT`, in the order of the file.
    width, height : int
        Sensor size in pixels; every event lies inside.
    format : str
        Where the events come from: ``"EVT 3.0"``, ``"AEDAT 2.0"``, ``"array"`` and so on.
    notes : tuple of str
        What a user should know: damage, events left out, clocks that wrapped, sizes that were guessed.
    y_up : bool
        Row 0 is at the bottom, as jAER has it; otherwise it is at the top.
    """

    events: EventArray
    width: int
    height: int
    format: str = "array"
    notes: tuple[str, ...] = ()
    y_up: bool = False

    def __len__(self) -> int:
        return len(self.events)

    @property
    def duration(self) -> int:
        """Microseconds from the earliest to the latest event; 0 for none."""
        t = self.events["t"]
        return int(t.max() - t.min()) if len(t) else 0

    def upright(self) -> Recording:
        """The same recording with row 0 at the top."""
        if not self.y_up:
            return self
        events = self.events.copy()
        events["y"] = self.height - 1 - events["y"]
        return replace(self, events=events, y_up=False)

    def summary(self) -> dict[str, object]:
        """Figures that tell a real recording from a broken one.

        Returns
        -------
        dict
            ``format, width, height, events, first, last, duration`` (the last three in microseconds),
            ``rate`` (events per second; None without duration), ``on_share`` (None without events),
            ``distinct_times``, ``backwards`` (events earlier than the one before), ``notes``.
        """
        t, p = self.events["t"], self.events["p"]
        count, duration = len(t), self.duration
        step = np.diff(t)
        backwards = int(np.count_nonzero(step < 0))
        if backwards:
            step = np.diff(np.sort(t))
        distinct = int(np.count_nonzero(step)) + 1 if count else 0
        notes = list(self.notes)
        if count > _FEW and distinct * SECOND < _FRAMES_PER_SECOND * duration:
            notes.append(f"only {distinct} distinct time stamps: frames were made into events, it seems")
        return {
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "events": count,
            "first": int(t.min()) if count else None,
            "last": int(t.max()) if count else None,
            "duration": duration,
            "rate": count * SECOND / duration if duration else None,
            "on_share": float(np.count_nonzero(p)) / count if count else None,
            "distinct_times": distinct,
            "backwards": backwards,
            "notes": notes,
        }

    def plot(self, **options: Any) -> Any:
        """A picture: :func:`spynq.events.plot`."""
        from spynq.events.picture import plot

        return plot(self, **options)


def pack(t: Any, x: Any, y: Any, p: Any) -> EventArray:
    """Columns of equal length as an array of :data:`EVENT`."""
    events = np.empty(len(t), EVENT)
    events["t"], events["x"], events["y"], events["p"] = t, x, y, p
    return events


def from_array(
    events: NDArray[Any] | Mapping[str, Any], width: int | None = None, height: int | None = None
) -> Recording:
    """A recording from a structured array, or a mapping of columns, with its fields in any order.

    Parameters
    ----------
    events : numpy.ndarray or mapping
        Fields ``t`` (integers, microseconds; also ``timestamp``), ``x``, ``y`` and ``p`` (bool, 0/1 or
        -1/+1; also ``polarity``). Other fields are ignored.
    width, height : int, optional
        Sensor size; by default just large enough. Events outside are left out and noted.

    Raises
    ------
    ValueError
        A field is absent, has a wrong type or a value out of range, or time goes back over one second.
    """
    t, x, y, p = columns_of(events)
    packed, width, height, notes = fit(t, x, y, p, width, height)
    first = backwards(packed["t"])
    if first is not None:
        raise ValueError(
            f"event {first} is {packed['t'][first - 1] - packed['t'][first]} us before the one before it, "
            f"and at most {SECOND} us are taken for jitter; sort the events by time first"
        )
    return Recording(packed, width, height, "array", tuple(notes))


def columns_of(events: NDArray[Any] | Mapping[str, Any]) -> tuple[NDArray[Any], ...]:
    """Columns t, x, y (integers, as they came) and p (uint8) of whatever holds them by name."""
    names = events.dtype.names if isinstance(events, np.ndarray) else tuple(events)
    if names is None:
        raise ValueError(
            "events must be a structured array with the fields t, x, y and p, "
            f"not an array of {getattr(events, 'dtype', None)}; make one with spynq.events.pack(t, x, y, p)"
        )
    known = {_NAMES.get(name.lower(), name.lower()): name for name in names}
    absent = [name for name in "txyp" if name not in known]
    if absent:
        raise ValueError(
            f"no field {' or '.join(absent)} among {', '.join(map(str, names)) or 'none'}; "
            "events need t (or timestamp), x, y and p (or polarity)"
        )
    columns = {name: np.asarray(events[known[name]]) for name in "txyp"}
    lengths = {column.shape for column in columns.values()}
    if len(lengths) > 1 or len(next(iter(lengths))) != 1:
        shapes = ", ".join(f"{name} {column.shape}" for name, column in columns.items())
        raise ValueError(f"t, x, y and p must be columns of one length, not {shapes}")
    for name in "txy":
        if columns[name].dtype.kind not in "iu":
            unit = "whole microseconds" if name == "t" else "pixel numbers"
            raise ValueError(
                f"{name} must hold integers ({unit}), not {columns[name].dtype}; the unit is never guessed, "
                "so convert it first"
            )
    t = columns["t"]
    if len(t) and (int(t.max()) >= _LONGEST or int(t.min()) <= -_LONGEST):
        raise ValueError(f"t goes from {t.min()} to {t.max()} us, and must stay below 2**62")
    return t.astype(np.int64, copy=False), columns["x"], columns["y"], _polarity(columns["p"])


def _polarity(p: NDArray[Any]) -> NDArray[np.uint8]:
    if p.dtype.kind == "b":
        return p.astype(np.uint8)
    if p.dtype.kind in "iuf":
        on, off = p == 1, (p == 0) | (p == -1)
        both = bool((p == 0).any() and (p == -1).any())
        if not both and bool((on | off).all()):
            return np.asarray(on, dtype=np.uint8)
    values = np.unique(p)[:4] if p.dtype.kind in "iuf" else p.dtype
    raise ValueError(f"p must be bool, 0 and 1, or -1 and +1, not {values}; map it to one of these")


def fit(
    t: NDArray[Any], x: NDArray[Any], y: NDArray[Any], p: NDArray[Any], width: int | None, height: int | None
) -> tuple[EventArray, int, int, list[str]]:
    """Pack columns, leave out what is not on the sensor, and say so.

    Returns
    -------
    tuple
        Events, width, height, notes; the note of a loss over 1 % names the size that would fit.
    """
    for name, size in (("width", width), ("height", height)):
        if size is not None and not 1 <= size <= _LARGEST + 1:
            raise ValueError(f"{name} must be 1 to {_LARGEST + 1} pixels, not {size}")
    notes: list[str] = []
    if len(t) == 0:
        return np.empty(0, EVENT), width or 1, height or 1, notes
    # One comparison each finds both negative and too large: as unsigned, negative ones are huge.
    right, bottom = (int(limit) if limit else _LARGEST + 1 for limit in (width, height))
    most = int(x.max()), int(y.max())
    if min(int(x.min()), int(y.min())) < 0 or most[0] >= right or most[1] >= bottom:
        inside = (x >= 0) & (x < right) & (y >= 0) & (y < bottom)
        lost = len(t) - int(np.count_nonzero(inside))
        note = f"{lost} of {len(t)} events lie outside {right} x {bottom} pixels and were left out"
        if lost * 100 > len(t):
            note += f"; the sensor seems to have {most[0] + 1} x {most[1] + 1}"
        notes.append(note)
        t, x, y, p = t[inside], x[inside], y[inside], p[inside]
    if width is None or height is None:
        notes.append(GUESSED)
        width = width or (int(x.max()) + 1 if len(x) else 1)
        height = height or (int(y.max()) + 1 if len(y) else 1)
    return pack(t, x, y, p), width, height, notes


def backwards(t: NDArray[Any]) -> int | None:
    """Number of the first event more than a second before the one before it."""
    found = np.flatnonzero(np.diff(t) < -SECOND)
    return int(found[0]) + 1 if len(found) else None
