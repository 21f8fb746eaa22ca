"""The papers' networks: sizes as the tables say, what fits the standard build, and golden runs."""

from __future__ import annotations

import numpy as np
import pytest

from spynq import devices
from spynq.lif.assemble import assemble
from spynq.lif.estimate import estimate
from spynq.lif.layers import Network
from spynq.lif.networks import PAPERS, build, sizes
from spynq.lif.params import FEATURES, LifConfig

EVERY = LifConfig(features=(1 << len(FEATURES)) - 1)

# Weights in millions, neurons, dense additions of a step in millions, from the papers' tables by
# a program of its own (the specification's section 2.2).
TABLE = {
    "brp-mnist": ("5.499", 22_962, "6.00"),
    "lenet-1": ("0.072", 8_175, "0.42"),
    "lenet-2": ("0.653", 79_115, "23.50"),
    "lenet-2-same": ("2.718", 131_339, "69.03"),
    "lenet-2-128": ("21.10", 1_848_587, "1016"),
    "alexnet": ("76.85", 627_722, "737"),
    "vgg11": ("14.20", 1_501_285, "709"),
    "albsnn-mnist": ("2.647", 113_386, "114"),
    "resnet18-tiny": ("2.841", 1_229_000, "518"),
    "snnwm-dvscifar10": ("1.103", 606_474, "146"),
    "snnwm-vgg-small": ("4.645", 2_785_803, "812"),
}
LARGE = ("lenet-2-128", "alexnet", "vgg11")
RUN = ("brp-mnist", "lenet-1", "lenet-2", "albsnn-mnist", "resnet18-tiny", "snnwm-dvscifar10")


@pytest.mark.parametrize("name", [name for name in PAPERS if name not in LARGE])
def test_sizes_are_those_of_the_tables(name: str) -> None:
    _check_sizes(name, build(name))


def _check_sizes(name: str, network: Network) -> None:
    found = sizes(network)
    weights, neurons, dense = TABLE[name]
    assert found.neurons == neurons
    assert _as_written(found.weights, weights) == weights
    if name == "resnet18-tiny":
        # The table's program counts 0.3 % fewer additions in the strided layers.
        assert found.dense / 1e6 == pytest.approx(float(dense), rel=3e-3)
    else:
        assert _as_written(found.dense, dense) == dense


def _as_written(count: int, like: str) -> str:
    """Millions with as many digits as the table has."""
    return f"{count / 1e6:.{len(like.partition('.')[2])}f}"


def _input(network: Network, seed: int = 1) -> np.ndarray:  # type: ignore[type-arg]
    """Random values of which a fifth, of spikes a tenth, is not zero."""
    rng = np.random.default_rng(seed)
    entry = network.input
    shape = (1, network.steps, entry.channels, entry.height, entry.width)
    density = 0.1 if entry.planes == 1 else 0.2
    return np.asarray(rng.integers(1, 1 << entry.planes, shape) * (rng.random(shape) < density))


@pytest.mark.parametrize("name", RUN)
def test_small_networks_run_on_golden(name: str) -> None:
    network = build(name)
    image = assemble(network, EVERY)
    with devices.open_kernel("lif", "golden", config=EVERY) as driver:
        done = driver.run(image, _input(network), timeout=300)
    assert done.totals["spikes_out"] > 0 and done.totals["sop"] > 0
    last = image.maps[network.layers[-1].name].get(done.memory, 1)
    assert last.sum() > 0, "the output never fires"
    assert estimate(image).cycles > 0


@pytest.mark.full
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("name", sorted(LARGE))
def test_large_networks_are_compiled_with_streamed_weights(name: str) -> None:
    network = build(name)
    _check_sizes(name, network)
    image = assemble(network, EVERY)
    assert not image.resident
    found = estimate(image)
    assert found.cycles > 1e6 and all(layer.cycles > 0 for layer in found.layers)


def test_thresholds_let_neither_all_nor_nobody_fire() -> None:
    network = build("lenet-1")
    image = assemble(network, EVERY)
    with devices.open_kernel("lif", "golden", config=EVERY) as driver:
        done = driver.run(image, _input(network))
    for layer in network.layers[:-1]:
        assert 0.02 < image.maps[layer.name].get(done.memory, 1).mean() < 0.6


def test_weights_are_drawn_from_the_seed() -> None:
    one, same, other = (build("lenet-1", seed).layers[0].weights for seed in (1, 1, 2))
    assert one is not None and same is not None and other is not None
    np.testing.assert_array_equal(one, same)
    assert np.any(one != other)
    with pytest.raises(ValueError, match="unknown network 'lenet'; known networks are brp-mnist, lenet-1"):
        build("lenet")
