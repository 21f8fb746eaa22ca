"""What happens from the end of a trial to its result: the path through the units."""

from dataclasses import dataclass

from amaranth import Module, Mux, Signal, Value

from spynq.sgf.params import FLAG, GATE, NO_CLASS, RESULT, Child, Report, SgfConfig
from spynq.sgf.statistics import TEMPORAL_FIRST
from spynq_hw.sgf.ask import Ask
from spynq_hw.sgf.engine import Engine
from spynq_hw.sgf.framer import trial_layout
from spynq_hw.sgf.learn import Learn
from spynq_hw.sgf.parts import Parts
from spynq_hw.sgf.scan import Job, Scan
from spynq_hw.sgf.setting import layout_of
from spynq_hw.sgf.zones import Zones

__all__ = ["Machines", "Sequence"]

_FLAG = {name: mask.bit_length() - 1 for name, mask in FLAG.items()}


@dataclass
class Machines:
    """What goes through frames, cells and marginals."""

    scan: Scan
    zones: Zones
    engine: Engine


class Sequence:
    """Steps of :func:`spynq.sgf.golden.infer` and ``teach``, in a module shared with the parts.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.
    parts, machines
        What it works with.

    Attributes
    ----------
    start, trial_in : Signal
        A trial has ended.
    busy : Signal
        From the cycle after ``start``.
    flushes : Signal
        It needs the scanner.
    result : Signal
        Pulse: the result is handed on.
    report, reporting : Signal
        Pulse to the steps of the report; level while they are at work.
    evaluates : Signal
        Pulse per unit.
    """

    def __init__(self, config: SgfConfig, parts: Parts, machines: Machines, scoring: Value) -> None:
        self.config, self.parts, self.machines = config, parts, machines
        self.ask, self.learn = Ask(parts, scoring), Learn(parts)
        self.start, self.busy = Signal(name="trial_ends"), Signal(name="answering")
        self.trial_in, self.trial = Signal(trial_layout(config)), Signal(trial_layout(config))
        self.frame_limit, self.report_bits = Signal(8), Signal(len(Report))
        self.allow_empty, self.flushes = Signal(), Signal()
        self.word = Signal(layout_of(RESULT))
        self.result, self.report, self.reporting = Signal(), Signal(name="report"), Signal()
        self.number, self.empty, self.below = Signal(16), Signal(), Signal(2)
        self.evaluates, self.engine_starts, self.learnt = Signal(3), Signal(), Signal()
        self.engine_works = Signal()
        self._ran, self._gate, self._resume = Signal(), Signal(layout_of(GATE)), Signal(3)
        self._second = Signal()

    def add(self, m: Module) -> None:
        """Put the steps into ``m``."""
        self.ask.add(m)
        self.learn.add(m)
        m.d.comb += self.busy.eq(1)
        with m.FSM(name="sequence"):
            self._begin(m)
            self._run_engine(m)
            self._ask_first(m)
            self._ask_below(m)
            self._classes(m)
            self._teach(m)
            self._finish(m)

    def _begin(self, m: Module) -> None:
        scan, zones, trial = self.machines.scan, self.machines.zones, self.trial
        word = self.word
        with m.State("IDLE"):
            m.d.comb += self.busy.eq(0)
            with m.If(self.start):
                m.d.sync += [
                    Value.cast(trial).eq(Value.cast(self.trial_in)),
                    Value.cast(word).eq(0),
                    word.winner.eq(NO_CLASS),
                    word.second.eq(NO_CLASS),
                    word.trial.eq(self.number),
                    self.empty.eq(self.trial_in.frames == 0),
                    self._ran.eq(0),
                    self.below.eq(0),
                    self.parts.asked.eq(0),
                    self._second.eq(0),
                ]
                m.next = "FLUSH"
                with m.If(self.trial_in.frames == 0):
                    m.next = "DECIDE"
        with m.State("FLUSH"):
            m.d.comb += self.flushes.eq(1)
            with m.If(~scan.rows):
                m.d.comb += [
                    scan.start.eq(1),
                    scan.job.eq(Job.FLUSH),
                    scan.index.eq(trial.frames + self._second),
                ]
                m.d.sync += self._second.eq(1)
                with m.If(self._second):
                    m.next = "FLUSHED"
        with m.State("FLUSHED"):
            with m.If(~scan.busy):
                m.d.comb += zones.start.eq(1)
                m.next = "ZONES"
        with m.State("ZONES"):
            with m.If(~zones.busy):
                m.next = "DECIDE"
                with m.If(self.report_bits[Report.STATISTICS]):
                    self._engine(m, 0)
        with m.State("DECIDE"):
            m.d.sync += [
                word.flags[_FLAG["PADDED"]].eq(trial.frames < self.frame_limit),
                word.flags[_FLAG["EMPTY"]].eq(self.empty),
                word.flags[_FLAG["SATURATED"]].eq(scan.saturated & ~self.empty),
                word.flags[_FLAG["REORDERED"]].eq(trial.reordered),
            ]
            with m.If(trial.labelled):
                m.next = "PATH"
            with m.Elif(self.empty):
                m.next = "RESULT"
            with m.Else():
                m.next = "ASK"
                self._engine_for(m, 0, 1)

    _STATES = ("DECIDE", "ASK", "ASK_BELOW", "MAKE", "MAKE_BELOW", "RULE")

    def _engine(self, m: Module, resume: int) -> None:
        """Run the temporal engine, unless it has run, and go on in a state."""
        with m.If(~self._ran):
            m.d.comb += self.engine_starts.eq(1)
            m.d.sync += [self._resume.eq(resume), self._ran.eq(1)]
            m.next = "ENGINE"

    def _engine_for(self, m: Module, unit: Value | int, resume: int) -> None:
        with m.If(self.parts.temporal(Value.cast(unit)) & ~self.empty):
            self._engine(m, resume)

    def _run_engine(self, m: Module) -> None:
        m.d.comb += [
            self.machines.engine.start.eq(self.engine_starts),
            self.engine_works.eq(self.machines.engine.busy),
        ]
        with m.State("ENGINE"):
            with m.If(~self.machines.engine.busy):
                with m.Switch(self._resume):
                    for number, state in enumerate(self._STATES):
                        with m.Case(number):
                            m.next = state

    def _ask_first(self, m: Module) -> None:
        ask, setting, best = self.ask, self.parts.setting, self.parts.best
        with m.State("ASK"):
            m.d.comb += [ask.start.eq(1), self.evaluates[0].eq(1)]
            m.d.sync += [
                ask.unit.eq(0),
                ask.first.eq(setting.units[0].first),
                ask.count.eq(setting.units[0].count),
                self.word.open[0].eq(1),
            ]
            m.next = "ASKING"
        with m.State("ASKING"):
            with m.If(~ask.busy):
                m.next = "GATE"
                with m.If(~best.some):
                    m.next = "RESULT"
        with m.State("GATE"):
            m.d.comb += setting.row.eq(best.first)
            gate = setting.gate
            m.d.sync += Value.cast(self._gate).eq(Value.cast(gate))
            with m.Switch(gate.child):
                with m.Case(Child.LEAF):
                    m.next = "WINNER"
                with m.Case(Child.RULE):
                    m.next = "RULE"
                    with m.If(gate.statistic >= TEMPORAL_FIRST):
                        self._engine(m, 5)
                for child in (Child.UNIT_B, Child.UNIT_C):
                    with m.Case(child):
                        unit = child - 1
                        m.d.sync += self.below.eq(unit)
                        m.next = "ASK_BELOW"
                        self._engine_for(m, unit, 2)

    def _ask_below(self, m: Module) -> None:
        ask, word, gate = self.ask, self.word, self._gate
        with m.State("ASK_BELOW"):
            m.d.comb += [ask.start.eq(1), self.evaluates.bit_select(self.below, 1).eq(1)]
            m.d.sync += [
                ask.unit.eq(self.below),
                ask.first.eq(gate.first),
                ask.count.eq(gate.count),
                word.open.bit_select(self.below, 1).eq(1),
            ]
            m.next = "ASKING_BELOW"
        with m.State("ASKING_BELOW"):
            with m.If(~ask.busy):
                m.next = "WINNER"
                with m.If(~self.parts.best.some):
                    m.next = "RESULT"
        with m.State("RULE"):
            m.d.comb += [self.parts.vectors.look.eq(gate.statistic), self.evaluates[1].eq(1)]
            m.d.sync += word.open[1].eq(1)
            m.next = "SIGN"
        with m.State("SIGN"):
            above = self.parts.vectors.statistic > 0
            m.d.sync += [
                word.winner.eq(Mux(above, gate.first, gate.count)),
                word.second.eq(Mux(above, gate.count, gate.first)),
            ]
            self._decided(m)
            m.next = "RESULT"

    def _decided(self, m: Module) -> None:
        m.d.sync += [
            self.word.score.eq(self.parts.score),
            self.word.flags[_FLAG["TIE"]].eq(self.parts.best.tie),
        ]

    def _classes(self, m: Module) -> None:
        """Classes of the best row and of the runner-up."""
        setting, best, word = self.parts.setting, self.parts.best, self.word
        number = Mux(setting.gate.child == Child.LEAF, setting.gate.first, NO_CLASS)
        with m.State("WINNER"):
            m.d.comb += setting.row.eq(best.first)
            m.d.sync += word.winner.eq(number)
            self._decided(m)
            m.next = "SECOND"
        with m.State("SECOND"):
            m.d.comb += setting.row.eq(best.second)
            with m.If(best.more):
                m.d.sync += word.second.eq(number)
            m.next = "RESULT"

    def _teach(self, m: Module) -> None:
        learn, setting, trial, vectors = self.learn, self.parts.setting, self.trial, self.parts.vectors
        path = setting.path
        m.d.comb += setting.number.eq(trial.number)
        with m.State("PATH"):
            m.d.sync += [
                learn.rows[0].eq(path.row), learn.rows[1].eq(path.below), learn.unit.eq(path.unit),
                learn.both.eq(path.unit != 0), learn.out.eq(trial.out), self.below.eq(path.unit),
            ]  # fmt: skip
            with m.If(~trial.known | ~path.known | (self.empty & ~self.allow_empty)):
                m.d.sync += self.word.flags[_FLAG["REFUSED"]].eq(1)
                m.d.sync += self.below.eq(0)
                m.next = "RESULT"
            with m.Else():
                m.next = "MAKE"
                self._engine_for(m, 0, 3)
        for state, below, unit in (("MAKE", 0, Value.cast(0)), ("MAKE_BELOW", 1, self.below)):
            with m.State(state):
                m.d.comb += [
                    vectors.start.eq(1),
                    vectors.unit.eq(unit),
                    vectors.below.eq(below),
                    vectors.length.eq(self.parts.length(unit)),
                    vectors.zero.eq(self.empty),
                    self.evaluates.bit_select(unit, 1).eq(1),
                ]
                m.d.sync += self.word.open.bit_select(unit, 1).eq(1)
                m.next = f"{state}S"
        with m.State("MAKES"):
            with m.If(~vectors.busy):
                m.next = "LEARN"
                with m.If(learn.both):
                    m.next = "MAKE_BELOW"
                    self._engine_for(m, self.below, 4)
        with m.State("MAKE_BELOWS"):
            with m.If(~vectors.busy):
                m.next = "LEARN"
        with m.State("LEARN"):
            m.d.comb += learn.start.eq(1)
            m.next = "LEARNING"
        with m.State("LEARNING"):
            with m.If(~learn.busy):
                m.d.comb += self.learnt.eq(~learn.refused)
                m.d.sync += [
                    self.word.flags[_FLAG["REFUSED"]].eq(learn.refused),
                    self.word.flags[_FLAG["TAUGHT"]].eq(~learn.refused),
                    self.word.flags[_FLAG["OVERFLOW"]].eq(~learn.refused & (learn.overflows != 0)),
                    self.word.winner.eq(Mux(learn.refused, NO_CLASS, trial.number)),
                ]
                m.next = "RESULT"

    def _finish(self, m: Module) -> None:
        parts = self.parts
        with m.State("RESULT"):
            m.d.comb += [parts.out_valid.eq(1), parts.out_data.eq(Value.cast(self.word))]
            with m.If(parts.out_ready):
                m.d.comb += [self.result.eq(1), self.report.eq(self.report_bits != 0)]
                m.d.sync += self.number.eq(self.number + 1)
                m.next = "IDLE"
                with m.If(self.report_bits != 0):
                    m.next = "REPORT"
        with m.State("REPORT"):
            with m.If(~self.reporting):
                m.next = "IDLE"
