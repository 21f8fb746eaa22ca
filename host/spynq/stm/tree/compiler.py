"""A tree under some evidences as one list of kernel steps: populations once, then evidence by evidence.

Leaf populations come first. Each is closed (weights, sum) and sends its message to the one above it;
a message is a negative log2 code, added to what the parent's samples have already. Populations stay
on chip all the while.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.errors import SpynqError
from spynq.stm.driver_tree import Task
from spynq.stm.image import code_rows
from spynq.stm.params import IMPOSSIBLE, L_FRACTION, L_MAX, MAX_TERMS
from spynq.stm.quantise import Grid, check_resolution, gain
from spynq.stm.step import Op, Step
from spynq.stm.tree.draw import Population
from spynq.stm.tree.estimator import edge_density
from spynq.stm.tree.nodes import Floats, GaussianNode
from spynq.stm.tree.plan import GaussianCue, Pool, StateCue

__all__ = ["COUNTS_SUM", "Place", "Schedule", "compile_plans", "to_codes"]

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


def to_codes(log: npt.ArrayLike) -> Codes:
    """Natural log likelihoods as negative log2 codes with 10 fraction bits, 0 for the largest.

    Probability zero is the code ``IMPOSSIBLE``; ties round to even.
    """
    value = np.asarray(log, np.float64)
    top = float(np.max(value, initial=-math.inf))
    if not math.isfinite(top):
        return np.full(value.shape, IMPOSSIBLE, np.int64)
    bits = np.where(np.isfinite(value), (top - value) / math.log(2), 0.0)
    codes = np.minimum(np.rint(bits * (1 << L_FRACTION)), L_MAX).astype(np.int64)
    return np.where(np.isfinite(value), codes, IMPOSSIBLE)


def compile_plans(
    plans: Sequence[Pool],
    populations: Mapping[str, Population],
    rule: str = "lambda",
    capabilities: Mapping[str, int] | None = None,
    *,
    add: bool = False,
    span: tuple[float, float] | None = None,
    margin: float = 0.0,
) -> Schedule:
    """Steps for all evidences, on the same populations.

    Parameters
    ----------
    plans : sequence of Pool
        One for each evidence.
    populations : mapping of str to Population
    rule : str
        ``"lambda"`` or ``"published"``.
    capabilities : mapping of str to int, optional
        ``CAP_`` registers of the kernel.
    add : bool
        Add the cues to what the root's population holds on chip; for one plan without children.
    span : (float, float), optional
        Range of every grid; by default that of samples and cues.
    margin : float
        By so much of the samples' range is a grid wider on each side, whatever the cues.

    Raises
    ------
    ValueError
        A cue or an edge is too narrow for the grid.
    SpynqError
        The populations do not fit the kernel.
    """
    compiler = _Compiler(plans, populations, rule, capabilities or {})
    compiler.add, compiler.span, compiler.margin = add, span, margin
    return compiler.run()


def _pointer(child: Pool) -> str:
    """Name of the column of a child's samples that holds the parent values they point to."""
    return "->" + ",".join(node.name for node in child.nodes)


class _Compiler:
    def __init__(
        self,
        plans: Sequence[Pool],
        populations: Mapping[str, Population],
        rule: str,
        capabilities: Mapping[str, int],
    ) -> None:
        self.plans, self.populations, self.rule = plans, populations, rule
        self.align = max(1, capabilities.get("CAP_EDGE", 1))
        self.room = capabilities.get("CAP_POPULATION", 65536)
        self.most_columns = capabilities.get("CAP_COLUMNS", MAX_TERMS)
        self.used = 0
        self.schedule = Schedule()
        self.grids: dict[str, Grid] = {}
        self.columns: dict[tuple[str, str], int] = {}
        self.loaded: dict[str, int] = {}
        self.tables: dict[tuple[str, ...], npt.NDArray[Any]] = {}
        self.products: dict[tuple[str, str, int], int] = {}
        self.add, self.margin = False, 0.0
        self.span: tuple[float, float] | None = None

    def run(self) -> Schedule:
        for plan in self.plans:
            for pool in plan.walk():
                if pool.name not in self.schedule.places:
                    self._place(pool)
        for plan in self.plans:
            self._collect(plan)
        for plan in self.plans:
            for pool in plan.walk():
                self._load(pool)
        for plan in self.plans:
            self._pool(plan)
            self.schedule.roots.append(len(self.schedule.tasks))
            self._close(self.schedule.places[plan.name], read=True)
        self.schedule.samples = self.used
        return self.schedule

    def _call(self, step: Step, data: npt.NDArray[Any] | None = None) -> None:
        self.schedule.tasks.append(Task(step, data))

    def _reserve(self, samples: int, name: str) -> int:
        base, self.used = self.used, self.used + -(-samples // self.align) * self.align
        if self.used > self.room:
            raise SpynqError(
                f"the populations need {self.used} places with {name}, {self.used - self.room} more than the "
                f"{self.room} of this kernel; use fewer neurons, or build it with a larger population="
            )
        return base

    def _place(self, pool: Pool) -> None:
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

    # Grids: each continuous node's samples, cues, and what its children say about it

    def _collect(self, plan: Pool) -> None:
        spans: dict[str, list[Floats]] = {}
        for pool in plan.walk():
            for cue in pool.cues:
                # With a margin the grid must not depend on cues, which will go on coming.
                if isinstance(cue, GaussianCue) and not self.margin:
                    spans.setdefault(cue.node, []).append(np.array([cue.centre]))
            if self._paired(pool):
                assert pool.above is not None
                spans.setdefault(pool.above, []).append(self._pointers(pool)[0])
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

    @staticmethod
    def _paired(pool: Pool) -> bool:
        """Whether parent and child are both continuous, so that the kernel computes the densities."""
        return pool.above is not None and isinstance(pool.nodes[0], GaussianNode)

    def _pointers(self, pool: Pool) -> tuple[Floats, float]:
        """Per child sample the parent value it points to, and the sd around it.

        The sufficient statistic of all nodes of the sample: one squared difference per pair.
        """
        points = self.populations[pool.name].points
        nodes = [node for node in pool.nodes if isinstance(node, GaussianNode)]
        weight = np.array([(node.slope / node.sd) ** 2 for node in nodes])
        each = np.array([(points[node.name] - node.offset) / node.slope for node in nodes])
        return weight @ each / weight.sum(), float(weight.sum() ** -0.5)

    def _load(self, pool: Pool) -> None:
        place = self.schedule.places[pool.name]
        if place.counts is not None and (pool.name, "") not in self.columns:
            self.columns[pool.name, ""] = 0
            step = Step(Op.COUNTS, base=place.base, samples=place.samples)
            self.schedule.loads.append(Task(step, place.pad(place.counts, 0)))
        asked = {cue.node for cue in pool.cues if isinstance(cue, GaussianCue)}
        asked |= {child.above or "" for child in pool.children if self._paired(child)}
        if pool.above is None and not pool.discrete:
            asked.add(pool.nodes[0].name)
        for node in pool.nodes:
            if node.name in asked:
                points = self.populations[pool.name].points[node.name]
                self._column(pool.name, place, node.name, self.grids[node.name].encode(points, "sample"))
        for child in pool.children:
            if self._paired(child) and not self._joint(pool):
                # Which nodes carry evidence, hence the statistic, may differ from evidence to evidence.
                pointers = self.grids[child.above or ""].encode(self._pointers(child)[0], "sample")
                self._column(child.name, self.schedule.places[child.name], _pointer(child), pointers)

    def _joint(self, pool: Pool) -> bool:
        """Whether the children of a population send one common message."""
        return self.rule == "published" and len(pool.children) > 1

    def _column(self, pool: str, place: Place, key: str, values: Codes) -> None:
        if (pool, key) in self.columns:
            return
        column = self.loaded.get(pool, 0)
        if column >= self.most_columns:
            raise SpynqError(
                f"population {pool} needs {column + 1} coordinate columns, more than the {self.most_columns} "
                f"of this kernel; build it with columns={MAX_TERMS}, or spread its nodes over several pools"
            )
        self.schedule.columns = max(self.schedule.columns, column + 1)
        self.columns[pool, key], self.loaded[pool] = column, column + 1
        step = Step(Op.COLUMN, base=place.base, samples=place.samples, column=column)
        self.schedule.loads.append(Task(step, place.pad(values[place.kept], 0)))

    # Steps of one evidence

    def _pool(self, pool: Pool) -> None:
        """Everything that goes into the likelihoods of a population."""
        place = self.schedule.places[pool.name]
        fresh = self._begin(pool, place) and not self.add
        for cue in pool.cues:
            if isinstance(cue, GaussianCue):
                grid = self.grids[cue.node]
                step = Step(
                    Op.CUE,
                    base=place.base,
                    samples=place.samples,
                    column=self.columns[pool.name, cue.node],
                    cue=int(grid.encode(cue.centre, "cue")),
                    gains=(int(gain(cue.sd, grid.step)),),
                    fresh=fresh,
                )
                self._call(step)
                fresh = False
        if self._joint(pool):
            self._joint_edge(pool, place, fresh)
            return
        for child in pool.children:
            self._pool(child)
            self._close(self.schedule.places[child.name])
            self._edge(child, pool, fresh)
            fresh = False
        self._check_width(pool)

    def _begin(self, pool: Pool, place: Place) -> bool:
        """Counts and likelihoods of states as one vector of codes; False if there was one."""
        population = self.populations[pool.name]
        states = [cue for cue in pool.cues if isinstance(cue, StateCue)]
        gaussian = any(isinstance(cue, GaussianCue) for cue in pool.cues)
        whole = place.samples == len(place.kept)
        if not pool.discrete and whole and (gaussian or pool.children):
            return True
        log = np.zeros(len(place.kept)) if self.add else np.log(population.counts[place.kept])
        for cue in states:
            log = log + cue.log_likelihood[population.points[cue.node][place.kept].astype(np.int64)]
        codes = place.pad(to_codes(log), IMPOSSIBLE)
        if states or not self.add:
            step = Step(Op.CODES, base=place.base, samples=place.samples, fresh=not self.add)
            self._call(step, codes)
        return False

    def _close(self, place: Place, read: bool = False) -> None:
        self._call(Step(Op.CLOSE, base=place.base, samples=place.samples, records=read, weights=read))

    def _edge(self, child: Pool, parent: Pool, fresh: bool) -> None:
        lower, upper = self.schedule.places[child.name], self.schedule.places[parent.name]
        assert child.above is not None
        counted = upper.counts is not None
        data = None
        column = row_column = terms = 0
        if self._paired(child):
            grid = self.grids[child.above]
            column, terms = self.columns[parent.name, child.above], 1
            row_column = self.columns[child.name, _pointer(child)]
            gains: tuple[int, ...] = (int(gain(self._pointers(child)[1], grid.step)),)
        else:
            data, gains = self._table((child,), upper, parent), ()
        step = Step(
            Op.EDGE,
            base=upper.base,
            samples=upper.samples,
            row_base=lower.base,
            rows=lower.samples,
            gains=gains,
            fresh=fresh,
            table=data is not None,
            counted=counted,
            column=column,
            row_column=row_column,
            terms=terms,
        )
        self._call(step, data)

    def _table(self, children: tuple[Pool, ...], upper: Place, parent: Pool) -> npt.NDArray[Any]:
        """Rows of codes; the same array for all evidences."""
        key = (parent.name, *(f"{c.name}:{','.join(n.name for n in c.nodes)}" for c in children))
        if key not in self.tables:
            density = np.ones((1, len(upper.kept)))
            for child in children:
                lower = self.schedule.places[child.name]
                pairs = edge_density(child, self.populations[child.name], self.populations[parent.name])
                pairs = np.pad(
                    pairs[np.ix_(lower.kept, upper.kept)], ((0, lower.samples - len(lower.kept)), (0, 0))
                )
                density = (density[:, None, :] * pairs[None, :, :]).reshape(-1, len(upper.kept))
            with np.errstate(divide="ignore"):
                codes = upper.pad([to_codes(row) for row in np.log(density)], IMPOSSIBLE)
            self.tables[key] = code_rows(codes)
        return self.tables[key]

    def _joint_edge(self, parent: Pool, upper: Place, fresh: bool) -> None:
        """The published rule: rows are tuples of child samples, under one common sum."""
        children = parent.children
        for child in children:
            self._pool(child)
        slow = self.schedule.places[children[0].name]
        base, rows = slow.base, slow.samples
        for child in children[1:]:
            fast = self.schedule.places[child.name]
            product = self._product(parent, child, rows * fast.samples)
            self._call(
                Step(
                    Op.OUTER,
                    base=product,
                    row_base=base,
                    rows=rows,
                    other=fast.base,
                    samples=fast.samples,
                )
            )
            base, rows = product, rows * fast.samples
        self._call(Step(Op.CLOSE, base=base, samples=rows))
        data = self._table(children, upper, parent)
        step = Step(
            Op.EDGE,
            base=upper.base,
            samples=upper.samples,
            row_base=base,
            rows=rows,
            fresh=fresh,
            table=True,
            counted=upper.counts is not None,
        )
        self._call(step, data)

    def _product(self, parent: Pool, child: Pool, samples: int) -> int:
        """First index of the pairs up to a child; the same for all evidences."""
        key = (parent.name, child.name, samples)
        if key not in self.products:
            self.products[key] = self._reserve(samples, f"the pairs of the children of {parent.name}")
        return self.products[key]

    def _check_width(self, pool: Pool) -> None:
        """Warn if cues and messages leave a population a posterior too narrow for its grid."""
        for node in pool.nodes:
            sds = [c.sd for c in pool.cues if isinstance(c, GaussianCue) and c.node == node.name]
            sds += [self._pointers(c)[1] for c in pool.children if c.above == node.name and self._paired(c)]
            if sds:
                check_resolution(sds, self.grids[node.name].step)
