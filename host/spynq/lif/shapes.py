"""Shapes through a network, and every way in which they can disagree."""

from __future__ import annotations

from collections.abc import Mapping

from spynq.lif.errors import LifError
from spynq.lif.graph import (
    Conv,
    Flatten,
    Graph,
    Input,
    Linear,
    Neuron,
    Node,
    Pool,
    Scale,
    Shape,
    Threshold,
    conv_output,
)

__all__ = ["entering", "infer", "through"]


def infer(graph: Graph) -> dict[str, Shape]:
    """Shape (channels, height, width) of what each node gives.

    Raises
    ------
    LifError
        E02: a kernel does not fit its input. E03: a node without input, or a loop. E08: sizes disagree.
    """
    shapes: dict[str, Shape] = {}
    for name in graph.order:
        node = graph.nodes[name]
        if isinstance(node, Input):
            shapes[name] = node.shape
            continue
        shapes[name] = through(name, node, entering(graph, name, shapes))
    return shapes


def entering(graph: Graph, name: str, shapes: Mapping[str, Shape]) -> Shape:
    """Shape of what enters a node, given the shapes of what stands before it."""
    found = {source: shapes[source] for source in graph.sources(name)}
    if not found:
        raise LifError("E03", f"layer {name!r} has no input; connect it or remove it")
    if len(set(found.values())) > 1:
        told = ", ".join(f"{source} {_told(shape)}" for source, shape in found.items())
        raise LifError(
            "E08", f"layer {name!r} adds maps of different shapes ({told}); make them equal, or concatenate"
        )
    return next(iter(found.values()))


def through(name: str, node: Node, shape: Shape) -> Shape:
    """Shape of what a node gives for an input of a shape."""
    if isinstance(node, Conv):
        return _conv(name, node, shape)
    if isinstance(node, Linear):
        return _linear(name, node, shape)
    if isinstance(node, Pool):
        height, width = _fit(name, "pool", shape[1:], node.kernel, node.stride, (0, 0), (1, 1))
        return shape[0], height, width
    if isinstance(node, Flatten):
        return shape[0] * shape[1] * shape[2], 1, 1
    sizes = {}
    if isinstance(node, Scale):
        sizes = {"scale": node.scale}
    elif isinstance(node, Threshold):
        sizes = {"threshold": node.level}
    elif isinstance(node, Neuron):
        sizes = {field: getattr(node, field) for field in ("decay", "gain", "threshold", "rest")}
    for parameter, values in sizes.items():
        if values.shape != (shape[0],):
            raise LifError(
                "E08",
                f"layer {name!r}: {parameter} has shape {values.shape}, and its input {_told(shape)} has "
                f"{shape[0]} channels; give one value per channel",
            )
    return shape


def _conv(name: str, node: Conv, shape: Shape) -> Shape:
    outputs, inputs, *kernel = node.weight.shape
    if inputs * node.groups != shape[0] or outputs % node.groups:
        raise LifError(
            "E08",
            f"layer {name!r}: weights {node.weight.shape} with {node.groups} group(s) take "
            f"{inputs * node.groups} channels, and its input has {shape[0]}; check weights and groups",
        )
    if node.bias.shape != (outputs,):
        raise LifError(
            "E08", f"layer {name!r}: bias has shape {node.bias.shape}, not ({outputs},); one value per output"
        )
    fitted = _fit(name, "kernel", shape[1:], (kernel[0], kernel[1]), node.stride, node.padding, node.dilation)
    return (outputs, *fitted)


def _fit(
    name: str,
    what: str,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> tuple[int, int]:
    rows, columns = (conv_output(*axis) for axis in zip(size, kernel, stride, padding, dilation, strict=True))
    if rows < 1 or columns < 1:
        reach = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
        raise LifError(
            "E02",
            f"layer {name!r}: {what} {reach[0]}x{reach[1]} does not fit the {size[0]}x{size[1]} input "
            f"(pad {padding[0]}); add padding or use a larger input",
        )
    return rows, columns


def _linear(name: str, node: Linear, shape: Shape) -> Shape:
    outputs, inputs = node.weight.shape
    if shape[1:] != (1, 1):
        raise LifError(
            "E08",
            f"layer {name!r}: a fully connected layer takes a vector, not a map {_told(shape)}; flatten it",
        )
    if inputs != shape[0] or node.bias.shape != (outputs,):
        raise LifError(
            "E08",
            f"layer {name!r}: weights {node.weight.shape} and bias {node.bias.shape} do not fit its "
            f"{shape[0]} inputs; check what stands before it",
        )
    return outputs, 1, 1


def _told(shape: Shape) -> str:
    return "x".join(map(str, shape))
