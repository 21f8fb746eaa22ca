"""Second model of the engine: plain loops over an integer network, with no descriptor, image or array trick.

Written from the definition alone and compared with :mod:`spynq.lif.golden` on small networks. One sample
at a time; Python integers throughout.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from spynq.lif.codes import Combine, Leak, Output, Pool, Refractory, Reset
from spynq.lif.layers import Layer, MapShape, Network, Neuron

__all__ = ["PlainRun", "run_plain"]

Map = list[list[list[list[int]]]]
"""Values by [step][channel][y][x]."""


@dataclass
class PlainRun:
    """What a network did with one sample.

    Parameters
    ----------
    maps : dict of str to Any
        Per layer: [step][channel][y][x], or [channel] of counts, or [channel][y][x] of membranes.
    events : dict of str to int
        Spikes that the windows of a layer saw, every plane and source by itself.
    saturated : dict of str to int
        Values clipped.
    """

    maps: dict[str, Any] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    saturated: dict[str, int] = field(default_factory=dict)


def run_plain(network: Network, shapes: dict[str, MapShape], sample: Map) -> PlainRun:
    """Run one sample.

    Parameters
    ----------
    network : Network
    shapes : dict of str to MapShape
        As ``check_network`` gives them.
    sample : nested list of int, [step][channel][y][x]
    """
    run = PlainRun({"input": sample * network.steps if network.static else sample})
    for layer in network.layers:
        _Plain(network, layer, shapes, run).run()
    return run


def _toward_zero(value: int, shift: int) -> int:
    return value >> shift if value >= 0 else -(-value >> shift)


class _Plain:
    def __init__(self, network: Network, layer: Layer, shapes: dict[str, MapShape], run: PlainRun) -> None:
        self.layer, self.result, self.steps = layer, run, network.steps
        self.sources = [(run.maps[name], shapes[name]) for name in layer.sources]
        self.shape = shapes[layer.name]
        self.events = self.saturated = 0

    def run(self) -> None:
        name = self.layer.name
        self.result.maps[name] = self.copy() if self.layer.kind == "copy" else self.neurons()
        self.result.events[name], self.result.saturated[name] = self.events, self.saturated

    def clip(self, value: int, low: int, high: int) -> int:
        clipped = min(max(value, low), high)
        self.saturated += clipped != value
        return clipped

    def joined(self, t: int, c: int, y: int, x: int) -> tuple[int, int]:
        """Value of a place of the input, and spikes that stand for it."""
        values = [source[t][c][y][x] for source, _ in self.sources]
        spikes = [
            bin(v & (1 << s.planes) - 1).count("1") for v, (_, s) in zip(values, self.sources, strict=True)
        ]
        if len(values) == 1 or self.layer.combine == Combine.ADD:
            return sum(values), sum(spikes)
        a, b = values
        bit = {Combine.AND: a & b, Combine.AND_NOT: a & (1 - b), Combine.OR: a | b}[self.layer.combine]
        return bit, bit

    def pooled(self, t: int, c: int, y: int, x: int) -> tuple[int, int]:
        k = self.layer.pool_size if self.layer.pool_in != Pool.NONE else 1
        found = [self.joined(t, c, y * k + dy, x * k + dx) for dy in range(k) for dx in range(k)]
        if self.layer.pool_in == Pool.OR:
            bit = max(value for value, _ in found)
            return bit, bit
        return sum(value for value, _ in found), sum(spikes for _, spikes in found)

    def copy(self) -> Map:
        s, high = self.shape, (1 << self.layer.planes_out) - 1
        return [
            [
                [
                    [self.clip(self.joined(t, c, y, x)[0], 0, high) for x in range(s.width)]
                    for y in range(s.height)
                ]
                for c in range(s.channels)
            ]
            for t in range(self.steps)
        ]

    def weight(self, o: int, c: int, i: int, j: int) -> int | None:
        """Weight from input channel c; None where there is no connection."""
        layer = self.layer
        if layer.kind == "pool":
            return 1 if o == c else None
        assert layer.weights is not None
        c_out, per_group = layer.weights.shape[0], layer.weights.shape[1]
        if o // (c_out // layer.groups) != c // per_group:
            return None
        return int(layer.weights[o, c % per_group, i, j])

    def sums(self, t: int, y: int, x: int, counted: bool) -> list[int]:
        """A of all channels of a pixel."""
        layer, source = self.layer, self.sources[0][1]
        k = layer.pool_size if layer.pool_in != Pool.NONE else 1
        kh, kw = layer.kernel if layer.weights is None else layer.weights.shape[2:]
        total = [0] * self.shape.channels
        for i in range(kh):
            for j in range(kw):
                py = y * layer.stride[0] + i * layer.dilation[0] - layer.padding[0]
                px = x * layer.stride[1] + j * layer.dilation[1] - layer.padding[1]
                if not (0 <= py < source.height // k and 0 <= px < source.width // k):
                    continue
                for c in range(source.channels):
                    value, spikes = self.pooled(t, c, py, px)
                    self.events += spikes * counted
                    for o in range(self.shape.channels if value else 0):
                        w = self.weight(o, c, i, j)
                        total[o] += value * w if w is not None else 0
        return total

    def filtered(self, sums: list[list[int]]) -> list[list[int]]:
        """FIR over the steps of one pixel; ``sums`` is [step][channel]."""
        fir = self.layer.fir
        if fir is None:
            return sums
        found = []
        for t in range(len(sums)):
            end = t if not fir.segment else t // fir.segment * fir.segment + fir.segment - 1
            places = [(tap, end - d) for d, tap in enumerate(fir.taps) if 0 <= end - d < len(sums)]
            found.append(
                [
                    _toward_zero(sum(tap * sums[p][o] for tap, p in places), fir.shift)
                    for o in range(len(sums[0]))
                ]
            )
        return found

    def neurons(self) -> Any:
        """All pixels and channels by themselves, each over all steps."""
        layer, s = self.layer, self.shape
        kind = layer.output
        per_step: Map = [
            [[[0] * s.width for _ in range(s.height)] for _ in range(s.channels)] for _ in range(self.steps)
        ]
        ends = [[[0] * s.width for _ in range(s.height)] for _ in range(s.channels)]
        counts = [0] * s.channels
        for y in range(s.height):
            for x in range(s.width):
                sums = self.filtered([self.sums(t, y, x, True) for t in range(self.steps)])
                for o in range(s.channels):
                    found, spikes, membrane = self.neuron(o, [row[o] for row in sums], y, x)
                    counts[o] += spikes
                    ends[o][y][x] = membrane
                    for t in range(self.steps):
                        per_step[t][o][y][x] = found[t]
        if kind == Output.COUNTS:
            return counts
        return ends if kind == Output.MEMBRANE else per_step

    def neuron(self, o: int, currents: list[int], y: int, x: int) -> tuple[list[int], int, int]:
        """One neuron over all steps: what it writes, its spikes, its last membrane."""
        layer, n = self.layer, self.layer.neuron
        assert n is not None
        p = _Parameters(n, o)
        extra = 0 if layer.bias_map is None else int(layer.bias_map[o, y, x])
        limit = 1 << (15 if n.fires else 23)
        v, r, fired, spikes = p.rest, 0, False, 0
        written = []
        for a in currents:
            j = (a + extra << n.fraction) + p.bias
            if layer.output == Output.SUMS:
                written.append(j)
                continue
            d = p.leak(v)
            u = d + j
            if r > 0:
                u = {Refractory.FREEZE: v, Refractory.LEAK: d, Refractory.INTEGRATE: u}[n.policy]
            if n.reset == Reset.SOFT_DELAYED and fired:
                u -= p.zeta
            fired = n.fires and u >= p.theta and r == 0
            v = u
            if fired and n.reset == Reset.HARD:
                v = p.v_reset
            if fired and n.reset == Reset.SOFT:
                v = u - p.zeta
            v = self.clip(v, -limit, limit - 1)
            r = n.refractory if fired else max(r - 1, 0)
            spikes += fired
            written.append(self.write(u, v, fired))
        return written, spikes, v

    def write(self, u: int, v: int, fired: bool) -> int:
        layer = self.layer
        if layer.output != Output.VALUE:
            return int(fired)
        return self.clip(
            max(v if layer.value_after else u, 0) >> layer.value_shift, 0, (1 << layer.planes_out) - 1
        )


class _Parameters:
    """Parameters of one neuron."""

    def __init__(self, neuron: Neuron, o: int) -> None:
        def value(array: Any, default: int) -> int:
            return default if array is None else int(array[o])

        self.theta = int(neuron.theta[o])
        self.zeta = value(neuron.zeta, self.theta)
        self.bias = value(neuron.bias, 0)
        self.decay = value(neuron.decay, 4096)
        self.v_reset, self.rest = value(neuron.v_reset, 0), value(neuron.rest, 0)
        self.kind = neuron.leak

    def leak(self, v: int) -> int:
        away = v - self.rest
        if self.kind == Leak.MULTIPLY:
            return self.rest + _toward_zero(away * self.decay, 12)
        if self.kind == Leak.LINEAR:
            return self.rest + (max(away - self.decay, 0) if away > 0 else min(away + self.decay, 0))
        return v
