"""Which optional part of the engine a layer needs, and what to do without it."""

from __future__ import annotations

from spynq.lif.codes import Bias, Leak, Op, Output, Pool, WeightFormat
from spynq.lif.descriptor import Descriptor, Plan
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
    "value": "let the layer fire, and the next one read both sources of a copy",
    "sums": "use a build that holds all taps, and no delays",
    "words": "use a bias per channel, and a build that holds all taps",
    "fir": "unroll the delays over the input channels",
    "linear": "use a leak by a factor",
}
_CODEBOOKS = (WeightFormat.CODEBOOK2, WeightFormat.CODEBOOK4)


def needs(layer: Layer, source: MapShape, *, chunked: bool, static: bool) -> list[str]:
    """Features of :data:`spynq.lif.params.FEATURES` that a lowered layer needs, beside ``gather``."""
    depthwise = layer.kind == "conv" and layer.groups == source.channels > 1
    wanted = {
        "slice": layer.kind == "pool" or depthwise,
        "planes": source.planes > 1,
        "second": len(layer.sources) == 2,
        "counts": layer.output == Output.COUNTS,
        "membrane": layer.output == Output.MEMBRANE,
        "value": layer.output == Output.VALUE,
        "sums": layer.output == Output.SUMS,
        "state": chunked and layer.output != Output.SUMS,
        "codebook": layer.format in _CODEBOOKS,
        "static": static,
        "words": layer.words is not None or layer.bias_map is not None,
        "fir": layer.fir is not None,
        "linear": layer.neuron is not None and layer.neuron.leak == Leak.LINEAR,
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
                f"layer {layer.reported!r}: needs {name!r}, which this build of the engine does not have; "
                f"{_WAYS[name]}",
            )


def fits(d: Descriptor, plan: Plan, config: LifConfig) -> bool:
    """Whether a build can carry out a descriptor at all: what gateware refuses as UNFIT."""
    wanted = {
        "counts": d.output == Output.COUNTS,
        "membrane": d.output == Output.MEMBRANE,
        "value": d.output == Output.VALUE,
        "sums": d.output == Output.SUMS,
        "state": not (d.first and d.last),
        "fir": bool(d.use_fir),
        "words": d.bias != Bias.CHANNEL,
        "static": bool(plan.static),
        "second": bool(d.second),
        "codebook": d.format in _CODEBOOKS,
        "linear": d.leak == Leak.LINEAR,
    }
    known = d.op in set(Op) and d.pool_in <= Pool.SUM and d.bias in set(Bias) and d.output in set(Output)
    known = known and plan.columns == config.columns
    return known and all(config.has(name) for name, needed in wanted.items() if needed)
