"""From a graph to a NIR file that says what NIR itself cannot: reset, tie, time step, refractory period.

These stand in each neuron's metadata, where :mod:`spynq.lif.nir_reader` finds them and other readers do no
harm to them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spynq.errors import MissingDependency
from spynq.lif.errors import LifError
from spynq.lif.graph import (
    Conv,
    Flatten,
    Floats,
    Graph,
    Input,
    Linear,
    Neuron,
    Node,
    Output,
    Pool,
    Scale,
    Shape,
    Taps,
    Threshold,
)

__all__ = ["to_nir", "write_nir"]


def write_nir(graph: Graph, path: str | Path) -> Path:
    """Write a graph as a NIR file.

    Parameters
    ----------
    graph : Graph
        Its ``dt`` is the time step; 1 is written where it is 0.
    path : path

    Raises
    ------
    MissingDependency
        The library ``nir`` is not installed.
    LifError
        The graph is not consistent, or a decay cannot be written.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    _nir().write(path, to_nir(graph))
    return path


def to_nir(graph: Graph) -> Any:
    """The graph as a ``nir.NIRGraph``."""
    nir = _nir()
    shapes = graph.shapes()
    dt = graph.dt or 1.0
    nodes = {}
    for name, node in graph.nodes.items():
        sources = graph.sources(name)
        before = shapes[sources[0]] if sources else shapes[name]
        nodes[name] = _node(nir, name, node, before, dt)
    # Its type check knows neither rows of taps nor sums of several inputs; ours has been done.
    return nir.NIRGraph(nodes, list(graph.edges), metadata={}, type_check=False)


def _nir() -> Any:
    try:
        import nir
    except ImportError as error:
        raise MissingDependency("writing NIR needs the library nir: pip install 'spynq[nir]'") from error
    return nir


def _node(nir: Any, name: str, node: Node, before: Shape, dt: float) -> Any:
    own: dict[str, Any] = {}
    if isinstance(node, Input):
        if node.planes is not None:
            own = {"planes": node.planes, "signed": node.signed, "scale": node.scale}
        return nir.Input(np.array(_trimmed(node.shape)), metadata=own)
    if isinstance(node, Output):
        return nir.Output(np.array(_trimmed(before)))
    if isinstance(node, Conv):
        weight, bias = _small(node.weight), _small(node.bias)
        return nir.Conv2d(before[1:], weight, node.stride, node.padding, node.dilation, node.groups, bias)
    if isinstance(node, Linear):
        return nir.Affine(_small(node.weight), _small(node.bias))
    if isinstance(node, Pool):
        kind = nir.SumPool2d if node.kind == "sum" else nir.AvgPool2d
        return kind(np.array(node.kernel), np.array(node.stride), np.array((0, 0)))
    if isinstance(node, Flatten):
        return nir.Flatten(np.array(_trimmed(before)), start_dim=0, end_dim=-1)
    if isinstance(node, Scale):
        return nir.Scale(_spread(node.scale, before))
    if isinstance(node, Threshold):
        return nir.Threshold(_spread(node.level, before))
    if isinstance(node, Taps):
        own = {"taps": node.weights, "segment": node.segment}
        own |= {} if node.bias is None else {"bias": node.bias}
        return nir.Delay(np.array(node.delays), metadata=own)
    return _neuron(nir, name, node, before, dt)


def _neuron(nir: Any, name: str, node: Neuron, shape: Shape, dt: float) -> Any:
    metadata: dict[str, Any] = {"dt": dt}
    if node.fires:
        metadata |= {"reset": node.reset, "compare": node.tie}
        if node.reset.startswith("soft"):
            metadata["subtract"] = node.subtract
        if node.refractory:
            metadata |= {"refractory": node.refractory, "refractory_policy": node.policy}
    fired = {"v_threshold": _spread(node.threshold, shape), "v_reset": _spread(node.reset_value, shape)}
    if np.all(node.decay == 1):
        r = _spread(node.gain / dt, shape)
        return nir.IF(r, **fired, metadata=metadata) if node.fires else nir.I(r, metadata=metadata)
    if np.any(node.decay >= 1) or np.any(node.decay < 0):
        raise LifError(
            "E07",
            f"layer {name!r}: decays go from {node.decay.min():g} to {node.decay.max():g}, and one NIR node "
            "holds either decays from 0 to below 1 or none at all; split the layer",
        )
    left = 1 - node.decay
    leaky: dict[str, Floats] = {"tau": dt / left, "r": node.gain / left, "v_leak": node.rest}
    spread = {key: _spread(values, shape) for key, values in leaky.items()}
    if node.fires:
        return nir.LIF(**spread, **fired, metadata=metadata)
    return nir.LI(**spread, metadata=metadata)


def _spread(values: Floats, shape: Shape) -> Floats:
    """One value per neuron, as NIR's shape checks want it."""
    return np.broadcast_to(values[:, None, None], shape).reshape(_trimmed(shape)).copy()


def _small(values: Floats) -> Any:
    """In 32 bits where that is exact, as it is for what was trained in them."""
    single = values.astype(np.float32)
    return single if np.array_equal(single, values) else values


def _trimmed(shape: Shape) -> tuple[int, ...]:
    return shape[:1] if shape[1:] == (1, 1) else shape
