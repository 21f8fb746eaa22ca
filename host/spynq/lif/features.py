"""Which optional part of the engine a layer needs, and what to do without it."""

from __future__ import annotations

from spynq.lif.codes import Bias, Combine, Op, Output, Pool, WeightFormat
from spynq.lif.descriptor import Descriptor
from spynq.lif.errors import LifError
from spynq.lif.layers import Layer, MapShape
from spynq.lif.params import LifConfig

__all__ = ["check_features", "fits", "needs"]

_WAYS = {
    "slice": "use a dense convolution with zeros",
    "planes": "encode the input as spikes",
    "second": "add the maps in a layer of their own",
    "counts": "read spikes out and count them on the host",
    "membrane": "read spikes or counts out",
    "state": "run all steps in one chunk",
    "codebook": "use 8-bit weights",
    "static": "repeat the input at every step",
    "value": "let the layer fire",
    "copy": "let the next layer read both sources",
    "or_pool": "use a pool layer with threshold 1, decay 0 and reset to 0",
    "combine": "add the maps",
    "fir": "unroll the delays over the input channels",
    "sums": "use a wider build that holds all taps",
    "bias_map": "use a bias per channel",
}


def needs(layer: Layer, source: MapShape, *, chunked: bool, static: bool) -> list[str]:
    """Features of :data:`spynq.lif.params.FEATURES` that a layer needs, beside ``gather``."""
    depthwise = layer.kind == "conv" and layer.groups == source.channels > 1
    wanted = {
        "slice": layer.kind == "pool" or depthwise,
        "planes": source.planes > 1,
        "second": len(layer.sources) == 2 and layer.kind != "copy" and layer.combine == Combine.ADD,
        "combine": len(layer.sources) == 2 and layer.kind != "copy" and layer.combine != Combine.ADD,
        "counts": layer.output == Output.COUNTS,
        "membrane": layer.output == Output.MEMBRANE,
        "value": layer.output == Output.VALUE,
        "sums": layer.output == Output.SUMS,
        "state": chunked and layer.kind != "copy",
        "codebook": layer.format in (WeightFormat.CODEBOOK2, WeightFormat.CODEBOOK4),
        "static": static,
        "copy": layer.kind == "copy",
        "or_pool": layer.pool_in == Pool.OR,
        "fir": layer.fir is not None,
        "bias_map": layer.bias_map is not None,
    }
    return [name for name, needed in wanted.items() if needed]


def check_features(layer: Layer, wanted: list[str], config: LifConfig) -> None:
    """Refuse a layer that needs what a build does not have.

    Raises
    ------
    LifError
        E03, with the feature's name and the way out.
    """
    for name in wanted:
        if not config.has(name):
            raise LifError(
                "E03",
                f"layer {layer.name!r}: needs {name!r}, which this build of the engine does not have; "
                f"{_WAYS[name]}",
            )


def fits(d: Descriptor, config: LifConfig) -> bool:
    """Whether a build can carry out a descriptor at all: what gateware refuses as UNFIT."""
    wanted = {
        "copy": d.op == Op.COPY,
        "counts": d.output == Output.COUNTS,
        "membrane": d.output == Output.MEMBRANE,
        "value": d.output == Output.VALUE,
        "sums": d.output == Output.SUMS,
        "state": not (d.first and d.last),
        "fir": bool(d.use_fir),
        "bias_map": d.bias != Bias.CHANNEL,
        "or_pool": d.pool_in == Pool.OR,
        "combine": bool(d.second) and d.combine != Combine.ADD and d.op != Op.COPY,
    }
    return d.op in set(Op) and all(config.has(name) for name, needed in wanted.items() if needed)
