"""Which rows a bench has: functions under the decorator :func:`bench`, in modules found by place."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from spynq.bench.verdict import Bound
from spynq.errors import SpynqError

__all__ = ["Measured", "NotMeasured", "Target", "bench", "benches", "left_out", "rows_of"]

_PLACES = ("spynq.bench.rows", "spynq_sim.rows", "spynq_train.rows")
"""Packages whose modules hold rows: of the host alone, of the simulator, of training."""


class NotMeasured(SpynqError):
    """A row cannot be measured here; the message says why and what would help."""


@dataclass(frozen=True)
class Measured:
    """What a row function returns.

    Parameters
    ----------
    value : float
        The number, in the unit of the row.
    how : str
        How it was measured: sizes, seed, repetitions, what it was compared with.
    """

    value: float
    how: str


@dataclass(frozen=True)
class Target:
    """A row before it is measured: name, unit, bounds and the function that measures it."""

    bench: str
    name: str
    unit: str
    must: str | None
    moonshot: str | None
    measure: Callable[[], Measured]


_targets: dict[tuple[str, str], Target] = {}
_absent: dict[str, str] = {}


def bench(
    name: str, row: str, *, unit: str, must: str | None = None, moonshot: str | None = None
) -> Callable[[Callable[[], Measured]], Callable[[], Measured]]:
    """Make a function one row of a bench.

    Parameters
    ----------
    name : str
        The bench: ``"stm"``, ``"device"``, or a new one.
    row : str
        Name of the row, unique in its bench.
    unit : str
        Unit of the value.
    must, moonshot : str, optional
        Bounds with direction, such as ``"<= 200"``; without ``must`` the row is only reported.

    Examples
    --------
    >>> @bench("stm", "flat, 1,000 samples", unit="cycles", must="<= 200", moonshot="<= 100")
    ... def flat_moments() -> Measured:
    ...     return Measured(97, "cycle counter of the rtl device, seed 1")
    """
    for bound in (must, moonshot):
        if bound is not None:
            Bound(bound)

    def register(measure: Callable[[], Measured]) -> Callable[[], Measured]:
        other = _targets.get((name, row))
        # The same function again is a reload of its module, which is no mistake.
        if other is not None and other.measure.__qualname__ != measure.__qualname__:
            raise ValueError(f"bench {name} has two rows called {row!r}; give one another name")
        _targets[name, row] = Target(name, row, unit, must, moonshot, measure)
        return measure

    return register


def _load() -> None:
    """Import every module of rows that is installed."""
    for place in _PLACES:
        try:
            if find_spec(place) is None:
                continue
        except ModuleNotFoundError:
            continue
        package = import_module(place)
        for module in pkgutil.iter_modules(package.__path__):
            _import(f"{place}.{module.name}")


def _import(name: str) -> None:
    """Import a module of rows, unless what it measures with is not installed."""
    try:
        import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0].startswith("spynq"):
            raise
        _absent[name] = error.name


def left_out() -> str:
    """Which rows are unknown as something is not installed, as one phrase; empty if all are known."""
    if not _absent:
        return ""
    needed = ", ".join(sorted(set(_absent.values())))
    return f"rows of {', '.join(_absent)} need {needed}; 'spynq doctor' shows the command that gets it"


def benches() -> list[str]:
    """Names of all benches."""
    _load()
    return sorted({name for name, _ in _targets})


def rows_of(name: str) -> list[Target]:
    """Rows of one bench in the order of their definition; an unknown name is answered with the known ones."""
    known = benches()
    if name not in known:
        told = f"unknown bench {name!r}; known benches are {', '.join(known) or 'none'}"
        raise ValueError("; ".join(filter(None, (told, left_out()))))
    return [target for target in _targets.values() if target.bench == name]
