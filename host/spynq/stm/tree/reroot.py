"""The same distribution with another node on top, so that any node can be asked for: Bayes' rule per edge."""

from __future__ import annotations

import numpy as np

from spynq.stm.tree.draw import marginal
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, GaussianNode, MixedNode, Node

__all__ = ["rerooted"]


def rerooted(tree: Tree, name: str) -> Tree:
    """Turn round every arrow between the root and ``name``.

    Nodes on that path get populations of their own; the others keep theirs.

    Parameters
    ----------
    tree : Tree
    name : str
        The new root.

    Raises
    ------
    ValueError
        The path has a Gaussian under a discrete node, or begins at a uniform root: turned round, these
        are no nodes of a tree.
    """
    path = list(tree.path(name))
    for node in path[1:]:
        if isinstance(node, MixedNode):
            raise ValueError(
                f"{node.name} is Gaussian by the state of {node.parent}, and that arrow has no inverse of "
                f"the same kind; ask for {node.parent} or a node above it"
            )
    if len(path) > 1 and not isinstance(path[0], DiscreteNode | GaussianNode):
        raise ValueError(
            f"{path[0].name} is uniform, and arrows out of it have no inverse; ask for it itself"
        )
    turned = Tree(tree.name)
    last = path[-1]
    if len(path) == 1:
        _copy(tree, turned, last, last.parent, last.pool)
    else:
        _top(tree, turned, last)
        for child, parent in zip(reversed(path[:-1]), reversed(path[1:]), strict=True):
            _inverse(tree, turned, child, parent)
    on_path = {node.name for node in path}
    for node in tree.nodes.values():
        if node.name not in on_path:
            _copy(tree, turned, node, node.parent, node.pool)
    return turned


def _copy(tree: Tree, turned: Tree, node: Node, parent: str | None, pool: str) -> None:
    # Names of populations of nodes on the path are those nodes' own.
    taken = pool in turned.nodes and turned.nodes[pool].pool == pool and turned.nodes[pool].parent != parent
    place = f"{pool} below" if taken else pool
    if isinstance(node, DiscreteNode):
        turned.discrete(node.name, node.table, parent=parent, states=node.states, pool=place)
    elif isinstance(node, GaussianNode):
        turned.gaussian(node.name, parent=parent, slope=node.slope, mean=node.offset, sd=node.sd, pool=place)
    elif isinstance(node, MixedNode):
        turned.gaussian(node.name, parent=parent, mean=node.means.tolist(), sd=node.sds.tolist(), pool=place)
    else:
        turned.uniform(node.name, node.low, node.high)


def _top(tree: Tree, turned: Tree, node: Node) -> None:
    if isinstance(node, DiscreteNode):
        turned.discrete(node.name, marginal(tree, node.name), states=node.states)
    else:
        mean, variance = _moments(tree, node.name)
        turned.gaussian(node.name, mean=mean, sd=variance**0.5)


def _moments(tree: Tree, name: str) -> tuple[float, float]:
    """Prior mean and variance of a node on a path of Gaussians."""
    mean = variance = 0.0
    for node in tree.path(name):
        assert isinstance(node, GaussianNode)
        mean, variance = node.slope * mean + node.offset, node.slope**2 * variance + node.sd**2
    return mean, variance


def _inverse(tree: Tree, turned: Tree, upper: Node, lower: Node) -> None:
    """Add ``upper``, once the parent of ``lower``, as its child."""
    if isinstance(upper, DiscreteNode) and isinstance(lower, DiscreteNode):
        joint = marginal(tree, upper.name)[:, None] * lower.table
        total = joint.sum(axis=0)
        # A state that never occurs may be explained by anything.
        uniform = np.full(joint.T.shape, 1 / len(joint))
        table = np.divide(joint.T, total[:, None], out=uniform, where=total[:, None] > 0)
        turned.discrete(upper.name, table, parent=lower.name, states=upper.states)
        return
    assert isinstance(lower, GaussianNode)
    mean, variance = _moments(tree, upper.name)
    lower_mean, lower_variance = _moments(tree, lower.name)
    slope = lower.slope * variance / lower_variance
    turned.gaussian(
        upper.name,
        parent=lower.name,
        slope=slope,
        mean=mean - slope * lower_mean,
        sd=(variance * lower.sd**2 / lower_variance) ** 0.5,
    )
