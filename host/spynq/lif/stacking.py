"""How an input lies in memory: rows side by side, and planes row by row.

A window of few channels has rows much shorter than a word, and each costs the engine a cycle in every bit
plane. With the rows that a kernel sees as channels, side by side, its window is one run of bits. The same
sums come out, and the input map is as many times larger as a kernel has rows.

Planes row by row: the engine gathers windows from the first beat of a map on, while more of it comes. If the
planes of a row follow each other, the first window waits for its own rows, not for nearly all planes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Pool
from spynq.lif.lanes import Lanes
from spynq.lif.layers import Layer, MapShape, Network
from spynq.lif.params import BEAT_BYTES, LifConfig

__all__ = ["Rows", "by_row", "stack"]

_MOST_BITS = 64
"""Bits of a window; more than two words gain little."""


@dataclass(frozen=True)
class Rows:
    """How rows of an input lie side by side.

    Parameters
    ----------
    given : MapShape
        The input as it is.
    kernel, stride, dilation, padding : int
        Of the windows' rows.
    height : int
        Rows of windows.
    """

    given: MapShape
    kernel: int
    stride: int
    dilation: int
    padding: int
    height: int

    @property
    def shape(self) -> MapShape:
        """The input as the engine sees it: channel ``k * C + c`` is channel c, k kernel rows down."""
        return replace(self.given, channels=self.kernel * self.given.channels, height=self.height)

    @property
    def beats(self) -> int:
        """Of all planes of a step."""
        shape = self.shape
        return shape.planes * -(-shape.height * shape.width * shape.channels // (8 * BEAT_BYTES))

    def stacked(self, pixels: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """From pixels (rows, pixels, channels) to the same of :attr:`shape`."""
        high, wide, channels = pixels.shape
        rows = np.arange(self.height)[:, None] * self.stride - self.padding
        rows = rows + np.arange(self.kernel) * self.dilation
        inside = (rows >= 0) & (rows < high)
        found = np.where(inside[..., None, None], pixels[rows.clip(0, high - 1)], 0)
        return found.transpose(0, 2, 1, 3).reshape(self.height, wide, self.kernel * channels)


def stack(network: Network, shapes: Mapping[str, MapShape], config: LifConfig) -> tuple[Network, Rows | None]:
    """The network with the rows of its input side by side, if it reads several bit planes in small windows.

    A build must hold the whole of that input.

    Parameters
    ----------
    network : Network
        Lowered.
    shapes : mapping of str to MapShape
        Of its maps.
    config : LifConfig
    """
    readers = [layer for layer in network.layers if "input" in layer.sources]
    if len(readers) != 1 or not _small(readers[0], network.input):
        return network, None
    layer = readers[0]
    assert layer.weights is not None
    outputs, channels, kernel, wide = layer.weights.shape
    rows = Rows(
        network.input, kernel, layer.stride[0], layer.dilation[0], layer.padding[0], shapes[layer.name].height
    )
    if rows.beats > config.maps:
        return network, None
    weights = layer.weights.transpose(0, 2, 1, 3).reshape(outputs, kernel * channels, 1, wide)
    made = replace(
        layer, weights=weights, stride=(1, layer.stride[1]), padding=(0, layer.padding[1]),
        dilation=(1, layer.dilation[1]),
    )  # fmt: skip
    layers = tuple(made if other is layer else other for other in network.layers)
    return replace(network, input=rows.shape, layers=layers), rows


def _small(layer: Layer, source: MapShape) -> bool:
    if layer.kind != "conv" or layer.weights is None or layer.sources != ("input",):
        return False
    plain = layer.groups == 1 and layer.pool_in == Pool.NONE and layer.dilation[1] == 1
    _, channels, kernel, wide = layer.weights.shape
    return plain and source.planes > 1 and kernel > 1 and channels * kernel * wide <= _MOST_BITS


def by_row(network: Network, shapes: Mapping[str, MapShape], input_lanes: Lanes, config: LifConfig) -> bool:
    """Whether the planes of a row of the input follow each other.

    They do if one layer reads it, and nothing beside it, in windows that are smaller than the map.

    Parameters
    ----------
    network : Network
        As it is tiled.
    shapes : mapping of str to MapShape
    input_lanes : Lanes
    config : LifConfig
        A build must hold the whole of the input with its padding, as its walkers count rows of all planes.
    """
    source, readers = shapes["input"], [layer for layer in network.layers if "input" in layer.sources]
    if source.planes == 1 or len(readers) != 1 or readers[0].sources != ("input",):
        return False
    layer = readers[0]
    high, wide = layer.kernel if layer.weights is None else layer.weights.shape[2:]
    pool = layer.pool_size if layer.pool_in != Pool.NONE else 1
    rows = source.height + 2 * layer.padding[0] * pool
    bits = rows * source.planes * source.width * input_lanes.stride
    return high * pool < source.height and wide * pool < source.width and bits <= config.maps * 8 * BEAT_BYTES
