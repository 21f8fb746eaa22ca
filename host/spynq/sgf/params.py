"""Contract of the spike gating flow: registers, words of the streams, the window, build parameters.

Everything but the settings of a run goes through the streams: events, labels, the configuration and
the model are words of 64 bits. A run takes words until :data:`PAUSE`; a trial may span runs.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from spynq.contract import Beat, Field, Kernel, Limit, Register, Stream

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
    "VECTOR",
    "Child",
    "Kind",
    "Report",
    "SgfConfig",
    "Window",
]

CORE_BLOCK = 3
"""Pixels of a side of an ST core; blocks do not overlap."""
COUNT_LIMIT = 127
"""CNT saturates here."""
SKIP = 3
"""A temporal step compares a frame with the one so many frames before."""
TRIAL_LIMIT = 0xFFFF
"""Largest trial count of a row; one more halves the row."""
LOG_LIMIT = 1023
"""Largest argument of the logarithm table; larger ones are taken as this."""
MAX_BITS = 256
"""Bits of a vector at most."""
STATISTIC_BITS = 23
"""Bits of a statistic and of its threshold, signed."""
NO_CLASS = 255
"""Winner of a trial without an answer."""
UNITS = ("A", "B", "C")
"""A sees every trial; B and C those that the gates let through."""


class Kind(IntEnum):
    """What a command word asks for."""

    PAUSE = 0
    """End the run; the trial in hand goes on in the next one."""
    LABEL = 1
    """Class of the trial in hand, and what to do with it. The last label before its end counts."""
    CLEAR = 2
    """Forget all trials taught."""
    FORGET = 3
    """Forget the row ADDRESS: its trials, counters and table slots."""
    WRITE = 4
    """Store DATA in the window at ADDRESS."""
    ADD = 5
    """Add DATA to the counter in the window at ADDRESS; it saturates."""
    READ = 6
    """Hand on DATA words of the window from ADDRESS."""
    DROP = 7
    """Throw away the trial in hand."""
    VECTOR = 8
    """Up to 32 events of one row, polarity and time."""
    TIME = 9
    """DATA is the time in microseconds of the vectors that follow."""


class Window(IntEnum):
    """First address of every part of the window."""

    THETA = 0x0000
    UNIT = 0x0010
    GATE = 0x0020
    PATH = 0x0040
    BIT = 0x0400
    TRIALS = 0x0800
    TABLE = 0x1000
    COUNT = 0x2000


class Child(IntEnum):
    """What a row of unit A opens."""

    LEAF = 0
    """Nothing: it is a class."""
    RULE = 1
    """Unit B, by the sign of a statistic."""
    UNIT_B = 2
    """Unit B, by its counters."""
    UNIT_C = 3
    """Unit C, by its counters."""


class Report(IntEnum):
    """Bits of REPORT, in the order in which the parts follow a result."""

    SCORES = 0
    VECTORS = 1
    STATISTICS = 2
    CNT = 3
    MARGINALS = 4


EVENT_WORD = Beat(
    "EVENT",
    64,
    (
        Field("X", 0, 14, "Column."),
        Field("Y", 14, 14, "Row."),
        Field("P", 28, 1, "Polarity: 1 brighter."),
        Field("VALID", 29, 1, "0: no event, the word only ends the trial."),
        Field("END", 30, 1, "The trial ends behind this word; so does TLAST."),
        Field("COMMAND", 31, 1, "0."),
        Field("T", 32, 32, "Time in microseconds, modulo 2**32."),
    ),
    "An event, as it comes in.",
)

COMMAND = Beat(
    "COMMAND",
    64,
    (
        Field("ADDRESS", 0, 16, "Window address; class of a LABEL; row of a FORGET."),
        Field("TEACH", 16, 1, "LABEL: add the trial to its class."),
        Field("UNTEACH", 17, 1, "LABEL: take the trial out of its class."),
        Field("KIND", 24, 4, "See Kind."),
        Field("COMMAND", 31, 1, "1."),
        Field("DATA", 32, 32, "Value, or number of words."),
    ),
    "A command among the events. TLAST is not looked at.",
)

VECTOR = Beat(
    "VECTOR",
    64,
    (
        Field("X", 0, 8, "Column of mask bit 0, after scaling; a multiple of 8."),
        Field("Y", 8, 8, "Row, after scaling."),
        Field("P", 16, 1, "Polarity of all of them."),
        Field("KIND", 24, 4, "Kind.VECTOR."),
        Field("COMMAND", 31, 1, "1."),
        Field("MASK", 32, 32, "One event per set bit, the lowest column first."),
    ),
    "Events of one row in one word; the time is that of the last TIME. Mirrors and scales do not apply.",
)

RESULT = Beat(
    "RESULT",
    64,
    (
        Field("WINNER", 0, 8, "Class; 255: none."),
        Field("SECOND", 8, 8, "Class of the runner-up of the unit that decided; 255: none."),
        Field("SCORE", 16, 16, "min(floor(65536 A / (L n)), 65535) of the row that won last."),
        Field("OPEN", 32, 8, "Bit u: unit u was evaluated."),
        Field("FLAGS", 40, 8, "See FLAG."),
        Field("TRIAL", 48, 16, "Number of the trial in its run, from 0, modulo 2**16."),
    ),
    "What a trial gives. The parts that REPORT asks for follow it.",
)

_FLAGS = (
    Field("PADDED", 0, 1, "Fewer frames than FRAMES came."),
    Field("EMPTY", 1, 1, "No frame came: no unit was evaluated, the vectors are zero."),
    Field("SATURATED", 2, 1, "Some CNT would have passed 127."),
    Field("REORDERED", 3, 1, "Time ran backwards between two events of a frame or more."),
    Field("TIE", 4, 1, "Another row of the deciding unit had the same score."),
    Field("TAUGHT", 5, 1, "The trial was taught or taken out."),
    Field("REFUSED", 6, 1, "Its label could not be followed: nothing was changed."),
    Field("OVERFLOW", 7, 1, "The table had no free slot for a vector; the counters learnt it."),
)
FLAG = {field.name: field.mask for field in _FLAGS}
"""Mask of every flag of a result."""

BIT = Beat(
    "BIT",
    32,
    (
        Field("STATISTIC", 0, 9, "Index of the statistic."),
        Field("THRESHOLD", 9, STATISTIC_BITS, "The bit is set above it; two's complement."),
    ),
    "How a bit of a vector is made.",
)

UNIT = Beat(
    "UNIT",
    32,
    (
        Field("BITS", 0, 9, "Bits of the vector, 0 to CAP_BITS."),
        Field("TEMPORAL", 9, 1, "Some bit needs the temporal engine."),
        Field("FIRST", 16, 8, "Unit A: its first row."),
        Field("COUNT", 24, 8, "Unit A: its rows."),
    ),
    "A unit.",
)

GATE = Beat(
    "GATE",
    32,
    (
        Field("CHILD", 0, 2, "See Child."),
        Field("FIRST", 7, 8, "Leaf: the class. Rule: the class above 0. Unit: its first row."),
        Field("COUNT", 15, 8, "Rule: the class at 0 and below. Unit: its rows."),
        Field("STATISTIC", 23, 9, "Rule: the statistic."),
    ),
    "What follows when a row wins.",
)

PATH = Beat(
    "PATH",
    32,
    (
        Field("ROW", 0, 8, "Row of unit A."),
        Field("KNOWN", 8, 1, "1: the class can be taught."),
        Field("UNIT", 9, 2, "Unit below: 0 none, 1 B, 2 C."),
        Field("BELOW", 16, 8, "Row in it."),
    ),
    "Which rows a class is taught to.",
)

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
        Register("MODE", 0x80, "rw", "How trials are cut and scored.", width=8, fields=_MODE),
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
    beats=(EVENT_WORD, COMMAND, VECTOR, RESULT, BIT, UNIT, GATE, PATH),
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
