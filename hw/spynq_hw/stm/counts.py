"""Expected counts: shares of the samples of a data record, added up per entry of the tables."""

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.golden_records import COUNT_FRACTION, RECIPROCAL_FRACTION
from spynq.stm.params import CHUNK, W_BITS, StmConfig
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.trees import Sum, depth

__all__ = ["Counts", "Reciprocal"]

_TOTAL_BITS = W_BITS + ceil_log2(CHUNK)
_INVERSE_BITS = COUNT_FRACTION + 1
_COUNT_BITS = 48
"""Bits of a count of one lane: 2**24 records."""


class Reciprocal(wiring.Component):
    """``floor((2**40 + floor(W / 2)) / W)``, one bit per cycle.

    Golden model: :func:`spynq.stm.golden_records.reciprocal`; for W = 0 the result means nothing.

    Members
    -------
    start : In(1), total : In(27)
        W, 0 or at least 2**16.
    done : Out(1), inverse : Out(25)
        One cycle pulse, 26 cycles later, and the result, which stays.
    """

    def __init__(self) -> None:
        super().__init__(
            {"start": In(1), "total": In(_TOTAL_BITS), "done": Out(1), "inverse": Out(_INVERSE_BITS)}
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        number = Signal(RECIPROCAL_FRACTION + 1)
        head, tail = Signal(_TOTAL_BITS), Signal(_INVERSE_BITS)
        divisor, left = Signal(_TOTAL_BITS), Signal(range(_INVERSE_BITS + 1))
        doubled, fits = Signal(_TOTAL_BITS + 1), Signal()
        m.d.comb += [
            number.eq((1 << RECIPROCAL_FRACTION) + (self.total >> 1)),
            doubled.eq(Cat(tail[-1], head)),
            fits.eq(doubled >= divisor),
        ]
        m.d.sync += self.done.eq(left == 1)
        with m.If(self.start):
            # The head of the number is below W, so 25 bits of quotient are all.
            m.d.sync += [
                head.eq(number[_INVERSE_BITS:]),
                tail.eq(number[:_INVERSE_BITS]),
                divisor.eq(self.total),
                left.eq(_INVERSE_BITS),
            ]
        with m.Elif(left != 0):
            m.d.sync += [
                head.eq(Mux(fits, doubled - divisor, doubled)),
                tail.eq(Cat(fits, tail)),
                left.eq(left - 1),
            ]
            with m.If(left == 1):
                m.d.sync += self.inverse.eq(Cat(fits, tail))
        return m


class Counts(wiring.Component):
    """Counts of all lanes, in block memory; at the end of a run their sums go to memory.

    Golden model: :func:`spynq.stm.golden_records.share` and ``count``. An entry is read, changed and
    written in two cycles; a read sees the write of its own cycle, so one entry may come again at once.

    Parameters
    ----------
    config : StmConfig
        Uses ``lanes`` and ``table``.

    Members
    -------
    start : In(1)
        A run over data begins: all counts are cleared.
    open : In(1), summed : In(1), total : In(27)
        A record begins; its sum of weights is there.
    held : Out(1)
        Shares cannot be given yet.
    places : In(ArrayLayout(place, lanes))
        Entries of the samples, one cycle before ``weights``.
    weights : In(ArrayLayout(17, lanes)), share : In(1)
        Weights of a group to be counted.
    entries : In, address : In(40), drain : In(1)
        Write this many counts there.
    busy : Out(1), draining : Out(1)
        Clearing or writing; writing.
    write : Out(stream.Signature(Request)), store : Out(stream.Signature(128))
        To memory, two counts in a word.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.size = config.table // 2
        place = ceil_log2(self.size)
        super().__init__(
            {
                "start": In(1),
                "open": In(1),
                "summed": In(1),
                "total": In(_TOTAL_BITS),
                "held": Out(1),
                "places": In(data.ArrayLayout(place, config.lanes)),
                "weights": In(data.ArrayLayout(W_BITS, config.lanes)),
                "share": In(1),
                "entries": In(range(self.size + 1)),
                "address": In(ADDRESS_BITS),
                "drain": In(1),
                "busy": Out(1),
                "draining": Out(1),
                "write": Out(stream.Signature(Request)),
                "store": Out(stream.Signature(128)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reciprocal = reciprocal = Reciprocal()
        lanes = self.config.lanes
        m.submodules.sum = total = Sum(lanes, unsigned(_COUNT_BITS), 64)
        ready, clearing, read = Signal(), Signal(), Signal()
        sweep = Signal(range(self.size))
        m.d.comb += [
            reciprocal.start.eq(self.summed),
            reciprocal.total.eq(self.total),
            self.held.eq(~ready | clearing),
        ]
        with m.If(self.open):
            m.d.sync += ready.eq(0)
        with m.If(reciprocal.done):
            m.d.sync += ready.eq(1)
        with m.If(clearing):
            m.d.sync += [sweep.eq(sweep + 1), clearing.eq(sweep != self.size - 1)]
        with m.If(self.start):
            m.d.sync += [clearing.eq(1), sweep.eq(0)]
        entry = self._drain(m, clearing, read, total)
        # A count is written one cycle after it was read.
        shares = Timeline(m, self.share, 0, reset=True)
        swept = Timeline(m, sweep, 0)
        for lane in range(lanes):
            self._lane(m, lane, reciprocal.inverse, shares, clearing, read, swept, entry, total)
        return m

    def _lane(
        self, m: Module, lane: int, inverse: Signal, shares: Timeline, clearing: Signal, read: Signal,
        swept: Timeline, entry: Signal, total: Sum,
    ) -> None:  # fmt: skip
        memory = Memory(shape=_COUNT_BITS, depth=self.size, init=[], attrs={"ram_style": "block"})
        m.submodules[f"counts{lane}"] = memory
        write = memory.write_port()
        port = memory.read_port(transparent_for=(write,))
        drop = RECIPROCAL_FRACTION - COUNT_FRACTION
        weight, product = (
            Signal(W_BITS, name=f"weight{lane}"),
            Signal(W_BITS + _INVERSE_BITS, name=f"p{lane}"),
        )
        share = Signal(_INVERSE_BITS, name=f"share{lane}")
        place = Timeline(m, self.places[lane], -1)
        m.d.sync += [
            weight.eq(self.weights[lane]),
            product.eq((Cat(weight, 0).as_signed() * Cat(inverse, 0).as_signed()).as_unsigned()),
            share.eq((product + (1 << drop - 1)) >> drop),
        ]
        m.d.comb += [
            port.addr.eq(Mux(read, entry, place.at(2))),
            write.addr.eq(Mux(clearing, swept.at(0), place.at(3))),
            write.data.eq(Mux(clearing, 0, port.data + share)),
            write.en.eq(clearing | shares.at(3)),
            total.values[lane].eq(port.data),
        ]

    def _drain(self, m: Module, clearing: Signal, read: Signal, total: Sum) -> Signal:
        """Sums over the lanes, one count after the other; each is waited for, as there are few."""
        entry, clock, low = Signal(range(self.size)), Signal(range(16)), Signal(64)
        final, beats = Signal(), Signal(range(self.size + 1))
        latency = depth(self.config.lanes) + 2
        m.d.comb += [
            final.eq(entry == self.entries - 1),
            beats.eq((self.entries + 1) >> 1),
            total.first.eq(1),
            total.add.eq(1),
            self.write.payload.address.eq(self.address),
            self.write.payload.beats.eq(beats),
            self.store.payload.eq(Mux(entry[0], Cat(low, total.total), total.total)),
        ]
        with m.FSM() as fsm:
            m.d.comb += [
                self.draining.eq(~fsm.ongoing("IDLE")),
                self.busy.eq(clearing | self.draining),
                read.eq(self.draining),
            ]
            with m.State("IDLE"):
                with m.If(self.drain):
                    m.d.sync += [entry.eq(0), clock.eq(0)]
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.write.valid.eq(1)
                with m.If(self.write.ready):
                    m.next = "SUM"
            with m.State("SUM"):
                m.d.sync += clock.eq(clock + 1)
                with m.If(clock == latency):
                    m.d.sync += clock.eq(0)
                    with m.If(entry[0] | final):
                        m.next = "STORE"
                    with m.Else():
                        m.d.sync += [low.eq(total.total), entry.eq(entry + 1)]
            with m.State("STORE"):
                m.d.comb += self.store.valid.eq(1)
                with m.If(self.store.ready):
                    m.d.sync += entry.eq(entry + 1)
                    m.next = "SUM"
                    with m.If(final):
                        m.next = "IDLE"
        return entry
