"""What became of a network: per layer its range, format, memory, place and expected cycles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spynq.lif.graph import Graph, Neuron

if TYPE_CHECKING:
    from spynq.lif.network import CompiledNetwork

__all__ = ["LayerLine", "layers_of_graph", "report"]


@dataclass(frozen=True)
class LayerLine:
    """One layer of a compiled network.

    Parameters
    ----------
    name, kind : str
    shape : str
        Of its map, channels x height x width.
    format : str
        Of its weights; empty without weights.
    error : float
        Root mean square error of the weights, relative to their own.
    fraction : int
        Fraction bits of the membrane.
    theta : int
        Largest threshold in integers; 0 for a layer that does not fire.
    bound : int
        Largest sum that the accumulator can meet.
    bytes : int
        Weights in memory.
    resident : bool
        The weights stay on chip from run to run; otherwise they are streamed.
    cycles : int or None
        Expected for one sample, at the density given.
    """

    name: str
    kind: str
    shape: str
    format: str
    error: float
    fraction: int
    theta: int
    bound: int
    bytes: int
    resident: bool
    cycles: int | None


def report(network: CompiledNetwork, steps: int, density: float = 0.1) -> list[LayerLine]:
    """A line per layer.

    Parameters
    ----------
    network : CompiledNetwork
    steps : int
        Time steps.
    density : float
        Share of neurons that spike per step, for the cycles.
    """
    from spynq.lif.estimate import estimate

    image = network.image(steps)
    stages = {stage.layer.name: stage for stage in network.stages}
    cycles = {layer.name: layer.cycles for layer in estimate(image, density).layers}
    lines = []
    for laid in image.layers:
        # A helper, as what joins spikes before a layer, is no stage.
        stage = stages.get(laid.name)
        neuron = stage.layer.neuron if stage else None
        fires = neuron is not None and neuron.fires
        lines.append(
            LayerLine(
                laid.name,
                laid.kind,
                str(laid.shape).replace(" ", ""),
                laid.format,
                stage.error if stage else 0.0,
                neuron.fraction if neuron is not None else 0,
                int(neuron.theta.max()) if neuron is not None and fires else 0,
                laid.bound,
                laid.weight_bytes,
                laid.resident,
                cycles[laid.name],
            )
        )
    return lines


def layers_of_graph(graph: Graph) -> list[dict[str, Any]]:
    """Nodes of a graph as plain figures: name, kind, shape, parameters, neuron."""
    shapes = graph.shapes()
    found = []
    for name in graph.order:
        node = graph.nodes[name]
        line: dict[str, Any] = {
            "name": name,
            "kind": type(node).__name__,
            "shape": "x".join(map(str, shapes[name])),
            "parameters": sum(
                int(np.size(value)) for key, value in vars(node).items() if key in ("weight", "bias")
            ),
        }
        if isinstance(node, Neuron):
            line["neuron"] = _told(node)
        found.append(line)
    return found


def _told(neuron: Neuron) -> str:
    decay = _range(neuron.decay)
    if not neuron.fires:
        return f"decay {decay}, no spikes"
    parts = [f"decay {decay}", f"fires at V {neuron.tie} {_range(neuron.threshold)}", f"{neuron.reset} reset"]
    if neuron.refractory:
        parts.append(f"refractory {neuron.refractory} steps ({neuron.policy})")
    return ", ".join(parts)


def _range(values: Any) -> str:
    low, high = float(np.min(values)), float(np.max(values))
    return f"{low:.4g}" if low == high else f"{low:.4g} to {high:.4g}"
