"""Vectors of the units: one bit per clock, a statistic against its threshold."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.sgf.params import STATISTIC_BITS, SgfConfig
from spynq.sgf.statistics import PLACES

__all__ = ["GROUP", "Vectors"]

GROUP = 8
"""Bits that the counters take at once."""


class Vectors(wiring.Component):
    """Statistics, the bit table, and the vectors of unit A and of the unit below it.

    Golden model: :func:`spynq.sgf.golden.bits_of`.

    Parameters
    ----------
    config : SgfConfig
        Uses ``bits``.

    Members
    -------
    write, place, value : In
        Store a statistic.
    look, statistic : In, Out
        Statistic at a place, one cycle later, while not busy.
    write_bit, bit_place, bit_value : In
        Store an entry of the bit table: place ``bits * unit + bit``.
    start, unit, below, length, zero : In
        Make the vector of a unit: ``below`` says which of the two, ``zero`` that all bits are 0.
    busy : Out(1)
        From the cycle after ``start``.
    turn, turn_below : In
        Rotate a vector by a group; ``bits / 8`` turns restore it.
    groups : Out(ArrayLayout(8, 2))
        Lowest group of both vectors.
    vectors : Out(ArrayLayout(bits, 2))
        Both.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.bits = bits = config.bits
        super().__init__(
            {
                "write": In(1),
                "place": In(range(PLACES)),
                "value": In(signed(STATISTIC_BITS)),
                "look": In(range(PLACES)),
                "statistic": Out(signed(STATISTIC_BITS)),
                "write_bit": In(1),
                "bit_place": In(range(4 * bits)),
                "bit_value": In(32),
                "start": In(1),
                "unit": In(2),
                "below": In(1),
                "length": In(range(bits + 1)),
                "zero": In(1),
                "busy": Out(1),
                "turn": In(1),
                "turn_below": In(1),
                "groups": Out(data.ArrayLayout(GROUP, 2)),
                "vectors": Out(data.ArrayLayout(bits, 2)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        style = {"ram_style": "block"}
        m.submodules.statistics = statistics = Memory(
            shape=signed(STATISTIC_BITS), depth=PLACES, init=[], attrs=style
        )
        m.submodules.bits = table = Memory(shape=32, depth=4 * self.bits, init=[], attrs=style)
        write, read = statistics.write_port(), statistics.read_port()
        bit_write, bit_read = table.write_port(), table.read_port()
        number = Signal(exact_log2(self.bits) + 1)
        runs, below, zero, unit = Signal(), Signal(), Signal(), Signal(2)
        length = Signal.like(self.length)
        with m.If(self.start):
            m.d.sync += [
                runs.eq(1), number.eq(0), below.eq(self.below), zero.eq(self.zero),
                unit.eq(self.unit), length.eq(self.length),
            ]  # fmt: skip
        with m.Elif(runs):
            m.d.sync += number.eq(number + 1)
            with m.If(number == self.bits - 1):
                m.d.sync += runs.eq(0)
        # Two memories one after the other: an entry, then its statistic.
        stages = [Signal(3, name=f"stage_{i}") for i in range(2)]  # runs, counts, last of a group
        threshold = Signal(signed(STATISTIC_BITS))
        now = Cat(runs, (number < length) & ~zero, number[:3].all())
        m.d.sync += [stages[0].eq(now), stages[1].eq(stages[0]), threshold.eq(bit_read.data[9:])]
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.place),
            write.data.eq(self.value),
            bit_write.en.eq(self.write_bit),
            bit_write.addr.eq(self.bit_place),
            bit_write.data.eq(self.bit_value),
            bit_read.addr.eq(Cat(number[: exact_log2(self.bits)], unit)),
            read.addr.eq(Mux(stages[0][0], bit_read.data[:9], self.look)),
            self.statistic.eq(read.data),
            self.busy.eq(runs | stages[0][0] | stages[1][0]),
        ]
        self._shift(m, stages[1], read.data, threshold, below)
        return m

    def _shift(self, m: Module, stage: Signal, statistic: Value, threshold: Signal, below: Signal) -> None:
        """Eight bits are gathered, then the vector turns by a group."""
        gathered = Signal(GROUP)
        group = Cat(gathered[1:], stage[1] & (statistic > threshold))
        with m.If(stage[0]):
            m.d.sync += gathered.eq(group)
        for place, turn in enumerate((self.turn, self.turn_below)):
            vector = Value.cast(self.vectors[place])
            enters = stage[0] & stage[2] & (below == place)
            front = Mux(enters, group, vector[:GROUP])
            m.d.comb += self.groups[place].eq(vector[:GROUP])
            with m.If(enters | turn):
                m.d.sync += vector.eq(Cat(vector[GROUP:], front))
