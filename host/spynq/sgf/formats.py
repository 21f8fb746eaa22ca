"""Words of the streams and of the window, and the numbers that every build shares."""

from __future__ import annotations

from enum import IntEnum

from spynq.contract import Beat, Field

__all__ = [
    "BIT",
    "COMMAND",
    "CORE_BLOCK",
    "COUNT_LIMIT",
    "EVENT_WORD",
    "FLAG",
    "GATE",
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
