"""How far the output of a layer is known to be in memory."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.lif.fetch import ADDRESS

__all__ = ["Fence"]


class Fence(wiring.Component):
    """Follows the acknowledgements of a layer that writes from lower to higher addresses.

    Members
    -------
    clear : In(1)
        All is in memory; what follows is another layer.
    asked : In(1), address : In(32)
        A run of beats from there on is going to be written.
    fence : Out(1), fenced : In(1)
        To the port for writing: remember the request; all before the one remembered last is in memory.
    below : Out(32)
        All that is going to be written below this address is in memory.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "clear": In(1),
                "asked": In(1),
                "address": In(ADDRESS),
                "fence": Out(1),
                "fenced": In(1),
                "below": Out(ADDRESS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        remembered = Signal(ADDRESS)
        m.d.comb += self.fence.eq(self.fenced)
        with m.If(self.fenced):
            m.d.sync += self.below.eq(remembered)
            with m.If(self.asked):
                m.d.sync += remembered.eq(self.address)
        with m.If(self.clear):
            m.d.sync += [remembered.eq(0), self.below.eq(0)]
        return m
