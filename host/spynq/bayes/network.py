"""A discrete Bayesian network: nodes, states, parents, tables; checked once, then only read."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from heapq import heapify, heappop, heappush
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spynq.bayes.rows import Floats, check_rows
from spynq.errors import FormatError, ImpossibleEvidence

if TYPE_CHECKING:
    from spynq.bayes.exact import ExactPosterior
    from spynq.stm.learn.em import Fit
    from spynq.stm.posterior import Posterior

__all__ = [
    "MAX_STATES",
    "Evidence",
    "Floats",
    "Network",
    "Node",
    "SoftEvidence",
    "State",
    "unknown",
]

State = str | int | bool
Evidence = Mapping[str, State]
SoftEvidence = Mapping[str, Mapping[str, float] | Sequence[float]]

MAX_STATES = 256
"""States a node may have: the kernel keeps a state in at most eight bits."""


def unknown(kind: str, name: object, known: Iterable[str], owner: str) -> str:
    """The sentence for a name that does not exist, with names that look like it."""
    names = list(known)
    text = str(name)
    close = [n for n in names if n.lower() == text.lower()] or get_close_matches(text, names, 3, 0.6)
    if close:
        hint = f"did you mean {' or '.join(close)}?"
    else:
        hint = f"it has {', '.join(names[:8])}{', ...' if len(names) > 8 else ''}"
    return f"{owner} has no {kind} {text!r}; {hint}"


def _given(evidence: Any, what: str) -> dict[str, Any]:
    """Evidence as a dictionary; pandas' Series and pairs will do."""
    if evidence is None:
        return {}
    try:
        if not isinstance(evidence, (str, bytes)):
            return dict(evidence)
    except (TypeError, ValueError):
        pass
    raise ValueError(f"{what}, such as {{'smoke': ...}}, not {type(evidence).__name__}")


@dataclass(frozen=True, eq=False)
class Node:
    """One variable and its conditional table.

    Parameters
    ----------
    name : str
    states : tuple of str
        At least one, at most 256, all different.
    parents : tuple of str
        In the order of the table's axes.
    table : ndarray of float64, shape [states of parent 1, ..., states of this node]
        P(state | parents); rows along the last axis sum to one.
    """

    name: str
    states: tuple[str, ...]
    parents: tuple[str, ...]
    table: Floats = field(repr=False)

    @property
    def size(self) -> int:
        """Number of states."""
        return len(self.states)

    def index(self, state: State) -> int:
        """Number of a state given by name or number; a bool means the state called so."""
        if isinstance(state, str):
            if state in self.states:
                return self.states.index(state)
            raise ValueError(unknown("state", state, self.states, f"node {self.name}"))
        if isinstance(state, (bool, np.bool_)):
            # True is the integer 1, yet many nodes list True first: take it by name.
            for index, name in enumerate(self.states):
                if name.lower() == str(bool(state)).lower():
                    return index
            raise ValueError(unknown("state", state, self.states, f"node {self.name}"))
        try:
            number = operator.index(state)
        except TypeError:
            raise ValueError(
                f"a state of node {self.name} is a name or a number, not {type(state).__name__}"
            ) from None
        if not 0 <= number < self.size:
            raise ValueError(f"node {self.name} has states 0 to {self.size - 1}, not {number}")
        return number


class Network:
    """A discrete Bayesian network.

    Parameters
    ----------
    nodes : iterable of Node
        In any order; tables are checked and scaled.
    name : str
        Name for people.
    notes : sequence of str
        What a reader found odd; notes of the checks are appended.
    source : str
        File name, put before messages.

    Attributes
    ----------
    nodes : dict of str to Node
        In the given order.
    order : tuple of str
        Parents before children; the given order where that leaves a choice.
    notes : tuple of str
    """

    def __init__(
        self, nodes: Iterable[Node], name: str = "network", notes: Sequence[str] = (), source: str = ""
    ) -> None:
        self.name = name
        self.source = source
        where = f"{source}: " if source else ""
        found: list[str] = list(notes)
        self.nodes: dict[str, Node] = {}
        for node in nodes:
            if not isinstance(node, Node):
                raise ValueError(f"a network is made of Node objects, not of {type(node).__name__}")
            if node.name in self.nodes:
                raise FormatError(f"{where}node {node.name} is defined twice")
            self.nodes[node.name] = node
        if not self.nodes:
            raise FormatError(f"{where}the network has no node")
        for node in list(self.nodes.values()):
            self._check_shape(node, where)
            rows, remarks = check_rows(np.asarray(node.table, np.float64).reshape(-1, node.size), node.name)
            found += remarks
            table = rows.reshape(np.shape(node.table))
            table.flags.writeable = False
            self.nodes[node.name] = Node(node.name, node.states, node.parents, table)
        self.notes = tuple(found)
        self.order = self._topological(where)

    def _check_shape(self, node: Node, where: str) -> None:
        if not 1 <= node.size <= MAX_STATES:
            raise FormatError(f"{where}node {node.name} must have 1 to {MAX_STATES} states, not {node.size}")
        if len(set(node.states)) != node.size:
            twice = next(s for s in node.states if node.states.count(s) > 1)
            raise FormatError(f"{where}node {node.name} has the state {twice!r} twice; give it another name")
        if len(set(node.parents)) != len(node.parents):
            raise FormatError(f"{where}node {node.name} names a parent twice: {', '.join(node.parents)}")
        for parent in node.parents:
            if parent not in self.nodes:
                raise FormatError(
                    where + unknown("node", parent, self.nodes, f"{node.name} has a parent, yet the network")
                )
        shape = (*(self.nodes[p].size for p in node.parents), node.size)
        if np.shape(node.table) != shape:
            raise FormatError(
                f"{where}the table of node {node.name} has shape {np.shape(node.table)}, "
                f"its parents and states demand {shape}"
            )

    def _topological(self, where: str) -> tuple[str, ...]:
        rank = {name: i for i, name in enumerate(self.nodes)}
        names = list(self.nodes)
        missing = {name: len(node.parents) for name, node in self.nodes.items()}
        children = self.children()
        ready = [rank[name] for name, count in missing.items() if not count]
        heapify(ready)
        order = []
        while ready:
            name = names[heappop(ready)]
            order.append(name)
            for child in children[name]:
                missing[child] -= 1
                if not missing[child]:
                    heappush(ready, rank[child])
        if len(order) < len(names):
            left = {name for name in names if missing[name]}
            # Every node left has a parent that is left, so that walking up must come round.
            walk = [next(iter(left))]
            while len(set(walk)) == len(walk):
                walk.append(next(p for p in self.nodes[walk[-1]].parents if p in left))
            cycle = walk[walk.index(walk[-1]) :][::-1]
            raise FormatError(f"{where}the arrows form a cycle: {' -> '.join(cycle)}; remove one of them")
        return tuple(order)

    def children(self) -> dict[str, list[str]]:
        """Children of every node, in the order of the nodes."""
        result: dict[str, list[str]] = {name: [] for name in self.nodes}
        for node in self.nodes.values():
            for parent in node.parents:
                result[parent].append(node.name)
        return result

    def __getitem__(self, name: str) -> Node:
        """The node called ``name``; an unknown name is answered with close ones."""
        try:
            return self.nodes[name]
        except (KeyError, TypeError):
            raise ValueError(unknown("node", name, self.nodes, f"network {self.name}")) from None

    def __contains__(self, name: object) -> bool:
        return name in self.nodes

    def __len__(self) -> int:
        return len(self.nodes)

    def __repr__(self) -> str:
        arrows = sum(len(node.parents) for node in self.nodes.values())
        entries = sum(node.table.size for node in self.nodes.values())
        return f"Network({self.name!r}, {len(self)} nodes, {arrows} arrows, {entries} table entries)"

    def ancestors(self, names: Iterable[str]) -> set[str]:
        """``names`` and all nodes above them."""
        found: set[str] = set()
        waiting = list(names)
        while waiting:
            name = waiting.pop()
            if name not in found:
                found.add(name)
                waiting.extend(self.nodes[name].parents)
        return found

    def clamp(self, evidence: Evidence | None) -> dict[str, int]:
        """Evidence by state number; unknown nodes and states are refused with close names."""
        given = _given(evidence, "evidence maps each node to its state")
        return {self[name].name: self[name].index(state) for name, state in given.items()}

    def likelihoods(self, soft_evidence: SoftEvidence | None) -> dict[str, Floats]:
        """Soft evidence as one array of non-negative numbers per node.

        Raises
        ------
        ValueError
            A state has no number, or a number is negative or not finite.
        ImpossibleEvidence
            All numbers of a node are zero.
        """
        result = {}
        soft = _given(soft_evidence, "soft evidence maps each node to its states' likelihoods")
        for name, given in soft.items():
            node = self[name]
            # A Series has keys as well, and its order need not be that of the states.
            states = list(given.keys()) if hasattr(given, "keys") else None
            try:
                values = np.array(given if states is None else [given[s] for s in states], np.float64)
            except (TypeError, ValueError):
                raise ValueError(
                    f"soft evidence on {name} takes one number for each of {', '.join(node.states)}, "
                    f"not {given!r}"
                ) from None
            if states is not None:
                numbers, values = values, np.full(node.size, np.nan)
                values[[node.index(state) for state in states]] = numbers
                if np.isnan(values).any():
                    missing = [s for s, v in zip(node.states, values, strict=True) if np.isnan(v)]
                    raise ValueError(
                        f"soft evidence on {name} needs a likelihood for every state; "
                        f"missing or not a number: {', '.join(missing)}"
                    )
            elif values.shape != (node.size,):
                raise ValueError(
                    f"soft evidence on {name} needs {node.size} likelihoods "
                    f"({', '.join(node.states)}), not {values.size}"
                )
            if not (np.isfinite(values).all() and (values >= 0).all()):
                raise ValueError(
                    f"likelihoods of {name} must be finite and not negative, not {values.tolist()}"
                )
            if not values.any():
                raise ImpossibleEvidence(f"soft evidence on {name} gives every state the likelihood 0")
            result[name] = values
        return result

    def target_names(
        self, targets: str | Iterable[str] | None, evidence: Evidence | None = None
    ) -> tuple[str, ...]:
        """Targets in order, each once; ``None`` means every node without hard evidence."""
        if targets is None:
            observed = self.clamp(evidence)
            return tuple(name for name in self.nodes if name not in observed)
        if not isinstance(targets, Iterable):
            raise ValueError(f"targets are the name of a node, or several, not {targets!r}")
        names = [targets] if isinstance(targets, str) else list(targets)
        return tuple(dict.fromkeys(self[name].name for name in names))

    def query(
        self, targets: str | Iterable[str] | None = None, evidence: Evidence | None = None, **options: Any
    ) -> Posterior:
        """Posterior by likelihood weighting on a device.

        Parameters
        ----------
        targets : str or iterable of str, optional
            Nodes asked for; by default all without hard evidence.
        evidence : mapping of str to str or int, optional
            State of each observed node, by name or number.
        **options
            ``soft_evidence``, ``samples`` (16,384) or ``tolerance``, ``seed`` (1), ``device``
            (``"golden"``, ``"rtl"``, ``"board"`` or an open driver), ``config``, ``on_zero``, ``prune``,
            ``lookahead``, ``timeout``, ``progress``: see :func:`spynq.stm.query.query`.
        """
        from spynq.stm.query import query

        return query(self, targets, evidence, **options)

    def exact(
        self,
        targets: str | Iterable[str] | None = None,
        evidence: Evidence | None = None,
        soft_evidence: SoftEvidence | None = None,
    ) -> ExactPosterior:
        """Exact posterior on the host; see :func:`spynq.bayes.exact.exact`."""
        from spynq.bayes.exact import exact

        return exact(self, targets, evidence, soft_evidence)

    def fit(self, data: Any, **options: Any) -> Fit:
        """Learn the tables from data with missing values, counted on a device.

        Parameters
        ----------
        data : pandas.DataFrame, mapping or array_like
            Columns by node name, or an array [records, nodes]; missing where nothing was observed.
        **options
            ``samples`` (1,024), ``iterations`` (20), ``tolerance`` (1e-3), ``prior`` (0), ``start``
            (``"available"``), ``average``, ``seed`` (1), ``device``, ``config``, ``timeout``, ``progress``:
            see :func:`spynq.stm.learn.em.fit`.
        """
        from spynq.stm.learn.em import fit

        return fit(self, data, **options)

    def to_bif(self, path: str | Path | None = None, comment: str = "") -> str:
        """The network as BIF text, written to ``path`` if one is given."""
        from spynq.bayes.bif_writer import write_bif

        text = write_bif(self, comment)
        if path is not None:
            Path(path).write_text(text, encoding="utf-8")
        return text
