"""Contract of the spike gating flow: registers, words of the streams, the window, build parameters.

Everything but the settings of a run goes through the streams: events, labels, the configuration and
the model are words of 64 bits. A run takes words until :data:`PAUSE`; a trial may span runs.
"""

from __future__ import annotations

from dataclasses import dataclass

from spynq.contract import Field, Kernel, Limit, Register, Stream
from spynq.sgf.formats import (
    BIT,
    COMMAND,
    CORE_BLOCK,
    COUNT_LIMIT,
    EVENT_WORD,
    FLAG,
    GATE,
    LOG_LIMIT,
    MAX_BITS,
    NO_CLASS,
    PATH,
    RESULT,
    SKIP,
    STATISTIC_BITS,
    TRIAL_LIMIT,
    UNIT,
    UNITS,
    Child,
    Kind,
    Report,
    Window,
)

__all__ = [
    "BIT",
    "COMMAND",
    "CORE_BLOCK",
    "COUNT_LIMIT",
    "DECISION",
    "EVENT_WORD",
    "FLAG",
    "GATE",
    "KERNEL",
    "LOG_LIMIT",
    "MAX_BITS",
    "NO_CLASS",
    "PATH",
    "RESULT",
    "SKIP",
    "STATISTIC_BITS",
    "TRIAL_LIMIT",
    "UNIT",
    "UNITS",
    "Child",
    "Kind",
    "Report",
    "SgfConfig",
    "Window",
]

DECISION = ("equation 1", "naive Bayes", "exact match", "exact vote")
"""Scoring modes, by MODE.SCORING."""

_MODE = (
    Field("TIME", 0, 1, "0: a frame is EVENTS events; 1: a frame is FRAME_US microseconds."),
    Field("KEEP_PARTIAL", 1, 1, "The unfinished last frame counts (it always does with TIME)."),
    Field("MIRROR_X", 2, 1, "Exchange left and right."),
    Field("MIRROR_Y", 3, 1, "Exchange top and bottom."),
    Field("ALLOW_EMPTY", 4, 1, "Teach trials without a frame too, as vectors of zeros."),
    Field("AUTO", 5, 1, "A trial ends with its last frame, too."),
    Field("SCORING", 6, 2, "0 equation 1, 1 naive Bayes, 2 exact match, 3 exact vote."),
)


def _own(offset: int, *names: tuple[str, str]) -> tuple[Register, ...]:
    return tuple(Register(name, offset + 4 * i, "ro", doc) for i, (name, doc) in enumerate(names))


KERNEL = Kernel(
    name="sgf",
    title="Spike gating flow: gestures from events, learnt on the chip",
    ident="SGF1",
    version=(1, 0),
    capabilities=(
        ("CAP_SIZE", "Pixels of a side of the frame."),
        ("CAP_FRAMES", "Frames of a trial at most."),
        ("CAP_CLASSES", "Classes."),
        ("CAP_ROWS", "Rows of counters, shared by the units."),
        ("CAP_BITS", "Bits of a vector at most."),
        ("CAP_THETAS", "Thresholds of CNT."),
        ("CAP_TABLE", "Slots of the table of vectors; 0: no table."),
        ("CAP_BAYES", "1: naive Bayes is there."),
    ),
    status_flags=(
        Field("BAD_WORD", 8, 1, "A command named an address, row or class that is not there."),
        Field("IN_TRIAL", 9, 1, "The run paused in the middle of a trial."),
    ),
    registers=(
        Register(
            "MODE",
            0x80,
            "rw",
            "How trials are cut and scored. DROP an open trial before this, or how it is cut below, changes.",
            width=8,
            fields=_MODE,
        ),
        Register("EVENTS", 0x84, "rw", "Events of a frame, at least 1 (without MODE.TIME).", width=16),
        Register("FRAMES", 0x88, "rw", "Frames of a trial, 1 to CAP_FRAMES.", width=8),
        Register("FRAME_US", 0x8C, "rw", "Microseconds of a frame, at least 1 (with MODE.TIME).", width=31),
        Register(
            "TIMEOUT_US",
            0x90,
            "rw",
            "An event that comes later than this after its frame began closes that frame; 0: never. "
            "Without MODE.TIME.",
            width=31,
        ),
        Register("SCALE_X", 0x94, "rw", "floor(CAP_SIZE * 65536 / sensor width), at least 1.", width=18),
        Register("SCALE_Y", 0x98, "rw", "The same for the height.", width=18),
        Register("ACTIVE", 0x9C, "rw", "A step needs so many active pixels in both frames.", width=14),
        Register(
            "REPORT",
            0xA0,
            "rw",
            "Parts that follow every result.",
            width=5,
            fields=tuple(Field(part.name, part.value, 1, f"{part.name} of the trial.") for part in Report),
        ),
        *_own(
            0x100,
            ("EVENTS_IN", "Events taken in this run."),
            ("DROPPED_RANGE", "Events outside the frame."),
            ("DROPPED_LATE", "Events behind the last frame of their trial."),
            ("FRAMES_DONE", "Frames closed."),
            ("TRIALS", "Trials ended."),
            ("HALVINGS", "Rows halved."),
            ("TABLE_OVERFLOWS", "Vectors that found no slot."),
            ("EVALUATIONS_A", "Vectors made by unit A."),
            ("EVALUATIONS_B", "Vectors made by unit B."),
            ("EVALUATIONS_C", "Vectors made by unit C."),
            ("ENGINE_RUNS", "Runs of the temporal engine."),
            ("STALLS", "Clocks in which a word waited at the input."),
            ("ANSWER_CLOCKS", "Clocks from the end of the last trial to its result."),
            ("TEACH_CLOCKS", "Clocks of the last teaching."),
            ("ACTIVE_A", "Clocks in which unit A worked."),
            ("ACTIVE_B", "Clocks in which unit B worked."),
            ("ACTIVE_C", "Clocks in which unit C worked."),
            ("ACTIVE_ENGINE", "Clocks in which the temporal engine worked."),
        ),
    ),
    streams=(
        Stream("s_axis", "in", 64, "Events and commands."),
        Stream("m_axis", "out", 64, "Results, reports and window reads; a last word of zeros, with TLAST."),
    ),
    beats=(EVENT_WORD, COMMAND, RESULT, BIT, UNIT, GATE, PATH),
    limits=(
        Limit("events", 1, 65535, "events of a frame"),
        Limit("active", 0, (1 << 14) - 1, "active pixels of a step"),
        Limit("sensor", 1, 1 << 14, "pixels of a side of the sensor"),
        Limit("theta", 0, COUNT_LIMIT, "threshold of CNT"),
    ),
)


def _power_of_two(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high or value & (value - 1):
        raise ValueError(f"{name} must be a power of two from {low} to {high}, not {value}")


@dataclass(frozen=True)
class SgfConfig:
    """Build parameters of the spike gating flow.

    Parameters
    ----------
    size : int
        Pixels of a side of the frame, a power of two from 8 to 128.
    frames : int
        Frames of a trial at most, 2 to 255.
    classes : int
        Classes, 1 to 32.
    rows : int
        Rows of counters that the units share, a power of two from 2 to 32.
    bits : int
        Bits of a vector at most, a power of two from 8 to 256.
    thetas : int
        Thresholds of CNT, 1 to 5.
    table : int
        Slots of the table of vectors, 0 (none) or a power of two from 2 to 256.
    bayes : bool
        Naive Bayes, which takes the logarithm table.
    """

    size: int = 128
    frames: int = 80
    classes: int = 16
    rows: int = 16
    bits: int = 256
    thetas: int = 4
    table: int = 256
    bayes: bool = True

    def __post_init__(self) -> None:
        _power_of_two("size", self.size, 8, 128)
        for name, low, high in (("frames", 2, 255), ("classes", 1, 32), ("thetas", 1, 5)):
            if not low <= getattr(self, name) <= high:
                raise ValueError(f"{name} must be {low} to {high}, not {getattr(self, name)}")
        _power_of_two("rows", self.rows, 2, 32)
        _power_of_two("bits", self.bits, 8, MAX_BITS)
        if self.table:
            _power_of_two("table", self.table, 2, 256)
        object.__setattr__(self, "bayes", bool(self.bayes))  # a capability register holds a number

    @property
    def grid(self) -> int:
        """Cells of a side; pixels that fill no block are left out."""
        return self.size // CORE_BLOCK

    @property
    def zones(self) -> int:
        """Zones of a side, at most 6 and even, so that halves are made of whole zones."""
        return min(6, self.grid - self.grid % 2)

    def zone(self, cell: int) -> int:
        """Zone of a row or column of cells."""
        return cell * self.zones // self.grid

    def capabilities(self) -> dict[str, int]:
        """Values of the capability registers."""
        return {
            "CAP_SIZE": self.size,
            "CAP_FRAMES": self.frames,
            "CAP_CLASSES": self.classes,
            "CAP_ROWS": self.rows,
            "CAP_BITS": self.bits,
            "CAP_THETAS": self.thetas,
            "CAP_TABLE": self.table,
            "CAP_BAYES": int(self.bayes),
        }
