"""What a layer writes: spikes step by step, or counts, membranes and states at the end of a sample."""

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.lif.codes import Output
from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.column import PAIRS
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.neuron import State
from spynq_hw.lif.pack import Pack
from spynq_hw.lif.readout import Counts, Membranes
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import OUTPUTS, PIECES, Sizes

__all__ = ["COMPLETE", "Drain"]

COMPLETE = 1
"""Cycles from the last beat of a layer to ``complete``, at least."""


class Drain(wiring.Component):
    """Empties the output memories as they fill, step by step, and writes what is wanted of them.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A layer begins.
    layer : In(Layer), pieces, total : In
        What it is; pieces of 4 bits in the last beat of a step, and beats of a step.
    wanted : Out, written : In(1)
        All columns have the spikes of this unit of a step.
    stride : In(4)
        Output slots from step to step.
    drained : Out(1)
        Pulse: a step has been read.
    read : Out, spikes : In(ArrayLayout(16, columns))
        Output memories, one cycle later.
    dump : Out(1), unit, pair : Out, states : In
        As in :class:`~spynq_hw.lif.readout.Membranes`.
    hold : Out(1)
        The next sample must not begin before this one has been read out.
    sample : Out(1)
        Pulse: it has been.
    request : Out(stream.Signature(Run)), store : Out(stream.Signature(128))
        To memory.
    complete : Out(1)
        All steps have been written.
    ones : Out(8)
        Spikes in a beat that was read, two cycles later.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "start": In(1),
                "layer": In(Layer),
                "pieces": In(exact_log2(PIECES)),
                "total": In(16),
                "wanted": Out(self.sizes.unit),
                "written": In(1),
                "stride": In(4),
                "drained": Out(1),
                "read": Out(self.sizes.output),
                "spikes": In(data.ArrayLayout(LANES, config.columns)),
                "dump": Out(1),
                "unit": Out(self.sizes.unit),
                "pair": Out(range(PAIRS)),
                "states": In(data.ArrayLayout(data.ArrayLayout(State, 2), config.columns)),
                "hold": Out(1),
                "sample": Out(1),
                "request": Out(stream.Signature(Run)),
                "store": Out(stream.Signature(BEAT)),
                "complete": Out(1),
                "ones": Out(range(BEAT + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        d, plan = self.layer.descriptor, self.layer.plan
        m.submodules.pack = self._pack = pack = Pack(self.config)
        m.submodules.counts = self._counts = Counts(self.config)
        m.submodules.membranes = self._membranes = Membranes(self.config)
        # Where the step, its plane, the sample's result and its states go.
        self._places = {name: Signal(ADDRESS, name=name) for name in ("step", "plane", "result", "states")}
        t, n = Signal(16), Signal(16)
        slot, plane, last_plane = Signal(range(OUTPUTS)), Signal(range(OUTPUTS)), Signal()
        # Spikes as they are; beats may go.
        self._plain, self._flow = Signal(), Signal()
        m.d.comb += [
            self._plain.eq((d.output == Output.SPIKES) | (d.output == Output.VALUE)),
            last_plane.eq((d.output != Output.VALUE) | (plane == plan.planes_out - 1)),
            pack.slot.eq(slot | plane),
            self.hold.eq(~self._plain | ~d.last | ~d.first),
            self.read.eq(pack.read),
            pack.spikes.eq(self.spikes),
            self.wanted.eq(pack.wanted),
            pack.written.eq(self.written),
            pack.pieces.eq(self.pieces),
            pack.total.eq(self.total),
            pack.fold.eq(plan.out_fold),
            self.ones.eq(pack.ones),
        ]
        self._route(m)
        with m.FSM() as machine:
            with m.State("IDLE"):
                m.d.sync += [
                    self._places["step"].eq(d.result),
                    self._places["result"].eq(d.result),
                    self._places["states"].eq(d.states),
                    t.eq(0),
                    n.eq(0),
                    slot.eq(0),
                ]
                with m.If(self.start):
                    m.next = "CLEAR"
            with m.State("CLEAR"):
                m.d.comb += self._counts.clear.eq(~self._plain)
                m.next = "WAIT"
            with m.State("WAIT"):
                m.d.sync += self._places["plane"].eq(self._places["step"])
                # The first beat is there before it is asked for: that takes as long as asking.
                m.d.comb += pack.run.eq(1)
                with m.If(pack.beats.valid & self._counts.idle):
                    m.d.comb += self._counts.step.eq(1)
                    with m.If(self._plain):
                        self._ask(m, self._places["plane"], "BEATS")
                    with m.Else():
                        m.next = "BEATS"
            with m.State("REQUEST"):
                self._ask(m, self._places["plane"], "BEATS")
            with m.State("BEATS"):
                m.d.comb += [pack.run.eq(1), self._flow.eq(1)]
                with m.If(pack.end):
                    m.d.sync += [
                        self._places["plane"].eq(self._places["plane"] + plan.out_plane),
                        plane.eq(Mux(last_plane, 0, plane + 1)),
                    ]
                    m.next = "REQUEST"
                    with m.If(d.output == Output.SUMS):
                        m.next = "SUMS"
                    with m.Elif(last_plane):
                        self._end_of_step(m, t, n, slot)
            with m.State("SUMS"):
                self._ask(m, self._places["step"], "SHOW_SUMS")
            with m.State("SHOW_SUMS"):
                m.d.comb += self._membranes.start.eq(1)
                m.next = "SUMS_SHOWN"
            with m.State("SUMS_SHOWN"):
                with m.If(self._membranes.idle):
                    self._end_of_step(m, t, n, slot)
            self._end_of_sample(m, t, n)
            m.d.comb += self.complete.eq(machine.ongoing("IDLE"))
        return m

    def _end_of_step(self, m: Module, t: Signal, n: Signal, slot: Signal) -> None:
        d, step = self.layer.descriptor, self._places["step"]
        m.d.comb += self.drained.eq(1)
        m.d.sync += [slot.eq(slot + self.stride), step.eq(step + self.layer.plan.out_step), t.eq(t + 1)]
        m.next = "WAIT"
        with m.If(t == d.steps - 1):
            m.next = "RESULT"
            # Nobody waits for the last sample.
            with m.If(self._plain & d.last & (n == d.samples - 1)):
                m.next = "IDLE"

    def _end_of_sample(self, m: Module, t: Signal, n: Signal) -> None:
        """Result, then states, then the next sample."""
        d, plan = self.layer.descriptor, self.layer.plan
        counts, membranes, places = self._counts, self._membranes, self._places
        with m.State("RESULT"):
            with m.If(d.output == Output.COUNTS):
                with m.If(counts.idle):
                    self._ask(m, places["result"], "SHOW_COUNTS")
            with m.Elif(d.output == Output.MEMBRANE):
                self._ask(m, places["result"], "SHOW_MEMBRANES")
            with m.Else():
                m.next = "STATES"
        with m.State("SHOW_COUNTS"):
            m.d.comb += counts.show.eq(1)
            m.next = "COUNTS"
        with m.State("COUNTS"):
            with m.If(counts.idle):
                m.next = "STATES"
        with m.State("SHOW_MEMBRANES"):
            m.d.comb += membranes.start.eq(1)
            m.next = "MEMBRANES"
        with m.State("MEMBRANES"):
            with m.If(membranes.idle):
                m.next = "STATES"
        with m.State("STATES"):
            with m.If(d.last):
                m.next = "NEXT"
            with m.Else():
                self._ask(m, places["states"], "SHOW_STATES", 4)
        with m.State("SHOW_STATES"):
            m.d.comb += [membranes.records.eq(1), membranes.start.eq(1)]
            m.next = "RECORDS"
        with m.State("RECORDS"):
            m.d.comb += membranes.records.eq(1)
            with m.If(membranes.idle):
                m.next = "NEXT"
        with m.State("NEXT"):
            following = places["result"] + plan.out_sample
            m.d.comb += self.sample.eq(1)
            m.d.sync += [
                places["result"].eq(following),
                places["step"].eq(following),
                places["states"].eq(places["states"] + plan.state_sample),
                t.eq(0),
                n.eq(n + 1),
            ]
            m.next = "CLEAR"
            with m.If(n == d.samples - 1):
                m.next = "IDLE"

    def _ask(self, m: Module, place: Signal, then: str, words: int = 0) -> None:
        """Request room for a step or result, or for ``words`` beats per lane group."""
        plan = self.layer.plan
        m.d.comb += [
            self.request.valid.eq(1),
            self.request.payload.address.eq(place),
            self.request.payload.beats.eq((plan.units << plan.log2_h) * words if words else plan.out_beats),
        ]
        with m.If(self.request.ready):
            m.next = then

    def _route(self, m: Module) -> None:
        """Beats of spikes go to memory, are counted, or are only looked at."""
        pack, counts, membranes = self._pack, self._counts, self._membranes
        counted, beats = self.layer.descriptor.output == Output.COUNTS, Signal()
        m.d.comb += [
            counts.groups.eq(self.layer.plan.rounds << self.layer.plan.log2_h),
            beats.eq(pack.beats.valid & self._flow),
            counts.spikes.valid.eq(beats & counted),
            counts.spikes.payload.eq(pack.beats.payload),
            membranes.layer.eq(self.layer),
            membranes.states.eq(self.states),
            self.dump.eq(membranes.dump),
            self.unit.eq(membranes.unit),
            self.pair.eq(membranes.pair),
            pack.beats.ready.eq(
                self._flow & Mux(self._plain, self.store.ready, ~counted | counts.spikes.ready)
            ),
            counts.counts.ready.eq(self.store.ready),
            membranes.words.ready.eq(self.store.ready),
            self.store.valid.eq((beats & self._plain) | counts.counts.valid | membranes.words.valid),
            self.store.payload.eq(self._word()),
        ]

    def _word(self) -> Value:
        other = Mux(self._membranes.words.valid, self._membranes.words.payload, self._counts.counts.payload)
        return Mux(self._plain & ~self._membranes.words.valid, self._pack.beats.payload, other)
