"""The smallest kernel that uses every part of the shell: adds a constant to every word."""

from dataclasses import replace

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.utils import exact_log2

from spynq.echo.params import KERNEL, MAX_WORDS, EchoConfig
from spynq_hw.core import core_signature

__all__ = ["Echo"]

_WORD = 32


class Echo(wiring.Component):
    """Words from a stream to a stream or from memory to memory, a constant added to each.

    Golden model: :class:`spynq.echo.model.EchoModel`. One beat per cycle in either mode. A run
    ends two cycles after its last beat was handed on, and not before the memory has acknowledged
    it. Refused are no words, too many, and in memory mode part of a bus word or an address that
    is not a multiple of 16.

    Parameters
    ----------
    config : EchoConfig
        Width of the memory port.

    Members
    -------
    As :func:`~spynq_hw.core.core_signature` makes them.
    """

    def __init__(self, config: EchoConfig) -> None:
        self.config = config
        master = replace(KERNEL.masters[0], width=config.bus)
        self.kernel = replace(KERNEL, masters=(master,))
        super().__init__(core_signature(self.kernel))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        in_memory = self.registers.mode
        left = Signal(range(MAX_WORDS + 1))
        last = Signal()
        moved = Signal()

        m.d.comb += last.eq(left == 1)
        with m.If(moved):
            m.d.sync += left.eq(left - 1)
        self._ask(m, beats=self.registers.words >> exact_log2(self.config.bus // _WORD))
        self._sum_up(m, moved)

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += left.eq(Mux(in_memory, self.gmem_read.payload.beats, self.registers.words))
                with m.If(self.refused):
                    m.next = "DONE"
                with m.Elif(in_memory):
                    m.next = "READ"
                with m.Else():
                    m.next = "STREAM"
            with m.State("READ"):
                m.d.comb += self.gmem_read.valid.eq(1)
                with m.If(self.gmem_read.ready):
                    m.next = "WRITE"
            with m.State("WRITE"):
                m.d.comb += self.gmem_write.valid.eq(1)
                with m.If(self.gmem_write.ready):
                    m.next = "MEMORY"
            with m.State("MEMORY"):
                m.d.comb += [
                    self.gmem_store.valid.eq(self.gmem_data.valid),
                    self.gmem_data.ready.eq(self.gmem_store.ready),
                    moved.eq(self.gmem_data.valid & self.gmem_store.ready),
                ]
                with m.If(moved & last):
                    m.next = "SETTLE"
            with m.State("STREAM"):
                m.d.comb += [
                    self.m_axis.valid.eq(self.s_axis.valid),
                    self.s_axis.ready.eq(self.m_axis.ready),
                    moved.eq(self.s_axis.valid & self.m_axis.ready),
                ]
                with m.If(moved & last):
                    m.next = "SETTLE"
            with m.State("SETTLE"):
                with m.If(self.gmem_idle):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
        m.d.comb += self.m_axis.payload.last.eq(last)
        return m

    def _ask(self, m: Module, beats: Signal) -> None:
        registers, part = self.registers, self.config.bus // _WORD - 1
        source = Cat(registers.source_lo, registers.source_hi)
        target = Cat(registers.target_lo, registers.target_hi)
        odd = (registers.words & part).any() | source[:4].any() | target[:4].any()
        m.d.comb += [
            self.refused.eq((registers.words == 0) | (registers.words > MAX_WORDS) | (registers.mode & odd)),
            self.gmem_read.payload.address.eq(source),
            self.gmem_read.payload.beats.eq(beats),
            self.gmem_write.payload.address.eq(target),
            self.gmem_write.payload.beats.eq(beats),
        ]

    def _sum_up(self, m: Module, moved: Signal) -> None:
        """Add the constant, and sum what comes out: within a beat, then over beats."""
        lanes = [self.gmem_data.payload[at : at + _WORD] for at in range(0, self.config.bus, _WORD)]
        added = [(lane + self.registers.add)[:_WORD] for lane in lanes]
        word = self.s_axis.payload.data + self.registers.add
        of_beat, counts = Signal(_WORD), Signal()
        m.d.comb += [self.gmem_store.payload.eq(Cat(added)), self.m_axis.payload.data.eq(word)]
        m.d.sync += [
            of_beat.eq(Mux(self.registers.mode, sum(added), word)),
            counts.eq(moved),
        ]
        with m.If(self.start):
            m.d.sync += self.registers.sum.eq(0)
        with m.If(counts):
            m.d.sync += self.registers.sum.eq(self.registers.sum + of_beat)
