"""Contract of the LIF convolution engine: registers, limits, build parameters.

The engine walks a list of descriptors in memory. Each one is a layer over a chunk of time steps;
what it reads and writes lies in the same memory, in the formats of :mod:`spynq.lif.descriptor`.
All addresses in a list are beats of 16 bytes from BASE, so that one binary image runs anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from spynq.contract import Field, Kernel, Limit, Master, Register
from spynq.lif.formats import CHANNEL, COUNTERS, DESCRIPTOR, FIR, PLAN, STATE

__all__ = ["BEAT_BYTES", "COLUMNS", "FEATURES", "KERNEL", "LANES", "LifConfig", "mask"]

BEAT_BYTES = 16
"""Bytes of a word of the memory port: the unit of every address and stride."""
LANES = 16
"""Output channels of a lane group, the unit in which weights, records and columns are made."""
COLUMNS = (1, 2, 4, 16, 32, 48)
"""Column counts of a build."""
FEATURES = (
    "gather",
    "slice",
    "planes",
    "second",
    "counts",
    "membrane",
    "state",
    "codebook",
    "static",
    "stream",
    "value",
    "sums",
    "words",
    "fir",
    "linear",
)
"""Bits of CAP_FEATURES from 0 on, parts that a build may lack; spynq.lif.features says what needs which."""

_TOTALS = (
    ("EVENTS", "Spikes fed to streams of columns, once per window and round"),
    ("SPIKES_IN", "Spikes in the input maps read"),
    ("SPIKES_OUT", "Spikes fired; of values the bits set in them"),
)


def _pair(name: str, offset: int, doc: str, access: str = "ro") -> tuple[Register, Register]:
    return (
        Register(f"{name}_LO", offset, access, f"{doc}, low word."),
        Register(f"{name}_HI", offset + 4, access, f"{doc}, high word."),
    )


KERNEL = Kernel(
    name="lif",
    title="LIF convolution engine: layers of spiking networks, event-driven, from descriptors",
    ident="LIFC",
    version=(1, 0),
    capabilities=(
        ("CAP_COLUMNS", "Columns; each serves 16 output channels."),
        ("CAP_FEATURES", "Bit per feature that is built, in the order of spynq.lif.params.FEATURES."),
        ("CAP_WEIGHTS", "Taps of 16 lanes that the weight memory of a column holds."),
        ("CAP_BANKS", "Banks of it: a layer's weights are loaded while another bank is read."),
        ("CAP_MAPS", "Beats of input map that a step may have, all planes and sources."),
        ("CAP_UNITS", "Pixels times rounds that a column may have in a descriptor."),
        ("CAP_ROUNDS", "Rounds of a descriptor: lane groups whose channel records a column holds."),
        ("CAP_TAPS", "Delays of the FIR over time."),
        (
            "CAP_KEPT",
            "Pairs of a column whose sums are kept for a still input; of a unit 1, 2, 4 or 8.",
        ),
        ("CAP_TIED", "Columns that always share a stream of spikes."),
        ("CAP_DSP", "1: the adders are DSP48E2 primitives; 0: fabric."),
    ),
    registers=(
        Register(
            "MODE",
            0x80,
            "rw",
            "What a run writes beside results.",
            width=1,
            fields=(Field("COUNTERS", 0, 1, "Write a COUNTERS record per descriptor."),),
        ),
        Register("LIMIT", 0x84, "rw", "Most descriptors of a run, at least 1.", width=16),
        *_pair("BASE", 0x88, "Byte address that every address of a list counts from, multiple of 16", "rw"),
        Register("LIST", 0x90, "rw", "Beats from BASE to the first descriptor."),
        Register("RECORDS", 0x94, "rw", "Beats from BASE to the first COUNTERS record."),
        Register("EXECUTED", 0x98, "ro", "Descriptors carried out in the run, live."),
        Register("SATURATED", 0x9C, "ro", "Values of the run that were clipped at write-back."),
        *(
            register
            for number, (name, doc) in enumerate(_TOTALS)
            for register in _pair(name, 0xA0 + 8 * number, doc)
        ),
    ),
    status_flags=(
        Field("UNFIT", 8, 1, "A descriptor does not fit this build; it and what follows was not run."),
        Field("ENDLESS", 9, 1, "LIMIT descriptors were run and none of them was an end."),
    ),
    masters=(Master("m_axi_gmem", 128, "Descriptors, weights, maps, states, results and counters."),),
    beats=(DESCRIPTOR, PLAN, CHANNEL, FIR, STATE, COUNTERS),
    limits=(
        Limit("steps", 1, 65_535, "time steps of a chunk"),
        Limit("channels", 1, 65_535, "channels of a map"),
        Limit("kernel", 1, 63, "height or width of a kernel"),
        Limit("planes", 1, 8, "bit planes of a map"),
        Limit("accumulator", -(1 << 23), (1 << 23) - 1, "sum of weights of a neuron and step"),
        Limit("state", -(1 << 15), (1 << 15) - 1, "stored membrane of a neuron that fires"),
        Limit("readout", -(1 << 23), (1 << 23) - 1, "stored membrane of a neuron that does not fire"),
    ),
)


def mask(*features: str) -> int:
    """Value of CAP_FEATURES for some of :data:`FEATURES`."""
    return sum(1 << FEATURES.index(name) for name in features)


@dataclass(frozen=True)
class LifConfig:
    """Build parameters of the engine.

    Parameters
    ----------
    columns : int
        1, 2, 4, 16, 32 or 48.
    weights : int
        Taps (16 lanes of 8 bits) in a column's weight memory.
    banks : int
        Banks of it, 1 to 16, each a power of two; a layer's weights are loaded while another bank is read.
    maps : int
        Beats of input map that a step may have: all planes of both sources.
    units : int
        Pixels times rounds that a column may have in a descriptor.
    rounds : int
        Rounds of a descriptor, 1 to 255.
    taps : int
        Delays of the FIR over time, at most 16.
    kept : int
        Pairs of neurons of a column (units times cycles of a unit, up to a power of two) whose sums are kept
        while the input stays the same; layers with more gather it at every step.
    tied : int
        Columns that always share a stream of spikes, a power of two up to 16 that divides the columns: with
        more there are fewer streams, hence fewer look-up tables, and layers of few channels take longer.
    dsp : bool
        Instantiate DSP48E2 adders; otherwise fabric adders of the same behaviour.
    features : int
        Bit per entry of :data:`FEATURES`.
    """

    columns: int = 16
    weights: int = 8192
    banks: int = 2
    maps: int = 1024
    units: int = 512
    rounds: int = 32
    taps: int = 16
    kept: int = 512
    tied: int = 1
    dsp: bool = True
    features: int = mask(*FEATURES)

    def __post_init__(self) -> None:
        if self.columns not in COLUMNS:
            raise ValueError(f"columns must be one of {', '.join(map(str, COLUMNS))}, not {self.columns}")
        for name, low, high in (("maps", 16, 1 << 16), ("units", 8, 1 << 14), ("kept", 8, 1 << 14)):
            value = getattr(self, name)
            if not low <= value <= high or value & (value - 1):
                raise ValueError(f"{name} must be a power of two from {low} to {high}, not {value}")
        if not 1 <= self.banks <= 16:
            raise ValueError(f"banks must be 1 to 16, not {self.banks}")
        bank = self.weights // self.banks
        if not 64 <= self.weights <= 1 << 16 or self.weights % self.banks or bank & (bank - 1):
            raise ValueError(
                f"weights must be 64 to {1 << 16}, a power of two in each of {self.banks} banks, "
                f"not {self.weights}"
            )
        if not 1 <= self.rounds <= 255:
            raise ValueError(f"rounds must be 1 to 255, not {self.rounds}")
        if not 1 <= self.taps <= 16:
            raise ValueError(f"taps must be 1 to 16, not {self.taps}")
        if self.tied not in (1, 2, 4, 8, 16) or self.columns % self.tied:
            raise ValueError(
                f"tied must be 1, 2, 4, 8 or 16 and divide the {self.columns} columns, not {self.tied}"
            )
        if not 1 <= self.features < 1 << len(FEATURES):
            raise ValueError(f"features must be 1 to {(1 << len(FEATURES)) - 1}, not {self.features}")

    @property
    def log2_tied(self) -> int:
        """Logarithm of the columns that share a stream."""
        return self.tied.bit_length() - 1

    @property
    def record_rounds(self) -> int:
        """Rounds whose channel records a column holds: of two layers, or of many small ones."""
        return 2 << max((self.rounds - 1).bit_length(), 1)

    def holds_records(self, rounds: Iterable[int]) -> bool:
        """Whether the channel records of layers of so many rounds have places of their own in a column."""
        return sum(rounds) <= self.record_rounds

    def has(self, feature: str) -> bool:
        """Whether the build has an entry of :data:`FEATURES`."""
        return bool(self.features >> FEATURES.index(feature) & 1)

    def capabilities(self) -> dict[str, int]:
        """Values of the capability registers."""
        return {
            "CAP_COLUMNS": self.columns,
            "CAP_FEATURES": self.features,
            "CAP_WEIGHTS": self.weights,
            "CAP_BANKS": self.banks,
            "CAP_MAPS": self.maps,
            "CAP_UNITS": self.units,
            "CAP_ROUNDS": self.rounds,
            "CAP_TAPS": self.taps,
            "CAP_KEPT": self.kept,
            "CAP_TIED": self.tied,
            "CAP_DSP": int(self.dsp),
        }
