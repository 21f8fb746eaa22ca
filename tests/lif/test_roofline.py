"""The roofline of a layer against hand-counted spikes, and the simulated engine never below it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lif_cases import conv, network, neuron, spikes

from spynq.devices import open_kernel
from spynq.lif.assemble import assemble
from spynq.lif.golden_run import run_golden
from spynq.lif.layers import Layer, MapShape, Network
from spynq.lif.params import LifConfig
from spynq_sim.roofline_lif import Floor, roofline

CONFIG = LifConfig(columns=1, weights=1024, banks=2, maps=64, units=64, rounds=8, dsp=False)
STEPS = 6


def floors(net: Network, values: np.ndarray) -> list[Floor]:  # type: ignore[type-arg]
    image = assemble(net, CONFIG)
    return roofline(image, run_golden(image, values).memory)


def padded(channels: int = 2, planes: int = 1) -> Network:
    layer = conv(np.ones((5, channels, 3, 3)), neuron=neuron(5, theta=9), padding=(1, 1))
    return network(MapShape(channels, 4, 4, planes=planes), STEPS, layer)


def test_two_spikes_of_a_window_take_a_cycle() -> None:
    net = padded(channels=7)
    # Corners see 4 pixels, edges 6, the rest 9.
    cycles = 4 * (4 * 7 // 2) + 8 * (6 * 7 // 2) + 4 * -(-9 * 7 // 2)
    assert floors(net, np.ones((1, STEPS, 7, 4, 4), int)) == [Floor("layer", "spikes", STEPS * cycles)]


def test_without_spikes_neurons_are_the_bound() -> None:
    # Three cycles for five channels.
    assert floors(padded(), np.zeros((1, STEPS, 2, 4, 4), int)) == [Floor("layer", "neurons", STEPS * 16 * 3)]


def test_planes_of_a_still_input_are_met_once() -> None:
    net = replace(padded(channels=9, planes=8), static=True)
    values = np.full((1, 1, 9, 4, 4), 255)
    per_pixel = 9 * 8 // 2
    assert floors(net, values) == [Floor("layer", "spikes", (4 * 4 + 8 * 6 + 4 * 9) * per_pixel)]


def test_a_large_map_of_few_windows_is_bound_by_memory() -> None:
    pool = Layer("pool", "pool", kernel=(2, 2), stride=(8, 8), neuron=neuron(40, theta=2))
    found = floors(network((40, 8, 8), STEPS, pool), np.zeros((1, STEPS, 40, 8, 8), int))
    # Three lane groups.
    assert found == [Floor("pool", "input", STEPS * 8 * 8 * 48 // 128)]


@pytest.mark.parametrize("density", [0.0, 0.1, 0.7])
def test_the_engine_is_never_faster(density: float, seed: int) -> None:
    pool = Layer("pool", "pool", ("layer",), kernel=(2, 2), stride=(2, 2), neuron=neuron(5, theta=2))
    net = padded()
    net = replace(net, layers=(*net.layers, pool))
    image = assemble(net, CONFIG)
    with open_kernel("lif", "rtl", config=CONFIG) as driver:
        run = driver.run(image, spikes(net, density, seed=seed))
    least = roofline(image, run.memory)
    assert [floor.layer for floor in least] == ["layer", "pool"]
    for floor, counters in zip(least, run.counters, strict=True):
        assert floor.cycles < counters["cycles"] < floor.cycles + 60 * STEPS + 300
