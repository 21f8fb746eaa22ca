"""Rows of ``spynq bench lif``: cycles of the RTL at a known density, sizes by open synthesis."""

from __future__ import annotations

from spynq.bench import Measured, bench
from spynq.lif.params import LifConfig
from spynq_sim.bench_lif import (
    BUILD,
    LEAN,
    WIDE,
    Job,
    brp,
    dense_cycles,
    lenet1,
    lenet2,
    measure,
    parts,
    size,
)

_SPIKES_PER_CYCLE = 2
_LANES = 16


def _note(job: Job, config: LifConfig, resident: bool = True) -> str:
    low, high = min(job.densities.values()), max(job.densities.values())
    where = (
        "weights and channel records on chip from the run before" if resident else "weights loaded on the way"
    )
    return (
        f"{config.columns} columns, device rtl, memory latency 20 cycles, {where}; densities of its maps "
        f"{low:.1%} to {high:.1%}; all maps equal to golden"
    )


def _peak(config: LifConfig) -> int:
    """Synaptic operations per cycle at most."""
    return config.columns * _LANES * _SPIKES_PER_CYCLE


@bench("lif", "LeNet-2, 32 x 32, no padding, T = 60, d = 10 %", unit="cycles", must="<= 375000",
       moonshot="<= 140000")  # fmt: skip
def lenet2_cycles() -> Measured:
    """Start to done."""
    found = measure(lenet2(), BUILD, resident=True)
    share = found.sop / found.cycles / _peak(BUILD)
    return Measured(found.cycles, f"{share:.0%} of peak; {_note(lenet2(), BUILD)}")


def _closeness(found: Job, config: LifConfig) -> Measured:
    run = measure(found, config, resident=True)
    layers = [
        f"{floor.layer} {cycles:,} of {floor.cycles:,} ({floor.bound})"
        for (_, cycles), floor in zip(run.layers, run.floors, strict=True)
    ]
    least = sum(floor.cycles for floor in run.floors)
    return Measured(
        run.cycles / least, f"measured of least cycles (and what bounds them): {'; '.join(layers)}"
    )


@bench("lif", "LeNet-2, cycles / roofline", unit="cycles / cycles")
def lenet2_roofline() -> Measured:
    """How close every layer comes to what spikes, neurons and memory allow."""
    return _closeness(lenet2(), BUILD)


@bench("lif", "LeNet-1, cycles / roofline", unit="cycles / cycles")
def lenet1_roofline() -> Measured:
    """The same; a roofline above the target says that this design cannot meet it."""
    return _closeness(lenet1(), BUILD)


@bench("lif", "BRP MNIST, cycles / roofline", unit="cycles / cycles")
def brp_roofline() -> Measured:
    """The same."""
    return _closeness(brp(), WIDE)


@bench("lif", "LeNet-2 with weights loaded on the way", unit="cycles")
def lenet2_loading() -> Measured:
    """The first run after the weights have changed."""
    return Measured(measure(lenet2(), BUILD).cycles, _note(lenet2(), BUILD, resident=False))


@bench("lif", "LeNet-1, T = 20, still images of 8 planes", unit="cycles", must="<= 6500", moonshot="<= 3800")
def lenet1_cycles() -> Measured:
    """Start to done; the sums of the first layer are kept, as its input stays the same."""
    return Measured(measure(lenet1(), BUILD, resident=True).cycles, _note(lenet1(), BUILD))


@bench("lif", "BRP MNIST, T = 20, weights on chip", unit="cycles", must="<= 110000", moonshot="<= 40000")
def brp_cycles() -> Measured:
    """Start to done."""
    found = measure(brp(), WIDE, resident=True)
    return Measured(
        found.cycles,
        f"{found.sop / found.cycles / _peak(WIDE):.0%} of peak; {_note(brp(), WIDE)}; {WIDE.weights:,} taps "
        "a column, more than the ZCU104 holds at 8 bits",
    )


@bench("lif", "synaptic operations per cycle and DSP, LeNet-2 same padding", unit="per cycle and DSP",
       must=">= 2.5", moonshot=">= 3.8")  # fmt: skip
def per_dsp() -> Measured:
    """Effective operations, those of spikes that are there, and all DSPs: both builds have the same ones."""
    job = lenet2(same=True)
    found, dsp = measure(job, WIDE, resident=True), size(BUILD).dsp
    return Measured(
        found.sop / found.cycles / dsp, f"{found.cycles:,} cycles, {dsp} DSPs; {_note(job, WIDE)}"
    )


@bench("lif", "LUTs per peak operation and cycle", unit="LUT", must="<= 50", moonshot="<= 35")
def lut_per_operation() -> Measured:
    """All of the kernel: columns, streams, loaders, control, ports."""
    return _look_up_tables(BUILD)


@bench("lif", "LUTs per peak operation and cycle, lean build", unit="LUT", must="<= 50", moonshot="<= 35")
def lut_per_operation_of_the_lean_build() -> Measured:
    """The same of a build that has what a trained feed-forward network needs, and fewer streams."""
    return _look_up_tables(LEAN)


@bench("lif", "LeNet-1 on the lean build", unit="cycles")
def lenet1_of_the_lean_build() -> Measured:
    """What fewer look-up tables cost: a layer of up to 16 channels works with four columns of 16."""
    return Measured(measure(lenet1(), LEAN, resident=True).cycles, _note(lenet1(), LEAN))


@bench("lif", "LeNet-2 on the lean build", unit="cycles")
def lenet2_of_the_lean_build() -> Measured:
    """The same; its weights are more than that build holds, so they are loaded on the way."""
    return Measured(measure(lenet2(), LEAN).cycles, _note(lenet2(), LEAN, resident=False))


def _look_up_tables(config: LifConfig) -> Measured:
    cells, (column, stream) = size(config), parts(config)
    streams = config.columns // config.tied
    return Measured(
        cells.lut / _peak(config),
        f"{cells.lut:,} LUT ({config.columns} columns of {column.lut:,} and {streams} streams of "
        f"{stream.lut:,} by themselves), {cells.ff:,} FF, {cells.dsp} DSP, {cells.bram36:g} BRAM36, "
        f"{cells.uram} URAM, "
        f"{_peak(config)} operations a cycle; open synthesis for xcup, unplaced",
    )


@bench("lif", "dense array of 8,192 lanes / ours, LeNet-2", unit="cycles / cycles", must=">= 1.2",
       moonshot=">= 3.2")  # fmt: skip
def against_dense() -> Measured:
    """An own cycle model of 16 inputs x 16 outputs x 8 pixels x 4 steps, beside our RTL."""
    job = lenet2()
    dense, ours = dense_cycles(job.network), measure(job, BUILD, resident=True).cycles
    return Measured(dense / ours, f"{dense:,} cycles by model with 16 times the lanes; {_note(job, BUILD)}")
