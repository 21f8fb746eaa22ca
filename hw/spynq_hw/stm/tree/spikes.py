"""Spikes of a closed pool: their number, who fires, and the counts to memory."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.golden_spikes import PATIENCE
from spynq.stm.params import L_BITS, MAX_GAIN_BITS, StmConfig
from spynq_hw.core import Request
from spynq_hw.stm.exponential import Exponential
from spynq_hw.stm.rng import GENERATOR_LATENCY, Generator
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.log2 import LOG_LATENCY, MASS_BITS, Log2
from spynq_hw.stm.tree.step import step_layout
from spynq_hw.stm.tree.store import QUAD

__all__ = ["Spikes"]

_WORD = GENERATOR_LATENCY
"""The random word of a trial is there, and the neuron's log-likelihood is read."""
_WEIGHED = _WORD + 5
"""Its weight is there."""
_WAITED = _WORD + LOG_LATENCY + 1
"""A waiting time is there."""
_TIME_BITS = MAX_GAIN_BITS + 1


class Spikes(wiring.Component):
    """Draws spikes by rejection, one trial per cycle, and counts them in the parents' memory.

    Golden model: :func:`spynq.stm.golden_spikes.spike_counts`.

    Parameters
    ----------
    config : StmConfig
        Uses ``population`` and ``edge``.

    Members
    -------
    start : In(1), step : In(step_layout), l_min : In(24), possible : In(1)
        Begin; what the step and the closed pool say stays until ``busy`` falls.
    busy : Out(1)
        Until the counts are handed over.
    quad : Out, nll : In(ArrayLayout(24, 4))
        Read of the store.
    clear, spike : Out(1), place : Out, counting : In(1)
        To :class:`~spynq_hw.stm.tree.mass.Mass`, and whether it is still adding.
    index : Out, mass : In(ArrayLayout(48, 4))
        Four counts, in the same cycle.
    write : Out(stream.Signature(Request)), store : Out(stream.Signature(128))
        To memory.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        quad = range(max(2, config.population // QUAD))
        super().__init__(
            {
                "start": In(1),
                "step": In(step_layout()),
                "l_min": In(L_BITS),
                "possible": In(1),
                "busy": Out(1),
                "quad": Out(quad),
                "nll": In(data.ArrayLayout(L_BITS, QUAD)),
                "clear": Out(1),
                "spike": Out(1),
                "place": Out(range(config.population)),
                "counting": In(1),
                "index": Out(quad),
                "mass": In(data.ArrayLayout(MASS_BITS, QUAD)),
                "write": Out(stream.Signature(Request)),
                "store": Out(stream.Signature(128)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.generator = generator = Generator(1)
        left, clock = Signal(MAX_GAIN_BITS), Signal(range(16))
        group = Signal(range(self.config.population))
        last = self.step.samples - 1
        trial, waiting = Signal(), Signal()
        hit, neuron = self._trial(m, generator, trial, left)
        patience = Signal(range(PATIENCE + 1))
        waited, over = self._elapsed(m, generator, waiting)

        m.d.comb += [
            generator.seed.eq(self.step.seed),
            generator.load.eq(self.start),
            generator.step.eq(trial | waiting),
            self.spike.eq(hit),
            self.place.eq(Mux(self.clear, group, neuron)),
            self.write.payload.address.eq(self.step.out),
            self.write.payload.beats.eq((last >> 2) + 1),
            self.store.payload.eq(Cat(Cat(count[:32]) for count in self.mass)),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [group.eq(0), clock.eq(0), patience.eq(0), self.index.eq(0)]
                    m.d.sync += left.eq(Mux(self.step.poisson, 0, self.step.gain0))
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += self.clear.eq(1)
                m.d.sync += group.eq(group + self.config.edge)
                with m.If((group >> ceil_log2(self.config.edge)) == (last >> ceil_log2(self.config.edge))):
                    m.next = "DRAW"
                    with m.If(self.step.poisson):
                        m.next = "WAIT"
            with m.State("WAIT"):
                m.d.comb += waiting.eq(clock == 0)
                m.d.sync += clock.eq(clock + 1)
                with m.If(waited):
                    m.d.sync += [clock.eq(0), left.eq(left + 1)]
                    with m.If(over):
                        m.d.sync += left.eq(left)
                        m.next = "DRAW"
            with m.State("DRAW"):
                m.d.comb += trial.eq((left != 0) & self.possible)
                m.d.sync += patience.eq(patience + 1)
                with m.If(hit):
                    m.d.sync += [left.eq(left - 1), patience.eq(0)]
                with m.If((left == 0) | ~self.possible | (patience == PATIENCE)):
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                m.d.sync += [left.eq(0), clock.eq(clock + 1)]
                with m.If((clock == 15) & ~self.counting):
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.write.valid.eq(1)
                with m.If(self.write.ready):
                    m.next = "STORE"
            with m.State("STORE"):
                m.d.comb += self.store.valid.eq(1)
                with m.If(self.store.ready):
                    m.d.sync += self.index.eq(self.index + 1)
                    with m.If(self.index == (last >> 2)):
                        m.next = "IDLE"
        return m

    def _trial(self, m: Module, generator: Generator, trial: Signal, left: Signal) -> tuple[Signal, Signal]:
        """A neuron by chance, and whether it fires: if the rest of the word is below its weight."""
        m.submodules.exponential = exponential = Exponential()
        bits = ceil_log2(self.config.population)
        last = (self.step.samples - 1)[:bits]
        mask, neuron, hit = Signal(bits), Signal(bits), Signal()
        m.d.comb += [
            mask.eq(Cat(last[bit:].any() for bit in range(bits))),
            neuron.eq(generator.word[16:] & mask),
            self.quad.eq((self.step.base + neuron) >> 2),
        ]
        neurons = Timeline(m, neuron, _WORD)
        lane = neurons.at(_WORD + 1)[:2]
        threshold = Timeline(m, generator.word[:16], _WORD).at(_WEIGHED)
        inside = Timeline(m, neuron <= last, _WORD).at(_WEIGHED)
        going = Timeline(m, trial, 0, reset=True).at(_WEIGHED)
        m.d.comb += [
            exponential.l.eq(self.nll.as_value().word_select(lane, L_BITS)),
            exponential.l_min.eq(self.l_min),
            hit.eq(going & inside & (threshold < exponential.w) & (left != 0)),
        ]
        return hit, neurons.at(_WEIGHED)

    def _elapsed(self, m: Module, generator: Generator, waiting: Signal) -> tuple[Signal, Signal]:
        """Sum of waiting times: whether the next one is in, and whether it went beyond the mean."""
        m.submodules.log = log = Log2()
        time, wait, total = Signal(_TIME_BITS), Signal(16), Signal(_TIME_BITS + 1)
        waited, over = Timeline(m, waiting, 0, reset=True).at(_WAITED), Signal()
        m.d.comb += [
            log.value.eq(generator.word + 1),
            total.eq(time + wait),
            over.eq(total > self.step.gain0),
        ]
        m.d.sync += wait.eq(Const(32 << 10, 16) - log.log)
        with m.If(waited):
            m.d.sync += time.eq(total)
        with m.If(self.start):
            m.d.sync += time.eq(0)
        return waited, over
