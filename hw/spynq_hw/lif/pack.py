"""From the columns' output memories to beats of spikes."""

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.maps import ones
from spynq_hw.lif.neuron import later
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import OUTPUTS, Sizes

__all__ = ["Pack"]

_PIECES = BEAT // LANES


class Pack(wiring.Component):
    """Sends the spikes of a step: 16 bits of column 0, 1, ..., then of the next unit; a beat per cycle.

    With fewer than eight columns a beat takes several units, so beats come at a lower rate.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    run : In(1), slot : In(3)
        Send the step, or plane of values, in this output slot; stays until ``end``.
    total : In(16), pieces : In(3)
        Beats of a step, and pieces of 16 bits in the last one, 0 for all eight.
    wanted : Out, written : In(1)
        Whether the spikes of this unit are there.
    read : Out, spikes : In(ArrayLayout(16, columns))
        Output memories, one cycle later.
    beats : Out(stream.Signature(128))
        Spikes.
    end : Out(1)
        The last beat is taken in this cycle.
    ones : Out(8)
        Spikes in a beat that was taken, two cycles later.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "run": In(1),
                "slot": In(range(OUTPUTS)),
                "total": In(16),
                "pieces": In(3),
                "wanted": Out(self.sizes.unit),
                "written": In(1),
                "read": Out(self.sizes.output),
                "spikes": In(data.ArrayLayout(LANES, config.columns)),
                "beats": Out(stream.Signature(BEAT)),
                "end": Out(1),
                "ones": Out(range(BEAT + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        columns, beats = self.config.columns, self.beats
        # Beats that a unit fills, and units that fill a beat; one of them is 1.
        per_unit, per_beat = max(1, columns // _PIECES), max(1, _PIECES // columns)
        parts = max(per_unit, per_beat)
        unit, part, number = Signal(self.sizes.unit), Signal(range(parts)), Signal(16)
        next_unit, next_part = Signal.like(unit), Signal.like(part)
        there, moves, whole, last, end_part = (Signal() for _ in range(5))
        beat = Signal(BEAT)
        m.d.comb += [
            end_part.eq(part == parts - 1),
            last.eq(number == self.total - 1),
            moves.eq(there & (~whole | beats.ready)),
            beats.valid.eq(there & whole),
            self.end.eq(moves & whole & last),
            # What is shown in the next cycle: the same again, until it is taken.
            self.read.eq(Cat(next_unit, self.slot)),
            self.wanted.eq(next_unit),
            next_unit.eq(unit),
            next_part.eq(part),
        ]
        with m.If(~self.run | self.end):
            m.d.comb += [next_unit.eq(0), next_part.eq(0)]
            m.d.sync += number.eq(0)
        with m.Elif(moves):
            m.d.comb += next_part.eq(Mux(end_part, 0, part + 1))
            m.d.comb += next_unit.eq(unit + (end_part if per_beat == 1 else 1))
            m.d.sync += number.eq(number + whole)
        m.d.sync += [there.eq(self.run & ~self.end & self.written), unit.eq(next_unit), part.eq(next_part)]
        if per_beat == 1:
            words = [Cat(self.spikes[i] for i in range(k, k + _PIECES)) for k in range(0, columns, _PIECES)]
            m.d.comb += [whole.eq(1), beat.eq(Array(words)[part])]
        else:
            before = Signal(BEAT)
            m.d.comb += [whole.eq(end_part), beat.eq(Cat(before[LANES * columns :], self.spikes))]
            with m.If(moves):
                m.d.sync += before.eq(beat)
        self._mask(m, beat, last)
        return m

    def _mask(self, m: Module, beat: Signal, last: Signal) -> None:
        """What follows the last unit is no spike."""
        taken = Signal()
        for i in range(_PIECES):
            on = (self.pieces == 0) | (i < self.pieces) | ~last
            m.d.comb += self.beats.payload[LANES * i :][:LANES].eq(Mux(on, beat[LANES * i :][:LANES], 0))
        m.d.sync += taken.eq(self.beats.valid & self.beats.ready)
        m.d.sync += self.ones.eq(Mux(taken, ones(later(m, self.beats.payload, 1)), 0))
