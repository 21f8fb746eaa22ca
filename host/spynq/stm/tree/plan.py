"""Which populations a question needs: those between the root and the evidence, and the cues on each."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import log, pi

import numpy as np

from spynq.stm.tree.evidence import Evidence, Seen, Soft, Vague
from spynq.stm.tree.exact import below
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, Floats, GaussianNode, MixedNode, Node

__all__ = ["GaussianCue", "Pool", "StateCue", "plan"]


@dataclass(frozen=True, eq=False)
class StateCue:
    """Natural log likelihood of each state of a discrete node."""

    node: str
    log_likelihood: Floats


@dataclass(frozen=True)
class GaussianCue:
    """Likelihood ``exp(log_peak - (x - centre)**2 / (2 sd**2))`` of a continuous node's value x."""

    node: str
    centre: float
    sd: float
    log_peak: float


@dataclass(frozen=True)
class Pool:
    """A population in use.

    Parameters
    ----------
    name : str
    nodes : tuple of Node
        Those of its nodes that evidence depends on; at the top, the root.
    above : str or None
        Their parent.
    cues : tuple of StateCue or GaussianCue
        What observed children and the nodes' own evidence say.
    children : tuple of Pool
        Populations below that have evidence.
    log_constant : float
        Log probability of evidence that a value seen above it separates from the root; exact.
    """

    name: str
    nodes: tuple[Node, ...]
    above: str | None
    cues: tuple[StateCue | GaussianCue, ...] = ()
    children: tuple[Pool, ...] = field(default=())
    log_constant: float = 0.0

    @property
    def discrete(self) -> bool:
        """Whether its nodes have states."""
        return self.nodes[0].discrete

    def walk(self) -> Iterator[Pool]:
        """This population and all below it, each after those below it."""
        for child in self.children:
            yield from child.walk()
        yield self


def plan(tree: Tree, evidence: Evidence) -> Pool:
    """The root's population and, below it, every one that evidence needs."""
    root = tree[tree.root]
    return _pool(tree, [root], evidence) or Pool(root.pool, (root,), None)


def _pool(tree: Tree, nodes: list[Node], evidence: Evidence) -> Pool | None:
    informed: list[Node] = []
    cues: list[StateCue | GaussianCue] = []
    children: list[Pool] = []
    constant = 0.0
    for node in nodes:
        mine = [_own_cue(node, evidence)] if node.name in evidence else []
        groups: dict[str, list[Node]] = {}
        for child in tree.children(node.name):
            if isinstance(evidence.get(child.name), Seen):
                mine.append(_seen_child(child, evidence))
                constant += below(tree, child, evidence)
            else:
                groups.setdefault(child.pool, []).append(child)
        pools = [p for group in groups.values() if (p := _pool(tree, group, evidence)) is not None]
        if mine or pools or node.parent is None:
            informed.append(node)
            cues += mine
            children += pools
    if not informed:
        return None
    return Pool(informed[0].pool, tuple(informed), informed[0].parent, tuple(cues), tuple(children), constant)


def _own_cue(node: Node, evidence: Evidence) -> StateCue | GaussianCue:
    seen = evidence[node.name]
    if isinstance(seen, Vague):
        return GaussianCue(node.name, seen.value, seen.sd, 0.0)
    assert isinstance(seen, Soft)
    with np.errstate(divide="ignore"):
        return StateCue(node.name, np.log(seen.likelihood))


def _seen_child(child: Node, evidence: Evidence) -> StateCue | GaussianCue:
    seen = evidence[child.name]
    assert isinstance(seen, Seen) and child.parent is not None
    if isinstance(child, DiscreteNode):
        with np.errstate(divide="ignore"):
            return StateCue(child.parent, np.log(child.table[:, seen.state]))
    if isinstance(child, MixedNode):
        states = np.arange(len(child.means))
        return StateCue(child.parent, child.log_density(np.float64(seen.value), states))  # type: ignore[arg-type]
    assert isinstance(child, GaussianNode)
    peak = -log(child.sd) - 0.5 * log(2 * pi)
    centre = (seen.value - child.offset) / child.slope
    return GaussianCue(child.parent, centre, child.sd / abs(child.slope), peak)
