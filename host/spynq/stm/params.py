"""Contract of the sampling tree: registers, memory records, limits, build parameters.

Three front ends feed one back end. ``flat`` computes the log-likelihood of a resident population
under Gaussian cues; ``likelihood weighting`` draws samples of a discrete Bayesian network; ``tree``
sends messages between resident populations. All hand groups of ``lanes`` log-likelihoods to the back
end, which finds the minimum, exponentiates, and sums in exact integers, so that the result depends
neither on the lane count nor on the order.
"""

from __future__ import annotations

from dataclasses import dataclass

from spynq.contract import Beat, Field, Kernel, Limit, Master, Register
from spynq.stm.step import STEP

__all__ = [
    "CHUNK",
    "IMPOSSIBLE",
    "KERNEL",
    "L_BITS",
    "L_FRACTION",
    "L_MAX",
    "MAX_GAIN_BITS",
    "MAX_TERMS",
    "OP",
    "PARENTS_PER_WORD",
    "RECORD",
    "SATZ_LIMIT",
    "SLOTS",
    "STREAMS",
    "TARGET",
    "W_BITS",
    "W_ONE",
    "StmConfig",
]

L_BITS = 24
"""Bits of a negative log2 likelihood."""
L_FRACTION = 10
"""Fraction bits of it."""
L_MAX = (1 << L_BITS) - 2
"""Largest possible value; sums saturate here."""
IMPOSSIBLE = (1 << L_BITS) - 1
"""Reserved code of probability zero: sticky, never added to."""
SATZ_LIMIT = (1 << 20) - 16
"""Smallest l of a sample one term of which was clipped, on the side where the largest z is 2**17 - 1; as
l_min it raises SATZ: the best sample is about 32 standard deviations off."""
W_BITS = 17
"""Bits of a weight, 0 to W_ONE."""
W_ONE = 1 << 16
"""Weight of the best sample."""
MAX_TERMS = 8
"""Gaussian terms of one evidence."""
MAX_GAIN_BITS = 26
"""Bits of a gain; fixed by the signed 27-bit port of the multiplier."""
STREAMS = 64
"""Random generators of likelihood weighting, whatever the lane count."""
SLOTS = 16
"""Samples each generator draws per chunk."""
CHUNK = STREAMS * SLOTS
"""Samples of a chunk, the unit of likelihood weighting: one l_min and one record each."""
PARENTS_PER_WORD = 4
"""Parent places in one program word."""

OP = Beat(
    "OP",
    128,
    (
        Field("BASE", 0, 20, "First table entry of the node."),
        Field("LOG2_STATES", 20, 4, "log2 of the padded row length, 0 to 8."),
        Field("FIRST", 24, 1, "First word of its operation: the row sum starts at zero."),
        Field("LAST", 25, 1, "Last word of its operation: the table is read."),
        Field("WEIGH", 26, 1, "1: add the entry to the sample's log-likelihood; 0: draw a state."),
        Field("FRESH", 27, 1, "Start from log-likelihood 0 (set in the first operation)."),
        Field("PUSH", 28, 1, "Hand the log-likelihood to the back end (set in the last operation)."),
        Field("COLUMN", 32, 8, "State column a draw is written to."),
        *(
            item
            for p in range(PARENTS_PER_WORD)
            for item in (
                Field(f"PARENT{p}", 48 + 20 * p, 8, "State column of the parent."),
                Field(f"STRIDE{p}", 56 + 20 * p, 12, "Rows per state of it; 0: place not used."),
            )
        ),
    ),
    "One word of the likelihood-weighting program. An operation takes one word per CAP_PARENTS "
    "parents; FRESH, PUSH, WEIGH, COLUMN, BASE and LOG2_STATES are the same in all its words.",
)

TARGET = Beat(
    "TARGET",
    128,
    (
        Field("COLUMN", 0, 8, "State column that is counted."),
        Field("BIN", 16, 16, "Bin of its state 0."),
    ),
    "One query target of likelihood weighting.",
)

RECORD = Beat(
    "RECORD",
    256,
    (
        Field("W", 0, 64, "Sum of weights (at most 2**32)."),
        Field("S2", 64, 64, "Sum of squared weights."),
        Field(
            "S1",
            128,
            64,
            "Sum of weight times sample of column 0, two's complement; 0 in likelihood weighting.",
        ),
        Field("L_MIN", 192, 32, "Smallest negative log2 likelihood; IMPOSSIBLE if no sample is possible."),
        Field("FLAGS", 224, 32, "Bit 0 ZERO, bit 1 SATZ, as in STATUS bits 8 and 9."),
    ),
    "Result of one evidence (flat) or one chunk (likelihood weighting). With MODE.HISTOGRAM it is "
    "followed by BINS beats of 128 bits: sum of weights (low 64) and of squared weights (high 64).",
)


def _pair(name: str, offset: int, doc: str) -> tuple[Register, Register]:
    return (
        Register(f"{name}_LO", offset, "rw", f"{doc}, low word."),
        Register(f"{name}_HI", offset + 4, "rw", f"{doc}, high word.", width=8),
    )


def _result(name: str, offset: int, doc: str) -> tuple[Register, Register]:
    return (
        Register(f"{name}_LO", offset, "ro", f"{doc}, low word."),
        Register(f"{name}_HI", offset + 4, "ro", f"{doc}, high word."),
    )


KERNEL = Kernel(
    name="stm",
    title="Sampling tree: Bayesian inference by importance sampling",
    ident="STM1",
    version=(1, 1),
    capabilities=(
        ("CAP_LANES", "Samples per clock."),
        ("CAP_TERMS", "Gaussian terms per clock and lane; 0: no flat front end."),
        ("CAP_POPULATION", "Samples of a resident population, or of all of a tree, per column."),
        ("CAP_COLUMNS", "Coordinate columns of a resident population."),
        ("CAP_BINS", "Histogram bins."),
        ("CAP_STATES", "State columns of likelihood weighting; 0: no such front end."),
        ("CAP_STATE_BITS", "Bits of a state."),
        ("CAP_PARENTS", "Parents looked up per clock."),
        ("CAP_PROGRAM", "Program words."),
        ("CAP_TABLE", "Table entries."),
        ("CAP_TARGETS", "Query targets per run."),
        ("CAP_EDGE", "Parents per clock on an edge of a tree; 0: no tree front end."),
        ("CAP_COUNTS", "Entries of expected counts; 0: no counting of data records."),
    ),
    status_flags=(
        Field("ZERO", 8, 1, "Some evidence or chunk had no possible sample."),
        Field("SATZ", 9, 1, "Some best sample lies 32 standard deviations or more from the cues."),
        Field("LOSTMASS", 10, 1, "Tree: some child sample had no parent within 32 standard deviations."),
        Field("SKIPPED", 11, 1, "Tree: some step did not fit this kernel and was left out."),
    ),
    registers=(
        Register(
            "MODE",
            0x80,
            "rw",
            "What a start does.",
            width=9,
            fields=(
                Field("WEIGHTING", 0, 1, "0: flat population; 1: likelihood weighting."),
                Field("LOAD", 1, 1, "Load the image (population or program) first; else it is resident."),
                Field(
                    "BATCH",
                    2,
                    1,
                    "Flat: cues and gains come from memory, EVIDENCES of them; else from CUEn, GAINn.",
                ),
                Field("RECORDS", 3, 1, "Write a RECORD per evidence or chunk to memory."),
                Field("HISTOGRAM", 4, 1, "Count weights per bin; with RECORDS the bins follow each record."),
                Field("WEIGHTS", 5, 1, "Flat: write every sample's weight to memory as a 32-bit word."),
                Field(
                    "SEEDS",
                    6,
                    1,
                    "Weighting: the image begins with generator states, which replace the present ones. "
                    "No effect without LOAD.",
                ),
                Field(
                    "TREE", 7, 1, "Tree, whatever the other bits: run the SAMPLES steps of the list at IMAGE."
                ),
                Field(
                    "DATA",
                    8,
                    1,
                    "Weighting: a chunk of SAMPLES samples for each of EVIDENCES data records at BATCH; "
                    "BINS expected counts of 64 bits go to WEIGHT.",
                ),
            ),
        ),
        Register(
            "SAMPLES", 0x84, "rw", "Samples: of the population, or to draw in all (any number).", width=31
        ),
        Register("EVIDENCES", 0x88, "rw", "Evidences in a batch, at least 1.", width=24),
        Register("TERMS", 0x8C, "rw", "Gaussian terms of an evidence, 1 to 8.", width=4),
        Register(
            "BINS", 0x90, "rw", "Bins to write after each record; with DATA: expected counts.", width=16
        ),
        Register("TARGETS", 0x94, "rw", "Query targets, 0 to CAP_TARGETS.", width=10),
        Register("PROGRAM", 0x98, "rw", "Program words of the image, 1 to CAP_PROGRAM.", width=16),
        Register("TABLE", 0x9C, "rw", "Table beats (4 entries each) of the image.", width=18),
        Register("COLUMNS", 0xC0, "rw", "State columns of a data record, one byte each.", width=9),
        *_pair("IMAGE", 0xA0, "Byte address of the image, a multiple of 16"),
        *_pair("BATCH", 0xA8, "Byte address of the cue batch, a multiple of 16"),
        *_pair("RESULT", 0xB0, "Byte address the records go to, a multiple of 16"),
        *_pair("WEIGHT", 0xB8, "Byte address the weights go to, a multiple of 16"),
        *(
            Register(
                f"CUE{t}",
                0x100 + 8 * t,
                "rw",
                f"Cue of term {t}, signed 16 bit, in units of the sample grid.",
                width=16,
            )
            for t in range(MAX_TERMS)
        ),
        *(
            Register(
                f"GAIN{t}",
                0x104 + 8 * t,
                "rw",
                f"Gain of term {t}: floor(sqrt(log2(e)/2)/sd * 2**31 + 1/2).",
                width=MAX_GAIN_BITS,
            )
            for t in range(MAX_TERMS)
        ),
        *_result("W", 0x140, "Sum of weights of the last evidence or chunk"),
        *_result("S1", 0x148, "Sum of weight times column-0 sample of it, two's complement"),
        *_result("S2", 0x150, "Sum of squared weights of it"),
        Register("L_MIN", 0x158, "ro", "Smallest negative log2 likelihood of it, 10 fraction bits."),
        Register(
            "LOST",
            0x15C,
            "ro",
            "Largest share of a child's weight lost on an edge of a tree run, 2**-16.",
        ),
    ),
    masters=(Master("m_axi_gmem", 128, "Images, cue batches, records and weights."),),
    beats=(OP, TARGET, RECORD, STEP),
    limits=(
        Limit("samples", 1, (1 << 31) - 1, "samples per run"),
        Limit("terms", 1, MAX_TERMS, "Gaussian terms of one evidence"),
        Limit("gain", 0, (1 << MAX_GAIN_BITS) - 1, "gain of a term: sd of at least 28 grid steps"),
        Limit("cue", -(1 << 15), (1 << 15) - 1, "cue or sample on the grid"),
    ),
)


def _power_of_two(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high or value & (value - 1):
        raise ValueError(f"{name} must be a power of two from {low} to {high}, not {value}")


@dataclass(frozen=True)
class StmConfig:
    """Build parameters of the sampling tree.

    Parameters
    ----------
    lanes : int
        Samples per clock, a power of two from 1 to 64.
    terms : int
        Gaussian terms per clock and lane, 0 (no flat front end) to 4. An evidence with more
        terms takes several clocks per group of samples.
    population : int
        Samples of a resident population, a power of two from ``lanes`` to 65,536.
    columns : int
        Coordinate columns held, at least 1 if there is a flat front end, at most 8; a multiple
        of ``terms``. Term t reads column t.
    bins : int
        Histogram bins, a power of two from 4 to 1,024.
    states : int
        State columns of likelihood weighting, a power of two from 4 to 256; 0: no such front end.
    state_bits : int
        Bits of a state, 1 to 8.
    parents : int
        Parents looked up per clock, 1 to 4.
    program : int
        Program words, a power of two from 8 to 4,096.
    table : int
        Table entries, a power of two from 16 to 65,536.
    targets : int
        Query targets per run, a power of two from 2 to 256.
    edge : int
        Parents per clock on an edge of a tree, a power of two from 4 to 512; 0: no tree front end.
        It needs ``lanes`` = 4 and uses ``population`` and ``columns``.
    counts : int
        1: count data records (the E step of EM); needs likelihood weighting.
    """

    lanes: int = 32
    terms: int = 2
    population: int = 4096
    columns: int = 4
    bins: int = 256
    states: int = 64
    state_bits: int = 8
    parents: int = 2
    program: int = 512
    table: int = 8192
    targets: int = 64
    edge: int = 0
    counts: int = 0

    def __post_init__(self) -> None:
        _power_of_two("lanes", self.lanes, 1, 64)
        if not 0 <= self.terms <= 4:
            raise ValueError(f"terms must be 0 to 4, not {self.terms}")
        if not self.terms and not self.states and not self.edge:
            raise ValueError(
                "a kernel needs a front end: terms (flat), states (weighting) or edge (tree) above 0"
            )
        if self.counts not in (0, 1):
            raise ValueError(f"counts must be 0 or 1, not {self.counts}")
        if self.counts and not self.states:
            raise ValueError("counts needs likelihood weighting; set states above 0")
        if self.edge:
            _power_of_two("edge", self.edge, 4, 512)
            if self.lanes != 4:
                raise ValueError(f"a tree front end needs lanes = 4, not {self.lanes}")
        if self.terms or self.edge:
            _power_of_two("population", self.population, max(self.lanes, 2 * self.edge, 2), 65536)
            if not 1 <= self.columns <= MAX_TERMS or self.columns % max(self.terms, 1):
                raise ValueError(
                    f"columns must be 1 to {MAX_TERMS} and a multiple of terms = {self.terms}, "
                    f"not {self.columns}"
                )
        _power_of_two("bins", self.bins, 4, 1024)
        if self.states:
            _power_of_two("states", self.states, 4, 256)
            if not 1 <= self.state_bits <= 8:
                raise ValueError(f"state_bits must be 1 to 8, not {self.state_bits}")
            if not 1 <= self.parents <= PARENTS_PER_WORD:
                raise ValueError(f"parents must be 1 to {PARENTS_PER_WORD}, not {self.parents}")
            _power_of_two("program", self.program, 8, 4096)
            _power_of_two("table", self.table, 16, 65536)
            _power_of_two("targets", self.targets, 2, 256)

    def capabilities(self) -> dict[str, int]:
        """Values of the capability registers."""
        resident, weighting = bool(self.terms or self.edge), bool(self.states)
        return {
            "CAP_LANES": self.lanes,
            "CAP_TERMS": self.terms,
            "CAP_POPULATION": self.population * resident,
            "CAP_COLUMNS": self.columns * resident,
            "CAP_BINS": self.bins,
            "CAP_STATES": self.states,
            "CAP_STATE_BITS": self.state_bits * weighting,
            "CAP_PARENTS": self.parents * weighting,
            "CAP_PROGRAM": self.program * weighting,
            "CAP_TABLE": self.table * weighting,
            "CAP_TARGETS": self.targets * weighting,
            "CAP_EDGE": self.edge,
            "CAP_COUNTS": self.table // 2 * self.counts,
        }
