"""AXI4-Stream ports behind skid buffers."""

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spynq_hw.axi import axi_stream
from spynq_hw.core import beat
from spynq_hw.fifo import Skid

__all__ = ["StreamIn", "StreamOut"]


class StreamIn(wiring.Component):
    """AXI4-Stream into a core: one beat per cycle, one cycle late. ``tkeep`` is not looked at.

    Parameters
    ----------
    width : int
        Bits of a word, a multiple of 8.

    Members
    -------
    bus : In(axi_stream(width))
        The port.
    o : Out(stream.Signature(beat(width)))
        To the core.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__({"bus": In(axi_stream(width)), "o": Out(stream.Signature(beat(width)))})
        self.skid = Skid(beat(width))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.skid = skid = self.skid
        connect(m, skid.o, flipped(self.o))
        m.d.comb += [
            skid.i.payload.data.eq(self.bus.tdata),
            skid.i.payload.last.eq(self.bus.tlast),
            skid.i.valid.eq(self.bus.tvalid),
            self.bus.tready.eq(skid.i.ready),
        ]
        return m


class StreamOut(wiring.Component):
    """AXI4-Stream out of a core: one beat per cycle, one cycle late. ``tkeep`` is all ones.

    Parameters
    ----------
    width : int
        Bits of a word, a multiple of 8.

    Members
    -------
    i : In(stream.Signature(beat(width)))
        From the core.
    bus : Out(axi_stream(width))
        The port.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__({"i": In(stream.Signature(beat(width))), "bus": Out(axi_stream(width))})
        self.skid = Skid(beat(width))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.skid = skid = self.skid
        connect(m, flipped(self.i), skid.i)
        m.d.comb += [
            self.bus.tdata.eq(skid.o.payload.data),
            self.bus.tlast.eq(skid.o.payload.last),
            self.bus.tkeep.eq(~0),
            self.bus.tvalid.eq(skid.o.valid),
            skid.o.ready.eq(self.bus.tready),
        ]
        return m
