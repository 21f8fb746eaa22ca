"""The case table of the engine, on the golden model: sizes, channels, groups, sources, formats, pieces."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lif_cases import both, conv, network, neuron, train

from spynq.lif.assemble import assemble
from spynq.lif.codes import Combine, Output, Pool, WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.layers import Layer, MapShape
from spynq.lif.params import LifConfig


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 5), (13, 40)])
def test_maps_of_one_pixel_one_row_and_odd_sizes(size: tuple[int, int]) -> None:
    weights = np.random.default_rng(1).integers(-9, 10, (3, 2, 3, 3))
    both(network((2, *size), 2, conv(weights, padding=(1, 1), neuron=neuron(3, theta=8))))


def test_a_stride_larger_than_the_kernel() -> None:
    weights = np.random.default_rng(2).integers(-9, 10, (5, 3, 2, 1))
    result = both(network((3, 11, 12), 2, conv(weights, stride=(4, 5), neuron=neuron(5, theta=8))))
    assert result.out.shape == (2, 5, 3, 3)


def test_a_kernel_larger_than_the_padded_map_is_refused_with_the_sizes() -> None:
    layer = conv(np.ones((120, 16, 5, 5)), name="conv3", neuron=neuron(120))
    with pytest.raises(
        LifError,
        match=r"E02 layer 'conv3': kernel 5x5 does not fit the 4x4 input \(pad 0\); add padding or use",
    ):
        assemble(network((16, 4, 4), 1, layer))


def test_windows_that_see_only_padding_have_the_bias_alone() -> None:
    weights = np.full((1, 1, 2, 2), 100)
    cell = neuron(bias=7, fires=False)
    result = both(
        network((1, 1, 1), 1, conv(weights, padding=(3, 3), neuron=cell, output=Output.MEMBRANE)), train(1)
    )
    assert np.count_nonzero(result.out == 107) == 4
    assert np.count_nonzero(result.out == 7) == result.out.size - 4


@pytest.mark.parametrize("pool", [Pool.SUM, Pool.OR])
def test_a_pool_that_does_not_divide_the_map_drops_its_last_row_and_column(pool: Pool) -> None:
    values = np.zeros((1, 1, 1, 5, 5), int)
    values[..., 4, :] = values[..., :, 4] = 1
    cell = neuron(fires=False)
    layer = conv(
        np.ones((1, 1, 3, 3)), padding=(1, 1), pool_in=pool, pool_size=2, neuron=cell, output=Output.MEMBRANE
    )
    assert both(network((1, 5, 5), 1, layer), values).out.ravel().tolist() == [0] * 4


@pytest.mark.parametrize("c_in", [1, 2, 31, 32, 33])
@pytest.mark.parametrize("c_out", [1, 6, 11, 15, 16, 17, 47])
def test_channels_that_do_not_fill_a_lane_group(c_in: int, c_out: int) -> None:
    weights = np.random.default_rng(c_in).integers(-9, 10, (c_out, c_in, 2, 2))
    first = conv(weights, neuron=neuron(c_out, theta=6))
    second = Layer("second", "pool", ("layer",), kernel=(2, 2), neuron=neuron(c_out, theta=2))
    result = both(network((c_in, 4, 4), 2, first, second), config=LifConfig(columns=4))
    assert (
        result.run.counters[0]["sop"] * result.image.layers[0].rounds
        == c_out * result.run.counters[0]["events"]
    )
    assert result.run.totals["spikes_out"] == result["layer"].sum() + result["second"].sum()


@pytest.mark.parametrize(("columns", "tied"), [(1, 1), (16, 1), (16, 2), (16, 4)])
def test_groups_of_one_channel(columns: int, tied: int) -> None:
    weights = np.random.default_rng(3).integers(-50, 51, (40, 1, 3, 3))
    layer = conv(weights, groups=40, padding=(1, 1), neuron=neuron(40, theta=30))
    result = both(network((40, 5, 6), 2, layer), config=LifConfig(columns=columns, tied=tied))
    assert result.run.totals["sop"] == result.run.totals["events"], (
        "a spike meets the weights of its own channel"
    )


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_of_several_channels(groups: int) -> None:
    weights = np.random.default_rng(4).integers(-9, 10, (24, 8 // groups, 3, 3))
    both(network((8, 5, 5), 2, conv(weights, groups=groups, neuron=neuron(24, theta=8))))


def test_two_sources_add_and_values_above_the_planes_are_clipped_and_counted() -> None:
    thin = Layer("thin", "pool", neuron=neuron(3, theta=1))
    added = Layer("sum", "copy", ("input", "thin"), planes_out=1)
    shape = MapShape(3, 4, 4, planes=2)
    values = np.random.default_rng(5).integers(0, 4, (1, 2, 3, 4, 4))
    result = both(network(shape, 2, thin, added), values)
    whole = values + (values > 0)
    np.testing.assert_array_equal(result["sum"], np.minimum(whole, 1))
    assert result.run.counters[1]["saturated"] == np.count_nonzero(whole > 1)
    wide = both(network(shape, 2, thin, replace(added, planes_out=3)), values)
    np.testing.assert_array_equal(wide["sum"], whole)


@pytest.mark.parametrize("combine", list(Combine))
def test_two_sources_of_a_convolution(combine: Combine) -> None:
    rng = np.random.default_rng(6)
    thin = Layer("thin", "pool", kernel=(3, 3), padding=(1, 1), neuron=neuron(3, theta=3))
    last = conv(
        rng.integers(-9, 10, (5, 3, 3, 3)), name="last", sources=("input", "thin"), combine=combine,
        neuron=neuron(5, theta=9),
    )  # fmt: skip
    both(network((3, 6, 6), 3, thin, last))


@pytest.mark.parametrize("form", list(WeightFormat))
def test_all_weight_formats_that_hold_the_same_values_give_the_same(form: WeightFormat) -> None:
    rng = np.random.default_rng(10)
    weights = rng.choice([-1, 1], (17, 5, 3, 3))
    net = network((5, 6, 6), 3, conv(weights, format=form, neuron=neuron(17, theta=3)))
    wanted = both(network((5, 6, 6), 3, conv(weights, format=WeightFormat.S8, neuron=neuron(17, theta=3))))
    result = both(net)
    np.testing.assert_array_equal(result.out, wanted.out)
    assert result.image.layers[0].weight_bytes == 2 * -(-45 * form.bits // 8) * 16


def test_a_map_is_cut_into_pieces_that_leave_no_trace() -> None:
    rng = np.random.default_rng(11)
    layer = conv(rng.integers(-9, 10, (6, 3, 3, 3)), padding=(1, 1), stride=(2, 1), neuron=neuron(6, theta=9))
    net = network((3, 23, 8), 2, layer)
    pieces = both(net, config=LifConfig(columns=1, units=32, maps=16, weights=4096))
    assert pieces.image.layers[0].pieces == 3
    whole = both(net)
    assert whole.image.layers[0].pieces == 1
    np.testing.assert_array_equal(pieces.out, whole.out)


def test_bit_planes_carry_signed_and_unsigned_values() -> None:
    rng = np.random.default_rng(12)
    weights, reader = rng.integers(-127, 128, (7, 2, 3, 3)), neuron(7, fires=False)
    for signed, low, high in ((False, 0, 256), (True, -128, 128)):
        values = rng.integers(low, high, (1, 2, 2, 5, 5))
        shape = MapShape(2, 5, 5, planes=8, signed=signed)
        both(network(shape, 2, conv(weights, neuron=reader, output=Output.SUMS)), values)


def test_what_is_no_channel_is_never_written() -> None:
    net = network((2, 3, 3), 1, conv(np.full((5, 2, 2, 2), 9), neuron=neuron(5, theta=0)))
    result = both(net, np.ones((1, 1, 2, 3, 3), int))
    area = result.image.maps["layer"]
    bits = np.unpackbits(result.run.memory[area.beat * 16 :][: area.plane * 16])
    assert bits.sum() == result.out.sum() == 5 * 4
