"""Writing runs of words to memory."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from spynq_hw.axi import axi_write, check_bus_width
from spynq_hw.bursts import Bursts
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.fifo import Queue, Skid
from spynq_hw.reader import check_outstanding

__all__ = ["Writer"]


class Writer(wiring.Component):
    """Writes runs of words to an AXI4 write port, in order and complete.

    An error response changes nothing but ``error``. The words of a burst follow its address;
    ``awvalid`` rises one cycle after a request was taken, then one word per cycle.

    Parameters
    ----------
    width : int
        Bits of a bus word: 32 to 1,024.
    outstanding : int
        Bursts in flight, a power of two from 2 to 64.

    Members
    -------
    request : In(stream.Signature(Request))
        Runs of words.
    store : In(stream.Signature(width))
        The words, all bytes of which are written.
    idle : Out(1)
        1 when every request taken is written and acknowledged.
    fence : In(1), fenced : Out(1)
        With a request: remember it; and 1 when every request taken before the one remembered last is
        written and acknowledged. It falls in the cycle after.
    error : Out(1)
        One-cycle pulse per burst that met an error response.
    error_address : Out(40)
        Byte address of that burst.
    bus : Out(axi_write(40, width))
        The memory.
    """

    def __init__(self, width: int, outstanding: int = 16) -> None:
        self.width, self.outstanding = check_bus_width(width), check_outstanding(outstanding)
        super().__init__(
            {
                "request": In(stream.Signature(Request)),
                "store": In(stream.Signature(width)),
                "idle": Out(1),
                "fence": In(1),
                "fenced": Out(1, init=1),
                "error": Out(1),
                "error_address": Out(ADDRESS_BITS),
                "bus": Out(axi_write(ADDRESS_BITS, width)),
            }
        )
        self.bursts = Bursts(width)
        self.flight = Queue(ADDRESS_BITS, outstanding)
        self.lengths = Queue(4, outstanding)
        self.skid = Skid(width)
        self.position = Signal(4)
        self.mark = Signal.like(self.flight.head)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bursts = bursts = self.bursts
        m.submodules.flight = flight = self.flight
        m.submodules.lengths = lengths = self.lengths
        m.submodules.skid = skid = self.skid
        connect(m, flipped(self.request), bursts.request)
        connect(m, flipped(self.store), skid.i)
        bus, burst = self.bus, bursts.burst
        position = self.position

        m.d.comb += [
            # Address channel. A burst leaves `lengths` before it leaves `flight`, so room in
            # `flight` is room in both.
            bus.awvalid.eq(burst.valid & flight.i.ready),
            bus.awaddr.eq(burst.payload.address),
            bus.awlen.eq(burst.payload.length),
            bus.awsize.eq(exact_log2(self.width // 8)),
            bus.awburst.eq(1),
            bus.awcache.eq(0b0011),
            burst.ready.eq(bus.awready & flight.i.ready),
            flight.i.valid.eq(burst.valid & bus.awready),
            flight.i.payload.eq(burst.payload.address),
            lengths.i.valid.eq(bus.awvalid & bus.awready),
            lengths.i.payload.eq(burst.payload.length),
            # Data channel.
            bus.wvalid.eq(skid.o.valid & lengths.o.valid),
            bus.wdata.eq(skid.o.payload),
            bus.wstrb.eq(~0),
            bus.wlast.eq(position == lengths.o.payload),
            skid.o.ready.eq(bus.wready & lengths.o.valid),
            lengths.o.ready.eq(bus.wready & skid.o.valid & bus.wlast),
            # Response channel.
            bus.bready.eq(1),
            flight.o.ready.eq(bus.bvalid),
            self.error.eq(bus.bvalid & bus.bresp[1]),
            self.error_address.eq(flight.o.payload),
            self.idle.eq(~bursts.busy & ~flight.o.valid),
        ]
        self._remember(m)
        with m.If(bus.wvalid & bus.wready):
            m.d.sync += position.eq(position + 1)
            with m.If(bus.wlast):
                m.d.sync += position.eq(0)
        return m

    def _remember(self, m: Module) -> None:
        """Where in the queue of bursts in flight the request remembered last begins."""
        flight, marks = self.flight, Signal()
        # A request is taken when the last burst of the one before leaves, a cycle before its own can.
        m.d.sync += marks.eq(self.request.valid & self.request.ready & self.fence)
        with m.If(marks):
            m.d.sync += self.mark.eq(flight.head)
        with m.Elif(flight.tail == self.mark):
            m.d.sync += self.fenced.eq(1)
        with m.If(self.request.valid & self.request.ready & self.fence):
            m.d.sync += self.fenced.eq(0)
