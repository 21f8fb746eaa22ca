"""Events to frames: conditioning, and where one frame ends and the next begins (spec 3.2)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cut", "Framer", "Pixels", "conditioned"]

Pixels = NDArray[np.int8]
"""Frames of pixels -1, 0 or +1, shape [frames, size, size], row first."""
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Cut:
    """How a trial is cut into frames.

    Parameters
    ----------
    size : int
        Pixels of a side.
    events : int
        Events of a frame.
    frames : int
        Frames of a trial at most.
    by_time : bool
        Frames are ``frame_us`` long instead.
    frame_us : int
        Microseconds of a frame.
    timeout_us : int
        A frame that is older than this closes with the next event; 0: never.
    keep_partial : bool
        The unfinished last frame counts.
    auto : bool
        The trial ends with its last frame; events behind it begin the next one.
    """

    size: int
    events: int = 1000
    frames: int = 80
    by_time: bool = False
    frame_us: int = 25_000
    timeout_us: int = 0
    keep_partial: bool = False
    auto: bool = False


def conditioned(
    x: Integers, y: Integers, size: int, scale_x: int, scale_y: int, mirror_x: bool, mirror_y: bool
) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Scaled and mirrored places, and which of them lie in the frame.

    Parameters
    ----------
    x, y : ndarray of int64, shape [events]
        Places on the sensor, 0 to 16,383.
    size : int
        Pixels of a side of the frame.
    scale_x, scale_y : int
        ``floor(size * 65536 / sensor side)``.
    mirror_x, mirror_y : bool
        Exchange the sides.
    """
    xs, ys = x * scale_x >> 16, y * scale_y >> 16
    inside = (xs < size) & (ys < size)
    return (size - 1 - xs if mirror_x else xs), (size - 1 - ys if mirror_y else ys), inside


@dataclass
class Framer:
    """Cuts a trial into frames as its events come.

    Attributes
    ----------
    frames : list of ndarray of int8, shape [size, size]
        Frames closed so far.
    late : int
        Events behind the last frame.
    reordered : bool
        Time ran backwards.
    began : bool
        An event has entered a frame.
    """

    cut: Cut
    frames: list[Pixels] = field(default_factory=list)
    late: int = 0
    reordered: bool = False
    began: bool = False

    def __post_init__(self) -> None:
        self._pixels = np.zeros((self.cut.size, self.cut.size), np.int8)
        self._count, self._start, self._last = 0, 0, 0

    def push(self, t: Integers, x: Integers, y: Integers, p: Integers) -> int:
        """Take events that lie in the frame, in stream order; of two at one pixel the last one wins.

        Returns
        -------
        int
            Events taken: all of them, unless the trial has ended by itself (``auto``).
        """
        at = 0
        while at < len(t) and not (self.full and self.cut.auto):
            if self.full:
                self.late += len(t) - at
                return len(t)
            at = self._step(t, x, y, p, at)
        return at

    @property
    def full(self) -> bool:
        """All frames are closed."""
        return len(self.frames) >= self.cut.frames

    def _step(self, t: Integers, x: Integers, y: Integers, p: Integers, at: int) -> int:
        """Put events into the open frame up to where it closes; returns the first event left."""
        cut = self.cut
        if not self.began:
            self._start, self._last, self.began = int(t[at]), int(t[at]), True
        if cut.by_time:
            beyond = _wrapped(t[at:] - self._start) >= cut.frame_us
        elif cut.timeout_us:
            beyond = _wrapped(t[at:] - self._start) > cut.timeout_us
        else:
            beyond = np.zeros(min(cut.events, len(t) - at), bool)
        first = int(np.argmax(beyond)) if beyond.any() else len(beyond)
        if first == 0:
            self._close_late(int(t[at]))
            return at
        count = first if cut.by_time else min(first, cut.events - self._count)
        here = slice(at, at + count)
        self._pixels[y[here], x[here]] = 2 * p[here] - 1
        times = np.concatenate(([self._last], t[here]))
        self.reordered |= bool((_wrapped(np.diff(times)) < 0).any())
        self._last, self._count = int(times[-1]), self._count + count
        if not cut.by_time and self._count == cut.events:
            self._close(self._last)
        return at + count

    def _close_late(self, now: int) -> None:
        """The next event does not belong into the open frame any more."""
        if self.cut.by_time:
            self._close(self._start + self.cut.frame_us)
        elif self._count:
            self._close(now)
        else:
            self._start = now

    def _close(self, start: int) -> None:
        self.frames.append(self._pixels)
        self._pixels = np.zeros_like(self._pixels)
        self._count, self._start = 0, start

    def end(self) -> Pixels:
        """Frames of the trial, shape [frames, size, size]."""
        if self._count and not self.full and (self.cut.keep_partial or self.cut.by_time):
            self._close(self._last)
        return np.array(self.frames, np.int8).reshape(-1, self.cut.size, self.cut.size)


def _wrapped(difference: Integers) -> Integers:
    """Differences of times modulo 2**32, as signed numbers."""
    return ((np.asarray(difference) + (1 << 31)) & 0xFFFF_FFFF) - (1 << 31)
