"""Weighted histogram of one lane."""

from amaranth import Module, Mux
from amaranth.lib import wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["Bins"]


class Bins(wiring.Component):
    """Bins of one lane in look-up tables; read, changed and written in one cycle.

    Golden model: :func:`spynq.stm.golden.histogram`. As a bin is written in the cycle in which
    it is read, samples of the same bin may follow each other.

    Parameters
    ----------
    bins : int
        Bins, a power of two.
    value_bits, width : int
        Bits of a value and of a bin.

    Members
    -------
    bin : In(range(bins))
        Which bin.
    value : In(value_bits)
        What to add to it.
    add : In(1)
        Add the value.
    clear : In(1)
        Set the bin to zero instead.
    content : Out(width)
        The bin before that.
    """

    def __init__(self, bins: int, value_bits: int, width: int) -> None:
        self.bins, self.width = bins, width
        super().__init__(
            {
                "bin": In(range(bins)),
                "value": In(value_bits),
                "add": In(1),
                "clear": In(1),
                "content": Out(width),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=self.width, depth=self.bins, init=[], attrs={"ram_style": "distributed"}
        )
        read, write = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += [
            read.addr.eq(self.bin),
            self.content.eq(read.data),
            write.addr.eq(self.bin),
            write.data.eq(Mux(self.clear, 0, read.data + self.value)),
            write.en.eq(self.add | self.clear),
        ]
        return m
