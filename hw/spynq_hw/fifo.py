"""Small buffers between valid/ready streams: a skid buffer and a queue in LUT memory."""

from amaranth import Module, Signal
from amaranth.hdl import ShapeLike
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Queue", "Skid"]


class Skid(wiring.Component):
    """Two places that cut every path between its sides; one beat per cycle, one cycle late.

    Parameters
    ----------
    shape : ShapeLike
        Payload.

    Members
    -------
    i : In(stream.Signature(shape))
        Ready comes from a register.
    o : Out(stream.Signature(shape))
        Valid and payload come from registers.
    """

    def __init__(self, shape: ShapeLike) -> None:
        self.shape = shape
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})
        self.spare = Signal(shape)
        self.spare_full = Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        spare, spare_full = self.spare, self.spare_full

        m.d.comb += self.i.ready.eq(~spare_full)
        with m.If(self.o.ready | ~self.o.valid):
            m.d.sync += [self.o.valid.eq(self.i.valid | spare_full), spare_full.eq(0)]
            with m.If(spare_full):
                m.d.sync += self.o.payload.eq(spare)
            with m.Else():
                m.d.sync += self.o.payload.eq(self.i.payload)
        with m.Else():
            # The sender saw ready in this cycle, so a beat that comes now needs the spare place.
            with m.If(self.i.valid & ~spare_full):
                m.d.sync += spare_full.eq(1)
        # Outside the conditions, so that the spare place needs no wide enable logic.
        with m.If(~spare_full):
            m.d.sync += spare.eq(self.i.payload)
        return m


class Queue(wiring.Component):
    """First in, first out, in LUT memory; a beat comes out one cycle after it went in.

    Parameters
    ----------
    shape : ShapeLike
        Payload.
    depth : int
        Places, a power of two from 2 to 64.

    Members
    -------
    i : In(stream.Signature(shape))
        Beats in.
    o : Out(stream.Signature(shape))
        The same beats, in order.
    """

    def __init__(self, shape: ShapeLike, depth: int) -> None:
        if not 2 <= depth <= 64 or depth & (depth - 1):
            raise ValueError(f"a queue has a power of two of places, 2 to 64, not {depth}")
        self.shape, self.depth = shape, depth
        super().__init__({"i": In(stream.Signature(shape)), "o": Out(stream.Signature(shape))})
        self.memory = Memory(shape=shape, depth=depth, init=[], attrs={"ram_style": "distributed"})
        # One bit more than an address: equal means empty, equal but for that bit means full.
        self.head, self.tail = Signal(range(2 * depth)), Signal(range(2 * depth))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        write, read = self.memory.write_port(), self.memory.read_port(domain="comb")
        head, tail = self.head, self.tail

        m.d.comb += [
            self.i.ready.eq((head ^ tail) != self.depth),
            write.en.eq(self.i.valid & self.i.ready),
            write.addr.eq(head),
            write.data.eq(self.i.payload),
            self.o.valid.eq(head != tail),
            read.addr.eq(tail),
            self.o.payload.eq(read.data),
        ]
        with m.If(self.i.valid & self.i.ready):
            m.d.sync += head.eq(head + 1)
        with m.If(self.o.valid & self.o.ready):
            m.d.sync += tail.eq(tail + 1)
        return m
