"""Every refusal of the compiler: code, layer, value, limit and the way out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import FULL, array, conv, network, neuron

from spynq.lif.assemble import assemble
from spynq.lif.codes import Combine, Leak, Output, Pool, WeightFormat
from spynq.lif.descriptor import Channel, Descriptor, Plan
from spynq.lif.errors import LifError
from spynq.lif.layers import Fir, Layer, MapShape
from spynq.lif.params import FEATURES, LifConfig

ONES = np.ones((3, 2, 2, 2), np.int64)
POOL = Layer("pool", "pool", kernel=(2, 2), neuron=neuron(2))
VALUES = MapShape(2, 4, 4, planes=2)


def layer(**options: Any) -> Layer:
    return conv(options.pop("weights", ONES), **{"neuron": neuron(3), **options})


REFUSALS: list[tuple[str, Any, str]] = [
    ("E07", {"steps": 70_000}, "network 'test': 70000 time steps; a run takes 1 to 65535"),
    ("E08", {"layers": (POOL, POOL)}, "layer 'pool': a second map of this name; rename"),
    (
        "E08",
        {"layers": (layer(name="layer:or"), layer(sources=("input",), pool_in=Pool.OR, pool_size=2))},
        "layer 'layer:or': a second map of this name; rename",
    ),
    (
        "E08",
        {"layers": (layer(sources=("x",)),)},
        "layer 'layer': source 'x' is no earlier layer; there is input",
    ),
    (
        "E03",
        {"layers": (replace(layer(), kind="lstm"),)},
        "kind 'lstm' is unknown; kinds are conv, fc, pool, copy",
    ),
    (
        "E03",
        {"layers": (layer(pool_in=Pool.SUM, pool_size=3),)},
        "pooling by 3 without a neuron; sizes are 1, 2",
    ),
    (
        "E02",
        {"layers": (layer(pool_in=Pool.SUM, pool_size=8),)},
        "pooling by 8 leaves nothing of the 4x4 input",
    ),
    (
        "E03",
        {"shape": VALUES, "layers": (layer(pool_in=Pool.OR, pool_size=2),)},
        "OR pooling takes spikes, not values of 2 bits; pool before",
    ),
    ("E03", {"layers": (layer(sources=("input",) * 3),)}, "3 sources; a layer has 1 or 2, chain copy layers"),
    (
        "E08",
        {"layers": (POOL, layer(sources=("input", "pool")))},
        "its sources are 2 x 4 x 4 and 2 x 3 x 3; make",
    ),
    (
        "E03",
        {"shape": VALUES, "layers": (layer(sources=("input", "input"), combine=Combine.AND),)},
        "the second source must be unsigned, and spikes unless added; they have 2 and 2 planes",
    ),
    ("E07", {"layers": (Layer("copy", "copy", planes_out=9),)}, "9 output planes; a value has 1 to 8 bits"),
    (
        "E03",
        {"layers": (Layer("copy", "copy", pool_in=Pool.SUM, pool_size=2),)},
        "a copy takes unsigned maps and does not pool; use a pool layer",
    ),
    (
        "E07",
        {"layers": (layer(stride=(64, 1)),)},
        "kernel 2, stride 64, padding 0, dilation 1; each is at most 63",
    ),
    ("E08", {"layers": (replace(layer(), weights=None),)}, "weights must be integers of shape .* not none"),
    ("E08", {"layers": (replace(layer(), weights=ONES * 0.5),)}, "must be integers .* not float64 of shape"),
    (
        "E08",
        {"layers": (layer(groups=2),)},
        "weights for 2 channels in 2 groups and 3 outputs do not fit an input of 2",
    ),
    ("E08", {"layers": (layer(kind="fc"),)}, "weights for a map of 2x2 and the pooled input is 4x4; reshape"),
    ("E08", {"layers": (replace(layer(), neuron=None),)}, "no neuron; every kind but copy has one"),
    (
        "E08",
        {"layers": (layer(neuron=neuron(2)),)},
        "theta must be 3 integers, one per output channel, not int64 of",
    ),
    (
        "E07",
        {"layers": (layer(neuron=replace(neuron(3), theta=array(1, 1 << 23, 0))),)},
        "theta of channel 1 is 8388608, and the engine takes -8388608 to 8388607; use fewer fraction bits",
    ),
    (
        "E07",
        {"layers": (layer(neuron=replace(neuron(3), decay=array(0, 0, 4097))),)},
        "decay of channel 2 is 4097, and the engine takes 0 to 4096",
    ),
    ("E07", {"layers": (layer(neuron=neuron(3, fraction=8)),)}, "fraction must be 0 to 7, not 8"),
    ("E07", {"layers": (layer(neuron=neuron(3, refractory=4)),)}, "refractory must be 0 to 3, not 4"),
    (
        "E08",
        {"layers": (layer(bias_map=ONES[0]),)},
        r"bias_map has shape \[2, 2, 2\] and the output is 3 x 3 x 3",
    ),
    (
        "E03",
        {"layers": (layer(neuron=neuron(3, fires=False)),)},
        "its neurons do not fire, so there are no spikes",
    ),
    (
        "E05",
        {"steps": 8000, "layers": (layer(output=Output.COUNTS),)},
        "up to 72000 spikes per channel and a count",
    ),
    (
        "E07",
        {"layers": (layer(weights=ONES * 200),)},
        "weights from 200 to 200 with 1 different values do not fit any",
    ),
    ("E07", {"layers": (layer(weights=ONES * 8, format=WeightFormat.S4),)}, "do not fit s4 .* quantise them"),
    (
        "E07",
        {"layers": (layer(fir=Fir((1,) * 17)),)},
        "17 delays of 1 to 1, shift 0; there are 1 to 16 delays",
    ),
    (
        "E07",
        {"layers": (layer(fir=Fir((1, 1), segment=1)),)},
        "a segment of 1 steps is shorter than its 2 delays",
    ),
    (
        "E04",
        {"layers": (layer(fir=Fir((2047,) * 16), weights=ONES * 127),)},
        "channel 0 can sum up to 33276032",
    ),
    (
        "E03",
        {"layers": (layer(sources=("input", "input"), pool_in=Pool.OR, pool_size=2),)},
        "OR pooling takes spikes, not sums of two sources; pool before",
    ),
    (
        "E03",
        {"layers": (layer(bias_map=np.zeros((3, 3, 3), np.int64), fir=Fir((1,))),)},
        "a bias map and delays do not go together; use a bias per channel",
    ),
    (
        "E04",
        {"layers": (layer(bias_map=np.full((3, 3, 3), 1 << 23)),)},
        "channel 0 can sum up to 8388616, and the accumulator holds 8388607",
    ),
    (
        "E04",
        {
            "layers": (
                layer(weights=ONES * 127, neuron=neuron(3, fraction=7, bias=8_300_000), output=Output.SUMS),
            )
        },
        "the sum of channel 0 can be 8430048 in state units, and a word holds 8388607; use fewer",
    ),
    (
        "E08",
        {"layers": (layer(name="before", output=Output.SUMS, padding=(1, 0)), layer(words="before"))},
        "words of 3 x 5 x 3 for a map of 3 x 3 x 3; make them equal",
    ),
    (
        "E05",
        {"shape": MapShape(2, 100, 100), "layers": (layer(),), "config": LifConfig(columns=1, units=8)},
        "8 of its 99 output rows are 792 units of a column and .* this build holds 8 and 1024; use a",
    ),
    (
        "E05",
        {"layers": (layer(),), "config": LifConfig(weights=64, banks=1), "wide": 40},
        "taps in 1 rounds, and a column of this build holds 64 taps and 32 rounds; use more columns",
    ),
]


@pytest.mark.parametrize(("code", "options", "message"), REFUSALS, ids=[m[:40] for _, _, m in REFUSALS])
def test_refusal_names_the_layer_the_value_the_limit_and_the_way_out(
    code: str, options: dict[str, Any], message: str
) -> None:
    chosen = dict(options)
    layers = chosen.pop("layers", (layer(),))
    shape, steps = chosen.pop("shape", (2, 4, 4)), chosen.pop("steps", 2)
    if wide := chosen.pop("wide", 0):
        shape, layers = MapShape(wide, 4, 4), (layer(weights=np.ones((3, wide, 2, 2), np.int64)),)
    with pytest.raises(LifError, match=f"^{code} .*{message}"):
        assemble(network(shape, steps, *layers), chosen.pop("config", FULL), **chosen)


@pytest.mark.parametrize("samples", [0, 65_536])
def test_samples_beyond_the_descriptor_are_refused(samples: int) -> None:
    with pytest.raises(LifError, match=f"E07 .* samples must be 1 to 65535, not {samples}; split the batch"):
        assemble(network((2, 4, 4), 1, layer()), samples=samples)


def without(feature: str) -> LifConfig:
    return LifConfig(features=((1 << len(FEATURES)) - 1) & ~(1 << FEATURES.index(feature)))


NEEDS: dict[str, tuple[Any, ...]] = {
    "slice": (Layer("layer", "pool", kernel=(2, 2), neuron=neuron(2)),),
    "planes": (layer(),),
    "second": (layer(sources=("input", "input")),),
    "counts": (layer(output=Output.COUNTS),),
    "membrane": (layer(output=Output.MEMBRANE),),
    "value": (layer(output=Output.VALUE),),
    "sums": (layer(output=Output.SUMS),),
    "state": (layer(),),
    "codebook": (layer(format=WeightFormat.CODEBOOK2),),
    "static": (layer(),),
    "fir": (layer(fir=Fir((1,))),),
    "words": (layer(bias_map=np.zeros((3, 3, 3), np.int64)),),
    "linear": (layer(neuron=neuron(3, leak=Leak.LINEAR)),),
}


@pytest.mark.parametrize("feature", NEEDS)
def test_what_a_build_lacks_is_refused_by_name(feature: str) -> None:
    shape = VALUES if feature == "planes" else MapShape(2, 4, 4)
    net = network(shape, 2, *NEEDS[feature], static=feature == "static")
    chunk = 1 if feature == "state" else None
    assemble(net, FULL, chunk=chunk)
    with pytest.raises(
        LifError, match=f"E03 layer 'layer': needs '{feature}', which this build .* not have; "
    ):
        assemble(net, without(feature), chunk=chunk)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"columns": 3}, "columns must be one of 1, 2, 4, 16, 32, 48, not 3"),
        ({"maps": 100}, "maps must be a power of two from 16 to 65536, not 100"),
        ({"units": 4}, "units must be a power of two from 8 to 16384, not 4"),
        ({"banks": 17}, "banks must be 1 to 16, not 17"),
        ({"weights": 3000}, "weights must be 64 to 65536, a power of two in each of 2 banks, not 3000"),
        ({"rounds": 0}, "rounds must be 1 to 255, not 0"),
        ({"taps": 17}, "taps must be 1 to 16, not 17"),
        ({"tied": 3}, "tied must be 1, 2, 4, 8 or 16 and divide the 16 columns, not 3"),
        ({"columns": 4, "tied": 8}, "tied must be 1, 2, 4, 8 or 16 and divide the 4 columns, not 8"),
        ({"features": 0}, "features must be 1 to"),
    ],
)
def test_build_parameters_out_of_range_are_refused(options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LifConfig(**options)


def test_records_survive_packing_and_refuse_what_does_not_fit() -> None:
    d = Descriptor(op=1, planes=8, c_in=65_535, next=(1 << 32) - 1, resident=1, fraction=7)
    assert Descriptor.unpack(d.pack()) == d
    plan = Plan(x_first=-5, y_first=-(1 << 23), codebook=tuple(range(-8, 8)), units=1 << 23)
    assert Plan.unpack(plan.pack()) == plan
    channel = Channel(theta=-1, zeta=-(1 << 23), bias=5, decay=4096, v_reset=-32_768, rest=-1)
    assert Channel.unpack(channel.pack()) == channel
    with pytest.raises(ValueError, match="layer 'x': KH of DESCRIPTOR has 6 bits and cannot be 64"):
        Descriptor(kh=64).pack("layer 'x'")


def test_a_build_without_codebooks_is_given_none_unasked() -> None:
    net = network(MapShape(2, 4, 4), 2, layer(weights=np.full((3, 2, 2, 2), 100, np.int64)))
    formats = [assemble(net, config).tasks[0].descriptor.format for config in (FULL, without("codebook"))]
    assert formats == [WeightFormat.CODEBOOK2, WeightFormat.S8]
