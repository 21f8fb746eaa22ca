"""Evidence about nodes of a tree: a state, a number, likelihoods of states, a Gaussian cue."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spynq.bayes.network import Network
from spynq.bayes.network import Node as NetworkNode
from spynq.errors import ImpossibleEvidence
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, Floats

__all__ = [
    "Evidence",
    "Observation",
    "Seen",
    "Soft",
    "Vague",
    "batch_rows",
    "describe",
    "impossible",
    "read_evidence",
]


@dataclass(frozen=True)
class Seen:
    """A node's value, for certain: a state number, or a real number."""

    value: float

    @property
    def state(self) -> int:
        """The value of a discrete node."""
        return int(self.value)


@dataclass(frozen=True, eq=False)
class Soft:
    """Likelihood of each state of a discrete node; not negative, not all zero."""

    likelihood: Floats


@dataclass(frozen=True)
class Vague:
    """Gaussian cue about a continuous node: likelihood ``exp(-(x - value)**2 / (2 sd**2))``."""

    value: float
    sd: float


Observation = Seen | Soft | Vague
Evidence = dict[str, Observation]


def read_evidence(tree: Tree, given: Mapping[str, Any] | None) -> Evidence:
    """Evidence by name, checked.

    Parameters
    ----------
    tree : Tree
    given : mapping
        Discrete nodes: a state by name or number, or likelihoods as a mapping or in the order of the
        states. Continuous nodes: a number, or a pair of value and standard deviation. ``None`` and
        NaN say nothing.

    Raises
    ------
    ValueError
        An unknown node or state, a number that is not finite, an sd that is not above 0, an observed root.
    ImpossibleEvidence
        Likelihoods that are all zero.
    """
    if given is not None and not isinstance(given, Mapping):
        raise ValueError(f"evidence maps each node to what was seen, not {type(given).__name__}")
    found: Evidence = {}
    for name, value in (given or {}).items():
        node = tree[name]
        if value is None or (np.ndim(value) == 0 and not isinstance(value, str) and value != value):
            continue
        found[name] = _discrete(node, value) if isinstance(node, DiscreteNode) else _continuous(name, value)
    if isinstance(found.get(tree.root), Seen):
        raise ValueError(
            f"{tree.root} is the root, which is asked for; give it as a cue, or ask tree.rerooted(...)"
        )
    return found


def _discrete(node: DiscreteNode, value: Any) -> Observation:
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    alone = Network(
        [NetworkNode(node.name, node.states, (), np.full(len(node.states), 1 / len(node.states)))]
    )
    if isinstance(value, str) or (np.ndim(value) == 0 and not isinstance(value, Mapping)):
        return Seen(alone.clamp({node.name: value})[node.name])
    return Soft(alone.likelihoods({node.name: value})[node.name])


def _continuous(name: str, value: Any) -> Observation:
    try:
        numbers = [float(v) for v in value] if isinstance(value, Sequence | np.ndarray) else [float(value)]
    except (TypeError, ValueError):
        numbers = []
    if len(numbers) not in (1, 2) or isinstance(value, str):
        raise ValueError(f"{name} takes a number, or a pair of value and sd, not {value!r}")
    if not all(map(math.isfinite, numbers)):
        raise ValueError(f"evidence on {name} must be finite, not {value!r}")
    if len(numbers) == 1:
        return Seen(numbers[0])
    if numbers[1] <= 0:
        raise ValueError(f"the sd of a cue on {name} must be above 0, not {numbers[1]:g}")
    return Vague(*numbers)


def batch_rows(tree: Tree, given: Mapping[str, Any]) -> list[Evidence]:
    """Evidences of a batch, one by one.

    Parameters
    ----------
    tree : Tree
    given : mapping of str to array_like
        Per node ``[evidences]`` states or numbers (NaN: nothing seen), ``[evidences, states]``
        likelihoods, or ``[evidences, 2]`` cues of value and sd.
    """
    if not given:
        raise ValueError("a batch needs at least one node with an array of what was seen")
    arrays = {name: np.asarray(value) for name, value in given.items()}
    lengths = {name: len(a) if a.ndim else 0 for name, a in arrays.items()}
    if len(set(lengths.values())) != 1 or 0 in lengths.values():
        told = ", ".join(f"{name} {count}" for name, count in lengths.items())
        raise ValueError(f"a batch needs equally many evidences, at least one, for every node, not {told}")

    def row(array: Any, index: int) -> Any:
        value = array[index]
        return value.item() if np.ndim(value) == 0 and hasattr(value, "item") else value

    count = next(iter(lengths.values()))
    return [read_evidence(tree, {name: row(a, i) for name, a in arrays.items()}) for i in range(count)]


def describe(tree: Tree, evidence: Evidence) -> str:
    """The evidence in words, for messages."""

    def told(name: str, seen: Observation) -> str:
        node = tree[name]
        if isinstance(seen, Seen):
            value = node.states[seen.state] if isinstance(node, DiscreteNode) else f"{seen.value:g}"
            return f"{name} = {value}"
        return f"{name} about {seen.value:g}" if isinstance(seen, Vague) else f"soft evidence on {name}"

    return ", ".join(told(name, seen) for name, seen in evidence.items()) or "none"


def impossible(tree: Tree, evidence: Evidence) -> ImpossibleEvidence:
    """The error for evidence that nothing agrees with."""
    return ImpossibleEvidence(
        f"the evidence has probability zero: {describe(tree, evidence)}; take back a part of it"
    )
