"""Maps of few channels take fewer bits, rows of an input lie side by side: the same sums, shorter windows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import FULL, both, conv, network

from spynq.lif.assemble import assemble
from spynq.lif.codes import Output, Pool
from spynq.lif.geometry import geometry
from spynq.lif.lanes import folded, positions, spread
from spynq.lif.layers import Layer, MapShape
from spynq.lif.params import COLUMNS, LifConfig


@pytest.mark.parametrize(("columns", "tied"), [(n, tied) for n in COLUMNS for tied in (1, 2, 4) if n >= tied])
def test_lane_groups_of_a_map_take_the_fewest_of_16_8_and_4_bits_that_hold_them(
    columns: int, tied: int
) -> None:
    config = LifConfig(columns=columns, tied=tied)
    met = set()
    for channels in range(1, 50):
        whole = spread(channels, config)[2]
        lanes = folded(whole, config)
        group = 16 >> lanes.fold
        assert lanes.stride * 16 == whole.stride * group and lanes.lanes == whole.lanes <= group
        # A beat holds a whole number of what all columns write at once, or the other way round.
        assert (columns * group) % 128 == 0 or 128 % (columns * group) == 0
        assert lanes.lanes > group // 2 or group == 4 or columns == 48, "it could be less"
        places = lanes.positions(channels)
        assert len(set(places)) == channels and places.max() < lanes.stride
        met.add(group)
    assert met == ({16, 8} if columns == 48 else {16, 8, 4})


def test_six_channels_are_a_quarter_as_many_beats_and_words_stay_whole() -> None:
    rng = np.random.default_rng(2)
    first = conv(rng.integers(-40, 100, (6, 1, 3, 3)), name="first", padding=(1, 1))
    pool = Layer("pool", "pool", ("first",), kernel=(2, 2), stride=(2, 2), neuron=first.neuron)
    last = conv(rng.integers(-40, 100, (17, 6, 3, 3)), name="last", sources=("pool",))
    result = both(network((1, 16, 16), 5, first, pool, last), chunk=2)
    assert [result.image.maps[name].lanes.stride for name in ("first", "pool", "last")] == [8, 8, 32]
    # Five steps in chunks of two: membranes pass through memory in groups of 16.
    assert next(t.plan.state_sample for t in result.image.tasks if t.layer == "first") == 16 * 16 * 16 // 4
    pooled = next(t.plan for t in result.image.tasks if t.layer == "pool")
    assert (pooled.segments, pooled.segment_bits, pooled.taps) == (1, 16, 4 * 8)


def test_a_map_that_fits_only_in_pieces_of_few_rows_is_not_folded() -> None:
    small = LifConfig(columns=1, weights=1024, banks=2, maps=16, units=16, rounds=8)
    net = network((1, 19, 8), 2, conv(np.ones((2, 1, 3, 3), int), padding=(1, 1)))
    assert both(net, config=small).image.maps["layer"].lanes.fold == 0
    assert both(net).image.maps["layer"].lanes.fold == 2


def _pixels(**options: Any) -> Layer:
    weights = np.random.default_rng(3).integers(-9, 9, (3, 2, 3, 5))
    return conv(weights, **options)


@pytest.mark.parametrize(
    "options",
    [{}, {"padding": (2, 1)}, {"stride": (2, 3)}, {"dilation": (2, 1)}, {"padding": (7, 0)}],
    ids=str,
)
@pytest.mark.parametrize("signed", [False, True])
def test_the_rows_of_a_window_of_planes_are_one_run_of_bits(options: dict[str, Any], signed: bool) -> None:
    shape = MapShape(2, 9, 8, planes=4, signed=signed)
    net = network(shape, 3, _pixels(**options), static=True)
    low = -8 if signed else 0
    values = np.random.default_rng(4).integers(low, low + 16, (2, 1, 2, 9, 8))
    result = both(net, values)
    assert result.image.input.given == shape and result.image.input.shape.channels == 6
    d, plan = result.image.tasks[0].descriptor, result.image.tasks[0].plan
    assert geometry(d, plan)["segment_rows"] == geometry(d, plan)["segments"] == 1


@pytest.mark.parametrize(
    "change",
    [
        {"groups": 2},
        {"dilation": (1, 2)},
        {"pool_in": Pool.SUM, "pool_size": 2},
        {"kind": "fc"},
        {"planes": 1},
    ],
    ids=str,
)
def test_other_inputs_stay_as_they_are(change: dict[str, Any]) -> None:
    change = dict(change)
    shape = MapShape(2, 10, 10, planes=change.pop("planes", 2))
    made = _pixels(**change)
    assert made.weights is not None
    if "groups" in change:
        made = replace(made, weights=np.ones((4, 1, 3, 5), int), neuron=conv(np.ones((4, 1, 1, 1))).neuron)
    if "kind" in change:
        made = replace(made, weights=np.ones((3, 2, 10, 10), int))
    values = np.random.default_rng(5).integers(0, 2, (1, 2, 2, 10, 10))
    assert both(network(shape, 2, made), values).image.input.rows is None


def test_rows_are_stacked_only_where_a_build_holds_them_all_and_maps_fold_all_the_same() -> None:
    shape = MapShape(2, 9, 8, planes=8)
    net = network(shape, 3, _pixels(), static=True)
    values = np.random.default_rng(7).integers(0, 256, (1, 1, 2, 9, 8))
    # 7 rows of 8 pixels of 6 bits are 3 beats in each of 8 planes; as they are, the rows are 2.
    for maps, stacked in ((32, True), (16, False)):
        image = both(net, values, LifConfig(columns=1, weights=1024, banks=2, maps=maps, units=64)).image
        assert (image.input.rows is not None) == stacked
        assert image.maps["layer"].lanes.fold == 2


def test_two_readers_of_an_input_see_its_rows_as_they_are() -> None:
    net = network(MapShape(2, 6, 6, planes=2), 2, _pixels(name="a"), _pixels(name="b"))
    values = np.random.default_rng(6).integers(0, 4, (1, 2, 2, 6, 6))
    assert both(net, values).image.input.rows is None


def test_words_are_never_folded() -> None:
    net = network((1, 5, 5), 2, conv(np.ones((2, 1, 3, 3), int), output=Output.COUNTS))
    image = assemble(net, FULL)
    assert image.tasks[0].plan.out_fold == 0 and image.maps["layer"].lanes.stride == 16
    assert positions(6, 3, 2).tolist() == [0, 1, 2, 4, 5, 6]
