"""Reading runs of words from memory."""

from amaranth import Module, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import exact_log2

from spynq_hw.axi import axi_read, check_bus_width
from spynq_hw.bursts import Bursts
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.fifo import Queue, Skid

__all__ = ["Reader", "check_outstanding"]


def check_outstanding(outstanding: int) -> int:
    """Return ``outstanding``, or refuse what the queues of bursts cannot hold."""
    if not 2 <= outstanding <= 64 or outstanding & (outstanding - 1):
        raise ValueError(f"outstanding bursts must be a power of two from 2 to 64, not {outstanding}")
    return outstanding


class Reader(wiring.Component):
    """Delivers runs of words from an AXI4 read port, in order and complete.

    An error response changes nothing but ``error``: the words (whatever the memory sent) are
    delivered all the same, so that a core never waits for ever. With 16 bursts in flight a memory
    that answers after up to 200 cycles is read at one word per cycle. ``arvalid`` rises one cycle
    after a request was taken.

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
    data : Out(stream.Signature(width))
        The words.
    error : Out(1)
        One-cycle pulse per word that came with an error response.
    error_address : Out(40)
        Byte address of the burst it belongs to.
    bus : Out(axi_read(40, width))
        The memory.
    """

    def __init__(self, width: int, outstanding: int = 16) -> None:
        self.width, self.outstanding = check_bus_width(width), check_outstanding(outstanding)
        super().__init__(
            {
                "request": In(stream.Signature(Request)),
                "data": Out(stream.Signature(width)),
                "error": Out(1),
                "error_address": Out(ADDRESS_BITS),
                "bus": Out(axi_read(ADDRESS_BITS, width)),
            }
        )
        self.bursts = Bursts(width)
        self.flight = Queue(ADDRESS_BITS, outstanding)
        self.skid = Skid(width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.bursts = bursts = self.bursts
        m.submodules.flight = flight = self.flight
        m.submodules.skid = skid = self.skid
        connect(m, flipped(self.request), bursts.request)
        connect(m, skid.o, flipped(self.data))
        bus, burst = self.bus, bursts.burst
        ended = Signal()

        m.d.comb += [
            # Address channel. Room in the queue never goes away again, so arvalid is steady.
            bus.arvalid.eq(burst.valid & flight.i.ready),
            bus.araddr.eq(burst.payload.address),
            bus.arlen.eq(burst.payload.length),
            bus.arsize.eq(exact_log2(self.width // 8)),
            bus.arburst.eq(1),
            bus.arcache.eq(0b0011),
            burst.ready.eq(bus.arready & flight.i.ready),
            flight.i.valid.eq(burst.valid & bus.arready),
            flight.i.payload.eq(burst.payload.address),
            # Data channel.
            skid.i.payload.eq(bus.rdata),
            skid.i.valid.eq(bus.rvalid),
            bus.rready.eq(skid.i.ready),
            ended.eq(bus.rvalid & bus.rready & bus.rlast),
            flight.o.ready.eq(ended),
            self.error.eq(bus.rvalid & bus.rready & bus.rresp[1]),
            self.error_address.eq(flight.o.payload),
        ]
        return m
