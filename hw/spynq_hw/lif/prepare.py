"""The next layer, read while the present one runs: descriptor, plan and channel records."""

from enum import IntEnum

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.lif.codes import Leak, Op, Output, Pool, WeightFormat
from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.column import load_word
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import PLAN_BEATS, Layer, LayerReader
from spynq_hw.lif.records import BEAT, drive
from spynq_hw.lif.sizes import Sizes

__all__ = ["Found", "Prepare", "fits"]

_LANE = exact_log2(LANES)
_AHEAD = 3
"""Lane groups whose records are on their way at once: no map waits for more than these."""


class Found(IntEnum):
    """What comes next in a list: the values of ``Prepare.found``."""

    LAYER = 0
    BARRIER = 1
    END = 2
    UNFIT = 3
    ENDLESS = 4


def fits(layer: Value, config: LifConfig) -> Value:
    """Whether this build can carry a layer out; a barrier always."""
    d, plan = layer.descriptor, layer.plan
    operations = [d.op == op for op in (Op.CONV, Op.FC, Op.POOL, Op.DEPTHWISE)]
    outputs = [d.output == Output.SPIKES]
    for output in (Output.COUNTS, Output.MEMBRANE, Output.VALUE, Output.SUMS):
        if config.has(output.name.lower()):
            outputs.append(d.output == output)
    states = (d.first & d.last) | int(config.has("state"))
    words = (d.bias <= int(config.has("words"))) & (~d.use_fir | int(config.has("fir")))
    wanted = {
        "static": plan.static,
        "second": d.second,
        "codebook": d.format >= WeightFormat.CODEBOOK2,
        "linear": d.leak == Leak.LINEAR,
    }
    absent = Cat(needed for name, needed in wanted.items() if not config.has(name)).any()
    plain = words & (d.pool_in <= Pool.SUM) & ~absent
    return (plan.columns == config.columns) & Cat(operations).any() & Cat(outputs).any() & states & plain


class Prepare(wiring.Component):
    """Reads layer after layer, puts its channel records into the columns unless they are there, offers it.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1), first : In(32), limit : In(16)
        Begin at this beat of the list; layers and barriers at most.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    load : Out(load_word), column, mask : Out(4)
        Channel records: for which columns (those whose number is ``column`` under ``mask``), and what.
    found : Out(3), layer : Out(Layer), valid : Out(1)
        What comes next, and where its channel records are.
    known : Out(1)
        What comes next is steady already, be its channel records there or not.
    taken : In(1)
        It is known now; go on, or come to rest if it was no layer and no barrier.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "start": In(1),
                "first": In(ADDRESS),
                "limit": In(16),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "load": Out(load_word(self.sizes)),
                "column": Out(4),
                "mask": Out(4),
                "found": Out(3),
                "layer": Out(Layer),
                "valid": Out(1),
                "known": Out(1),
                "taken": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = reader = LayerReader(Op.END, Op.BARRIER)
        left = Signal(16)
        last = Signal()
        goes_on = Signal()
        # Lane groups that were asked for, and those of them on their way; one has come.
        self._asked, self._coming = Signal(16 - _LANE), Signal(range(_AHEAD + 1))
        self._came = Signal()
        m.d.comb += [
            reader.start.eq(self.start),
            reader.first.eq(self.first),
            self.layer.eq(reader.layer),
            reader.words.payload.eq(self.words.payload),
            goes_on.eq((self.found == Found.LAYER) | (self.found == Found.BARRIER)),
            self.words.ready.eq(1),
        ]
        with m.If(self.start):
            m.d.sync += left.eq(self.limit)
        with m.FSM() as machine:
            with m.State("READ"):
                m.d.comb += [
                    self.request.valid.eq(reader.request.valid),
                    self.request.payload.eq(reader.request.payload),
                    reader.request.ready.eq(self.request.ready),
                    reader.words.valid.eq(self.words.valid),
                ]
                with m.If(reader.valid):
                    self._judge(m, left)
            with m.State("CHANNELS"):
                self._ask(m)
                self._channels(m, last)
                with m.If(self.words.valid & last):
                    m.next = "OFFER"
            with m.State("OFFER"):
                m.d.comb += self.valid.eq(1)
                m.d.sync += self._asked.eq(0)
                with m.If(self.taken):
                    m.d.comb += [reader.next.eq(goes_on), reader.stop.eq(~goes_on)]
                    m.d.sync += left.eq(left - 1)
                    m.next = "READ"
            m.d.comb += self.known.eq(~machine.ongoing("READ"))
        return m

    def _judge(self, m: Module, left: Signal) -> None:
        descriptor = self.layer.descriptor
        m.next = "OFFER"
        with m.If(descriptor.op == Op.END):
            m.d.sync += self.found.eq(Found.END)
        with m.Elif(left == 0):
            m.d.sync += self.found.eq(Found.ENDLESS)
        with m.Elif(descriptor.op == Op.BARRIER):
            m.d.sync += self.found.eq(Found.BARRIER)
        with m.Elif(~fits(self.layer, self.config)):
            m.d.sync += self.found.eq(Found.UNFIT)
        with m.Else():
            m.d.sync += self.found.eq(Found.LAYER)
            with m.If(~descriptor.resident_records):
                m.next = "CHANNELS"

    def _ask(self, m: Module) -> None:
        """Ask for records a lane group at a time: maps of the layer that runs come in between."""
        goes = Signal()
        m.d.comb += [
            self.request.valid.eq(
                (self._asked != self.layer.plan.out_channels[_LANE:]) & (self._coming != _AHEAD)
            ),
            # Records lie behind the plan, which takes less than a lane group.
            self.request.payload.address.eq(
                self.layer.descriptor.params + Cat(Const(PLAN_BEATS, _LANE), self._asked)
            ),
            self.request.payload.beats.eq(LANES),
            goes.eq(self.request.valid & self.request.ready),
        ]
        m.d.sync += self._asked.eq(self._asked + goes)
        m.d.sync += self._coming.eq(self._coming + goes - self._came)

    def _channels(self, m: Module, last: Signal) -> None:
        """Records come lane by lane, column by column, round by round."""
        plan, sizes = self.layer.plan, self.sizes
        lane, column, round_ = Signal(_LANE), Signal(4), Signal(sizes.round)
        end_column = column == self.mask
        drive(
            m,
            self.load,
            channel=self.words.valid,
            address=Cat(lane, (plan.record_round + round_)[: sizes.record]),
            data=self.words.payload,
        )
        m.d.comb += [
            self.column.eq(column),
            self.mask.eq((1 << plan.log2_h) - 1),
            last.eq(lane.all() & end_column & (round_ == plan.rounds - 1)),
            self._came.eq(self.words.valid & lane.all()),
        ]
        with m.If(self.words.valid):
            m.d.sync += lane.eq(lane + 1)
            with m.If(lane.all()):
                m.d.sync += column.eq(Mux(end_column, 0, column + 1))
                with m.If(end_column):
                    m.d.sync += round_.eq(Mux(last, 0, round_ + 1))
