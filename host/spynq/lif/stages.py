"""Stages: one per layer of the engine, with everything folded that has no layer of its own.

Pools in front of weights, scales, 1 x 1 depthwise convolutions (how batch normalisation is written), the
gain of a neuron and flattening vanish here; all in real numbers, so that nothing is lost yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spynq.lif.errors import LifError
from spynq.lif.graph import (
    Conv,
    Flatten,
    Floats,
    Linear,
    Neuron,
    Node,
    Pool,
    Scale,
    Shape,
    Taps,
    Threshold,
    conv_output,
)

__all__ = [
    "POOLS",
    "Stage",
    "behind",
    "composed",
    "convolution",
    "front",
    "integrator",
    "pooled_map",
    "share",
    "with_neuron",
]

POOLS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Stage:
    """One layer before quantisation.

    Parameters
    ----------
    name : str
        Of its neuron, or of its weights if the network ends with them.
    kind : str
        ``"conv"``, ``"fc"``, ``"pool"`` (with neurons behind it) or ``"copy"`` (adds its sources).
    sources : tuple of str
        Names of stages; ``"input"`` is the network's input.
    shape : (int, int, int)
        Its own map.
    weight : ndarray, shape [outputs, inputs / groups, height, width], or None
        Real weights but for ``factor``; of ``"fc"`` over the whole pooled input map.
    factor : ndarray, shape [outputs]
        Above 0; the real weight is ``factor * weight``.
    bias : ndarray, shape [outputs]
        Added to the current in every step.
    kernel, stride, padding, dilation : (int, int)
    groups : int
    pool, pool_size : str, int
        ``"none"``, ``"sum"`` or ``"or"``: pooling of the input without neurons.
    neuron : Neuron or None
        Gain folded (1); None for a copy.
    taps : Taps or None
    readout : str
        ``""`` inside the network; at its end ``"spikes"``, ``"counts"`` (over all positions) or
        ``"membrane"`` (after the last step).
    """

    name: str
    kind: str
    sources: tuple[str, ...]
    shape: Shape
    weight: Floats | None
    factor: Floats
    bias: Floats
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    dilation: tuple[int, int] = (1, 1)
    groups: int = 1
    pool: str = "none"
    pool_size: int = 1
    neuron: Neuron | None = None
    taps: Taps | None = None
    readout: str = ""


def pooled_map(shape: Shape, pool: Pool) -> Shape:
    rows, columns = (conv_output(*axis) for axis in zip(shape[1:], pool.kernel, pool.stride, strict=True))
    return shape[0], rows, columns


def share(pool: Pool) -> float:
    """What one spike of a window counts."""
    return 1 / (pool.kernel[0] * pool.kernel[1]) if pool.kind == "average" else 1.0


def convolution(node: Node, scale: Floats, seen: Shape) -> Conv:
    """Weights over a map, the factors of its channels folded; a linear layer has a kernel as large as it."""
    if isinstance(node, Linear):
        return Conv(node.weight.reshape(-1, *seen) * scale[:, None, None], node.bias)
    assert isinstance(node, Conv)
    outputs, each = node.weight.shape[:2]
    inner = scale.reshape(node.groups, 1, each).repeat(outputs // node.groups, axis=1)
    return replace(node, weight=node.weight * inner.reshape(outputs, each, 1, 1))


def front(before: list[tuple[str, Node]], shape: Shape) -> tuple[Pool, str, Floats]:
    """What stands between spikes and weights: a pool, its kind (none, sum, or) and a factor per channel."""
    pool, kind, scale = Pool("sum", (1, 1), (1, 1)), "none", np.ones(shape[0])
    for label, node in before:
        if isinstance(node, Pool):
            if kind != "none":
                raise LifError("E03", f"layer {label!r} pools what was pooled already; use one larger pool")
            pool, kind = node, "sum"
        elif isinstance(node, Threshold):
            least = 1.0 if pool.kind == "sum" else 1 / (pool.kernel[0] * pool.kernel[1])
            if kind != "sum" or np.any(node.level < 0) or np.any(node.level >= least):
                raise LifError(
                    "E03",
                    f"layer {label!r}: a threshold of {node.level.max():g} is an OR only behind a pool and "
                    "from 0 "
                    f"to below {least:g}; use neurons",
                )
            pool, kind = replace(pool, kind="sum"), "or"
        elif isinstance(node, Scale):
            scale = scale * node.scale
        elif not isinstance(node, Flatten):
            raise LifError("E03", f"layer {label!r} cannot stand in front of weights; put it behind them")
    return pool, kind, scale


def composed(label: str, conv: Conv, pool: Pool, shape: Shape, is_fc: bool) -> Conv:
    """A pool the engine does not scan, as part of the weights behind it: exact, with more taps."""
    left = [(n - k) % s for n, k, s in zip(shape[1:], pool.kernel, pool.stride, strict=True)]
    if conv.padding != (0, 0) and (left != [0, 0] or pool.kernel != pool.stride):
        raise LifError(
            "E03",
            f"layer {label!r}: a pool of {pool.kernel} by {pool.stride} on a {shape[1]}x{shape[2]} map in "
            "front of "
            "padding; pool by 2, 4 or 8, or remove the padding",
        )
    down, right = (s * d for s, d in zip(pool.stride, conv.dilation, strict=True))
    outputs, inputs, rows, columns = conv.weight.shape
    reach = (rows - 1) * down + pool.kernel[0], (columns - 1) * right + pool.kernel[1]
    if is_fc:
        reach = shape[1], shape[2]
    weight = np.zeros((outputs, inputs, *reach))
    for i in range(pool.kernel[0]):
        for j in range(pool.kernel[1]):
            weight[:, :, i : i + (rows - 1) * down + 1 : down, j : j + (columns - 1) * right + 1 : right] += (
                conv.weight
            )
    stride = tuple(a * b for a, b in zip(conv.stride, pool.stride, strict=True))
    padding = tuple(a * b for a, b in zip(conv.padding, pool.stride, strict=True))
    return Conv(weight, conv.bias, (stride[0], stride[1]), (padding[0], padding[1]), (1, 1), conv.groups)


def behind(label: str, node: Node, stage: Stage) -> Stage:
    """Fold what stands between weights and neurons."""
    if isinstance(node, Flatten):
        return stage
    if isinstance(node, Taps):
        if stage.taps is not None:
            raise LifError("E03", f"layer {label!r}: two rows of delays in a row; multiply them out")
        return replace(stage, taps=node)
    if isinstance(node, Scale):
        factor, offset = node.scale, np.zeros(len(node.scale))
    elif isinstance(node, Conv) and node.weight.shape == (stage.shape[0], 1, 1, 1) and node.padding == (0, 0):
        factor, offset = node.weight[:, 0, 0, 0], node.bias
    else:
        raise LifError(
            "E03", f"layer {label!r}: two layers of weights without neurons between; multiply them into one"
        )
    return _scaled(label, stage, factor, offset)


def _scaled(label: str, stage: Stage, factor: Floats, offset: Floats) -> Stage:
    """Factor and offset per output; signs go to the weights, so that factors stay positive."""
    weight = stage.weight
    if np.any(factor <= 0):
        if weight is None:
            raise LifError(
                "E03", f"layer {label!r}: a factor of {factor.min():g} on a pool; make it positive"
            )
        weight = weight * np.sign(factor)[:, None, None, None]
    taps = stage.taps
    if taps is not None:
        late = offset if taps.bias is None else taps.bias * factor + offset
        return replace(
            stage,
            weight=weight,
            factor=stage.factor * _magnitude(factor),
            bias=stage.bias * factor,
            taps=replace(taps, bias=late),
        )
    return replace(
        stage, weight=weight, factor=stage.factor * _magnitude(factor), bias=stage.bias * factor + offset
    )


def _magnitude(factor: Floats) -> Floats:
    return np.where(factor == 0, 1.0, np.abs(factor))


def with_neuron(name: str, stage: Stage, neuron: Neuron) -> Stage:
    """Neurons of a stage, their gain folded; those of a flattened map are per channel again."""
    fields = ("decay", "gain", "threshold", "rest", "reset_value", "subtract")
    channels = stage.shape[0]
    if len(neuron.decay) != channels:
        flat = {field: getattr(neuron, field).reshape(channels, -1) for field in fields}
        if any(np.any(values != values[:, :1]) for values in flat.values()):
            raise LifError(
                "E03",
                f"layer {name!r}: flattened neurons differ within a channel; give one value per channel",
            )
        neuron = replace(neuron, **{field: values[:, 0] for field, values in flat.items()})
    stage = _scaled(name, stage, neuron.gain, np.zeros(channels))
    return replace(stage, neuron=replace(neuron, gain=np.ones(channels)))


def integrator(channels: int) -> Neuron:
    return Neuron.uniform(channels, 1.0, reset="none", fires=False)
