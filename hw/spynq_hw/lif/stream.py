"""A stream of spikes: walker, words, feeder, and the gate that keeps it in step with the columns."""

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out, connect
from amaranth.utils import exact_log2

from spynq.lif.params import LifConfig
from spynq_hw.fifo import Queue
from spynq_hw.lif.adders import Control
from spynq_hw.lif.feeder import Feeder, pair, word
from spynq_hw.lif.neuron import REVISIT
from spynq_hw.lif.sizes import BEAT, OUTPUTS, Sizes
from spynq_hw.lif.walker import Walker, geometry, known, unit
from spynq_hw.lif.words import SLOTS, Words, slot_place

__all__ = ["Stream", "order"]

_WORDS_OPEN = 32
"""Words between memory and feeder, at most."""
_PAIRS_OPEN = 16
"""Pairs of spikes between feeder and gate, at most."""
_UNITS_OPEN = 16
"""Units between walker and gate, at most."""


def order(sizes: Sizes) -> data.StructLayout:
    """What a column does in a cycle; all zero: nothing.

    With ``last`` the sums of a unit are complete; then ``unit`` (its number in the stream), ``round``,
    ``begins`` (first step of a sample), ``again`` (the sums are those of the step before), ``slot`` (where
    the spikes go), ``early`` (its step is not the next one to end) and ``final`` (last unit of the step)
    are looked at.
    """
    return data.StructLayout(
        {
            "taps": data.ArrayLayout(sizes.tap, 2),
            "control": Control,
            "last": 1,
            "unit": sizes.unit,
            "round": sizes.round,
            "begins": 1,
            "again": 1,
            "slot": range(OUTPUTS),
            "early": 1,
            "final": 1,
        }
    )


class Stream(wiring.Component):
    """Hands two spikes per cycle to its columns, unit by unit and step by step.

    A unit's last spikes wait until the neurons of the unit before have been served, which takes ``gap``
    cycles, or, ``ahead``, have begun to be, as the column keeps the sums of one more unit; no other stage of
    a column ever waits. Spikes of the next unit that has some go to the
    adders while units without take kept sums. Steps take their slots in turn, for input and output.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A layer begins, in slot 0.
    plan, first, step : In
        As in :class:`~spynq_hw.lif.walker.Walker`.
    split, odd : In(1)
        Two streams share their units: each takes the spikes of every second word.
    meet : In(1), met : Out(1)
        The other one's sums are complete; this one's are. Both then go on together.
    gap, stride, depth : In(4)
        Cycles that neurons take from unit to unit, at least; output slots from step to step, and steps that
        may wait there.
    ahead : In(1)
        Neurons keep this distance by themselves, as they take all of it.
    adds : In(1), arrived : In(1)
        Words from memory add to the sums; pulse: those of one more unit are in the columns.
    write, write_address, write_data, slots
        As in :class:`~spynq_hw.lif.words.Words`.
    reserved, loaded : In(1), filled : In
        Pulses: the map of one more step is on its way, and is there.
    begins : In(8)
        Whether the step in each slot is the first of a sample.
    drained : In(1)
        Pulse: the output of one more step has been read.
    room : Out(1)
        There is a slot for one more step's map.
    block : In(1), block_bank : In(4), hit : Out(1)
        A word goes into this bank of the weight memories in the next cycle, so that no pair that would
        read from it may go; there is such a pair.
    order : Out(order)
        To the columns.
    events : Out(2)
        Spikes handed on in this cycle.
    starved : Out(1)
        It waits for a beat of its map.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        sizes = self.sizes
        self.words = Words(config)
        super().__init__(
            {
                "start": In(1),
                "plan": In(geometry(sizes)),
                "first": In(unit(sizes)),
                "step": In(unit(sizes)),
                "split": In(1),
                "odd": In(1),
                "meet": In(1),
                "met": Out(1),
                "gap": In(4),
                "ahead": In(1),
                "stride": In(4),
                "depth": In(4),
                "adds": In(1),
                "arrived": In(1),
                "write": In(1),
                "write_address": In(self.words.write_address.shape()),
                "write_data": In(BEAT),
                "slots": In(2),
                "reserved": In(1),
                "loaded": In(1),
                "filled": In(self.words.filled.shape()),
                "begins": In(SLOTS),
                "drained": In(1),
                "room": Out(1),
                "block": In(1),
                "block_bank": In(4),
                "hit": Out(1),
                "order": Out(order(sizes)),
                "events": Out(range(3)),
                "starved": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walker = walker = Walker(self.config)
        m.submodules.words = words = self.words
        m.submodules.feeder = feeder = Feeder(self.sizes.tap)
        m.submodules.units = units = Queue(known(self.sizes), _UNITS_OPEN)
        connect(m, walker.segments, words.segments)
        # Pairs that wait here let a window of many spikes begin while the one before waits for its neurons.
        m.submodules.pairs = pairs = Queue(pair(self.sizes.tap), _PAIRS_OPEN)
        # Words without spikes cost a cycle; those that wait here let the feeder go on meanwhile.
        m.submodules.waiting = waiting = Queue(word(self.sizes.tap), _WORDS_OPEN)
        connect(m, words.words, waiting.i)
        connect(m, waiting.o, feeder.words)
        connect(m, feeder.pairs, pairs.i)
        connect(m, walker.units, units.i)
        m.d.comb += [
            walker.plan.eq(self.plan),
            walker.first.eq(self.first),
            walker.step.eq(self.step),
            words.write.eq(self.write),
            words.write_address.eq(self.write_address),
            words.slots.eq(self.slots),
            words.write_data.eq(self.write_data),
            words.restart.eq(self.start),
            words.loaded.eq(self.loaded),
            words.filled.eq(self.filled),
            words.split.eq(self.split),
            words.odd.eq(self.odd),
        ]
        self._slots(m, walker, words)
        self._gate(m, pairs.o, units.o)
        return m

    def _slots(self, m: Module, walker: Walker, words: Words) -> None:
        """Counts of steps: in memory or on their way, of them not begun, begun but not drained."""
        number, fresh = Signal(range(SLOTS)), Signal()
        held, comes, open_ = Signal(range(SLOTS + 1)), Signal(range(SLOTS + 1)), Signal(range(OUTPUTS + 1))
        m.d.comb += [
            self.room.eq(held < (2 << self.slots)),
            walker.begins.eq(self.begins.bit_select(slot_place(number, self.slots), 1)),
            walker.go.eq(((comes != 0) | walker.again) & (open_ + walker.along < self.depth)),
            self.starved.eq(words.starved),
            fresh.eq(walker.begun & ~walker.again),
        ]
        with m.If(fresh):
            m.d.sync += number.eq(number + 1)
        m.d.sync += [
            held.eq(held + self.reserved - words.done),
            comes.eq(comes + self.reserved - fresh),
            open_.eq(open_ + Mux(walker.begun, walker.along + 1, 0) - self.drained),
        ]
        with m.If(self.start):
            m.d.sync += [number.eq(0), held.eq(0), comes.eq(0), open_.eq(0)]

    def _gate(self, m: Module, pairs: Any, units: Any) -> None:
        pair_, unit_ = pairs.payload, units.payload
        # Cycles until the neurons are done with all units so far, and whether the next one waits for that.
        timer, strict, free = Signal(4), Signal(), Signal()
        # Output slot of the next step to end, and the next unit of it.
        number, front = Signal(range(OUTPUTS)), Signal(self.sizes.unit)
        goes, ends, blocked, again = Signal(), Signal(), Signal(), Signal()
        # Whether the unit's sums are complete with this cycle.
        complete = Signal()
        bank_bit = exact_log2(self.config.weights // self.config.banks)
        # Units whose words are there.
        words = Signal(3)
        m.d.comb += [
            self.hit.eq(pairs.valid & pair_.take[0] & (pair_.taps[0][bank_bit:] == self.block_bank)),
            blocked.eq(self.block & self.hit),
            again.eq(units.valid & unit_.again),
            complete.eq(again | (pairs.valid & ~blocked & pair_.last)),
            free.eq(timer <= Mux(self.ahead & ~strict, self.gap - 1, 0)),
            self.met.eq(complete & free & (~self.adds | (words != 0))),
            ends.eq(self.met & (~self.split | self.meet)),
            # A unit without spikes of its own leaves the sums alone, so those of the next one may begin.
            goes.eq(Mux(pair_.last, ends & ~again, pairs.valid & ~blocked)),
            pairs.ready.eq(goes),
            units.ready.eq(ends),
            self.events.eq(Mux(goes, pair_.take[0] + pair_.take[1], 0)),
        ]
        with m.If(ends):
            m.d.sync += [timer.eq(timer + Mux(unit_.slow, REVISIT, self.gap) - 1), strict.eq(unit_.slow)]
        with m.Elif(timer != 0):
            m.d.sync += timer.eq(timer - 1)
        m.d.sync += words.eq(words + self.arrived - (ends & self.adds))
        out = self.order
        m.d.sync += [
            out.taps.eq(pair_.taps),
            out.control.take.eq(Mux(goes, pair_.take, 0)),
            out.control.fresh.eq(goes & pair_.fresh),
            out.control.double.eq(goes & pair_.double),
            out.control.negate.eq(pair_.negate),
            out.last.eq(ends),
            out.round.eq(unit_.round),
            out.early.eq(unit_.early),
            out.begins.eq(unit_.begins),
            out.again.eq(again),
            out.final.eq(unit_.last),
        ]
        with m.If(ends):
            m.d.sync += [
                out.slot.eq(Mux(unit_.early, out.slot + 1, number)),
                out.unit.eq(Mux(unit_.early, out.unit - 1, front)),
            ]
            with m.If(unit_.last):
                m.d.sync += number.eq(number + self.stride)
                # Steps that have begun go on with their last unit.
                m.d.sync += front.eq(Mux(unit_.open, front, 0))
            with m.Elif(~unit_.early):
                m.d.sync += front.eq(front + 1)
        with m.If(self.start):
            m.d.sync += [number.eq(0), words.eq(0)]
