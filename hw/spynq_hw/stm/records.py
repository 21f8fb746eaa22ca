"""Data records: the observed states of the chunk at work, and of the next one."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.golden_records import MISSING
from spynq.stm.params import StmConfig

__all__ = ["Records"]

_BYTES = 16
"""States in a beat."""


class Records(wiring.Component):
    """Two records in look-up tables; a chunk reads that of its parity.

    Parameters
    ----------
    config : StmConfig
        Uses ``states`` and ``state_bits``.

    Members
    -------
    start : In(1), columns : In(9)
        A run begins; nothing is there. Columns beyond those of the records are missing.
    beats : In(stream.Signature(128))
        The records.
    ready : Out(1)
        The record of the next chunk is there.
    begun : In(1), done : In(1)
        The next chunk begins; the oldest record is not needed again.
    bank, column : In, seen : Out(1), state : Out(state_bits)
        What a record says of a column, one cycle later.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.words = max(1, config.states // _BYTES)
        super().__init__(
            {
                "start": In(1),
                "columns": In(9),
                "beats": In(stream.Signature(8 * _BYTES)),
                "ready": Out(1),
                "begun": In(1),
                "done": In(1),
                "bank": In(1),
                "column": In(ceil_log2(config.states)),
                "seen": Out(1),
                "state": Out(config.state_bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = memory = Memory(
            shape=8 * _BYTES, depth=2 * self.words, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = memory.write_port(), memory.read_port(domain="comb")
        index, bank, held, waiting = Signal(5), Signal(), Signal(range(3)), Signal(range(3))
        take, full = Signal(), Signal()
        bits, column = ceil_log2(self.words), Signal(8)
        byte = Signal(8)
        last = (self.columns - 1) >> ceil_log2(_BYTES)

        m.d.comb += [
            self.beats.ready.eq(held != 2),
            take.eq(self.beats.valid & self.beats.ready),
            full.eq(take & (index == last)),
            self.ready.eq(waiting != 0),
            write.en.eq(take),
            write.addr.eq(Cat(index[:bits], bank)),
            write.data.eq(self.beats.payload),
            column.eq(self.column),
            read.addr.eq(Cat(column[4 : 4 + bits], self.bank)),
            byte.eq(read.data.word_select(column[:4], 8)),
        ]
        m.d.sync += [
            held.eq(held + full - self.done),
            waiting.eq(waiting + full - self.begun),
            self.seen.eq((column < self.columns) & (byte != MISSING)),
            self.state.eq(byte),
        ]
        with m.If(take):
            m.d.sync += index.eq(Mux(full, 0, index + 1))
        with m.If(full):
            m.d.sync += bank.eq(~bank)
        with m.If(self.start):
            m.d.sync += [index.eq(0), bank.eq(0), held.eq(0), waiting.eq(0)]
        return m
