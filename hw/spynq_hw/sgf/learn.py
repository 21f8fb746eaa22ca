"""A trial is taught, or taken out: counters and table of the units on its path."""

from amaranth import Array, Module, Mux, Signal, Value

from spynq_hw.sgf.counters import Work
from spynq_hw.sgf.parts import Parts
from spynq_hw.sgf.table import SlotWork

__all__ = ["Learn"]

_LIMIT = 0xFFFF


class Learn:
    """Steps of :func:`spynq.sgf.golden.teach` once the vectors are there.

    Parameters
    ----------
    parts : Parts
        What it works with.

    Attributes
    ----------
    start, out, both, rows, unit : Signal
        Teach or take out; one row, or also that of ``unit`` below.
    busy : Signal
        From the cycle of ``start``.
    refused : Signal
        A counter would have gone below 0; nothing was changed.
    overflows, halvings : Signal
        Vectors without a slot, rows halved: up to 2.
    """

    def __init__(self, parts: Parts) -> None:
        row = range(parts.config.rows)
        self.parts = parts
        self.start, self.busy = Signal(name="learn"), Signal(name="learning")
        self.out, self.both = Signal(name="learn_out"), Signal(name="learn_both")
        self.rows = [Signal(row, name="learn_row"), Signal(row, name="learn_row_below")]
        self.unit = Signal(2, name="learn_unit")
        self.refused = Signal(name="learn_refused")
        self.overflows, self.halvings = Signal(2, name="overflows"), Signal(2, name="halvings")

    def add(self, m: Module) -> None:
        """Put the steps into ``m``."""
        parts, counters, table = self.parts, self.parts.counters, self.parts.table
        self._took = Signal()  # the first vector took the first free slot
        which = parts.which
        more = self.both & ~which
        m.d.comb += self.busy.eq(1)
        with m.FSM(name="learn_state"):
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(self.start)
                with m.If(self.start):
                    m.d.sync += [
                        value.eq(0)
                        for value in (which, self.refused, self._took, self.overflows, self.halvings)
                    ]
                    m.next = "SEARCH"
                    with m.If(self.out):
                        m.next = "CHECK"
            self._check(m)
            with m.State("SEARCH"):
                if table is not None:
                    m.d.comb += [
                        table.start.eq(1),
                        table.work.eq(SlotWork.SEARCH),
                        *(table.rows[i].eq(row) for i, row in enumerate(self.rows)),
                    ]
                m.next = "SEARCHING"
            with m.State("SEARCHING"):
                if table is not None:
                    m.d.comb += [table.rows[i].eq(row) for i, row in enumerate(self.rows)]
                with m.If(~table.busy if table is not None else 1):
                    m.next = "TEACH"
            with m.State("TEACH"):
                self._begin(m, Work.TEACH)
                m.next = "TEACHING"
            with m.State("TEACHING"):
                with m.If(~counters.busy):
                    m.d.sync += self.halvings.eq(self.halvings + counters.halved)
                    m.next = "STORE"
            with m.State("STORE"):
                if table is not None:
                    self._store(m, begins=True)
                m.next = "STORING"
            with m.State("STORING"):
                if table is not None:
                    self._store(m, begins=False)
                with m.If(~table.busy if table is not None else 1):
                    m.d.sync += which.eq(more)
                    m.next = "IDLE"
                    with m.If(more):
                        m.next = "TEACH"

    def _check(self, m: Module) -> None:
        """Look at every counter that would go down, before one does."""
        which = self.parts.which
        more = self.both & ~which
        with m.State("CHECK"):
            self._begin(m, Work.CHECK)
            m.next = "CHECKING"
        with m.State("CHECKING"):
            with m.If(~self.parts.counters.busy):
                m.d.sync += which.eq(more)
                m.next = "SEARCH"
                with m.If(self.parts.counters.bad):
                    m.d.sync += self.refused.eq(1)
                    m.next = "IDLE"
                with m.Elif(more):
                    m.next = "CHECK"

    def _row(self) -> Value:
        return Array(self.rows)[self.parts.which]

    def _begin(self, m: Module, work: Work) -> None:
        counters, parts = self.parts.counters, self.parts
        m.d.comb += [
            counters.start.eq(1),
            counters.work.eq(work),
            counters.row.eq(self._row()),
            counters.out.eq(self.out),
            counters.length.eq(parts.length(Mux(parts.which, self.unit, 0))),
        ]

    def _store(self, m: Module, *, begins: bool) -> None:
        """Count a slot up or down, or take a free one; the table needs all of it until it is done."""
        table, which = self.parts.table, self.parts.which
        assert table is not None
        found = table.found
        same = Mux(which, found.same[1], found.same[0])
        slot = Array([found.slot[0], found.slot[1]])[which]
        free = Mux(which & self._took, found.free[1], found.free[0])
        place = Array([found.free_slot[0], found.free_slot[1]])[which & self._took]
        number = Mux(self.out, slot.count - 1, Mux(slot.count == _LIMIT, _LIMIT, slot.count + 1))
        m.d.comb += [
            table.work.eq(SlotWork.STORE),
            table.which.eq(which),
            table.owner.eq(self._row()),
            table.slot.eq(Mux(same, slot.at, place)),
            table.number.eq(Mux(same, number, 1)),
            table.zero.eq(self.out & (slot.count == 1)),
        ]
        if not begins:
            return
        m.d.comb += table.start.eq(same | (~self.out & free))
        with m.If(~same & ~self.out):
            m.d.sync += [self._took.eq(~which & free), self.overflows.eq(self.overflows + ~free)]
