"""What follows a result when it is asked for: scores, vectors, statistics, counts, marginals."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value

from spynq.sgf.params import Report as Part
from spynq.sgf.params import SgfConfig
from spynq.sgf.statistics import PLACES
from spynq_hw.sgf.sequence import Sequence

__all__ = ["Report"]

_WORD = 64


class Report:
    """Steps of :func:`spynq.sgf.report.words`, in the module of the sequence.

    Two clocks per word: one for the address, one for the word.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    sequence : Sequence
        Whose trial it is about; it starts these steps.
    """

    def __init__(self, config: SgfConfig, sequence: Sequence) -> None:
        self.config, self.sequence = config, sequence
        self._outer, self._inner = Signal(range(max(256, config.frames))), Signal(range(PLACES))
        self._part = Signal(Part)

    def add(self, m: Module) -> None:
        """Put the steps into ``m``."""
        sequence, parts = self.sequence, self.sequence.parts
        left = Signal(len(Part))
        last_inner, last_outer, nothing = Signal(range(PLACES)), Signal(8), Signal()
        word = Signal(_WORD)
        self._address(m)
        self._lengths(m, last_outer, last_inner, nothing)
        m.d.comb += [sequence.reporting.eq(1), word.eq(Array(self._words())[self._part])]
        with m.FSM(name="report_state"):
            with m.State("IDLE"):
                m.d.comb += sequence.reporting.eq(sequence.report)
                m.d.sync += left.eq(sequence.report_bits)
                with m.If(sequence.report):
                    m.next = "PART"
            with m.State("PART"):
                m.d.sync += [self._outer.eq(0), self._inner.eq(0)]
                m.next = "IDLE"
                for part in reversed(Part):
                    with m.If(left[part]):
                        m.d.sync += [self._part.eq(part), left.eq(left & ~(1 << part))]
                        m.next = "ADDRESS"
            with m.State("ADDRESS"):
                m.next = "WORD"
                with m.If(nothing):
                    m.next = "PART"
            with m.State("WORD"):
                m.d.comb += [parts.out_valid.eq(1), parts.out_data.eq(word)]
                with m.If(parts.out_ready):
                    m.next = "ADDRESS"
                    m.d.sync += self._inner.eq(self._inner + 1)
                    with m.If(self._inner == last_inner):
                        m.d.sync += [self._inner.eq(0), self._outer.eq(self._outer + 1)]
                        with m.If(self._outer == last_outer):
                            m.next = "PART"

    def _address(self, m: Module) -> None:
        """Places that the memories are asked for while nobody else asks."""
        machines, parts = self.sequence.machines, self.sequence.parts
        with m.If(self.sequence.reporting):
            m.d.comb += [
                parts.score_row.eq(self._inner),
                parts.counters.row.eq(self._inner),
                parts.vectors.look.eq(self._inner),
                machines.scan.cell_row.eq(self._outer),
                machines.scan.frame.eq(self._outer),
                machines.scan.place.eq(self._inner),
            ]

    def _lengths(self, m: Module, outer: Signal, inner: Signal, nothing: Signal) -> None:
        config, frames = self.config, self.sequence.trial.frames
        lengths = {
            Part.SCORES: (0, config.rows - 1),
            Part.VECTORS: (2, -(-config.bits // _WORD) - 1),
            Part.STATISTICS: (0, PLACES - 1),
            Part.CNT: (config.grid - 1, -(-config.grid // 8) - 1),
            Part.MARGINALS: (frames - 1, config.size - 1),
        }
        with m.Switch(self._part):
            for part, (last_outer, last_inner) in lengths.items():
                with m.Case(part):
                    m.d.comb += [outer.eq(last_outer), inner.eq(last_inner)]
        m.d.comb += nothing.eq((self._part == Part.MARGINALS) & (frames == 0))

    def _words(self) -> list[Value]:
        """The word of every part."""
        sequence, parts = self.sequence, self.sequence.parts
        asked = parts.asked.bit_select(self._inner[: max(1, (self.config.rows - 1).bit_length())], 1)
        score = Mux(asked, parts.row_score.key, 0)
        scores = Cat(_extended(score), parts.counters.trials)
        statistic = Mux(sequence.empty, 0, parts.vectors.statistic)
        marginal = sequence.machines.scan.marginal
        past = self._outer + 1 == sequence.trial.frames
        counts = [Mux(past, 0, part) for part in (marginal.left, marginal.right, marginal.column)]
        return [
            scores,
            self._vector_word(),
            _extended(statistic),
            self._cell_word(),
            Cat(Cat(part, Const(0, 16 - len(part))) for part in counts),
        ]

    def _vector_word(self) -> Value:
        vectors, unit = self.sequence.parts.vectors.vectors, self._outer
        made = self.sequence.word.open.bit_select(unit[:2], 1)
        by_counters = (unit == 0) | (unit == self.sequence.below)
        chosen = Mux(unit == 0, Value.cast(vectors[0]), Value.cast(vectors[1]))
        words = [chosen[at : at + _WORD] for at in range(0, self.config.bits, _WORD)]
        return Mux(made & by_counters, Array(words)[self._inner[:2]], 0)

    def _cell_word(self) -> Value:
        counts = self.sequence.machines.scan.counts
        cells = [Cat(counts[c], Const(0, 1)) for c in range(self.config.grid)]
        words = [Cat(*cells[at : at + 8]) for at in range(0, self.config.grid, 8)]
        return Mux(self.sequence.empty, 0, Array(words)[self._inner[:3]])


def _extended(value: Value) -> Value:
    """32 bits, two's complement."""
    return Cat(value, value[-1].replicate(32))[:32]
