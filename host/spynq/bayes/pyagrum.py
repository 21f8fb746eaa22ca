"""Exact posteriors by pyAgrum: an oracle that shares no line with ours (``pip install 'spynq[bayes]'``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from spynq.bayes.exact import ExactPosterior
from spynq.bayes.network import Evidence, Floats, Network, SoftEvidence
from spynq.errors import MissingDependency

__all__ = ["exact", "expected_counts", "to_pyagrum"]


def _module() -> Any:
    try:
        return import_module("pyagrum")
    except ImportError as error:
        raise MissingDependency("pyAgrum is not installed: pip install 'spynq[bayes]'") from error


def to_pyagrum(network: Network) -> Any:
    """The network as a ``pyagrum.BayesNet``; states become labels."""
    gum = _module()
    net = gum.BayesNet(network.name)
    for name in network.order:
        node = network[name]
        net.add(gum.LabelizedVariable(name, name, list(node.states)))
        for parent in node.parents:
            net.addArc(parent, name)
    for name in network.order:
        node = network[name]
        # pyAgrum's axes run from the last parent to the first, then the node itself.
        cpt = net.cpt(name)
        axes = [*node.parents, name]
        wanted = [axes.index(axis) for axis in reversed(cpt.names)]
        cpt.fillWith(np.ascontiguousarray(node.table.transpose(wanted)).ravel().tolist())
    return net


def exact(
    network: Network,
    targets: str | Iterable[str] | None = None,
    evidence: Evidence | None = None,
    soft_evidence: SoftEvidence | None = None,
) -> ExactPosterior:
    """As :func:`spynq.bayes.exact.exact`, by pyAgrum's lazy propagation."""
    gum = _module()
    clamped = network.clamp(evidence)
    soft = network.likelihoods(soft_evidence)
    names = network.target_names(targets, evidence)
    engine = gum.LazyPropagation(to_pyagrum(network))
    for name, state in clamped.items():
        values = np.eye(network[name].size)[state]
        engine.addEvidence(name, (values * soft.pop(name, np.ones(1))).tolist())
    for name, values in soft.items():
        engine.addEvidence(name, values.tolist())
    engine.makeInference()
    probabilities = {}
    for name in names:
        # Beside nodes of one state, pyAgrum sometimes answers with an axis more.
        values = engine.posterior(name).toarray().ravel().tolist()
        probabilities[name] = dict(zip(network[name].states, values, strict=True))
    return ExactPosterior(probabilities, float(np.log(engine.evidenceProbability())))


def expected_counts(
    network: Network, records: Sequence[Mapping[str, int]]
) -> tuple[dict[str, Floats], Floats]:
    """The E step of EM exactly: expected use of every table entry, each record's log probability.

    Parameters
    ----------
    network : Network
    records : sequence of mapping of str to int
        State numbers of the observed nodes of each record.

    Returns
    -------
    counts : dict of str to ndarray
        In the shapes of the tables.
    log_likelihood : ndarray of float64, shape [records]
    """
    gum = _module()
    net = to_pyagrum(network)
    counts = {name: np.zeros(node.table.shape) for name, node in network.nodes.items()}
    log = np.zeros(len(records))
    for index, record in enumerate(records):
        engine = gum.LazyPropagation(net)
        engine.setEvidence(dict(record))
        hidden = {n: [m for m in (*network[n].parents, n) if m not in record] for n in network.nodes}
        for free in hidden.values():
            if len(free) > 1:
                engine.addJointTarget(set(free))
            elif free:
                engine.addTarget(free[0])
        engine.makeInference()
        log[index] = float(np.log(engine.evidenceProbability()))
        for name, free in hidden.items():
            scope = (*network[name].parents, name)
            place = tuple(record.get(n, slice(None)) for n in scope)
            if not free:
                counts[name][place] += 1
                continue
            share = engine.posterior(free[0]) if len(free) == 1 else engine.jointPosterior(set(free))
            # pyAgrum's arrays run from its last variable to its first.
            axes = [list(reversed(share.names)).index(n) for n in free]
            counts[name][place] += share.toarray().transpose(axes)
    return counts, log
