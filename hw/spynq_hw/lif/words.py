"""The input map of a step, and the words of it that a window's runs of bits cover."""

from amaranth import Cat, Const, Module, Mux, Signal, Value
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

_FLAGS = ("empty", "double", "negate", "last", "final")

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
    segments : In(stream.Signature(segment))
        Runs of bits in the present slot.
    words : Out(stream.Signature(word))
        Their words that hold spikes, begin a plane or end a window.
    done : Out(1)
        Pulse: the slot is not read any more.
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
                "segments": In(stream.Signature(segment(sizes))),
                "words": Out(stream.Signature(word(sizes.tap))),
                "done": Out(1),
            }
        )
        self.memory = Memory(shape=BEAT, depth=2 << self._beats, init=[], attrs={"ram_style": "block"})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.memory = self.memory
        write, read = self.memory.write_port(), self.memory.read_port()
        run, out = self.segments.payload, Signal(word(self.sizes.tap))
        slot, busy = Signal(range(SLOTS)), Signal()
        # Word that is asked for, words left after it, and what is known of it.
        place, at = Signal(self.sizes.place - _BIT), Signal(self.sizes.place - _BIT)
        left, end = Signal(self.sizes.place - _BIT), Signal(_BIT)
        first = Signal()
        # The word that has been asked for.
        asked, asked_word = Signal(), Signal(_WORD)
        mask = Signal(WORD_BITS)
        bits = Signal(WORD_BITS)
        flow, issue, wanted = Signal(), Signal(), Signal()
        head, tail = Signal(WORD_BITS), Signal(WORD_BITS)

        m.d.comb += [
            write.addr.eq(self.write_address),
            write.data.eq(self.write_data),
            write.en.eq(self.write),
            wanted.eq(asked & (out.bits.any() | out.double | out.last)),
            flow.eq(~wanted | self.words.ready),
            issue.eq(flow & (busy | self.segments.valid)),
            self.segments.ready.eq(flow & ~busy),
            first.eq(~busy),
            at.eq(Mux(busy, place, run.start >> _BIT)),
            read.addr.eq(slot_address(at[_WORD:], slot, self.slots)),
            read.en.eq(flow),
            self.words.valid.eq(wanted),
            self.words.payload.eq(out),
        ]
        words_left = Signal(self.sizes.place - _BIT + 1)
        last_bit = Signal(self.sizes.place + 1)
        m.d.comb += [
            last_bit.eq(run.end - 1),
            words_left.eq(Mux(busy, left, Mux(run.empty, 0, (last_bit >> _BIT) - (run.start >> _BIT)))),
            # Bits from the start on, and up to the end.
            head.eq(Mux(busy, ~0, Const((1 << WORD_BITS) - 1) << run.start[:_BIT])),
            tail.eq(Const((1 << WORD_BITS) - 1) >> ~Mux(busy, end, last_bit[:_BIT])),
        ]
        flags = data.StructLayout({name: 1 for name in _FLAGS})
        holding, now = Signal(flags), Signal(flags)
        base = Signal(self.sizes.tap)
        m.d.comb += [
            bits.eq(read.data.word_select(asked_word, WORD_BITS)),
            out.bits.eq(bits & mask),
        ]
        m.d.comb += [now[name].eq(Mux(busy, holding[name], run[name])) for name in flags.members]
        with m.If(issue):
            m.d.sync += [
                place.eq(at + 1),
                left.eq(words_left - 1),
                busy.eq(words_left != 0),
                asked_word.eq(at[:_WORD]),
                mask.eq(Mux(now.empty, 0, head & Mux(words_left == 0, tail, ~0))),
                base.eq(Mux(busy, base + WORD_BITS, run.tap - run.start[:_BIT])),
                out.negate.eq(now.negate),
                out.double.eq(now.double & first),
                out.last.eq(now.last & (words_left == 0)),
            ]
            with m.If(first):
                m.d.sync += [holding[name].eq(run[name]) for name in flags.members]
                m.d.sync += end.eq(last_bit)
        m.d.comb += out.base.eq(base)
        with m.If(flow):
            m.d.sync += asked.eq(issue)
        with m.If(issue & now.final & (words_left == 0)):
            # The memory keeps the last word by itself; what comes next is in the other slot.
            m.d.comb += self.done.eq(1)
            m.d.sync += slot.eq(slot + 1)
        with m.If(self.restart):
            m.d.sync += slot.eq(0)
        return m
