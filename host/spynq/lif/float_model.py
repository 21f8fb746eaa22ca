"""The float64 model: what a network means before it is quantised, written without looking at the engine.

Layer by layer; all steps of a layer's currents at once, then its neurons step by step.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

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
    Pool,
    Scale,
    Taps,
    Threshold,
)

__all__ = ["FloatResult", "convolve", "fire", "run"]

_CHUNK = 1 << 24
"""Window entries that are held at once."""


@dataclass(frozen=True)
class FloatResult:
    """What the float model saw.

    Attributes
    ----------
    outputs : ndarray of float64, shape [T, N, C, H, W]
        What entered the output node: spikes, or V of an integrator.
    values : mapping of str to ndarray
        The same of every node (spikes of neurons).
    membranes : mapping of str to ndarray
        ``U`` of every neuron, before the comparison.
    """

    outputs: Floats
    values: Mapping[str, Floats]
    membranes: Mapping[str, Floats]

    @property
    def counts(self) -> Floats:
        """Sum of the outputs over steps and positions, shape [N, C]."""
        summed: Floats = self.outputs.sum(axis=(0, 3, 4))
        return summed


def run(graph: Graph, inputs: npt.ArrayLike) -> FloatResult:
    """Run a network in float64.

    Parameters
    ----------
    graph : Graph
    inputs : array_like, shape [T, N, C, H, W]
        Spikes or real values.

    Raises
    ------
    LifError
        E01: no steps. E08: the shape is not the network's.
    """
    values: dict[str, Floats] = {}
    membranes: dict[str, Floats] = {}
    array = np.asarray(inputs, np.float64)
    shapes = graph.shapes()
    wanted = graph.input.shape
    if array.ndim != 5 or array.shape[2:] != wanted:
        raise LifError("E08", f"inputs have shape {array.shape}, not [T, N, {', '.join(map(str, wanted))}]")
    if not len(array):
        raise LifError("E01", "inputs have no time steps (T = 0), and at least 1 is needed; give some")
    output = ""
    for name in graph.order:
        node = graph.nodes[name]
        if isinstance(node, Input):
            values[name] = array
            continue
        entering = [values[source] for source in graph.sources(name)]
        x = entering[0] if len(entering) == 1 else np.sum(entering, axis=0)
        if isinstance(node, Neuron):
            values[name], membranes[name] = fire(node, x)
        else:
            values[name] = _apply(node, x).reshape(*array.shape[:2], *shapes[name])
        output = name
    return FloatResult(values[output], values, membranes)


def _apply(node: Node, x: Floats) -> Floats:
    if isinstance(node, Conv):
        return _each_step(x, lambda flat: convolve(node, flat))
    if isinstance(node, Linear):
        flat = x.reshape(*x.shape[:2], -1) @ node.weight.T + node.bias
        return np.asarray(flat[..., None, None])
    if isinstance(node, Pool):
        windows = _windows(x, node.kernel)[:, :, :, :: node.stride[0], :: node.stride[1]]
        pooled: Floats = windows.sum(axis=(-2, -1))
        return pooled / (node.kernel[0] * node.kernel[1]) if node.kind == "average" else pooled
    if isinstance(node, Scale):
        return x * node.scale[:, None, None]
    if isinstance(node, Threshold):
        return (x > node.level[:, None, None]).astype(np.float64)
    if isinstance(node, Flatten):
        return x.reshape(*x.shape[:2], -1, 1, 1)
    if isinstance(node, Taps):
        return _delayed(node, x)
    return x


def _each_step(x: Floats, layer: object) -> Floats:
    assert callable(layer)
    if x.strides[0] == 0 and len(x) > 1:
        # A still image that is repeated: one step tells all.
        once = _each_step(x[:1], layer)
        return np.broadcast_to(once, (len(x), *once.shape[1:]))
    flat = x.reshape(-1, *x.shape[2:])
    found = layer(flat)
    return np.asarray(found.reshape(*x.shape[:2], *found.shape[1:]))


def convolve(node: Conv, x: Floats) -> Floats:
    """Convolution of [N, C, H, W] with bias."""
    rows, columns = node.padding
    x = np.pad(x, ((0, 0), (0, 0), (rows, rows), (columns, columns)))
    outputs, inputs, height, width = node.weight.shape
    down, right = node.dilation
    reach = (height - 1) * down + 1, (width - 1) * right + 1
    windows = _windows(x, reach)[:, :, :: node.stride[0], :: node.stride[1], ::down, ::right]
    each = outputs // node.groups
    parts = []
    step = max(1, _CHUNK // max(1, windows[0].size))
    for begin in range(0, len(x), step):
        some = windows[begin : begin + step]
        groups = [
            np.tensordot(
                some[:, g * inputs : (g + 1) * inputs],
                node.weight[g * each : (g + 1) * each],
                axes=((1, 4, 5), (1, 2, 3)),
            )
            for g in range(node.groups)
        ]
        parts.append(np.concatenate(groups, axis=3).transpose(0, 3, 1, 2))
    found: Floats = np.concatenate(parts) + node.bias[:, None, None]
    return found


def _windows(x: Floats, size: tuple[int, int]) -> Floats:
    """All windows over the last two axes, as two more axes."""
    view: Floats = sliding_window_view(x, size, axis=(-2, -1))  # type: ignore[call-overload]
    return view


def _delayed(node: Taps, x: Floats) -> Floats:
    found = np.zeros_like(x)
    length = node.segment
    for weight, delay in zip(node.weights, node.delays, strict=True):
        for t in range(len(x)):
            at = t - t % length + delay if length else t - delay
            if 0 <= at < len(x):
                found[t] += weight * x[at]
    return found if node.bias is None else found + node.bias[:, None, None]


def fire(neuron: Neuron, current: Floats) -> tuple[Floats, Floats]:
    """Neurons over all steps.

    Parameters
    ----------
    neuron : Neuron
    current : ndarray, shape [T, N, C, H, W]

    Returns
    -------
    outputs, membranes : ndarray
        Spikes (V for an integrator), and ``U`` before the comparison.
    """
    decay, gain, threshold, rest, reset_value, subtract = (
        getattr(neuron, name)[:, None, None]
        for name in ("decay", "gain", "threshold", "rest", "reset_value", "subtract")
    )
    v = np.broadcast_to(rest, current.shape[1:]).copy()
    spikes, waiting = np.zeros_like(v), np.zeros(v.shape, np.int64)
    outputs, membranes = np.zeros(current.shape), np.zeros(current.shape)
    for t, i in enumerate(current):
        leaked = rest + decay * (v - rest)
        u = leaked + gain * i
        if neuron.reset == "soft_delayed":
            u -= subtract * spikes
        blocked = waiting > 0
        if neuron.refractory:
            u = np.where(blocked, {"freeze": v, "leak": leaked, "integrate": u}[neuron.policy], u)
        membranes[t] = u
        above = (u >= threshold if neuron.tie == ">=" else u > threshold) & ~blocked
        spikes = (above & neuron.fires).astype(np.float64)
        v = u
        if neuron.fires and neuron.reset == "hard":
            v = np.where(spikes > 0, reset_value, u)
        elif neuron.fires and neuron.reset == "soft":
            v = u - subtract * spikes
        waiting = np.where(spikes > 0, neuron.refractory, np.maximum(waiting - 1, 0))
        outputs[t] = spikes if neuron.fires else v
    return outputs, membranes
