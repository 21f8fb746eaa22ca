"""Table of taught vectors: every slot is looked at, one per clock, for two vectors at once."""

from enum import IntEnum

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import SgfConfig

__all__ = ["SlotWork", "Table", "found_layout"]

_COUNT = 16
_WORD = 32


class SlotWork(IntEnum):
    """What a pass over the table does, or an access."""

    SEARCH = 0
    FORGET = 1
    CLEAR = 2
    STORE = 3
    ACCESS = 4


def found_layout(config: SgfConfig) -> data.StructLayout:
    """What a search finds."""
    slot = range(config.table)
    return data.StructLayout(
        {
            "same": 2,  # a slot holds this row and vector, for each of the two
            "slot": data.ArrayLayout(data.StructLayout({"at": len(Signal(slot)), "count": _COUNT}), 2),
            "free": 2,  # there is a free slot, and a second one
            "free_slot": data.ArrayLayout(len(Signal(slot)), 2),
            "seen": 1,  # rows asked for hold the vector: one
            "seen_more": 1,  # more than one
            "best_row": range(config.rows),
            "best_count": _COUNT,
            "best_tie": 1,
        }
    )


class Table(wiring.Component):
    """Slots of vector, row and count; a count of 0 marks a free one, whose vector and row are 0.

    Golden model: the table of :class:`spynq.sgf.counters.Counters`.

    Parameters
    ----------
    config : SgfConfig
        Uses ``table``, ``rows`` and ``bits``.

    Members
    -------
    start, work, busy
        Begin.
    vectors, rows : In
        SEARCH: both vectors, and the row of each.
    first, count, which : In
        SEARCH: rows that are asked for, and by which vector. FORGET: ``first``.
    found : Out
        Of a SEARCH.
    slot, owner, number, zero : In
        STORE: vector ``which`` or, with ``zero``, a free slot.
    word, access_write, access_data, access_value
        ACCESS of ``slot``: words of the vector, then row and count.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        row = range(config.rows)
        super().__init__(
            {
                "start": In(1),
                "work": In(SlotWork),
                "busy": Out(1),
                "vectors": In(data.ArrayLayout(config.bits, 2)),
                "rows": In(data.ArrayLayout(len(Signal(row)), 2)),
                "first": In(row),
                "count": In(range(config.rows + 1)),
                "which": In(1),
                "found": Out(found_layout(config)),
                "slot": In(range(config.table)),
                "owner": In(row),
                "number": In(_COUNT),
                "zero": In(1),
                "word": In(4),
                "access_write": In(1),
                "access_data": In(_WORD),
                "access_value": Out(_WORD),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        style = {"ram_style": "block"}
        part = min(_WORD, config.bits)
        self._meta = data.StructLayout({"owner": len(self.owner), "count": _COUNT})
        m.submodules.vectors = vectors = Memory(shape=config.bits, depth=config.table, init=[], attrs=style)
        m.submodules.meta = meta = Memory(
            shape=self._meta, depth=config.table, init=[], attrs={"ram_style": "distributed"}
        )
        self._write, self._read = vectors.write_port(granularity=part), vectors.read_port()
        self._meta_write, meta_read = meta.write_port(), meta.read_port(domain="comb")
        self._slot_meta = Signal(self._meta)
        at, left, work = Signal(range(config.table)), Signal(), Signal(SlotWork)
        self._tag, self._tag_at = Signal(), Signal.like(at)
        one = (work == SlotWork.STORE) | (work == SlotWork.ACCESS)
        with m.If(self.start):
            single = (self.work == SlotWork.STORE) | (self.work == SlotWork.ACCESS)
            m.d.sync += [left.eq(1), work.eq(self.work), at.eq(Mux(single, self.slot, 0))]
        with m.Elif(left):
            m.d.sync += [at.eq(at + 1), left.eq(~one & (at != config.table - 1))]
        m.d.sync += [
            self._tag.eq(left),
            self._tag_at.eq(at),
            Value.cast(self._slot_meta).eq(Value.cast(meta_read.data)),
        ]
        m.d.comb += [
            self._read.addr.eq(at),
            meta_read.addr.eq(at),
            self._write.addr.eq(self._tag_at),
            self._meta_write.addr.eq(self._tag_at),
        ]
        self._store(m, work)
        self._access(m, work)
        searches = self._search(m, work)
        m.d.comb += self.busy.eq(left | self._tag | searches)
        return m

    def _store(self, m: Module, work: Signal) -> None:
        forgets = (work == SlotWork.FORGET) & (self._slot_meta.owner == self.first)
        erases = forgets | (work == SlotWork.CLEAR)
        with m.If(self._tag & (erases | (work == SlotWork.STORE))):
            vector = Array([self.vectors[0], self.vectors[1]])[self.which]
            keep = (work == SlotWork.STORE) & ~self.zero
            m.d.comb += [
                self._write.en.eq(~0),
                self._meta_write.en.eq(1),
                self._write.data.eq(Mux(keep, vector, 0)),
                Value.cast(self._meta_write.data).eq(Mux(keep, Cat(self.owner, self.number), 0)),
            ]

    def _access(self, m: Module, work: Signal) -> None:
        bits = self.config.bits
        part = min(_WORD, bits)
        words = [self._read.data[at : at + part] for at in range(0, bits, part)]
        at_meta = self.word == len(words)
        meta = Cat(self._slot_meta.owner, Const(0, 16 - len(self.owner)), self._slot_meta.count)
        with m.If(self._tag & (work == SlotWork.ACCESS)):
            m.d.sync += self.access_value.eq(Mux(at_meta, meta, Array(words)[self.word]))
            with m.If(self.access_write & at_meta):
                m.d.comb += [
                    self._meta_write.en.eq(1),
                    Value.cast(self._meta_write.data).eq(
                        Cat(self.access_data[: len(self.owner)], self.access_data[16:])
                    ),
                ]
            with m.Elif(self.access_write):
                m.d.comb += [
                    self._write.en.eq(Const(1, len(words)) << self.word),
                    self._write.data.eq(self.access_data[:part].replicate(len(words))),
                ]

    def _search(self, m: Module, work: Signal) -> Value:
        found, tag, at = self.found, Signal(), Signal.like(self._tag_at)
        same, meta = Signal(2), Signal(self._meta)
        m.d.sync += [
            tag.eq(self._tag & (work == SlotWork.SEARCH)),
            at.eq(self._tag_at),
            Value.cast(meta).eq(Value.cast(self._slot_meta)),
            *(
                same[i].eq((self._read.data == self.vectors[i]) & (self._slot_meta.count != 0))
                for i in (0, 1)
            ),
        ]
        with m.If(self.start & (self.work == SlotWork.SEARCH)):
            m.d.sync += Value.cast(found).eq(0)
        with m.If(tag):
            for i in (0, 1):
                with m.If(same[i] & (meta.owner == self.rows[i])):
                    m.d.sync += [
                        found.same[i].eq(1),
                        found.slot[i].at.eq(at),
                        found.slot[i].count.eq(meta.count),
                    ]
            with m.If((meta.count == 0) & ~found.free[0]):
                m.d.sync += [found.free[0].eq(1), found.free_slot[0].eq(at)]
            with m.Elif((meta.count == 0) & ~found.free[1]):
                m.d.sync += [found.free[1].eq(1), found.free_slot[1].eq(at)]
            asked = (meta.owner >= self.first) & (meta.owner < self.first + self.count)
            with m.If(Mux(self.which, same[1], same[0]) & asked):
                self._see(m, meta)
        return tag

    def _see(self, m: Module, meta: data.View) -> None:
        found = self.found
        more = meta.count > found.best_count
        equal = (meta.count == found.best_count) & found.seen
        m.d.sync += [found.seen.eq(1), found.seen_more.eq(found.seen)]
        with m.If(more):
            m.d.sync += [found.best_row.eq(meta.owner), found.best_count.eq(meta.count), found.best_tie.eq(0)]
        with m.If(equal):
            m.d.sync += found.best_tie.eq(1)
            with m.If(meta.owner < found.best_row):
                m.d.sync += found.best_row.eq(meta.owner)
