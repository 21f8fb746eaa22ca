"""Event data as frames: N-MNIST, DvsGesture, and still digits that are moved before a difference camera."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import FormatError, SpynqError
from spynq_train.data.dataset import DataSet, Labels
from spynq_train.data.images import digits
from spynq_train.data.places import find, hint

__all__ = ["dvsgesture", "frames", "n_mnist", "saccade_digits", "saccade_events"]

Frames = NDArray[np.uint8]
_SACCADE_STEPS = 12


def frames(
    t: NDArray[Any],
    x: NDArray[Any],
    y: NDArray[Any],
    p: NDArray[Any],
    *,
    steps: int,
    size: tuple[int, int],
    duration: float,
) -> Frames:
    """Whether anything happened, per step, polarity and pixel: ``[steps, 2, height, width]``, 0 or 1.

    Parameters
    ----------
    t, x, y, p : numpy.ndarray
        Microseconds from the beginning, pixel, and polarity (1 is ON).
    steps : int
    size : tuple of int
        Height and width.
    duration : float
        Microseconds of all steps; later events are left out.
    """
    inside = t < duration
    step = (t[inside] * steps // duration).astype(np.intp)
    found = np.zeros((steps, 2, *size), np.uint8)
    found[step, p[inside].astype(np.intp), y[inside].astype(np.intp), x[inside].astype(np.intp)] = 1
    return found


def n_mnist(folder: Path | None, steps: int = 10) -> DataSet:
    """N-MNIST: a folder with ``Train/0/00002.bin`` and so on, or with ``nmnist_train.npz``.

    The 300 ms of the three saccades become ``steps`` frames of 34x34.
    """
    packed = find(folder, ("nmnist_train.npz", "nmnist/nmnist_train.npz"))
    if packed is not None:
        parts = [_packed(packed.with_name(f"nmnist_{part}.npz"), steps) for part in ("train", "test")]
        return DataSet("n-mnist", "events", *parts[0], *parts[1], 10, f"{packed.name}, small set")
    first = find(folder, ("Train/*/*.bin", "*/Train/*/*.bin"))
    if first is None:
        raise hint("n-mnist", "its folders Train and Test, or nmnist_train.npz and nmnist_test.npz", folder)
    root = first.parents[2]
    parts = [_recordings(root / part, steps) for part in ("Train", "Test")]
    return DataSet("n-mnist", "events", *parts[0], *parts[1], 10, str(root))


def _packed(path: Path, steps: int) -> tuple[Frames, Labels]:
    if not path.exists():
        raise FormatError(f"{path} is missing; nmnist_train.npz and nmnist_test.npz belong together")
    with np.load(path) as stored:
        arrays = {key: stored[key] for key in stored.files}
    ends, polarity = arrays["offsets"], np.unpackbits(arrays["p"], count=len(arrays["x"]))
    made = []
    for begin, end in pairwise(ends.tolist()):
        one = slice(begin, end)
        t = np.cumsum(arrays["dt"][one], dtype=np.int64)
        made.append(
            frames(
                t, arrays["x"][one], arrays["y"][one], polarity[one], steps=steps, size=(34, 34), duration=3e5
            )
        )
    return np.stack(made), arrays["label"].astype(np.int64)


def _saccades(t: NDArray[Any], x: NDArray[Any], y: NDArray[Any], p: NDArray[Any], steps: int) -> Frames:
    return frames(t, x, y, p, steps=steps, size=(34, 34), duration=3e5)


def _recordings(folder: Path, steps: int) -> tuple[Frames, Labels]:
    from spynq.events import load

    made, labels = [], []
    for path in sorted(folder.glob("*/*.bin")):
        if not path.parent.name.isdecimal():
            raise FormatError(f"{path}: the folder must be named for its digit, 0 to 9")
        e = load(path, format="N-MNIST").events
        made.append(_saccades(e["t"], e["x"], e["y"], e["p"], steps))
        labels.append(int(path.parent.name))
    if not made:
        raise FormatError(
            f"{folder}: no recording such as 0/00002.bin; N-MNIST has Train and Test beside each other"
        )
    return np.stack(made), np.array(labels)


def dvsgesture(folder: Path | None, steps: int = 30, side: int = 32) -> DataSet:
    """DvsGesture: a folder with ``user01_fluorescent.aedat``, its labels and the lists of trials.

    Every gesture becomes ``steps`` frames of equal length, the 128x128 pixels ``side`` by ``side``.
    """
    from spynq.events import gesture_trials

    first = find(folder, ("trials_to_train.txt", "*/trials_to_train.txt"))
    if first is None:
        raise hint("dvsgesture", "its recordings *.aedat with labels and trials_to_train.txt", folder)
    parts: dict[str, tuple[list[Frames], list[int]]] = {"train": ([], []), "test": ([], [])}
    for trial in gesture_trials(first.parent):
        if trial.part not in parts:
            continue
        e, shrink = trial.recording.events, 128 // side
        made, labels = parts[trial.part]
        t = e["t"].astype(np.int64) - trial.start
        duration = trial.end - trial.start + 1
        size = (side, side)
        made.append(
            frames(t, e["x"] // shrink, e["y"] // shrink, e["p"], steps=steps, size=size, duration=duration)
        )
        labels.append(trial.label - 1)
    if not all(made for made, _ in parts.values()):
        raise SpynqError(f"{first.parent}: no gesture of one part; both lists of trials must name recordings")
    train, test = ((np.stack(made), np.array(labels)) for made, labels in parts.values())
    return DataSet("dvsgesture", "events", *train, *test, 11, str(first.parent))


def saccade_events(pixels: NDArray[Any], steps: int = _SACCADE_STEPS) -> Frames:
    """Still images moved along three legs before a camera that reports differences.

    A stand-in for tests that is built as N-MNIST is: doubled in size, moved on a triangle of 2 pixels, an
    ON (OFF) event where a pixel rises (falls) by more than 0.15. It is not N-MNIST.

    Parameters
    ----------
    pixels : numpy.ndarray
        ``[N, 1, H, W]`` in 0 to 1.
    steps : int

    Returns
    -------
    numpy.ndarray of uint8
        ``[N, steps, 2, 2 H + 6, 2 W + 6]``.
    """
    large = np.kron(pixels[:, 0], np.ones((1, 2, 2)))
    seen = [_placed(large, *place) for place in _path(steps + 1)]
    changes = [after - before for before, after in pairwise(seen)]
    events = [np.stack([change < -0.15, change > 0.15], axis=1) for change in changes]
    found: Frames = np.stack(events, axis=1).astype(np.uint8)
    return found


def _path(count: int) -> Sequence[tuple[int, int]]:
    """Places on a triangle, evenly spaced and rounded to pixels."""
    corners = np.array([(0, 0), (2, 2), (2, -2), (0, 0)], float)
    along = np.linspace(0, 3, count)
    rows, columns = (np.interp(along, range(4), corners[:, axis]) for axis in (0, 1))
    return [(round(row), round(column)) for row, column in zip(rows.tolist(), columns.tolist(), strict=True)]


def _placed(images: NDArray[Any], down: int, right: int) -> NDArray[Any]:
    return np.pad(images, ((0, 0), (3 + down, 3 - down), (3 + right, 3 - right)))


def saccade_digits(folder: Path | None) -> DataSet:
    """scikit-learn's digits as :func:`saccade_events`, 12 steps of 22x22."""
    still = digits(folder)
    return DataSet(
        "saccade-digits",
        "events",
        saccade_events(still.train),
        still.train_labels,
        saccade_events(still.test),
        still.test_labels,
        10,
        "scikit-learn's digits, moved (a stand-in, not N-MNIST)",
    )
