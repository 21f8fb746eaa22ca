"""Input maps from memory into every stream, steps ahead."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.lif.params import LifConfig
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import Sizes
from spynq_hw.lif.words import SLOTS, slot_address, slot_place

__all__ = ["Maps", "ones"]

_AHEAD = 4
"""Steps of a layer that may be asked for before it starts: most steps take 8 cycles or more."""


class Maps(wiring.Component):
    """Reads all planes of all steps of all samples, and writes them to all streams at once.

    Of an input that stays the same only the first step of a sample is read. The first step of the next layer,
    or some short ones, is asked for while the present one still works on maps that are all there; its beats
    wait at the memory's port until that layer starts.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A layer begins.
    layer : In(Layer)
        What it is.
    next : In(Layer), follows : In(1)
        The layer after the present one is looked at while ``follows``, for the last time three cycles or
        more before it starts.
    ahead : In(1)
        The next layer is there and is going to start without anything else from memory; nor does the
        present one read anything but maps, or wait for what earlier ones have written.
    settled : In(1), below : In(32)
        All that was written before the layer is in memory; or all of it that is below this address, and
        more of it is going to be.
    total : In, slots : In(2)
        Beats of a step, all planes of both sources, and slots as in ``slot_address``.
    room : In(1)
        Every stream has a slot for one more step.
    hold : In(1), sample : In(1)
        Ask for no further sample's maps before the pulse that says that the columns are ready for it.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    write, write_address, write_data
        To the streams.
    reserved, loaded : Out(1), begins : Out(8)
        To the streams.
    filled : Out
        Beats of the map on its way that can be read.
    spikes : Out(8)
        Ones in the beat of this cycle.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        self._bits = self.sizes.place - ceil_log2(BEAT)
        # The next layer's first steps may be asked for; they have been, and so many have no slot yet.
        self._may, self._early, self._owed = Signal(), Signal(), Signal(range(_AHEAD + 1))
        # Beats of a plane, or of all steps that are asked for ahead.
        self._beats = Signal(16)
        # Steps asked for, and those that have come.
        self._asked, self._came = Signal(range(2 * SLOTS)), Signal(range(2 * SLOTS))
        super().__init__(
            {
                "start": In(1),
                "layer": In(Layer),
                "next": In(Layer),
                "follows": In(1),
                "ahead": In(1),
                "settled": In(1),
                "below": In(ADDRESS),
                "total": In(self._bits + 1),
                "slots": In(2),
                "room": In(1),
                "hold": In(1),
                "sample": In(1),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "write": Out(1),
                "write_address": Out(self._bits + 1),
                "write_data": Out(BEAT),
                "reserved": Out(1),
                "loaded": Out(1),
                "begins": Out(SLOTS),
                "filled": Out(self._bits),
                "spikes": Out(range(BEAT + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        self._ask(m)
        self._receive(m)
        return m

    def _ask(self, m: Module) -> None:
        d, plan = self.layer.descriptor, self.layer.plan
        sample, step, place = ([Signal(ADDRESS, name=f"{n}{i}") for i in range(2)] for n in ("s", "t", "p"))
        t, n, plane, source = Signal(16), Signal(16), Signal(4), Signal()
        last_step = plan.static | (t == d.steps - 1)
        self._mark(m, (t == 0) & d.first)
        free, there = self._free(m, t == 0), self._there(m, place[0])
        # The first step of a layer finds room.
        at_once, opens = Signal(), Signal()
        m.d.comb += [at_once.eq(d.first & self.settled), self.reserved.eq(opens)]
        m.d.sync += opens.eq(self.start & at_once & ~self._early)
        step_strides, sample_strides = (plan.in_step, plan.second_step), (plan.in_sample, plan.second_sample)
        m.d.comb += [
            self.request.payload.address.eq(Mux(source, place[1], place[0])),
            self.request.payload.beats.eq(self._beats),
        ]
        with m.FSM():
            self._rest(m, at_once, (sample, step, place), (t, n, plane, source))
            with m.State("ROOM"):
                m.d.comb += self._asks.eq(1)
                with m.If(self.room & there & free):
                    m.d.comb += self.reserved.eq(1)
                    m.next = "PLANES"
            with m.State("PLANES"):
                m.d.comb += self.request.valid.eq(1)
                with m.If(self.request.ready):
                    for i in range(2):
                        with m.If(source == i):
                            m.d.sync += place[i].eq(place[i] + plan.in_plane)
                    m.d.sync += plane.eq(plane + 1)
                    with m.If(plan.by_row | (plane == Mux(source, plan.planes_second - 1, d.planes))):
                        m.d.sync += [plane.eq(0), source.eq(1)]
                        with m.If(source | ~d.second):
                            m.next = "STEP"
            with m.State("STEP"):
                m.d.sync += [t.eq(t + 1), source.eq(0), self._beats.eq(plan.in_beats)]
                for i in range(2):
                    later = step[i] + step_strides[i]
                    m.d.sync += [step[i].eq(later), place[i].eq(later)]
                m.next = "ROOM"
                with m.If(self._owed != 0):
                    m.d.comb += self.reserved.eq(1)
                    m.d.sync += self._owed.eq(self._owed - 1)
                    with m.If(self._owed != 1):
                        m.next = "STEP"
                with m.If(last_step):
                    m.next = "SAMPLE"
            with m.State("SAMPLE"):
                m.d.sync += [t.eq(0), n.eq(n + 1)]
                for i in range(2):
                    later = sample[i] + sample_strides[i]
                    m.d.sync += [sample[i].eq(later), step[i].eq(later), place[i].eq(later)]
                m.next = "ROOM"
                with m.If(n == d.samples - 1):
                    m.next = "IDLE"
        if not self.config.has("second"):
            m.d.sync += [source.eq(0), sample[1].eq(0), step[1].eq(0), place[1].eq(0)]

    def _rest(
        self, m: Module, at_once: Signal, places: tuple[list[Signal], ...], counts: tuple[Signal, ...]
    ) -> None:
        """All is asked for. The next layer's first steps are named, and asked for as soon as that may be."""
        d, plan, several = self.next.descriptor, self.next.plan, Signal()
        # Short steps are worked on faster than others come: as many as find room, one behind the other.
        m.d.comb += several.eq(
            self.ahead & ~plan.static & (plan.in_step == plan.in_beats) & (d.steps >= 2 * _AHEAD)
            & (plan.in_beats < (1 << self._bits) // _AHEAD)
        )  # fmt: skip
        with m.State("IDLE"):
            m.d.comb += self._asks.eq(1)
            m.d.sync += [count.eq(0) for count in (*counts, self._owed)]
            with m.If(self.follows):
                for i, first in enumerate((d.input, d.second_input)):
                    m.d.sync += [place[i].eq(first) for place in places]
                m.d.sync += self._beats.eq(Mux(several, plan.in_beats * _AHEAD, plan.in_beats))
            with m.If(self.start):
                m.next = "ROOM"
                with m.If(at_once):
                    m.next = "PLANES"
            with m.Elif(self._may):
                m.d.sync += self._owed.eq(Mux(several, _AHEAD, 1))
                m.next = "AHEAD"
        with m.State("AHEAD"):
            m.d.comb += [self._early.eq(1), self.request.valid.eq(1)]
            with m.If(self.request.ready):
                m.next = "HELD"
                with m.If(self.start):
                    m.next = "STEP"
            with m.Elif(self.start):
                m.next = "LATE"
        with m.State("HELD"):
            m.d.comb += self._early.eq(1)
            with m.If(self.start):
                m.next = "STEP"
        with m.State("LATE"):
            m.d.comb += self.request.valid.eq(1)
            with m.If(self.request.ready):
                m.next = "STEP"

    def _free(self, m: Module, first: Value) -> Signal:
        """The sample before has been read out, or there is none, or the step is not the first of one."""
        free, may = Signal(), Signal()
        with m.If(self.start):
            # Of a later chunk also the first sample waits for its states.
            m.d.sync += free.eq(self.layer.descriptor.first)
        with m.Elif(self.sample):
            m.d.sync += free.eq(1)
        with m.Elif(self.reserved & first):
            m.d.sync += free.eq(0)
        m.d.comb += may.eq(~(self.hold & first & ~free))
        return may

    def _there(self, m: Module, place: Signal) -> Signal:
        """Whether a step is in memory for sure, of one plane at least; known two cycles after it is named.

        The first step is named long before: a layer is there three cycles before it starts.
        """
        d, there, end, below = self.layer.descriptor, Signal(), Signal(ADDRESS + 1), Signal()
        # Of the next layer: named a cycle later, and of what the present one has written since it may.
        following, sure = self.next.descriptor, Signal(3)
        self._asks, named = Signal(), Signal(2)
        m.d.sync += [
            end.eq(place + self._beats),
            below.eq(end <= self.below),
            named.eq(Mux(self._asks, Cat(1, named[0]), 0)),
            sure.eq(Mux(self._asks & self.ahead, Cat(1, sure[:-1]), 0)),
        ]
        m.d.comb += [
            there.eq(self.settled | (named[1] & below & (d.planes == 0) & ~d.second)),
            self._may.eq(
                self.ahead & sure[-1] & below & (self._asked == self._came)
                & (following.planes == 0) & ~following.second
            ),
        ]  # fmt: skip
        return there

    def _mark(self, m: Module, begins: Value) -> None:
        """Whether the step that gets a slot is the first of a sample."""
        number = self._asked
        with m.If(self.reserved):
            slot = slot_place(number, self.slots)
            m.d.sync += [number.eq(number + 1), self.begins.bit_select(slot, 1).eq(begins)]
        with m.If(self.start):
            m.d.sync += number.eq(0)

    def _receive(self, m: Module) -> None:
        number, beat = self._came, Signal(self._bits)
        last, comes = Signal(), Signal()
        m.d.comb += [
            self.words.ready.eq(~self._early),
            comes.eq(self.words.valid & self.words.ready),
            last.eq(beat == self.total - 1),
        ]
        m.d.sync += [
            self.write.eq(comes),
            self.write_address.eq(slot_address(beat, number, self.slots)),
            self.write_data.eq(self.words.payload),
            self.loaded.eq(comes & last),
            self.filled.eq(beat),
            self.spikes.eq(Mux(comes, ones(self.words.payload), 0)),
        ]
        with m.If(comes):
            m.d.sync += beat.eq(beat + 1)
            with m.If(last):
                m.d.sync += [beat.eq(0), number.eq(number + 1)]
        with m.If(self.start):
            m.d.sync += [number.eq(0), beat.eq(0)]


def ones(word: Value) -> Value:
    """Number of ones, as a tree."""
    parts = list(word)
    while len(parts) > 1:
        parts = [sum(parts[i : i + 3]) for i in range(0, len(parts), 3)]
    return parts[0]
