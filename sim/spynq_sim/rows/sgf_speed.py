"""Rows of ``spynq bench sgf``: events per second of the kernel, by its cycle count, beside numba's."""

from __future__ import annotations

import os
from functools import cache

from spynq.bench import Measured, bench
from spynq.bench.sgf_software import Software
from spynq.sgf.presets import THETAS
from spynq.sgf.synthetic import benchmark, recordings
from spynq.sgf.words import event_words
from spynq_sim.bench_sgf import clocks

_CLOCK = 100e6
_REPEATS, _TRIALS = 5, 12
_WORK = "event words in memory to all statistics of a trial, equal to the golden model's in every integer"


@cache
def _software(threads: int) -> float:
    """Millions of events per second, the best of some repeats."""
    takes = benchmark("test")[:: 240 // _TRIALS]
    columns = (recording.events for _, recording in recordings(takes))
    words = [event_words(e["t"], e["x"], e["y"], e["p"]) for e in columns]
    program = Software(THETAS)
    return max(program.rate(words, threads) for _ in range(_REPEATS)) / 1e6


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@bench("sgf", "events, kernel at 100 MHz", unit="million/s")
def kernel() -> Measured:
    """By cycle count: the clock itself is not proven."""
    return Measured(
        _CLOCK / clocks().per_event / 1e6,
        f"{clocks().per_event:.4f} clocks per event by the counter of the rtl device; 100 MHz is not proven",
    )


@bench("sgf", "events, numba on one core", unit="million/s")
def one_core() -> Measured:
    """The fastest program that we could write for a processor."""
    return Measured(_software(1), f"{_WORK}; {_TRIALS} synthetic trials, best of {_REPEATS}")


@bench("sgf", "events, kernel at 100 MHz against numba on all cores", unit="x")
def against_software() -> Measured:
    """Below 1 the program is faster."""
    own, other = _CLOCK / clocks().per_event / 1e6, _software(_cores())
    return Measured(own / other, f"{own:.1f} against {other:.1f} million/s on {_cores()} cores; {_WORK}")
