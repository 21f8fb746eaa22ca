"""A tree under some evidences as one list of kernel steps: populations once, then evidence by evidence.

Leaf populations come first. Each is closed (weights, sum) and sends its message to the one above it;
a message is a negative log2 code, added to what the parent's samples have already. Populations stay
on chip all the while.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.stm.driver_tree import Task
from spynq.stm.image import code_rows
from spynq.stm.params import IMPOSSIBLE, L_FRACTION, L_MAX
from spynq.stm.quantise import gain
from spynq.stm.step import Op, Step
from spynq.stm.tree.draw import Population
from spynq.stm.tree.estimator import edge_density
from spynq.stm.tree.layout import Codes, Layout, Place, Schedule, paired, pointer_column
from spynq.stm.tree.plan import GaussianCue, Pool, StateCue
from spynq.stm.tree.spikes import Spiking, spike_seed

__all__ = ["compile_plans", "faint_edges", "to_codes"]

_FAINT = 2.0**-17
"""Weights below it are 0: so much of a density, relative to the largest of its row, reaches a message."""
_MOST_PAIRS = 1 << 16


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


def faint_edges(pool: Pool, populations: Mapping[str, Population]) -> Iterator[str]:
    """Discrete populations below ``pool`` some of whose probabilities are possible but 0 on the kernel."""
    for child in pool.children:
        lower, upper = populations[child.name], populations[pool.name]
        if child.discrete and len(lower.counts) * len(upper.counts) <= _MOST_PAIRS:
            density = edge_density(child, lower, upper)
            if np.any((density > 0) & (density < _FAINT)):
                yield child.name
        yield from faint_edges(child, populations)


def compile_plans(
    plans: Sequence[Pool],
    populations: Mapping[str, Population],
    rule: str = "lambda",
    capabilities: Mapping[str, int] | None = None,
    *,
    add: bool = False,
    span: tuple[float, float] | None = None,
    margin: float = 0.0,
    spiking: Spiking | None = None,
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
    spiking : Spiking, optional
        Let the root's population fire after each evidence.

    Raises
    ------
    ValueError
        A cue or an edge is too narrow for the grid.
    SpynqError
        The populations do not fit the kernel.
    """
    layout = Layout(populations, rule, capabilities or {}, span, margin)
    for plan in plans:
        for pool in plan.walk():
            layout.place(pool)
    for plan in plans:
        layout.collect(plan)
    for plan in plans:
        for pool in plan.walk():
            layout.load(pool)
    compiler = _Compiler(layout, add, spiking)
    for plan in plans:
        compiler.evidence(plan)
    return layout.schedule


class _Compiler:
    """Steps of one evidence after the other."""

    def __init__(self, layout: Layout, add: bool, spiking: Spiking | None) -> None:
        self.layout, self.add, self.spiking = layout, add, spiking
        self.tables: dict[tuple[str, ...], npt.NDArray[Any]] = {}

    def evidence(self, plan: Pool) -> None:
        """Everything up to the closing of the root's population."""
        schedule = self.layout.schedule
        self._pool(plan)
        schedule.roots.append(len(schedule.tasks))
        place = schedule.places[plan.name]
        self._close(place, read=True)
        if self.spiking is not None:
            # Each evidence of a batch has spikes of its own.
            seed = spike_seed(self.spiking.seed + len(schedule.roots) - 1)
            step = Step(
                Op.SPIKES,
                base=place.base,
                samples=place.samples,
                gains=(self.spiking.number,),
                poisson=self.spiking.poisson,
                seed=seed,
            )
            self._call(step)

    def _call(self, step: Step, data: npt.NDArray[Any] | None = None) -> None:
        self.layout.schedule.tasks.append(Task(step, data))

    def _pool(self, pool: Pool) -> None:
        """Everything that goes into the likelihoods of a population."""
        place = self.layout.schedule.places[pool.name]
        fresh = self._begin(pool, place) and not self.add
        for cue in pool.cues:
            if isinstance(cue, GaussianCue):
                grid = self.layout.grids[cue.node]
                step = Step(
                    Op.CUE,
                    base=place.base,
                    samples=place.samples,
                    column=self.layout.columns[pool.name, cue.node],
                    cue=int(grid.encode(cue.centre, "cue")),
                    gains=(int(gain(cue.sd, grid.step)),),
                    fresh=fresh,
                )
                self._call(step)
                fresh = False
        if self.layout.joint(pool):
            self._joint_edge(pool, place, fresh)
            return
        for child in pool.children:
            self._pool(child)
            self._close(self.layout.schedule.places[child.name])
            self._edge(child, pool, fresh)
            fresh = False
        self.layout.check_width(pool)

    def _begin(self, pool: Pool, place: Place) -> bool:
        """Counts and likelihoods of states as one vector of codes; False if there was one."""
        population = self.layout.populations[pool.name]
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
        lower, upper = self.layout.schedule.places[child.name], self.layout.schedule.places[parent.name]
        assert child.above is not None
        counted = upper.counts is not None
        data = None
        column = row_column = terms = 0
        if paired(child):
            grid = self.layout.grids[child.above]
            column, terms = self.layout.columns[parent.name, child.above], 1
            row_column = self.layout.columns[child.name, pointer_column(child)]
            gains: tuple[int, ...] = (int(gain(self.layout.pointers(child)[1], grid.step)),)
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
        populations = self.layout.populations
        key = (parent.name, *(f"{c.name}:{','.join(n.name for n in c.nodes)}" for c in children))
        if key not in self.tables:
            density = np.ones((1, len(upper.kept)))
            for child in children:
                lower = self.layout.schedule.places[child.name]
                pairs = edge_density(child, populations[child.name], populations[parent.name])
                filler = lower.samples - len(lower.kept)
                pairs = np.pad(pairs[np.ix_(lower.kept, upper.kept)], ((0, filler), (0, 0)))
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
        slow = self.layout.schedule.places[children[0].name]
        base, rows = slow.base, slow.samples
        for child in children[1:]:
            fast = self.layout.schedule.places[child.name]
            product = self.layout.product(parent, child, rows * fast.samples)
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
