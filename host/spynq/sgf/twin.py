"""The HLS twin: constants of its header, and runs to compare it in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spynq.sgf.counters import LOG
from spynq.sgf.params import FLAG, SKIP, Child, Kind, Report, SgfConfig, Window
from spynq.sgf.samples import SMALL, random_setting, random_start
from spynq.sgf.setting import Gate, Path, Setting
from spynq.sgf.statistics import TEMPORAL, TEMPORAL_FIRST

__all__ = ["SMALL", "cases", "constants"]


def constants(config: SgfConfig) -> dict[str, Any]:
    """Build parameters, numbers of the formats and tables by their names in C++."""
    names = {"active": "ACTIVE_SUM"}
    places = {names.get(name, name.upper()): place for place, name in enumerate(TEMPORAL)}
    return {
        **config.capabilities(),
        "SKIP": SKIP,
        "TEMPORAL_FIRST": TEMPORAL_FIRST,
        **{f"FLAG_{name}": mask for name, mask in FLAG.items()},
        **{
            f"{kind.__name__.upper()}_{item.name}": int(item)
            for kind in (Kind, Child, Window, Report)
            for item in kind
        },
        **places,
        "LOG": LOG,
    }


@dataclass(frozen=True)
class Case:
    """Registers and words of one run."""

    name: str
    registers: dict[str, int]
    streams: dict[str, list[tuple[int, bool]]]
    blocks: dict[int, Any] = field(default_factory=dict)


def cases(rng: np.random.Generator) -> Iterator[Case]:
    """Runs of every kind, without an end; two of three go on where the one before has paused."""
    for setting in _settings(rng):
        before = None
        for number in range(3):
            start = random_start(rng, SMALL, after=before, setting=setting)
            before = start
            words = [(word, False) for word in start.words]
            yield Case(f"random run {number}", start.registers, {"s_axis": words})


def _settings(rng: np.random.Generator) -> Iterator[Setting]:
    """Hierarchies; unit A deciding alone, so that its second best is told; a rule on statistic 0."""
    while True:
        made = random_setting(rng, SMALL)
        yield made
        flat = {row: Gate(first=row) for row in range(4)}
        yield replace(made, gates={**made.gates, **flat}, paths={c: Path(c % 4) for c in range(5)})
        yield replace(made, gates={**made.gates, 3: replace(made.gates[3], statistic=0)})
