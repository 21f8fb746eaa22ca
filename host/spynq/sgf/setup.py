"""What is to be told apart, and from what: classes, gates, statistics, frames and sensor of a model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any

from spynq.sgf.frames import Cut
from spynq.sgf.golden import LEAST_ACTIVE
from spynq.sgf.params import DECISION, KERNEL, UNITS, Child, SgfConfig
from spynq.sgf.setting import Bit, Gate, Path, Setting
from spynq.sgf.statistics import TEMPORAL_FIRST, names

__all__ = ["Group", "Setup", "Turn", "spatial_names", "temporal_names"]

_LIMITS = {limit.name: limit for limit in KERNEL.limits}
_LEVELS = (0.25, 0.5, 0.75)
_LONGEST = 1 << 31


@dataclass(frozen=True)
class Group:
    """Classes that a unit tells apart by its own counters, once unit A has said that it is one of them.

    Parameters
    ----------
    classes : tuple of str
        Names, two or more.
    unit : str
        ``"B"`` or ``"C"``; groups may share one.
    """

    classes: tuple[str, ...]
    unit: str = "C"


@dataclass(frozen=True)
class Turn:
    """Two classes that the sign of one statistic tells apart: a rule, which nothing has to teach.

    Parameters
    ----------
    above, below : str
        Class when the statistic is above 0, and otherwise.
    statistic : str
        Such as ``"area_L"``: above 0 is clockwise in the image.
    """

    above: str
    below: str
    statistic: str

    @property
    def classes(self) -> tuple[str, ...]:
        """Both."""
        return self.above, self.below


def _members(entry: str | Group | Turn) -> tuple[str, ...]:
    return (entry,) if isinstance(entry, str) else entry.classes


def spatial_names(build: SgfConfig) -> list[str]:
    """Statistics that need no temporal engine: cells above the thresholds of CNT, and sums of CNT."""
    return [name for name, place in names(build).items() if place < TEMPORAL_FIRST]


def temporal_names(build: SgfConfig) -> list[str]:
    """Statistics of the temporal engine."""
    return [name for name, place in names(build).items() if place >= TEMPORAL_FIRST]


@dataclass(frozen=True)
class Setup:
    """The configuration of a model; two models can be merged when theirs are equal.

    Parameters
    ----------
    classes : tuple of str
        Names; the place in the tuple is the class number of the kernel.
    gates : tuple of str, Group or Turn, optional
        What unit A tells apart; by default every class alone.
    features : mapping of str to tuple of str
        Statistics of each unit (:func:`spynq.sgf.statistics.names`); a unit left out has no bits.
    levels : mapping of str to tuple of float
        Shares of the calibration trials that lie at or below the thresholds of each unit; one bit per
        statistic and level (0.25, 0.5, 0.75).
    thetas : tuple of int
        Thresholds of CNT behind ``above_<zone>_<i>``, 0 to 127.
    scoring : str
        One of :data:`~spynq.sgf.params.DECISION`.
    sensor : tuple of int
        Width and height in pixels; scaled to the frame of the build.
    events, frames : int
        Events of a frame, 1 to 65,535, and frames of a trial.
    frame_us : int, optional
        Cut frames by time instead, so many microseconds each.
    timeout_us : int
        Close a frame that is older than this, microseconds; 0: never.
    keep_partial, mirror_x, mirror_y : bool
        Count the unfinished last frame; exchange the sides.
    least : int
        Active pixels that a temporal step needs.
    build : SgfConfig
        Build parameters of the kernel.

    Raises
    ------
    ValueError
        A name is unknown or comes twice, a class is in no gate, or a number is out of range.
    """

    classes: tuple[str, ...]
    gates: tuple[str | Group | Turn, ...] = ()
    features: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    levels: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    thetas: tuple[int, ...] = (1, 3, 8, 20)
    scoring: str = DECISION[0]
    sensor: tuple[int, int] = (128, 128)
    events: int = 1000
    frames: int = 80
    frame_us: int | None = None
    timeout_us: int = 0
    keep_partial: bool = False
    mirror_x: bool = False
    mirror_y: bool = False
    least: int = LEAST_ACTIVE
    build: SgfConfig = field(default_factory=SgfConfig)

    def __post_init__(self) -> None:
        if not self.gates:
            object.__setattr__(self, "gates", tuple(self.classes))
        self._check_classes()
        self._check_features()
        if self.scoring not in DECISION:
            raise ValueError(f"scoring is one of {', '.join(DECISION)}, not {self.scoring!r}")
        _LIMITS["events"].check(self.events)
        for side in self.sensor:
            _LIMITS["sensor"].check(side)
        for theta in self.thetas:
            _LIMITS["theta"].check(theta)
        for name, value, low in (("frame_us", self.frame_us, 1), ("timeout_us", self.timeout_us, 0)):
            if value is not None and not low <= value < _LONGEST:
                raise ValueError(f"{name} is {low} to {_LONGEST - 1} microseconds, not {value}")
        if not 1 <= self.frames <= self.build.frames:
            raise ValueError(
                f"a trial has 1 to {self.build.frames} frames in this build, not {self.frames}; "
                "build the kernel with more frames"
            )

    def _check_classes(self) -> None:
        if not 1 <= len(self.classes) <= self.build.classes:
            raise ValueError(
                f"the build takes 1 to {self.build.classes} classes, not {len(self.classes)}; "
                "build the kernel with more classes"
            )
        gated = [name for entry in self.gates for name in _members(entry)]
        for where, listed in (("classes", list(self.classes)), ("gates", gated)):
            twice = next((name for name in listed if listed.count(name) > 1), None)
            if twice is not None:
                raise ValueError(f"class {twice!r} is twice among the {where}; every class has one place")
        if set(gated) != set(self.classes):
            odd = sorted(set(gated) ^ set(self.classes))[0]
            lacks = "gate" if odd in self.classes else "place among the classes"
            raise ValueError(f"class {odd!r} has no {lacks}; name it there, too")
        for entry in self.gates:
            if isinstance(entry, Group) and (entry.unit not in UNITS[1:] or len(entry.classes) < 2):
                raise ValueError(
                    f"a group is two or more classes of unit B or C, not {len(entry.classes)} of {entry.unit}"
                )

    def _check_features(self) -> None:
        known = names(self.build)
        asked = [name for unit in self.features.values() for name in unit]
        asked += [entry.statistic for entry in self.gates if isinstance(entry, Turn)]
        for name in asked:
            if name not in known:
                raise ValueError(
                    f"no statistic is called {name!r}; there are {', '.join(list(known)[-3:])} and so on, "
                    "see spynq.sgf.statistics.names"
                )
        for unit in [*self.features, *self.levels]:
            if unit not in UNITS:
                raise ValueError(f"units are {', '.join(UNITS)}, not {unit!r}")
        for level in (level for levels in self.levels.values() for level in levels):
            if not 0 < level < 1:
                raise ValueError(f"a level is a share above 0 and below 1, not {level}")

    @property
    def cut(self) -> Cut:
        """How trials are cut into frames."""
        return Cut(
            size=self.build.size,
            events=self.events,
            frames=self.frames,
            by_time=self.frame_us is not None,
            frame_us=self.frame_us or 25_000,
            timeout_us=self.timeout_us,
            keep_partial=self.keep_partial,
        )

    def levels_of(self, unit: str) -> tuple[float, ...]:
        """Levels of a unit's thresholds."""
        return tuple(self.levels.get(unit, _LEVELS))

    def number(self, label: str | int) -> int:
        """Class number of a label: a name, or the number itself."""
        if isinstance(label, str):
            if label in self.classes:
                return self.classes.index(label)
            raise ValueError(f"no class is called {label!r}; the classes are {', '.join(self.classes)}")
        if not 0 <= int(label) < len(self.classes):
            raise ValueError(f"classes are numbered 0 to {len(self.classes) - 1}, not {label}")
        return int(label)

    def rows(self) -> dict[str, list[tuple[int, str]]]:
        """Counter rows of every unit: row, and the class or classes it stands for."""
        found: dict[str, list[tuple[int, str]]] = {
            "A": [(row, " | ".join(_members(entry))) for row, entry in enumerate(self.gates)]
        }
        row = len(self.gates)
        for entry in self.gates:
            if isinstance(entry, Group):
                found.setdefault(entry.unit, [])
                found[entry.unit] += [(row + i, name) for i, name in enumerate(entry.classes)]
                row += len(entry.classes)
        return found

    def members(self, unit: str) -> set[int]:
        """Classes that a unit ever sees."""
        if unit == "A":
            return set(range(len(self.classes)))
        groups = (entry for entry in self.gates if isinstance(entry, Group) and entry.unit == unit)
        return {self.classes.index(name) for entry in groups for name in entry.classes}

    def setting(self, bits: Mapping[str, Sequence[Bit]]) -> Setting:
        """The window of the kernel for these bits.

        Raises
        ------
        ValueError
            The build has too few rows or bits; the message says which.
        """
        places = names(self.build)
        gates: dict[int, Gate] = {}
        paths: dict[int, Path] = {}
        next_row = len(self.gates)
        for row, entry in enumerate(self.gates):
            numbers = [self.classes.index(name) for name in _members(entry)]
            if isinstance(entry, Turn):
                gates[row] = Gate(Child.RULE, numbers[0], numbers[1], places[entry.statistic])
                paths |= {number: Path(row) for number in numbers}
            elif isinstance(entry, Group):
                child, unit = (Child.UNIT_B, 1) if entry.unit == "B" else (Child.UNIT_C, 2)
                gates[row] = Gate(child, next_row, len(numbers))
                for below, number in enumerate(numbers, next_row):
                    gates[below], paths[number] = Gate(Child.LEAF, number), Path(row, unit, below)
                next_row += len(numbers)
            else:
                gates[row], paths[numbers[0]] = Gate(Child.LEAF, numbers[0]), Path(row)
        vectors = tuple(tuple(bits.get(unit, ())) for unit in UNITS)
        found = Setting(self.thetas, vectors, 0, len(self.gates), gates, paths)
        found.check(self.build)
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain values, from which :meth:`of_json` makes the same setup."""
        values = asdict(self)
        values["gates"] = [
            entry if isinstance(entry, str) else {"kind": type(entry).__name__.lower(), **asdict(entry)}
            for entry in self.gates
        ]
        return values

    @classmethod
    def of_json(cls, values: Mapping[str, Any]) -> Setup:
        """A setup from plain values; a key that is not known is refused by name."""
        known = {item.name for item in fields(cls)}
        beyond = sorted(set(values) - known)
        if beyond:
            raise ValueError(f"a setup has no {beyond[0]!r}; it was written by a later version of spynq")
        plain = dict(values)
        plain["gates"] = tuple(_entry(entry) for entry in plain.get("gates", ()))
        plain["build"] = SgfConfig(**plain.get("build", {}))
        for name in ("classes", "thetas", "sensor"):
            if name in plain:
                plain[name] = tuple(plain[name])
        for name in ("features", "levels"):
            plain[name] = {unit: tuple(listed) for unit, listed in plain.get(name, {}).items()}
        return cls(**plain)

    def with_features(self, unit: str, statistics: Iterable[str], levels: Iterable[float] = _LEVELS) -> Setup:
        """The same with other bits of one unit."""
        return replace(
            self,
            features={**self.features, unit: tuple(statistics)},
            levels={**self.levels, unit: tuple(levels)},
        )


def _entry(entry: Any) -> str | Group | Turn:
    if isinstance(entry, str):
        return entry
    kind, values = entry.get("kind"), {name: value for name, value in entry.items() if name != "kind"}
    if kind == "turn":
        return Turn(**values)
    return Group(tuple(values["classes"]), values.get("unit", "C"))
