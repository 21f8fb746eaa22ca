"""From a chain of spikingjelly layers to a graph, with everything that NIR leaves out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from spikingjelly.activation_based import neuron
from torch import Tensor, nn

from spynq.lif.graph import Conv, Flatten, Graph, Input, Linear, Neuron, Node, Output, Pool, sequence

__all__ = ["to_graph"]

_DT = 1e-3


def to_graph(
    net: nn.Sequential, shape: tuple[int, int, int], *, pixels: bool = False, planes: int = 1
) -> Graph:
    """The graph of a trained network.

    Parameters
    ----------
    net : torch.nn.Sequential
        Conv2d, Linear, AvgPool2d, Flatten, IFNode and LIFNode of spikingjelly or torch; fold batch
        normalisation first.
    shape : (int, int, int)
        Channels, height, width of the input.
    pixels : bool
        The input is pixels from 0 to 1 in steps of 1/255, not spikes.
    planes : int
        Bits of an input value that is no pixel; 1 for spikes.

    Raises
    ------
    ValueError
        A layer that has no counterpart, by name.
    """
    first = Input(shape, 8, scale=1 / 255) if pixels else Input(shape, planes)
    nodes: list[tuple[str, Node]] = [("input", first)]
    features = shape[0]
    for index, module in enumerate(net):
        name, node = _node(module, index, features)
        if isinstance(node, Conv | Linear):
            features = len(node.bias)
        nodes.append((name, node))
    return sequence([*nodes, ("output", Output())], _DT)


def _node(module: nn.Module, index: int, features: int) -> tuple[str, Node]:
    if isinstance(module, nn.Conv2d):
        if module.padding_mode != "zeros" or isinstance(module.padding, str):
            raise ValueError(f"layer {index}: give the padding as numbers, with zeros; not {module}")
        stride, padding, dilation = (_pair(size) for size in (module.stride, module.padding, module.dilation))
        weight = _array(module.weight)
        bias = _bias(module.bias, len(weight))
        return f"conv{index}", Conv(weight, bias, stride, padding, dilation, module.groups)
    if isinstance(module, nn.Linear):
        weight = _array(module.weight)
        return f"fc{index}", Linear(weight, _bias(module.bias, len(weight)))
    if isinstance(module, nn.AvgPool2d):
        return f"pool{index}", Pool("average", _pair(module.kernel_size), _pair(module.stride))
    if isinstance(module, nn.Flatten):
        return f"flatten{index}", Flatten()
    if isinstance(module, neuron.LIFNode | neuron.IFNode):
        return f"lif{index}", _neuron(module, features)
    raise ValueError(
        f"layer {index}, {type(module).__name__}, has no counterpart in the engine; fold or remove it"
    )


def _neuron(module: neuron.BaseNode, features: int) -> Neuron:
    leak = 1 / float(module.tau) if isinstance(module, neuron.LIFNode) else 0.0
    scaled = isinstance(module, neuron.LIFNode) and module.decay_input
    soft = module.v_reset is None
    rest = 0.0 if soft else float(module.v_reset)
    return Neuron.uniform(
        features,
        1 - leak,
        float(module.v_threshold),
        gain=leak if scaled else 1.0,
        reset="soft" if soft else "hard",
        rest=rest,
        reset_value=rest,
    )


def _array(values: Tensor) -> npt.NDArray[np.float64]:
    array: npt.NDArray[np.float64] = values.detach().cpu().numpy().astype(np.float64)
    return array


def _bias(bias: Tensor | None, outputs: int) -> npt.NDArray[np.float64]:
    return np.zeros(outputs) if bias is None else _array(bias)


def _pair(value: object) -> tuple[int, int]:
    if isinstance(value, tuple):
        return int(value[0]), int(value[1])
    return int(str(value)), int(str(value))
