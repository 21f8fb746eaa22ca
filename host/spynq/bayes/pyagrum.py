"""Exact posteriors by pyAgrum: an oracle that shares no line with ours (``pip install 'spynq[bayes]'``)."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module
from typing import Any

import numpy as np

from spynq.bayes.exact import ExactPosterior
from spynq.bayes.network import Evidence, Network, SoftEvidence
from spynq.errors import MissingDependency

__all__ = ["exact", "to_pyagrum"]


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
