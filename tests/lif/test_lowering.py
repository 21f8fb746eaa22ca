"""What a layer may say and no descriptor does: helpers and parts that leave no trace in the maps."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lif_cases import FULL, both, conv, network, neuron

from spynq.lif.assemble import assemble
from spynq.lif.checks import check_network
from spynq.lif.codes import Combine, Output, Pool
from spynq.lif.layers import Fir, Layer, Network
from spynq.lif.lowering import lower
from spynq.lif.params import LifConfig

RNG = np.random.default_rng(41)
THIN = Layer("thin", "pool", kernel=(3, 3), padding=(1, 1), neuron=neuron(3, theta=3))


def names(net: Network) -> list[str]:
    return [layer.name for layer in lower(net, check_network(net)).layers]


def last(**options: object) -> Layer:
    weights = RNG.integers(-9, 10, (5, 3, 3, 3))
    return conv(weights, name="last", neuron=neuron(5, theta=9), **options)


def test_layers_that_a_descriptor_does_stay_as_they_are() -> None:
    net = network((3, 6, 6), 2, THIN, last(sources=("input", "thin"), pool_in=Pool.SUM, pool_size=2))
    assert lower(net, check_network(net)) == net


@pytest.mark.parametrize(
    ("combine", "helpers"),
    [(Combine.AND, ["last:join"]), (Combine.OR, ["last:join"]), (Combine.AND_NOT, ["last:not", "last:join"])],
)
def test_sources_are_joined_by_neurons_without_a_memory(combine: Combine, helpers: list[str]) -> None:
    net = network((3, 6, 6), 3, THIN, last(sources=("input", "thin"), combine=combine))
    assert names(net) == ["thin", *helpers, "last"]
    both(net)


@pytest.mark.parametrize("size", [2, 4])
def test_or_pooling_is_a_layer_of_neurons_without_a_memory(size: int) -> None:
    net = network((3, 13, 17), 3, last(pool_in=Pool.OR, pool_size=size))
    assert names(net) == ["last:or", "last"]
    result = both(net)
    values = result.values[:, :, :, : 13 // size * size, : 17 // size * size]
    cut = values.reshape(1, 3, 3, 13 // size, size, 17 // size, size)
    np.testing.assert_array_equal(result["last:or"], cut.max(axis=(4, 6)))


def test_joins_pools_copies_and_delays_in_one_layer() -> None:
    first = last(
        sources=("input", "thin"), combine=Combine.OR, pool_in=Pool.OR, pool_size=2, fir=Fir((3, -2, 1), 1)
    )
    copy = Layer("sum", "copy", ("last", "last"), planes_out=2)
    net = network((3, 8, 8), 5, THIN, first, copy)
    assert names(net) == ["thin", "last:join", "last:or", "last:sums", "last:zeros", "last", "sum"]
    result = both(net)
    assert [report.name for report in result.image.layers] == ["thin", "last:join", "last:or", "last", "sum"]
    assert list(result.image.outputs) == ["sum"]


@pytest.mark.parametrize("segment", [0, 3, 4])
def test_a_residual_sum_is_read_as_bit_planes_and_delays_act_on_it(segment: int) -> None:
    copy = Layer("sum", "copy", ("input", "thin"), planes_out=2)
    reader = replace(last(sources=("sum",)), fir=Fir((30, 20, 7), 4, segment))
    both(network((3, 6, 6), 7, THIN, copy, reader))
    weights = {
        layer.name: layer.weight_bytes
        for layer in assemble(network((3, 6, 6), 7, THIN, copy, reader), FULL).layers
    }
    assert weights["last"] > 0, "a layer with delays is reported with the weights of its part before them"


@pytest.mark.parametrize("pool", [1, 2])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_a_layer_of_too_many_taps_becomes_parts_whose_sums_add(
    pool: int, dilation: int, padding: int
) -> None:
    weights = RNG.integers(-20, 21, (19, 7, 5, 3))
    layer = conv(
        weights, pool_in=Pool.SUM if pool > 1 else Pool.NONE, pool_size=pool, dilation=(dilation, 1),
        padding=(padding, 1), stride=(1, 2), neuron=neuron(19, theta=60, bias=3, fraction=2),
    )  # fmt: skip
    net = network((7, 11 * pool, 9 * pool), 3, layer)
    small = LifConfig(columns=1, weights=128, maps=64, units=256, banks=1)
    parts = both(net, config=small)
    whole = both(net)
    assert parts.image.layers[0].pieces > whole.image.layers[0].pieces == 1
    if (pool, dilation) != (2, 2):
        # Zeros between the taps of a dilated kernel over a pooled map see spikes, those between parts none.
        assert parts.run.totals["events"] == 2 * whole.run.totals["events"], "two rounds in place of one"
    np.testing.assert_array_equal(parts.out, whole.out)


def test_parts_keep_maps_of_words_and_delays() -> None:
    layer = conv(RNG.integers(-20, 21, (3, 16, 4, 4)), neuron=neuron(3, theta=90))
    added = replace(layer, bias_map=RNG.integers(-90, 90, (3, 3, 3)))
    small = LifConfig(columns=1, weights=128, maps=64, units=256, banks=1)
    for one in (added, replace(layer, fir=Fir((1, -2, 3), 1))):
        parts = both(network((16, 6, 6), 3, one), config=small)
        assert parts.image.layers[0].pieces >= 2
        np.testing.assert_array_equal(parts.out, both(network((16, 6, 6), 3, one)).out)


def test_a_fully_connected_layer_larger_than_a_column_is_cut_by_rows_of_its_map() -> None:
    layer = conv(RNG.integers(-20, 21, (40, 5, 6, 7)), kind="fc", neuron=neuron(40, theta=200))
    small = LifConfig(columns=4, weights=64, maps=64, units=256, banks=1)
    result = both(
        network(
            (5, 6, 7),
            4,
            layer,
            conv(
                np.ones((2, 40, 1, 1)),
                name="next",
                sources=("layer",),
                output=Output.SUMS,
                neuron=neuron(2, fires=False),
            ),
        ),
        config=small,
    )
    assert result.image.layers[0].pieces == 6, "a row of the map in each"


@pytest.mark.parametrize("padding", [4, 9])
def test_rows_that_see_only_padding_are_pieces_too(padding: int) -> None:
    layer = conv(
        RNG.integers(-20, 21, (3, 2, 3, 3)), padding=(padding, 1), neuron=neuron(3, theta=20, bias=7)
    )
    net = network((2, 3, 8), 3, layer)
    small = LifConfig(columns=1, weights=64, maps=16, units=16, banks=1)
    pieces = both(net, config=small)
    assert pieces.image.layers[0].pieces > 4
    np.testing.assert_array_equal(pieces.out, both(net).out)
