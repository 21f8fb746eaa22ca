"""Ranges of membranes on samples, from the float model: what the number formats are chosen by."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spynq.lif.float_model import FloatResult
from spynq.lif.graph import Floats, Graph, Neuron
from spynq.lif.stages import Stage

__all__ = ["membrane_ranges"]


def membrane_ranges(graph: Graph, stages: list[Stage], found: FloatResult) -> Mapping[str, Floats]:
    """Largest magnitude of the stored membrane per stage and channel.

    Parameters
    ----------
    graph : Graph
    stages : list of Stage
        Of this graph.
    found : FloatResult
        A run of it.

    Returns
    -------
    mapping of str to ndarray of float64, shape [channels]
    """
    return {
        stage.name: np.abs(_stored(graph, stage, found)).max(axis=(0, 1, 3, 4))
        for stage in stages
        if stage.neuron is not None
    }


def _stored(graph: Graph, stage: Stage, found: FloatResult) -> Floats:
    """Membranes [T, N, C, H, W] as they stand between steps, beside ``U`` of those that fire."""
    node = graph.nodes[stage.name]
    shape = (*found.values[stage.name].shape[:2], *stage.shape)
    values = found.values[stage.name].reshape(shape)
    if not isinstance(node, Neuron):
        return np.cumsum(values, axis=0)
    if not node.fires:
        return values
    assert stage.neuron is not None
    u, neuron = found.membranes[stage.name].reshape(shape), stage.neuron
    if neuron.reset == "hard":
        return np.where(values > 0, neuron.reset_value[:, None, None], u)
    return u - neuron.subtract[:, None, None] * values if neuron.reset == "soft" else u
