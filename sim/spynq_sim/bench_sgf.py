"""Clocks and size of the spike gating flow, for ``spynq bench sgf``: RTL runs and open synthesis.

The build that is measured is the default one, for cycles and for size. Clocks are the kernel's own
counters; every answer is compared with the golden device's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from spynq.devices import open_kernel
from spynq.kernels import get
from spynq.sgf.frames import Cut
from spynq.sgf.params import Child, SgfConfig
from spynq.sgf.setting import Bit, Gate, Path, Setting
from spynq.sgf.statistics import TEMPORAL_FIRST, names
from spynq.sgf.words import Words, event_words, label
from spynq_hw.estimate import Estimate, estimate, keep
from spynq_hw.export import module_name, rtlil

__all__ = ["CONFIG", "EVENTS", "Clocks", "clocks", "largest", "size", "walk"]

CONFIG = SgfConfig()
EVENTS = 256
"""Events of a frame: the fewest that must not stall."""


@dataclass(frozen=True)
class Clocks:
    """Clocks of the default build.

    Parameters
    ----------
    per_event : float
        Clocks of a run of one trial of 80 frames, the answer left out, by its events.
    stalls : int
        Clocks of that run in which an event waited.
    spatial : int
        End of a trial to its answer, unit A alone: every bit and every row in use.
    temporal : int
        The same with a temporal unit below, the rows shared.
    teach : int
        Teaching a trial to both units.
    shut : int
        Clocks in which units B and C and the temporal engine worked while their gates were shut.
    """

    per_event: float
    stalls: int
    spatial: int
    temporal: int
    teach: int
    shut: int


def largest(config: SgfConfig, *, below: bool) -> Setting:
    """Every bit and every row in use: by unit A alone, or by units A and C."""
    places = list(names(config).values())
    spatial = [place for place in places if place < TEMPORAL_FIRST]

    def bits(kinds: list[int]) -> tuple[Bit, ...]:
        return tuple(Bit(kinds[i % len(kinds)], i // len(kinds) + 1) for i in range(config.bits))

    rows, half = config.rows, config.rows // 2
    numbers = range(min(config.classes, rows if not below else half))
    if not below:
        gates = {row: Gate(first=min(row, config.classes - 1)) for row in range(rows)}
        return Setting((3, 4, 20, 21), (bits(spatial), (), ()), 0, rows, gates, {n: Path(n) for n in numbers})
    gates = {row: Gate(Child.UNIT_C, half, half) for row in range(half)}
    gates |= {half + number: Gate(first=number) for number in numbers}
    paths = {number: Path(number, 2, half + number) for number in numbers}
    return Setting((3, 4, 20, 21), (bits(spatial), (), bits(places)), 0, half, gates, paths)


def walk(rng: np.random.Generator, count: int, size: int) -> Words:
    """Events round a spot on a circle, a whole trial, as words."""
    phase = 2 * np.pi * (np.arange(count) / count * 4 + rng.random())
    around = size / 2 + size / 4 * np.array([np.cos(phase), np.sin(phase)])
    x, y = np.clip(np.round(around + rng.normal(0, size / 16, (2, count))), 0, size - 1).astype(np.int64)
    return event_words(np.arange(count) * 7, x, y, rng.random(count) < 0.8, end=True)


def _pair(setting: Setting, words: list[Words | list[int]]) -> Any:
    """The same runs on rtl and golden; the answers must be equal."""
    cut = Cut(CONFIG.size, EVENTS, CONFIG.frames)
    found: dict[str, list[list[int]]] = {}
    seen: list[dict[str, int]] = []
    for device in ("golden", "rtl"):
        with open_kernel("sgf", device, CONFIG) as driver:
            driver.configure(setting, cut=cut)
            driver.clear()
            found[device] = []
            for part in words:
                found[device].append(driver.run(part).tolist())
                if device == "rtl":
                    numbers = {
                        r.name: driver.get(r.name) for r in driver.kernel.registers if r.access == "ro"
                    }
                    seen.append({**numbers, "CYCLES": driver.cycles()})
    assert found["rtl"] == found["golden"], "rtl and golden differ"
    return seen


@cache
def clocks() -> Clocks:
    """Measured once per process."""
    rng = np.random.default_rng(1)
    trials = [walk(rng, EVENTS * CONFIG.frames, CONFIG.size) for _ in range(3)]
    numbers = range(CONFIG.rows // 2)
    lessons = [np.append(np.uint64(label(n)), trials[n % 2]) for n in numbers]
    alone = _pair(largest(CONFIG, below=False), [*lessons, *_more(trials, numbers), trials[2]])
    both = _pair(largest(CONFIG, below=True), [*lessons, trials[2]])
    last = alone[-1]
    shut = sum(run[name] for run in alone for name in ("ACTIVE_B", "ACTIVE_C", "ACTIVE_ENGINE"))
    return Clocks(
        per_event=(last["CYCLES"] - last["ANSWER_CLOCKS"]) / last["EVENTS_IN"],
        stalls=last["STALLS"],
        spatial=last["ANSWER_CLOCKS"],
        temporal=both[-1]["ANSWER_CLOCKS"],
        teach=max(run["TEACH_CLOCKS"] for run in both),
        shut=shut,
    )


def _more(trials: list[Words], numbers: range) -> list[Words]:
    """Lessons of the other half of the rows."""
    return [np.append(np.uint64(label(len(numbers) + n)), trials[n % 2]) for n in numbers]


@cache
def size() -> Estimate:
    """Cells of the default build."""
    return estimate(rtlil("sgf", CONFIG), module_name(get("sgf").kernel, CONFIG))


def main() -> None:
    """``python -m spynq_sim.bench_sgf``: synthesise the build and keep the figures in the project."""
    keep(rtlil("sgf", CONFIG), module_name(get("sgf").kernel, CONFIG), str(CONFIG))


if __name__ == "__main__":
    main()
