"""Table memory of likelihood weighting: two lanes share the two ports of each memory."""

from amaranth import Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import L_BITS, StmConfig

__all__ = ["TABLE_LATENCY", "Table", "entries_per_row", "entry_layout"]

TABLE_LATENCY = 2
"""Cycles from ``address`` to ``entry``."""

_SMALL, _LARGE = 1024, 4096


def entry_layout(config: StmConfig) -> data.StructLayout:
    """An entry as it is kept: threshold (or negative log2 probability), and the alias state."""
    return data.StructLayout({"threshold": L_BITS, "alias": config.state_bits})


def entries_per_row(config: StmConfig) -> int:
    """Entries side by side in a memory row.

    1,024 entries of 32 bits fill one RAMB36 with two ports, 4,096 rows of two an UltraRAM.
    """
    return 1 if config.table <= _SMALL else 2


class Table(wiring.Component):
    """One copy of the tables, read by one or two lanes at addresses of their own.

    Both ports also write, so that two rows are loaded per cycle: an image beat of four entries
    in one cycle (two cycles where a row is a single entry). Nothing is read while loading.

    Parameters
    ----------
    config : StmConfig
        Uses ``table`` and ``state_bits``.
    lanes : int
        Lanes that read, 1 or 2.

    Members
    -------
    loading : In(1)
        Ports belong to the loader.
    write : In(1)
        Write ``entries`` to rows ``row`` and ``row + 1``; only while loading.
    row : In(range(rows))
        An even row.
    entries : In(ArrayLayout(entry, 2 * entries_per_row))
        What to write, lower row first.
    address : In(ArrayLayout(log2 table, lanes))
        Entry each lane reads.
    entry : Out(ArrayLayout(entry, lanes))
        The entries, two cycles later.
    """

    def __init__(self, config: StmConfig, lanes: int) -> None:
        if lanes not in (1, 2):
            raise ValueError(f"a table has two ports for 1 or 2 lanes, not {lanes}")
        self.config, self.lanes = config, lanes
        self.entry_shape = entry_layout(config)
        self.per_row = entries_per_row(config)
        self.rows = config.table // self.per_row
        address = ceil_log2(config.table)
        super().__init__(
            {
                "loading": In(1),
                "write": In(1),
                "row": In(range(self.rows)),
                "entries": In(data.ArrayLayout(self.entry_shape, 2 * self.per_row)),
                "address": In(data.ArrayLayout(address, lanes)),
                "entry": Out(data.ArrayLayout(self.entry_shape, lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ultra = self.config.table >= _LARGE
        row_bits = self.per_row * self.entry_shape.size
        m.submodules.memory = memory = Memory(
            shape=row_bits, depth=self.rows, init=[], attrs={"ram_style": "ultra" if ultra else "block"}
        )
        select_bits = ceil_log2(self.per_row)
        entries = Cat(self.entries)
        writes = [memory.write_port() for _ in range(2)]
        for port, write in enumerate(writes):
            # Both uses of a port see one address: a memory port that reads or writes.
            address = Signal(range(self.rows), name=f"address{port}")
            load_row = Cat(Const(port, 1), self.row[1:])
            m.d.comb += [
                address.eq(load_row),
                write.addr.eq(address),
                write.data.eq(entries[port * row_bits : (port + 1) * row_bits]),
                write.en.eq(self.loading & self.write),
            ]
            if port < self.lanes:
                wanted = self.address[port]
                select = Signal(range(max(self.per_row, 2)), name=f"select{port}", reset_less=True)
                # Nobody needs what is read while loading. Say what the memory does by itself, so
                # that no logic is spent on another answer: a block RAM reads the old word, an
                # UltraRAM keeps its output on a port that writes, and its second port comes later.
                read = memory.read_port(transparent_for=writes[:port] if ultra else ())
                halves = data.View(data.ArrayLayout(self.entry_shape, self.per_row), read.data)
                m.d.comb += [
                    address.eq(Mux(self.loading, load_row, wanted >> select_bits)),
                    read.addr.eq(address),
                    read.en.eq(~self.loading if ultra else 1),
                ]
                m.d.sync += select.eq(wanted[:select_bits])
                chosen = Mux(select, Cat(halves[-1]), Cat(halves[0])) if select_bits else Cat(halves[0])
                m.d.sync += self.entry[port].eq(chosen)
        return m
