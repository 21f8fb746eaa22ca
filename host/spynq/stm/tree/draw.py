"""Populations of a tree: points with multiplicities, drawn from the prior, once for all evidences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, Floats, Node

__all__ = ["KINDS", "Population", "draw", "marginal", "pool_nodes"]

KINDS = ("random", "stratified", "exact")
"""Ways to fill a population: independent draws, one draw in each of N equal parts, exact shares."""


@dataclass(frozen=True, eq=False)
class Population:
    """Samples of some sibling nodes.

    Equal samples of discrete nodes are interchangeable, so that they are kept as counts per joint
    state; samples of continuous nodes count once each.

    Parameters
    ----------
    points : dict of str to ndarray, shape [points]
        Value of each node: state numbers, or real numbers.
    counts : ndarray of float64, shape [points]
        Samples at each point; not whole if the shares are exact.
    kind : str
        One of :data:`KINDS`.
    """

    points: dict[str, npt.NDArray[Any]]
    counts: Floats
    kind: str = "random"

    @property
    def neurons(self) -> float:
        """Samples in all."""
        return float(self.counts.sum())

    def spread_out(self) -> Population:
        """Every sample as a point of its own: the population as the paper has it."""
        where = np.repeat(np.arange(len(self.counts)), self.counts.astype(np.int64))
        points = {name: values[where] for name, values in self.points.items()}
        return Population(points, np.ones(len(where)), self.kind)

    def some(self, count: int) -> Population:
        """The first points at most: enough to estimate a standard error."""
        if len(self.counts) <= count:
            return self
        return Population({n: v[:count] for n, v in self.points.items()}, self.counts[:count], self.kind)


def pool_nodes(tree: Tree, pool: str) -> list[Node]:
    """All nodes that share a population."""
    return [node for node in tree.nodes.values() if node.pool == pool]


def marginal(tree: Tree, name: str) -> Floats:
    """Prior probability of each state of a discrete node."""
    shares = np.ones(1)
    for node in tree.path(name):
        assert isinstance(node, DiscreteNode)
        shares = shares @ np.atleast_2d(node.table)
    return shares


def draw(tree: Tree, pool: str, neurons: int, rng: np.random.Generator, kind: str = "random") -> Population:
    """A population of the prior.

    Parameters
    ----------
    tree : Tree
    pool : str
        Name of the population.
    neurons : int
        Samples.
    rng : Generator
    kind : str
        ``"random"``: independent samples. ``"stratified"``: one in each of N equal parts (of every
        coordinate, in an order of its own). ``"exact"``: every joint state as often as its probability
        says, for discrete nodes only.
    """
    nodes = pool_nodes(tree, pool)
    if nodes[0].discrete:
        return _draw_states(tree, nodes, neurons, rng, kind)
    if kind == "exact":
        raise ValueError(
            f"population {pool} is continuous and has no exact shares; use populations='stratified'"
        )
    stratified = kind == "stratified"
    above: npt.NDArray[Any] = np.zeros(neurons, np.int64)
    if nodes[0].parent is not None:
        for node in tree.path(nodes[0].parent):
            uniform = _uniforms(rng, neurons, stratified)
            above = (
                _states(node, above, uniform)
                if isinstance(node, DiscreteNode)
                else node.quantile(uniform, above)
            )
    points: dict[str, npt.NDArray[Any]] = {}
    for node in nodes:
        assert not isinstance(node, DiscreteNode)
        points[node.name] = node.quantile(_uniforms(rng, neurons, stratified), above)
    return Population(points, np.ones(neurons), kind)


def _uniforms(rng: np.random.Generator, count: int, stratified: bool) -> Floats:
    if not stratified:
        return rng.random(count)
    return (rng.permutation(count) + rng.random(count)) / count


def _states(node: DiscreteNode, above: npt.NDArray[np.int64], uniform: Floats) -> npt.NDArray[np.int64]:
    rows = np.atleast_2d(node.table).cumsum(axis=1)[above]
    found: npt.NDArray[np.int64] = np.minimum((uniform[:, None] >= rows).sum(axis=1), rows.shape[1] - 1)
    return found


def joint_shares(tree: Tree, nodes: Sequence[Node]) -> Floats:
    """Prior probability of each joint state, the last node's state changing fastest."""
    parent = nodes[0].parent
    weights = np.ones(1) if parent is None else marginal(tree, parent)
    joint = np.ones((len(weights), 1))
    for node in nodes:
        assert isinstance(node, DiscreteNode)
        table = np.atleast_2d(node.table)
        joint = (joint[:, :, None] * table[:, None, :]).reshape(len(weights), -1)
    shares: Floats = weights @ joint
    return shares


def _draw_states(
    tree: Tree, nodes: Sequence[Node], neurons: int, rng: np.random.Generator, kind: str
) -> Population:
    sizes = [len(node.states) for node in nodes if isinstance(node, DiscreteNode)]
    places = np.indices(sizes).reshape(len(sizes), -1)
    points: dict[str, npt.NDArray[Any]] = {
        node.name: row.astype(np.int64) for node, row in zip(nodes, places, strict=True)
    }
    shares = joint_shares(tree, nodes)
    if kind == "exact":
        counts = neurons * shares
    elif kind == "stratified":
        # Systematic: every count is one of the two whole numbers around its expectation.
        edges = np.floor(np.cumsum(shares) * neurons + rng.random())
        edges[-1] = neurons
        counts = np.diff(edges, prepend=0.0)
    else:
        counts = rng.multinomial(neurons, shares / shares.sum()).astype(np.float64)
    return Population(points, counts, kind)
