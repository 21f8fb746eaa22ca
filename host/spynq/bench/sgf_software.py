"""The spike gating flow in software, as fast as numba makes it: the rival of the kernel.

Takes the event words that the kernel takes, and gives its statistics, equal in every integer. What makes
it fast: only pixels that an event touched are visited (untouched cells keep their state, by eq. 2), ST
cores are bytes that LLVM turns into vector instructions, and the marginals replace the pairs of eq. 4.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.bench import sgf_temporal
from spynq.bench.software import Stopwatch
from spynq.errors import MissingDependency
from spynq.sgf.golden import LEAST_ACTIVE
from spynq.sgf.params import CORE_BLOCK, COUNT_LIMIT, SgfConfig
from spynq.sgf.statistics import PLACES, REGIONS, TEMPORAL, names, region_place

__all__ = ["Software"]

Words = NDArray[np.uint64]
_SIZE = 128
_GRID = _SIZE // CORE_BLOCK
_CELLS = _GRID * _GRID
_PASS = 64
_PLACE = names(SgfConfig())
_WALK = ("down", "up", "yrev", "height", "active", "peak_y", "move_y")
_ACROSS = ("right", "left", "xrev", "width", "", "peak_x", "move_x")
_PATH = ("area", "sy", "sx", "cy", "cx", "steady", "dev_y", "dev_x")
_ORDER = (*_WALK, *_ACROSS, "rot", *_PATH)


def _cells() -> NDArray[np.int16]:
    """ST core of every pixel; pixels that fill no block share one that nobody reads."""
    y, x = np.divmod(np.arange(_SIZE * _SIZE), _SIZE)
    row, column = y // CORE_BLOCK, x // CORE_BLOCK
    inside = (row < _GRID) & (column < _GRID)
    return np.where(inside, row * _GRID + column, _CELLS).astype(np.int16)


@cache
def _compiled() -> Callable[..., int]:
    try:
        import numba
    except ImportError as error:
        raise MissingDependency("numba is not installed: pip install 'spynq[bayes]'") from error
    jit = numba.njit(boundscheck=False, error_model="numpy", nogil=True)
    events, scan, window, spatial = jit(_events), jit(_scan), jit(_window), jit(_spatial)
    temporal = jit(_temporal(*(jit(f) for f in (sgf_temporal.walk, sgf_temporal.path, sgf_temporal.summary))))

    def trial(words: Any, cell: Any, per: int, frames: int, least: int, thetas: Any, out: Any) -> int:
        pixels, before = np.zeros(_SIZE * _SIZE, np.int8), np.zeros(_SIZE * _SIZE, np.int8)
        touched, earlier = np.zeros(per, np.int16), np.zeros(per, np.int16)
        sums, v, u = np.zeros(_CELLS + 1, np.int8), np.zeros(_CELLS, np.int8), np.zeros(_CELLS, np.int8)
        spikes, cnt = np.zeros((3, _CELLS), np.int8), np.zeros(_CELLS, np.int64)
        marginals = np.zeros((6, frames, _SIZE), np.int16)
        done = min(len(words) // per, frames)
        for f in range(done + 2):
            now = spikes[f % 3]
            now[:] = 0
            if f < done:
                events(words[f * per : (f + 1) * per], pixels, touched)
                scan(pixels, before, touched, cell, sums, marginals[:, max(f - 1, 0)])
                for i in range(_CELLS):
                    potential = v[i] + sums[i]
                    now[i] = potential >= 2
                    v[i] = 0 if potential >= 2 else max(potential, 0)
                    sums[i] = 0
                sums[_CELLS] = 0
                for i in earlier:
                    before[i] = 0
                pixels, before, touched, earlier = before, pixels, earlier, touched
            if f >= 2:
                window(u, spikes[(f - 2) % 3], spikes[(f - 1) % 3], now, cnt)
        spatial(cnt, thetas, out)
        temporal(marginals, done, least, out)
        return done

    compiled: Callable[..., int] = jit(trial)
    return compiled


def _events(words: Any, pixels: Any, touched: Any) -> None:
    """Event words into pixels; the last one at a pixel wins."""
    for i in range(len(words)):
        word = words[i]
        place = (word & np.uint64(127)) | ((word >> np.uint64(7)) & np.uint64(127 << 7))
        pixels[place] = np.int8(2) * np.int8((word >> np.uint64(28)) & np.uint64(1)) - np.int8(1)
        touched[i] = np.int16(place)


def _scan(pixels: Any, before: Any, touched: Any, cell: Any, sums: Any, marginals: Any) -> None:
    """Block sums and marginals of the pixels that were touched; each counts once."""
    for i in range(len(touched)):
        place = touched[i]
        value = pixels[place]
        if -2 < value < 2:
            sums[cell[place]] += value
            if before[place]:
                row, column = place >> 7, place & 127
                side = column >> 6
                marginals[2 * side, row] += 1
                marginals[2 * side + 1, column] += 1
                marginals[4, row] += 1
                marginals[5, column] += 1
            pixels[place] = value * 3  # seen, and still not 0 for the next frame


def _window(u: Any, first: Any, second: Any, third: Any, cnt: Any) -> None:
    """The forward window of eq. 2."""
    for i in range(len(u)):
        total = u[i] + first[i] + second[i] + third[i]
        fires = total >= 2
        u[i] = 0 if fires else total
        cnt[i] += first[i] & fires


def _spatial(cnt: Any, thetas: Any, out: Any) -> None:
    """Zones, halves, quadrants and whole of the counts, above every threshold and as sums."""
    for i in range(_CELLS):
        value = min(cnt[i], COUNT_LIMIT)
        row, column = i // _GRID // 7, i % _GRID // 7
        right, low = column // 3, row // 3
        for number in range(len(thetas) + 1):
            add = value if number == len(thetas) else np.int64(value > thetas[number])
            base = _PASS * number
            out[base + 6 * row + column] += add
            out[base + 36 + right] += add
            out[base + 38 + 2 * low + right] += add
            out[base + 42] += add


def _temporal(walk: Any, path: Any, summary: Any) -> Callable[..., None]:
    order = np.array(
        [
            [region_place(region, name) if name in TEMPORAL else -1 for name in _ORDER]
            for region in range(len(REGIONS))
        ]
    )
    couples = np.array([_PLACE["couple_y"], _PLACE["couple_x"], _PLACE["frames"]])

    def temporal(marginals: Any, frames: int, least: int, out: Any) -> None:
        steps, centres = np.zeros((3, 2, frames), np.int64), np.zeros((2, frames), np.int64)
        totals, found = np.zeros(frames, np.int64), np.zeros(23, np.int64)
        for region in range(3):
            found[:] = 0
            for axis in range(2):
                values = found[7 * axis : 7 * axis + 7]
                walk(
                    marginals[2 * region + axis],
                    frames,
                    least,
                    steps[region, axis],
                    totals,
                    centres[axis],
                    values,
                )
            found[14] = summary(steps[region, 0], steps[region, 1], frames)
            path(centres[0], centres[1], totals, frames, least, found[15:])
            for i in range(23):
                if order[region, i] >= 0:
                    out[order[region, i]] = found[i]
        for axis in range(2):
            out[couples[axis]] = (steps[0, axis] * steps[1, axis]).sum()
        out[couples[2]] = frames

    return temporal


class Software:
    """Statistics of trials by a program, equal to the golden model's.

    Parameters
    ----------
    thetas : sequence of int
        Thresholds of CNT, as many as the build has.
    per, frames : int
        Events of a frame, frames of a trial.

    Raises
    ------
    MissingDependency
        numba is not installed.
    """

    def __init__(self, thetas: tuple[int, ...], per: int = 1000, frames: int = 80) -> None:
        self._run, self._cell = _compiled(), _cells()
        self._thetas, self._per, self._frames = np.array(thetas, np.int64), per, frames

    def statistics(self, words: Words) -> NDArray[np.int64]:
        """Statistics of one trial from its event words, all of 128 x 128 pixels; shape [512]."""
        out = np.zeros(PLACES, np.int64)
        self._run(words, self._cell, self._per, self._frames, LEAST_ACTIVE, self._thetas, out)
        return out

    def rate(self, trials: list[Words], threads: int = 2) -> float:
        """Events per second over whole trials, on so many cores (each trial on one)."""
        from concurrent.futures import ThreadPoolExecutor

        self.statistics(trials[0])
        taken = sum(min(len(words) // self._per, self._frames) * self._per for words in trials)
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(self.statistics, trials[:threads]))
            clock = Stopwatch(threads)
            list(pool.map(self.statistics, trials))
            return taken / clock.seconds()
