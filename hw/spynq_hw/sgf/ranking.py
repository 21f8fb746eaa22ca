"""Order of the rows of a unit, by cross-multiplication: no division decides."""

from amaranth import Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import SgfConfig
from spynq_hw.sgf.counters import LIKELIHOOD_BITS, MATCH_BITS

__all__ = ["Ranking", "ranked"]

_KEY = signed(MATCH_BITS + 1)
_TRIALS = 16


def ranked(config: SgfConfig) -> data.StructLayout:
    """Best row and runner-up."""
    row = range(config.rows)
    return data.StructLayout({"some": 1, "first": row, "more": 1, "second": row, "tie": 1})


class Ranking(wiring.Component):
    """Takes the rows of a unit in rising order.

    Golden model: :func:`spynq.sgf.golden.rank`, without the table.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    clear : In(1)
        A new unit.
    offer, row, matches, likelihood, log_trials, trials, length, bayes : In
        A row with its scores.
    busy : Out(1)
        It is being compared; from the cycle after ``offer``.
    key : Out(signed(25))
        A, or with naive Bayes B, of the last row; right when ``scored`` pulses.
    scored, scored_row, scored_matches : Out
        Pulse, with its row and its A.
    best : Out(ranked(config))
        Order so far, while not busy.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        row = range(config.rows)
        super().__init__(
            {
                "clear": In(1),
                "offer": In(1),
                "row": In(row),
                "matches": In(MATCH_BITS),
                "likelihood": In(LIKELIHOOD_BITS),
                "log_trials": In(12),
                "trials": In(_TRIALS),
                "length": In(range(config.bits + 1)),
                "bayes": In(1),
                "busy": Out(1),
                "key": Out(_KEY),
                "scored": Out(1),
                "scored_row": Out(row),
                "scored_matches": Out(MATCH_BITS),
                "best": Out(ranked(config)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        best, row = self.best, self.scored_row
        key, trials = self.key, Signal(_TRIALS)
        keys = [Signal(_KEY, name=f"key_{name}") for name in ("first", "second")]
        counts = [Signal(_TRIALS, name=f"trials_{name}") for name in ("first", "second")]
        against = Signal()  # 0: the best row; 1: the runner-up
        other_key, other_trials = Signal(_KEY), Signal(_TRIALS)
        mine, theirs = Signal(signed(43)), Signal(signed(43))
        m.d.comb += [
            self.busy.eq(1),
            other_key.eq(Mux(against, keys[1], keys[0])),
            other_trials.eq(Mux(against, counts[1], counts[0])),
        ]
        m.d.sync += [mine.eq(key * other_trials), theirs.eq(other_key * trials)]
        with m.If(self.clear):
            m.d.sync += [best.some.eq(0), best.more.eq(0), best.tie.eq(0)]
        take_second = [best.more.eq(1), best.second.eq(row), keys[1].eq(key), counts[1].eq(trials)]
        take_first = [
            best.some.eq(1),
            best.first.eq(row),
            keys[0].eq(key),
            counts[0].eq(trials),
            best.tie.eq(0),
        ]
        penalty = Signal(21)
        m.d.sync += penalty.eq(self.length * self.log_trials)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.offer):
                    m.d.sync += [
                        key.eq(self.matches), trials.eq(self.trials), row.eq(self.row),
                        against.eq(0), self.scored_matches.eq(self.matches),
                    ]  # fmt: skip
                    with m.If(self.bayes):
                        m.d.sync += [key.eq(self.likelihood), trials.eq(1)]
                        m.next = "PENALTY"
                    with m.Else():
                        m.next = "SCORED"
            with m.State("PENALTY"):
                m.d.sync += key.eq(key - penalty)
                m.next = "SCORED"
            with m.State("SCORED"):
                m.d.comb += self.scored.eq(1)
                m.next = "MULTIPLY"
                with m.If(~best.some):
                    m.d.sync += take_first
                    m.next = "IDLE"
            with m.State("MULTIPLY"):
                m.next = "COMPARE"
            with m.State("COMPARE"):
                m.next = "IDLE"
                with m.If(against):
                    with m.If(mine > theirs):
                        m.d.sync += take_second
                with m.Elif(mine > theirs):
                    m.d.sync += [
                        best.more.eq(1), best.second.eq(best.first),
                        keys[1].eq(keys[0]), counts[1].eq(counts[0]), *take_first,
                    ]  # fmt: skip
                with m.Else():
                    with m.If(mine == theirs):
                        m.d.sync += best.tie.eq(1)
                    with m.If(best.more):
                        m.d.sync += against.eq(1)
                        m.next = "MULTIPLY"
                    with m.Else():
                        m.d.sync += take_second
        return m
