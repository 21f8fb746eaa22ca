"""The engine's main job on real input: a network trained here, real images, eight and four bits.

The network files come with the project (``examples``); ``python -m spynq_train.mnist FOLDER`` trains them
anew. Accuracy is that of the test part, which training never sees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from spynq.lif.digits import Images, mnist
from spynq.lif.network import CompiledNetwork, load
from spynq.lif.params import LifConfig
from spynq.lif.results import Result

__all__ = ["JOBS", "SIMULATED", "STEPS", "Row", "float_accuracy", "network", "rows"]

STEPS = 4
"""Time steps the network was trained for, under direct coding."""
JOBS = {"int8": "mnist", "int4": "mnist_int4"}
"""Weight format and the file for it: four bits were fine-tuned."""
SIMULATED = LifConfig(columns=4)
"""Build for the simulator: compiled in a fraction of the time of the standard one; it computes the same."""
_FOLDER = Path(__file__).parent / "examples"


@dataclass(frozen=True)
class Row:
    """One run of the job.

    Parameters
    ----------
    weights, device : str
    columns : int
        Of the build.
    images : int
    accuracy : float
        Share of images that are right.
    cycles : float
        Per image; 0 on a device without a clock.
    operations : float
        Synaptic additions per image.
    utilisation : float or None
    seconds : float
        On this computer.
    """

    weights: str
    device: str
    columns: int
    images: int
    accuracy: float
    cycles: float
    operations: float
    utilisation: float | None
    seconds: float


@cache
def network(weights: str = "int8") -> CompiledNetwork:
    """The trained network in a weight format."""
    if weights not in JOBS:
        raise ValueError(f"the job has weights {', '.join(JOBS)}, not {weights!r}")
    return load(_FOLDER / f"{JOBS[weights]}.nir", weights=weights)


def run(weights: str, device: str, images: Images, progress: bool | None = None) -> Result:
    """The job on some images."""
    compiled = network(weights)
    if device == "rtl":
        compiled = compiled.for_build(SIMULATED)
    return compiled.run(images.pixels, device, coding="direct", steps=STEPS, progress=progress)


def float_accuracy(images: Images, part: int = 250) -> float:
    """Accuracy of the float model of the network before fine-tuning: what the job is measured against."""
    right = 0
    for begin in range(0, len(images), part):
        pixels = images.pixels[begin : begin + part] / 255
        found = network().run_float(np.broadcast_to(pixels, (STEPS, *pixels.shape)))
        right += int((found.counts.argmax(1) == images.labels[begin : begin + part]).sum())
    return right / len(images)


def rows(device: str, sample: int = 4, images: Images | None = None) -> Iterator[Row]:
    """The whole test part on ``golden``, and a sample of it on another device.

    Parameters
    ----------
    device : str
        ``"golden"`` gives the first rows alone.
    sample : int
        Images on the other device, whose answers equal those of golden.
    images : Images, optional
        By default the test part.
    """
    images = mnist("test") if images is None else images
    for weights in JOBS:
        yield _row(weights, "golden", images)
    if device != "golden":
        for weights in JOBS:
            yield _row(weights, device, images.first(sample))


def _row(weights: str, device: str, images: Images) -> Row:
    result, count = run(weights, device, images), len(images)
    return Row(
        weights,
        device,
        result.network.config.columns,
        count,
        result.accuracy(images.labels),
        result.cycles / count,
        result.synaptic_operations / count,
        result.utilisation,
        result.seconds,
    )
