"""Cutting a run of bus words into AXI4 bursts."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq_hw.axi import BURST_BEATS, check_bus_width
from spynq_hw.core import ADDRESS_BITS, Request

__all__ = ["Burst", "Bursts"]

Burst = data.StructLayout({"address": ADDRESS_BITS, "length": 4})
"""A burst: byte address and beats minus one, as ``axlen`` has it."""


class Bursts(wiring.Component):
    """Cuts runs of words into bursts that end at the next multiple of 16 words.

    Sixteen words of at most 1,024 bits divide 4 KiB, so no burst crosses such a block, and the
    length of a burst is a matter of four address bits. The first burst is offered one cycle after
    its request was taken; then one burst per cycle. A request for no words is taken and dropped.

    Parameters
    ----------
    width : int
        Bits of a bus word: 32 to 1,024.

    Members
    -------
    request : In(stream.Signature(Request))
        Runs; the address bits below a bus word are not looked at.
    burst : Out(stream.Signature(Burst))
        Bursts in order.
    busy : Out(1)
        A burst is still to come.
    """

    def __init__(self, width: int) -> None:
        self.width = check_bus_width(width)
        super().__init__(
            {
                "request": In(stream.Signature(Request)),
                "burst": Out(stream.Signature(Burst)),
                "busy": Out(1),
            }
        )
        self.left = Signal(32)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        byte_bits = exact_log2(self.width // 8)
        word = Signal(ADDRESS_BITS - byte_bits)
        left = self.left
        position = word[: exact_log2(BURST_BEATS)]
        # Beats minus one: to the boundary, or all that is left.
        reach = Signal(4)
        final = Signal()

        m.d.comb += [
            reach.eq(~position),
            final.eq(left <= reach + 1),
            self.burst.valid.eq(self.busy),
            self.burst.payload.address.eq(word << byte_bits),
            self.burst.payload.length.eq(Mux(final, left - 1, reach)),
            self.request.ready.eq(~self.busy | (self.burst.ready & final)),
        ]
        with m.If(self.burst.valid & self.burst.ready):
            # The next burst starts at the boundary, so only the upper bits count.
            m.d.sync += [
                position.eq(0),
                word[4:].eq(word[4:] + 1),
                left.eq(left - reach - 1),
                self.busy.eq(~final),
            ]
        with m.If(self.request.valid & self.request.ready):
            m.d.sync += [
                word.eq(self.request.payload.address >> byte_bits),
                left.eq(self.request.payload.beats),
                self.busy.eq(self.request.payload.beats != 0),
            ]
        return m
