"""Random integer networks that cover all fields of a descriptor: food for the models and the gateware."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from spynq.lif.assemble import assemble
from spynq.lif.checks import check_network
from spynq.lif.codes import Combine, Leak, Output, Pool, Refractory, Reset, WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.golden_gather import BOUND
from spynq.lif.layers import Fir, Integers, Layer, MapShape, Network, Neuron
from spynq.lif.params import FEATURES, LifConfig, mask

__all__ = ["SMALL", "Case", "random_case", "random_cases"]

SMALL = LifConfig(columns=1, dsp=False, weights=1024, banks=2, maps=64, units=64, rounds=8)
"""A build with every feature that is soon made and soon full."""

_CHANNELS = (1, 2, 3, 6, 11, 15, 16, 17, 31, 32, 33, 40, 47)
_ALL = mask(*FEATURES)
_FORMATS = {
    WeightFormat.S8: range(-127, 128),
    WeightFormat.S4: range(-7, 8),
    WeightFormat.S2: range(-1, 2),
    WeightFormat.S1: (-1, 1),
}


@dataclass(frozen=True)
class Case:
    """A network with everything that a run needs.

    Parameters
    ----------
    network : Network
    config : LifConfig
        Small, so that layers are cut into pieces.
    chunk : int
        Steps of a descriptor.
    values : ndarray of int64, shape (samples, steps, channels, height, width)
    seed : int
        Makes the case again.
    """

    network: Network
    config: LifConfig
    chunk: int
    values: Integers
    seed: int


def random_case(
    seed: int, *, work: int = 120_000, features: int = _ALL, config: LifConfig | None = None
) -> Case:
    """A case from a seed.

    Parameters
    ----------
    seed : int
    work : int
        Most additions of a dense sample, which bounds what plain loops take.
    features : int
        Bit per entry of :data:`spynq.lif.params.FEATURES` that the case may need.
    config : LifConfig, optional
        The build, whose features the case keeps to; random and small by default.
    """
    rng = np.random.default_rng(seed)
    for _ in range(1000):
        draft = _Draft(rng, work, features if config is None else config.features, config)
        try:
            case = draft.case(seed)
        except LifError:
            # Random sizes do not always go together; the next draw will.
            continue
        if case is not None:
            return case
    raise RuntimeError(f"seed {seed} gave no network of up to {work} additions with features {features:#x}")


def random_cases(seed: int, count: int, **options: Any) -> Iterator[Case]:
    """Cases of following seeds; options as those of :func:`random_case`."""
    for number in range(count):
        yield random_case(seed + number, **options)


class _Draft:
    """One attempt."""

    def __init__(self, rng: np.random.Generator, work: int, features: int, config: LifConfig | None) -> None:
        self.rng, self.work, self.features, self.config = rng, work, features, config

    def some(self, *choices: int) -> int:
        return int(self.rng.choice(choices))

    def chance(self, share: float) -> bool:
        return bool(self.rng.random() < share)

    def allowed(self, feature: str) -> bool:
        return bool(self.features >> FEATURES.index(feature) & 1)

    def case(self, seed: int) -> Case | None:
        planes = self.some(1, 1, 1, 2, 3) if self.allowed("planes") else 1
        shape = MapShape(
            self.some(*_CHANNELS), self.some(1, 1, 2, 3, 5, 7, 8, 13, 20, 40),
            self.some(1, 2, 3, 4, 5, 9, 16, 31, 40),
            planes, planes > 1 and self.chance(0.3),
        )  # fmt: skip
        steps = self.some(1, 2, 3, 4, 6)
        static = self.allowed("static") and self.chance(0.15)
        network = Network("random", shape, steps, self.layers(shape), static)
        shapes = check_network(network)
        last = network.layers[-1]
        if last.kind != "copy" and self.allowed("words") and self.chance(0.15):
            places = (shapes[last.name].channels, shapes[last.name].height, shapes[last.name].width)
            last = replace(last, bias_map=self.rng.integers(-50, 51, places))
            network = replace(network, layers=(*network.layers[:-1], last))
        if sum(_additions(layer, shapes) for layer in network.layers) * steps > self.work:
            return None
        chunk = self.some(*range(1, steps + 1)) if self.allowed("state") and self.chance(0.4) else steps
        config = self.config or self.build()
        assemble(network, config, samples=1, chunk=chunk)
        return Case(network, config, chunk, self.values(shape, 1 if static else steps), seed)

    def build(self) -> LifConfig:
        """A small build, so that layers are cut into pieces."""
        return LifConfig(
            columns=self.some(1, 2, 4, 16, 32, 48), weights=self.some(1024, 4096, 16384),
            maps=self.some(16, 16, 64, 512), units=self.some(8, 8, 32, 512), rounds=self.some(8, 64),
            features=self.features,
        )  # fmt: skip

    def values(self, shape: MapShape, steps: int) -> Integers:
        density = float(self.rng.choice((0, 0.02, 0.1, 0.3, 0.7, 1)))
        size = (self.some(1, 1, 2), steps, shape.channels, shape.height, shape.width)
        bits = self.rng.random((*size, shape.planes)) < density
        weights = 1 << np.arange(shape.planes)
        if shape.signed:
            weights[-1] *= -1
        values: Integers = (bits * weights).sum(axis=-1).astype(np.int64)
        return values

    def layers(self, shape: MapShape) -> tuple[Layer, ...]:
        if self.allowed("value") and self.chance(0.08):
            return (Layer("copy", "copy", planes_out=self.some(1, 2)),)
        joined = self.allowed("second") and self.chance(0.2)
        if not joined or not self.allowed("slice"):
            return (self.layer("layer", shape, ("input",)),)
        # A map of the same shape whose spikes are some of the input's.
        thin = Layer("thin", "pool", neuron=self.neuron(shape.channels, 2))
        last = self.layer("layer", shape, ("input", "thin"))
        if shape.planes > 1:
            last = replace(last, combine=Combine.ADD)
        if self.allowed("value") and not shape.signed and self.chance(0.3):
            last = Layer(
                "layer", "copy", ("input", "thin"), combine=last.combine, planes_out=self.some(1, 2, 3)
            )
        return (thin, last)

    def layer(self, name: str, shape: MapShape, sources: tuple[str, ...]) -> Layer:
        kind = ("conv", "conv", "fc", "pool")[self.some(0, 1, 2, 3)]
        pool = Pool(self.some(0, 0, 0, 1, 2) if shape.planes == 1 else self.some(0, 0, 1))
        size = self.some(1, 2, 2, 4) if pool else 1
        kernel = (self.some(1, 1, 2, 3, 5), self.some(1, 2, 3, 3, 7))
        groups = 1
        c_out = shape.channels if kind == "pool" else self.some(*_CHANNELS)
        if kind == "fc":
            kernel = (shape.height // size, shape.width // size)
        elif kind == "conv" and self.chance(0.25):
            groups = self.some(*(g for g in range(1, shape.channels + 1) if shape.channels % g == 0))
            c_out = groups * self.some(1, 1, 2, 3)
        weights, form, codebook = None, None, None
        if kind != "pool":
            weights, form, codebook = self.weights((c_out, shape.channels // groups, *kernel), groups)
        reach = 200 if weights is None else int(np.abs(weights).sum(axis=(1, 2, 3)).max())
        neuron = self.neuron(c_out, min(reach, BOUND))
        output = Output(self.some(0, 0, 0, 1, 2, 3, 4)) if neuron.fires else Output(self.some(1, 3, 4))
        return Layer(
            name, kind, sources, weights, kernel,
            stride=(self.some(1, 1, 2, 3), self.some(1, 1, 2, 4)) if kind != "fc" else (1, 1),
            padding=(self.some(0, 0, 1, 2, 5), self.some(0, 1, 2, 3)) if kind != "fc" else (0, 0),
            dilation=(self.some(1, 1, 1, 2), self.some(1, 1, 2, 3)) if kind != "fc" else (1, 1),
            groups=groups, format=form, codebook=codebook, pool_in=pool if size > 1 else Pool.NONE,
            pool_size=size,
            combine=Combine(self.some(0, 0, 1, 2, 3)) if len(sources) > 1 else Combine.ADD, neuron=neuron,
            fir=self.fir() if self.allowed("fir") and self.chance(0.15) else None, output=output,
            planes_out=self.some(1, 2, 4, 8) if output == Output.VALUE else 1, value_shift=self.some(0, 2, 5),
            value_after=self.chance(0.5),
        )  # fmt: skip

    def weights(
        self, shape: tuple[int, ...], groups: int
    ) -> tuple[Integers, WeightFormat | None, tuple[int, ...] | None]:
        form = WeightFormat(self.some(0, 0, 1, 2, 3, 4, 5))
        codebook = None
        if form in _FORMATS:
            values = list(_FORMATS[form])
            if form == WeightFormat.S1 and groups > 1:
                form, values = WeightFormat.S2, [-1, 0, 1]
        else:
            count = 3 if form == WeightFormat.CODEBOOK2 else 15
            values = self.rng.choice(np.arange(-127, 128), count, replace=False).tolist()
            # Zero joins channels of different groups.
            codebook = tuple(dict.fromkeys([0, *map(int, values)]))
        if self.chance(0.1):
            values = [max(values), min(values)]
        weights = self.rng.choice(values, shape).astype(np.int64)
        return weights, (form if codebook or self.chance(0.5) else None), codebook

    def neuron(self, channels: int, reach: int) -> Neuron:
        rng, fraction = self.rng, self.some(0, 0, 2, 7)
        scale = max(2, reach << fraction)
        fires = self.chance(0.85)
        theta = rng.integers(-2, max(2, scale // self.some(2, 10, 30)), channels)
        # Values at the ends of their widths make membranes clip.
        wild = self.chance(0.15)
        return Neuron(
            theta=theta,
            bias=rng.integers(-scale // 20 - 1, scale // 20 + 2, channels).clip(-(1 << 23), BOUND),
            zeta=theta if self.chance(0.7) else rng.integers(0, scale, channels).clip(0, BOUND),
            decay=rng.choice([0, 1, 2048, 3700, 4095, 4096], channels).astype(np.int64),
            v_reset=rng.integers(-(1 << 15), 1 << 15, channels) if wild else rng.integers(-5, 6, channels),
            rest=rng.integers(-300, 300, channels) if self.chance(0.3) else np.zeros(channels, np.int64),
            reset=Reset(self.some(0, 1, 2, 3)), leak=Leak(self.some(0, 1, 1, 2)),
            refractory=self.some(0, 0, 1, 2, 3),
            policy=Refractory(self.some(0, 1, 2)), fires=fires, fraction=fraction,
        )  # fmt: skip

    def fir(self) -> Fir:
        taps = tuple(self.rng.integers(-40, 41, self.some(1, 2, 3, 5)).tolist())
        segment = self.some(0, len(taps), len(taps) + 1)
        return Fir(taps, self.some(0, 3, 6), segment)


def _additions(layer: Layer, shapes: dict[str, MapShape]) -> int:
    """Additions of a dense step."""
    shape, source = shapes[layer.name], shapes[layer.sources[0]]
    if layer.kind == "copy":
        return shape.channels * shape.height * shape.width
    kh, kw = layer.kernel if layer.weights is None else layer.weights.shape[2:]
    k = layer.pool_size
    places = shape.height * shape.width * kh * kw * source.channels
    return int(places * (4 + k * k + shape.channels // (8 if layer.kind == "pool" else layer.groups)))
