"""Weights on their way into the columns, layers ahead of the one that runs."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Op
from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.column import load_word
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import LayerReader
from spynq_hw.lif.prepare import fits
from spynq_hw.lif.records import BEAT, drive
from spynq_hw.lif.sizes import Sizes
from spynq_hw.lif.widen import Widen

__all__ = ["AHEAD", "Weights"]

AHEAD = 8
"""Layers whose weights may be there and still needed; a power of two, as they stand in a ring."""
_CHUNK = 32
"""Beats asked for at once, so that maps never wait long behind weights."""


class Weights(wiring.Component):
    """Follows the list by itself and loads every layer's weights as soon as nobody needs what they replace.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1), first : In(32)
        Begin at this beat of the list.
    quit : In(1), idle : Out(1)
        Stop soon; nothing is being done.
    rests : Out(1)
        Nothing is read before a layer ends.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    load : Out(load_word), column, mask : Out(4)
        Taps: for which columns (those whose number is ``column`` under ``mask``), and what.
    go : In(1), waits : Out(1)
        The tap can go to the columns; it waits for that.
    present : Out(1)
        The weights of the next layer are all there.
    begun, ended : In(1)
        Pulses: a layer (or barrier) has begun, and ended.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        super().__init__(
            {
                "start": In(1),
                "first": In(ADDRESS),
                "quit": In(1),
                "idle": Out(1),
                "rests": Out(1),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "load": Out(load_word(self.sizes)),
                "column": Out(4),
                "mask": Out(4),
                "go": In(1),
                "waits": Out(1),
                "present": Out(1),
                "begun": In(1),
                "ended": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.reader = self._reader = reader = LayerReader(Op.END, Op.BARRIER)
        m.submodules.widen = self._widen = widen = Widen(self.config.has("codebook"))
        self._descriptor, self._plan = reader.layer.descriptor, reader.layer.plan
        # Beats to ask for, on their way, and where.
        self._left, self._place = Signal(32), Signal(ADDRESS)
        self._coming, self._finished = Signal(16), Signal()
        # No tap of the layer is on its way yet.
        self._before = Signal()
        loads, enough, free, claim, loaded = (Signal() for _ in range(5))
        m.d.comb += [
            reader.first.eq(self.first),
            reader.start.eq(self.start),
            reader.words.payload.eq(self.words.payload),
            widen.packed.payload.eq(self.words.payload),
            widen.format.eq(self._descriptor.format),
            *(widen.codebook[i].eq(self._plan[f"code{i}"]) for i in range(16)),
            loads.eq((self._descriptor.op != Op.BARRIER) & ~self._descriptor.resident),
            enough.eq(
                (self._descriptor.op == Op.END)
                | ((self._descriptor.op != Op.BARRIER) & ~fits(reader.layer, self.config))
            ),
        ]
        with m.FSM() as machine:
            with m.State("REST"):
                with m.If(self.start):
                    m.next = "READ"
            with m.State("READ"):
                self._read(m)
                m.d.comb += widen.begin.eq(reader.valid)
                with m.If(reader.valid):
                    m.next = "WAIT"
                    with m.If(enough | self.quit):
                        m.d.comb += reader.stop.eq(1)
                        m.next = "REST"
            with m.State("WAIT"):
                m.d.comb += self._before.eq(1)
                m.d.sync += [self._left.eq(self._plan.weight_beats), self._place.eq(self._descriptor.weights)]
                with m.If(self.quit):
                    m.next = "READ"
                with m.Elif(free):
                    m.next = "LOAD"
                    with m.If(~loads):
                        m.next = "NEXT"
            with m.State("LOAD"):
                self._load(m)
                with m.If(self._finished & (self._coming == 0)):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.d.sync += self._finished.eq(0)
                m.d.comb += reader.next.eq(1)
                m.next = "READ"
            m.d.comb += [
                self.idle.eq(machine.ongoing("REST") & ~self.start),
                self.rests.eq(self.idle | (machine.ongoing("WAIT") & ~free)),
                claim.eq(machine.ongoing("WAIT") & free & ~self.quit),
                loaded.eq(machine.ongoing("NEXT")),
            ]
        self._account(m, claim, loaded, free)
        self._send(m)
        return m

    def _read(self, m: Module) -> None:
        reader = self._reader
        m.d.comb += [
            self.request.valid.eq(reader.request.valid),
            self.request.payload.eq(reader.request.payload),
            reader.request.ready.eq(self.request.ready),
            reader.words.valid.eq(self.words.valid),
            self.words.ready.eq(1),
        ]

    def _load(self, m: Module) -> None:
        """Ask in small runs, two of them on their way."""
        beats = Mux(self._left < _CHUNK, self._left, _CHUNK)
        m.d.comb += [
            self.request.valid.eq((self._left != 0) & (self._coming <= _CHUNK) & ~self.quit),
            self.request.payload.address.eq(self._place),
            self.request.payload.beats.eq(beats),
            self._widen.packed.valid.eq(self.words.valid),
            self.words.ready.eq(self._widen.packed.ready),
        ]
        asked = self.request.valid & self.request.ready
        with m.If(asked):
            m.d.sync += [self._left.eq(self._left - beats), self._place.eq(self._place + beats)]
        came = self.words.valid & self.words.ready
        m.d.sync += self._coming.eq(self._coming + Mux(asked, beats, 0) - came)
        with m.If(self.quit):
            m.d.sync += self._finished.eq(1)

    def _send(self, m: Module) -> None:
        """Lane groups column by column, round by round; lanes that are no channel get 0."""
        plan, widen = self._plan, self._widen
        tap, column, round_ = Signal(self.sizes.tap), Signal(4), Signal(self.sizes.round)
        # Channels that are left, less than none in lane groups behind the last one.
        first, left = Signal(self.sizes.tap), Signal(signed(18))
        end_tap, end_column = Signal(), Signal()
        lanes = [(lane < plan.out_lanes) & (lane < left) for lane in range(LANES)]
        m.d.comb += [
            widen.lanes.eq(Cat(lanes)),
            widen.taps.ready.eq(self.go),
            self.waits.eq(widen.taps.valid),
            widen.last.eq(end_tap),
            end_tap.eq(tap + 1 == plan.taps[: self.sizes.tap + 1]),
            end_column.eq(column == self.mask),
            self.column.eq(column),
            self.mask.eq((1 << plan.log2_h) - 1),
        ]
        valid = widen.taps.valid & self.go
        drive(m, self.load, weights=valid, address=first + tap, data=widen.taps.payload)
        with m.If(self.load.weights):
            m.d.sync += tap.eq(tap + 1)
            with m.If(end_tap):
                m.d.sync += [tap.eq(0), column.eq(column + 1), left.eq(left - plan.out_lanes)]
                with m.If(end_column):
                    m.d.sync += [column.eq(0), first.eq(first + plan.taps), round_.eq(round_ + 1)]
                    with m.If(round_ == plan.rounds - 1):
                        m.d.sync += self._finished.eq(1)
        with m.If(self._before):
            m.d.sync += [first.eq(plan.weight_base), round_.eq(0)]
            m.d.sync += left.eq(self._descriptor.c_out)

    def _account(self, m: Module, claim: Value, loaded: Value, free: Signal) -> None:
        """Ranges of taps that are needed, in a ring; ``free``: the next layer's is none of them."""
        width = self.sizes.tap + 1
        layout = data.StructLayout({"low": width, "high": width})
        ranges = [Signal(layout, name=f"range{i}") for i in range(AHEAD)]
        needed, oldest, place = Signal(AHEAD), Signal(range(AHEAD)), Signal(range(AHEAD))
        ready = Signal(range(AHEAD + 1))
        low, high = Signal(width), Signal(width)
        plan = self._plan
        barrier = self._descriptor.op == Op.BARRIER
        m.d.comb += [
            low.eq(plan.weight_base),
            high.eq(plan.weight_base + Mux(barrier, 0, plan.rounds * plan.taps)),
            self.present.eq(ready != 0),
        ]
        meets = [needed[i] & (low < r.high) & (r.low < high) for i, r in enumerate(ranges)]
        m.d.comb += free.eq(~needed.bit_select(place, 1) & (Cat(meets) == 0))
        with m.If(self.ended):
            m.d.sync += [needed.bit_select(oldest, 1).eq(0), oldest.eq(oldest + 1)]
        with m.If(claim):
            m.d.sync += [needed.bit_select(place, 1).eq(1), place.eq(place + 1)]
            for i, r in enumerate(ranges):
                with m.If(place == i):
                    m.d.sync += [r.low.eq(low), r.high.eq(high)]
        m.d.sync += ready.eq(ready + loaded - self.begun)
        with m.If(self.start):
            m.d.sync += [needed.eq(0), oldest.eq(0), place.eq(0), ready.eq(0)]
