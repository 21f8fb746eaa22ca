"""Layers and shapes of a network from the papers' notation: ``16C3-AP2-64C3-128FC-10FC``.

``16C3`` is a convolution with 16 channels and a 3x3 kernel (``1x3`` for other shapes), padded so that the
map keeps its size unless ``p0`` or another padding stands behind it (``6C5p2``), with stride ``s2``;
``AP2``, ``SP2`` and ``MP2`` pool 2x2 by mean, sum and maximum (``AP1x2`` for other shapes); ``128FC`` is a
full layer; ``GAP`` is a 3x3 convolution to the classes whose spikes are counted over the map.
Every layer but a pool ends in neurons.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import prod
from typing import Literal

__all__ = ["Layer", "Pool", "Shape", "parse"]

Shape = tuple[int, int, int]
"""Channels, height, width."""

_CONVOLUTION = re.compile(r"(\d+)C(\d+)(?:x(\d+))?(?:p(\d+))?(?:s(\d+))?")
_POOL = re.compile(r"([ASM])P(\d+)(?:x(\d+))?")
_FULL = re.compile(r"(\d+)FC")


@dataclass(frozen=True)
class Pool:
    """A pool behind a layer: mean, sum or maximum over windows that do not overlap."""

    kind: Literal["mean", "sum", "max"]
    size: tuple[int, int]


@dataclass(frozen=True)
class Layer:
    """One layer with weights and neurons, and the pool behind it.

    Attributes
    ----------
    kind : {"convolution", "full", "gap"}
    inputs, outputs : Shape
        What comes in and what the neurons send, before the pool.
    kernel, padding, stride : tuple of int
        Height and width; of a full layer 1.
    pool : Pool or None
    """

    kind: Literal["convolution", "full", "gap"]
    inputs: Shape
    outputs: Shape
    kernel: tuple[int, int] = (1, 1)
    padding: tuple[int, int] = (0, 0)
    stride: tuple[int, int] = (1, 1)
    pool: Pool | None = None

    @property
    def weights(self) -> int:
        """Weights without bias."""
        if self.kind == "full":
            return prod(self.inputs) * self.outputs[0]
        return self.outputs[0] * self.inputs[0] * prod(self.kernel)

    @property
    def neurons(self) -> int:
        """Neurons of the layer."""
        return prod(self.outputs)

    @property
    def operations(self) -> int:
        """Multiply-accumulates of one step and one sample, padding counted."""
        return self.weights * self.outputs[1] * self.outputs[2]

    @property
    def sends(self) -> Shape:
        """Shape behind the pool."""
        if self.pool is None:
            return self.outputs
        channels, height, width = self.outputs
        return channels, height // self.pool.size[0], width // self.pool.size[1]


def parse(network: str, inputs: Shape, classes: int | None = None) -> tuple[Layer, ...]:
    """Layers of a network, with their shapes.

    Parameters
    ----------
    network : str
        Notation above.
    inputs : Shape
        Channels, height and width of the input.
    classes : int, optional
        Number of classes; ``GAP`` needs it, and another last layer must have as many neurons.

    Raises
    ------
    ValueError
        A part is not known, a shape becomes empty, or the last layer does not fit the classes.
    """
    layers: list[Layer] = []
    shape = inputs
    for part in network.replace(" ", "").split("-"):
        if match := _POOL.fullmatch(part):
            if not layers or layers[-1].pool or layers[-1].kind != "convolution":
                raise ValueError(f"network {network}: {part} must follow a convolution")
            layers[-1] = replace(layers[-1], pool=_pool(match))
        else:
            layers.append(_layer(part, shape, classes, network))
        shape = layers[-1].sends
        if min(shape) < 1:
            raise ValueError(
                f"network {network}: {part} leaves a map of {shape[1]}x{shape[2]}; "
                f"the input of {inputs[1]}x{inputs[2]} is too small for it"
            )
    if classes is not None and prod(shape) != classes and layers[-1].kind != "gap":
        raise ValueError(
            f"network {network}: the head has {prod(shape)} outputs and the data {classes} classes; "
            f"end it in {classes}FC or take other data"
        )
    return tuple(layers)


def _pool(match: re.Match[str]) -> Pool:
    kinds: dict[str, Literal["mean", "sum", "max"]] = {"A": "mean", "S": "sum", "M": "max"}
    return Pool(kinds[match[1]], (int(match[2]), int(match[3] or match[2])))


def _layer(part: str, shape: Shape, classes: int | None, network: str) -> Layer:
    if match := _FULL.fullmatch(part):
        return Layer("full", shape, (int(match[1]), 1, 1))
    if match := _CONVOLUTION.fullmatch(part):
        kernel = (int(match[2]), int(match[3] or match[2]))
        stride = int(match[5] or 1)
        return _convolution(shape, int(match[1]), kernel, match[4], (stride, stride), network)
    if part == "GAP":
        if classes is None:
            raise ValueError(f"network {network}: GAP needs the number of classes")
        return replace(_convolution(shape, classes, (3, 3), None, (1, 1), network), kind="gap")
    raise ValueError(
        f"network {network}: {part!r} is not known; parts are like 16C3, 6C5p0, AP2, SP2, MP2, 128FC and GAP"
    )


def _convolution(
    shape: Shape,
    channels: int,
    kernel: tuple[int, int],
    padding: str | None,
    stride: tuple[int, int],
    network: str,
) -> Layer:
    if padding is None and not (kernel[0] % 2 and kernel[1] % 2):
        raise ValueError(
            f"network {network}: a kernel of {kernel[0]}x{kernel[1]} cannot keep the map's size; "
            "say its padding, such as p0"
        )
    pad = (int(padding), int(padding)) if padding is not None else (kernel[0] // 2, kernel[1] // 2)
    height = (shape[1] + 2 * pad[0] - kernel[0]) // stride[0] + 1
    width = (shape[2] + 2 * pad[1] - kernel[1]) // stride[1] + 1
    return Layer("convolution", shape, (channels, max(height, 0), max(width, 0)), kernel, pad, stride)
