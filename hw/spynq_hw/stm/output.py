"""Way out: weights, records and bins of each population, in this order, to memory."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import L_BITS, W_BITS, StmConfig
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.stm.backend import bin_sums, result
from spynq_hw.stm.geometry import Geometry

__all__ = ["Output"]

_RECORD_BEATS = 2


class Output(wiring.Component):
    """Writes what the host asked for and counts the populations that are done.

    Small records that follow each other without weights or bins between them are one request, so
    that the memory sees long bursts.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A run begins.
    populations : In(24)
        Populations of the run.
    records, histogram, weights : In(1), bins : In, weight_beats : In(15)
        What is written, bins per record, and beats of weights per population.
    result_address, weight_address : In(40)
        Where to.
    results, beats, bin_sums
        As in :class:`~spynq_hw.stm.backend.BackEnd`.
    write : Out(stream.Signature(Request)), store : Out(stream.Signature(128))
        Requests and words to memory.
    complete : Out(1)
        All populations are done and their words handed over.
    """

    def __init__(self, config: StmConfig) -> None:
        self.geometry = shape = Geometry(config)
        super().__init__(
            {
                "start": In(1),
                "populations": In(24),
                "records": In(1),
                "histogram": In(1),
                "weights": In(1),
                "bins": In(range(config.bins + 1)),
                "weight_beats": In(15),
                "result_address": In(ADDRESS_BITS),
                "weight_address": In(ADDRESS_BITS),
                "results": In(stream.Signature(result(shape))),
                "beats": In(stream.Signature(data.ArrayLayout(W_BITS, 4))),
                "bin_sums": In(stream.Signature(bin_sums(shape))),
                "write": Out(stream.Signature(Request)),
                "store": Out(stream.Signature(128)),
                "complete": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._left = left = Signal(24)
        self._index = Signal(15)
        self._result_place, self._weight_place = Signal(ADDRESS_BITS), Signal(ADDRESS_BITS)
        # From now on the records need no request.
        self._granted = Signal()

        m.d.comb += self.complete.eq(left == 0)
        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [
                        left.eq(self.populations),
                        self._result_place.eq(self.result_address),
                        self._weight_place.eq(self.weight_address),
                        self._granted.eq(~self.records),
                    ]
                    self._next_population(m, ~self.records)
            with m.State("WEIGHT_REQUEST"):
                # A request is not made before its first word is there.
                with m.If(self._request(m, self.beats.valid, self._weight_place, self.weight_beats)):
                    m.next = "WEIGHTS"
            with m.State("WEIGHTS"):
                self._weights(m)
            with m.State("RECORD_REQUEST"):
                self._record_request(m)
            with m.State("RECORD_FIRST"):
                record = self.results.payload
                m.d.comb += self._word(record.w, record.s2)
                m.d.comb += [
                    self.store.valid.eq(self.results.valid & self.records),
                    self.results.ready.eq(~self.records),
                ]
                with m.If(self.results.valid & ~self.records):
                    self._end(m)
                with m.If(self.store.valid & self.store.ready):
                    m.next = "RECORD_SECOND"
            with m.State("RECORD_SECOND"):
                self._record_second(m)
            with m.State("BINS"):
                self._bins(m)
        return m

    def _word(self, low: Value, high: Value) -> list[object]:
        low64, high64 = Signal(signed(64)), Signal(64)
        return [low64.eq(low), high64.eq(high), self.store.payload.eq(Cat(low64, high64))]

    def _request(self, m: Module, valid: Value, place: Signal, beats: Value) -> Value:
        """Offer a request; true in the cycle in which it is taken."""
        m.d.comb += [
            self.write.valid.eq(valid),
            self.write.payload.address.eq(place),
            self.write.payload.beats.eq(beats),
        ]
        taken = self.write.valid & self.write.ready
        with m.If(taken):
            m.d.sync += place.eq(place + (beats << 4))
        return taken

    def _weights(self, m: Module) -> None:
        words = [Cat(w, Const(0, 32 - W_BITS)) for w in self.beats.payload]
        m.d.comb += [
            self.store.valid.eq(self.beats.valid),
            self.store.payload.eq(Cat(words)),
            self.beats.ready.eq(self.store.ready),
        ]
        with m.If(self.store.valid & self.store.ready):
            m.d.sync += self._index.eq(self._index + 1)
            with m.If(self._index == self.weight_beats - 1):
                m.d.sync += self._index.eq(0)
                self._record(m, self._granted)

    def _record_request(self, m: Module) -> None:
        together = ~self.histogram & ~self.weights
        beats = Mux(together, self._left << 1, Mux(self.histogram, self.bins, 0) + _RECORD_BEATS)
        with m.If(self._request(m, self.results.valid, self._result_place, beats)):
            m.d.sync += self._granted.eq(together)
            m.next = "RECORD_FIRST"

    def _record_second(self, m: Module) -> None:
        record = self.results.payload
        high = Cat(record.l_min, Const(0, 32 - L_BITS), record.zero, record.satz)
        m.d.comb += self._word(record.s1, high)
        m.d.comb += [self.store.valid.eq(self.results.valid), self.results.ready.eq(self.store.ready)]
        with m.If(self.store.ready):
            with m.If(self.histogram):
                m.next = "BINS"
            with m.Else():
                self._end(m)

    def _bins(self, m: Module) -> None:
        m.d.comb += self._word(self.bin_sums.payload.h, self.bin_sums.payload.q)
        m.d.comb += [self.store.valid.eq(self.bin_sums.valid), self.bin_sums.ready.eq(self.store.ready)]
        with m.If(self.store.valid & self.store.ready):
            m.d.sync += self._index.eq(self._index + 1)
            with m.If(self._index == self.bins - 1):
                m.d.sync += self._index.eq(0)
                self._end(m)

    def _end(self, m: Module) -> None:
        """A population is written: the next one, or rest."""
        m.d.sync += self._left.eq(self._left - 1)
        with m.If(self._left == 1):
            m.next = "IDLE"
        with m.Else():
            self._next_population(m, self._granted)

    def _next_population(self, m: Module, granted: Value) -> None:
        with m.If(self.weights):
            m.next = "WEIGHT_REQUEST"
        with m.Else():
            self._record(m, granted)

    @staticmethod
    def _record(m: Module, granted: Value) -> None:
        with m.If(granted):
            m.next = "RECORD_FIRST"
        with m.Else():
            m.next = "RECORD_REQUEST"
