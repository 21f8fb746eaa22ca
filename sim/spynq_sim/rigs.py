"""Designs that exist for benches only."""

from amaranth import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spynq_hw.axi import axi_full
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.reader import Reader
from spynq_hw.writer import Writer

__all__ = ["Engines"]


class Engines(wiring.Component):
    """Reader and writer on one memory port, with all their inner sides as ports.

    Parameters
    ----------
    width : int
        Bits of a bus word.
    outstanding : int
        Bursts in flight per direction.

    Members
    -------
    As in :class:`~spynq_hw.reader.Reader` and :class:`~spynq_hw.writer.Writer`; ``gmem`` is the
    memory port.
    """

    def __init__(self, width: int, outstanding: int = 16) -> None:
        self.reader, self.writer = Reader(width, outstanding), Writer(width, outstanding)
        super().__init__(
            {
                "read": In(stream.Signature(Request)),
                "data": Out(stream.Signature(width)),
                "write": In(stream.Signature(Request)),
                "store": In(stream.Signature(width)),
                "idle": Out(1),
                "read_error": Out(1),
                "write_error": Out(1),
                "error_address": Out(ADDRESS_BITS),
                "gmem": Out(axi_full(ADDRESS_BITS, width)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader, m.submodules.writer = self.reader, self.writer
        connect(m, flipped(self.read), self.reader.request)
        connect(m, self.reader.data, flipped(self.data))
        connect(m, flipped(self.write), self.writer.request)
        connect(m, flipped(self.store), self.writer.store)
        for engine in (self.reader, self.writer):
            for name, member in engine.bus.signature.members.items():
                inner, outer = getattr(engine.bus, name), getattr(self.gmem, name)
                m.d.comb += outer.eq(inner) if member.flow == Out else inner.eq(outer)
        m.d.comb += [
            self.idle.eq(self.writer.idle),
            self.read_error.eq(self.reader.error),
            self.write_error.eq(self.writer.error),
            self.error_address.eq(self.reader.error_address),
        ]
        with m.If(self.writer.error):
            m.d.comb += self.error_address.eq(self.writer.error_address)
        return m
