"""What the answer is made with: memories and engines that the steps of an answer take turns with."""

from dataclasses import dataclass, field

from amaranth import Array, Module, Signal, Value, signed
from amaranth.lib import data
from amaranth.lib.memory import Memory

from spynq.sgf.params import SgfConfig
from spynq_hw.sgf.counters import MATCH_BITS, Counters
from spynq_hw.sgf.divide import Divide
from spynq_hw.sgf.ranking import Ranking, ranked
from spynq_hw.sgf.setting import Setting
from spynq_hw.sgf.table import Table
from spynq_hw.sgf.vectors import Vectors

__all__ = ["Parts", "Score"]

Score = data.StructLayout({"key": signed(MATCH_BITS + 1), "matches": MATCH_BITS})
"""What a row scored: A, or B with naive Bayes; and A."""


@dataclass
class Parts:
    """Shared parts; the steps drive their inputs from one module, one step at a time.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    """

    config: SgfConfig
    vectors: Vectors = field(init=False)
    counters: Counters = field(init=False)
    table: Table | None = field(init=False)
    ranking: Ranking = field(init=False)
    divide: Divide = field(init=False)
    setting: Setting = field(init=False)

    def __post_init__(self) -> None:
        config = self.config
        self.vectors, self.counters = Vectors(config), Counters(config)
        self.table = Table(config) if config.table else None
        self.ranking, self.setting = Ranking(config), Setting(config)
        self.divide = Divide(17, MATCH_BITS + 16, MATCH_BITS)
        self.which = Signal()  # vector that the counters see: of unit A, or of the unit below
        self.best = Signal(ranked(config))  # order of the unit asked last, the table heard
        self.score = Signal(16)
        self.asked = Signal(config.rows)  # rows that have a score in this trial
        self.score_row = Signal(range(config.rows))
        self.row_score = Signal(Score)
        self.out_valid, self.out_last, self.out_ready = Signal(), Signal(), Signal()
        self.out_data = Signal(64)

    def add(self, m: Module) -> None:
        """Put the parts into a module, and connect what always belongs together."""
        m.submodules.vectors, m.submodules.counters = self.vectors, self.counters
        m.submodules.ranking, m.submodules.divide = self.ranking, self.divide
        m.submodules.setting = self.setting
        if self.table is not None:
            m.submodules.table = self.table
            m.d.comb += Value.cast(self.table.vectors).eq(Value.cast(self.vectors.vectors))
        m.submodules.scores = scores = Memory(
            shape=Score, depth=self.config.rows, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = scores.write_port(), scores.read_port(domain="comb")
        counters, vectors, ranking = self.counters, self.vectors, self.ranking
        m.d.comb += [
            counters.group.eq(Array([vectors.groups[0], vectors.groups[1]])[self.which]),
            vectors.turn.eq(counters.turn & ~self.which),
            vectors.turn_below.eq(counters.turn & self.which),
            ranking.matches.eq(counters.matches),
            ranking.likelihood.eq(counters.likelihood),
            ranking.log_trials.eq(counters.log_trials),
            ranking.trials.eq(counters.trials_held),
            write.en.eq(ranking.scored),
            write.addr.eq(ranking.scored_row),
            write.data.key.eq(ranking.key),
            write.data.matches.eq(ranking.scored_matches),
            read.addr.eq(self.score_row),
            Value.cast(self.row_score).eq(Value.cast(read.data)),
        ]
        with m.If(ranking.scored):
            m.d.sync += self.asked.bit_select(ranking.scored_row, 1).eq(1)

    def length(self, unit: Value) -> Value:
        """Bits of a unit's vector."""
        return Array(self.setting.units[i].bits for i in (0, 1, 2, 2))[unit]

    def temporal(self, unit: Value) -> Value:
        """Whether a unit needs the temporal engine."""
        return Array(self.setting.units[i].temporal for i in (0, 1, 2, 2))[unit]
