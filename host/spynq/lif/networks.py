"""Networks of papers as integer networks with random weights: for sizes, cycles and tests of the engine.

Topologies and what they leave open are those of the papers; weights are random, thresholds are set so
that about a tenth of the neurons fire.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spynq.lif.codes import Leak, Output, Pool, Reset, WeightFormat
from spynq.lif.graph import conv_output
from spynq.lif.layers import Layer, MapShape, Network, Neuron

__all__ = ["PAPERS", "Sizes", "Topology", "build", "sizes"]

Ints = npt.NDArray[np.int64]
_CONV = re.compile(r"(\d+)C(\d+)(?:p(\d+))?(?:s(\d+))?$")
_LEVELS = {WeightFormat.S8: 127, WeightFormat.S4: 7, WeightFormat.S2: 1}
_CODEBOOK = (-96, -20, 30, 80)
_ABOVE = 1.28
"""Standard deviations that a tenth of a normal distribution lies above."""
_DENSITY = 0.1


@dataclass(frozen=True)
class Topology:
    """A network of a paper.

    Parameters
    ----------
    paper : str
        Where it is from.
    text : str
        ``64C5`` a convolution (``p2``: padding, ``s2``: stride), ``AP2`` an average pool, ``128`` a fully
        connected layer, ``GAP`` a sum over the map at the end; ``R64`` two residual blocks.
    input : (int, int, int)
    steps : int
    planes : int
        Bits of an input value.
    same : bool
        Convolutions keep the size of the map unless ``p`` says otherwise.
    pool_neurons : bool
        A pool has neurons behind it; otherwise it is part of the next layer.
    decay : float
    reset : Reset
    format : WeightFormat
        Of all layers but, for a codebook, the first and the last.
    assumed : str
        What the paper leaves open and is assumed here.
    """

    paper: str
    text: str
    input: tuple[int, int, int]
    steps: int
    planes: int = 1
    same: bool = False
    pool_neurons: bool = True
    decay: float = 0.5
    reset: Reset = Reset.SOFT_DELAYED
    format: WeightFormat = WeightFormat.S8
    assumed: str = ""


_LENET1, _LENET2 = "6C5p2-AP2-16C5-AP2-120C5-128-47", "64C5-AP2-128C5-AP2-128C5-256-11"
_TLBPTT, _ALBSNN, _SNNWM = "truncated local BPTT", "ALBSNN", "SNN with working memory"
_VGG11 = "32C3-AP2-64C3-AP2-128C3-128C3-AP2-256C3-256C3-AP2-512C3-512C3-AP2-1024-1024-101"
_ALEXNET = "96C3-256C3-AP2-384C3-AP2-512C3-384C3-256C3-4096-1024-10"
_DVSCIFAR = "16C3-AP2-32C3-AP2-64C3-64C3-AP2-128C3-128C3-AP2-128C3-128C3-AP2-256-10"

PAPERS = {
    "brp-mnist": Topology(
        "BRP-SNN", "28C5-AP2-1000-10", (1, 28, 28), 20, same=True, pool_neurons=False, decay=0.2,
        reset=Reset.HARD, format=WeightFormat.S4, assumed="28-28 is a pool, as in the released code",
    ),
    "lenet-1": Topology(
        _TLBPTT, _LENET1, (1, 28, 28), 20, planes=8, assumed="padding of 2 on the first layer alone"
    ),
    "lenet-2": Topology(_TLBPTT, _LENET2, (2, 32, 32), 60, assumed="32 x 32 input without padding"),
    "lenet-2-same": Topology(_TLBPTT, _LENET2, (2, 32, 32), 60, same=True, assumed="32 x 32 input, padding"),
    "lenet-2-128": Topology(_TLBPTT, _LENET2, (2, 128, 128), 60, assumed="128 x 128 input without padding"),
    "alexnet": Topology(
        _TLBPTT, _ALEXNET, (3, 32, 32), 10, planes=8, same=True,
        assumed="padding",
    ),
    "vgg11": Topology(_TLBPTT, _VGG11, (2, 128, 128), 60, same=True, assumed="128 x 128 input, padding"),
    "albsnn-mnist": Topology(
        _ALBSNN, "16C3-16C3-AP2-64C3-64C3-AP2-256C3-1024C3-10C3-GAP", (1, 28, 28), 1, planes=8, same=True,
        pool_neurons=False, decay=0.25, reset=Reset.HARD, format=WeightFormat.CODEBOOK2,
        assumed="3 x 3 kernels with padding; the class layer belongs to GAP",
    ),
    "resnet18-tiny": Topology(
        _TLBPTT, "32C3-R32-R64-R128-R256-AP8-200", (3, 64, 64), 8, planes=8, same=True, pool_neurons=False,
        assumed="strides 1, 2, 2, 2; 1 x 1 shortcuts with neurons; spikes of shortcuts add",
    ),
    "snnwm-dvscifar10": Topology(
        _SNNWM, _DVSCIFAR, (2, 128, 128), 10, planes=3, same=True, pool_neurons=False, reset=Reset.HARD,
        assumed="events counted up to 7 per frame",
    ),
    "snnwm-vgg-small": Topology(
        _SNNWM, "128C3-AP2-128C3-AP2-128C3-AP2-128C3-AP2-512-11", (2, 128, 128), 16, planes=3, same=True,
        pool_neurons=False, reset=Reset.HARD, format=WeightFormat.S4,
        assumed="its maximum pools are sums here",
    ),
}  # fmt: skip
"""Networks by name."""


@dataclass(frozen=True)
class Sizes:
    """Counts of a network that do not depend on data.

    Parameters
    ----------
    weights : int
    neurons : int
    largest_state : int
        Neurons of the largest layer.
    dense : int
        Additions of a step if every input spiked, padding excluded; a pool without neurons counts its
        windows once.
    """

    weights: int
    neurons: int
    largest_state: int
    dense: int


def build(name: str, seed: int = 1, format: WeightFormat | None = None) -> Network:
    """The integer network of :data:`PAPERS`, with random weights.

    Parameters
    ----------
    name : str
    seed : int
    format : WeightFormat, optional
        Other weights than the entry says.
    """
    if name not in PAPERS:
        raise ValueError(f"unknown network {name!r}; known networks are {', '.join(PAPERS)}")
    return _Builder(name, PAPERS[name], np.random.default_rng(seed), format).network()


class _Builder:
    def __init__(
        self, name: str, topology: Topology, rng: np.random.Generator, format: WeightFormat | None
    ) -> None:
        self.name, self.topology, self.rng = name, topology, rng
        self.format = topology.format if format is None else format
        channels, height, width = topology.input
        self.input = MapShape(channels, height, width, topology.planes)
        self.layers: list[Layer] = []
        self.sources: tuple[str, ...] = ("input",)
        self.shape = topology.input
        self.pool = 1

    def network(self) -> Network:
        tokens = self.topology.text.split("-")
        for number, token in enumerate(tokens):
            last = number == len(tokens) - 1 or tokens[number + 1] == "GAP"
            if token == "GAP":
                continue
            if token.startswith("AP"):
                self._pool(int(token[2:]))
            elif token.startswith("R"):
                self._residual(int(token[1:]), stride=1 if self.shape[0] == int(token[1:]) else 2)
            elif match := _CONV.match(token):
                outputs, kernel, padding, stride = (int(group) if group else -1 for group in match.groups())
                padding = padding if padding >= 0 else (kernel // 2 if self.topology.same else 0)
                output = Output.COUNTS if last else Output.SPIKES
                self._conv(
                    outputs, kernel, padding, max(stride, 1), output=output, plain=last or not self.layers
                )
            else:
                self._dense(int(token), last)
        return Network(self.name, self.input, self.topology.steps, tuple(self.layers))

    def _neuron(self, channels: int, fan_in: float, size: float) -> Neuron:
        """A threshold that a tenth of the neurons reach, if their inputs are independent."""
        decay = round(self.topology.decay * 4096)
        spread = size * np.sqrt(fan_in * _DENSITY / (1 - self.topology.decay**2))
        fraction = int(np.clip(np.floor(np.log2(8192 / (_ABOVE * spread))), 0, 7))
        theta = max(1, round(_ABOVE * spread * 2**fraction))
        return Neuron(
            np.full(channels, theta),
            decay=np.full(channels, decay),
            reset=self.topology.reset,
            leak=Leak.MULTIPLY,
            fraction=fraction,
        )

    def _weights(
        self, shape: tuple[int, ...], plain: bool
    ) -> tuple[Ints, WeightFormat, tuple[int, ...] | None]:
        if self.format == WeightFormat.CODEBOOK2 and not plain:
            return self.rng.choice(np.array(_CODEBOOK), shape), self.format, _CODEBOOK
        kept = WeightFormat.S8 if self.format == WeightFormat.CODEBOOK2 else self.format
        most = _LEVELS[kept]
        return self.rng.integers(-most, most + 1, shape), kept, None

    def _scale(self, weights: Ints) -> float:
        """Root mean square of a weight times that of an input."""
        first = self.sources[0] == "input" and self.input.planes > 1
        return float(np.sqrt(np.mean(weights**2.0))) * ((1 << self.input.planes) / 2 if first else 1)

    def _append(self, layer: Layer, shape: tuple[int, int, int]) -> None:
        self.layers.append(layer)
        self.sources, self.shape, self.pool = (layer.name,), shape, 1

    def _conv(
        self,
        outputs: int,
        kernel: int,
        padding: int,
        stride: int = 1,
        name: str = "",
        output: Output = Output.SPIKES,
        plain: bool = False,
    ) -> None:
        channels, height, width = self.shape
        weights, kept, codebook = self._weights((outputs, channels, kernel, kernel), plain)
        fan_in = channels * kernel * kernel * self.pool**2
        layer = Layer(
            name or f"conv{len(self.layers) + 1}", "conv", self.sources, weights, stride=(stride, stride),
            padding=(padding, padding), format=kept, codebook=codebook, output=output,
            pool_in=Pool.SUM if self.pool > 1 else Pool.NONE, pool_size=self.pool,
            neuron=self._neuron(outputs, fan_in, self._scale(weights)),
        )  # fmt: skip
        rows, columns = (conv_output(size, kernel, stride, padding) for size in (height, width))
        self._append(layer, (outputs, rows, columns))

    def _dense(self, outputs: int, last: bool) -> None:
        weights, kept, codebook = self._weights((outputs, *self.shape), last)
        layer = Layer(
            f"fc{len(self.layers) + 1}", "fc", self.sources, weights, format=kept, codebook=codebook,
            pool_in=Pool.SUM if self.pool > 1 else Pool.NONE, pool_size=self.pool,
            neuron=self._neuron(outputs, float(np.prod(self.shape)) * self.pool**2, self._scale(weights)),
            output=Output.COUNTS if last else Output.SPIKES,
        )  # fmt: skip
        self._append(layer, (outputs, 1, 1))

    def _pool(self, size: int) -> None:
        channels, height, width = self.shape
        shape = channels, height // size, width // size
        if not self.topology.pool_neurons:
            self.pool, self.shape = size, shape
            return
        layer = Layer(
            f"pool{len(self.layers) + 1}", "pool", self.sources, kernel=(size, size), stride=(size, size),
            neuron=self._neuron(channels, size * size, 1.0),
        )  # fmt: skip
        self._append(layer, shape)

    def _residual(self, channels: int, stride: int) -> None:
        """Two blocks of two convolutions; the spikes of a block and of its input, or its 1 x 1 "
        "shortcut, add."""
        for block in range(2):
            begin, shape = self.sources, self.shape
            label = f"block{channels}.{block + 1}"
            self._conv(channels, 3, 1, stride if block == 0 else 1, f"{label}.a")
            self._conv(channels, 3, 1, 1, f"{label}.b")
            main, after = self.sources, self.shape
            if shape != after:
                self.sources, self.shape = begin, shape
                self._conv(channels, 1, 0, stride, f"{label}.shortcut")
                begin = self.sources
            joined = Layer(
                f"{label}.sum", "copy", (main[0], begin[0]), output=Output.VALUE, planes_out=2 + block
            )
            self._append(joined, after)


def sizes(network: Network) -> Sizes:
    """Weights, neurons and dense additions of an integer network."""
    shapes: dict[str, tuple[int, int, int]] = {
        "input": (network.input.channels, network.input.height, network.input.width)
    }
    weights = neurons = largest = dense = 0
    for layer in network.layers:
        channels, height, width = shapes[layer.sources[0]]
        size = layer.pool_size
        seen = height // size, width // size
        if layer.kind == "copy":
            shapes[layer.name] = (channels, height, width)
            continue
        kernel = layer.kernel if layer.weights is None else layer.weights.shape[2:]
        axes = list(zip(seen, kernel, layer.stride, layer.padding, strict=True))
        out = [conv_output(n, k, s, p) for n, k, s, p in axes]
        outputs = channels if layer.weights is None else len(layer.weights)
        shapes[layer.name] = (outputs, out[0], out[1])
        here = outputs * out[0] * out[1]
        neurons, largest = neurons + here, max(largest, here)
        pairs = int(np.prod([_inside(n, k, s, p, o) for (n, k, s, p), o in zip(axes, out, strict=True)]))
        each = 1 if layer.weights is None else layer.weights.shape[1]
        weights += 0 if layer.weights is None else layer.weights.size
        dense += pairs * each * outputs
    return Sizes(weights, neurons, largest, dense)


def _inside(size: int, kernel: int, stride: int, padding: int, positions: int) -> int:
    """Pairs of position and tap along one axis that lie in the map."""
    at = np.arange(positions)[:, None] * stride - padding + np.arange(kernel)
    return int(((at >= 0) & (at < size)).sum())
