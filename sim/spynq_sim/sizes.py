"""Sizes of the builds that are published, by open synthesis, against those that were accepted.

An estimate is found again by the hash of its design, so it never outlives it; what was accepted is
kept by the name of the build, and a change above 5 % needs a hand: ``spynq overlay report --accept``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import spynq_hw
from spynq.kernels import get
from spynq_hw.estimate import ZCU104, Estimate, keep, known
from spynq_hw.export import module_name, rtlil

__all__ = ["ACCEPTED", "BUILDS", "RESOURCES", "TOLERANCE", "Build", "Size", "accept", "builds", "measure"]

ACCEPTED = Path(next(iter(spynq_hw.__path__))) / "sizes.json"
"""Accepted figures, in the repository."""
TOLERANCE = 0.05
RESOURCES = ("lut", "ff", "dsp", "bram36", "uram")
BUILDS = {
    "stm: flat, 32 lanes": ("stm", "spynq_sim.bench_stm:FLAT"),
    "stm: weighting, 64 lanes": ("stm", "spynq_sim.bench_stm:WEIGHTING"),
    "stm: edge, 32 lanes": ("stm", "spynq_sim.bench_tree:EDGE"),
    "stm: edge, 256 lanes, whole chip": ("stm", "spynq_sim.bench_tree:CHIP"),
    "lif: 16 columns, by parts": ("lif", "spynq_sim.bench_lif:BUILD"),
    "lif: lean, 16 columns, by parts": ("lif", "spynq_sim.bench_lif:LEAN"),
    "sgf: 128 x 128, 80 frames": ("sgf", "spynq_sim.bench_sgf:CONFIG"),
}
"""Kernel and build parameters by the name a build is published under."""
_RECIPES: dict[str, dict[str, Any]] = {
    "stm: edge, 256 lanes, whole chip": {"parts": True},
    "lif: 16 columns, by parts": {"uram": True, "parts": True},
    "lif: lean, 16 columns, by parts": {"uram": True, "parts": True},
}
"""How a build is synthesised, by its name, unless as a whole and without UltraRAM."""


@dataclass(frozen=True)
class Build:
    """A build that is published."""

    name: str
    kernel: str
    config: Any


@dataclass(frozen=True)
class Size:
    """What is known of a build's size.

    Parameters
    ----------
    build : Build
    estimate : Estimate or None
        None if the design has changed since the last synthesis.
    accepted : dict of str to float
        Figures that were accepted last; empty if none were.
    """

    build: Build
    estimate: Estimate | None
    accepted: dict[str, float]

    @property
    def figures(self) -> dict[str, float]:
        """Resources used; empty without an estimate."""
        return {} if self.estimate is None else {r: float(getattr(self.estimate, r)) for r in RESOURCES}

    @property
    def changes(self) -> dict[str, float]:
        """Relative change against what was accepted, of each resource."""
        return {
            resource: (used - self.accepted[resource]) / max(self.accepted[resource], 1.0)
            for resource, used in self.figures.items()
            if resource in self.accepted
        }

    @property
    def settled(self) -> bool:
        """Whether every figure is within 5 % of what was accepted."""
        return bool(self.accepted) and all(abs(change) <= TOLERANCE for change in self.changes.values())


def builds(names: Iterable[str] = ()) -> list[Build]:
    """Builds by name, all if none is named.

    Raises
    ------
    ValueError
        There is no build of such a name; the message has those there are.
    """
    found = []
    for name in names or BUILDS:
        if name not in BUILDS:
            raise ValueError(f"there is no build {name!r}; there are {'; '.join(BUILDS)}")
        kernel, place = BUILDS[name]
        module, _, attribute = place.partition(":")
        found.append(Build(name, kernel, getattr(import_module(module), attribute)))
    return found


def _accepted(file: Path) -> dict[str, dict[str, float]]:
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}


def measure(
    chosen: Iterable[Build],
    *,
    synthesise: bool = False,
    file: Path = ACCEPTED,
    tell: Callable[[str], None] = lambda name: None,
) -> list[Size]:
    """Sizes of builds.

    Parameters
    ----------
    chosen : iterable of Build
    synthesise : bool
        Synthesise what has changed, and keep the figures: minutes for each.
    file : Path
        Where the accepted figures are.
    tell : callable
        Called with the name of each build before it is looked at.
    """
    accepted, sizes = _accepted(file), []
    for build in chosen:
        tell(build.name)
        text, top = rtlil(build.kernel, build.config), module_name(get(build.kernel).kernel, build.config)
        recipe = _RECIPES.get(build.name, {})
        found = known(text, top, **recipe)
        if found is None and synthesise:
            found = keep(text, top, str(build.config), **recipe)
        sizes.append(Size(build, found, accepted.get(build.name, {})))
    return sizes


def accept(sizes: Iterable[Size], file: Path = ACCEPTED) -> None:
    """Take the figures of these builds as what later ones are measured against."""
    figures = _accepted(file) | {size.build.name: size.figures for size in sizes if size.estimate is not None}
    file.write_text(json.dumps(figures, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def as_row(size: Size) -> dict[str, Any]:
    """Plain data of a size, with the part's totals."""
    return {
        "build": size.build.name,
        "kernel": size.build.kernel,
        "used": size.figures or None,
        "available": {resource: getattr(ZCU104, resource) for resource in RESOURCES},
        "change": size.changes,
        "settled": size.settled if size.estimate is not None else None,
    }
