"""Ask a tree: populations, weights on a device, the posterior, and how sure it is."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm.tree.compiler import faint_edges
from spynq.stm.tree.draw import KINDS, Population, draw
from spynq.stm.tree.estimator import RULES, Estimate, estimate
from spynq.stm.tree.evidence import Evidence, batch_rows, describe, read_evidence
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, Floats
from spynq.stm.tree.plan import Pool, plan
from spynq.stm.tree.posterior import TreeBatch, TreePosterior, moments
from spynq.stm.tree.spikes import Spiking, drawn

__all__ = [
    "DEFAULT_NEURONS",
    "Backend",
    "Options",
    "Weighed",
    "answer",
    "infer",
    "infer_batch",
    "populations_of",
]

DEFAULT_NEURONS = 4000
"""Samples of each population, as in the source paper's Tables 2 to 4."""
_MOST_NEURONS = 65536
_FOR_ERRORS = 512
"""Points of each population that a standard error is computed from."""
_LOST_WARN, _LOST_REFUSE = 0.01, 0.5


@dataclass(frozen=True, eq=False)
class Weighed:
    """What a backend gives back for one evidence.

    Parameters
    ----------
    weights : ndarray, shape [points]
        Normalised weight of each point of the root's population; all 0 if nothing is possible.
    ess : float
    log_evidence : float
        NaN if the backend does not tell.
    lost : float
        Largest share of a population's weight that was lost on an edge (on a device: of the batch).
    flags : list of str
    spikes : ndarray of int64, shape [points], optional
        Spike counts of the root's population, if they were asked for.
    """

    weights: Floats
    ess: float
    log_evidence: float
    lost: float
    flags: list[str]
    spikes: npt.NDArray[np.int64] | None = None


class Backend(Protocol):
    """Where populations are weighed."""

    label: str

    def weigh(
        self,
        plans: Sequence[Pool],
        populations: Mapping[str, Population],
        rule: str,
        spiking: Spiking | None = None,
    ) -> tuple[list[Weighed], int]:
        """Weigh the populations under every plan, and let the root's fire; the second value is cycles."""


class ReferenceBackend:
    """Float64 on the host, equation by equation."""

    label = "reference"

    def weigh(
        self,
        plans: Sequence[Pool],
        populations: Mapping[str, Population],
        rule: str,
        spiking: Spiking | None = None,
    ) -> tuple[list[Weighed], int]:
        """See :class:`Backend`; there is no clock."""
        found = [estimate(top, populations, rule) for top in plans]
        return [
            Weighed(
                e.weights,
                e.ess if e.weights.any() else 0.0,
                e.log_evidence,
                max(e.lost.values(), default=0.0),
                [],
                None if spiking is None or not e.weights.any() else drawn(e.weights, spiking),
            )
            for e in found
        ], 0


@dataclass(frozen=True)
class Options:
    """How to answer.

    Parameters
    ----------
    neurons : int
        Samples of each population, 1 to 65,536.
    populations : str
        ``"random"``, ``"stratified"`` or ``"exact"`` (discrete trees: belief propagation itself).
    collapsed : bool
        Keep equal samples of discrete nodes as one point with a count: the same estimate for a fraction
        of the work. Without it every sample is a row or a column of an edge, as in the source paper.
    rao_blackwell : bool
        Use the root's exact prior in place of samples of it, if the root is discrete (and collapsed).
    rule : str
        ``"lambda"``, or the paper's ``"published"``, which does not converge to the posterior.
    seed : int
    on_zero : str
        If the evidence is impossible: ``"raise"``, or answer with the ``"prior"``, or with ``"nan"``.
    """

    neurons: int = DEFAULT_NEURONS
    populations: str = "random"
    collapsed: bool = True
    rao_blackwell: bool = True
    rule: str = "lambda"
    seed: int = 1
    on_zero: str = "raise"

    def __post_init__(self) -> None:
        for name in ("neurons", "seed"):
            try:
                operator.index(getattr(self, name))
            except TypeError:
                raise ValueError(f"{name} must be a whole number, not {getattr(self, name)!r}") from None
        if not 1 <= self.neurons <= _MOST_NEURONS:
            raise ValueError(f"neurons must be 1 to {_MOST_NEURONS}, not {self.neurons}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")
        if self.populations == "exact" and not self.collapsed:
            raise ValueError("exact shares are no whole samples; leave collapsed=True, or draw populations")
        known = {"populations": KINDS, "rule": RULES, "on_zero": ("raise", "prior", "nan")}
        for name, choices in known.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")


def infer(
    tree: Tree,
    evidence: Mapping[str, Any] | None = None,
    *,
    device: Any = None,
    config: Any = None,
    timeout: float | None = None,
    spiking: Spiking | None = None,
    **options: Any,
) -> TreePosterior:
    """Posterior of the root.

    Parameters
    ----------
    tree : Tree
    evidence : mapping
        Per node a state, a number, likelihoods of states, or a cue (value, sd).
    device : str or driver, optional
        ``"golden"``, ``"rtl"``, ``"board"``, an open driver, or ``"reference"`` (float64 on the host).
    config : StmConfig, optional
        Build of a simulated kernel.
    timeout : float, optional
        Seconds a start may take.
    spiking : Spiking, optional
        Let the root's population fire as well.
    **options
        See :class:`Options`.

    Raises
    ------
    ImpossibleEvidence
        Nothing agrees with the evidence.
    SpynqError
        More than half of a population's weight was lost, or the device failed.
    """
    chosen = Options(**options)
    read = read_evidence(tree, evidence)
    return _answer(tree, [read], chosen, device, config, timeout, spiking).posteriors[0]


def infer_batch(
    tree: Tree,
    evidences: Mapping[str, Any],
    *,
    device: Any = None,
    config: Any = None,
    timeout: float | None = None,
    **options: Any,
) -> TreeBatch:
    """Posteriors of the root under many evidences, on the same populations.

    Parameters
    ----------
    tree : Tree
    evidences : mapping of str to array_like
        Per node one entry for each evidence; NaN where nothing was seen. See
        :func:`spynq.stm.tree.evidence.batch_rows`.
    device, config, timeout, **options
        See :func:`infer`.
    """
    return _answer(tree, batch_rows(tree, evidences), Options(**options), device, config, timeout)


def populations_of(tree: Tree, options: Options) -> dict[str, Population]:
    """Every population of a tree; each has random numbers of its own, so evidence changes none."""
    found = {}
    pools = dict.fromkeys(node.pool for node in tree.nodes.values())
    for index, pool in enumerate(pools):
        kind = options.populations
        if index == 0 and options.rao_blackwell and options.collapsed and tree[tree.root].discrete:
            kind = "exact"
        rng = np.random.default_rng([options.seed, index])
        population = draw(tree, pool, options.neurons, rng, kind)
        found[pool] = population if options.collapsed else population.spread_out()
    return found


def _backend(device: Any, config: Any, timeout: float | None) -> Backend:
    if isinstance(device, str) and device == "reference":
        return ReferenceBackend()
    from spynq.stm.tree.run import KernelBackend

    return KernelBackend(device, config, timeout)


def _answer(
    tree: Tree,
    evidences: Sequence[Evidence],
    options: Options,
    device: Any,
    config: Any,
    timeout: float | None,
    spiking: Spiking | None = None,
) -> TreeBatch:
    plans = [plan(tree, evidence) for evidence in evidences]
    used = dict.fromkeys(pool.name for top in plans for pool in top.walk())
    populations = {name: p for name, p in populations_of(tree, options).items() if name in used}
    backend = _backend(device, config, timeout)
    weighed, cycles = backend.weigh(plans, populations, options.rule, spiking)
    answers = [
        answer(tree, describe(tree, evidence), top, populations, found, options, backend.label, cycles)
        for evidence, top, found in zip(evidences, plans, weighed, strict=True)
    ]
    return TreeBatch(tuple(answers), cycles)


def answer(
    tree: Tree,
    told: str,
    top: Pool,
    populations: Mapping[str, Population],
    found: Weighed,
    options: Options,
    label: str,
    cycles: int,
) -> TreePosterior:
    """The posterior from the weights that a backend found; checks lost mass and impossible evidence."""
    root = tree[tree.root]
    population = populations[top.name]
    weights, notes = found.weights, _notes(tree, populations, found, options)
    if label != "reference" and (faint := ", ".join(faint_edges(top, populations))):
        notes.append(f"probabilities in {faint} below 2**-17 of the largest above them count as 0")
    functions, states = _functions(root, population)
    error = np.full(len(functions), math.nan)
    if not weights.any():
        weights, note = _nothing(told, population, options)
        notes.append(note)
    else:
        if "SATZ" in found.flags:
            raise SpynqError(
                f"no neuron of some population fits the evidence {told} to within 32 standard deviations; "
                "take more neurons, or widen the cues"
            )
        _check_lost(found.lost)
        error = _errors(top, populations, options.rule, root)
    values = functions @ weights
    points = population.points[root.name].astype(np.float64)
    mean, sd = (math.nan, math.nan) if states else moments(points, weights)
    return TreePosterior(
        root=root.name,
        states=states,
        shares=values if states else np.zeros(0),
        mean=mean,
        standard_deviation=sd,
        standard_error=error,
        ess=found.ess,
        log_evidence=found.log_evidence,
        lost=found.lost,
        points=points,
        weights=weights,
        neurons=options.neurons,
        rule=options.rule,
        populations=options.populations,
        device=label,
        seed=options.seed,
        cycles=cycles,
        flags=found.flags,
        evidence=told,
        notes=notes,
        spikes=found.spikes,
    )


def _functions(root: Any, population: Population) -> tuple[Floats, tuple[str, ...]]:
    """Indicators of the states, or the value itself."""
    values = population.points[root.name]
    if isinstance(root, DiscreteNode):
        indicators: Floats = (np.arange(len(root.states))[:, None] == values).astype(np.float64)
        return indicators, root.states
    return values[None].astype(np.float64), ()


def _errors(top: Pool, populations: Mapping[str, Population], rule: str, root: Any) -> Floats:
    """Standard errors from part of the populations, scaled by the square root of what was left out."""
    part = {pool.name: populations[pool.name] for pool in top.walk()}
    scale = 1.0
    for name, population in part.items():
        if not next(pool for pool in top.walk() if pool.name == name).discrete:
            part[name] = population.some(_FOR_ERRORS)
            scale = math.sqrt(part[name].neurons / population.neurons)
    if scale < 1:
        part = {name: _thinned(p, scale**2) for name, p in part.items()}
    functions, _ = _functions(root, part[top.name])
    result: Estimate = estimate(top, part, rule, functions)
    if result.gradients is None:
        return np.full(len(functions), math.nan)
    return result.standard_errors(part) * scale


def _thinned(population: Population, share: float) -> Population:
    """Discrete populations of a mixed tree as if they had fewer neurons, like the others."""
    if population.kind == "exact" or population.counts.max() <= 1:
        return population
    return Population(population.points, population.counts * share, population.kind)


def _check_lost(share: float) -> None:
    where = "of a population's weight has no parent sample near it"
    way_out = "use more neurons, or populations='stratified'"
    if share > _LOST_REFUSE:
        raise SpynqError(f"{share:.0%} {where}, the limit is {_LOST_REFUSE:.0%}; {way_out}")
    if share > _LOST_WARN:
        warnings.warn(f"{share:.1%} {where} and is left out; {way_out}", UserWarning, stacklevel=5)


def _nothing(told: str, population: Population, options: Options) -> tuple[Floats, str]:
    """What to answer if no sample is possible."""
    if options.on_zero == "raise":
        raise ImpossibleEvidence(
            f"none of {options.neurons} neurons per population agrees with the evidence {told}; take back a "
            "part of it, use more neurons, or answer with on_zero='prior'"
        )
    note = f"no sample agrees with the evidence; the answer is {options.on_zero}"
    if options.on_zero == "prior":
        return population.counts / population.neurons, note
    return np.full(len(population.counts), math.nan), note


def _notes(tree: Tree, populations: Mapping[str, Population], found: Weighed, options: Options) -> list[str]:
    notes = []
    if options.neurons == 1:
        notes.append("a population of one neuron answers every evidence alike")
        warnings.warn(notes[0], UserWarning, stacklevel=6)
    root = tree[tree.root]
    population = populations[root.pool]
    if isinstance(root, DiscreteNode) and not population.counts.all():
        unseen = [root.states[i] for i in np.flatnonzero(population.counts == 0)]
        notes.append(f"no neuron of {root.name} stands for {', '.join(unseen)}, which is reported as 0")
    if options.rule == "published":
        notes.append("the published rule does not converge to the posterior; rule='lambda' does")
    if options.populations == "stratified":
        notes.append("stratified populations: the error is smaller than standard_error, often by far")
    return notes
