"""Small networks for the tests of this folder, and one run of both models on them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.lif.assemble import assemble
from spynq.lif.checks import check_network
from spynq.lif.driver import LifRun
from spynq.lif.golden_run import run_golden
from spynq.lif.image import Image
from spynq.lif.layers import Layer, MapShape, Network, Neuron
from spynq.lif.params import FEATURES, LifConfig, mask
from spynq.lif.plain import run_plain

__all__ = ["ALL", "FULL", "Both", "array", "both", "conv", "network", "neuron", "spikes", "train"]

Integers = npt.NDArray[np.int64]
ALL = mask(*FEATURES)
"""Features of the golden model, beyond those of today's gateware."""
FULL = LifConfig(features=ALL)


def array(*values: int) -> Integers:
    return np.array(values, np.int64)


def neuron(channels: int = 1, theta: int = 1, **options: Any) -> Neuron:
    """The same neuron in every channel; integers become arrays."""
    arrays = {
        k: np.full(channels, v, np.int64) for k, v in options.items() if type(v) is int and k in _ARRAYS
    }
    return Neuron(np.full(channels, theta, np.int64), **{**options, **arrays})


_ARRAYS = ("bias", "zeta", "decay", "v_reset", "rest")


def conv(weights: npt.ArrayLike, **options: Any) -> Layer:
    """A convolution called ``layer`` with weights (c_out, c_in, kh, kw)."""
    whole = np.asarray(weights, np.int64)
    options.setdefault("neuron", neuron(whole.shape[0]))
    return Layer(options.pop("name", "layer"), options.pop("kind", "conv"), weights=whole, **options)


def network(shape: tuple[int, ...] | MapShape, steps: int, *layers: Layer, **options: Any) -> Network:
    made = shape if isinstance(shape, MapShape) else MapShape(*shape)
    return Network("test", made, steps, layers, **options)


def spikes(net: Network, density: float = 0.3, samples: int = 1, seed: int = 0) -> Integers:
    """Random input spikes."""
    shape = net.input
    size = (samples, 1 if net.static else net.steps, shape.channels, shape.height, shape.width)
    return (np.random.default_rng(seed).random(size) < density).astype(np.int64)


def train(*values: int) -> Integers:
    """Input of one pixel over time, one sample."""
    return np.array(values, np.int64).reshape(1, -1, 1, 1, 1)


@dataclass
class Both:
    """Results of the golden model, which equal those of plain loops."""

    image: Image
    run: LifRun
    values: Integers

    def __getitem__(self, name: str) -> Integers:
        return self.image.maps[name].get(self.run.memory, self.image.samples)

    @property
    def out(self) -> Integers:
        """Of the last layer, sample 0."""
        return self[self.image.layers[-1].name][0]


def both(
    net: Network,
    values: npt.ArrayLike | None = None,
    config: LifConfig | None = None,
    chunk: int | None = None,
) -> Both:
    """Run golden model and plain loops and hold them against each other in every layer."""
    inputs = spikes(net) if values is None else np.asarray(values, np.int64)
    config = replace(config or FULL, features=ALL)
    image = assemble(net, config, samples=len(inputs), chunk=chunk)
    result = Both(image, run_golden(image, inputs), inputs)
    for n, sample in enumerate(inputs):
        plain = run_plain(net, check_network(net), sample.tolist())
        for layer in net.layers:
            np.testing.assert_array_equal(result[layer.name][n], plain.maps[layer.name], layer.name)
    return result
