"""Events to look at: a picture, and a film."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import MissingDependency
from spynq.events.recording import SECOND, Recording
from spynq.pictures import new_figure

__all__ = ["image", "play", "plot"]

_BINS = 200
_MOST_FRAMES = 10_000
_LARGEST = 1 << 24
_OFF, _ON = (0.15, 0.35, 0.8), (0.85, 0.2, 0.1)


def image(recording: Recording, start: int = 0, stop: int | None = None) -> NDArray[np.int64]:
    """Events per polarity and pixel.

    Parameters
    ----------
    start, stop : int
        First event, and the one behind the last.

    Returns
    -------
    numpy.ndarray
        Shape (2, height, width), int64; index 0 is OFF; row 0 as in the recording.

    Raises
    ------
    ValueError
        The sensor has over 16,777,216 pixels.
    """
    events = recording.events[start:stop]
    size = recording.width * recording.height
    if size > _LARGEST:
        raise ValueError(
            f"{recording.width} x {recording.height} pixels are more than the {_LARGEST} that are drawn; "
            "a wrong coordinate may have made the sensor so large: give its size to from_array"
        )
    place = events["p"].astype(np.int64) * size + events["y"].astype(np.int64) * recording.width + events["x"]
    return np.bincount(place, minlength=2 * size).reshape(2, recording.height, recording.width)


def _colours(counts: NDArray[np.int64], full: float) -> NDArray[np.float64]:
    """White where nothing happened, blue for OFF, red for ON, stronger with more events."""
    strength = np.clip(counts / full, 0, 1)[..., None]
    picture = 1 - strength[0] * (1 - np.array(_OFF)) - strength[1] * (1 - np.array(_ON))
    return np.asarray(np.clip(picture, 0, 1), dtype=np.float64)


def _full(counts: NDArray[np.int64]) -> float:
    """Count that is drawn in full colour: few pixels are busier."""
    busy = counts[counts > 0]
    return max(1.0, float(np.quantile(busy, 0.95))) if len(busy) else 1.0


def plot(recording: Recording, title: str = "") -> Any:
    """All events as one image, and the rate of both polarities over time.

    Returns
    -------
    matplotlib.figure.Figure
        Not attached to any window: save it with ``savefig``.

    Raises
    ------
    spynq.errors.MissingDependency
        matplotlib is absent.
    """
    figure = new_figure(9, 4)
    shown, rate = figure.subplots(1, 2)
    counts = image(recording)
    shown.imshow(
        _colours(counts, _full(counts)),
        origin="lower" if recording.y_up else "upper",
        interpolation="nearest",
    )
    shown.set(xlabel="x (pixel)", ylabel="y (pixel)", title="events (red ON, blue OFF)")
    t = recording.events["t"]
    if len(t):
        begin, span = int(t.min()), max(recording.duration, 1)
        edges = np.linspace(0, span, _BINS + 1)
        for polarity, colour, label in ((1, _ON, "ON"), (0, _OFF, "OFF")):
            passed = (t - begin)[recording.events["p"] == polarity]
            events, _ = np.histogram(passed, edges)
            rate.stairs(events / (span / SECOND / _BINS), edges / SECOND, color=colour, label=label)
        rate.legend()
    rate.set(xlabel="time (s)", ylabel="events per second", title=title or recording.format)
    return figure


def play(
    recording: Recording,
    path: str | os.PathLike[str],
    *,
    frames: int = 50,
    fps: int = 25,
    progress: bool = False,
) -> Path:
    """Write a film: an animated GIF, or an MP4 where the program ffmpeg is found.

    Parameters
    ----------
    path : path
        Ends in ``.gif`` or ``.mp4``.
    frames : int
        Equal stretches of time that the recording is cut into, 1 to 10,000.
    fps : int
        Frames per second of the film, 1 to 100; its speed follows from both.
    progress : bool
        Show a bar on a terminal, once it has taken two seconds.

    Raises
    ------
    ValueError
        No events, another ending, or a number out of range.
    spynq.errors.MissingDependency
        matplotlib is absent, or ffmpeg for an MP4.
    """
    path = Path(path)
    _check_film(recording, path, frames, fps)
    figure = new_figure(4, 4 * max(0.2, recording.height / recording.width), layout=None)
    from matplotlib.animation import FFMpegWriter, PillowWriter
    from tqdm import tqdm

    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    cuts = _cuts(recording, frames)
    full = max(
        1.0, float(np.median([_full(counts) for counts in _images(recording, cuts[:: frames // 8 + 1])]))
    )
    shown = axes.imshow(
        np.ones((recording.height, recording.width, 3)), origin="lower" if recording.y_up else "upper"
    )
    clock = axes.text(0.01, 0.01, "", transform=axes.transAxes)
    writer = PillowWriter(fps=fps) if path.suffix.lower() == ".gif" else FFMpegWriter(fps=fps)
    step = recording.duration / frames / SECOND
    with writer.saving(figure, str(path), dpi=100):
        bar = tqdm(
            _images(recording, cuts), path.name, frames, False, delay=2, disable=None if progress else True
        )
        for number, counts in enumerate(bar):
            shown.set_data(_colours(counts, full))
            clock.set_text(f"{number * step:.3f} s")
            writer.grab_frame()
    return path


def _check_film(recording: Recording, path: Path, frames: int, fps: int) -> None:
    if path.suffix.lower() not in (".gif", ".mp4"):
        raise ValueError(f"a film is written as .gif or .mp4, not as {path.suffix or 'a name without end'!r}")
    if not 1 <= frames <= _MOST_FRAMES or not 1 <= fps <= 100:
        raise ValueError(
            f"a film has 1 to {_MOST_FRAMES} frames at 1 to 100 per second, not {frames} at {fps}"
        )
    if not len(recording):
        raise ValueError("a recording without events cannot be played")
    if path.suffix.lower() == ".mp4" and shutil.which("ffmpeg") is None:
        raise MissingDependency(
            f"{path}: an MP4 needs the program ffmpeg; write a .gif, or apt-get install ffmpeg"
        )


def _cuts(recording: Recording, frames: int) -> list[tuple[float, float]]:
    begin = int(recording.events["t"].min())
    edges = begin + np.arange(frames + 1) * (recording.duration + 1) / frames
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _images(recording: Recording, cuts: list[tuple[float, float]]) -> Iterator[NDArray[np.int64]]:
    """An image per stretch of time, wherever in the file its events stand."""
    order = np.argsort(recording.events["t"], kind="stable")
    sorted_ = Recording(recording.events[order], recording.width, recording.height)
    t = sorted_.events["t"]
    for begin, end in cuts:
        first, last = np.searchsorted(t, (begin, end))
        yield image(sorted_, int(first), int(last))
