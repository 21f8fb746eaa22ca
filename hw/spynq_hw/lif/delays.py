"""The FIR over time: words of several steps, weighed and added up, four at a time."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq_hw.fifo import Queue
from spynq_hw.lif.neuron import later

__all__ = ["BLOCK", "HELD", "WORD", "Delays", "Words4", "term"]

BLOCK = 16
"""Most beats that are added up at once."""
HELD = 2 * BLOCK
"""Beats of sums that wait to be taken, at most."""
WORD = 24
_PER_BEAT = 4
_TAP, _SUM = 12, 40

Words4 = data.ArrayLayout(signed(WORD), _PER_BEAT)
"""The words of a beat."""
term = data.StructLayout({"words": Words4, "tap": signed(_TAP), "place": range(BLOCK), "fresh": 1, "last": 1})
"""Words of one delay at a ``place`` of a block; sums begin with ``fresh`` ones and end with ``last`` ones."""


class Delays(wiring.Component):
    """Adds up the terms of each place, and divides by a power of two, truncating toward zero.

    Golden step: addend. Terms of a place come at least four cycles apart.

    Members
    -------
    valid : In(1), term : In(term)
        A term; always taken.
    shift : In(4)
        The division.
    sums : Out(stream.Signature(Words4))
        Sums, in the order of their last terms; the sender keeps count that they are no more than
        :data:`HELD`.
    """

    def __init__(self) -> None:
        super().__init__(
            {"valid": In(1), "term": In(term), "shift": In(4), "sums": Out(stream.Signature(Words4))}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.held = held = Queue(Words4, HELD)
        wide = data.ArrayLayout(signed(_SUM), _PER_BEAT)
        m.submodules.partial = memory = Memory(shape=wide, depth=BLOCK, init=[])
        read, write = memory.read_port(), memory.write_port()
        taken, going = Signal(term), Signal()
        m.d.sync += [taken.eq(self.term), going.eq(self.valid)]
        products, totals = Signal(wide), Signal(wide)
        weighed, added = later(m, taken, 1), Signal(wide)
        m.d.sync += [products[i].eq(taken.words[i] * taken.tap) for i in range(_PER_BEAT)]
        m.d.comb += [
            read.addr.eq(taken.place),
            *(added[i].eq(products[i] + Mux(weighed.fresh, 0, read.data[i])) for i in range(_PER_BEAT)),
            write.addr.eq(weighed.place),
            write.data.eq(added),
            write.en.eq(later(m, going, 1)),
        ]
        m.d.sync += totals.eq(added)
        # Of a negative sum the quotient is rounded up, which is toward zero.
        most, biased, quotients = Signal(range(1 << _TAP)), Signal(wide), Signal(Words4)
        m.d.comb += most.eq((1 << self.shift) - 1)
        m.d.sync += [biased[i].eq(totals[i] + Mux(totals[i] < 0, most, 0)) for i in range(_PER_BEAT)]
        m.d.sync += [quotients[i].eq(biased[i] >> self.shift) for i in range(_PER_BEAT)]
        ends = later(m, going & taken.last, 4)
        m.d.comb += [
            held.i.valid.eq(ends),
            held.i.payload.eq(quotients),
            self.sums.valid.eq(held.o.valid),
            self.sums.payload.eq(held.o.payload),
            held.o.ready.eq(self.sums.ready),
        ]
        return m


def words_of(beat: Signal) -> Cat:
    """The words of a beat of memory, without the bits that they do not have."""
    return Cat(beat.word_select(i, 32)[:WORD] for i in range(_PER_BEAT))
