"""The exact posterior of a tree's root: sums over states, products and integrals of Gaussians.

One pass from the leaves up (belief propagation, exact on a tree): every subtree hands its parent the
likelihood of its evidence as a function of the parent, ``lambda`` in Pearl's terms.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spynq.stm.tree.evidence import Evidence, Seen, Soft, Vague, impossible, read_evidence
from spynq.stm.tree.model import Tree
from spynq.stm.tree.nodes import DiscreteNode, Floats, GaussianNode, MixedNode, Node, UniformNode

__all__ = ["Bell", "ExactRoot", "exact_root", "message", "own"]


@dataclass(frozen=True)
class Bell:
    """``exp(constant + linear * x - precision * x**2 / 2)``: a Gaussian that need not be a density."""

    precision: float = 0.0
    linear: float = 0.0
    constant: float = 0.0

    def __mul__(self, other: Bell) -> Bell:
        return Bell(
            self.precision + other.precision, self.linear + other.linear, self.constant + other.constant
        )

    def integral(self, mean: float, sd: float) -> float:
        """Log of its integral under the density N(mean, sd**2)."""
        spread = 1 + self.precision * sd**2
        power = (self.linear * mean - 0.5 * self.precision * mean**2 + 0.5 * (self.linear * sd) ** 2) / spread
        return self.constant - 0.5 * math.log(spread) + power

    def behind(self, slope: float, offset: float, sd: float) -> Bell:
        """As a function of p, the integral over x of it times N(x; slope * p + offset, sd**2)."""
        spread = 1 + self.precision * sd**2
        at_zero = self.integral(offset, sd)
        linear = slope * (self.linear - self.precision * offset) / spread
        return Bell(slope**2 * self.precision / spread, linear, at_zero)

    @classmethod
    def seen(cls, value: float, slope: float, offset: float, sd: float) -> Bell:
        """The density N(value; slope * p + offset, sd**2) as a function of p."""
        away, weight = value - offset, 1 / sd**2
        constant = -0.5 * away**2 * weight - math.log(sd) - 0.5 * math.log(2 * math.pi)
        return cls(slope**2 * weight, slope * away * weight, constant)

    @classmethod
    def cue(cls, value: float, sd: float) -> Bell:
        """A cue with peak 1."""
        return cls(1 / sd**2, value / sd**2, -0.5 * (value / sd) ** 2)


@dataclass(frozen=True)
class ExactRoot:
    """Exact posterior of the root.

    Parameters
    ----------
    probabilities : dict of str to float, or None
        Of a discrete root.
    mean, standard_deviation : float
        Of a continuous root, else NaN.
    log_evidence : float
        Natural log of the probability (density) of the evidence.
    """

    probabilities: dict[str, float] | None
    mean: float
    standard_deviation: float
    log_evidence: float


def own(tree: Tree, node: Node, evidence: Evidence) -> Any:
    """``lambda`` of an unobserved node: log values per state, or a :class:`Bell`."""
    seen = evidence.get(node.name)
    parts = [m for child in tree.children(node.name) if (m := message(tree, child, evidence)) is not None]
    if isinstance(node, DiscreteNode):
        total = np.zeros(len(node.states))
        if isinstance(seen, Soft):
            with np.errstate(divide="ignore"):
                total = np.log(seen.likelihood)
        for part in parts:
            total = total + part
        return total
    bell = Bell.cue(seen.value, seen.sd) if isinstance(seen, Vague) else Bell()
    for part in parts:
        bell = bell * part
    return bell


def message(tree: Tree, child: Node, evidence: Evidence) -> Any:
    """What a subtree's evidence says about the parent; None if it holds no evidence."""
    if not _informed(tree, child, evidence):
        return None
    seen = evidence.get(child.name)
    if isinstance(child, DiscreteNode):
        with np.errstate(divide="ignore"):
            table = np.log(child.table)
        if isinstance(seen, Seen):
            return table[:, seen.state] + below(tree, child, evidence)
        return _log_sum(table + own(tree, child, evidence))
    if isinstance(seen, Seen):
        constant = Bell(constant=below(tree, child, evidence))
        if isinstance(child, MixedNode):
            values = [
                Bell.seen(seen.value, 0.0, m, s).constant for m, s in zip(child.means, child.sds, strict=True)
            ]
            return np.array(values) + constant.constant
        assert isinstance(child, GaussianNode)
        return Bell.seen(seen.value, child.slope, child.offset, child.sd) * constant
    inner: Bell = own(tree, child, evidence)
    if isinstance(child, MixedNode):
        return np.array([inner.integral(m, s) for m, s in zip(child.means, child.sds, strict=True)])
    assert isinstance(child, GaussianNode)
    return inner.behind(child.slope, child.offset, child.sd)


def below(tree: Tree, node: Node, evidence: Evidence) -> float:
    """Log probability of the evidence below an observed node, given its value."""
    seen = evidence[node.name]
    assert isinstance(seen, Seen)
    total = 0.0
    for child in tree.children(node.name):
        part = message(tree, child, evidence)
        if isinstance(part, Bell):
            total += part.constant + part.linear * seen.value - 0.5 * part.precision * seen.value**2
        elif part is not None:
            total += float(part[seen.state])
    return total


def _informed(tree: Tree, node: Node, evidence: Evidence) -> bool:
    return node.name in evidence or any(_informed(tree, c, evidence) for c in tree.children(node.name))


def _log_sum(values: Floats) -> Floats:
    top = values.max(axis=-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Floats = np.log(np.exp(values - top).sum(axis=-1)) + top[..., 0]
    return total


def exact_root(tree: Tree, evidence: Mapping[str, Any] | None = None) -> ExactRoot:
    """Exact posterior of the root.

    Parameters
    ----------
    tree : Tree
    evidence : mapping
        See :func:`spynq.stm.tree.evidence.read_evidence`.

    Raises
    ------
    ImpossibleEvidence
        The evidence has probability zero.
    """
    read = read_evidence(tree, evidence)
    root = tree[tree.root]
    likelihood = own(tree, root, read)
    if isinstance(root, DiscreteNode):
        with np.errstate(divide="ignore"):
            joint = np.log(root.table) + likelihood
        log_evidence = float(_log_sum(joint))
        if log_evidence == -math.inf:
            raise impossible(tree, read)
        shares = np.exp(joint - log_evidence).tolist()
        return ExactRoot(dict(zip(root.states, shares, strict=True)), math.nan, math.nan, log_evidence)
    if isinstance(root, UniformNode):
        return _truncated(root, likelihood)
    assert isinstance(root, GaussianNode)
    precision = likelihood.precision + 1 / root.sd**2
    mean = (likelihood.linear + root.offset / root.sd**2) / precision
    return ExactRoot(None, mean, precision**-0.5, likelihood.integral(root.offset, root.sd))


def _truncated(root: UniformNode, bell: Bell) -> ExactRoot:
    """A Gaussian cut off at the ends of the support, summed on a fine grid (midpoints)."""
    width = root.high - root.low
    points = root.low + width * (np.arange(200_000) + 0.5) / 200_000
    value = bell.constant + bell.linear * points - 0.5 * bell.precision * points**2
    top = value.max()
    weight = np.exp(value - top)
    mean = float(weight @ points / weight.sum())
    variance = float(weight @ (points - mean) ** 2 / weight.sum())
    return ExactRoot(None, mean, math.sqrt(variance), float(top + np.log(weight.mean())))
