"""The synthetic benchmark as tables of statistics, made once per run: what all rows of ``sgf`` share."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from spynq.cli.output import on_terminal
from spynq.sgf import golden
from spynq.sgf.frames import Cut, Pixels
from spynq.sgf.params import SgfConfig
from spynq.sgf.presets import THETAS
from spynq.sgf.protocol import Trials
from spynq.sgf.synthetic import benchmark, recordings
from spynq.sgf.synthetic.benchmark import Take

__all__ = ["BUILD", "PAPER_THETAS", "frames_of", "paper_part", "part", "window_part"]

BUILD = SgfConfig()
PAPER_THETAS = (20, 21, 3, 4)
"""Thresholds of CNT of the authors' unit A: 20 and 21 for the halves, 3 and 4 for the quadrants."""
_WINDOWS = (10, 20, 40)


@cache
def _statistics(name: str) -> dict[str, Trials]:
    """Every table of one part in a single walk over its recordings, since frames take most of the time."""
    takes = benchmark(name)
    rows: dict[str, list[NDArray[np.int64]]] = {}
    for _, recording in recordings(takes, progress=on_terminal()):
        frames = frames_of(recording.events)
        _add(rows, "ours", frames, THETAS)
        _add(rows, "paper", frames, PAPER_THETAS)
        for length in _WINDOWS:
            _add(rows, f"first {length}", frames[:length], THETAS)
    labels = np.array([take.gesture - 1 for take in takes])
    people = np.array([take.subject for take in takes])
    return {key: Trials(np.array(found), labels, people) for key, found in rows.items()}


def frames_of(events: NDArray[np.void]) -> Pixels:
    """Frames of a trial of 128 x 128 pixels."""
    t, x, y, p = (events[name].astype(np.int64) for name in "txyp")
    return golden.frames_of(t, x, y, p, Cut(BUILD.size, frames=BUILD.frames))[0]


def _add(rows: dict[str, list[NDArray[np.int64]]], key: str, frames: Pixels, thetas: tuple[int, ...]) -> None:
    rows.setdefault(key, []).append(golden.features(frames, BUILD, thetas).statistics)


def part(name: str) -> Trials:
    """Statistics of ``train``, ``test`` or ``unknown``, with our thresholds of CNT."""
    return _statistics(name)["ours"]


def paper_part(name: str) -> Trials:
    """The same with the authors' thresholds of CNT."""
    return _statistics(name)["paper"]


def window_part(name: str, length: int) -> Trials:
    """The same from the first ``length`` frames alone: 10, 20, 40 or 80."""
    return part(name) if length == BUILD.frames else _statistics(name)[f"first {length}"]


def takes(name: str) -> list[Take]:
    """The trials behind a table, in its order."""
    return benchmark(name)
