"""From units (pixel and round) to the runs of bits that their windows see."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.params import LifConfig
from spynq_hw.lif.records import drive
from spynq_hw.lif.sizes import OUTPUTS, Sizes

__all__ = ["Walker", "geometry", "known", "segment", "unit"]

_FLAGS = ("last", "begins", "again", "early", "slow", "open")
"""What is told of a unit beside its round."""


def geometry(sizes: Sizes) -> data.StructLayout:
    """What the walkers know of a layer: fields of the PLAN by their names, no wider than the build needs.

    ``planes``, ``signed`` and ``second`` come from the DESCRIPTOR, planes counted from 1;
    ``x_past`` and ``y_past`` are added in place of a step past the last round, and past the end of a row;
    ``second_place`` is the bit at which the second source begins, ``wrap`` the taps of all rounds,
    ``behind`` and ``again`` the steps after the first one for which its sums hold: those that go along
    with it, and those that follow. ``few``: units of a wave that are too close to those a step later.
    """
    place = sizes.place + 1
    return data.StructLayout(
        {
            "units": sizes.units,
            "rounds": sizes.round + 1,
            "x_past": place,
            "x_end": place,
            "x_first": signed(place + 1),
            "y_past": place,
            "y_first": signed(place + 1),
            "x_limit": place,
            "map_bits": place,
            "segment_bits": place,
            "segment_x": place,
            "segment_y": place,
            "segments": 12,
            "segment_rows": 12,
            "pool_log2": 2,
            "slice": 1,
            "tap_x": sizes.tap,
            "tap_y": sizes.tap,
            "plane_bits": place,
            "planes": 4,
            "planes_second": 4,
            "signed": 1,
            "second": 1,
            "second_place": sizes.place,
            "wrap": sizes.tap + 1,
            "behind": range(OUTPUTS),
            "few": 4,
            "again": 16,
        }
    )


def unit(sizes: Sizes) -> data.StructLayout:
    """A pixel in a round: place of its window and first tap of its weights."""
    return data.StructLayout(
        {
            "number": sizes.units,
            "round": sizes.round,
            "x": sizes.place + 1,
            "y": signed(sizes.place + 2),
            "tap": sizes.tap,
        }
    )


def known(sizes: Sizes) -> data.StructLayout:
    """What must be known when a unit's sums are complete; ``last`` of its step, which ``begins`` a sample.

    ``again``: they are those of the step before. ``early``: the unit before the last one, in the step after
    that one's. ``slow``: wait before the next unit, until this one's membranes can be read again.
    ``open``: steps that have begun already come next.
    """
    return data.StructLayout({"round": sizes.round, **dict.fromkeys(_FLAGS, 1)})


def segment(sizes: Sizes) -> data.StructLayout:
    """A run of bits ``start`` to before ``end``, whose first bit stands for ``tap``.

    ``empty``: no bits at all, but something to say. ``double``, ``negate``, ``last`` as in the feeder's
    words; ``final``: the map is not needed any more.
    """
    place = sizes.place
    return data.StructLayout(
        {
            "start": place,
            "end": place + 1,
            "tap": sizes.tap,
            "empty": 1,
            "double": 1,
            "negate": 1,
            "last": 1,
            "final": 1,
        }
    )


class Walker(wiring.Component):
    """Walks the windows of every G-th unit of a step; a run of bits per cycle, also from unit to unit.

    Runs are clipped to the map; what lies outside of it is padding and costs a cycle and no more.
    Planes of both sources follow each other from the most significant one down, as ``double`` says.
    Steps for which the sums of the first one hold consist of units alone, one per cycle. A cycle lies
    between two steps.

    Some of these steps go along with the first one, as neurons have time while its runs are met: unit u of
    step 0 leads a group that goes on with unit u - 1 of step 1, u - 2 of step 2 and so on, and behind it
    the last units of steps 1, 2, ... lead one each, so that steps end in order. As a group begins at most one
    step later than the one before, unit u of the next step is at least as far as the group has units: those
    left of it, then those of the next one before u. Where they are so few that a membrane could be
    read before it is written, the last one of the group is ``slow``. Behind the last group, as
    always, there is a whole step's units from one to the same.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    plan : In(geometry)
        The layer; steady while units are walked.
    first : In(unit)
        First unit of this stream.
    step : In(unit)
        What to add from unit to unit (the number is G).
    go : In(1), begins : In(1)
        A step may begin, and is the first of a sample; looked at between steps.
    begun : Out(1), again : Out(1), along : Out(3)
        It does, in this cycle; it is one without runs; as many others begin with it.
    units : Out(stream.Signature(known))
        Units as they end.
    segments : Out(stream.Signature(segment))
        Their runs.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config = config
        self.sizes = sizes = Sizes(config)
        super().__init__(
            {
                "plan": In(geometry(sizes)),
                "first": In(unit(sizes)),
                "step": In(unit(sizes)),
                "go": In(1),
                "begins": In(1),
                "begun": Out(1),
                "again": Out(1),
                "along": Out(range(OUTPUTS)),
                "units": Out(stream.Signature(known(sizes))),
                "segments": Out(stream.Signature(segment(sizes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        sizes, plan = self.sizes, self.plan
        self._unit = now = Signal(unit(sizes))
        following = Signal(unit(sizes))
        last_unit, begins, emits = Signal(), Signal(), Signal()
        # Its last segment goes out; there is room for a segment; one goes there.
        self._over, self._room, self._advance = over, room, advance = Signal(), Signal(), Signal()
        # A unit with runs comes next, and which one; its first segment goes out in the cycle after.
        self._loads, self._next = Signal(), Signal(unit(sizes))

        self._next_unit(m, now, following)
        last_of_group, ends = self._groups(m, emits, last_unit)
        m.d.comb += [
            last_unit.eq(following.number >= plan.units),
            room.eq(~self.segments.valid | self.segments.ready),
            emits.eq(self.units.valid & self.units.ready),
            self._loads.eq(self.begun | (emits & last_of_group & ~last_unit)),
            self._next.eq(Mux(self.begun, self.first, following)),
        ]
        with m.If(self._loads):
            m.d.sync += now.eq(self._next)
        with m.FSM() as machine:
            with m.State("IDLE"):
                with m.If(self.go):
                    m.d.comb += self.begun.eq(1)
                    m.d.sync += begins.eq(self.begins)
                    m.next = "RUNS"
                    with m.If(self.again):
                        m.next = "UNITS"
            with m.State("RUNS"):
                # A unit is told with its last run.
                m.d.comb += [
                    self.units.valid.eq(room & over),
                    advance.eq(room & (~over | self.units.ready)),
                    self._told["begins"].eq(begins),
                ]
                with m.If(emits & (~last_of_group | last_unit)):
                    m.next = "UNITS"
                with m.If(ends):
                    m.next = "IDLE"
            with m.State("UNITS"):
                m.d.comb += [self.units.valid.eq(1), self._told["again"].eq(1)]
                with m.If(emits & last_of_group & ~last_unit & ~self.again):
                    m.next = "RUNS"
                with m.If(ends):
                    m.next = "IDLE"
            idle = machine.ongoing("IDLE")
        self._walk(m, idle, last_unit)
        return m

    def _groups(self, m: Module, emits: Signal, last_unit: Signal) -> tuple[Signal, Signal]:
        """Which step's unit comes next; gives whether it ends a group, and whether it ends all that began."""
        # What is told of a unit, all of it in one statement.
        self._told = told = {name: Signal(name=f"told_{name}") for name in _FLAGS}
        drive(m, self.units.payload, round=self._unit.round, **told)
        # First step that has not ended, last one that has begun, and that of the unit.
        oldest, newest, now = (Signal(range(OUTPUTS), name=name) for name in ("oldest", "newest", "now"))
        last, more, ends = Signal(), Signal(), Signal()
        # Steps without runs that follow.
        left = Signal(16)
        m.d.comb += [
            self.again.eq(left != 0),
            self.along.eq(Mux(self.again, 0, self.plan.behind)),
            last.eq(now == newest),
            more.eq(oldest != self.along),
            ends.eq(emits & last & last_unit & ~more),
            told["last"].eq(last_unit & ~told["early"]),
            told["early"].eq(now != oldest),
            told["slow"].eq(last & more & (newest - oldest < self.plan.few)),
            told["open"].eq(more),
        ]
        with m.If(ends):
            m.d.sync += [oldest.eq(0), newest.eq(0), now.eq(0)]
            m.d.sync += left.eq(Mux(self.again, left - 1, self.plan.again))
        with m.Elif(emits & last):
            m.d.sync += newest.eq(newest + (newest != self.along))
            m.d.sync += [target.eq(oldest + last_unit) for target in (oldest, now)]
        with m.Elif(emits):
            m.d.sync += now.eq(now + 1)
        return last, ends

    def _next_unit(self, m: Module, now: data.View, following: data.View) -> None:
        """Add a step, round by round, then pixel by pixel, then row by row."""
        plan, step = self.plan, self.step
        round_, x = Signal(self.sizes.round + 1), Signal(self.sizes.place + 1)
        # What is past the last round, and past the end of a row, negative if it is not.
        rounds_over, row_over = Signal(signed(len(round_) + 1)), Signal(signed(len(x) + 1))
        past_round, past_row = ~rounds_over[-1], ~row_over[-1]
        tap_past = Signal(self.sizes.tap)
        m.d.comb += [
            tap_past.eq(step.tap - plan.wrap),
            round_.eq(now.round + step.round),
            rounds_over.eq(round_ - plan.rounds),
            x.eq(now.x + Mux(past_round, plan.x_past, step.x)),
            row_over.eq(x - plan.x_end),
            following.number.eq(now.number + step.number),
            following.round.eq(Mux(past_round, rounds_over, round_)),
            following.x.eq(Mux(past_row, row_over, x)),
            following.y.eq(now.y + Mux(past_row, plan.y_past, step.y)),
            following.tap.eq(now.tap + Mux(past_round, tap_past, step.tap)),
        ]

    def _walk(self, m: Module, idle: Value, last_unit: Signal) -> None:
        """Loops over segments, rows, sources and planes; ``over`` in the last of them."""
        plan, sizes, advance = self.plan, self.sizes, self._advance
        place = signed(sizes.place + 2)
        x, y, left_edge, shift = (Signal(place, name=name) for name in ("x", "y", "left_edge", "shift"))
        # Without a reset of their own, which costs their clearing less logic; a step begins with zeros.
        column, row = (Signal(12, name=name, reset_less=True) for name in ("column", "row"))
        tap_x, tap_y = (Signal(sizes.tap, name=name, reset_less=True) for name in ("tap_x", "tap_y"))
        end_x, end_y, scanned = Signal(), Signal(), Signal()
        next_column, next_row = Signal(12), Signal(12)
        pool_mask = Signal(3)
        plane = self._planes(m, scanned, end_x & end_y)
        row_begins = self._loads | end_x
        m.d.comb += [
            pool_mask.eq((1 << plan.pool_log2) - 1),
            next_column.eq(column + 1),
            next_row.eq(row + 1),
            end_x.eq(next_column == plan.segments),
            end_y.eq(next_row == plan.segment_rows),
            scanned.eq(advance & end_x & end_y),
            left_edge.eq(Mux(self._loads, self._next.x, Mux(end_x, self._unit.x, x))),
            shift.eq(Mux(row_begins, plan.x_first, plan.segment_x)),
        ]
        with m.If(self._loads | advance):
            m.d.sync += x.eq(left_edge + shift)
        with m.If(self._loads):
            m.d.sync += y.eq(self._next.y)
        with m.Elif(advance & end_x):
            m.d.sync += y.eq(Mux(end_y, self._unit.y, y + plan.segment_y))
        with m.If(idle | (advance & end_x)):
            m.d.sync += [column.eq(0), tap_x.eq(0)]
        with m.Elif(advance):
            m.d.sync += column.eq(next_column)
            with m.If((column & pool_mask) == pool_mask):
                m.d.sync += tap_x.eq(tap_x + plan.tap_x)
        with m.If(idle | scanned):
            m.d.sync += [row.eq(0), tap_y.eq(0)]
        with m.Elif(advance & end_x):
            m.d.sync += row.eq(next_row)
            with m.If((row & pool_mask) == pool_mask):
                m.d.sync += tap_y.eq(tap_y + plan.tap_y)
        begins = (column == 0) & (row == 0)
        tap = Signal(sizes.tap)
        m.d.comb += tap.eq(self._unit.tap + tap_x + tap_y)
        self._clip(m, (x, y, tap), plane, begins, last_unit)

    def _planes(self, m: Module, ends: Value, at_end: Value) -> dict[str, Value]:
        """Which source and plane is looked at; planes are aligned at the least significant one.

        ``ends``: the last segment of a scan goes out, which ``at_end`` waits for.
        """
        plan = self.plan
        # Planes left, this one included.
        left, most, source = Signal(4), Signal(4), Signal()
        fresh, doubles, last = Signal(), Signal(), Signal()
        places = [Signal(self.sizes.place, name=f"place{i}") for i in range(2)]
        others, place = Signal(4), Signal(self.sizes.place)
        m.d.comb += [
            place.eq(Mux(source, places[1], places[0])),
            others.eq(Mux(plan.second, plan.planes_second, 0)),
            most.eq(Mux(others > plan.planes, others, plan.planes)),
            last.eq(source | (others < left)),
            self._over.eq(at_end & last & (left == 1)),
        ]
        with m.If(self._loads):
            m.d.sync += [left.eq(most), source.eq(plan.planes < most), fresh.eq(1), doubles.eq(0)]
            m.d.sync += [places[0].eq(0), places[1].eq(plan.second_place)]
        with m.Elif(ends):
            for i in range(2):
                with m.If(source == i):
                    m.d.sync += places[i].eq(place + plan.plane_bits)
            m.d.sync += [fresh.eq(last), source.eq(1)]
            with m.If(last):
                # The next plane begins with the second source if the first one is too narrow for it.
                m.d.sync += [left.eq(left - 1), doubles.eq(1), source.eq(plan.planes < left - 1)]
        return {
            "double": doubles & fresh,
            "negate": plan.signed & ~source & (plan.planes == left),
            "place": place,
        }

    def _clip(
        self,
        m: Module,
        at: tuple[Signal, Signal, Signal],
        plane: dict[str, Value],
        begins: Value,
        last_unit: Signal,
    ) -> None:
        (x, y, tap), over, advance = at, self._over, self._advance
        plan, sizes, out = self.plan, self.sizes, self.segments.payload
        right = Signal(signed(sizes.place + 3))
        low, high = Signal(sizes.place), Signal(sizes.place + 1)
        base = Signal(sizes.place)
        inside = Signal()
        wanted = Signal()
        m.d.comb += [
            right.eq(x + plan.segment_bits),
            low.eq(Mux(x < 0, 0, x)),
            high.eq(Mux(right > plan.x_limit, plan.x_limit, right)),
            inside.eq((y >= 0) & (y < plan.map_bits) & (x < plan.x_limit) & (right > 0)),
            base.eq(y + plane["place"] + Mux(plan.slice, self._slice(), 0)),
            wanted.eq(inside | (begins & plane["double"]) | over),
        ]
        with m.If(self._room):
            m.d.sync += [
                self.segments.valid.eq(advance & wanted),
                out.start.eq(base + low),
                out.end.eq(base + high),
                out.tap.eq(tap - Mux(x < 0, x, 0)),
                out.empty.eq(~inside),
                out.double.eq(begins & plane["double"]),
                out.negate.eq(plane["negate"]),
                out.last.eq(over),
                out.final.eq(over & last_unit),
            ]

    def _slice(self) -> Value:
        """Bits of a pixel before those that this round sees; 16 per tied column."""
        return Cat(Const(0, 4 + self.config.log2_tied), self._unit.round)
