"""The engine's rival on a processor computes the same bits; rows are found."""

from __future__ import annotations

import numpy as np
import pytest

from spynq import devices
from spynq.lif.assemble import assemble
from spynq.lif.codes import Leak, Reset
from spynq.lif.layers import Layer, MapShape, Network, Neuron


def test_the_rival_s_spikes_and_additions_are_those_of_the_golden_model(seed: int) -> None:
    pytest.importorskip("numba")
    from spynq.bench.scatter import convolution

    rng = np.random.default_rng(seed)
    weights = rng.integers(-127, 128, (6, 3, 3, 3))
    neuron = Neuron(
        rng.integers(300, 2000, 6),
        decay=np.full(6, 3500),
        reset=Reset.SOFT_DELAYED,
        leak=Leak.MULTIPLY,
        fraction=2,
    )
    network = Network("one", MapShape(3, 7, 8), 15, (Layer("conv", "conv", weights=weights, neuron=neuron),))
    spikes = (rng.random((2, 15, 3, 7, 8)) < 0.3).astype(np.uint8)
    image = assemble(network, samples=2)
    with devices.open_kernel("lif", "golden") as driver:
        done = driver.run(image, spikes)
    found = convolution(spikes, weights.astype(np.int8), neuron.theta.astype(np.int32), 3500, 2)
    want = image.maps["conv"].get(done.memory, 2)
    assert want.sum() > 20 and want.mean() < 0.9
    np.testing.assert_array_equal(found.spikes.transpose(0, 1, 4, 2, 3), want)
    assert found.operations == done.totals["sop"] and found.seconds > 0


def test_the_bench_has_rows_for_import_and_accuracy() -> None:
    from spynq.bench import rows_of

    rows = {row.name: row.must for row in rows_of("lif")}
    assert rows["NIR import: spikes that differ from the source library"] == "<= 0"
    assert rows["MNIST: points lost with 8-bit weights"] == "<= 0.3"
    assert rows["MNIST: points lost with 4-bit weights, fine-tuned"] == "<= 1.0"
