"""The estimator in float64, written apart from the integer contract, to judge it.

Notation of the source paper: x^k are the parent population's samples, y^i the child's with weights
u_i; n counts equal samples. The *lambda form* hands up

    m(x^k) = sum_i n_i u_i P(y^i|x^k) / sum_k' n_k' P(y^i|x^k')                        (E)

for every child population, and the parent's weights are its own likelihood times all m. The
*published rule* (equation 8 of the paper) multiplies the children's normalised weights and divides
by one joint sum, which is not the posterior unless the children are independent.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.stm.tree.draw import Population
from spynq.stm.tree.nodes import DiscreteNode, Floats, GaussianNode, MixedNode, Node
from spynq.stm.tree.plan import Pool, StateCue

__all__ = ["LOST_BITS", "RULES", "Estimate", "edge_density", "estimate", "exchange"]

RULES = ("lambda", "published")
LOST_BITS = 1024
"""Bits by which the best parent sample falls short of the best value possible: the child sample is lost."""
_MOST_ROWS = 1 << 26


@dataclass(frozen=True, eq=False)
class Estimate:
    """What the populations say about the root.

    Parameters
    ----------
    weights : ndarray, shape [points]
        Normalised weight of each point of the root's population, counts included.
    squares : ndarray, shape [points]
        Sum of squared weights of the samples at each point.
    log_evidence : float
        Natural log of the probability of the evidence; NaN under the published rule.
    lost : dict of str to float
        Per population, the share of its weight that no parent sample could have caused.
    gradients : dict of str to ndarray, shape [functions, points], or None
        Per population, how the mean of each function changes with one more sample at a point.
    """

    weights: Floats
    squares: Floats
    log_evidence: float
    lost: dict[str, float]
    gradients: dict[str, Floats] | None = None

    @property
    def ess(self) -> float:
        """Effective sample size of the root's population."""
        return float(1 / self.squares.sum())

    def standard_errors(self, populations: Mapping[str, Population], exact: str | None = None) -> Floats:
        """Standard error of each function's mean, all populations counted (infinitesimal jackknife).

        Parameters
        ----------
        populations : mapping of str to Population
        exact : str, optional
            A population whose shares are exact, hence without noise.
        """
        assert self.gradients is not None
        total = np.zeros(len(next(iter(self.gradients.values()))))
        for name, gradient in self.gradients.items():
            if name != exact and populations[name].kind != "exact":
                total += gradient**2 @ populations[name].counts
        return np.sqrt(total)


def exchange(density: Floats, child: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Equation (E): child weights, spread over the parents that may have caused each child.

    Parameters
    ----------
    density : ndarray, shape [children, parents]
        P(y^i | x^k); a row may be scaled freely.
    child : ndarray, shape [children]
        Weight of each child point, its count included.
    counts : ndarray, shape [parents]
        Samples at each parent point.

    Returns
    -------
    message : ndarray, shape [parents]
    shares : ndarray, shape [children]
        Child weight over its row's sum; 0 where no parent can have caused it.
    """
    total = density @ counts
    shares = np.divide(child, total, out=np.zeros_like(total), where=total > 0)
    return shares @ density, shares


def edge_density(child: Pool, lower: Population, upper: Population) -> Floats:
    """P(y^i | x^k) of every pair, each row scaled to a largest value of 1: [children, parents]."""
    assert child.above is not None
    parent = upper.points[child.above]
    if child.discrete:
        table = np.ones(1)
        for node in child.nodes:
            assert isinstance(node, DiscreteNode)
            table = table * node.table.T[lower.points[node.name]]
        density = table[:, parent.astype(np.int64)]
        return np.asarray(density)
    total = np.zeros((len(lower.counts), len(parent)))
    for node in child.nodes:
        total += _log_density(node, lower.points[node.name][:, None], parent[None, :])
    best = total.max(axis=1, keepdims=True)
    scaled: Floats = np.exp(total - best)
    return np.where(_possible(child, lower) - best < LOST_BITS * math.log(2), scaled, 0.0)


def _possible(child: Pool, lower: Population) -> Floats:
    """Largest log density a parent could give each child sample; minus infinity where parents are states."""
    nodes = [node for node in child.nodes if isinstance(node, GaussianNode)]
    if not nodes:
        return np.full((len(lower.counts), 1), -math.inf)
    weight = np.array([(node.slope / node.sd) ** 2 for node in nodes])
    each = np.array([(lower.points[node.name] - node.offset) / node.slope for node in nodes])
    nearest = weight @ each / weight.sum()
    return np.sum([n.log_density(lower.points[n.name], nearest) for n in nodes], axis=0)[:, None]  # type: ignore[no-any-return]


def _log_density(node: Node, x: npt.NDArray[Any], parent: npt.NDArray[Any]) -> Floats:
    if isinstance(node, MixedNode):
        return node.log_density(x, parent.astype(np.int64))
    assert isinstance(node, GaussianNode)
    return node.log_density(x, parent)


def log_likelihood(pool: Pool, population: Population) -> Floats:
    """Log likelihood of each point under the cues on its own population."""
    total = np.zeros(len(population.counts))
    for cue in pool.cues:
        x = population.points[cue.node]
        if isinstance(cue, StateCue):
            total += cue.log_likelihood[x.astype(np.int64)]
        else:
            total += cue.log_peak - 0.5 * ((x - cue.centre) / cue.sd) ** 2
    return total


@dataclass(eq=False)
class _Edge:
    """One message: rows of child points (or, under the published rule, of tuples of them)."""

    children: tuple[Pool, ...]
    density: Floats
    shares: Floats
    message: Floats


class _Pass:
    """Messages from the leaves to the root, and gradients back."""

    def __init__(self, populations: Mapping[str, Population], rule: str) -> None:
        self.populations, self.rule = populations, rule
        self.values: dict[str, Floats] = {}
        self.edges: dict[str, list[_Edge]] = {}
        self.lost: dict[str, float] = {}
        self.log_scale = 0.0

    def up(self, pool: Pool) -> Floats:
        """Weight per sample of each point, on a scale kept in ``log_scale``."""
        population = self.populations[pool.name]
        for child in pool.children:
            self.up(child)
        log = log_likelihood(pool, population)
        edges = self._edges(pool, population)
        for edge in edges:
            with np.errstate(divide="ignore"):
                log = log + np.log(edge.message)
        top = float(np.max(log, initial=-math.inf, where=population.counts > 0))
        value = np.exp(log - top) if math.isfinite(top) else np.zeros_like(log)
        self.log_scale += top + pool.log_constant
        self.values[pool.name], self.edges[pool.name] = value, edges
        return value

    def _edges(self, pool: Pool, population: Population) -> list[_Edge]:
        if self.rule == "lambda" or len(pool.children) < 2:
            return [self._edge((child,), population) for child in pool.children]
        return [self._edge(pool.children, population)]

    def _edge(self, children: tuple[Pool, ...], population: Population) -> _Edge:
        density, weight = np.ones((1, len(population.counts))), np.ones(1)
        for child in children:
            lower = self.populations[child.name]
            more = edge_density(child, lower, population)
            if density.size * len(more) > _MOST_ROWS:
                raise ValueError(
                    f"the published rule would need {density.size * len(more):.2g} pairs for "
                    f"{', '.join(c.name for c in children)}, the limit is {_MOST_ROWS}; use fewer "
                    "neurons, or rule='lambda'"
                )
            density = (density[:, None, :] * more[None, :, :]).reshape(-1, len(population.counts))
            mine = lower.counts * self.values[child.name]
            weight = (weight[:, None] * mine[None, :]).ravel()
        message, shares = exchange(density, weight, population.counts)
        total = weight.sum()
        lost = float(weight[shares == 0].sum() / total) if total else 0.0
        for child in children:
            self.lost[child.name] = lost
            self.log_scale -= math.log(self.populations[child.name].neurons)
        # (E) sums over parents, the density of the child is the mean over them.
        self.log_scale += math.log(population.neurons)
        return _Edge(children, density, shares, message)

    def down(self, pool: Pool, gradient: Floats, found: dict[str, Floats]) -> None:
        """From d(mean)/d(value of each point), shape [functions, points], to that by each count."""
        population, value = self.populations[pool.name], self.values[pool.name]
        found.setdefault(pool.name, np.zeros_like(gradient))
        for edge in self.edges[pool.name]:
            slope = np.divide(value, edge.message, out=np.zeros_like(value), where=edge.message > 0)
            back = gradient * slope
            rows = back @ edge.density.T
            # Through the sums over parents: one more parent takes from all others.
            found[pool.name] -= (rows * edge.shares * self._inverse(edge, population)) @ edge.density
            rows = rows * self._inverse(edge, population)
            self._split(edge, rows, found)

    @staticmethod
    def _inverse(edge: _Edge, population: Population) -> Floats:
        total = edge.density @ population.counts
        inverse: Floats = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        return inverse

    def _split(self, edge: _Edge, rows: Floats, found: dict[str, Floats]) -> None:
        """Gradients of tuples of child points, shared out to each child's points."""
        shape = [len(self.populations[child.name].counts) for child in edge.children]
        weights = [self.populations[c.name].counts * self.values[c.name] for c in edge.children]
        table = rows.reshape(-1, *shape)
        for place, child in enumerate(edge.children):
            mine = table
            for other in reversed(range(len(shape))):
                if other != place:
                    mine = np.tensordot(mine, weights[other], axes=([other + 1], [0]))
            counts = self.populations[child.name].counts
            found[child.name] = mine * self.values[child.name]
            self.down(child, mine * counts, found)


def estimate(
    top: Pool,
    populations: Mapping[str, Population],
    rule: str = "lambda",
    functions: Floats | None = None,
) -> Estimate:
    """Weights of the root's population.

    Parameters
    ----------
    top : Pool
        As :func:`spynq.stm.tree.plan.plan` gives it.
    populations : mapping of str to Population
        One for each pool in use.
    rule : str
        ``"lambda"`` or ``"published"``.
    functions : ndarray, shape [functions, root points], optional
        Values whose means get gradients, hence standard errors.
    """
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    work = _Pass(populations, rule)
    value = work.up(top)
    counts = populations[top.name].counts
    total = float(counts @ value)
    if not total > 0:
        nothing = np.zeros_like(value)
        return Estimate(nothing, nothing, -math.inf, work.lost)
    log_evidence = work.log_scale + math.log(total / populations[top.name].neurons)
    gradients = None
    if functions is not None:
        gradients = _gradients(work, top, counts, value, functions)
    return Estimate(
        counts * value / total,
        counts * (value / total) ** 2,
        log_evidence if rule == "lambda" else math.nan,
        work.lost,
        gradients,
    )


def _gradients(work: _Pass, top: Pool, counts: Floats, value: Floats, functions: Floats) -> dict[str, Floats]:
    total = counts @ value
    away = functions - (functions @ (counts * value) / total)[:, None]
    found = {top.name: away * value / total}
    work.down(top, away * counts / total, found)
    return found
