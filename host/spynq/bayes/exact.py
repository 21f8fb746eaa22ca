"""Exact posteriors on the host: the judge of every sampled answer, for networks of moderate width.

Bucket elimination in min-fill order, then one pass back, so that all marginals cost two passes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from spynq.bayes.network import Evidence, Floats, Network, SoftEvidence
from spynq.errors import ImpossibleEvidence, SpynqError

__all__ = ["LARGEST_TABLE", "ExactPosterior", "Factor", "describe", "exact", "factors_of", "min_fill"]

LARGEST_TABLE = 1 << 23
"""Entries of the largest intermediate table (64 MiB) before :func:`exact` refuses."""


@dataclass(frozen=True)
class ExactPosterior:
    """Exact answer.

    Attributes
    ----------
    probabilities : dict of str to dict of str to float
        Posterior of each target by state.
    log_evidence : float
        Natural logarithm of the evidence's probability (times the soft likelihoods).
    """

    probabilities: dict[str, dict[str, float]]
    log_evidence: float


@dataclass(frozen=True, eq=False)
class Factor:
    """A non-negative function of some nodes; ``scope`` names the axes of ``table``."""

    scope: tuple[str, ...]
    table: Floats = field(repr=False)

    def spread(self, scope: tuple[str, ...]) -> Floats:
        """The table with axes in the order of ``scope``, of length one where it does not depend."""
        order = sorted(range(len(self.scope)), key=lambda axis: scope.index(self.scope[axis]))
        sizes = dict(zip(self.scope, self.table.shape, strict=True))
        return self.table.transpose(order).reshape([sizes.get(name, 1) for name in scope])

    def keep(self, scope: tuple[str, ...]) -> Factor:
        """Sum over every node that is not in ``scope``; the order of axes stays."""
        axes = tuple(i for i, name in enumerate(self.scope) if name not in scope)
        return Factor(tuple(n for n in self.scope if n in scope), np.asarray(self.table.sum(axis=axes)))


def describe(network: Network, evidence: dict[str, int], soft: Iterable[str] = ()) -> str:
    """The evidence in words, for messages."""
    parts = [f"{name} = {network[name].states[state]}" for name, state in evidence.items()]
    return ", ".join([*parts, *(f"soft evidence on {name}" for name in soft)]) or "none"


def factors_of(
    network: Network, names: Iterable[str], clamped: dict[str, int], soft: dict[str, Floats]
) -> list[Factor]:
    """Conditional tables of ``names`` with the evidence put in, soft evidence as factors of their own."""
    factors = []
    for name in names:
        node = network[name]
        scope = (*node.parents, name)
        place = tuple(clamped.get(n, slice(None)) for n in scope)
        factors.append(Factor(tuple(n for n in scope if n not in clamped), np.asarray(node.table[place])))
    for name, values in soft.items():
        if name in clamped:
            factors.append(Factor((), np.asarray(values[clamped[name]])))
        else:
            factors.append(Factor((name,), values))
    return factors


def min_fill(scopes: Iterable[tuple[str, ...]]) -> list[tuple[str, set[str]]]:
    """Elimination order by fewest fill edges: each node with its neighbours at that moment."""
    neighbours: dict[str, set[str]] = {}
    for scope in scopes:
        for name in scope:
            neighbours.setdefault(name, set()).update(scope)
    for name, others in neighbours.items():
        others.discard(name)

    def fill(name: str) -> tuple[int, int]:
        around = neighbours[name]
        edges = sum(len(around & neighbours[other]) for other in around)
        return (len(around) * (len(around) - 1) - edges) // 2, len(around)

    cost = {name: fill(name) for name in neighbours}
    order = []
    while cost:
        name = min(cost, key=cost.__getitem__)
        around = neighbours.pop(name)
        del cost[name]
        order.append((name, around))
        touched = set(around)
        for other in around:
            neighbours[other] |= around
            neighbours[other] -= {other, name}
        for other in around:
            touched |= neighbours[other]
        for other in touched:
            cost[other] = fill(other)
    return order


class _Tree:
    """Buckets of an elimination order, each handing its sum to a later one."""

    def __init__(self, network: Network, factors: list[Factor]) -> None:
        order = min_fill(factor.scope for factor in factors)
        self.rank = {name: i for i, (name, _) in enumerate(order)}
        self.scopes = [(name, *sorted(around, key=self.rank.__getitem__)) for name, around in order]
        self.sizes = {name: network[name].size for name in self.rank}
        largest = max((self._entries(scope) for scope in self.scopes), default=0)
        if largest > LARGEST_TABLE:
            raise SpynqError(
                f"exact inference needs a table of {largest:.3g} entries, the limit is {LARGEST_TABLE}; "
                "use query(), which samples, or give more evidence or fewer targets"
            )
        self.log_scale = 0.0
        self.constant = 1.0
        tables: list[Floats] = [np.ones([1] * len(scope)) for scope in self.scopes]
        for factor in factors:
            if not factor.scope:
                self.constant *= float(factor.table)
                continue
            bucket = min(self.rank[name] for name in factor.scope)
            tables[bucket] = tables[bucket] * factor.spread(self.scopes[bucket])
        self.tables = tables
        self.up: list[Factor] = []

    def _entries(self, scope: tuple[str, ...]) -> float:
        return float(np.prod([float(self.sizes[name]) for name in scope]))

    def _parent(self, bucket: int) -> int | None:
        scope = self.scopes[bucket]
        return self.rank[scope[1]] if len(scope) > 1 else None

    def collect(self) -> bool:
        """Sums from the first bucket to the last; False if everything is zero."""
        if self.constant <= 0:
            return False
        self.log_scale += float(np.log(self.constant))
        for bucket, scope in enumerate(self.scopes):
            table = self.tables[bucket]
            message = Factor(scope, np.broadcast_to(table, [self.sizes[n] for n in scope])).keep(scope[1:])
            top = float(message.table.max())
            if top <= 0:
                return False
            # Scaled at every step, or a thousand nodes underflow.
            self.log_scale += float(np.log(top))
            message = Factor(message.scope, message.table / top)
            self.up.append(message)
            parent = self._parent(bucket)
            if parent is not None:
                self.tables[parent] = self.tables[parent] * message.spread(self.scopes[parent])
        return True

    def distribute(self) -> dict[str, Floats]:
        """Back from the last bucket to the first: the marginal of every node."""
        marginals = {}
        for bucket in reversed(range(len(self.scopes))):
            scope = self.scopes[bucket]
            parent = self._parent(bucket)
            belief = np.broadcast_to(self.tables[bucket], [self.sizes[n] for n in scope])
            if parent is not None:
                up = self.up[bucket]
                outer = Factor(self.scopes[parent], self.tables[parent]).keep(up.scope)
                whole = np.divide(
                    outer.spread(up.scope), up.table, out=np.zeros_like(up.table), where=up.table > 0
                )
                belief = belief * Factor(up.scope, whole).spread(scope)
            belief = belief / belief.sum()
            self.tables[bucket] = belief
            marginals[scope[0]] = Factor(scope, belief).keep(scope[:1]).table
        return marginals


def exact(
    network: Network,
    targets: str | Iterable[str] | None = None,
    evidence: Evidence | None = None,
    soft_evidence: SoftEvidence | None = None,
) -> ExactPosterior:
    """Posterior of each target by variable elimination in float64.

    Parameters
    ----------
    network : Network
    targets : str or iterable of str, optional
        Nodes asked for; by default all without hard evidence.
    evidence : mapping of str to str or int, optional
        State of each observed node.
    soft_evidence : mapping, optional
        Likelihood of each state of a node.

    Raises
    ------
    ImpossibleEvidence
        The evidence has probability zero.
    SpynqError
        An intermediate table would exceed :data:`LARGEST_TABLE`.
    """
    clamped = network.clamp(evidence)
    soft = network.likelihoods(soft_evidence)
    names = network.target_names(targets, evidence)
    needed = network.ancestors([*names, *clamped, *soft])
    factors = factors_of(network, (n for n in network.order if n in needed), clamped, soft)
    tree = _Tree(network, factors)
    if not tree.collect():
        raise ImpossibleEvidence(
            f"the evidence has probability zero: {describe(network, clamped, soft)}; take back a part of it"
        )
    marginals = tree.distribute()
    for name in names:
        if name in clamped:
            marginals[name] = np.eye(network[name].size)[clamped[name]]
    probabilities = {
        name: dict(zip(network[name].states, marginals[name].tolist(), strict=True)) for name in names
    }
    return ExactPosterior(probabilities, tree.log_scale)
