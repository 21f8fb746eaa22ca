"""From what a layer may say to what a descriptor does: joins, pools of spikes, copies, delays, large layers.

All of it is exact: the lowered network has the same maps under the same names, and helpers, whose names hold
a colon, besides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from spynq.lif.codes import Combine, Leak, Output, Pool, Reset, WeightFormat
from spynq.lif.lanes import Lanes, spread
from spynq.lif.layers import Layer, MapShape, Network, Neuron
from spynq.lif.params import LANES, LifConfig

__all__ = ["lower", "split"]

_FARTHEST = (1 << 23) - 1
_BEAT_BITS = 128


def lower(network: Network, shapes: Mapping[str, MapShape]) -> Network:
    """A network of layers that add their sources, sum their pools and gather their sums in a step.

    Parameters
    ----------
    network : Network
        Checked.
    shapes : mapping of str to MapShape
        Of its maps.
    """
    layers = [made for layer in network.layers for made in _lowered(layer, shapes)]
    return replace(network, layers=tuple(layers))


def _lowered(layer: Layer, shapes: Mapping[str, MapShape]) -> Iterator[Layer]:
    """Helpers, and then the layer itself."""
    channels = shapes[layer.sources[0]].channels
    if len(layer.sources) == 2 and layer.combine != Combine.ADD:
        yield from _join(layer, channels)
        layer = replace(layer, sources=(f"{layer.name}:join",), combine=Combine.ADD)
    if layer.pool_in == Pool.OR:
        size = (layer.pool_size, layer.pool_size)
        yield Layer(
            f"{layer.name}:or", "pool", layer.sources, kernel=size, stride=size, neuron=_gate(channels, 1)
        )
        layer = replace(layer, sources=(f"{layer.name}:or",), pool_in=Pool.NONE, pool_size=1)
    if layer.kind == "copy":
        # A pool of one pixel reads the sum of its sources.
        layer = replace(
            layer, kind="pool", kernel=(1, 1), output=Output.VALUE, value_shift=0, value_after=False,
            neuron=_reader(channels),
        )  # fmt: skip
    if layer.output == Output.SUMS and layer.neuron is not None:
        # Sums are those of neurons that hold them for a step.
        layer = replace(
            layer,
            neuron=replace(
                _reader(shapes[layer.name].channels), bias=layer.neuron.bias, fraction=layer.neuron.fraction
            ),
        )
    if layer.fir is not None:
        yield from _delayed(layer, shapes[layer.name])
    else:
        yield layer


def _gate(channels: int, theta: int, bias: int = 0) -> Neuron:
    """Neurons without a memory: they fire in a step whose inputs reach ``theta``."""
    return Neuron(
        np.full(channels, theta, np.int64), bias=np.full(channels, bias, np.int64),
        decay=np.zeros(channels, np.int64), reset=Reset.HARD, leak=Leak.MULTIPLY,
    )  # fmt: skip


def _reader(channels: int) -> Neuron:
    """Neurons that hold the sum of a step and never fire."""
    return Neuron(
        np.full(channels, _FARTHEST, np.int64), decay=np.zeros(channels, np.int64), reset=Reset.NONE,
        leak=Leak.MULTIPLY, fires=False,
    )  # fmt: skip


def _join(layer: Layer, channels: int) -> Iterator[Layer]:
    """Two sources of spikes, bit by bit: how many must spike; of one the opposite first."""
    first, second = layer.sources
    if layer.combine == Combine.AND_NOT:
        weights = np.full((channels, 1, 1, 1), -1, np.int64)
        yield Layer(
            f"{layer.name}:not", "conv", (second,), weights, groups=channels, format=WeightFormat.S2,
            neuron=_gate(channels, 1, bias=1),
        )  # fmt: skip
        second = f"{layer.name}:not"
    theta = 1 if layer.combine == Combine.OR else 2
    yield Layer(f"{layer.name}:join", "pool", (first, second), neuron=_gate(channels, theta))


def _delayed(layer: Layer, shape: MapShape) -> Iterator[Layer]:
    """The sums of every step go to memory, and neurons that gather nothing read them through the FIR."""
    yield replace(
        layer, name=f"{layer.name}:sums", fir=None, output=Output.SUMS, neuron=_reader(shape.channels),
        owner=layer.reported,
    )  # fmt: skip
    yield Layer(f"{layer.name}:zeros", "zeros", (), kernel=(shape.height, shape.width))
    yield replace(
        layer, kind="conv", sources=(f"{layer.name}:zeros",),
        weights=np.zeros((shape.channels, 1, 1, 1), np.int64), stride=(1, 1), padding=(0, 0),
        dilation=(1, 1), groups=1, format=WeightFormat.S2, codebook=None, pool_in=Pool.NONE, pool_size=1,
        words=f"{layer.name}:sums",
    )  # fmt: skip


def split(
    network: Network, shapes: Mapping[str, MapShape], lanes: Mapping[str, Lanes], config: LifConfig
) -> Network:
    """Layers whose taps a column does not hold become parts by rows of the kernel, whose sums add.

    What cannot be helped so stays, for :mod:`spynq.lif.tiling` to refuse.
    """
    layers: list[Layer] = []
    for layer in network.layers:
        parts = _parts(layer, shapes, lanes, config)
        layers.extend(_split(layer, parts, shapes[layer.name].channels) if parts > 1 else [layer])
    return replace(network, layers=tuple(layers))


def _parts(
    layer: Layer, shapes: Mapping[str, MapShape], lanes: Mapping[str, Lanes], config: LifConfig
) -> int:
    """Into how many parts a layer must go."""
    if not (config.has("sums") and config.has("words")):
        return 1
    if layer.weights is None or (layer.words is not None and layer.fir is not None):
        return 1
    shape, (_, _, rows, pixels) = shapes[layer.name], layer.weights.shape
    log2_h, rounds, _ = spread(shape.channels, config)
    if layer.pool_in != Pool.NONE:
        pixels, dilated = (pixels - 1) * layer.dilation[1] + 1, layer.dilation[0]
    else:
        dilated = 1
    per_row = pixels * lanes[layer.sources[0]].stride * dilated
    if shape.height * shape.width == 1:
        # The rounds of a single pixel can be parted instead.
        rounds = min(rounds, max(1, _BEAT_BITS // (LANES << log2_h)))
    most = config.weights // (rounds * per_row)
    return -(-rows // most) if most else 1


def _split(layer: Layer, parts: int, channels: int) -> Iterator[Layer]:
    assert layer.weights is not None
    rows, words = layer.weights.shape[2], layer.words
    ends = [round(rows * part / parts) for part in range(parts + 1)]
    bias_map = layer.bias_map
    for part in range(parts - 1):
        name = f"{layer.name}:rows{ends[part]}"
        yield replace(
            layer, name=name, neuron=_reader(channels), output=Output.SUMS, words=words, bias_map=bias_map,
            kernel_rows=(ends[part], ends[part + 1]), owner=layer.reported,
        )  # fmt: skip
        words, bias_map = name, None
    yield replace(layer, words=words, bias_map=None, kernel_rows=(ends[-2], rows))
