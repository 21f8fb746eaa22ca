"""Rows of ``spynq bench stm``: cycles of the RTL, sizes by open synthesis, the software beside it."""

from __future__ import annotations

from spynq.bench import Measured, bench
from spynq.stm.params import StmConfig
from spynq_hw.estimate import ZCU104, Estimate
from spynq_sim.bench_stm import (
    BATCH,
    FLAT,
    POPULATION,
    SAMPLES,
    WEIGHTING,
    alarm_cycles,
    alarm_query,
    flat_cycles,
    size,
    software_rates,
    start_estimates,
)

_CLOCK = 200e6
_SHARE = 0.75
_PLACED_NOWHERE = "open synthesis for xcup, unplaced, no proof of 200 MHz"


def _build(config: StmConfig) -> str:
    return f"{config.lanes} lanes, device rtl, memory latency 20 cycles"


@bench("stm", "flat, 1,000 samples, two terms, 32 lanes, resident, moments", unit="cycles",
       must="<= 200", moonshot="<= 100")  # fmt: skip
def flat_moments() -> Measured:
    """Start to done, cues and moments in registers."""
    software_rates()  # first of all: no synthesis runs beside it yet
    start_estimates()
    return Measured(flat_cycles().moments, f"cycle counter, {_build(FLAT)}, answer equal to golden")


@bench("stm", "batch of evidences, same", unit="cycles per evidence", must="<= 40", moonshot="<= 5")
def flat_batch() -> Measured:
    """One kernel of 32 lanes; the next row has the whole chip."""
    return Measured(
        flat_cycles().per_evidence, f"{BATCH} evidences in one start, records to memory, {_build(FLAT)}"
    )


@bench("stm", "batch of evidences, whole chip", unit="cycles per evidence", must="<= 40", moonshot="<= 5")
def flat_batch_chip() -> Measured:
    """As many of the same kernels as the open estimate allows, each with its own batch."""
    copies = size(FLAT).copies(ZCU104, _SHARE)
    one = flat_cycles().per_evidence
    return Measured(
        one / copies,
        f"{one:.2f} on one kernel of {FLAT.lanes} lanes, divided by {copies} kernels that fit the XCZU7EV at "
        f"{_SHARE:.0%} by estimate ({_cells(size(FLAT))} each); one kernel was simulated, not the chip",
    )


@bench("stm", "same network, everything moved as 32-bit words", unit="cycles",
       must="<= 1300", moonshot="<= 700")  # fmt: skip
def flat_moved() -> Measured:
    """Three arrays in (two columns and the labels), weights, record and histogram out."""
    return Measured(
        flat_cycles().moved,
        f"3 x {POPULATION} words read, {POPULATION} weights, record and bins written, {_build(FLAT)}, "
        "one 128-bit port",
    )


def _cells(found: Estimate) -> str:
    return f"{found.lut:,} LUT, {found.ff:,} FF, {found.dsp} DSP, {found.bram36:g} BRAM36, {found.uram} URAM"


def _size(name: str) -> Measured:
    found = size(FLAT)
    return Measured(getattr(found, name), f"{_cells(found)}; shell included, {_PLACED_NOWHERE}")


@bench("stm", "its size: DSP", unit="DSP48E2", must="<= 179", moonshot="<= 89")
def size_dsp() -> Measured:
    """Multipliers."""
    return _size("dsp")


@bench("stm", "its size: LUT", unit="LUT", must="<= 43849", moonshot="<= 21924")
def size_lut() -> Measured:
    """Look-up tables, those used as memory and inverters included."""
    return _size("lut")


@bench("stm", "its size: FF", unit="FF", must="<= 28142", moonshot="<= 14071")
def size_ff() -> Measured:
    """Flip-flops; Yosys counts the registers of multipliers, which Vivado packs into DSPs."""
    return _size("ff")


@bench("stm", "its size: BRAM36", unit="BRAM36", must="<= 14", moonshot="<= 7")
def size_bram() -> Measured:
    """Block memories of 36 Kb, halves counted as halves."""
    return _size("bram36")


def _alarm() -> str:
    _, evidence, target = alarm_query()
    return f"{SAMPLES:,} samples, evidence {', '.join(evidence)}, target {target}, all 37 nodes kept"


@bench("stm", "likelihood weighting, ALARM", unit="cycles per sample and lane",
       must="<= 60", moonshot="<= 40")  # fmt: skip
def alarm() -> Measured:
    """Everything from start to done, image and records included."""
    cycles = alarm_cycles()
    each = cycles / (SAMPLES / WEIGHTING.lanes)
    return Measured(each, f"{cycles:,} cycles, {_alarm()}, {_build(WEIGHTING)}")


def _rate() -> float:
    return SAMPLES / alarm_cycles() * _CLOCK


@bench("stm", "ALARM, samples per second at 200 MHz and 64 lanes against two cores", unit="x",
       must=">= 20", moonshot=">= 100")  # fmt: skip
def alarm_ratio() -> Measured:
    """To the fastest software, which is generated for this very query and vectorised."""
    rates = software_rates()
    return Measured(
        _rate() / rates.fastest,
        f"{_rate() / 1e6:,.1f} M/s (cycles from RTL, 200 MHz is not proven) against numba vectorised "
        f"{rates.numba / 1e6:,.2f}, numba plain loop {rates.plain / 1e6:,.2f} (two threads each), pyAgrum "
        f"WeightedSampling {rates.pyagrum / 1e6:,.4f} M/s, same run, CPU time per thread where the machine "
        f"was shared; {_alarm()}",
    )


@bench("stm", "same, whole-chip configuration that the open estimate allows", unit="x", moonshot=">= 300")
def alarm_chip() -> Measured:
    """Kernels of 64 lanes side by side, each with its own seed."""
    found = size(WEIGHTING)
    copies = found.copies(ZCU104, _SHARE)
    return Measured(
        copies * _rate() / software_rates().fastest,
        f"{copies} kernels of 64 lanes at {_SHARE:.0%} of the XCZU7EV ({_cells(found)} each, "
        f"{_PLACED_NOWHERE}), "
        f"{copies * _rate() / 1e6:,.0f} M/s; one kernel was simulated, not the chip",
    )


@bench("stm", "ALARM at 64 lanes against a plain numba loop on two cores", unit="x")
def alarm_plain() -> Measured:
    """The program most people would write: sample by sample, any network without compiling again."""
    rates = software_rates()
    return Measured(_rate() / rates.plain, f"{rates.plain / 1e6:,.2f} M/s, two threads; {_alarm()}")


@bench("stm", "ALARM at 64 lanes against pyAgrum's WeightedSampling", unit="x")
def alarm_pyagrum() -> Measured:
    """One thread; it has no more, and estimates all nodes."""
    rates = software_rates()
    return Measured(_rate() / rates.pyagrum, f"{rates.pyagrum:,.0f} samples/s, one thread; {_alarm()}")
