"""What the streams need to know of a layer: their first units, how far apart units are, room for maps."""

from amaranth import Array, Cat, Const, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.lif.codes import Output
from spynq.lif.lanes import FOLDS
from spynq.lif.params import LifConfig
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.neuron import REVISIT
from spynq_hw.lif.sizes import BEAT, OUTPUTS, PIECES, Sizes
from spynq_hw.lif.walker import geometry, unit

__all__ = ["Setup"]

_BY_NAME = (
    "units", "rounds", "x_end", "x_first", "y_first", "x_limit", "map_bits",
    "segment_bits", "segment_x", "segment_y", "segments", "segment_rows", "pool_log2", "tap_x", "tap_y",
    "planes_second", "plane_bits",
)  # fmt: skip


class Setup(wiring.Component):
    """Counts units up to the number of streams, with sums in place of products.

    Takes as many cycles as there are streams, rounds or planes, whatever is most; the next layer's are
    counted while the present one runs.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    next : In(Layer), valid : In(1)
        The layer after the present one, steady while valid.
    done : Out(1)
        All about it is known.
    load : In(1), layer : In(Layer)
        Pulse: it takes the place of the present one; this is that one. Everything below speaks of it.
    plan : Out(geometry)
        What walkers know of it.
    first : Out(ArrayLayout(unit, streams)), active : Out(streams)
        First unit of each stream that has one.
    split : Out(1), odd : Out(streams)
        There are so few units that two streams can share each: the second half of the streams helps
        the first one.
    step : Out(unit)
        From unit to unit of a stream.
    gap : Out(4)
        Cycles from unit to unit: those that the neurons take, and with few units so many that a
        membrane has been written before it is read again.
    total : Out, slots : Out(2)
        Beats of the maps of a step, and slots as in ``slot_address``.
    pieces : Out(5), out_beats : Out(16)
        Pieces of 4 bits in the last beat of a step's spikes, 0 for all, and beats of them.
    stride, depth : Out(4)
        Output slots from step to step, and steps that may wait to be read; one of sums, as the next step
        takes their place.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config = config
        self.sizes = sizes = Sizes(config)
        self._beats = sizes.place - exact_log2(BEAT)
        super().__init__(
            {
                "next": In(Layer),
                "valid": In(1),
                "done": Out(1),
                "load": In(1),
                "layer": In(Layer),
                "plan": Out(geometry(sizes)),
                "first": Out(data.ArrayLayout(unit(sizes), sizes.streams)),
                "active": Out(sizes.streams),
                "split": Out(1),
                "odd": Out(sizes.streams),
                "step": Out(unit(sizes)),
                "gap": Out(4),
                "total": Out(self._beats + 1),
                "slots": Out(2),
                "pieces": Out(exact_log2(PIECES)),
                "out_beats": Out(16),
                "stride": Out(4),
                "depth": Out(4),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        d, plan = self.layer.descriptor, self.layer.plan
        pieces = Signal(self.sizes.units + 6)
        m.d.comb += [self.plan[name].eq(plan[name]) for name in _BY_NAME]
        m.d.comb += [
            self.plan.x_past.eq(self.step.x + plan.x_step),
            self.plan.y_past.eq(self.step.y + plan.y_step),
            self.plan.slice.eq(plan.slice != 0),
            self.plan.planes.eq(d.planes + 1),
            self.plan.signed.eq(d.signed),
            self.plan.second.eq(d.second),
            self.plan.again.eq(Mux(plan.static, d.steps - 1 - self.plan.behind, 0)),
            pieces.eq(plan.units << plan.log2_h << (FOLDS - 1) >> plan.out_fold),
            self.pieces.eq(pieces),
            self.out_beats.eq((pieces + (PIECES - 1)) >> exact_log2(PIECES)),
        ]
        ready = [self._units(m), self._planes(m), self._taps(m)]
        m.d.comb += [self.done.eq(Cat(ready).all() & self.valid), self.slots.eq(self._slots())]
        self._gap(m)
        self._outputs(m)
        self._wave(m)
        return m

    def _units(self, m: Module) -> Signal:
        """The first units, and then the step."""
        plan, now = self.next.plan, Signal.like(self.step)
        ready, number, split = Signal(), Signal(range(self.config.columns + 1)), Signal()
        # What is known of the next layer.
        self._known = {name: Signal.like(getattr(self, name)) for name in ("first", "active", "odd")}
        self._streams = streams = Signal(range(self.config.columns + 1))
        half = Signal.like(streams)
        end_round, end_row = Signal(), Signal()
        # 48 columns and 16 to a stream are 3 streams.
        choices = Array(Const(self.config.columns >> k) for k in range(6))
        m.d.comb += [
            streams.eq(choices[plan.log2_h]),
            half.eq(streams >> 1),
            split.eq(~streams[0] & (plan.units <= half)),
            ready.eq(number == streams),
            end_round.eq(now.round + 1 == plan.rounds),
            end_row.eq(now.x + plan.x_step == plan.x_end),
        ]
        with m.If(self.load):
            m.d.sync += [getattr(self, name).eq(value) for name, value in self._known.items()]
            m.d.sync += [self.step.eq(now), self.split.eq(split)]
        with m.If(~self.valid):
            m.d.sync += [number.eq(0), now.eq(0), self._known["active"].eq(0)]
        with m.Elif(~ready):
            m.d.sync += number.eq(number + 1)
            self._latch(m, number, now, half)
            m.d.sync += [
                now.number.eq(now.number + 1),
                now.round.eq(now.round + 1),
                now.tap.eq(now.tap + plan.taps),
            ]
            with m.If(end_round):
                m.d.sync += [now.round.eq(0), now.tap.eq(0), now.x.eq(now.x + plan.x_step)]
                with m.If(end_row):
                    m.d.sync += [now.x.eq(0), now.y.eq(now.y + plan.y_step)]
            with m.If(split & (number + 1 == half)):
                m.d.sync += now.eq(0)
        return ready

    def _latch(self, m: Module, number: Signal, now: data.View, half: Signal) -> None:
        plan, known = self.next.plan, self._known
        first = known["first"]
        with m.Switch(number):
            for stream in range(self.sizes.streams):
                with m.Case(stream):
                    m.d.sync += [
                        known["active"][stream].eq(now.number < plan.units),
                        known["odd"][stream].eq(number >= half),
                        first[stream].eq(now),
                        first[stream].y.eq(now.y + plan.y_first),
                        first[stream].tap.eq(now.tap + plan.weight_base),
                    ]

    def _gap(self, m: Module) -> None:
        """The stream with the fewest units comes back to one first."""
        plan, least = self.next.plan, Signal(4)
        m.d.comb += least.eq(1)
        for units in (4, 3, 2, 1):
            # Fewer than the revisit, 4, 3 or 2 units in the emptiest stream.
            most = REVISIT if units == 4 else units + 1
            with m.If(plan.units < self._streams * most):
                m.d.comb += least.eq(-(-REVISIT // units))
        waits = Mux(plan.lif_cycles > least, plan.lif_cycles, least)
        # The planes of a value are written one by one.
        planes = Mux(self.next.descriptor.output == Output.VALUE, plan.planes_out, 0)
        with m.If(self.load):
            m.d.sync += self.gap.eq(Mux(planes > waits, planes, waits))

    def _wave(self, m: Module) -> None:
        """Steps of a still input that go along with the first one: as many as there are output slots for.

        None where words of memory come unit by unit, where steps take several slots, where two
        streams share units, where a pixel takes several rounds, or where there are so few steps that units
        would always be too close.
        """
        d, plan = self.layer.descriptor, self.layer.plan
        most, goes = Signal(range(OUTPUTS)), Signal()
        m.d.comb += [
            # A group of one unit more takes as long as a membrane on its way.
            self.plan.few.eq(Array((REVISIT - 1) // max(gap, 1) for gap in range(16))[self.gap]),
            most.eq(Mux(d.steps > OUTPUTS, OUTPUTS - 1, d.steps - 1)),
            goes.eq(
                plan.static & (d.bias == 0) & (self.stride == 1) & ~self.split & (plan.rounds == 1)
                & (most >= self.plan.few)
            ),
            self.plan.behind.eq(Mux(goes, most, 0)),
        ]  # fmt: skip

    def _outputs(self, m: Module) -> None:
        output, planes = self.layer.descriptor.output, self.layer.plan.planes_out
        m.d.comb += self.stride.eq(1)
        with m.If(output == Output.SUMS):
            m.d.comb += self.stride.eq(OUTPUTS)
        with m.Elif(output == Output.VALUE):
            for few in (2, 4):
                with m.If(planes > few // 2):
                    m.d.comb += self.stride.eq(few)
            with m.If(planes > OUTPUTS // 2):
                m.d.comb += self.stride.eq(OUTPUTS)
        with m.Switch(self.stride):
            for stride in (1, 2, 4, OUTPUTS):
                with m.Case(stride):
                    m.d.comb += self.depth.eq(OUTPUTS // stride)

    def _planes(self, m: Module) -> Signal:
        d, plan = self.next.descriptor, self.next.plan
        plane, ready = Signal(5), Signal()
        total, second = Signal.like(self.total), Signal.like(self.total)
        planes = Mux(plan.by_row, 0, d.planes) + 1 + Mux(d.second, plan.planes_second, 0)
        m.d.comb += ready.eq(plane == planes)
        with m.If(self.load):
            m.d.sync += [self.total.eq(total), self.plan.second_place.eq(second << exact_log2(BEAT))]
        with m.If(~self.valid):
            m.d.sync += [plane.eq(0), total.eq(0), second.eq(0)]
        with m.Elif(~ready):
            m.d.sync += [plane.eq(plane + 1), total.eq(total + plan.in_beats)]
            with m.If(plane <= d.planes):
                m.d.sync += second.eq(second + plan.in_beats)
        return ready

    def _taps(self, m: Module) -> Signal:
        plan = self.next.plan
        rounds, ready, wrap = Signal(9), Signal(), Signal.like(self.plan.wrap)
        m.d.comb += ready.eq(rounds == plan.rounds)
        with m.If(self.load):
            m.d.sync += self.plan.wrap.eq(wrap)
        with m.If(~self.valid):
            m.d.sync += [rounds.eq(0), wrap.eq(0)]
        with m.Elif(~ready):
            m.d.sync += [rounds.eq(rounds + 1), wrap.eq(wrap + plan.taps)]
        return ready

    def _slots(self) -> object:
        """The slots share memory for two of the largest steps."""
        most = 1 << self._beats
        return Mux(self.total <= most // 4, 2, Mux(self.total <= most // 2, 1, 0))
