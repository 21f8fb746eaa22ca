"""Networks of a known spike density for ``spynq bench lif``, and runs of them on the RTL."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.devices import open_kernel
from spynq.kernels import get
from spynq.lif.assemble import assemble
from spynq.lif.checks import check_network
from spynq.lif.codes import Leak, Pool, Reset
from spynq.lif.golden_run import run_golden
from spynq.lif.layers import Layer, MapShape, Network, Neuron
from spynq.lif.params import LifConfig, mask
from spynq_hw.estimate import Estimate, estimate, keep
from spynq_hw.export import component_rtlil, module_name, rtlil
from spynq_hw.lif.column import Column
from spynq_hw.lif.stream import Stream
from spynq_sim.roofline_lif import Floor, roofline

__all__ = [
    "BUILD",
    "LEAN",
    "WIDE",
    "Job",
    "Measured",
    "brp",
    "dense_cycles",
    "lenet1",
    "lenet2",
    "measure",
    "parts",
    "size",
]

BUILD = LifConfig()
"""16 columns."""
WIDE = replace(BUILD, weights=1 << 15, banks=4)
"""The same with room for all weights of larger networks."""
LEAN = LifConfig(
    tied=4,
    weights=4096,
    banks=1,
    features=mask("gather", "slice", "planes", "counts", "membrane", "stream", "static"),
)
"""16 columns with what a trained feed-forward network of spikes needs, and a stream for every four."""
DENSITY = 0.1
_SEED = 11
_POOL_FRACTION = 6
_TRIES = 4
_LAYER_CYCLES = 300
_PATIENCE = 3600.0
"""Seconds that a run may take on a busy machine."""


@dataclass(frozen=True, eq=False)
class Job:
    """A network and an input, every map of which has about the density asked for.

    Parameters
    ----------
    network : Network
    values : ndarray of int64, shape (1, steps, channels, height, width)
    densities : dict of str to float
        Spikes per position and step of every map, on the golden model.
    """

    network: Network
    values: npt.NDArray[np.int64]
    densities: dict[str, float]


@dataclass(frozen=True)
class Measured:
    """A run on the RTL, equal to the golden model in all of memory.

    Parameters
    ----------
    cycles : int
        From start to done, with a record of counters for every layer.
    sop : int
        Synaptic additions that happened.
    layers : tuple of (str, int)
        Cycles of every descriptor.
    floors : tuple of Floor
        The least that each can take.
    """

    cycles: int
    sop: int
    layers: tuple[tuple[str, int], ...]
    floors: tuple[Floor, ...]


def _neuron(channels: int, theta: int, *, pool: bool = False) -> Neuron:
    """Sums meet the threshold without a memory; pools integrate, so that they fire as often as asked.

    The membranes of a pool begin anywhere below the threshold, so that its channels do not fire in step.
    """
    phases = np.random.default_rng(_SEED).integers(0, max(theta, 1), channels)
    return Neuron(
        theta=np.full(channels, theta),
        rest=phases if pool else None,
        decay=np.zeros(channels, np.int64),
        leak=Leak.NONE if pool else Leak.MULTIPLY,
        reset=Reset.SOFT if pool else Reset.HARD,
        fraction=_POOL_FRACTION if pool else 0,
    )


class _Maker:
    """Adds layer to layer, with thresholds that make DENSITY of all neurons fire."""

    def __init__(self, name: str, shape: MapShape, steps: int, values: npt.NDArray[np.int64]) -> None:
        self.rng = np.random.default_rng(_SEED)
        self.network = Network(name, shape, steps)
        self.values, self.last = values, "input"
        self.densities = {"input": float((values != 0).mean())}

    def conv(
        self, channels: int, fan_in: int, kernel: tuple[int, int], *, most: int = 127, **more: Any
    ) -> None:
        """A convolution (or fully connected layer, ``kind="fc"``) with random weights."""
        weights = self.rng.integers(-most, most + 1, (channels, fan_in, *kernel))
        self._add(
            Layer(self._name("conv"), sources=(self.last,), weights=weights, **{"kind": "conv", **more})
        )

    def pool(self, channels: int, size: int = 2) -> None:
        """Average pooling with neurons that integrate to about a window's worth of spikes."""
        theta = size * size << _POOL_FRACTION
        layer = Layer(self._name("pool"), "pool", (self.last,), kernel=(size, size), stride=(size, size))
        for _ in range(_TRIES):
            # What is left in a membrane at the end makes neurons fire a little too rarely.
            rate = self._run(replace(layer, neuron=_neuron(channels, theta, pool=True)), []).mean()
            theta = round(theta * rate / DENSITY)
        self._add(replace(layer, neuron=_neuron(channels, theta, pool=True)))

    def job(self) -> Job:
        return Job(self.network, self.values, self.densities)

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.network.layers) + 1}"

    def _add(self, layer: Layer) -> None:
        if layer.neuron is None:
            assert layer.weights is not None
            channels = layer.weights.shape[0]
            sums: list[npt.NDArray[np.int64]] = []
            self._run(replace(layer, neuron=_neuron(channels, (1 << 23) - 1)), sums)
            theta = int(np.quantile(np.concatenate([s.ravel() for s in sums]), 1 - DENSITY)) + 1
            layer = replace(layer, neuron=_neuron(channels, theta))
        found = self._run(layer, [])
        self.network = replace(self.network, layers=(*self.network.layers, layer))
        self.densities[layer.name] = float(found.mean())
        self.last = layer.name

    def _run(self, layer: Layer, sums: list[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
        """The layer's spikes; sums of every step of it go into ``sums``."""
        network = replace(self.network, layers=(*self.network.layers, layer))
        image = assemble(network, LifConfig(units=1 << 14, maps=1 << 14, weights=1 << 16))
        size = image.maps[layer.name].shape

        def trace(sample: int, step: int, a: npt.NDArray[np.int64], made: Any) -> None:
            if a.shape == (size.height, size.width, size.channels):
                sums.append(a.copy())

        run = run_golden(image, self.values, trace=trace)
        del sums[: -network.steps]
        return image.maps[layer.name].get(run.memory, 1)


def _spikes(steps: int, shape: Sequence[int], density: float) -> npt.NDArray[np.int64]:
    return (np.random.default_rng(_SEED).random((1, steps, *shape)) < density).astype(np.int64)


@cache
def lenet2(*, same: bool = False, bits: int = 8) -> Job:
    """64C5-AP2-128C5-AP2-128C5-256FC-11FC on 32 x 32 with two polarities, 60 steps, pools with neurons."""
    most, pad = (1 << bits - 1) - 1, {"padding": (2, 2)} if same else {}
    maker = _Maker("LeNet-2", MapShape(2, 32, 32), 60, _spikes(60, (2, 32, 32), DENSITY))
    maker.conv(64, 2, (5, 5), most=most, **pad)
    maker.pool(64)
    maker.conv(128, 64, (5, 5), most=most, **pad)
    maker.pool(128)
    maker.conv(128, 128, (5, 5), most=most, **pad)
    maker.conv(256, 128, (8, 8) if same else (1, 1), most=most, kind="fc")
    maker.conv(11, 256, (1, 1), most=most, kind="fc")
    return maker.job()


@cache
def lenet1() -> Job:
    """6C5 (padding 2)-AP2-16C5-AP2-120C5-128FC-47FC on still 28 x 28 images of 8 planes, 20 steps."""
    rng = np.random.default_rng(_SEED)
    ink = rng.random((1, 1, 1, 28, 28)) < 0.19
    values = np.where(ink, rng.integers(1, 256, ink.shape), 0).astype(np.int64)
    maker = _Maker("LeNet-1", MapShape(1, 28, 28, planes=8), 20, values)
    maker.network = replace(maker.network, static=True)
    maker.conv(6, 1, (5, 5), padding=(2, 2))
    maker.pool(6)
    maker.conv(16, 6, (5, 5))
    maker.pool(16)
    maker.conv(120, 16, (5, 5))
    maker.conv(128, 120, (1, 1), kind="fc")
    maker.conv(47, 128, (1, 1), kind="fc")
    return maker.job()


@cache
def brp(*, bits: int = 8) -> Job:
    """28C5-AP2-FC1000-FC10 on 28 x 28, 20 steps, the pooling without neurons."""
    most = (1 << bits - 1) - 1
    maker = _Maker("BRP MNIST", MapShape(1, 28, 28), 20, _spikes(20, (1, 28, 28), 0.13))
    maker.conv(28, 1, (5, 5), most=most, padding=(2, 2))
    maker.conv(1000, 28, (14, 14), most=most, kind="fc", pool_in=Pool.SUM, pool_size=2)
    maker.conv(10, 1000, (1, 1), most=most, kind="fc")
    return maker.job()


def dense_cycles(network: Network) -> int:
    """Model of a dense array: 16 inputs x 16 outputs x 8 pixels x 4 steps a cycle, pools at 64 neurons.

    300 cycles of every layer are for loading and draining.
    """
    shapes = check_network(network)
    total, steps = 0, -(-network.steps // 4)
    for layer in network.layers:
        shape, source = shapes[layer.name], shapes[layer.sources[0]]
        total += _LAYER_CYCLES
        if layer.kind == "pool":
            total += -(-shape.channels * shape.height * shape.width * network.steps // 64)
            continue
        assert layer.weights is not None
        taps = layer.weights.shape[2] * layer.weights.shape[3]
        tiles = -(-source.channels // 16) * -(-shape.channels // 16)
        total += taps * tiles * shape.height * -(-shape.width // 8) * steps
    return total


@cache
def start_estimates() -> dict[LifConfig, Future[Estimate]]:
    """Synthesis of the builds in a process of its own; the results are kept on disk."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="estimate")
    futures = {config: pool.submit(_estimate, config) for config in (BUILD, LEAN)}
    pool.shutdown(wait=False)
    return futures


def size(config: LifConfig) -> Estimate:
    """Cells of a build, waited for."""
    return start_estimates()[config].result()


@cache
def parts(config: LifConfig) -> tuple[Estimate, Estimate]:
    """Cells of one column and of one stream of a build, by themselves."""
    column, stream = (
        estimate(component_rtlil(made, "part"), "part", uram=True)
        for made in (Column(config), Stream(config))
    )
    return column, stream


def _estimate(config: LifConfig) -> Estimate:
    return estimate(rtlil("lif", config), module_name(get("lif").kernel, config), uram=True, parts=True)


def main() -> None:
    """``python -m spynq_sim.bench_lif``: synthesise the builds and keep the figures in the project."""
    for config in (BUILD, LEAN):
        top = module_name(get("lif").kernel, config)
        keep(rtlil("lif", config), top, str(config), uram=True, parts=True)


@cache
def measure(job: Job, config: LifConfig, *, resident: bool = False) -> Measured:
    """Cycles of a run; with ``resident``, of a later run whose weights are on chip already."""
    image = assemble(job.network, config)
    golden = run_golden(image, job.values)
    with open_kernel("lif", "rtl", config) as driver:
        run = driver.run(image, job.values, timeout=_PATIENCE)
        if resident:
            assert image.resident, f"the weights of {job.network.name} do not all stay on chip"
            run = driver.run(image, job.values, timeout=_PATIENCE)
    for name, area in image.maps.items():
        if not np.array_equal(area.get(run.memory, 1), area.get(golden.memory, 1)):
            raise AssertionError(f"{name}: rtl and golden differ")
    layers = tuple(
        (task.layer, counters["cycles"]) for task, counters in zip(image.tasks, run.counters, strict=False)
    )
    sop = sum(counters["sop"] for counters in run.counters)
    return Measured(run.cycles, sop, layers, tuple(roofline(image, run.memory)))


if __name__ == "__main__":
    main()
