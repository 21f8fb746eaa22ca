"""What a layer must satisfy before it is compiled, and the shape of what it makes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from spynq.lif.codes import Combine, Output, Pool
from spynq.lif.errors import LifError
from spynq.lif.golden_gather import BOUND
from spynq.lif.layers import Integers, Layer, MapShape, Network, Neuron

__all__ = ["check_network", "map_shapes", "output_shape", "reach", "remarks"]

_KINDS = ("conv", "fc", "pool", "copy", "zeros")
_WIDTHS = {"theta": 24, "bias": 24, "zeta": 24, "v_reset": 16, "rest": 16}


def check_network(network: Network) -> dict[str, MapShape]:
    """Check names, sources, shapes and parameters; returns the shape of every map by name.

    Raises
    ------
    LifError
        E01 no steps, E02 kernel, E03 kind or combination, E04 accumulator, E07 range, E08 shapes.
    """
    if not 1 <= network.steps <= 65_535:
        raise LifError(
            "E01" if network.steps < 1 else "E07",
            f"network {network.name!r}: {network.steps} time steps; a run takes 1 to 65535, "
            "longer inputs in several runs",
        )
    shapes = {"input": network.input}
    for layer in network.layers:
        _check_name(layer, shapes)
        for source in (*layer.sources, *([] if layer.words is None else [layer.words])):
            if source not in shapes:
                raise LifError(
                    "E08",
                    f"layer {layer.name!r}: source {source!r} is no earlier layer; there is "
                    f"{', '.join(shapes)}",
                )
        shapes[layer.name] = output_shape(layer, shapes)
        if layer.kind == "zeros":
            continue
        _check_parameters(layer, shapes[layer.name])
        _check_reach(layer, shapes)
        _check_words(layer, shapes)
        _check_counts(layer, shapes[layer.name], network.steps)
    return shapes


def map_shapes(network: Network) -> dict[str, MapShape]:
    """Shape of every map by name, of a network made from one that was checked."""
    shapes = {"input": network.input}
    for layer in network.layers:
        # A helper may meet a layer of its name.
        _check_name(layer, shapes)
        shapes[layer.name] = output_shape(layer, shapes)
    return shapes


def _check_name(layer: Layer, shapes: Mapping[str, MapShape]) -> None:
    if layer.name in shapes:
        raise LifError("E08", f"layer {layer.name!r}: a second map of this name; rename one of them")


def _check_counts(layer: Layer, shape: MapShape, steps: int) -> None:
    most = shape.height * shape.width * steps
    if layer.output == Output.COUNTS and most > 65_535:
        raise LifError(
            "E05",
            f"layer {layer.name!r}: up to {most} spikes per channel and a count has 16 bits; "
            "read spikes out, or pool before",
        )


def _pooled(layer: Layer, shape: MapShape) -> MapShape:
    k = layer.pool_size if layer.pool_in != Pool.NONE else 1
    if k not in (1, 2, 4, 8):
        raise LifError(
            "E03",
            f"layer {layer.name!r}: pooling by {k} without a neuron; sizes are 1, 2, 4 and 8, "
            "others can be pool layers with a neuron",
        )
    added = len(layer.sources) == 2 and layer.combine == Combine.ADD
    if layer.pool_in == Pool.OR and (shape.planes > 1 or added):
        told = "sums of two sources" if added else f"values of {shape.planes} bits"
        raise LifError(
            "E03",
            f"layer {layer.name!r}: OR pooling takes spikes, not {told}; "
            "pool before the layer that makes values",
        )
    if min(shape.height, shape.width) < k:
        raise LifError(
            "E02",
            f"layer {layer.name!r}: pooling by {k} leaves nothing of the {shape.height}x{shape.width} input; "
            "pool less or use a larger input",
        )
    return MapShape(shape.channels, shape.height // k, shape.width // k, shape.planes, shape.signed)


def _joined(layer: Layer, shapes: Mapping[str, MapShape]) -> MapShape:
    first = shapes[layer.sources[0]]
    if not 1 <= len(layer.sources) <= 2:
        raise LifError(
            "E03",
            f"layer {layer.name!r}: {len(layer.sources)} sources; a layer has 1 or 2, chain copy "
            "layers for more",
        )
    if len(layer.sources) == 1:
        return first
    second = shapes[layer.sources[1]]
    sizes = [(s.channels, s.height, s.width) for s in (first, second)]
    if sizes[0] != sizes[1]:
        raise LifError("E08", f"layer {layer.name!r}: its sources are {first} and {second}; make them equal")
    if second.signed or (layer.combine != Combine.ADD and first.planes + second.planes > 2):
        raise LifError(
            "E03",
            f"layer {layer.name!r}: the second source must be unsigned, and spikes unless added; "
            f"they have {first.planes} and {second.planes} planes; swap or add them",
        )
    return first


def output_shape(layer: Layer, shapes: Mapping[str, MapShape]) -> MapShape:
    """Shape of what a layer makes, with its kernel, kind and sources checked."""
    if layer.kind not in _KINDS:
        raise LifError(
            "E03", f"layer {layer.name!r}: kind {layer.kind!r} is unknown; kinds are {', '.join(_KINDS)}"
        )
    if layer.kind == "zeros":
        return MapShape(1, *layer.kernel)
    source = _joined(layer, shapes)
    planes = layer.planes_out if layer.kind == "copy" or layer.output == Output.VALUE else 1
    if not 1 <= planes <= 8:
        raise LifError("E07", f"layer {layer.name!r}: {planes} output planes; a value has 1 to 8 bits")
    if layer.kind == "copy":
        if source.signed or layer.pool_in != Pool.NONE:
            raise LifError(
                "E03", f"layer {layer.name!r}: a copy takes unsigned maps and does not pool; use a pool layer"
            )
        return MapShape(source.channels, source.height, source.width, planes)
    pooled = _pooled(layer, source)
    channels, (kh, kw) = _kernel(layer, pooled)
    sizes = []
    for size, k, stride, pad, dilation in zip(
        (pooled.height, pooled.width), (kh, kw), layer.stride, layer.padding, layer.dilation, strict=True
    ):
        if not (1 <= k <= 63 and 1 <= stride <= 63 and 0 <= pad <= 63 and 1 <= dilation <= 63):
            raise LifError(
                "E07",
                f"layer {layer.name!r}: kernel {k}, stride {stride}, padding {pad}, dilation "
                f"{dilation}; each is at most 63 and all but padding at least 1; split the layer",
            )
        sizes.append((size + 2 * pad - dilation * (k - 1) - 1) // stride + 1)
    if min(sizes) < 1:
        pads = layer.padding[0] if len(set(layer.padding)) == 1 else f"{layer.padding[0]}x{layer.padding[1]}"
        wide = "" if layer.dilation == (1, 1) else f" with dilation {layer.dilation[0]}x{layer.dilation[1]}"
        raise LifError(
            "E02",
            f"layer {layer.name!r}: kernel {kh}x{kw}{wide} does not fit the {pooled.height}x{pooled.width} "
            f"input (pad {pads}); add padding or use a larger input",
        )
    return MapShape(channels, sizes[0], sizes[1], planes)


def _kernel(layer: Layer, pooled: MapShape) -> tuple[int, tuple[int, int]]:
    """Output channels and kernel."""
    if layer.kind == "pool":
        return pooled.channels, layer.kernel
    weights = layer.weights
    if weights is None or weights.ndim != 4 or weights.dtype.kind != "i":
        have = "none" if weights is None else f"{weights.dtype} of shape {list(weights.shape)}"
        raise LifError(
            "E08",
            f"layer {layer.name!r}: weights must be integers of shape [c_out, c_in / groups, kh, kw], "
            f"not {have}",
        )
    c_out, c_in, kh, kw = weights.shape
    if c_in * layer.groups != pooled.channels or c_out % layer.groups or layer.groups < 1:
        raise LifError(
            "E08",
            f"layer {layer.name!r}: weights for {c_in} channels in {layer.groups} groups and {c_out} "
            "outputs do not "
            f"fit an input of {pooled.channels} channels; check groups and the layer before",
        )
    if layer.kind == "fc" and ((kh, kw) != (pooled.height, pooled.width) or layer.padding != (0, 0)):
        raise LifError(
            "E08",
            f"layer {layer.name!r}: weights for a map of {kh}x{kw} and the pooled input is "
            f"{pooled.height}x{pooled.width}; reshape them to the map",
        )
    return c_out, (kh, kw)


def _check_parameters(layer: Layer, shape: MapShape) -> None:
    neuron = layer.neuron
    if layer.kind == "copy":
        return
    if neuron is None:
        raise LifError("E08", f"layer {layer.name!r}: no neuron; every kind but copy has one")
    for name, bits in _WIDTHS.items():
        _check_values(
            layer.name, name, getattr(neuron, name), shape.channels, -(1 << bits - 1), (1 << bits - 1) - 1
        )
    _check_values(layer.name, "decay", neuron.decay, shape.channels, 0, 4096)
    for name, value, high in (
        ("fraction", neuron.fraction, 7),
        ("refractory", neuron.refractory, 3),
        ("value_shift", layer.value_shift, 31),
    ):
        if not 0 <= value <= high:
            raise LifError("E07", f"layer {layer.name!r}: {name} must be 0 to {high}, not {value}")
    if layer.bias_map is not None and layer.bias_map.shape != (shape.channels, shape.height, shape.width):
        raise LifError(
            "E08",
            f"layer {layer.name!r}: bias_map has shape {list(layer.bias_map.shape)} and the output is "
            f"{shape}",
        )
    if not neuron.fires and layer.output in (Output.SPIKES, Output.COUNTS):
        raise LifError(
            "E03",
            f"layer {layer.name!r}: its neurons do not fire, so there are no spikes to read; "
            "read membranes, values or sums",
        )


def _check_words(layer: Layer, shapes: Mapping[str, MapShape]) -> None:
    """Words from memory: one map of them at most, and sums that 24 bits hold."""
    if layer.bias_map is not None and layer.fir is not None:
        raise LifError(
            "E03",
            f"layer {layer.name!r}: a bias map and delays do not go together; use a bias per channel",
        )
    if layer.words is not None and shapes[layer.words] != shapes[layer.name]:
        raise LifError(
            "E08",
            f"layer {layer.name!r}: words of {shapes[layer.words]} for a map of {shapes[layer.name]}; "
            "make them equal",
        )
    if layer.output == Output.SUMS and layer.neuron is not None:
        bias = 0 if layer.neuron.bias is None else np.abs(layer.neuron.bias)
        bounds = (_bounds(layer, shapes) << layer.neuron.fraction) + bias
        worst = int(np.argmax(bounds))
        if bounds[worst] > BOUND:
            raise LifError(
                "E04",
                f"layer {layer.name!r}: the sum of channel {worst} can be {bounds[worst]} in state units, "
                f"and a word holds {BOUND}; use fewer fraction bits",
            )


def _check_values(layer: str, name: str, values: Integers | None, channels: int, low: int, high: int) -> None:
    if values is None:
        return
    if values.shape != (channels,) or values.dtype.kind not in "iu":
        raise LifError(
            "E08",
            f"layer {layer!r}: {name} must be {channels} integers, one per output channel, "
            f"not {values.dtype} of shape {list(values.shape)}",
        )
    for extreme in (int(values.min()), int(values.max())):
        if not low <= extreme <= high:
            raise LifError(
                "E07",
                f"layer {layer!r}: {name} of channel {int(np.argmax(values == extreme))} is {extreme}, "
                f"and the engine takes {low} to {high}; use fewer fraction bits",
            )


def largest_value(layer: Layer, shapes: Mapping[str, MapShape]) -> int:
    """Largest magnitude of an input value after joining and pooling."""
    first = shapes[layer.sources[0]]
    value = 1 << first.planes - 1 if first.signed else (1 << first.planes) - 1
    if len(layer.sources) == 2 and layer.combine == Combine.ADD:
        value += (1 << shapes[layer.sources[1]].planes) - 1
    return value * layer.pool_size**2 if layer.pool_in == Pool.SUM else value


def reach(layer: Layer, shapes: Mapping[str, MapShape]) -> Integers:
    """Largest magnitude of A per output channel, before the FIR."""
    value = largest_value(layer, shapes)
    if layer.weights is None:
        return np.full(shapes[layer.name].channels, layer.kernel[0] * layer.kernel[1] * value, np.int64)
    sums: Integers = np.abs(layer.weights.astype(np.int64)).sum(axis=(1, 2, 3))
    return sums * value


def _check_reach(layer: Layer, shapes: Mapping[str, MapShape]) -> None:
    if layer.kind == "copy":
        return
    bounds = _bounds(layer, shapes)
    worst = int(np.argmax(bounds))
    if bounds[worst] > BOUND:
        raise LifError(
            "E04",
            f"layer {layer.name!r}: channel {worst} can sum up to {bounds[worst]}, and the accumulator holds "
            f"{BOUND}; use 4-bit weights or split the layer",
        )


def _bounds(layer: Layer, shapes: Mapping[str, MapShape]) -> Integers:
    """Largest magnitude of a sum per output channel, with what memory adds."""
    bounds = reach(layer, shapes)
    if layer.fir is not None:
        _check_fir(layer)
        # The sums before it, and those behind it when the shift has taken bits away.
        bounds = np.maximum(bounds, bounds * sum(map(abs, layer.fir.taps)) >> layer.fir.shift)
    if layer.bias_map is not None:
        bounds = bounds + np.abs(layer.bias_map).max(axis=(1, 2))
    return bounds


def _check_fir(layer: Layer) -> None:
    fir = layer.fir
    assert fir is not None
    if (
        not 1 <= len(fir.taps) <= 16
        or not 0 <= fir.shift <= 12
        or any(not -2048 <= t < 2048 for t in fir.taps)
    ):
        raise LifError(
            "E07",
            f"layer {layer.name!r}: {len(fir.taps)} delays of {min(fir.taps, default=0)} to "
            f"{max(fir.taps, default=0)}, shift {fir.shift}; there are 1 to 16 delays of -2048 to 2047 and "
            "shifts of 0 to 12; quantise them more coarsely",
        )
    if fir.segment and fir.segment < len(fir.taps):
        raise LifError(
            "E07",
            f"layer {layer.name!r}: a segment of {fir.segment} steps is shorter than its "
            f"{len(fir.taps)} delays; use longer segments or fewer delays",
        )


def remarks(layer: Layer, shapes: Mapping[str, MapShape]) -> list[str]:
    """What is allowed and probably not meant: thresholds that every or no membrane reaches."""
    neuron: Neuron | None = layer.neuron
    if layer.kind == "copy" or neuron is None or not neuron.fires:
        return []
    found = []
    always = np.flatnonzero(neuron.theta <= 0)
    if always.size:
        found.append(f"theta <= 0 in {always.size} channels, first {always[0]}: fires without input")
    bias = 0 if neuron.bias is None else neuron.bias
    most = 32_767 + (_bounds(layer, shapes) << neuron.fraction) + bias
    never = np.flatnonzero(neuron.theta > most)
    if never.size and layer.words is None:
        found.append(f"theta beyond reach in {never.size} channels, first {never[0]}: never fires")
    return found
