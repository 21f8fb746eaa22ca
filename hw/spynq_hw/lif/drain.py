"""Spikes from the columns' output memories to memory, step by step."""

from amaranth import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.maps import ones
from spynq_hw.lif.neuron import later
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import Sizes

__all__ = ["Drain", "beat_of"]

_PIECES = BEAT // LANES


def beat_of(m: Module, pieces: list[Value], place: Value) -> Value:
    """The ``place``-th beat of pieces side by side, which fill one beat or several."""
    words = [Cat(pieces[i : i + _PIECES]) for i in range(0, len(pieces), _PIECES)]
    return Array(words)[place] if len(words) > 1 else words[0]


class Drain(wiring.Component):
    """Writes the spikes of every step: 16 bits of column 0, 1, ..., then of the next unit.

    With fewer than eight columns a beat takes several units, so beats come at a lower rate.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A layer begins.
    layer : In(Layer), pieces : In(3)
        What it is; pieces of 16 bits in the last beat of a step, 0 for all eight.
    finished : In(1)
        All columns have the spikes of a step.
    drained : Out(1)
        Pulse: they have been read.
    read : Out, spikes : In(ArrayLayout(16, columns))
        Output memories, one cycle later.
    request : Out(stream.Signature(Run)), store : Out(stream.Signature(128))
        To memory.
    complete : Out(1)
        All steps have been written.
    ones : Out(8)
        Spikes in a beat written, a few cycles later.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "start": In(1),
                "layer": In(Layer),
                "pieces": In(3),
                "finished": In(1),
                "drained": Out(1),
                "read": Out(self.sizes.unit + 1),
                "spikes": In(data.ArrayLayout(LANES, config.columns)),
                "request": Out(stream.Signature(Run)),
                "store": Out(stream.Signature(BEAT)),
                "complete": Out(1),
                "ones": Out(range(BEAT + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        d, plan = self.layer.descriptor, self.layer.plan
        sample, step = Signal(ADDRESS), Signal(ADDRESS)
        t, n = Signal(16), Signal(16)
        slot = Signal()
        end = self._beats(m, slot)
        m.d.comb += [self.request.payload.address.eq(step), self.request.payload.beats.eq(plan.out_beats)]
        with m.FSM() as machine:
            with m.State("IDLE"):
                m.d.sync += [sample.eq(d.result), step.eq(d.result), t.eq(0), n.eq(0), slot.eq(0)]
                with m.If(self.start):
                    m.next = "WAIT"
            with m.State("WAIT"):
                with m.If(self.finished):
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.request.valid.eq(1)
                with m.If(self.request.ready):
                    m.next = "BEATS"
            with m.State("BEATS"):
                with m.If(end):
                    m.d.comb += self.drained.eq(1)
                    m.d.sync += [slot.eq(~slot), step.eq(step + plan.out_step), t.eq(t + 1)]
                    m.next = "WAIT"
                    with m.If(t == d.steps - 1):
                        m.next = "SAMPLE"
            with m.State("SAMPLE"):
                m.d.sync += [
                    sample.eq(sample + plan.out_sample),
                    step.eq(sample + plan.out_sample),
                    t.eq(0),
                    n.eq(n + 1),
                ]
                m.next = "WAIT"
                with m.If(n == d.samples - 1):
                    m.next = "IDLE"
            m.d.comb += [
                self.complete.eq(machine.ongoing("IDLE")),
                self._running.eq(machine.ongoing("BEATS")),
            ]
        return m

    def _beats(self, m: Module, slot: Signal) -> Value:
        """Send the beats of a step while ``_running``; true with the last one."""
        columns, plan = self.config.columns, self.layer.plan
        self._running = running = Signal()
        # Columns that fill several beats, or units that fill one.
        per_unit, per_beat = max(1, columns // _PIECES), max(1, _PIECES // columns)
        unit, part = Signal(self.sizes.unit), Signal(range(max(per_unit, per_beat)))
        number = Signal(16)
        there, moves, last, whole = Signal(), Signal(), Signal(), Signal()
        next_unit, next_part = Signal.like(unit), Signal.like(part)
        end_part = part == max(per_unit, per_beat) - 1
        store = self.store
        m.d.comb += [
            last.eq(number == plan.out_beats - 1),
            next_unit.eq(unit),
            next_part.eq(part),
            self.read.eq(Cat(next_unit, slot)),
            moves.eq(there & (~whole | store.ready)),
            store.valid.eq(there & whole),
        ]
        # Address of what is shown in the next cycle: it stays until it is taken.
        with m.If(moves):
            m.d.comb += [next_part.eq(Mux(end_part, 0, part + 1))]
            if per_beat == 1:
                with m.If(end_part):
                    m.d.comb += next_unit.eq(unit + 1)
            else:
                m.d.comb += next_unit.eq(unit + 1)
        end = moves & whole & last
        m.d.sync += [there.eq(running & ~end), unit.eq(next_unit), part.eq(next_part)]
        with m.If(moves & whole):
            m.d.sync += number.eq(number + 1)
        with m.If(~running | end):
            m.d.sync += [unit.eq(0), part.eq(0), number.eq(0)]
            m.d.comb += [next_unit.eq(0), next_part.eq(0)]
        pieces = [self.spikes[i] for i in range(columns)]
        beat = Signal(BEAT)
        if per_beat == 1:
            m.d.comb += [whole.eq(1), beat.eq(beat_of(m, pieces, part))]
        else:
            gathered = Signal(BEAT)
            shifted = Cat(gathered[LANES * columns :], *pieces)
            with m.If(moves):
                m.d.sync += gathered.eq(shifted)
            m.d.comb += [whole.eq(end_part), beat.eq(shifted)]
        masks = [(self.pieces == 0) | (i < self.pieces) | ~last for i in range(_PIECES)]
        m.d.comb += store.payload.eq(Cat(Mux(on, beat[LANES * i :][:LANES], 0) for i, on in enumerate(masks)))
        counted = later(m, store.payload, 1)
        taken = Signal()
        m.d.sync += [
            taken.eq(store.valid & store.ready),
            self.ones.eq(Mux(taken, ones(counted), 0)),
        ]
        return end
