"""Weights of 8, 4, 2 or 1 bits from memory to taps of 16 weights of 8 bits."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import WeightFormat
from spynq.lif.params import LANES
from spynq_hw.lif.records import BEAT

__all__ = ["CODES", "Widen"]

CODES = data.ArrayLayout(8, 16)
"""Values of a codebook."""


class Widen(wiring.Component):
    """Takes beats of packed taps, and gives one tap per cycle; a lane group begins with a beat.

    Golden step: read_weights. 4-bit weights are -8 to 7, 2-bit ones -2 to 1, of one bit 1 stands for
    -1 and 0 for +1; a code stands for its entry of the codebook.

    Members
    -------
    format : In(3), codebook : In(CODES)
        How weights are packed.
    last : In(1)
        The tap given now is the last one of its lane group: the rest of its beat is dropped.
    packed : In(stream.Signature(128))
        Beats.
    taps : Out(stream.Signature(128))
        Taps, lane 0 lowest.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "format": In(3),
                "codebook": In(CODES),
                "last": In(1),
                "packed": In(stream.Signature(BEAT)),
                "taps": Out(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat, left = Signal(BEAT), Signal(4)
        shift = Signal(BEAT)
        per_beat = Signal(4)
        ends = Signal()
        narrow: dict[int, tuple[int, ...]] = {
            4: (WeightFormat.S4, WeightFormat.CODEBOOK4),
            2: (WeightFormat.S2, WeightFormat.CODEBOOK2),
            1: (WeightFormat.S1,),
        }
        # Of a beat of whole weights nothing is left after its tap.
        m.d.comb += [per_beat.eq(1), shift.eq(beat >> 4 * LANES)]
        with m.Switch(self.format):
            for bits, formats in narrow.items():
                with m.Case(*map(int, formats)):
                    m.d.comb += [per_beat.eq(8 // bits), shift.eq(beat >> bits * LANES)]
        m.d.comb += [
            self.taps.valid.eq(left != 0),
            ends.eq(self.taps.valid & self.taps.ready & ((left == 1) | self.last)),
            self.packed.ready.eq((left == 0) | ends),
        ]
        with m.If(self.packed.ready):
            m.d.sync += [beat.eq(self.packed.payload), left.eq(Mux(self.packed.valid, per_beat, 0))]
        with m.Elif(self.taps.ready):
            m.d.sync += [beat.eq(shift), left.eq(left - 1)]
        m.d.comb += self.taps.payload.eq(Cat(self._weight(m, beat, lane) for lane in range(LANES)))
        return m

    def _weight(self, m: Module, beat: Signal, lane: int) -> Value:
        value = Signal(8, name=f"weight{lane}")
        four, two, one = beat[4 * lane :][:4], beat[2 * lane :][:2], beat[lane]
        entries = Array(self.codebook[i] for i in range(16))
        m.d.comb += value.eq(beat[8 * lane :][:8])
        with m.Switch(self.format):
            with m.Case(int(WeightFormat.S4)):
                m.d.comb += value.eq(four.as_signed())
            with m.Case(int(WeightFormat.S2)):
                m.d.comb += value.eq(two.as_signed())
            with m.Case(int(WeightFormat.S1)):
                m.d.comb += value.eq(Cat(Const(1, 1), one.replicate(7)))
            with m.Case(int(WeightFormat.CODEBOOK4), int(WeightFormat.CODEBOOK2)):
                m.d.comb += value.eq(entries[Mux(self.format == int(WeightFormat.CODEBOOK2), two, four)])
        return value
