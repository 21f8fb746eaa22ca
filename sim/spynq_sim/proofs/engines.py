"""Promises of the memory engines: the rules of AXI4 bursts, and as many beats as were asked for."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.hdl import Assert, Assume, Cover
from amaranth.utils import exact_log2

from spynq_hw.axi import PAGE_BYTES
from spynq_hw.bursts import Bursts
from spynq_hw.fifo import Queue
from spynq_hw.reader import Reader
from spynq_hw.writer import Writer
from spynq_sim.proofs.common import Harness, free, steady

__all__ = ["BurstsProof", "ReaderProof", "WriterProof"]

_COUNT_BITS = 40


def _inside_page(m: Module, width: int, address: Any, length: Any) -> None:
    """A burst is aligned, and its last byte lies in the 4 KiB block of its first."""
    byte_bits = exact_log2(width // 8)
    page_beats = PAGE_BYTES * 8 // width
    position = address[byte_bits : exact_log2(PAGE_BYTES)]
    m.d.comb += Assert(position + length < page_beats)
    if byte_bits:
        m.d.comb += Assert(address[:byte_bits] == 0)


def _asked(m: Module, request: Any, gone: Any, count: Any) -> Signal:
    """Beats asked for and not yet gone, by plain counting."""
    due = Signal(_COUNT_BITS)
    taken = Mux(request.valid & request.ready, request.payload.beats, 0)
    m.d.sync += due.eq(due + taken - Mux(gone, count, 0))
    # So that the count itself cannot wrap: 2**32 runs of the greatest length is years.
    m.d.comb += Assume(due < 1 << (_COUNT_BITS - 2))
    return due


def _level(queue: Queue) -> Any:
    """Beats a queue holds."""
    return (queue.head - queue.tail)[: len(queue.head)]


class BurstsProof(Harness):
    """:class:`~spynq_hw.bursts.Bursts` cuts a run into legal bursts without gap or overlap."""

    def state_promises(self, m: Module, block: Bursts) -> None:
        request, burst = block.request, block.burst
        free(m, request.valid, request.payload, burst.ready)
        went = burst.valid & burst.ready
        beats = burst.payload.length + 1
        due = _asked(m, request, went, beats)
        word_bytes = block.width // 8
        following = Signal(40)
        with m.If(went):
            m.d.sync += following.eq(burst.payload.address + beats * word_bytes)
        with m.If(request.valid & request.ready):
            m.d.sync += following.eq(request.payload.address & ~(word_bytes - 1))
        m.d.comb += [
            Assert(block.busy == (due != 0)),
            Assert(burst.valid == block.busy),
        ]
        with m.If(block.busy):
            _inside_page(m, block.width, burst.payload.address, burst.payload.length)
            m.d.comb += [
                Assert(due == block.left),
                Assert(beats <= due),
                Assert(burst.payload.address == following),
            ]
        steady(m, burst.valid, burst.ready, burst.payload)
        # Two runs back to back, the second without a gap after a run of several bursts.
        several = Signal()
        m.d.sync += several.eq(went & (due == beats) & (beats < 16))
        m.d.comb += Cover(several & burst.valid & (due > 16))


class _Flight:
    """What is in flight, oldest first: a plain list of registers beside a queue of the block."""

    def __init__(self, m: Module, queue: Queue, enters: Any, value: Any, leaves: Any) -> None:
        self.values = [Signal(len(value), name=f"flight{i}") for i in range(queue.depth)]
        self.count = Signal(range(queue.depth + 1))
        m.d.sync += self.count.eq(self.count + enters - leaves)
        after = Signal(range(queue.depth + 1))
        m.d.comb += [
            after.eq(self.count - leaves),
            Assert(_level(queue) == self.count),
            Assert(self.count <= queue.depth),
        ]
        for i, own in enumerate(self.values):
            if i + 1 < queue.depth:
                with m.If(leaves):
                    m.d.sync += own.eq(self.values[i + 1])
            with m.If(enters & (after == i)):
                m.d.sync += own.eq(value)
            place = queue.memory.read_port(domain="comb")
            m.d.comb += place.addr.eq((queue.tail + i)[: len(place.addr)])
            with m.If(self.count > i):
                m.d.comb += Assert(place.data == own)

    @property
    def oldest(self) -> Any:
        """The next one to leave."""
        return self.values[0]


def _beats(lengths: list[Signal], count: Signal) -> Any:
    """Beats of the bursts in flight."""
    return sum(Mux(count > i, length + 1, 0) for i, length in enumerate(lengths))


class ReaderProof(Harness):
    """:class:`~spynq_hw.reader.Reader` keeps the rules and delivers every beat asked for."""

    def state_promises(self, m: Module, block: Reader) -> None:
        bus, request = block.bus, block.request
        free(m, request.valid, request.payload, block.data.ready)
        free(m, bus.arready, bus.rvalid, bus.rdata, bus.rresp, bus.rlast, bus.rid)
        delivered = block.data.valid & block.data.ready
        taken = bus.rvalid & bus.rready
        due = _asked(m, request, delivered, 1)
        enters = bus.arvalid & bus.arready
        flight = _Flight(m, block.flight, enters, bus.araddr, taken & bus.rlast)
        lengths = self._lengths(m, flight, enters, bus.arlen, taken & bus.rlast)
        position = Signal(4)
        with m.If(taken):
            m.d.sync += position.eq(Mux(bus.rlast, 0, position + 1))

        # The memory: answers what is in flight, in order, with `last` where it belongs.
        with m.If(bus.rvalid):
            m.d.comb += [Assume(flight.count != 0), Assume(bus.rlast == (position == lengths[0]))]
        steady(m, bus.rvalid, bus.rready, bus.rdata, bus.rresp, bus.rlast, assume=True)

        with m.If(bus.arvalid):
            _inside_page(m, block.width, bus.araddr, bus.arlen)
            m.d.comb += [Assert(bus.arlen < 16), Assert(bus.arburst == 1)]
        steady(m, bus.arvalid, bus.arready, bus.araddr, bus.arlen)
        steady(m, block.data.valid, block.data.ready, block.data.payload)

        waiting = block.skid.o.valid + block.skid.spare_full
        to_come = Mux(block.bursts.busy, block.bursts.left, 0)
        m.d.comb += [
            Assert(due == to_come + _beats(lengths, flight.count) - position + waiting),
            Assert(~block.skid.spare_full | block.skid.o.valid),
            Assert(block.error == (taken & bus.rresp[1])),
            Assert(~block.bursts.busy | (block.bursts.left != 0)),
        ]
        m.d.comb += Assert((position == 0) | ((flight.count != 0) & (position <= lengths[0])))
        with m.If(block.error):
            m.d.comb += Assert(block.error_address == flight.oldest)
        had = Signal(_COUNT_BITS)
        m.d.sync += had.eq(had + delivered)
        m.d.comb += [
            Cover((had == 3) & (due == 0)),
            Cover((flight.count == block.outstanding) & block.error),
        ]

    @staticmethod
    def _lengths(m: Module, flight: _Flight, enters: Any, length: Any, leaves: Any) -> list[Signal]:
        """Length of every burst in flight, which the memory knows and the reader need not."""
        lengths = [Signal(4, name=f"length{i}") for i in range(len(flight.values))]
        for i, own in enumerate(lengths):
            if i + 1 < len(lengths):
                with m.If(leaves):
                    m.d.sync += own.eq(lengths[i + 1])
            with m.If(enters & ((flight.count - leaves) == i)):
                m.d.sync += own.eq(length)
        return lengths


class WriterProof(Harness):
    """:class:`~spynq_hw.writer.Writer` keeps the rules and says idle, or fenced, only when all is written."""

    def state_promises(self, m: Module, block: Writer) -> None:
        bus, request, store = block.bus, block.request, block.store
        free(m, request.valid, request.payload, store.valid, store.payload, block.fence)
        free(m, bus.awready, bus.wready, bus.bvalid, bus.bresp, bus.bid)
        wrote = bus.wvalid & bus.wready
        answered = bus.bvalid & bus.bready
        due = _asked(m, request, wrote, 1)
        enters = bus.awvalid & bus.awready
        unsent = _Flight(m, block.lengths, enters, bus.awlen, wrote & bus.wlast)
        unanswered = _Flight(m, block.flight, enters, bus.awaddr, answered)

        # The memory: acknowledges bursts all of whose words it has.
        with m.If(bus.bvalid):
            m.d.comb += Assume(unanswered.count > unsent.count)

        with m.If(bus.awvalid):
            _inside_page(m, block.width, bus.awaddr, bus.awlen)
            m.d.comb += [Assert(bus.awlen < 16), Assert(bus.awburst == 1)]
        steady(m, bus.awvalid, bus.awready, bus.awaddr, bus.awlen)
        steady(m, bus.wvalid, bus.wready, bus.wdata, bus.wlast, bus.wstrb)
        with m.If(bus.wvalid):
            m.d.comb += [
                Assert(unsent.count != 0),
                Assert(bus.wlast == (block.position == unsent.oldest)),
                Assert(bus.wstrb.all()),
            ]

        self._promise_fences(m, block, unanswered.count, enters, answered)
        done = Signal(_COUNT_BITS)
        m.d.sync += done.eq(done + wrote)
        to_come = Mux(block.bursts.busy, block.bursts.left, 0)
        m.d.comb += [
            Assert(block.idle == ((due == 0) & (unanswered.count == 0))),
            Assert(block.error == (answered & bus.bresp[1])),
            Cover((done == 3) & block.idle),
            Cover((unanswered.count == block.outstanding) & block.error),
            # What ties the counting to the state of the block, for the induction.
            Assert(due == to_come + _beats(unsent.values, unsent.count) - block.position),
            Assert(unsent.count <= unanswered.count),
            Assert((block.position == 0) | ((unsent.count != 0) & (block.position <= unsent.oldest))),
            Assert(~block.bursts.busy | (block.bursts.left != 0)),
        ]
        with m.If(block.error):
            m.d.comb += Assert(block.error_address == unanswered.oldest)

    @staticmethod
    def _promise_fences(m: Module, block: Writer, unanswered: Any, enters: Any, answered: Any) -> None:
        """Bursts that are older than the request remembered last, by plain counting."""
        taken = block.request.valid & block.request.ready
        older, fresh = Signal.like(unanswered), Signal()
        m.d.sync += [older.eq(older - (answered & (older != 0))), fresh.eq(taken & block.fence)]
        with m.If(taken):
            # Of the requests before nothing is left but what is in flight.
            gone = enters & (block.bursts.left == block.bursts.burst.payload.length + 1)
            m.d.comb += Assert(~block.bursts.busy | gone)
            with m.If(block.fence):
                m.d.sync += older.eq(unanswered + enters - answered)
        marked = (block.mark - block.flight.tail)[: len(block.mark)]
        m.d.comb += [
            Assert(~block.fenced | (older == 0)),
            Assert(~fresh | (~block.fenced & (older == unanswered))),
            Assert(fresh | block.fenced | (marked == older)),
            Cover(fresh & (older != 0)),
        ]
