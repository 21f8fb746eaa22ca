"""Rows of ``spynq bench sgf``: clocks of the RTL and sizes by open synthesis."""

from __future__ import annotations

from spynq.bench import Measured, bench
from spynq_sim.bench_sgf import CONFIG, EVENTS, clocks, size

_BUILD = (
    f"{CONFIG.size} x {CONFIG.size} pixels, {CONFIG.bits} bits, {CONFIG.rows} rows, answers equal to golden"
)
_PLACED_NOWHERE = "open synthesis for xcup, unplaced, no proof of 100 MHz"


@bench("sgf", f"kernel, events, {EVENTS} per frame", unit="clocks per event", must="<= 1.01")
def event() -> Measured:
    """A trial of 80 frames from start to done, the answer left out."""
    return Measured(clocks().per_event, f"cycle counter of the rtl device, {_BUILD}")


@bench("sgf", f"kernel, stalls in a trial, {EVENTS} events per frame", unit="clocks", must="<= 0")
def stalls() -> Measured:
    """Clocks in which an event waited at the input."""
    return Measured(clocks().stalls, f"stall counter, events without a gap, {_BUILD}")


@bench("sgf", "kernel, end of trial to answer, spatial unit alone", unit="clocks", must="<= 2000")
def spatial() -> Measured:
    """Every bit and every row in use."""
    return Measured(clocks().spatial, f"answer counter, {_BUILD}")


@bench("sgf", "kernel, end of trial to answer, temporal unit opened", unit="clocks", must="<= 12500")
def temporal() -> Measured:
    """Two vectors of every bit; the rows shared."""
    return Measured(clocks().temporal, f"answer counter, {CONFIG.frames} frames, {_BUILD}")


@bench("sgf", "kernel, teach to two units", unit="clocks", must="<= 512")
def teach() -> Measured:
    """Counters and table of both, vectors being there."""
    return Measured(clocks().teach, f"teach counter, {CONFIG.table} slots, {_BUILD}")


@bench("sgf", "kernel, work of units behind shut gates", unit="clocks", must="<= 0")
def shut() -> Measured:
    """Activity counters of units B and C and of the temporal engine."""
    return Measured(clocks().shut, f"17 trials that unit A answers alone, {_BUILD}")


def _size(name: str) -> Measured:
    found = size()
    cells = f"{found.lut:,} LUT, {found.ff:,} FF, {found.dsp} DSP, {found.bram36:g} BRAM36, {found.uram} URAM"
    return Measured(getattr(found, name), f"{cells}; shell included, {_PLACED_NOWHERE}")


@bench("sgf", "kernel, its size: LUT", unit="LUT", must="<= 15000")
def size_lut() -> Measured:
    """Look-up tables, those used as memory included."""
    return _size("lut")


@bench("sgf", "kernel, its size: BRAM36", unit="BRAM36", must="<= 20")
def size_bram() -> Measured:
    """Block memories of 36 Kb, halves counted as halves."""
    return _size("bram36")


@bench("sgf", "kernel, its size: DSP", unit="DSP48E2", must="<= 8")
def size_dsp() -> Measured:
    """Multipliers."""
    return _size("dsp")
