"""What a run cost: cycles, and stalls by cause."""

from amaranth import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["STALLS", "Counters"]

STALLS = ("read", "write", "in", "out")
"""Causes of a stall, as in the registers STALL_READ to STALL_OUT."""


class Counters(wiring.Component):
    """Counts the cycles of the last run, and those of them in which something was waited for.

    Members
    -------
    start : In(1)
        First cycle of a run: everything starts from zero.
    running : In(1)
        Cycles that count, that of ``start`` among them.
    waits_<cause> : In(1)
        The kernel waits for it in this cycle.
    cycles : Out(64)
        Cycles of the run.
    stall_<cause> : Out(32)
        Cycles of the run with that wait.
    """

    def __init__(self) -> None:
        members = {"start": In(1), "running": In(1), "cycles": Out(64)}
        for cause in STALLS:
            members |= {f"waits_{cause}": In(1), f"stall_{cause}": Out(32)}
        super().__init__(members)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # The high word follows a cycle late, which keeps the carry chain at 32 bits.
        low, high = self.cycles[:32], self.cycles[32:]
        carry = Signal()
        m.d.sync += carry.eq(0)
        with m.If(self.start):
            m.d.sync += [low.eq(1), high.eq(0)]
        with m.Elif(self.running):
            m.d.sync += [low.eq(low + 1), carry.eq(low.all())]
        with m.If(carry & ~self.start):
            m.d.sync += high.eq(high + 1)

        for cause in STALLS:
            count, waits = getattr(self, f"stall_{cause}"), getattr(self, f"waits_{cause}")
            with m.If(self.running):
                m.d.sync += count.eq(Mux(self.start, 0, count) + waits)
        return m
