"""From the columns' output memories to beats of spikes."""

from functools import partial

from amaranth import Array, Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.lif.lanes import FOLDS, foldable
from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.maps import ones
from spynq_hw.lif.neuron import later
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import OUTPUTS, PIECES, Sizes

__all__ = ["ONES", "Pack"]

ONES = 2
"""Cycles from a beat that is taken to the number of its spikes."""
_PIECE = BEAT // PIECES


class Pack(wiring.Component):
    """Sends the spikes of a step: those of column 0, 1, ..., then of the next unit; a beat per cycle.

    Of every column come 16 bits, or a half or a quarter of them. Where those of all columns are less than
    a beat it takes several units, so beats come at a lower rate.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    run : In(1), slot : In(3)
        Send the step, or plane of values, in this output slot; stays until ``end``.
    fold : In(4)
        A column has ``16 >> fold`` bits.
    total : In(16), pieces : In(5)
        Beats of a step, and pieces of 4 bits in the last one, 0 for all.
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
                "fold": In(4),
                "total": In(16),
                "pieces": In(exact_log2(PIECES)),
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
        beats = self.beats
        # Of a unit that fills several beats, or of several units that fill one.
        parts = max(PIECES // self.config.columns, LANES * self.config.columns // BEAT, 2)
        unit, part, number = Signal(self.sizes.unit), Signal(range(parts)), Signal(16)
        next_unit, next_part = Signal.like(unit), Signal.like(part)
        there, moves, last = Signal(), Signal(), Signal()
        # A beat takes several units, and is whole; it was the last part of a unit, or beat.
        several, whole, end_part = Signal(), Signal(), Signal()
        beat = Signal(BEAT)
        m.d.comb += [
            whole.eq(~several | end_part),
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
            m.d.comb += next_unit.eq(unit + (several | end_part))
            m.d.sync += number.eq(number + whole)
        m.d.sync += [there.eq(self.run & ~self.end & self.written), unit.eq(next_unit), part.eq(next_part)]
        self._gather(m, part, moves, several, end_part, beat)
        self._mask(m, beat, last)
        return m

    def _gather(
        self, m: Module, part: Signal, moves: Signal, several: Signal, end_part: Signal, beat: Signal
    ) -> None:
        """A beat of what the columns show, by the bits that each has."""
        before = Signal(BEAT)
        with m.If(moves):
            m.d.sync += before.eq(beat)
        with m.Switch(self.fold):
            for fold in filter(partial(foldable, self.config), range(FOLDS)):
                row = Cat(column[: LANES >> fold] for column in self.spikes)
                with m.Case(fold):
                    if len(row) < BEAT:
                        m.d.comb += [
                            several.eq(1),
                            end_part.eq(part == BEAT // len(row) - 1),
                            beat.eq(Cat(before[len(row) :], row)),
                        ]
                    else:
                        words = [row[k : k + BEAT] for k in range(0, len(row), BEAT)]
                        m.d.comb += [end_part.eq(part == len(words) - 1), beat.eq(Array(words)[part])]

    def _mask(self, m: Module, beat: Signal, last: Signal) -> None:
        """What follows the last unit is no spike."""
        taken = Signal()
        for i in range(PIECES):
            on = (self.pieces == 0) | (i < self.pieces) | ~last
            place = slice(_PIECE * i, _PIECE * (i + 1))
            m.d.comb += self.beats.payload[place].eq(Mux(on, beat[place], 0))
        m.d.sync += taken.eq(self.beats.valid & self.beats.ready)
        m.d.sync += self.ones.eq(Mux(taken, ones(later(m, self.beats.payload, 1)), 0))
