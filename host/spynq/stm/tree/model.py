"""A tree of variables, built node by node; then it is asked what its root is, given evidence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spynq.bayes.network import unknown
from spynq.bayes.rows import check_rows
from spynq.stm.tree.nodes import DiscreteNode, Floats, GaussianNode, MixedNode, Node, UniformNode

if TYPE_CHECKING:
    from spynq.bayes.network import Network
    from spynq.stm.tree.exact import ExactRoot
    from spynq.stm.tree.posterior import TreeBatch, TreePosterior
    from spynq.stm.tree.spikes import SpikeCounts
    from spynq.stm.tree.stream import Stream

__all__ = ["MAX_POOL_STATES", "Tree"]

MAX_POOL_STATES = 65536
"""Joint states of the discrete nodes that share a population."""


def _number(name: str, what: str, value: Any, positive: bool = False) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{what} of {name} must be a number, not {value!r}") from None
    if not math.isfinite(number) or (positive and number <= 0):
        raise ValueError(f"{what} of {name} must be {'above 0' if positive else 'finite'}, not {number:g}")
    return number


class Tree:
    """A directed tree of discrete and Gaussian variables; every node has at most one parent.

    The first node is the root. Siblings may share a population by the same ``pool=``, as (B1, B2) do
    in the source paper; without it each node has a population of its own.

    Parameters
    ----------
    name : str
        For messages and pictures.

    Examples
    --------
    >>> from spynq.stm import Tree
    >>> tree = Tree("cause").gaussian("A", sd=3)
    >>> tree = tree.gaussian("B1", parent="A", sd=1, pool="B").gaussian("B2", parent="A", sd=1, pool="B")
    >>> tree = tree.gaussian("I1", parent="B1", sd=1)
    >>> posterior = tree.infer({"I1": 2.0, "B2": (1.5, 0.5)}, neurons=1000, device="golden")
    >>> exact = tree.exact({"I1": 2.0, "B2": (1.5, 0.5)})
    >>> abs(posterior.mean - exact.mean) < 5 * posterior.standard_error[0]
    True
    """

    def __init__(self, name: str = "tree") -> None:
        self.name = name
        self.nodes: dict[str, Node] = {}

    # Building

    def discrete(
        self,
        name: str,
        table: npt.ArrayLike,
        *,
        parent: str | None = None,
        states: Sequence[str] | None = None,
        pool: str | None = None,
    ) -> Tree:
        """Add a variable with states.

        Parameters
        ----------
        name : str
        table : array_like of float, shape [states] at the root, else [parent states, states]
            Probabilities; rows sum to one.
        parent : str, optional
            A discrete node; none for the root.
        states : sequence of str, optional
            Names of the states, by default their numbers.
        pool : str, optional
            Population to share with siblings.

        Returns
        -------
        Tree
            This tree, so that calls can be chained.
        """
        above = self._parent(name, parent, discrete=True)
        values = np.array(table, np.float64)
        wanted = 1 if above is None else 2
        if values.ndim != wanted or not values.size:
            shape = "[states]" if above is None else "[parent states, states]"
            raise ValueError(f"the table of {name} must have shape {shape}, not {list(values.shape)}")
        if isinstance(above, DiscreteNode) and len(values) != len(above.states):
            raise ValueError(
                f"the table of {name} needs {len(above.states)} rows, one per state of {above.name}, "
                f"not {len(values)}"
            )
        rows, _ = check_rows(np.atleast_2d(values), name)
        count = values.shape[-1]
        names = tuple(map(str, range(count) if states is None else states))
        if len(names) != count or len(set(names)) != count:
            raise ValueError(f"{name} needs {count} different names of states, not {list(names)}")
        return self._add(DiscreteNode(name, parent, names, rows.reshape(values.shape), pool or name))

    def gaussian(
        self,
        name: str,
        *,
        sd: float | Sequence[float],
        parent: str | None = None,
        slope: float = 1.0,
        mean: float | Sequence[float] = 0.0,
        pool: str | None = None,
    ) -> Tree:
        """Add a Gaussian variable.

        Parameters
        ----------
        name : str
        sd : float or sequence of float
            Standard deviation, above 0; under a discrete parent one per state, or one for all.
        parent : str, optional
            A continuous node (linear-Gaussian) or a discrete one (a Gaussian per state).
        slope : float
            Under a continuous parent: mean is ``slope * parent + mean``; not 0.
        mean : float or sequence of float
            Mean, or what is added to the parent's share; under a discrete parent one per state.
        pool : str, optional
            Population to share with siblings.
        """
        above = self._parent(name, parent)
        if isinstance(above, DiscreteNode):
            if slope != 1.0:
                raise ValueError(f"{name} has a discrete parent, {above.name}, hence means and no slope")
            count = len(above.states)
            means, sds = (
                self._per_state(name, what, value, count) for what, value in (("mean", mean), ("sd", sd))
            )
            if np.any(sds <= 0):
                raise ValueError(f"sd of {name} must be above 0, not {float(sds.min()):g}")
            return self._add(MixedNode(name, above.name, means, sds, pool or name))
        number = _number(name, "slope", slope)
        if parent is not None and number == 0:
            raise ValueError(f"slope of {name} must not be 0; a node that nothing moves is a root of its own")
        return self._add(
            GaussianNode(
                name,
                parent,
                number,
                _number(name, "mean", mean),
                _number(name, "sd", sd, positive=True),
                pool or name,
            )
        )

    def uniform(self, name: str, low: float, high: float) -> Tree:
        """Add a root that is uniform from ``low`` to ``high``."""
        self._parent(name, None)
        ends = _number(name, "low end", low), _number(name, "high end", high)
        if ends[0] >= ends[1]:
            raise ValueError(f"{name} needs two ends, low < high, not {low:g} and {high:g}")
        return self._add(UniformNode(name, *ends, pool=name))

    @staticmethod
    def _per_state(name: str, what: str, value: Any, count: int) -> Floats:
        values = np.array(value, np.float64)
        if values.ndim and values.shape != (count,):
            raise ValueError(
                f"{name} needs a {what} for each of {count} states of its parent, not {values.size}"
            )
        if not np.all(np.isfinite(values)):
            raise ValueError(f"{what} of {name} must be finite, not {values.tolist()}")
        return np.broadcast_to(values, (count,)).copy()

    def _parent(self, name: str, parent: str | None, discrete: bool = False) -> Node | None:
        if not name:
            raise ValueError("a node needs a name")
        if name in self.nodes:
            raise ValueError(f"{self.name} has a node {name} already; give another name")
        if parent is None:
            if self.nodes:
                raise ValueError(f"{name} needs a parent=: {self.name} has its root, {self.root}, already")
            return None
        above = self[parent]
        if discrete and not isinstance(above, DiscreteNode):
            raise ValueError(
                f"{name} is discrete and cannot be a child of {parent}, which is continuous; "
                "let the discrete one be the parent"
            )
        return above

    def _add(self, node: Node) -> Tree:
        mates = [other for other in self.nodes.values() if other.pool == node.pool]
        for mate in mates:
            if mate.parent != node.parent or node.parent is None:
                raise ValueError(
                    f"{node.name} and {mate.name} cannot share the population {node.pool}: their parents are "
                    f"{node.parent} and {mate.parent}; only siblings share one"
                )
            if mate.discrete != node.discrete:
                raise ValueError(
                    f"{node.name} and {mate.name} cannot share the population {node.pool}: "
                    "one is discrete, the other is not"
                )
        if isinstance(node, DiscreteNode):
            sizes = [len(n.states) for n in [*mates, node] if isinstance(n, DiscreteNode)]
            if math.prod(sizes) > MAX_POOL_STATES:
                raise ValueError(
                    f"the population {node.pool} would have {math.prod(sizes)} joint states, the limit is "
                    f"{MAX_POOL_STATES}; give {node.name} a population of its own"
                )
        self.nodes[node.name] = node
        return self

    # Reading

    @property
    def root(self) -> str:
        """Name of the root."""
        if not self.nodes:
            raise ValueError(f"{self.name} has no node yet; add its root first")
        return next(iter(self.nodes))

    def __getitem__(self, name: str) -> Node:
        if name not in self.nodes:
            raise ValueError(unknown("node", name, self.nodes, self.name))
        return self.nodes[name]

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        return f"Tree({self.name!r}, {len(self)} nodes)"

    def children(self, name: str) -> list[Node]:
        """Nodes right below one."""
        return [node for node in self.nodes.values() if node.parent == name]

    def path(self, name: str) -> Iterator[Node]:
        """From the root to ``name``, both included."""
        node = self[name]
        if node.parent is not None:
            yield from self.path(node.parent)
        yield node

    # Asking

    def infer(self, evidence: Any = None, **options: Any) -> TreePosterior:
        """Posterior of the root by populations on a device; see :func:`spynq.stm.tree.infer.infer`."""
        from spynq.stm.tree.infer import infer

        return infer(self, evidence, **options)

    def spikes(
        self,
        evidence: Any = None,
        spikes: int = 1000,
        *,
        poisson: bool = False,
        spike_seed: int = 1,
        **options: Any,
    ) -> SpikeCounts:
        """Let the root's population fire; the posterior as its spikes tell it.

        Parameters
        ----------
        evidence : mapping
        spikes : int
            Spikes of the whole population; with ``poisson`` their mean.
        poisson : bool
            Draw the total too, so that neurons fire independently.
        spike_seed : int
            Seed of the spikes alone.
        **options
            See :func:`spynq.stm.tree.infer.infer`.
        """
        from spynq.stm.tree.spikes import Spiking
        from spynq.stm.tree.spikes import spikes as fire

        return fire(self, evidence, Spiking(spikes, poisson, spike_seed), **options)

    def infer_batch(self, evidences: Any, **options: Any) -> TreeBatch:
        """Posteriors under many evidences; see :func:`spynq.stm.tree.infer.infer_batch`."""
        from spynq.stm.tree.infer import infer_batch

        return infer_batch(self, evidences, **options)

    def stream(self, **options: Any) -> Stream:
        """Evidence that arrives piece by piece; see :class:`spynq.stm.tree.stream.Stream`."""
        from spynq.stm.tree.stream import Stream

        return Stream(self, **options)

    def exact(self, evidence: Any = None) -> ExactRoot:
        """Exact posterior of the root in float64; see :func:`spynq.stm.tree.exact.exact_root`."""
        from spynq.stm.tree.exact import exact_root

        return exact_root(self, evidence)

    def rerooted(self, name: str) -> Tree:
        """The same distribution with another node as root; see :func:`spynq.stm.tree.reroot.rerooted`."""
        from spynq.stm.tree.reroot import rerooted

        return rerooted(self, name)

    def network(self) -> Network:
        """The tree as a :class:`spynq.bayes.network.Network`, if all nodes are discrete."""
        from spynq.bayes.network import Network
        from spynq.bayes.network import Node as NetworkNode

        made = []
        for node in self.nodes.values():
            if not isinstance(node, DiscreteNode):
                raise ValueError(f"{node.name} is continuous; only a tree of discrete nodes is a Network")
            parents = () if node.parent is None else (node.parent,)
            made.append(NetworkNode(node.name, node.states, parents, node.table))
        return Network(made, self.name)
