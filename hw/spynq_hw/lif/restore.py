"""Membranes that a chunk before has left, from memory into the columns."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.formats import STATE
from spynq.lif.params import LifConfig
from spynq_hw.lif.column import PAIRS, restore_word
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.neuron import State
from spynq_hw.lif.records import BEAT, drive
from spynq_hw.lif.sizes import Sizes

__all__ = ["Restore"]

_WORD = 32


class Restore(wiring.Component):
    """Reads STATE records before every sample of a chunk that is not the first; two cycles per beat.

    Golden step: load. Records come lane group by lane group, which columns take in turns, so the order is
    that of :class:`~spynq_hw.lif.readout.Membranes`.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A layer begins.
    layer : In(Layer)
        What it is.
    sample : In(1)
        Pulse: a sample has been read out.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    word : Out(restore_word), column : Out
        A pair of states, and the column it is for.
    done : Out(1)
        Pulse: the states of the next sample are in the columns.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "start": In(1),
                "layer": In(Layer),
                "sample": In(1),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "word": Out(restore_word(self.sizes)),
                "column": Out(range(config.columns)),
                "done": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self.config.has("state"):
            return m
        d, plan = self.layer.descriptor, self.layer.plan
        place, n = Signal(ADDRESS), Signal(16)
        unit, pair, column = Signal(self.sizes.unit), Signal(range(PAIRS)), Signal(range(self.config.columns))
        # Lane groups that are still to come.
        left = Signal(24)
        m.d.comb += [
            self.request.payload.address.eq(place),
            self.request.payload.beats.eq((plan.units << plan.log2_h) * 4),
            self.column.eq(column),
        ]
        valid = Signal()
        drive(m, self.word, valid=valid, unit=unit, pair=pair, states=self._states(pair[0]))
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [place.eq(d.states), n.eq(0)]
                with m.If(self.start & ~d.first):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += self.request.valid.eq(1)
                m.d.sync += [unit.eq(0), pair.eq(0), column.eq(0), left.eq(plan.units << plan.log2_h)]
                with m.If(self.request.ready):
                    m.next = "LOAD"
            with m.State("LOAD"):
                m.d.comb += [valid.eq(self.words.valid), self.words.ready.eq(pair[0])]
                with m.If(self.words.valid):
                    m.d.sync += pair.eq(pair + 1)
                    with m.If(pair == PAIRS - 1):
                        m.d.sync += [left.eq(left - 1), column.eq(column + 1)]
                        with m.If(column == self.config.columns - 1):
                            m.d.sync += [column.eq(0), unit.eq(unit + 1)]
                        with m.If(left == 1):
                            m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.d.sync += [n.eq(n + 1), place.eq(place + plan.state_sample)]
                m.next = "WAIT"
                with m.If(n == d.samples - 1):
                    m.next = "IDLE"
            with m.State("WAIT"):
                with m.If(self.sample):
                    m.next = "ASK"
        return m

    def _states(self, high: Value) -> Value:
        """The lower or the upper two records of a beat."""
        fields = {field.name.lower(): field for field in STATE.fields}
        words = data.View(data.ArrayLayout(data.ArrayLayout(_WORD, 2), 2), self.words.payload)
        parts = []
        for half in range(2):
            chosen = Mux(high, words[1][half], words[0][half])
            parts += [chosen[fields[name].lsb :][: fields[name].width] for name in State.members]
        return Cat(parts)
