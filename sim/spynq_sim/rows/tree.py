"""Rows of ``spynq bench stm`` on trees and learning: cycles of the RTL, sizes by open synthesis."""

from __future__ import annotations

from spynq.bench import Measured, bench
from spynq_hw.estimate import ZCU104
from spynq_sim.bench_stm import size
from spynq_sim.bench_tree import CHIP, EDGE, LEARN, NEURONS, edge_cycles, learn_cycles

_PAPER = 38_900
_SHARE = 0.75
_UNPLACED = "open synthesis for xcup, shell included, unplaced"


@bench(
    "stm", "edge, 4,000 x 4,000 neurons, 32 lanes", unit="cycles per neuron", must="<= 150", moonshot="<= 12"
)
def edge() -> Measured:
    """Cue, message and all weights, pools resident; total over the neurons of one pool."""
    cycles = edge_cycles()
    return Measured(
        cycles / NEURONS,
        f"{cycles:,} cycles for one inference, every row has weight, device rtl, memory latency 20 cycles, "
        f"answer equal to golden; paper: about {_PAPER:,} per neuron (its 0.389 ms at 100 MHz)",
    )


@bench("stm", "its size: edge of 32 lanes, DSP", unit="DSP48E2", must="<= 179")
def edge_dsp() -> Measured:
    """Deviation, square, multiplicity and message: four multipliers per lane."""
    found = size(EDGE)
    return Measured(found.dsp, f"{found.lut:,} LUT, {found.ff:,} FF, {found.bram36:g} BRAM36; {_UNPLACED}")


@bench("stm", "edge, whole chip", unit="cycles per neuron", must="<= 150", moonshot="<= 12")
def edge_chip() -> Measured:
    """Kernels of 32 lanes side by side, each with an evidence of its own."""
    copies = size(EDGE).copies(ZCU104, _SHARE)
    one = edge_cycles() / NEURONS
    return Measured(
        one / copies,
        f"{one:.1f} on one kernel, divided by {copies} kernels that fit the XCZU7EV at {_SHARE:.0%} by "
        "estimate; one kernel was simulated, not the chip",
    )


@bench("stm", "edge, one kernel as wide as the chip: LUT", unit="% of the XCZU7EV", must="<= 75")
def chip_lut() -> Measured:
    """A whole-chip build; it runs in simulation with 500 neurons per pool."""
    cycles, found = edge_cycles(CHIP, 500), size(CHIP)
    return Measured(
        100 * found.lut / ZCU104.lut,
        f"{CHIP.edge} lanes: {found.lut:,} LUT, {found.dsp:,} of {ZCU104.dsp:,} DSP, {found.bram36:g} "
        f"BRAM36, {_UNPLACED}; 500 x 500 neurons in {cycles:,} cycles on device rtl, answer equal to golden",
    )


@bench("stm", "E step of EM, ALARM, 30 % missing", unit="cycles per record")
def learn() -> Measured:
    """1,024 samples per record, expected counts of all 37 nodes added up on chip."""
    return Measured(
        learn_cycles(), f"what a record more costs, {LEARN.lanes} lanes, device rtl, counts equal to golden"
    )
