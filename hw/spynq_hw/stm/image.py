"""Loader of the likelihood-weighting image: seeds, program, targets, table, in this order."""

from enum import IntEnum

from amaranth import Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import STREAMS, StmConfig
from spynq_hw.stm.table import entries_per_row

__all__ = ["BEAT", "Image", "Section"]

BEAT = 128
"""Bits of an image beat."""


class Section(IntEnum):
    """What a beat is."""

    SEEDS = 0
    PROGRAM = 1
    TARGETS = 2
    TABLE = 3
    DONE = 4


class Image(wiring.Component):
    """Takes the beats of an image and says what each is and where it goes.

    One beat per cycle; table beats take two where a table row is a single entry. A cycle more
    is spent at the end of each section.

    Parameters
    ----------
    config : StmConfig
        Uses ``program``, ``targets`` and ``table``.

    Members
    -------
    start, load, seeds : In(1)
        With ``start``, the image is taken if ``load``, with generator states if ``seeds``.
    program, targets, table : In
        Beats of each section.
    beats : In(stream.Signature(128))
        The image.
    section : Out(Section)
        What is written; ``DONE`` if nothing is left to load.
    write : Out(1)
        ``beat`` is to be written.
    index : Out
        Place of the beat in its section.
    half : Out(1)
        Where a table row is a single entry: write the upper two entries.
    beat : Out(128)
        The beat.
    loading : Out(1)
        Beats are still wanted.
    ready : Out(1)
        Pulse: loaded (or resident), the run can begin.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        index_bits = ceil_log2(max(STREAMS, config.program, config.targets, config.table))
        super().__init__(
            {
                "start": In(1),
                "load": In(1),
                "seeds": In(1),
                "program": In(16),
                "targets": In(10),
                "table": In(18),
                "beats": In(stream.Signature(BEAT)),
                "section": Out(Section, init=Section.DONE),
                "write": Out(1),
                "index": Out(index_bits),
                "half": Out(1),
                "beat": Out(BEAT),
                "ready": Out(1),
                "loading": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        section = Signal(Section, init=Section.DONE)
        index = Signal(18)
        limit = Signal(18)
        half = Signal()
        full, two_cycles = Signal(), Signal()

        with m.Switch(section):
            with m.Case(Section.SEEDS):
                m.d.comb += limit.eq(STREAMS)
            with m.Case(Section.PROGRAM):
                m.d.comb += limit.eq(self.program)
            with m.Case(Section.TARGETS):
                m.d.comb += limit.eq(self.targets)
            with m.Case(Section.TABLE):
                m.d.comb += limit.eq(self.table)
        m.d.comb += [
            full.eq(index == limit),
            self.loading.eq(section != Section.DONE),
            two_cycles.eq((section == Section.TABLE) & (entries_per_row(self.config) == 1)),
            self.beats.ready.eq((section != Section.DONE) & ~full & (half | ~two_cycles)),
        ]
        # The beat is registered on its way, since it goes to every table of the kernel.
        m.d.sync += [
            self.section.eq(section),
            self.write.eq((section != Section.DONE) & ~full & self.beats.valid),
            self.index.eq(index),
            self.half.eq(half),
            self.beat.eq(self.beats.payload),
            self.ready.eq(0),
        ]
        with m.If(self.start):
            m.d.sync += [index.eq(0), half.eq(0)]
            with m.If(self.load):
                m.d.sync += section.eq(Mux(self.seeds, Section.SEEDS, Section.PROGRAM))
            with m.Else():
                m.d.sync += self.ready.eq(1)
        with m.Elif((section != Section.DONE) & full):
            m.d.sync += [section.eq(section + 1), index.eq(0)]
            m.d.sync += self.ready.eq(section == Section.TABLE)
        with m.Elif(self.beats.valid & (section != Section.DONE)):
            m.d.sync += [half.eq(two_cycles & ~half), index.eq(index + self.beats.ready)]
        return m
