"""From a trained network to the graph that NIR files, the float model and the engine share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from spynq.errors import SpynqError
from spynq.lif import write_nir
from spynq.lif.graph import (
    Conv,
    Flatten,
    Graph,
    Input,
    Linear,
    Node,
    Output,
    Scale,
    Taps,
    Threshold,
    sequence,
)
from spynq.lif.graph import Neuron as GraphNeuron
from spynq.lif.graph import Pool as GraphPool
from spynq_train.albsnn import PlanesBlock
from spynq_train.data import DataSet
from spynq_train.network import Block, SpikingNetwork
from spynq_train.neuron import Neuron
from spynq_train.snnwm import FusionBlock, MemoryBlock

__all__ = ["export", "to_graph"]

Floats = NDArray[np.float64]
Named = tuple[str, Node]


def export(network: SpikingNetwork, path: Path, data: DataSet, coding: str) -> Graph:
    """Write a network as NIR, with the reset, tie and step that NIR itself cannot say.

    Parameters
    ----------
    network : SpikingNetwork
    path : pathlib.Path
    data : DataSet
        Says what an input value is.
    coding : str
        Of still images: pixels with ``direct``, else spikes.
    """
    graph = to_graph(network, data, coding)
    write_nir(graph, path)
    return graph


def to_graph(network: SpikingNetwork, data: DataSet, coding: str) -> Graph:
    """Main layers and last head with their norms folded; teaching heads and projections stay behind.

    Raises
    ------
    SpynqError
        A norm's factor is 0.
    """
    first = network.layers[0].inputs
    pixels = data.kind == "images" and coding == "direct"
    levels = data.levels if pixels else 1
    nodes: list[Named] = [("input", Input(first, levels.bit_length(), scale=1 / levels))]
    for number, block in enumerate(network.chain, 1):
        nodes += _block(number, block)
    if network.layers[-1].kind == "gap":
        nodes.append(
            ("map", GraphPool("sum", network.layers[-1].outputs[1:], network.layers[-1].outputs[1:]))
        )
    nodes.append(("output", Output()))
    return sequence(nodes, 1.0)


def _block(number: int, block: Block) -> Iterator[Named]:
    layer = block.layer
    if layer.kind == "full" and layer.inputs[1:] != (1, 1):
        yield f"flatten{number}", Flatten()
    yield from _weights(number, block)
    if not block.spiking:
        return
    yield f"neurons{number}", _neuron(block.neurons.neuron, layer.outputs[0])
    if layer.pool is None:
        return
    kind = "average" if layer.pool.kind == "mean" else "sum"
    yield f"pool{number}", GraphPool(kind, layer.pool.size, layer.pool.size)
    if layer.pool.kind == "max":
        # NIR has no maximum pool; of spikes it is whether there is any.
        yield f"any{number}", Threshold(np.full(layer.outputs[0], 0.5))


def _weights(number: int, block: Block) -> Iterator[Named]:
    """Weights, factors and offset of a layer, with the delays behind them."""
    with torch.no_grad():
        weight = block.weight() if not isinstance(block, PlanesBlock) else _planes(block)
        own = block.weights.bias
        factor, offset = _norm(block.norm, len(weight))
    made, bias = _floats(weight), _floats(offset)
    if own is not None:
        bias = bias + _floats(factor) * _floats(own)
    binary = isinstance(block, PlanesBlock) and not bool(block.full)
    neuron_bias = block.neurons.neuron.bias
    if not binary:
        made = made * _floats(factor).reshape(-1, *[1] * (made.ndim - 1))
    if isinstance(block, MemoryBlock | FusionBlock):
        if len(block.taps) == 1:  # no delay at all: a factor of the weights
            only = _floats(block.taps)[0]
            yield f"weights{number}", _linear(block, made * only, bias * only + neuron_bias)
            return
        yield f"weights{number}", _linear(block, made, np.zeros_like(bias))
        yield f"delays{number}", _taps(block, bias, neuron_bias)
        return
    bias = bias + neuron_bias
    if binary:
        # The four values stay what they are; the norm's factor becomes part of the threshold.
        scale = _floats(factor)
        if not scale.all():
            raise SpynqError(f"layer {number}: the norm's factor of a channel is 0; train longer")
        yield f"weights{number}", _linear(block, made, bias / scale)
        yield f"norm{number}", Scale(scale)
        return
    yield f"weights{number}", _linear(block, made, bias)


def _planes(block: PlanesBlock) -> Tensor:
    return block.weights.weight if bool(block.full) else block.binary()


def _floats(values: Tensor) -> Floats:
    return values.detach().cpu().double().numpy()


def _linear(block: Block, weight: Floats, bias: Floats) -> Conv | Linear:
    if block.layer.kind == "full":
        return Linear(weight, bias)
    return Conv(weight, bias, block.layer.stride, block.layer.padding)


def _norm(norm: nn.Module, channels: int) -> tuple[Tensor, Tensor]:
    """Factor and offset of a norm in evaluation."""
    if isinstance(norm, nn.BatchNorm1d | nn.BatchNorm2d):
        assert norm.running_var is not None and norm.running_mean is not None
        factor = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        return factor, norm.bias - factor * norm.running_mean
    return torch.ones(channels), torch.zeros(channels)


def _taps(block: MemoryBlock | FusionBlock, bias: Floats, neuron_bias: float) -> Taps:
    weights = _floats(block.taps)
    segment = len(weights) if isinstance(block, FusionBlock) or block.form == "segment" else 0
    # Silence passes the norm like any other step, so the offset is the same in every step.
    return Taps(weights, tuple(range(len(weights))), segment, bias * weights.sum() + neuron_bias)


def _neuron(neuron: Neuron, channels: int) -> GraphNeuron:
    return GraphNeuron.uniform(
        channels,
        neuron.decay,
        neuron.threshold,
        reset=neuron.reset,
        reset_value=neuron.reset_to,
        subtract=neuron.removed,
    )
