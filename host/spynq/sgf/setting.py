"""What is set in the window before trials come: thresholds, bits, gates and paths."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from spynq.sgf.params import BIT, GATE, PATH, STATISTIC_BITS, UNIT, Child, SgfConfig, Window
from spynq.sgf.statistics import PLACES, TEMPORAL_FIRST
from spynq.sgf.words import pack, unpack

__all__ = ["Bit", "Gate", "Path", "Setting", "flat"]

_HALF = 1 << STATISTIC_BITS - 1


@dataclass(frozen=True)
class Bit:
    """A bit of a vector: set when the statistic is above the threshold."""

    statistic: int
    threshold: int

    def __post_init__(self) -> None:
        if not 0 <= self.statistic < PLACES:
            raise ValueError(f"a statistic stands at 0 to {PLACES - 1}, not {self.statistic}")
        if not -_HALF <= self.threshold < _HALF:
            raise ValueError(f"a threshold is {-_HALF} to {_HALF - 1}, not {self.threshold}")


@dataclass(frozen=True)
class Gate:
    """What follows when a row of unit A wins, or its class if nothing does.

    Parameters
    ----------
    child : Child
        Leaf, rule, or a unit with counters.
    first : int
        Leaf: the class. Rule: the class when the statistic is above 0. Unit: its first row.
    count : int
        Rule: the class otherwise. Unit: its rows.
    statistic : int
        Rule: place of the statistic.
    """

    child: Child = Child.LEAF
    first: int = 0
    count: int = 0
    statistic: int = 0


@dataclass(frozen=True)
class Path:
    """Rows a class is taught to: one of unit A, and one of a unit below (1 B, 2 C; 0 none)."""

    row: int
    unit: int = 0
    below: int = 0


@dataclass(frozen=True)
class Setting:
    """The window's configuration part; immutable, so that two settings can be compared.

    Parameters
    ----------
    thetas : tuple of int
        Thresholds of CNT, one per place of the build.
    bits : tuple of tuple of Bit
        Bits of the units A, B and C.
    first, count : int
        Rows of unit A.
    gates : mapping of int to Gate
        By row; a row without one is a leaf of class 0.
    paths : mapping of int to Path
        By class; one without cannot be taught.
    """

    thetas: tuple[int, ...] = ()
    bits: tuple[tuple[Bit, ...], ...] = ((), (), ())
    first: int = 0
    count: int = 0
    gates: Mapping[int, Gate] = field(default_factory=dict)
    paths: Mapping[int, Path] = field(default_factory=dict)

    def temporal(self, unit: int) -> bool:
        """Whether a unit needs the temporal engine."""
        return any(bit.statistic >= TEMPORAL_FIRST for bit in self.bits[unit])

    def check(self, config: SgfConfig) -> None:
        """Refuse what a build has no room for.

        Raises
        ------
        ValueError
            The message names the value, the limit and the way out.
        """
        if len(self.thetas) > config.thetas:
            raise ValueError(
                f"{len(self.thetas)} thresholds of CNT are set and the build holds {config.thetas}; "
                "build it with more thetas"
            )
        for name, bits in zip("ABC", self.bits, strict=True):
            if len(bits) > config.bits:
                raise ValueError(
                    f"unit {name} has {len(bits)} bits and the build holds {config.bits}; "
                    "leave some out, or build it with more bits"
                )
        spans = [("unit A", self.first, self.count)]
        spans += [
            (f"the gate of row {row}", gate.first, gate.count)
            for row, gate in self.gates.items()
            if gate.child in (Child.UNIT_B, Child.UNIT_C)
        ]
        spans += [("a gate", row, 1) for row in self.gates]
        spans += [(f"the path of class {c}", p.row, 1) for c, p in self.paths.items()]
        spans += [(f"the path of class {c}", p.below, 1) for c, p in self.paths.items() if p.unit]
        for what, first, count in spans:
            if first < 0 or first + count > config.rows:
                raise ValueError(
                    f"{what} needs rows {first} to {first + count - 1} and the build has {config.rows}; "
                    "merge groups, or build it with more rows"
                )
        beyond = [number for number in self.paths if not 0 <= number < config.classes]
        if beyond:
            raise ValueError(f"class {beyond[0]} is beyond the {config.classes} classes of the build")

    def entries(self, config: SgfConfig) -> list[tuple[int, int]]:
        """Every ``(address, data)`` of the configuration, in order; what is not set is written too."""
        self.check(config)
        thetas = [*self.thetas, *[0] * config.thetas][: config.thetas]
        found = [(Window.THETA + i, theta) for i, theta in enumerate(thetas)]
        for unit, bits in enumerate(self.bits):
            rows = (self.first, self.count) if unit == 0 else (0, 0)
            word = pack(UNIT, BITS=len(bits), TEMPORAL=int(self.temporal(unit)), FIRST=rows[0], COUNT=rows[1])
            found.append((Window.UNIT + unit, word))
            found += [
                (
                    Window.BIT + 256 * unit + i,
                    pack(BIT, STATISTIC=b.statistic, THRESHOLD=b.threshold % (2 * _HALF)),
                )
                for i, b in enumerate(bits)
            ]
        for row in range(config.rows):
            gate = self.gates.get(row, Gate())
            word = pack(GATE, CHILD=gate.child, FIRST=gate.first, COUNT=gate.count, STATISTIC=gate.statistic)
            found.append((Window.GATE + row, word))
        for number in range(config.classes):
            path = self.paths.get(number)
            values = path and {"ROW": path.row, "KNOWN": 1, "UNIT": path.unit, "BELOW": path.below}
            found.append((Window.PATH + number, pack(PATH, **(values or {}))))
        return found

    def with_thetas(self, thetas: Sequence[int]) -> Setting:
        """The same with other thresholds of CNT."""
        return replace(self, thetas=tuple(thetas))


def flat(bits: Sequence[Bit], classes: Sequence[int], thetas: Sequence[int] = ()) -> Setting:
    """One unit that decides alone: row i is ``classes[i]``.

    Parameters
    ----------
    bits : sequence of Bit
        The vector.
    classes : sequence of int
        Class of each row.
    thetas : sequence of int
        Thresholds of CNT.
    """
    return Setting(
        thetas=tuple(thetas),
        bits=(tuple(bits), (), ()),
        count=len(classes),
        gates={row: Gate(Child.LEAF, number) for row, number in enumerate(classes)},
        paths={number: Path(row) for row, number in enumerate(classes)},
    )


def bit_of(word: int) -> Bit:
    """A bit from its window word."""
    fields = unpack(BIT, word)
    threshold = fields["THRESHOLD"]
    return Bit(fields["STATISTIC"], threshold - 2 * _HALF if threshold >= _HALF else threshold)
