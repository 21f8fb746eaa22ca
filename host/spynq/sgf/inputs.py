"""What a trial may be handed in as, and the checks before the kernel sees it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.events.recording import GUESSED, EventWarning, Recording, columns_of

__all__ = ["Columns", "columns", "warn_of_drops"]

Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]
"""t, x, y, p."""

_LARGEST = (1 << 14) - 1
_SENSORS = (
    (34, 34, "N-MNIST"),
    (128, 128, "DVS128"),
    (240, 180, "DAVIS240"),
    (304, 240, "ATIS"),
    (320, 320, "GenX320"),
    (346, 260, "DAVIS346"),
    (640, 480, "DVXplorer and Gen3"),
    (1280, 720, "IMX636"),
    (1280, 800, "CeleX-V"),
)


def columns(trial: Recording | NDArray[Any], sensor: tuple[int, int]) -> Columns:
    """Events of a trial as columns, row 0 at the top.

    Parameters
    ----------
    trial : Recording or ndarray
        A recording, or a structured array with t (microseconds), x, y and p in any order.
    sensor : tuple of int
        Width and height that the model expects.

    Raises
    ------
    ValueError
        The recording is of another sensor, or a coordinate does not fit an event word.
    """
    if isinstance(trial, Recording):
        size = trial.width, trial.height
        known = GUESSED not in trial.notes
        if (known and size != sensor) or size[0] > sensor[0] or size[1] > sensor[1]:
            raise ValueError(
                f"the recording is of a sensor of {_named(size)} and the model of one of {_named(sensor)}; "
                f"make a model with sensor=({size[0]}, {size[1]}), or take another recording"
            )
        trial = trial.upright().events
    t, x, y, p = (np.asarray(column, np.int64) for column in columns_of(trial))
    for name, values in (("x", x), ("y", y)):
        if len(values) and not 0 <= int(values.min()) <= int(values.max()) <= _LARGEST:
            raise ValueError(
                f"{name} goes from {values.min()} to {values.max()}, and an event word holds "
                f"0 to {_LARGEST}; take these events out first"
            )
    return t, x, y, p


def warn_of_drops(dropped: int, found: Columns, sensor: tuple[int, int]) -> None:
    """Warn when over one event in a hundred lay outside of the sensor.

    Warns
    -----
    spynq.events.EventWarning
        Names the sensor that the events seem to come from.
    """
    _, x, y, _ = found
    if dropped * 100 <= len(x):
        return
    most = int(x.max()) + 1, int(y.max()) + 1
    likely = next(((w, h) for w, h, _ in _SENSORS if w >= most[0] and h >= most[1]), most)
    warnings.warn(
        f"{dropped} of {len(x)} events lie outside {sensor[0]} x {sensor[1]} pixels and were dropped; "
        f"the sensor seems to be one of {_named(likely)}, so make a model with sensor={likely}",
        EventWarning,
        stacklevel=3,
    )


def _named(size: tuple[int, int]) -> str:
    name = next((f" ({name})" for w, h, name in _SENSORS if (w, h) == size), "")
    return f"{size[0]} x {size[1]} pixels{name}"
