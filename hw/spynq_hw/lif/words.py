"""The input map of a step, and the words of it that a window's runs of bits cover."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
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

_FLAGS = data.StructLayout({"double": 1, "negate": 1, "last": 1, "final": 1})

_PER_BEAT = BEAT // WORD_BITS
_BIT = ceil_log2(WORD_BITS)
_WORD = ceil_log2(_PER_BEAT)


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
    """A stream's copy of two steps' maps, read a word per cycle; words without a spike are dropped.

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
        run, out = self.segments.payload, Signal(word(self.sizes.tap))
        number = Signal(range(SLOTS))
        # The word that has been asked for.
        asked, asked_word, mask = Signal(), Signal(_WORD), Signal(WORD_BITS)
        self._flow, self._issue, self._busy = flow, issue, busy = Signal(), Signal(), Signal()
        wanted, there = Signal(), Signal()
        at, left, bits = self._span(m)
        whole = Signal(range(SLOTS + 1))
        known = Signal(_FLAGS)
        held = Signal(_FLAGS)
        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            read.addr.eq(slot_address(at[_WORD:], number, self.slots)),
            read.en.eq(flow),
            out.bits.eq(read.data.word_select(asked_word, WORD_BITS) & mask),
            wanted.eq(asked & (out.bits.any() | out.double | out.last)),
            flow.eq(~wanted | self.words.ready),
            # Maps are read from their first beat on, while more of them comes; the end waits for all of it.
            there.eq((whole != 0) | (~known.final & (at[_WORD:] < self.filled))),
            issue.eq(flow & there & (busy | self.segments.valid)),
            self.segments.ready.eq(flow & there & ~busy),
            self.starved.eq((busy | self.segments.valid) & ~there),
            self.words.valid.eq(wanted),
            self.words.payload.eq(out),
            *(known[name].eq(Mux(busy, held[name], run[name])) for name in _FLAGS.members),
            # The memory keeps the last word by itself; what comes next is in the next slot.
            self.done.eq(issue & known.final & (left == 0)),
        ]
        with m.If(flow):
            m.d.sync += asked.eq(issue)
        with m.If(issue):
            m.d.sync += [
                busy.eq(left != 0),
                asked_word.eq(at[:_WORD]),
                mask.eq(bits),
                out.negate.eq(known.negate),
                out.double.eq(known.double & ~busy),
                out.last.eq(known.last & (left == 0)),
                held.eq(known),
            ]
        m.d.comb += out.base.eq(self._base)
        m.d.sync += [
            number.eq(Mux(self.restart, 0, number + self.done)),
            whole.eq(Mux(self.restart, 0, whole + self.loaded - self.done)),
        ]
        return m

    def _span(self, m: Module) -> tuple[Signal, Signal, Signal]:
        """Word that is asked for, words left after it, and which of its bits count."""
        run, busy, split = self.segments.payload, self._busy, self.split
        bits = self.sizes.place - _BIT
        at, place, begin = (Signal(bits, name=name) for name in ("at", "place", "begin"))
        left, words_left = Signal(bits), Signal(bits)
        last_bit = Signal(self.sizes.place + 1)
        final = last_bit[_BIT:]
        # In a split the run's own first or last word may be the other one's.
        skip_first, skip_last = Signal(), Signal()
        span, none = Signal(signed(bits + 2)), Signal()
        end, whole = Signal(_BIT), Signal()
        head, tail, count = (Signal(WORD_BITS, name=name) for name in ("head", "tail", "count"))
        self._base = base = Signal(self.sizes.tap)
        ones = Const((1 << WORD_BITS) - 1)
        m.d.comb += [
            begin.eq(run.start >> _BIT),
            last_bit.eq(run.end - 1),
            skip_first.eq(split & (begin[0] != self.odd)),
            skip_last.eq(split & (final[0] != self.odd)),
            span.eq(final - begin - skip_first - skip_last),
            none.eq(~busy & (run.empty | (span < 0))),
            at.eq(Mux(busy, place, begin + skip_first)),
            words_left.eq(Mux(busy, left, Mux(none, 0, Mux(split, span >> 1, span)))),
            head.eq(Mux(busy | skip_first, ones, ones << run.start[:_BIT])),
            tail.eq(
                ones >> ~Mux(busy, end | whole.replicate(_BIT), last_bit[:_BIT] | skip_last.replicate(_BIT))
            ),
            count.eq(Mux(none, 0, head & Mux(words_left == 0, tail, ones))),
        ]
        with m.If(self._issue):
            m.d.sync += [place.eq(at + 1 + split), left.eq(words_left - 1)]
            with m.If(busy):
                m.d.sync += base.eq(base + Mux(split, 2 * WORD_BITS, WORD_BITS))
            with m.Else():
                m.d.sync += [
                    base.eq(run.tap - run.start[:_BIT] + Mux(skip_first, WORD_BITS, 0)),
                    end.eq(last_bit),
                    whole.eq(skip_last),
                ]
        return at, words_left, count
