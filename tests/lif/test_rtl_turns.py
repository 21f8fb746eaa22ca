"""From layer to layer on the gates: what may overlap does, and what it overlaps comes out right."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from lif_cases import conv, network, neuron, spikes
from test_rtl_layers import BUILDS, check

from spynq.devices import open_kernel
from spynq.lif.assemble import assemble
from spynq.lif.generator import Case
from spynq.lif.layers import Layer, Network

CONFIG = BUILDS["4 columns"].config
STEPS, CHANNELS, LAYERS = 24, 16, 4


def chain(seed: int, steps: int = STEPS) -> Network:
    """Layers behind one another of 1, 4 or 9 pixels, whose neurons fire often, also in the last step."""
    rng = np.random.default_rng(seed)
    layers: list[Layer] = []
    for number in range(LAYERS):
        weights = rng.integers(-40, 80, (CHANNELS, CHANNELS, 1, 1))
        source = layers[-1].name if layers else "input"
        made = neuron(CHANNELS, theta=120, decay=3000)
        layers.append(conv(weights, name=f"layer{number}", sources=(source,), neuron=made))
    size = 1 + seed % 3
    return network((CHANNELS, size, size), steps, *layers)


def run(seed: int, samples: int = 1, chunk: int = 0, steps: int = STEPS, **settings: Any) -> None:
    net = chain(seed, steps)
    case = Case(net, CONFIG, chunk or steps, spikes(net, 0.5, samples, seed), seed)
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


def test_a_turn_costs_one_way_to_memory_and_not_two() -> None:
    net = chain(0)
    image, values = assemble(net, CONFIG), spikes(net, 0.5)
    turns = []
    for latency in (20, 50):
        with open_kernel("lif", "rtl", CONFIG, latency=latency) as driver:
            counters = [driver.run(image, values).counters for _ in range(2)][-1]
        # A pixel's neurons take 8 cycles, and a state is there again after as many.
        turns.append([layer["cycles"] - 8 * (STEPS - 1) for layer in counters[1:]])
    soon, late = turns
    assert max(soon) <= 70
    # Two ways would be 60; a few cycles are waits for steps that had not been acknowledged.
    assert max(b - a for a, b in zip(soon, late, strict=True)) <= 40
