"""Rows of ``spynq bench stm`` on trees and learning: cycles of the RTL, sizes by open synthesis."""

from __future__ import annotations

from spynq.bench import Measured, bench
from spynq_hw.estimate import ZCU104
from spynq_sim.bench_stm import size
from spynq_sim.bench_tree import CHIP, EDGE, LEARN, NEURONS, edge_cycles, learn_cycles

_PAPER = 38_900
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
    """Deviation, square, exponential, multiplicity and message: five multipliers per lane."""
    found = size(EDGE)
    return Measured(found.dsp, f"{found.lut:,} LUT, {found.ff:,} FF, {found.bram36:g} BRAM36; {_UNPLACED}")


@bench("stm", "edge, whole chip, 256 lanes", unit="cycles per neuron", must="<= 150", moonshot="<= 12")
def edge_chip() -> Measured:
    """One kernel as wide as a power of two allows; the same inference."""
    cycles = edge_cycles(CHIP)
    return Measured(
        cycles / NEURONS, f"{cycles:,} cycles, {CHIP.edge} lanes, device rtl, answer equal to golden"
    )


@bench("stm", "edge, whole chip, its size: LUT", unit="% of the XCZU7EV", must="<= 75")
def chip_lut() -> Measured:
    """Look-up tables, those used as memory and inverters included; the DSP fit is in the details."""
    found = size(CHIP)
    return Measured(
        100 * found.lut / ZCU104.lut,
        f"{found.lut:,} LUT, {found.ff:,} FF, {found.dsp:,} of {ZCU104.dsp:,} DSP, {found.bram36:g} of "
        f"{ZCU104.bram36} BRAM36; {_UNPLACED}, each module by itself",
    )


@bench("stm", "E step of EM, ALARM, 30 % missing", unit="cycles per record")
def learn() -> Measured:
    """1,024 samples per record, expected counts of all 37 nodes added up on chip."""
    return Measured(
        learn_cycles(), f"what a record more costs, {LEARN.lanes} lanes, device rtl, counts equal to golden"
    )
