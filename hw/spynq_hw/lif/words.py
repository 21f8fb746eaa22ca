"""The input map of a step, and the words of it that a window's runs of bits cover."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.lif.params import LifConfig
from spynq_hw.lif.feeder import WORD_BITS, word
from spynq_hw.lif.sizes import BEAT, Sizes
from spynq_hw.lif.walker import segment

__all__ = ["SLOTS", "Words", "slot_address", "slot_place"]

SLOTS = 8
"""Most steps whose maps are held at once; large maps leave room for 2 or 4."""

_PER_BEAT = BEAT // WORD_BITS
_BIT = ceil_log2(WORD_BITS)
_WORD = ceil_log2(_PER_BEAT)
_BEAT = _BIT + _WORD


def slot_address(beat: Value, slot: Value, slots: Value) -> Value:
    """Address of a beat of the map in a slot: the slot's bits take the place of the beat's unused high bits.

    Parameters
    ----------
    beat : Value
        Beat of the map.
    slot : Value
        Number of the step, of which as many bits count as there are slots.
    slots : Value
        0, 1, 2 for 2, 4, 8 slots.
    """
    return Cat(beat[:-2], Mux(slots == 2, slot[2], beat[-2]), Mux(slots != 0, slot[1], beat[-1]), slot[0])


def slot_place(number: Value, slots: Value) -> Value:
    """Slot of a step by its number: as many low bits as there are slots."""
    return Cat(number[0], number[1] & (slots != 0), number[2] & (slots == 2))


class Words(wiring.Component):
    """A stream's copy of some steps' maps, read a beat at a time; words without a spike are dropped.

    Of a run's part of a beat the words that hold spikes follow each other, one per cycle, and the next beat,
    of this run or another, follows without a gap: it takes max(1, words with spikes) cycles.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    write : In(1), write_address : In, write_data : In(128)
        Stores a beat of a map, at its :func:`slot_address`.
    slots : In(2)
        Slots in use are 2, 4 or 8 for 0, 1, 2.
    restart : In(1)
        The next step is in slot 0.
    loaded : In(1), filled : In
        Pulse: one more map is there as a whole; of the one on its way this many beats are.
    split, odd : In(1)
        Of every run only the words with odd, or even, addresses are read.
    segments : In(stream.Signature(segment))
        Runs of bits in the present slot.
    words : Out(stream.Signature(word))
        Their words that hold spikes, begin a plane or end a window.
    done : Out(1)
        Pulse: the slot is not read any more.
    starved : Out(1)
        There is a run whose beat is not there yet.
    """

    def __init__(self, config: LifConfig) -> None:
        self.sizes = sizes = Sizes(config)
        self._beats = sizes.place - ceil_log2(BEAT)
        # Word of the beat read that is shown.
        self._lowest = Signal(_WORD)
        super().__init__(
            {
                "write": In(1),
                "write_address": In(self._beats + 1),
                "write_data": In(BEAT),
                "slots": In(2),
                "restart": In(1),
                "loaded": In(1),
                "filled": In(self._beats),
                "split": In(1),
                "odd": In(1),
                "segments": In(stream.Signature(segment(sizes))),
                "words": Out(stream.Signature(word(sizes.tap))),
                "done": Out(1),
                "starved": Out(1),
            }
        )
        self.memory = Memory(shape=BEAT, depth=2 << self._beats, init=[], attrs={"ram_style": "block"})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        write, read = self.memory.write_port(), self.memory.read_port()
        run = self.segments.payload
        number, whole = Signal(range(SLOTS)), Signal(range(SLOTS + 1))
        # Nothing is left of the beat shown; one is asked for; it is not the first one of its run.
        self._flow, self._issue, self._busy = flow, issue, busy = Signal(), Signal(), Signal()
        wanted, there, final, held = (Signal(name=name) for name in ("wanted", "there", "final", "held"))
        at, ends = self._ask(m)
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            read.addr.eq(slot_address(at, number, self.slots)),
            read.en.eq(flow),
            wanted.eq(busy | self.segments.valid),
            final.eq(Mux(busy, held, run.final)),
            # Maps are read from their first beat on, while more of them comes; the end waits for all of it.
            there.eq((whole != 0) | (~final & (at < self.filled))),
            issue.eq(flow & there & wanted),
            self.segments.ready.eq(flow & there & ~busy),
            self.starved.eq(wanted & ~there),
            # The memory keeps the last beat by itself; what comes next is in the next slot.
            self.done.eq(issue & final & ends),
        ]
        with m.If(issue):
            m.d.sync += busy.eq(~ends)
        m.d.sync += [
            held.eq(final),
            number.eq(Mux(self.restart, 0, number + self.done)),
            whole.eq(Mux(self.restart, 0, whole + self.loaded - self.done)),
        ]
        self._show(m, read.data, ends)
        self._tap(m, at)
        return m

    def _ask(self, m: Module) -> tuple[Signal, Signal]:
        """Beat that is asked for, and whether it is the last one of its run."""
        run, busy = self.segments.payload, self._busy
        at, place, following = (Signal(self._beats, name=name) for name in ("at", "place", "following"))
        self._end, held_end = (Signal(self._beats + _WORD, name=name) for name in ("end", "held_end"))
        self._full, held_full = Signal(name="full"), Signal()
        ends = Signal()
        m.d.comb += [
            at.eq(Mux(busy, place, run.start[_BEAT:])),
            following.eq(at + 1),
            self._end.eq(Mux(busy, held_end, run.end[_BIT:])),
            self._full.eq(Mux(busy, held_full, ~run.end[:_BEAT].any())),
            # A run that fills its last beat ends where the next one begins.
            ends.eq((~busy & run.empty) | (Mux(self._full, following, at) == self._end[_WORD:])),
        ]
        m.d.sync += [held_end.eq(self._end), held_full.eq(self._full)]
        with m.If(self._issue):
            m.d.sync += place.eq(following)
        return at, ends

    def _show(self, m: Module, beat: Value, ends: Signal) -> None:
        """Hand on the words of the beat read that hold spikes, the lowest one first."""
        run, out, ready = self.segments.payload, self.words.payload, self.words.ready
        double, last, held_last = Signal(), Signal(), Signal()
        left, spikes, rest = (Signal(_PER_BEAT, name=name) for name in ("left", "spikes", "rest"))
        several, known_last = Signal(), Signal()
        covered, words = self._mask(m, beat, left, ends)
        m.d.comb += [
            spikes.eq(Cat(word.any() for word in words)),
            rest.eq(spikes & Cat(spikes[:i].any() for i in range(_PER_BEAT))),
            several.eq(rest.any()),
            self._lowest.eq(Cat(~spikes[0] & (spikes[1] | ~spikes[2]), ~spikes[:2].any())),
            out.bits.eq(Array(words)[self._lowest]),
            out.double.eq(double),
            out.last.eq(last & ~several),
            self.words.valid.eq(spikes.any() | double | last),
            self._flow.eq(~self.words.valid | (ready & ~several)),
            known_last.eq(Mux(self._busy, held_last, run.last)),
        ]
        with m.If(self._flow):
            m.d.sync += [
                left.eq(covered & self._issue.replicate(_PER_BEAT)),
                double.eq(self._issue & ~self._busy & run.double),
                last.eq(self._issue & ends & known_last),
            ]
        with m.Elif(ready):
            m.d.sync += [left.eq(rest), double.eq(0)]
        m.d.sync += held_last.eq(known_last)

    def _mask(self, m: Module, beat: Value, left: Signal, ends: Signal) -> tuple[Signal, list[Signal]]:
        """Words that the run has in the beat asked for; its bits in those that are ``left`` of the beat read.

        Only the first and the last word of a run are cut, by masks that are steady as long as it is read.
        """
        run, busy, ones = self.segments.payload, self._busy, Const((1 << WORD_BITS) - 1)
        covered, first, last = (Signal(_PER_BEAT, name=name) for name in ("covered", "first", "last"))
        head, tail = Signal(WORD_BITS), Signal(WORD_BITS)
        start, end = run.start[_BIT:_BEAT], self._end[:_WORD]
        with m.If(self._issue & ~busy):
            m.d.sync += [head.eq(ones << run.start[:_BIT]), tail.eq(~(ones << run.end[:_BIT]))]
        words = []
        for i in range(_PER_BEAT):
            begun, open_ = busy | (~run.empty & (start <= i)), ~ends | self._full | (end >= i)
            m.d.comb += covered[i].eq(begun & open_ & (~self.split | (self.odd == i % 2)))
            with m.If(self._issue):
                m.d.sync += [
                    first[i].eq(~busy & (start == i)),
                    last[i].eq(ends & ~self._full & (end == i)),
                ]
            words.append(Signal(WORD_BITS, name=f"word{i}"))
            there, from_first, to_last = (bit.replicate(WORD_BITS) for bit in (left[i], ~first[i], ~last[i]))
            m.d.comb += words[i].eq(
                beat.word_select(i, WORD_BITS) & there & (head | from_first) & (tail | to_last)
            )
        return covered, words

    def _tap(self, m: Module, at: Signal) -> None:
        """Tap of the first bit of a word: that of the map's first bit, and the word's place."""
        run, tap, shown = self.segments.payload, Signal(self.sizes.tap), Signal(self._beats)
        with m.If(self._issue):
            m.d.sync += shown.eq(at)
            with m.If(~self._busy):
                m.d.sync += [tap.eq(run.tap - run.start), self.words.payload.negate.eq(run.negate)]
        m.d.comb += self.words.payload.base.eq(tap + Cat(Const(0, _BIT), self._lowest, shown))
