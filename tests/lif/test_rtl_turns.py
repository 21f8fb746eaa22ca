"""From layer to layer on the gates: what may overlap does, and what it overlaps comes out right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import conv, network, neuron, spikes
from test_rtl_layers import BUILDS, check

from spynq.devices import open_kernel
from spynq.lif.assemble import assemble
from spynq.lif.generator import Case
from spynq.lif.layers import Layer, Network
from spynq_hw.lif.weights import AHEAD

CONFIG = BUILDS["4 columns"].config
STEPS, CHANNELS, LAYERS = 24, 16, 4


def chain(
    seed: int, steps: int = STEPS, number: int = LAYERS, channels: int = CHANNELS, window: int = 1
) -> Network:
    """Layers behind one another of 1, 4 or 9 pixels, whose neurons fire often, also in the last step."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for _ in range(number):
        # Many taps of a mean above 0 would make all fire in every step, whatever the weights are.
        weights = rng.integers(-40, 80 if window == 1 else 41, (channels, channels, window, window))
        source = layers[-1].name if layers else "input"
        made = neuron(channels, theta=120, decay=3000)
        name, padding = f"layer{len(layers)}", (window // 2, window // 2)
        layers.append(conv(weights, name=name, sources=(source,), neuron=made, padding=padding))
    size = 1 + seed % 3
    return network((channels, size, size), steps, *layers)


def run(seed: int, samples: int = 1, chunk: int = 0, steps: int = STEPS, **settings: Any) -> None:
    go(chain(seed, steps), seed, samples, chunk or steps, **settings)


def go(net: Network, seed: int, samples: int, chunk: int, **settings: Any) -> None:
    case = Case(net, CONFIG, chunk, spikes(net, 0.5, samples, seed), seed)
    with open_kernel("lif", "rtl", CONFIG, seed=seed % (1 << 32), patience=100_000, **settings) as driver:
        check(driver, case)


@pytest.mark.parametrize("pauses", [0, 100, 230])
@pytest.mark.parametrize("latency", [0, 3, 60])
def test_layers_that_overlap_equal_the_golden_model_and_all_is_counted(
    pauses: int, latency: int, seed: int
) -> None:
    """Counters and memory; that nothing is asked for too early is shown by test_gateware_maps and the proofs.

    The simulated memory takes as long to read as to acknowledge, and so forgives most of it.
    """
    for number in range(3):
        run(3 * seed + number, pauses=pauses, latency=latency)
        # All of a few steps are wanted at once, the last of which have hardly left the layer before.
        for steps in (2, 5, 8):
            run(3 * seed + number, steps=steps, pauses=pauses, latency=latency)
    run(seed, samples=3, pauses=pauses, latency=latency)
    run(seed, samples=2, chunk=9, pauses=pauses, latency=latency)


@pytest.mark.parametrize("latency", [0, 20, 60])
def test_weights_that_come_late_are_not_kept_waiting_by_maps_that_came_early(latency: int, seed: int) -> None:
    """Weights of two layers do not fit together: those of the next one come when this one has ended."""
    for size in range(3):
        net = chain(3 * seed + size, number=3, channels=64, window=3)
        taps = assemble(net, CONFIG).tasks[0].plan.taps
        assert CONFIG.weights // 2 < taps <= CONFIG.weights
        # Of one pixel only the middle of the window is met; of nine, taps that would be replaced first.
        go(net, seed, 1, STEPS, latency=latency)


@pytest.mark.parametrize("latency", [0, 20, 60])
def test_more_layers_than_weights_are_read_ahead_for(latency: int, seed: int) -> None:
    for size in range(3):
        go(chain(3 * seed + size, steps=20, number=AHEAD + 3), seed, 1, 20, latency=latency)


def test_a_turn_waits_for_no_memory() -> None:
    net = chain(0)
    image, values = assemble(net, CONFIG), spikes(net, 0.5)
    turns = []
    for latency in (20, 50):
        with open_kernel("lif", "rtl", CONFIG, latency=latency) as driver:
            counters = [driver.run(image, values).counters for _ in range(2)][-1]
        # A pixel's neurons take 8 cycles, and a state is there again after as many.
        turns.append([layer["cycles"] - 8 * (STEPS - 1) for layer in counters[1:]])
    soon, late = turns
    # The way of the first maps would be another 20.
    assert max(soon) <= 46
    # With the slow memory the list is still being read when the first turn comes; steps are waited for that
    # had not been acknowledged when their layer began.
    assert max(b - a for a, b in zip(soon[1:], late[1:], strict=True)) <= 36


def test_constants_of_the_next_layer_do_not_hold_up_maps() -> None:
    """Those of many channels are read while steps go on whose maps are read a few ahead."""
    rng, cycles = np.random.default_rng(0), []
    for channels in (CHANNELS, 8 * CHANNELS):
        before = Network("test", chain(1).input, 2 * STEPS, chain(1).layers[:2])
        weights = rng.integers(-40, 80, (channels, CHANNELS, 1, 1))
        layer = conv(weights, name="last", sources=("layer1",), neuron=neuron(channels, theta=120))
        net = replace(before, layers=(*before.layers, layer))
        with open_kernel("lif", "rtl", CONFIG) as driver:
            cycles.append(driver.run(assemble(net, CONFIG), spikes(net, 0.5)).counters[1]["cycles"])
    few, many = cycles
    assert many <= few + 10
