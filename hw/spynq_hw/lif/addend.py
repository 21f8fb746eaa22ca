"""Words from memory that add to sums: of an earlier layer, or a map of biases, perhaps through the FIR."""

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.formats import FIR
from spynq.lif.params import LANES, LifConfig
from spynq_hw.fifo import Queue
from spynq_hw.lif.delays import BLOCK, HELD, Delays, Words4, words_of
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.records import BEAT, FIR_LAYOUT, beats

__all__ = ["QUARTERS", "Addend", "addend_word"]

QUARTERS = LANES // 4
"""Beats of the words of a lane group."""
_ON_THEIR_WAY = 4
"""Requests that may be open."""
_STEP = 18
"""Bits of a step's number in its chunk, signed, which may lie before the first and behind the last."""

_Asked = data.StructLayout({"tap": signed(12), "beats": range(BLOCK + 1), "fresh": 1, "last": 1})

addend_word = data.StructLayout({"valid": 1, "quarter": range(QUARTERS), "words": Words4})
"""Words of four lanes on their way into the columns."""


class Addend(wiring.Component):
    """Reads words sample by sample, step by step, lane group by lane group, ahead of the columns.

    Golden step: addend. With delays every block of beats is read once per delay; a delay that reaches beyond
    the sample's first step or the chunk's last weighs nothing.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1), layer : In(Layer)
        A layer begins, and what it is.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    word : Out(addend_word), column : Out
        Words, and the column they are for.
    full : In(columns)
        Columns that take no further lane group.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "layer": In(Layer),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "word": Out(addend_word),
                "column": Out(range(config.columns)),
                "full": In(config.columns),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self.config.has("words"):
            return m
        m.submodules.delays = self._delays = Delays()
        m.submodules.asked = self._asked = Queue(_Asked, _ON_THEIR_WAY)
        self._fir = Signal(FIR_LAYOUT)
        # Lane groups of a step, and beats that will come out or have not been taken.
        self._groups, self._promised = Signal(24), Signal(range(HELD + 1))
        plan = self.layer.plan
        m.d.comb += self._groups.eq(plan.units << plan.log2_h)
        self._ask(m)
        self._receive(m)
        self._hand_out(m)
        return m

    def _ask(self, m: Module) -> None:
        """Requests, one per block of beats and delay."""
        d, plan, fir = self.layer.descriptor, self.layer.plan, self._fir
        names = ("sample", "now", "end", "back")
        self._sample, self._now, self._end, self._back = (Signal(ADDRESS, name=name) for name in names)
        self._n, self._t, self._left, self._offset = Signal(16), Signal(16), Signal(26), Signal(26)
        # The step in which the delays end, the one that is sought, and the last of this segment.
        self._at, self._sought = Signal(_STEP), Signal(_STEP, name="sought")
        self._step, self._delay, number = (
            Signal(signed(_STEP)),
            Signal(4),
            Signal(range(beats(FIR)), name="number"),
        )
        self._size = Signal(range(BLOCK + 1), name="size")
        self._last, known = Signal(), Signal(name="known")
        self._sliding = fir.segment == 0
        taps = Array(fir[f"tap{i}"] for i in range(1 << len(self._delay)))
        m.d.comb += [
            self._size.eq(Mux(self._left < BLOCK, self._left, BLOCK)),
            self._last.eq(self._delay + 1 == fir.length),
            known.eq((self._step + d.t0 >= 0) & (self._step < d.steps)),
            self.request.payload.address.eq(Mux(known, self._back, self._now + self._offset)),
            self.request.payload.beats.eq(self._size),
            self._asked.i.payload.tap.eq(Mux(known, taps[self._delay], 0)),
            self._asked.i.payload.beats.eq(self._size),
            self._asked.i.payload.fresh.eq(self._delay == 0),
            self._asked.i.payload.last.eq(self._last),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [self._sample.eq(plan.words), self._n.eq(0), number.eq(0)]
                with m.If(self.start & (d.bias != 0)):
                    self._no_delays(m)
                    m.next = "SAMPLE"
                    with m.If(d.use_fir):
                        m.next = "ASK_FIR"
            self._read_fir(m, number)
            self._seek(m)
            self._blocks(m)
            with m.State("STEP"):
                self._advance(m)
        starts = self._asked.i.valid & (self._delay == 0)
        takes = self._delays.sums.valid & self._delays.sums.ready
        m.d.sync += self._promised.eq(self._promised + Mux(starts, self._size, 0) - takes)

    def _read_fir(self, m: Module, number: Signal) -> None:
        with m.State("ASK_FIR"):
            m.d.comb += [
                self.request.valid.eq(1),
                self.request.payload.address.eq(self.layer.descriptor.taps),
                self.request.payload.beats.eq(beats(FIR)),
            ]
            with m.If(self.request.ready):
                m.next = "FIR"
        with m.State("FIR"):
            with m.If(self.words.valid):
                record = Cat(self._fir.as_value()[BEAT:], self.words.payload)
                m.d.sync += [self._fir.as_value().eq(record), number.eq(number + 1)]
                with m.If(number == beats(FIR) - 1):
                    m.next = "SAMPLE"

    def _seek(self, m: Module) -> None:
        """Begin a sample, and go on to the step in which the delays end."""
        at, sought, end = self._at, self._sought, self._end
        with m.State("SAMPLE"):
            m.d.sync += [self._now.eq(self._sample), end.eq(self._sample), self._t.eq(0), at.eq(0)]
            m.d.sync += sought.eq(Mux(self._sliding, 0, self._fir.segment - 1))
            m.next = "SEEK"
        with m.State("SEEK"):
            m.d.sync += [self._offset.eq(0), self._left.eq(self._groups * QUARTERS)]
            m.next = "BLOCK"
            with m.If(at != sought):
                m.d.sync += [at.eq(at + 1), end.eq(end + self.layer.plan.words_step)]
                m.next = "SEEK"

    def _blocks(self, m: Module) -> None:
        """All delays of a block of beats, then the next block, as far as there is room for what comes."""
        back, step, delay, size = self._back, self._step, self._delay, self._size
        with m.State("BLOCK"):
            m.d.sync += [back.eq(self._end + self._offset), step.eq(self._at), delay.eq(0)]
            with m.If(self._promised + size <= HELD):
                m.next = "ASK"
        with m.State("ASK"):
            m.d.comb += self.request.valid.eq(self._asked.i.ready)
            with m.If(self.request.valid & self.request.ready):
                m.d.comb += self._asked.i.valid.eq(1)
                m.d.sync += [
                    back.eq(back - self.layer.plan.words_step),
                    step.eq(step - 1),
                    delay.eq(delay + 1),
                ]
                with m.If(self._last):
                    m.d.sync += [self._offset.eq(self._offset + size), self._left.eq(self._left - size)]
                    m.next = "BLOCK"
                    with m.If(self._left == size):
                        m.next = "STEP"

    def _advance(self, m: Module) -> None:
        """The next step, or the next sample."""
        d, plan, t, sought = self.layer.descriptor, self.layer.plan, self._t, self._sought
        m.d.sync += [t.eq(t + 1), self._now.eq(self._now + plan.words_step)]
        with m.If(self._sliding):
            m.d.sync += sought.eq(sought + 1)
        with m.Elif(t == sought):
            m.d.sync += sought.eq(sought + self._fir.segment)
        m.next = "SEEK"
        with m.If(t == d.steps - 1):
            m.d.sync += [self._n.eq(self._n + 1), self._sample.eq(self._sample + plan.words_sample)]
            m.next = "SAMPLE"
            with m.If(self._n == d.samples - 1):
                m.next = "IDLE"

    def _no_delays(self, m: Module) -> None:
        """The word of the step itself, as it is."""
        fixed = {"length": 1, "shift": 0, "segment": 0, "tap0": 1}
        m.d.sync += [self._fir[name].eq(value) for name, value in fixed.items()]

    def _receive(self, m: Module) -> None:
        asked, delays, place = self._asked.o, self._delays, Signal(range(BLOCK))
        last = place + 1 == asked.payload.beats
        m.d.comb += [
            self.words.ready.eq(1),
            delays.shift.eq(self._fir.shift),
            delays.valid.eq(self.words.valid & asked.valid),
            delays.term.words.as_value().eq(words_of(self.words.payload)),
            delays.term.tap.eq(asked.payload.tap),
            delays.term.place.eq(place),
            delays.term.fresh.eq(asked.payload.fresh),
            delays.term.last.eq(asked.payload.last),
            asked.ready.eq(delays.valid & last),
        ]
        with m.If(delays.valid):
            m.d.sync += place.eq(Mux(last, 0, place + 1))

    def _hand_out(self, m: Module) -> None:
        """Lane groups column by column, from the first one in every step."""
        sums, quarter, group = self._delays.sums, Signal(range(QUARTERS)), Signal(24)
        columns = self.config.columns
        free: Value = ~Array(self.full)[self.column]
        m.d.comb += [
            sums.ready.eq((quarter != 0) | free),
            self.word.valid.eq(sums.valid & sums.ready),
            self.word.quarter.eq(quarter),
            self.word.words.eq(sums.payload),
        ]
        with m.If(self.word.valid):
            m.d.sync += quarter.eq(quarter + 1)
            with m.If(quarter == QUARTERS - 1):
                m.d.sync += [
                    group.eq(group + 1),
                    self.column.eq(Mux(self.column == columns - 1, 0, self.column + 1)),
                ]
                with m.If(group + 1 == self._groups):
                    m.d.sync += [group.eq(0), self.column.eq(0)]
