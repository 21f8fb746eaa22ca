"""Weights of 8, 4, 2 or 1 bits from memory to taps of 16 weights of 8 bits."""

from amaranth import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import WeightFormat
from spynq.lif.params import LANES
from spynq_hw.lif.records import BEAT

__all__ = ["CODES", "Widen"]

CODES = data.ArrayLayout(8, 16)
"""Values of a codebook."""
_BITS = 4
"""Of a code, at most."""


class Widen(wiring.Component):
    """Takes beats of packed taps, and gives one tap per cycle; a lane group begins with a beat.

    Golden step: read_weights. 4-bit weights are -8 to 7, 2-bit ones -2 to 1, of one bit 1 stands for
    -1 and 0 for +1; a code stands for its entry of the codebook. Whatever has fewer bits than 8 is looked up
    in a table that is filled before, an entry per cycle; taps wait for that.

    Parameters
    ----------
    codebook : bool
        Whether there are codebooks.

    Members
    -------
    begin : In(1), format : In(3), codebook : In(CODES)
        Pulse: weights of another layer follow; how they are packed.
    last : In(1)
        The tap given now is the last one of its lane group: the rest of its beat is dropped.
    packed : In(stream.Signature(128))
        Beats.
    lanes : In(16)
        Lanes that are a channel; others get 0.
    taps : Out(stream.Signature(128))
        Taps, lane 0 lowest.
    """

    def __init__(self, codebook: bool = True) -> None:
        self.codes = codebook
        super().__init__(
            {
                "begin": In(1),
                "format": In(3),
                "codebook": In(CODES),
                "last": In(1),
                "lanes": In(LANES),
                "packed": In(stream.Signature(BEAT)),
                "taps": Out(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        beat, left = Signal(BEAT), Signal(4)
        shift = Signal(BEAT)
        per_beat = Signal(4)
        ends, moves = Signal(), Signal()
        self._narrow = narrow = {
            4: (WeightFormat.S4, WeightFormat.CODEBOOK4),
            2: (WeightFormat.S2, WeightFormat.CODEBOOK2),
            1: (WeightFormat.S1,),
        }
        filled = self._table(m)
        # Of a beat of whole weights nothing is left after its tap.
        m.d.comb += [per_beat.eq(1), shift.eq(beat >> 4 * LANES)]
        with m.Switch(self.format):
            for bits, formats in narrow.items():
                with m.Case(*map(int, formats)):
                    m.d.comb += [per_beat.eq(8 // bits), shift.eq(beat >> bits * LANES)]
        m.d.comb += [
            self.taps.valid.eq((left != 0) & (filled | (self.format == WeightFormat.S8))),
            moves.eq(self.taps.valid & self.taps.ready),
            ends.eq(moves & ((left == 1) | self.last)),
            self.packed.ready.eq((left == 0) | ends),
        ]
        with m.If(self.packed.ready):
            m.d.sync += [beat.eq(self.packed.payload), left.eq(Mux(self.packed.valid, per_beat, 0))]
        with m.Elif(moves):
            m.d.sync += [beat.eq(shift), left.eq(left - 1)]
        m.d.comb += self.taps.payload.eq(Cat(self._weight(m, beat, lane) for lane in range(LANES)))
        return m

    def _table(self, m: Module) -> Value:
        """What every code of fewer than 8 bits stands for; whether it is there."""
        distributed = {"ram_style": "distributed"}
        self._memory = memory = Memory(shape=8, depth=1 << _BITS, init=[], attrs=distributed)
        m.submodules.table = memory
        write, place = memory.write_port(), Signal(_BITS + 1)
        code, value = place[:_BITS], Signal(8)
        m.d.comb += [write.addr.eq(code), write.data.eq(value), write.en.eq(~place[-1])]
        with m.Switch(self.format):
            with m.Case(int(WeightFormat.S4)):
                m.d.comb += value.eq(code.as_signed())
            with m.Case(int(WeightFormat.S2)):
                m.d.comb += value.eq(code[:2].as_signed())
            with m.Case(int(WeightFormat.S1)):
                m.d.comb += value.eq(Mux(code[0], -1, 1))
            if self.codes:
                with m.Default():
                    m.d.comb += value.eq(Array(self.codebook[i] for i in range(1 << _BITS))[code])
        with m.If(self.begin):
            m.d.sync += place.eq(0)
        with m.Elif(~place[-1]):
            m.d.sync += place.eq(place + 1)
        return place[-1]

    def _weight(self, m: Module, beat: Signal, lane: int) -> Value:
        read, code = self._memory.read_port(domain="comb"), Signal(_BITS, name=f"code{lane}")
        with m.Switch(self.format):
            for bits, formats in self._narrow.items():
                with m.Case(*map(int, formats)):
                    m.d.comb += code.eq(beat[bits * lane :][:bits])
        m.d.comb += read.addr.eq(code)
        weight = Mux(self.format == WeightFormat.S8, beat[8 * lane :][:8], read.data)
        return Mux(self.lanes[lane], weight, 0)
