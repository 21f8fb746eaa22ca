"""The temporal engine, second half: steps, reversals, rotation and the path of the centroid."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.sgf.params import STATISTIC_BITS, SgfConfig
from spynq.sgf.statistics import PLACES, TEMPORAL, TEMPORAL_FIRST, region_place
from spynq_hw.sgf.divide import Divide
from spynq_hw.sgf.walk import REGIONS, frame_sums

__all__ = ["Paths"]

_CENTROID = 11
_SUM = 19
_COUNT = 8

Point = data.StructLayout({"y": _CENTROID, "x": _CENTROID})
Record = data.StructLayout(
    {
        "down": _COUNT, "up": _COUNT, "yrev": _COUNT, "right": _COUNT, "left": _COUNT, "xrev": _COUNT,
        "last_y": signed(2), "last_x": signed(2), "rot": signed(10),
        "height": 15, "width": 15, "active": 22, "steady": _COUNT,
        "sum_y": _SUM, "sum_x": _SUM, "path_y": _SUM, "path_x": _SUM, "cross": signed(32),
        "peak_y": 15, "peak_x": 15, "move_y": 22, "move_x": 22,
        "first": Point, "second": Point, "latest": Point, "former": Point,
    }
)  # fmt: skip
"""What a region has shown up to a frame."""


class Paths(wiring.Component):
    """Takes the sums of frame after frame, region after region, and writes the temporal statistics.

    Golden model: :func:`spynq.sgf.temporal.temporal`. A frame takes about 90 clocks, which pass while
    the next one is walked.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    valid, sums, taken : In, In, Out
        Sums of a frame.
    least : In
        Active pixels a step needs.
    begin : In(1)
        Pulse: a trial begins.
    finish, frames, busy : In, In, Out
        Pulse: all frames are in, write the statistics.
    write, place, value : Out
        A statistic.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        super().__init__(
            {
                "valid": In(1),
                "sums": In(frame_sums(config.size)),
                "taken": Out(1),
                "least": In(14),
                "begin": In(1),
                "finish": In(1),
                "frames": In(8),
                "busy": Out(1),
                "write": Out(1),
                "place": Out(range(PLACES)),
                "value": Out(signed(STATISTIC_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.divide = self._divide = Divide(_CENTROID, 25, 15)
        m.submodules.records = records = Memory(
            shape=Record, depth=4, init=[], attrs={"ram_style": "distributed"}
        )
        self._store, read = records.write_port(), records.read_port(domain="comb")
        self._region = Signal(range(REGIONS))
        self._old, self._held = Signal(Record), Signal(frame_sums(self.config.size))
        self._centre = Signal(Point)
        self._empty = Signal(init=1)
        self._ends = Signal()  # the statistics are being made
        self._couples = [Signal(signed(9), name=f"couple_{axis}") for axis in "yx"]
        m.d.comb += [read.addr.eq(self._region), self._store.addr.eq(self._region)]
        # The first frame of a trial finds what the last trial left.
        m.d.sync += Value.cast(self._old).eq(Mux(self._held.opening | self._empty, 0, Value.cast(read.data)))
        self._points(m)
        self._products(m)
        self._step(m)
        with m.If(self.begin):
            m.d.sync += [self._empty.eq(1), *(couple.eq(0) for couple in self._couples)]
        self._control(m)
        return m

    def _control(self, m: Module) -> None:
        divide, last_region = self._divide, self._region == REGIONS - 1
        ends = self._ends
        item = Signal(range(len(TEMPORAL) + 1))
        m.d.comb += self.busy.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                m.d.sync += [self._region.eq(0), ends.eq(self.finish)]
                with m.If(self.finish):
                    m.d.sync += self._held.opening.eq(0)
                    m.next = "RECORD"
                with m.Elif(self.valid):
                    m.d.comb += self.taken.eq(1)
                    m.d.sync += [Value.cast(self._held).eq(Value.cast(self.sums)), self._empty.eq(0)]
                    m.next = "RECORD"
            with m.State("RECORD"):
                m.next = "Y"
            for axis, after in (("Y", "X"), ("X", "CENTRE")):
                with m.State(axis):
                    self._ask(m, axis.lower(), ends)
                    m.next = f"WAIT_{axis}"
                with m.State(f"WAIT_{axis}"):
                    with m.If(~divide.busy):
                        m.d.sync += self._centre[axis.lower()].eq(divide.quotient)
                        m.next = after
            with m.State("CENTRE"):
                # Means of no frame are 0.
                with m.If(ends & (self._old.steady == 0)):
                    m.d.sync += Value.cast(self._centre).eq(0)
                m.next = "MULTIPLY"
            with m.State("MULTIPLY"):
                m.d.sync += [item.eq(0), self._step_at.eq(0), *(away.eq(0) for away in self._away)]
                m.next = "DISTANCE"
                with m.If(~ends):
                    m.next = "KEEP"
            with m.State("DISTANCE"):
                self._distance(m)
                with m.If(self._step_at == self._old.steady):
                    m.next = "LAST_DISTANCE"
            with m.State("LAST_DISTANCE"):
                m.next = "WRITE"
            with m.State("KEEP"):
                m.d.comb += [self._store.en.eq(1), self._keeps.eq(1)]
                self._couple(m)
                m.d.sync += self._region.eq(self._region + 1)
                m.next = "RECORD"
                with m.If(last_region):
                    m.next = "IDLE"
            self._write(m, item)

    def _write(self, m: Module, item: Signal) -> None:
        """The statistics of a region, one per clock; after the last region those of the trial."""
        with m.State("WRITE"):
            m.d.comb += self.write.eq(1)
            self._statistic(m, item)
            m.d.sync += item.eq(item + 1)
            with m.If(item == len(TEMPORAL) - 1):
                m.d.sync += [self._region.eq(self._region + 1), item.eq(0)]
                m.next = "RECORD"
                with m.If(self._region == REGIONS - 1):
                    m.next = "REST"
        with m.State("REST"):
            rest = [*self._couples, self.frames]
            m.d.comb += [
                self.write.eq(1),
                self.place.eq(region_place(REGIONS, TEMPORAL[0]) + item),
                self.value.eq(Array(rest)[item]),
            ]
            m.d.sync += item.eq(item + 1)
            with m.If(item == len(rest) - 1):
                m.next = "IDLE"

    def _ask(self, m: Module, axis: str, ends: Signal) -> None:
        """Divide the moment of a frame by its pixels, or the sum of a trial by its frames."""
        lane = Cat(Const(int(axis == "x"), 1), self._region)
        moment, bits = Signal(25), exact_log2(self.config.size)
        m.d.comb += [
            moment.eq(((self._held.now[self._region] << bits) - self._held.seen[lane])[: 3 * bits] << 4),
            self._divide.start.eq(1),
            self._divide.dividend.eq(Mux(ends, self._old[f"sum_{axis}"], moment)),
            self._divide.divisor.eq(Mux(ends, self._old.steady, self._held.now[self._region])),
        ]

    def _points(self, m: Module) -> None:
        """The path of each region, kept for the distances to its mean; a point is read a clock late."""
        m.submodules.points = points = Memory(
            shape=Point, depth=4 * self.config.frames, init=[], attrs={"ram_style": "block"}
        )
        self._step_at, self._reads = Signal(_COUNT), Signal()
        self._away = [Signal(_SUM, name=f"distance_{axis}") for axis in "yx"]
        self._keeps = Signal()
        write, read = points.write_port(), points.read_port()
        m.d.comb += [
            write.addr.eq(Cat(self._region, self._old.steady)),
            Value.cast(write.data).eq(Value.cast(self._centre)),
            write.en.eq(self._keeps),
            read.addr.eq(Cat(self._region, self._step_at)),
        ]
        m.d.sync += self._reads.eq(0)
        for axis, away in zip("yx", self._away, strict=True):
            apart = Signal(signed(_CENTROID + 1), name=f"apart_{axis}")
            m.d.comb += apart.eq(read.data[axis] - self._centre[axis])
            with m.If(self._reads):
                m.d.sync += away.eq(away + Mux(apart < 0, -apart, apart))

    def _distance(self, m: Module) -> None:
        with m.If(self._step_at != self._old.steady):
            m.d.sync += [self._step_at.eq(self._step_at + 1), self._reads.eq(1)]

    def _products(self, m: Module) -> None:
        """The two products of the cross sum, or of the shift of an area to its mean."""
        old, centre = self._old, self._centre
        wide = signed(14)
        one, other = Signal(wide), Signal(wide)
        self._product_1, self._product_2 = Signal(signed(27)), Signal(signed(27))
        m.d.comb += [
            one.eq(Mux(self._ends, old.first.x + old.second.x - old.former.x - old.latest.x, old.former.x)),
            other.eq(Mux(self._ends, old.first.y + old.second.y - old.former.y - old.latest.y, old.former.y)),
        ]
        m.d.sync += [self._product_1.eq(one * centre.y), self._product_2.eq(other * centre.x)]

    def _step(self, m: Module) -> None:
        """The record after a frame."""
        old, held, new = self._old, self._held, Signal(Record)
        now, before = held.now[self._region], held.before[self._region]
        enough, steady = Signal(), Signal()
        m.d.comb += [
            Value.cast(new).eq(Value.cast(old)),
            enough.eq(held.compared & (now >= self.least) & (before >= self.least)),
            steady.eq((now != 0) & (now >= self.least)),
            Value.cast(self._store.data).eq(Value.cast(new)),
        ]
        self._signs = []
        for axis, (down, up, turns, span) in enumerate(
            (("down", "up", "yrev", "height"), ("right", "left", "xrev", "width"))
        ):
            name = "yx"[axis]
            d = held.difference[Cat(Const(axis, 1), self._region)]
            size = Signal(len(d), name=f"move_{name}")
            sign, last = Signal(signed(2), name=f"sign_{name}"), old[f"last_{name}"]
            m.d.comb += [
                sign.eq(Mux(~enough, 0, ((d << 3) > now) - (((-d) << 3) > now))),
                new[down].eq(old[down] + (sign > 0)),
                new[up].eq(old[up] + (sign < 0)),
                new[turns].eq(old[turns] + ((sign != 0) & (last != 0) & (sign != last))),
                new[span].eq(old[span] + held.occupied[Cat(Const(axis, 1), self._region)]),
                new[f"last_{name}"].eq(Mux(sign != 0, sign, last)),
                size.eq(Mux(~enough, 0, Mux(d < 0, -d, d))),
                new[f"move_{name}"].eq(old[f"move_{name}"] + size),
                new[f"peak_{name}"].eq(old[f"peak_{name}"] + held.peak[Cat(Const(axis, 1), self._region)]),
            ]
            self._signs.append(sign)
        m.d.comb += [
            new.rot.eq(old.rot + old.last_x * new.last_y - old.last_y * new.last_x),
            new.active.eq(old.active + now),
        ]
        with m.If(steady):
            self._advance(m, new)

    def _advance(self, m: Module, new: data.View) -> None:
        """A point more on the path of the centroid."""
        old, centre = self._old, self._centre
        m.d.comb += [
            new.steady.eq(old.steady + 1),
            Value.cast(new.latest).eq(Value.cast(centre)),
            Value.cast(new.former).eq(Value.cast(old.latest)),
        ]
        for axis in "yx":
            away = Signal(signed(_CENTROID + 1), name=f"away_{axis}")
            m.d.comb += [
                away.eq(centre[axis] - old.former[axis]),
                new[f"sum_{axis}"].eq(old[f"sum_{axis}"] + centre[axis]),
            ]
            with m.If(old.steady >= 2):
                m.d.comb += new[f"path_{axis}"].eq(old[f"path_{axis}"] + Mux(away < 0, -away, away))
        with m.If(old.steady == 0):
            m.d.comb += Value.cast(new.first).eq(Value.cast(centre))
        with m.If(old.steady == 1):
            m.d.comb += Value.cast(new.second).eq(Value.cast(centre))
        with m.If(old.steady >= 2):
            m.d.comb += new.cross.eq(old.cross + self._product_1 - self._product_2)

    def _couple(self, m: Module) -> None:
        """Product of the steps of both halves, kept from the left one to the right one."""
        for sign, couple, name in zip(self._signs, self._couples, "yx", strict=True):
            left = Signal(signed(2), name=f"left_sign_{name}")
            with m.If(self._region == 0):
                m.d.sync += left.eq(sign)
            with m.If(self._region == 1):
                m.d.sync += couple.eq(couple + left * sign)

    def _statistic(self, m: Module, item: Signal) -> None:
        old, centre = self._old, self._centre
        area = Signal(signed(34))
        m.d.comb += area.eq(Mux(old.steady >= 3, old.cross - self._product_1 + self._product_2, 0))
        values = [
            old.down, old.up, old.yrev, old.right, old.left, old.xrev, old.rot, area >> 8,
            old.height, old.width, old.active, old.path_y, old.path_x, centre.y, centre.x, old.steady,
            old.peak_y, old.peak_x, old.move_y, old.move_x, *self._away,
        ]  # fmt: skip
        m.d.comb += [
            self.value.eq(Array(values)[item]),
            self.place.eq(TEMPORAL_FIRST + Cat(item[:5], self._region)),
        ]
