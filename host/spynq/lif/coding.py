"""Inputs as arrays over time: still images in three codings, event recordings in frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.events.recording import Recording, columns_of
from spynq.lif.errors import LifError

__all__ = ["CODINGS", "direct", "encode", "frames", "latency", "rate"]

Floats = npt.NDArray[np.float64]
CODINGS = ("direct", "rate", "latency")


def encode(images: npt.ArrayLike, coding: str, steps: int, seed: int = 1) -> npt.NDArray[Any]:
    """Still images as an array over time.

    Parameters
    ----------
    images : array_like, shape [N, C, H, W]
        Unsigned bytes (0 to 255), or real values from 0 to 1.
    coding : str
        ``"direct"``, ``"rate"`` or ``"latency"``.
    steps : int
        Time steps T.
    seed : int
        Of the draws of rate coding.

    Returns
    -------
    ndarray, shape [T, N, C, H, W]
    """
    if coding not in CODINGS:
        raise LifError("E08", f"coding takes {', '.join(CODINGS)}, not {coding!r}; give one of these")
    if steps < 1:
        raise LifError("E01", f"{steps} time steps were asked for, and at least 1 is needed; give steps=8")
    values = _unit(images)
    if coding == "direct":
        return direct(values, steps)
    return rate(values, steps, seed) if coding == "rate" else latency(values, steps)


def _unit(images: npt.ArrayLike) -> Floats:
    array = np.asarray(images)
    if array.ndim != 4:
        raise LifError("E08", f"still images have shape [N, C, H, W], not {array.shape}; add or remove axes")
    if array.dtype == np.uint8:
        return array / 255
    values = array.astype(np.float64)
    if not np.all(np.isfinite(values)) or np.any(values < 0) or np.any(values > 1):
        raise LifError(
            "E08",
            f"pixels go from {np.min(values):g} to {np.max(values):g}, and must be bytes (uint8) or from 0 "
            "to 1; "
            "scale them",
        )
    return values


def direct(values: Floats, steps: int) -> Floats:
    """The pixel itself, in every step; no memory is taken for the repetition."""
    return np.broadcast_to(values, (steps, *values.shape))


def rate(values: Floats, steps: int, seed: int = 1) -> npt.NDArray[np.uint8]:
    """A spike with the probability of the pixel, drawn anew in every step (BRP-SNN: ``s = x > rand``)."""
    draws = np.random.default_rng(seed).random((steps, *values.shape), dtype=np.float32)
    return np.asarray(values > draws, np.uint8)


def latency(values: Floats, steps: int) -> npt.NDArray[np.uint8]:
    """One spike per pixel, the brighter the earlier: at ``floor((1 - x) (T - 1) + 1/2)``; none for 0."""
    when = np.floor((1 - values) * (steps - 1) + 0.5)
    at = np.arange(steps).reshape(-1, *[1] * values.ndim)
    return np.asarray((when == at) & (values > 0), np.uint8)


def frames(
    recordings: Recording | npt.NDArray[Any] | Mapping[str, Any] | Iterable[Any],
    frame: int,
    shape: tuple[int, int, int],
    steps: int | None = None,
    counts: bool = False,
) -> npt.NDArray[np.int64]:
    """Events in frames of equal length: channel 0 darker (p = 0), channel 1 brighter.

    Parameters
    ----------
    recordings : recording, structured array with t, x, y, p, or several of them
    frame : int
        Microseconds of a frame; the first begins with the first event.
    shape : (int, int, int)
        Channels (1: polarities together, or 2), height, width.
    steps : int, optional
        Frames per recording; later events are left out. By default as many as the longest needs.
    counts : bool
        Number of events; otherwise 1 where there was any.

    Returns
    -------
    ndarray of int64, shape [T, N, C, H, W]

    Raises
    ------
    LifError
        E01: no frames. E08: events lie outside the map, or the shape has more than two channels.
    """
    single = isinstance(recordings, Recording | Mapping) or (
        isinstance(recordings, np.ndarray) and recordings.dtype.names is not None
    )
    items: list[Any] = [recordings] if single else list(recordings)  # type: ignore[arg-type]
    channels, height, width = shape
    if channels not in (1, 2):
        raise LifError(
            "E08", f"events have 1 or 2 polarities, and the network {channels} channels; give frames"
        )
    if frame < 1:
        raise LifError("E01", f"a frame of {frame} us holds nothing; give frame=10000 for 10 ms")
    columns = [columns_of(item.upright().events if isinstance(item, Recording) else item) for item in items]
    index = [(t - (t.min() if len(t) else 0)) // frame for t, *_ in columns]
    length = max((int(i.max()) + 1 for i in index if len(i)), default=0) if steps is None else steps
    if length < 1:
        raise LifError(
            "E01", "the recordings give no time steps, and at least 1 is needed; give steps, or events"
        )
    found = np.zeros((length, len(items), channels, height, width), np.int64)
    for n, ((_, x, y, p), at) in enumerate(zip(columns, index, strict=True)):
        _check_inside(n, x, y, width, height)
        kept = at < length
        channel = p[kept].astype(np.int64) if channels == 2 else np.zeros(int(kept.sum()), np.int64)
        where: Any = (at[kept], n, channel, y[kept], x[kept])
        np.add.at(found, where, 1)
    return found if counts else np.minimum(found, 1)


def _check_inside(recording: int, x: npt.NDArray[Any], y: npt.NDArray[Any], width: int, height: int) -> None:
    outside = len(x) and (x.max() >= width or y.max() >= height or min(x.min(), y.min()) < 0)
    if outside:
        raise LifError(
            "E08",
            f"recording {recording} has events up to ({x.max()}, {y.max()}), outside the network's "
            f"{width}x{height} input; crop or scale it",
        )
