"""What all harnesses share: the clock, free inputs, and the rule of valid and ready."""

from __future__ import annotations

from typing import Any

from amaranth import ClockDomain, ClockSignal, Elaboratable, Module, Signal, Value
from amaranth.asserts import AnySeq
from amaranth.hdl import Assert, Assume, Cover

__all__ = ["Harness", "free", "steady"]


class Harness(Elaboratable):
    """A block with free inputs and its promises. Registers begin at their reset values.

    Parameters
    ----------
    block : Any
        The block, possibly with a planted bug.
    """

    def __init__(self, block: Any) -> None:
        self.block = block
        self.clock = Signal()
        self.ports = [self.clock]

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain(reset_less=True)
        m.d.comb += ClockSignal().eq(self.clock)
        m.submodules.block = self.block
        self.state_promises(m, self.block)
        return m

    def state_promises(self, m: Module, block: Any) -> None:
        """Add free inputs, ghost registers, assertions and covers."""
        raise NotImplementedError


def free(m: Module, *signals: Any) -> None:
    """Let inputs take any value in any cycle."""
    for signal in signals:
        value = Value.cast(signal)
        m.d.comb += value.eq(AnySeq(len(value)))


def steady(m: Module, valid: Any, ready: Any, *payload: Any, assume: bool = False) -> None:
    """What is offered stays offered and unchanged until it is taken; asserted or assumed."""
    claim = Assume if assume else Assert
    waiting = Signal()
    m.d.sync += waiting.eq(valid & ~ready)
    with m.If(waiting):
        m.d.comb += claim(valid)
    for signal in payload:
        value = Value.cast(signal)
        before = Signal(len(value))
        m.d.sync += before.eq(value)
        with m.If(waiting):
            m.d.comb += claim(value == before)
    m.d.comb += Cover(waiting & ready)
