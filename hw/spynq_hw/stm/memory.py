"""Memories that are written and read in words of several lanes."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq_hw.stm.geometry import SHALLOW

__all__ = ["LaneMemory"]


class LaneMemory(wiring.Component):
    """Memory of one write and one read port; read data follow one cycle after their address.

    Shallow memories are look-up tables with a registered address, so that the data need no
    register; deep ones are block RAM. Neither is read at an address in the cycle of its write.

    Parameters
    ----------
    width, depth : int
        Bits of a word, and words.
    parts : int
        Equal parts of a word that are written apart.

    Members
    -------
    write_enable : In(parts), write_address : In(range(depth)), write_data : In(width)
        Stored at the end of the cycle.
    read_address : In(range(depth))
        Sampled at the end of the cycle.
    read_data : Out(width)
        Word at the address of the cycle before.
    """

    def __init__(self, width: int, depth: int, parts: int = 1) -> None:
        self.width, self.depth, self.parts = width, depth, parts
        super().__init__(
            {
                "write_enable": In(parts),
                "write_address": In(range(depth)),
                "write_data": In(width),
                "read_address": In(range(depth)),
                "read_data": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shallow = self.depth <= SHALLOW
        m.submodules.memory = memory = Memory(
            shape=self.width,
            depth=self.depth,
            init=[],
            attrs={"ram_style": "distributed" if shallow else "block"},
        )
        write = memory.write_port(granularity=self.width // self.parts)
        m.d.comb += [
            write.en.eq(self.write_enable),
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
        ]
        if shallow:
            read = memory.read_port(domain="comb")
            address = Signal(range(self.depth))
            m.d.sync += address.eq(self.read_address)
            m.d.comb += read.addr.eq(address)
        else:
            read = memory.read_port()
            m.d.comb += read.addr.eq(self.read_address)
        m.d.comb += self.read_data.eq(read.data)
        return m
