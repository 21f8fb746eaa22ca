"""Where the populations of a tree lie on chip, on which grids, and what is loaded once for all evidences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spynq.errors import SpynqError
from spynq.stm.driver_tree import Task
from spynq.stm.params import MAX_TERMS
from spynq.stm.quantise import Grid, check_resolution
from spynq.stm.step import Op, Step
from spynq.stm.tree.draw import Population
from spynq.stm.tree.nodes import Floats, GaussianNode
from spynq.stm.tree.plan import GaussianCue, Pool

__all__ = ["COUNTS_SUM", "Codes", "Layout", "Place", "Schedule", "paired", "pointer_column"]

COUNTS_SUM = 1 << 14
"""Sum that multiplicities which are no whole numbers are scaled to."""

Codes = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Place:
    """Where a population lies.

    Parameters
    ----------
    base : int
        First index.
    kept : ndarray of int
        Points of the population that have samples, in order.
    samples : int
        Points it has on chip: those kept, and impossible ones that fill a product's rows.
    counts : ndarray of int64, shape [kept], or None
        Multiplicities the kernel counts parents with; None: each point once.
    scale : float
        Kernel's multiplicity over the true one.
    """

    base: int
    kept: npt.NDArray[np.int64]
    samples: int
    counts: Codes | None
    scale: float

    def pad(self, values: npt.ArrayLike, filler: int) -> Codes:
        """Values of the points kept, along the last axis, and a filler for the others."""
        array = np.asarray(values, np.int64)
        width = [(0, 0)] * (array.ndim - 1) + [(0, self.samples - len(self.kept))]
        return np.pad(array, width, constant_values=filler)


@dataclass(eq=False)
class Schedule:
    """All steps of a start.

    Parameters
    ----------
    loads : list of Task
        Columns and multiplicities; once.
    tasks : list of Task
        All evidences, one after the other.
    places : dict of str to Place
    roots : list of int
        Task that closes the root's population, per evidence.
    samples, columns : int
        Places on chip, and coordinate columns, that it needs.
    """

    loads: list[Task] = field(default_factory=list)
    tasks: list[Task] = field(default_factory=list)
    places: dict[str, Place] = field(default_factory=dict)
    roots: list[int] = field(default_factory=list)
    samples: int = 0
    columns: int = 0


def pointer_column(child: Pool) -> str:
    """Name of the column of a child's samples that holds the parent values they point to."""
    return "->" + ",".join(node.name for node in child.nodes)


def paired(pool: Pool) -> bool:
    """Whether parent and child are both continuous, so that the kernel computes the densities."""
    return pool.above is not None and isinstance(pool.nodes[0], GaussianNode)


class Layout:
    """Places, grids and columns of all populations in use.

    Parameters
    ----------
    populations : mapping of str to Population
    rule : str
    capabilities : mapping of str to int
        ``CAP_`` registers of the kernel.
    span, margin
        See :func:`spynq.stm.tree.compiler.compile_plans`.
    """

    def __init__(
        self,
        populations: Mapping[str, Population],
        rule: str,
        capabilities: Mapping[str, int],
        span: tuple[float, float] | None,
        margin: float,
    ) -> None:
        self.populations, self.rule = populations, rule
        self.span, self.margin = span, margin
        self.align = max(1, capabilities.get("CAP_EDGE", 1))
        self.room = capabilities.get("CAP_POPULATION", 65536)
        self.most_columns = capabilities.get("CAP_COLUMNS", MAX_TERMS)
        self.schedule = Schedule()
        self.grids: dict[str, Grid] = {}
        self.columns: dict[tuple[str, str], int] = {}
        self._loaded: dict[str, int] = {}
        self._products: dict[tuple[str, str, int], int] = {}

    def _reserve(self, samples: int, name: str) -> int:
        base = self.schedule.samples
        need = base + -(-samples // self.align) * self.align
        if need > self.room:
            raise SpynqError(
                f"the populations need {need} places with {name}, {need - self.room} more than the "
                f"{self.room} of this kernel; use fewer neurons, or build it with a larger population="
            )
        self.schedule.samples = need
        return base

    def place(self, pool: Pool) -> None:
        """Give a population its place, once."""
        if pool.name in self.schedule.places:
            return
        population = self.populations[pool.name]
        kept = np.flatnonzero(population.counts > 0)
        counts, scale = None, 1.0
        if pool.discrete:
            n = population.counts[kept]
            if np.any(n != np.rint(n)) or n.max() > 0xFFFF:
                scale = COUNTS_SUM / float(n.sum())
            counts = np.maximum(np.rint(n * scale), 1).astype(np.int64)
        # The rows of a product have to be whole beats.
        samples = -(-len(kept) // 4) * 4 if self.rule == "published" else len(kept)
        place = Place(self._reserve(samples, pool.name), kept, samples, counts, scale)
        self.schedule.places[pool.name] = place

    def collect(self, plan: Pool) -> None:
        """Grids: each continuous node's samples, its cues, and what its children say about it."""
        spans: dict[str, list[Floats]] = {}
        for pool in plan.walk():
            for cue in pool.cues:
                # With a margin the grid must not depend on cues, which will go on coming.
                if isinstance(cue, GaussianCue) and not self.margin:
                    spans.setdefault(cue.node, []).append(np.array([cue.centre]))
            if paired(pool):
                assert pool.above is not None
                spans.setdefault(pool.above, []).append(self.pointers(pool)[0])
            if not pool.discrete:
                points = self.populations[pool.name].points
                for node in pool.nodes:
                    spans.setdefault(node.name, []).append(points[node.name].astype(np.float64))
        for name, parts in spans.items():
            if self.span is not None:
                self.grids[name] = Grid(*self.span)
                continue
            ends = [self.grids[name].low, self.grids[name].high] if name in self.grids else []
            self.grids[name] = Grid.covering(*parts, ends, margin=0.0 if len(ends) else self.margin)

    def pointers(self, pool: Pool) -> tuple[Floats, float]:
        """Per child sample the parent value it points to, and the sd around it.

        The sufficient statistic of all nodes of the sample: one squared difference per pair.
        """
        points = self.populations[pool.name].points
        nodes = [node for node in pool.nodes if isinstance(node, GaussianNode)]
        weight = np.array([(node.slope / node.sd) ** 2 for node in nodes])
        each = np.array([(points[node.name] - node.offset) / node.slope for node in nodes])
        return weight @ each / weight.sum(), float(weight.sum() ** -0.5)

    def load(self, pool: Pool) -> None:
        """Load multiplicities and columns that an evidence needs and that are not there yet."""
        place = self.schedule.places[pool.name]
        if place.counts is not None and (pool.name, "") not in self.columns:
            self.columns[pool.name, ""] = 0
            step = Step(Op.COUNTS, base=place.base, samples=place.samples)
            self.schedule.loads.append(Task(step, place.pad(place.counts, 0)))
        asked = {cue.node for cue in pool.cues if isinstance(cue, GaussianCue)}
        asked |= {child.above or "" for child in pool.children if paired(child)}
        if pool.above is None and not pool.discrete:
            asked.add(pool.nodes[0].name)
        for node in pool.nodes:
            if node.name in asked:
                points = self.populations[pool.name].points[node.name]
                self._column(pool.name, place, node.name, self.grids[node.name].encode(points, "sample"))
        for child in pool.children:
            if paired(child) and not self.joint(pool):
                # Which nodes carry evidence, hence the statistic, may differ from evidence to evidence.
                pointers = self.grids[child.above or ""].encode(self.pointers(child)[0], "sample")
                self._column(child.name, self.schedule.places[child.name], pointer_column(child), pointers)

    def joint(self, pool: Pool) -> bool:
        """Whether the children of a population send one common message."""
        return self.rule == "published" and len(pool.children) > 1

    def _column(self, pool: str, place: Place, key: str, values: Codes) -> None:
        if (pool, key) in self.columns:
            return
        column = self._loaded.get(pool, 0)
        if column >= self.most_columns:
            raise SpynqError(
                f"population {pool} needs {column + 1} coordinate columns, more than the {self.most_columns} "
                f"of this kernel; build it with columns={MAX_TERMS}, or spread its nodes over several pools"
            )
        self.schedule.columns = max(self.schedule.columns, column + 1)
        self.columns[pool, key], self._loaded[pool] = column, column + 1
        step = Step(Op.COLUMN, base=place.base, samples=place.samples, column=column)
        self.schedule.loads.append(Task(step, place.pad(values[place.kept], 0)))

    def product(self, parent: Pool, child: Pool, samples: int) -> int:
        """First index of the pairs up to a child; the same for all evidences."""
        key = (parent.name, child.name, samples)
        if key not in self._products:
            self._products[key] = self._reserve(samples, f"the pairs of the children of {parent.name}")
        return self._products[key]

    def check_width(self, pool: Pool) -> None:
        """Warn if cues and messages leave a population a posterior too narrow for its grid."""
        for node in pool.nodes:
            sds = [c.sd for c in pool.cues if isinstance(c, GaussianCue) and c.node == node.name]
            sds += [self.pointers(c)[1] for c in pool.children if c.above == node.name and paired(c)]
            if sds:
                check_resolution(sds, self.grids[node.name].step)
