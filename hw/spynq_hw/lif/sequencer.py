"""Layer after layer: take it, wait for its weights, run it, and close it while the next one is set up."""

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.prepare import Found

__all__ = ["Sequencer"]

_RECORD_BEATS = 4


class Sequencer(wiring.Component):
    """Carries out what :class:`~spynq_hw.lif.prepare.Prepare` finds.

    A layer whose output has been handed over has still to settle. Meanwhile the next one is taken, and begins
    if it reads nothing but maps, which themselves tell what of them is there; what it writes waits until
    all has settled and the record is handed over.

    Parameters
    ----------
    lag : int
        Cycles after which the counters are right from the first one of ``complete`` on, at least 1.

    Members
    -------
    start : In(1), refuse : In(1)
        A run begins; its registers do not fit.
    done, refused : Out(1), flags : Out(2)
        As the shell wants them; UNFIT and ENDLESS.
    records : In(32), count : In(1)
        Where the COUNTERS records go, if they are wanted.
    executed : Out(32)
        Layers and barriers done.
    begin : Out(1)
        Readers of the list may begin.
    found, found_layer, found_valid : In, taken : Out(1)
        What comes next, and that it has been taken.
    present : In(1), begun, ended : Out(1)
        Weights are there; a layer has begun, and ended.
    follows : Out(1), ahead : Out(1)
        The next layer has not been taken; it has been found and is going to begin without anything else from
        memory than maps, while the present one runs and reads nothing else either, and all that was written
        before is in memory.
    quit : Out(1), idle : In(1)
        Nothing more is wanted of the weights' loader; it has stopped.
    layer : Out(Layer)
        The present layer.
    go : Out(1)
        Everybody begins, with a layer that is there for three cycles at least.
    complete : In(1), settled : In(1)
        All its output has been handed over; and written.
    unsettled : Out(1)
        Some output of an earlier layer may not be in memory yet.
    holds : Out(1), request : Out(stream.Signature(Run))
        Nothing of the present layer may be written yet; room for a record is asked for.
    beat : Out(2), store_valid : Out(1), store_ready : In(1)
        The record, a beat at a time.
    opens, closes : Out(1), waits : Out(1)
        For the counters: a layer begins, ends; weights are waited for.
    """

    def __init__(self, lag: int) -> None:
        if lag < 1:
            raise ValueError(f"counters are right a cycle after the last beat or later, not {lag}")
        self.lag = lag
        super().__init__(
            {
                "start": In(1),
                "refuse": In(1),
                "done": Out(1),
                "refused": Out(1),
                "flags": Out(2),
                "records": In(ADDRESS),
                "count": In(1),
                "executed": Out(32),
                "begin": Out(1),
                "found": In(3),
                "found_layer": In(Layer),
                "found_valid": In(1),
                "taken": Out(1),
                "present": In(1),
                "begun": Out(1),
                "ended": Out(1),
                "follows": Out(1),
                "ahead": Out(1),
                "quit": Out(1),
                "idle": In(1),
                "layer": Out(Layer),
                "go": Out(1),
                "complete": In(1),
                "settled": In(1),
                "unsettled": Out(1),
                "holds": Out(1),
                "request": Out(stream.Signature(Run)),
                "beat": Out(2),
                "store_valid": Out(1),
                "store_ready": In(1),
                "opens": Out(1),
                "closes": Out(1),
                "waits": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place, self._recording = Signal(ADDRESS), Signal()
        # A layer, or barrier, has ended but for its last spikes on their way to the counters.
        closing, early = Signal(), Signal()
        d = self.layer.descriptor
        m.d.comb += early.eq(d.first & (d.bias == 0))
        with m.FSM() as machine:
            with m.State("IDLE"):
                m.d.sync += place.eq(self.records)
                with m.If(self.start):
                    m.d.sync += self.refused.eq(self.refuse)
                    m.next = "DONE"
                    with m.If(~self.refuse):
                        m.d.comb += [self.begin.eq(1), self.opens.eq(1)]
                        m.d.sync += [self.executed.eq(0), self.flags.eq(0)]
                        m.next = "NEXT"
            with m.State("NEXT"):
                self._take(m)
            with m.State("TAKEN"):
                m.next = "STEADY"
            with m.State("STEADY"):
                m.next = "START"
            with m.State("START"):
                with m.If(self.present & ~closing & (~self.unsettled | early)):
                    m.d.comb += [self.go.eq(1), self.begun.eq(1)]
                    m.next = "RUN"
            with m.State("BARRIER"):
                with m.If(self.present & ~closing & ~self.unsettled):
                    m.d.comb += self.begun.eq(1)
                    m.d.sync += closing.eq(1)
                    m.next = "NEXT"
            with m.State("RUN"):
                with m.If(self.complete):
                    m.d.sync += [closing.eq(1), self.unsettled.eq(1)]
                    m.next = "NEXT"
            with m.State("QUIT"):
                m.d.comb += self.quit.eq(1)
                with m.If(self.idle & self.settled & ~closing & ~self.holds):
                    m.next = "DONE"
            with m.State("DONE"):
                m.d.comb += self.done.eq(1)
                m.next = "IDLE"
            states = [machine.ongoing(name) for name in ("NEXT", "TAKEN", "STEADY", "START", "BARRIER")]
            self._look_ahead(m, machine.ongoing("NEXT"), machine.ongoing("RUN"))
            m.d.comb += self.waits.eq(Cat(states).any() & ~closing & ~self.unsettled)
        self._close(m, closing)
        self._record(m, place)
        return m

    def _look_ahead(self, m: Module, takes: Value, runs: Value) -> None:
        found = self.found_layer.descriptor
        m.d.comb += [
            self.follows.eq(takes | runs),
            self.ahead.eq(
                runs & self.found_valid & (self.found == Found.LAYER) & self.present & ~self.unsettled
                & found.first & (found.bias == 0) & (self.layer.descriptor.bias == 0)
            ),
        ]  # fmt: skip

    def _close(self, m: Module, closing: Signal) -> None:
        """The layer that ran last: when all is counted its counters are kept, and start anew."""
        lag = Signal(range(self.lag))
        with m.If(~closing):
            m.d.sync += lag.eq(self.lag - 1)
        with m.Elif(lag != 0):
            m.d.sync += lag.eq(lag - 1)
        with m.Elif(~self._recording):
            m.d.comb += [self.closes.eq(1), self.ended.eq(1), self.opens.eq(1)]
            m.d.sync += [closing.eq(0), self.executed.eq(self.executed + 1)]
        with m.If(self.unsettled & self.settled):
            m.d.sync += self.unsettled.eq(0)

    def _record(self, m: Module, place: Signal) -> None:
        """What was kept goes to memory behind the layer's output, while the next one begins."""
        m.d.comb += [
            self.holds.eq(self.unsettled | self._recording),
            self.request.payload.address.eq(place),
            self.request.payload.beats.eq(_RECORD_BEATS),
        ]
        with m.FSM(name="record") as machine:
            with m.State("IDLE"):
                with m.If(self.closes & self.count):
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.request.valid.eq(~self.unsettled)
                with m.If(self.request.valid & self.request.ready):
                    m.next = "BEATS"
            with m.State("BEATS"):
                m.d.comb += self.store_valid.eq(1)
                with m.If(self.store_ready):
                    m.d.sync += self.beat.eq(self.beat + 1)
                    with m.If(self.beat == _RECORD_BEATS - 1):
                        m.d.sync += place.eq(place + _RECORD_BEATS)
                        m.next = "IDLE"
            m.d.comb += self._recording.eq(~machine.ongoing("IDLE"))

    def _take(self, m: Module) -> None:
        with m.If(self.found_valid):
            m.d.comb += self.taken.eq(1)
            with m.Switch(self.found):
                with m.Case(Found.LAYER):
                    m.d.sync += self.layer.eq(self.found_layer)
                    m.next = "TAKEN"
                with m.Case(Found.BARRIER):
                    m.next = "BARRIER"
                with m.Default():
                    m.d.sync += [
                        self.flags[0].eq(self.found == Found.UNFIT),
                        self.flags[1].eq(self.found == Found.ENDLESS),
                    ]
                    m.next = "QUIT"
