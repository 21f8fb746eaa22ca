"""Inputs whose planes follow each other row by row: the same maps, and a first window that waits for less."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from lif_cases import both, conv, network, neuron
from test_rtl_layers import BUILDS, check, opened

from spynq.lif.assemble import assemble
from spynq.lif.codes import Output, Pool
from spynq.lif.generator import Case
from spynq.lif.layers import Layer, MapShape, Network
from spynq.lif.params import LifConfig

FOUR = BUILDS["4 columns"].config
SMALL = LifConfig(columns=1, weights=4096, banks=2, maps=64, units=16, rounds=8)


def weights(c_out: int, c_in: int, *kernel: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng(8).integers(-9, 10, (c_out, c_in, *kernel))


def planes(shape: MapShape, *layers: Layer, steps: int = 3, static: bool = False) -> Network:
    return network(shape, steps, *layers, static=static)


def values(net: Network, samples: int = 1) -> npt.NDArray[np.int64]:
    shape = net.input
    low = -(1 << shape.planes - 1) if shape.signed else 0
    size = (samples, 1 if net.static else net.steps, shape.channels, shape.height, shape.width)
    return np.random.default_rng(9).integers(low, low + (1 << shape.planes), size)


THICK = neuron(5, theta=30, fraction=1)
WIDE = weights(5, 12, 3, 3)
"""Windows of 108 bits, whose rows do not come side by side."""
LAYERS = {
    "padding": conv(WIDE, padding=(2, 1), neuron=THICK),
    "stride": conv(WIDE, stride=(3, 2), neuron=THICK),
    "dilation": conv(WIDE, dilation=(2, 3), padding=(1, 0), neuron=THICK),
    "pool": conv(WIDE, padding=(1, 1), pool_in=Pool.SUM, pool_size=2, neuron=THICK),
    "slices": Layer("layer", "pool", kernel=(2, 3), stride=(2, 1), neuron=neuron(12, theta=20)),
    "sums": conv(WIDE, neuron=neuron(5, fires=False), output=Output.SUMS),
}
SHAPES = [MapShape(12, 9, 8, planes=3), MapShape(12, 9, 8, planes=4, signed=True)]


def test_bits_of_a_row_of_all_planes_follow_each_other() -> None:
    net = planes(MapShape(12, 4, 5, planes=2), LAYERS["padding"], steps=2)
    given = values(net, samples=2)
    image = assemble(net, samples=2)
    memory = np.zeros(image.beats * 16, np.uint8)
    image.input.put(memory, given)
    np.testing.assert_array_equal(image.input.get(memory, 2), given)
    for n, t in np.ndindex(2, 2):
        at = (image.input.beat + n * image.input.sample + t * image.input.step) * 16
        bits = np.unpackbits(memory[at:], bitorder="little")
        for y, plane, x, c in np.ndindex(4, 2, 5, 12):
            assert bits[((y * 2 + plane) * 5 + x) * 12 + c] == given[n, t, c, y, x] >> 1 - plane & 1
    plan = image.tasks[0].plan
    # 4 rows of 2 planes of 5 pixels of 12 bits: 480 bits, read at once.
    assert (plan.by_row, plan.in_beats, plan.plane_bits, plan.segment_y) == (1, 4, 60, 120)


@pytest.mark.parametrize("shape", SHAPES, ids=["unsigned", "signed"])
@pytest.mark.parametrize("name", LAYERS)
def test_maps_are_those_of_plain_loops(name: str, shape: MapShape) -> None:
    for static in (False, True):
        net = planes(shape, LAYERS[name], static=static)
        result = both(net, values(net, samples=2), chunk=2)
        assert all(task.plan.by_row for task in result.image.tasks[:-1])


def test_pieces_begin_within_a_beat_of_all_planes() -> None:
    net = planes(MapShape(3, 17, 8, planes=3), conv(weights(6, 3, 5, 5), padding=(2, 2), neuron=neuron(6)))
    result = both(net, values(net), SMALL)
    plans = [task.plan for task in result.image.tasks[:-1]]
    assert result.image.layers[0].pieces > 2 and any(plan.in_bit for plan in plans)
    assert all(plan.by_row for plan in plans)


def test_rows_side_by_side_go_together_with_it() -> None:
    net = planes(MapShape(1, 12, 12, planes=8), conv(weights(6, 1, 5, 5), neuron=neuron(6)), static=True)
    image = both(net, values(net)).image
    assert image.input.rows is not None and image.input.by_row


SOLE = conv(weights(5, 3, 3, 3), neuron=THICK)


@pytest.mark.parametrize(
    ("layers", "change"),
    [
        ([SOLE], {"planes": 1}),
        ([SOLE, replace(SOLE, name="other")], {}),
        (
            [Layer("thin", "pool", neuron=neuron(3)), Layer("sum", "copy", ("input", "thin"), planes_out=3)],
            {},
        ),
        ([conv(weights(5, 3, 9, 8), kind="fc", neuron=THICK)], {}),
        ([conv(weights(5, 3, 2, 8), neuron=THICK)], {}),
        ([conv(weights(5, 3, 9, 2), neuron=THICK)], {}),
        ([replace(SOLE, padding=(63, 0))], {"width": 64}),
    ],
    ids=[
        "one plane",
        "two readers",
        "two sources",
        "whole map",
        "whole rows",
        "whole columns",
        "far padding",
    ],
)
def test_other_inputs_are_plane_by_plane(layers: list[Layer], change: dict[str, int]) -> None:
    net = planes(replace(MapShape(3, 9, 8, planes=2), **change), *layers)
    config = LifConfig(columns=1, weights=4096, banks=2, maps=64, units=512, rounds=8)
    image = both(net, values(net), config).image
    assert not image.input.by_row and not any(task.plan.by_row for task in image.tasks)


def _cases() -> list[Case]:
    found = []
    for number, (name, shape) in enumerate((name, shape) for name in LAYERS for shape in SHAPES):
        fitting = replace(shape, channels=6, height=7)
        layer = LAYERS[name]
        if layer.weights is not None:
            layer = replace(layer, weights=layer.weights[:, :6])
        else:
            layer = replace(layer, neuron=neuron(6, theta=20))
        net = planes(fitting, layer, static=number % 3 == 0)
        found.append(Case(net, FOUR, 2, values(net, samples=2), number))
    return found


def test_the_gateware_equals_the_golden_model(seed: int) -> None:
    with opened(FOUR, seed) as driver:
        for case in _cases():
            image = assemble(case.network, FOUR, samples=2, chunk=case.chunk)
            assert all(task.plan.by_row for task in image.tasks[:-1])
            check(driver, case)


def test_the_first_window_waits_for_its_own_rows_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = MapShape(1, 14, 14, planes=8)
    net = planes(shape, conv(weights(6, 1, 5, 5), padding=(2, 2), neuron=neuron(6)), steps=1)
    waits = []
    for together in (False, True):
        with monkeypatch.context() as patch:
            if not together:
                patch.setattr("spynq.lif.assemble.by_row", lambda *_: False)
            image = assemble(net, FOUR)
        assert image.input.by_row == together
        # Of 5 rows side by side 980 bits a plane: 8 beats in each of 8 planes, or 62 in all.
        assert image.tasks[0].plan.in_beats == (62 if together else 8)
        with opened(FOUR, 0) as driver:
            waits.append(driver.run(image, values(net)).counters[0]["wait_input"])
    assert waits[1] + 40 < waits[0]
