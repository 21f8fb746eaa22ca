"""Integer golden model of the LIF engine: a list of descriptors and a memory image, nothing else.

This is the contract: gateware equals it bit for bit. Steps of a layer, in order: read_map, gather,
addend (words from memory, perhaps delayed), then per time step scale, leak, integrate, fire, reset,
saturate, write. Every width of the contract is asserted on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, fields

import numpy as np

from spynq.lif.codes import Op, Output, Pool
from spynq.lif.descriptor import Channel, Descriptor, Fir, Plan
from spynq.lif.geometry import cover, geometry
from spynq.lif.golden_gather import Gather, read_weights
from spynq.lif.golden_maps import Integers, Maps, read_map, write_map
from spynq.lif.golden_neuron import Neurons, Step, fits, toward_zero
from spynq.lif.lanes import positions
from spynq.lif.params import BEAT_BYTES
from spynq.model import Memory

__all__ = ["PLAN_BEATS", "Counts", "Trace", "carry_out", "read_plan"]

PLAN_BEATS = 9
"""Beats of a plan; channel records follow it."""
_NEURONS_AT_ONCE = 1 << 17
"""Neurons of several samples that are stepped together: what fits a cache."""
_ELEMENTS_AT_ONCE = 1 << 23
"""Window elements gathered together: bounds the memory of a large layer."""

Trace = Callable[[int, int, Integers, Step], None]
"""Called with sample, step of the chunk, A and what the step made of it, arrays without samples' axis."""


@dataclass
class Counts:
    """What a descriptor counted; fields as in COUNTERS."""

    events: int = 0
    spikes_in: int = 0
    spikes_out: int = 0
    saturated: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))


def read_plan(memory: Memory, base: int, d: Descriptor) -> Plan:
    """The plan of a descriptor."""
    return Plan.unpack(memory.read(base + d.params * BEAT_BYTES, PLAN_BEATS * BEAT_BYTES))


def carry_out(memory: Memory, base: int, d: Descriptor, trace: Trace | None = None) -> Counts:
    """Do one descriptor.

    Parameters
    ----------
    memory : Memory
    base : int
        Byte address that beats count from.
    d : Descriptor
    trace : callable, optional
        Sees every sample and step of a layer with neurons.

    Raises
    ------
    AssertionError
        A number leaves its width, or the plan contradicts the descriptor.
    """
    if d.op in (Op.END, Op.BARRIER):
        return Counts()
    layer = _Layer(memory, base, d, read_plan(memory, base, d), trace)
    counts = Counts()
    block = max(1, _NEURONS_AT_ONCE // (d.h_out * d.w_out * d.c_out))
    for start in range(0, d.samples, block):
        samples = range(start, min(start + block, d.samples))
        counts += layer.run(samples)
    return counts


@dataclass
class _Layer:
    """One descriptor at work."""

    memory: Memory
    base: int
    d: Descriptor
    plan: Plan
    trace: Trace | None
    channels: list[Channel] = field(default_factory=list)
    fir: Fir | None = None
    gather: Gather | None = None

    def __post_init__(self) -> None:
        d, plan = self.d, self.plan
        for name, value in geometry(d, plan).items():
            if getattr(plan, name) != value:
                raise AssertionError(f"the plan says {name} {getattr(plan, name)}, the layer {value}")
        if plan.out_channels != 16 * plan.rounds << plan.log2_h:
            raise AssertionError(f"{plan.out_channels} output bits per pixel are not 16 * R * H")
        at = self.base + (d.params + PLAN_BEATS) * BEAT_BYTES
        self.lanes = positions(d.c_out, plan.out_lanes)
        records = self.memory.read(at, plan.out_channels * BEAT_BYTES)
        starts = (self.lanes * BEAT_BYTES).tolist()
        self.channels = [Channel.unpack(records[i : i + BEAT_BYTES]) for i in starts]
        if d.use_fir:
            self.fir = Fir.unpack(self.memory.read(self.base + d.taps * BEAT_BYTES, 64))
        self.gather = Gather(d, plan, read_weights(self.memory, self.base, d, plan))
        self.cover_y = np.array(cover(d.h_out, d.kh, d.stride_y, d.dilation_y, d.pad_y, self._pooled(d.h_in)))
        self.cover_x = np.array(cover(d.w_out, d.kw, d.stride_x, d.dilation_x, d.pad_x, self._pooled(d.w_in)))

    def _pooled(self, size: int) -> int:
        return size >> self.d.pool_log2 if self.d.pool_in != Pool.NONE else size

    def _maps(self, samples: range, steps: range) -> Maps:
        d = self.d
        read = [read_map(self.memory, self.base, d, self.plan, samples, steps)]
        if d.second:
            read.append(read_map(self.memory, self.base, d, self.plan, samples, steps, second=True))
        return Maps(d, self.plan, [bits for bits, _ in read], sum(spikes for _, spikes in read))

    def _sums(self, samples: range, counts: Counts) -> Iterator[Integers]:
        """A of each step in turn, shape (samples, rows, pixels, channels)."""
        assert self.gather is not None
        d = self.d
        # What stays the same is met once.
        met = 1 if self.plan.static else d.steps
        size = len(samples) * d.h_out * d.w_out * d.kh * d.kw * d.c_in
        block = max(1, min(met, _ELEMENTS_AT_ONCE // size))
        for start in range(0, met, block):
            steps = range(start, min(start + block, met))
            maps = self._maps(samples, steps)
            seen = int((maps.events * self.cover_y[:, None] * self.cover_x).sum())
            counts.events += seen if self.plan.slice else seen * self.plan.rounds
            counts.spikes_in += maps.spikes
            flat = maps.values.reshape(-1, *maps.values.shape[2:])
            sums = self.gather(flat).reshape(len(samples), len(steps), d.h_out, d.w_out, d.c_out)
            for step in sums.swapaxes(0, 1):
                yield from [step] * (d.steps // met)

    def run(self, samples: range) -> Counts:
        """A layer with neurons, or the sums of one without."""
        d, counts = self.d, Counts()
        neurons = Neurons(d, self.channels, len(samples))
        if not d.first:
            neurons.load(self._words(d.states, self.plan.state_sample, samples).view(np.uint32))
        tally = np.zeros((len(samples), d.c_out), np.int64)
        for t, sums in enumerate(self._sums(samples, counts)):
            sums = sums + self.addend(samples, t)
            if d.output == Output.SUMS:
                assert not d.fire and not neurons.rest.any(), "sums are of neurons at rest at 0"
                words = fits("a sum", neurons.scale(sums), 24)
                self._store(d.result + t * self.plan.out_step, samples, words)
                continue
            step = neurons.step(sums)
            counts.saturated += step.saturated
            if d.output != Output.VALUE:
                counts.spikes_out += int(np.count_nonzero(step.spikes))
            tally += step.spikes.sum(axis=(1, 2))
            self._output(samples, t, step, counts)
            if self.trace:
                for i, n in enumerate(samples):
                    self.trace(n, t, sums[i], Step(step.u[i], step.spikes[i], step.v[i], step.r[i], 0))
        self._finish(samples, neurons, tally)
        return counts

    def addend(self, samples: range, t: int) -> Integers | int:
        """What memory adds to the sums of a step: a word, or several steps' words through the FIR.

        Delays reach into the chunks before, whose words are in memory.
        """
        if not self.d.bias:
            return 0
        if self.fir is None:
            return fits("a word", self._words_of(samples, t), 24)
        end = t
        if self.fir.segment:
            end = t - t % self.fir.segment + self.fir.segment - 1
        total = np.zeros((len(samples), self.d.h_out, self.d.w_out, self.d.c_out), np.int64)
        for delay, tap in enumerate(self.fir.taps):
            if -self.d.t0 <= end - delay < self.d.steps:
                total += tap * fits("a word", self._words_of(samples, end - delay), 24)
        return fits("a word behind the FIR", toward_zero(total, self.fir.shift), 24)

    def _words_of(self, samples: range, t: int) -> Integers:
        plan = self.plan
        place = plan.words + t * plan.words_step
        return self._words(place, plan.words_sample, samples).astype(np.int64)

    def _output(self, samples: range, t: int, step: Step, counts: Counts) -> None:
        d, plan = self.d, self.plan
        if d.output == Output.SPIKES:
            values = step.spikes.astype(np.int64)
        elif d.output == Output.VALUE:
            whole = np.maximum(step.v if plan.value_after else step.u, 0) >> plan.value_shift
            values = np.minimum(whole, (1 << plan.planes_out) - 1)
            counts.saturated += int(np.count_nonzero(values != whole))
            counts.spikes_out += sum(int((values >> p & 1).sum()) for p in range(plan.planes_out))
        else:
            return
        for i, n in enumerate(samples):
            write_map(self.memory, self.base, d, plan, n, t, values[i])

    def _finish(self, samples: range, neurons: Neurons, tally: Integers) -> None:
        d, plan = self.d, self.plan
        if d.output == Output.COUNTS:
            if tally.max() >= 1 << 16:
                raise AssertionError(f"a count of {tally.max()} has more than 16 bits")
            for i, n in enumerate(samples):
                content = np.zeros(plan.out_channels, "<u2")
                content[self.lanes] = tally[i]
                place = d.result + n * plan.out_sample
                self.memory.write(self.base + place * BEAT_BYTES, content.tobytes())
        elif d.output == Output.MEMBRANE:
            self._store(d.result, samples, neurons.v)
        if not d.last:
            self._store(d.states, samples, neurons.store().view(np.int32), states=True)

    def _words(self, place: int, stride: int, samples: range) -> np.ndarray:  # type: ignore[type-arg]
        """32-bit words of some samples, shape (samples, rows, pixels, true channels), signed."""
        d, channels = self.d, self.plan.out_channels
        shape = (d.h_out, d.w_out, channels)
        parts = [
            np.frombuffer(
                self.memory.read(self.base + (place + n * stride) * BEAT_BYTES, 4 * int(np.prod(shape))),
                "<i4",
            ).reshape(shape)
            for n in samples
        ]
        return np.ascontiguousarray(np.stack(parts)[..., self.lanes])

    def _store(self, place: int, samples: range, values: Integers, states: bool = False) -> None:
        """Write 32-bit words, shape (samples, rows, pixels, true channels); the others are zero."""
        d, plan = self.d, self.plan
        stride = plan.state_sample if states else plan.out_sample
        fits("a word", np.asarray(values, np.int64), 32)
        for i, n in enumerate(samples):
            content = np.zeros((d.h_out, d.w_out, plan.out_channels), "<i4")
            content[..., self.lanes] = values[i]
            self.memory.write(self.base + (place + n * stride) * BEAT_BYTES, content.tobytes())
