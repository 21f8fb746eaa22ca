"""Rows of ``spynq bench lif`` that need no simulator: import, accuracy, and what a processor does instead."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from spynq.bench import Measured, NotMeasured, bench
from spynq.errors import MissingDependency

_POINTS = 100.0
_PROFILES: dict[str, dict[str, Any]] = {
    "snntorch": {"profile": "snntorch"},
    "snntorch_zero": {"profile": "snntorch", "reset": "hard"},
    "spikingjelly": {"profile": "spikingjelly"},
    "spikingjelly_decay": {"profile": "spikingjelly"},
    "norse": {"profile": "norse"},
    "sinabs": {"profile": "sinabs"},
}
"""Recorded files and how each is read."""


@bench("lif", "NIR import: spikes that differ from the source library", unit="spikes", must="<= 0")
def imported() -> Measured:
    """Float interpreter against recorded spikes of all four libraries."""
    from spynq.lif import read_nir, run_float
    from spynq.lif.graph import Neuron

    folder = Path(__file__).resolve().parents[4] / "tests" / "lif" / "vectors"
    differing = total = 0
    versions = set()
    for name, options in _PROFILES.items():
        if not (folder / f"{name}.npz").exists():
            raise NotMeasured(f"the recorded spikes are not at {folder}; run this in a checkout")
        graph = read_nir(folder / f"{name}.nir", **options)
        with np.load(folder / f"{name}.npz") as file:
            versions.add(str(file["versions"][0]))
            count = sum(key.startswith("shape") for key in file)
            spikes = [
                np.unpackbits(file[f"spikes{i}"], count=int(file[f"shape{i}"].prod())).reshape(
                    file[f"shape{i}"]
                )
                for i in range(count)
            ]
        found = run_float(graph, spikes[0])
        layers = [name for name in graph.order if isinstance(graph.nodes[name], Neuron)]
        for layer, wanted in zip(layers, spikes[1:], strict=True):
            differing += int(np.count_nonzero(found.values[layer].reshape(wanted.shape) != wanted))
            total += wanted.size
    return Measured(differing, f"{total:,} neuron steps recorded from {', '.join(sorted(versions))}")


@cache
def _accuracies() -> tuple[int, dict[str, float]]:
    from spynq.lif import job
    from spynq.lif.digits import mnist

    try:
        images = mnist("test")
    except MissingDependency as error:
        raise NotMeasured(str(error)) from error
    found = {"float": job.float_accuracy(images)}
    for row in job.rows("golden", images=images):
        found[row.weights] = row.accuracy
    return len(images), found


def _loss(weights: str) -> Measured:
    count, found = _accuracies()
    lost = (found["float"] - found[weights]) * _POINTS
    return Measured(
        lost,
        f"16C5-AP2-32C3-AP2-10 on {count} MNIST test images, golden device: float {found['float']:.1%}, "
        f"{weights} {found[weights]:.1%}",
    )


@bench("lif", "MNIST: points lost with 8-bit weights", unit="points", must="<= 0.3")
def eight_bits() -> Measured:
    """Quantised after training, without any fine-tuning."""
    return _loss("int8")


@bench("lif", "MNIST: points lost with 4-bit weights, fine-tuned", unit="points", must="<= 1.0")
def four_bits() -> Measured:
    """Against the float network before fine-tuning."""
    return _loss("int4")


@bench("lif", "software: event-driven numba, LeNet-2 conv2 at 10 %", unit="million additions per second")
def event_driven() -> Measured:
    """What two cores do of the same sparse work; zeros cost them nothing either."""
    from spynq.bench.scatter import convolution
    from spynq.lif.networks import build

    network = build("lenet-2")
    layer = next(layer for layer in network.layers if layer.name == "conv3")
    assert layer.weights is not None and layer.neuron is not None and layer.neuron.decay is not None
    spikes = (np.random.default_rng(1).random((4, 20, layer.weights.shape[1], 14, 14)) < 0.1).astype(np.uint8)
    parts = (
        layer.weights.astype(np.int8),
        layer.neuron.theta.astype(np.int32),
        int(layer.neuron.decay[0]),
        layer.neuron.fraction,
    )
    try:
        convolution(spikes[:1, :1], *parts)  # compiles
        found = min((convolution(spikes, *parts) for _ in range(3)), key=lambda run: run.seconds)
    except MissingDependency as error:
        raise NotMeasured(str(error)) from error
    return Measured(
        found.operations / found.seconds / 1e6,
        "64 to 128 channels, 5 x 5, 14 x 14 map, 20 steps of 4 samples, 2 threads, best of 3; the engine's "
        "additions per cycle are in the rows of the simulator",
    )
