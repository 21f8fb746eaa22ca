"""Spatial statistics: cells above thresholds, and sums of counts, per zone."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import COUNT_LIMIT, STATISTIC_BITS, SgfConfig
from spynq.sgf.statistics import PLACES, ZONE_REGIONS
from spynq_hw.sgf.cells import COUNT_BITS

__all__ = ["Zones"]

_ZONES = 6


class Zones(wiring.Component):
    """One pass over the grid per threshold and one for the sums, a row of cells per clock.

    Golden model: :func:`spynq.sgf.spatial.spatial`.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    start, busy : In, Out
        Pulse, and level from the next cycle until the last statistic is written.
    cell_row, counts : Out, In
        CNT of a row of cells, in the same cycle.
    thetas : In
        Thresholds.
    write, place, value : Out
        A statistic.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "busy": Out(1),
                "cell_row": Out(range(config.grid)),
                "counts": In(data.ArrayLayout(COUNT_BITS, config.grid)),
                "thetas": In(data.ArrayLayout(COUNT_BITS, config.thetas)),
                "write": Out(1),
                "place": Out(range(PLACES)),
                "value": Out(STATISTIC_BITS),
            }
        )
        grid = config.grid
        columns = [[c for c in range(grid) if config.zone(c) == z] for z in range(config.zones)]
        self._columns = columns
        self._segment = (max(map(len, columns)) * COUNT_LIMIT).bit_length()
        self._zone = (max(map(len, columns)) ** 2 * COUNT_LIMIT).bit_length()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, zones = self.config, self.config.zones
        number, issue, left = Signal(range(config.thetas + 1)), Signal(), Signal()
        row = self.cell_row
        zone_of = Array(Const(config.zone(g), range(zones)) for g in range(config.grid))
        begins = Array(Const(g == 0 or config.zone(g) != config.zone(g - 1)) for g in range(config.grid))
        ends = Array(
            Const(g == config.grid - 1 or config.zone(g) != config.zone(g + 1)) for g in range(config.grid)
        )
        tags = data.StructLayout(
            {
                "valid": 1,
                "begins": 1,
                "ends": 1,
                "first": 1,
                "last": 1,
                "zone": range(zones),
                "number": len(number),
            }
        )
        tag = Signal(tags)
        writing = Signal()
        m.d.comb += issue.eq(left & ~(ends[row] & ((tag.valid & tag.ends) | writing)))
        with m.If(self.start):
            m.d.sync += [left.eq(1), number.eq(0), row.eq(0)]
        with m.Elif(issue):
            m.d.sync += row.eq(row + 1)
            with m.If(row == config.grid - 1):
                m.d.sync += [row.eq(0), number.eq(number + 1), left.eq(number != config.thetas)]
        m.d.sync += [
            tag.valid.eq(issue),
            tag.begins.eq(begins[row]),
            tag.ends.eq(ends[row]),
            tag.first.eq(row == 0),
            tag.last.eq(row == config.grid - 1),
            tag.zone.eq(zone_of[row]),
            tag.number.eq(number),
        ]
        segments = self._segments(m, number)
        self._accumulate(m, tag, segments, writing)
        m.d.comb += self.busy.eq(left | tag.valid | writing)
        return m

    def _segments(self, m: Module, number: Signal) -> data.View:
        """Sum of a row of cells per zone column, one cycle later."""
        config = self.config
        segments = Signal(data.ArrayLayout(self._segment, config.zones))
        sums = number == config.thetas
        theta = Signal(COUNT_BITS)
        m.d.comb += theta.eq(Array([*self.thetas, Const(0)])[number])
        for zone, columns in enumerate(self._columns):
            above = sum((self.counts[c] > theta for c in columns), Const(0, 1))
            total = sum((self.counts[c] for c in columns), Const(0, 1))
            m.d.sync += segments[zone].eq(Mux(sums, total, above))
        return segments

    def _accumulate(self, m: Module, tag: data.View, segments: data.View, writing: Signal) -> None:
        zones, half = self.config.zones, self.config.zones // 2
        width = (self.config.grid**2 * COUNT_LIMIT).bit_length()
        totals, held = (Signal(data.ArrayLayout(self._zone, zones), name=n) for n in ("totals", "held"))
        quarters, kept = (Signal(data.ArrayLayout(width, 4), name=n) for n in ("quarters", "kept"))
        new, new_quarters = Signal.like(totals), Signal.like(quarters)
        at = Signal(tag.shape())
        step = Signal(range(zones + len(ZONE_REGIONS)))
        for zone in range(zones):
            m.d.comb += new[zone].eq(segments[zone] + Mux(tag.begins, 0, totals[zone]))
        for quarter in range(4):
            side = segments[:half] if quarter % 2 == 0 else segments[half:]
            mine = (tag.zone >= half) == (quarter >= 2)
            m.d.comb += new_quarters[quarter].eq(
                Mux(tag.first, 0, quarters[quarter]) + Mux(mine, _sum(side), 0)
            )
        with m.If(tag.valid):
            m.d.sync += [
                Value.cast(totals).eq(Value.cast(new)),
                Value.cast(quarters).eq(Value.cast(new_quarters)),
            ]
        with m.If(tag.valid & tag.ends):
            m.d.sync += [
                Value.cast(held).eq(Value.cast(new)),
                Value.cast(kept).eq(Value.cast(new_quarters)),
                Value.cast(at).eq(Value.cast(tag)),
                writing.eq(1),
                step.eq(0),
            ]
        with m.Elif(writing):
            m.d.sync += step.eq(step + 1)
            with m.If(step == Mux(at.last, zones + len(ZONE_REGIONS) - 1, zones - 1)):
                m.d.sync += writing.eq(0)
        q = kept
        regions = [q[0] + q[2], q[1] + q[3], *(q[i] for i in range(4)), q[0] + q[1] + q[2] + q[3]]
        offset = Signal(6)
        m.d.comb += [
            self.write.eq(writing),
            self.value.eq(Array([*(held[z] for z in range(zones)), *regions])[step]),
            offset.eq(Mux(step < zones, at.zone * _ZONES + step, _ZONES * _ZONES - zones + step)),
            self.place.eq(Cat(offset, at.number)),
        ]


def _sum(values: data.View) -> Value:
    return sum((values[i] for i in range(len(values))), Const(0, 1))
