"""A unit is asked: its vector is made, its rows are scored, the best one is found."""

from amaranth import Module, Mux, Signal, Value

from spynq_hw.sgf.counters import Work
from spynq_hw.sgf.parts import Parts
from spynq_hw.sgf.table import SlotWork

__all__ = ["Ask"]


class Ask:
    """Steps of :func:`spynq.sgf.golden.rank` in a module that it shares with the other steps.

    Parameters
    ----------
    parts : Parts
        What it works with.
    scoring : Value
        Scoring mode.

    Attributes
    ----------
    start, unit, first, count : Signal
        Ask a unit for these rows.
    busy : Signal
        From the cycle of ``start``.
    """

    def __init__(self, parts: Parts, scoring: Value) -> None:
        rows = parts.config.rows
        self.parts, self.scoring = parts, scoring
        self.start, self.busy = Signal(name="ask"), Signal(name="asking")
        self.unit = Signal(2, name="ask_unit")
        self.first, self.count = (
            Signal(range(rows), name="ask_first"),
            Signal(range(rows + 1), name="ask_count"),
        )
        self.length = Signal(range(parts.config.bits + 1), name="ask_length")

    def add(self, m: Module) -> None:
        """Put the steps into ``m``."""
        parts, config = self.parts, self.parts.config
        self._row, self._left = Signal(range(config.rows)), Signal(range(config.rows + 1))
        self._whole = Signal(24)
        m.d.comb += [
            self.busy.eq(1),
            self.length.eq(parts.length(self.unit)),
            parts.ranking.row.eq(self._row),
            parts.ranking.length.eq(self.length),
            parts.ranking.bayes.eq(self.scoring == 1),
        ]
        with m.FSM(name="ask_state"):
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(self.start)
                with m.If(self.start):
                    m.next = "MAKE"
            with m.State("MAKE"):
                self._make(m)
            with m.State("VECTOR"):
                m.d.sync += [self._row.eq(self.first), self._left.eq(self.count)]
                with m.If(~parts.vectors.busy):
                    m.next = "ROWS"
                    if parts.table is not None:
                        with m.If(self.scoring[1]):
                            self._search(m)
                            m.next = "SEARCH"
            if parts.table is not None:
                with m.State("SEARCH"):
                    m.d.comb += [
                        parts.table.first.eq(self.first),
                        parts.table.count.eq(self.count),
                        parts.table.which.eq(parts.which),
                    ]
                    with m.If(~parts.table.busy):
                        m.next = "ROWS"
            with m.State("ROWS"):
                self._rows(m)
            with m.State("SCORING"):
                with m.If(~parts.counters.busy & ~parts.ranking.busy):
                    m.d.comb += parts.ranking.offer.eq(1)
                    m.d.sync += [self._row.eq(self._row + 1), self._left.eq(self._left - 1)]
                    m.next = "ROWS"
            with m.State("SETTLE"):
                with m.If(~parts.ranking.busy):
                    self._settle(m)
                    m.next = "WHOLE"
            with m.State("WHOLE"):
                m.d.comb += parts.counters.row.eq(parts.best.first)
                m.d.sync += [self._whole.eq(self.length * parts.counters.trials), parts.score.eq(0)]
                m.next = "DIVIDE"
            with m.State("DIVIDE"):
                self._divide(m)
            with m.State("QUOTIENT"):
                with m.If(~parts.divide.busy):
                    quotient = parts.divide.quotient
                    m.d.sync += parts.score.eq(Mux(quotient[16], 0xFFFF, quotient))
                    m.next = "IDLE"

    def _make(self, m: Module) -> None:
        vectors, below = self.parts.vectors, self.unit != 0
        m.d.comb += [
            vectors.start.eq(1),
            vectors.unit.eq(self.unit),
            vectors.below.eq(below),
            vectors.length.eq(self.length),
            self.parts.ranking.clear.eq(1),
        ]
        m.d.sync += self.parts.which.eq(below)
        m.next = "VECTOR"

    def _search(self, m: Module) -> None:
        table = self.parts.table
        assert table is not None
        m.d.comb += [table.start.eq(1), table.work.eq(SlotWork.SEARCH)]

    def _rows(self, m: Module) -> None:
        counters = self.parts.counters
        m.d.comb += [
            counters.row.eq(self._row),
            counters.work.eq(Work.SCORE),
            counters.length.eq(self.length),
        ]
        with m.If(self._left == 0):
            m.next = "SETTLE"
        with m.Elif(counters.trials == 0):
            # Never taught: not offered.
            m.d.sync += [self._row.eq(self._row + 1), self._left.eq(self._left - 1)]
        with m.Else():
            m.d.comb += counters.start.eq(1)
            m.next = "SCORING"

    def _settle(self, m: Module) -> None:
        """The order of the rows, or what the table knows better."""
        parts = self.parts
        best, table = parts.best, parts.table
        m.d.sync += Value.cast(best).eq(Value.cast(parts.ranking.best))
        if table is None:
            return
        found, old = table.found, parts.ranking.best
        exact, vote = self.scoring == 2, self.scoring == 3
        chosen = found.best_row
        with m.If(old.some & found.seen & (vote | (exact & ~found.seen_more))):
            m.d.sync += [best.first.eq(chosen), best.tie.eq(vote & found.best_tie)]
            with m.If(chosen != old.first):
                m.d.sync += [best.more.eq(1), best.second.eq(old.first)]

    def _divide(self, m: Module) -> None:
        parts = self.parts
        m.d.comb += parts.score_row.eq(parts.best.first)
        with m.If(parts.best.some & (self._whole != 0)):
            m.d.comb += [
                parts.divide.start.eq(1),
                parts.divide.dividend.eq(parts.row_score.matches << 16),
                parts.divide.divisor.eq(self._whole),
            ]
            m.next = "QUOTIENT"
        with m.Else():
            m.next = "IDLE"
