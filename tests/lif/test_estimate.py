"""The cycle model and the placement of weights: what must hold of any estimate, and hand-computed figures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import FULL, conv, network, neuron, spikes

from spynq.devices import open_kernel
from spynq.lif.assemble import assemble, packed
from spynq.lif.codes import Output
from spynq.lif.estimate import estimate, together
from spynq.lif.layers import Fir, Layer, MapShape
from spynq.lif.params import LifConfig


def gather(steps: int = 10, samples: int = 1, config: LifConfig | None = None) -> tuple[object, ...]:
    weights = np.random.default_rng(0).integers(-100, 101, (128, 64, 5, 5))
    net = network((64, 14, 14), steps, conv(weights, neuron=neuron(128, theta=900)))
    image = assemble(net, config, samples=samples)
    return image, estimate(image, 0.1)


def test_a_convolution_full_of_spikes_takes_two_of_them_per_cycle() -> None:
    _, found = gather()
    layer = found.layers[0]  # type: ignore[attr-defined]
    # 100 windows of 1,600 bits at 10 %, on 2 streams of 8 columns.
    assert layer.events == 10 * 100 * 160
    assert layer.sop == 128 * layer.events
    assert layer.bound == "spikes"
    assert 10 * 100 * 80 / 2 <= layer.cycles <= 1.01 * 10 * 100 * 80 / 2


def test_estimates_grow_with_density_and_samples_share_what_is_loaded() -> None:
    image, one = gather()
    cycles = [estimate(image, d).cycles for d in (0.05, 0.2, 1)]  # type: ignore[arg-type]
    assert cycles == sorted(set(cycles))
    _, many = gather(samples=8)
    assert one.resident_cycles <= many.cycles < one.cycles  # type: ignore[attr-defined]
    assert estimate(image, 0.5, {"input": 0.1}).cycles == one.cycles  # type: ignore[arg-type, attr-defined]


def test_a_layer_of_few_spikes_waits_for_its_neurons() -> None:
    net = network((1, 28, 28), 4, conv(np.ones((16, 1, 3, 3), np.int64), padding=(1, 1), neuron=neuron(16)))
    found = estimate(assemble(net, LifConfig(columns=1)), 0.02)
    assert found.layers[0].bound == "neurons"
    assert 4 * 784 * 8 <= found.layers[0].cycles <= 4 * 784 * 8 + 400


def test_an_estimate_covers_every_kind_of_layer() -> None:
    pool = Layer("pool", "pool", kernel=(2, 2), stride=(2, 2), neuron=neuron(3))
    copy = Layer("copy", "copy", ("pool",), planes_out=2)
    last = conv(np.ones((4, 3, 2, 2), np.int64), name="last", sources=("copy",), neuron=neuron(4))
    net = network(MapShape(3, 8, 8, planes=2), 2, pool, copy, replace(last, fir=Fir((1, 2, 3))))
    image = assemble(net, FULL)
    found = estimate(image)
    assert [layer.name for layer in found.layers] == ["pool", "copy", "last"]
    undelayed = estimate(assemble(replace(net, layers=(pool, copy, last)), FULL))
    assert found.layers[2].cycles > undelayed.layers[2].cycles, "sums go to memory and come back"


def test_every_plane_costs_a_doubling_and_half_a_cycle_even_without_spikes() -> None:
    layer = conv(np.ones((16, 1, 1, 1), np.int64), neuron=neuron(16))
    found = estimate(assemble(network(MapShape(1, 8, 8, planes=8), 1, layer)), 0).layers[0]
    # 4 pixels in every stream, 7 planes behind the first.
    assert (found.bound, found.cycles) == ("spikes", 36 + 4 * 7 * 3 // 2)


def test_a_still_input_is_gathered_once() -> None:
    layer = conv(np.ones((16, 1, 5, 5), np.int64), padding=(2, 2), neuron=neuron(16))
    net = replace(network(MapShape(1, 28, 28, planes=8), 20, layer), static=True)
    one, most = (estimate(assemble(net, LifConfig(kept=kept))).layers[0] for kept in (512, 256))
    assert most.events == pytest.approx(20 * one.events, rel=1e-3)
    assert (most.bound, one.bound) == ("spikes", "neurons")
    # 49 pixels of 8 pairs in every column; those of up to 8 steps are served while one is gathered.
    gather = (most.cycles - 36) / 20 / 49
    first = sum(max(gather, 8 * min(8, pixel + 1)) for pixel in range(49)) + 8 * sum(range(8))
    assert first + 12 * 49 * 8 == pytest.approx(one.cycles - 36, abs=2)


def test_neurons_of_a_still_input_are_hidden_behind_many_spikes() -> None:
    layer = conv(np.ones((16, 1, 5, 5), np.int64), padding=(2, 2), neuron=neuron(16))
    net = replace(network(MapShape(1, 28, 28, planes=8), 8, layer), static=True)
    found = [estimate(assemble(net, LifConfig(kept=kept)), 1).layers[0] for kept in (512, 256)]
    assert [layer.bound for layer in found] == ["spikes", "spikes"]
    # Of all steps but the first only the last units' neurons are left.
    assert found[0].cycles - 36 == pytest.approx((found[1].cycles - 36) / 8 + 8 * sum(range(8)), abs=2)


@pytest.mark.parametrize(
    ("changes", "count"),
    [
        ({}, 8),
        ({"steps": 5}, 5),
        # Three pairs a unit: two units are served before the first one's membranes are written.
        ({"steps": 2}, 1),
        # A pair a unit: so are seven.
        ({"channels": 2}, 8),
        ({"channels": 2, "steps": 7}, 1),
        ({"channels": 40}, 1),
        ({"size": 1}, 1),
        ({"kept": 64}, 1),
        ({"static": False}, 1),
        ({"output": Output.VALUE, "planes_out": 2}, 1),
        ({"bias_map": np.ones((6, 6, 6), np.int64)}, 1),
    ],
)
def test_steps_go_along_where_nothing_counts_on_their_order(changes: dict[str, Any], count: int) -> None:
    wanted = {"steps": 20, "channels": 6, "size": 6, "kept": 512, "static": True} | changes
    steps, channels, size, kept, static = (
        wanted.pop(name) for name in ("steps", "channels", "size", "kept", "static")
    )
    layer = conv(np.ones((channels, 1, 1, 1), np.int64), neuron=neuron(channels), **wanted)
    net = replace(network(MapShape(1, size, size, planes=3), steps, layer), static=static)
    task = assemble(net, LifConfig(columns=2, kept=kept)).tasks[0]
    assert together(task.descriptor, task.plan) == count


def test_without_spikes_a_row_of_a_window_takes_a_cycle_for_every_beat() -> None:
    # A pixel is a beat: windows of 3 rows of 3 beats, and 8 cycles of neurons; 4 windows a column.
    layer = conv(np.ones((16, 128, 3, 3), np.int64), neuron=neuron(16))
    found = estimate(assemble(network((128, 6, 6), 10, layer), LifConfig(columns=4)), 0).layers[0]
    assert (found.bound, found.cycles) == ("words", 36 + 10 * 4 * 9)


def test_words_with_spikes_take_as_many_cycles_as_on_the_engine(seed: int) -> None:
    config = LifConfig(columns=1, weights=1024, banks=2, maps=64, units=64, rounds=8, dsp=False)
    net = network((16, 11, 11), 20, conv(np.ones((2, 16, 5, 5)), neuron=neuron(2, theta=9)))
    image, values = assemble(net, config), spikes(net, 0.02, seed=seed)
    found = estimate(image, float(values.mean())).layers[0]
    with open_kernel("lif", "rtl", config=config) as driver:
        cycles = driver.run(image, values).counters[0]["cycles"]
    assert found.bound == "words"
    assert cycles == pytest.approx(found.cycles, rel=0.08)


@pytest.mark.parametrize("density", [-0.1, 1.5])
def test_a_density_that_is_no_share_is_refused(density: float) -> None:
    image, _ = gather(1)
    with pytest.raises(
        ValueError, match=f"density must be 0 to 1, not {density:g}; it is a share of bits set"
    ):
        estimate(image, density)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=f"input must be 0 to 1, not {density:g}"):
        estimate(image, 0.1, {"input": density})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("sizes", "bank", "places"),
    [
        # Neighbours go to different banks.
        ([3000, 3000], 4096, [0, 4096]),
        # A block larger than a bank begins with one.
        ([100, 5000], 4096, [5000, 0]),
        ([5000, 3500], 4096, None),
        ([4000, 4000, 100], 4096, None),
        ([4097, 4095], 4096, [0, 4097]),
    ],
)
def test_blocks_of_weights_keep_within_banks(sizes: list[int], bank: int, places: list[int] | None) -> None:
    found = packed(sizes, bank, 2)
    if places is None:
        # They fit one behind the other or not at all.
        assert found == ([0, *np.cumsum(sizes).tolist()[:-1]] if sum(sizes) <= 2 * bank else None)
    else:
        assert found == places
