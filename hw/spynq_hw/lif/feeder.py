"""From words of spikes to their taps, two a cycle."""

from amaranth import Array, Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

__all__ = ["WORD_BITS", "Feeder", "pair", "word"]

WORD_BITS = 32
"""Bits of input map that are looked at at once."""


def word(tap_bits: int) -> data.StructLayout:
    """Spikes of a run of taps: bit i stands for tap ``base + i``.

    ``double`` starts a further bit plane, ``negate`` says that its spikes count negative, ``last`` ends
    a window. Words with ``double`` or ``last`` may be empty, others may not.
    """
    return data.StructLayout(
        {"bits": WORD_BITS, "base": tap_bits, "double": 1, "negate": 1, "last": 1},
    )


def pair(tap_bits: int) -> data.StructLayout:
    """Taps of up to two spikes, and what a column does with them."""
    return data.StructLayout(
        {
            "taps": data.ArrayLayout(tap_bits, 2),
            "take": 2,
            "fresh": 1,
            "double": 1,
            "negate": 1,
            "last": 1,
        }
    )


_GROUP = 4
"""Bits of a word that are looked at together."""


def _first(bits: Value) -> Value:
    """Position of the lowest one, the highest position if there is none."""
    if len(bits) == 1:
        return Cat()
    half = len(bits) // 2
    low = bits[:half]
    return Cat(Mux(low.any(), _first(low), _first(bits[half:])), ~low.any())


def _lowest(m: Module, bits: Value) -> Value:
    """The same of a word: first its group of bits, then the one in it."""
    groups = [bits[i : i + _GROUP] for i in range(0, WORD_BITS, _GROUP)]
    group, chosen = Signal(range(len(groups))), Signal(_GROUP)
    m.d.comb += [group.eq(_first(Cat(part.any() for part in groups))), chosen.eq(Array(groups)[group])]
    return Cat(_first(chosen), group)


def _highest(m: Module, bits: Value) -> Value:
    """Position of the highest one, 0 if there is none."""
    mirrored = Signal.like(bits)
    m.d.comb += mirrored.eq(bits[::-1])
    return ~_lowest(m, mirrored)


def _without(m: Module, bits: Value, *positions: Value) -> Value:
    """``bits`` with those at the positions cleared; a position is where a row and a column of bits cross."""
    for position in positions:
        row, column, left = Signal(WORD_BITS // 8), Signal(8), Signal.like(bits)
        m.d.comb += [
            row.eq(1 << position[3:]),
            column.eq(1 << position[:3]),
            left.eq(Cat(bit & ~(row[i // 8] & column[i % 8]) for i, bit in enumerate(bits))),
        ]
        bits = left
    return bits


class Feeder(wiring.Component):
    """Two spikes per cycle; the odd one of a word goes with the first of the next word.

    A window of n spikes in w words takes max(ceil(n / 2), w) cycles plus at most one, if words come as
    fast as they are taken. The taps of a pair come in any order, as sums do not depend on it.

    Parameters
    ----------
    tap_bits : int
        Bits of a tap.

    Members
    -------
    words : In(stream.Signature(word(tap_bits)))
        Windows, word by word.
    pairs : Out(stream.Signature(pair(tap_bits)))
        Their spikes. ``last`` comes exactly once per window, ``fresh`` with its first pair.
    """

    def __init__(self, tap_bits: int) -> None:
        self.tap_bits = tap_bits
        super().__init__(
            {
                "words": In(stream.Signature(word(tap_bits))),
                "pairs": Out(stream.Signature(pair(tap_bits))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        now, following = Signal(word(self.tap_bits)), Signal(word(self.tap_bits))
        now_valid, following_valid = Signal(), Signal()
        fresh = Signal(init=1)
        # What is left of both words after this cycle.
        rest, following_rest = Signal(WORD_BITS), Signal(WORD_BITS)
        several, joined = Signal(), Signal()
        goes, done, following_done = Signal(), Signal(), Signal()
        out = Signal(pair(self.tap_bits))
        low, high, first = (Signal(5, name=name) for name in ("low", "high", "first"))

        m.d.comb += [
            several.eq(now.bits.any() & (low != high)),
            # What a doubling or a change of sign parts does not go together.
            joined.eq(
                following_valid
                & ~now.last
                & ~now.double
                & ~following.double
                & (now.negate == following.negate)
            ),
            low.eq(_lowest(m, now.bits)),
            high.eq(_highest(m, now.bits)),
            first.eq(_lowest(m, following.bits)),
        ]
        self._take(m, now, following, several, joined, out, (low, high, first))
        m.d.comb += [
            rest.eq(Mux(now.double, now.bits, _without(m, now.bits, low, high))),
            following_rest.eq(
                Mux(joined & ~several, _without(m, following.bits, first), following.bits),
            ),
            # An odd spike waits for the next word; nothing waits at the end of a plane or window.
            goes.eq(now_valid & (several | now.double | now.last | following_valid)),
            done.eq(rest == 0),
            following_done.eq(joined & (following_rest == 0) & done & (~several | (following.bits == 0))),
            out.fresh.eq(fresh),
            out.last.eq(done & (now.last | (following_done & following.last))),
        ]
        room = Signal()
        m.d.comb += room.eq(~self.pairs.valid | self.pairs.ready)
        with m.If(room):
            m.d.sync += [self.pairs.valid.eq(goes), self.pairs.payload.eq(out)]
        self._advance(m, goes & room, now, following, now_valid, following_valid, done, following_done,
                      rest, following_rest)  # fmt: skip
        with m.If(goes & room):
            m.d.sync += fresh.eq(out.last)
        return m

    @staticmethod
    def _take(
        m: Module,
        now: data.View,
        following: data.View,
        several: Value,
        joined: Value,
        out: data.View,
        places: tuple[Signal, Signal, Signal],
    ) -> None:
        low, high, first = places
        m.d.comb += [
            out.taps[0].eq(now.base + low),
            out.taps[1].eq(Mux(several, now.base, following.base) + Mux(several, high, first)),
            out.take[0].eq(~now.double & now.bits.any()),
            out.take[1].eq(~now.double & (several | (joined & following.bits.any()))),
            # Sums that begin here are 0, doubled or not; what is in them belongs to another window.
            out.double.eq(now.double & ~out.fresh),
            out.negate.eq(now.negate & ~now.double),
        ]

    def _advance(
        self,
        m: Module,
        step: Value,
        now: data.View,
        following: data.View,
        now_valid: Signal,
        following_valid: Signal,
        done: Value,
        following_done: Value,
        rest: Value,
        following_rest: Value,
    ) -> None:
        """Move the words up by one or two; one comes in per cycle, so a third one waits here."""
        words = self.words
        third, third_valid = Signal(word(self.tap_bits)), Signal()
        # How many leave in this cycle.
        one, two = Signal(), Signal()
        m.d.comb += [
            one.eq(~now_valid | (step & done)),
            two.eq(step & done & following_done),
            words.ready.eq(one | ~third_valid),
        ]
        # Never is there a third word without a following one, nor that without a present one.
        with m.If(one):
            m.d.sync += now.eq(Mux(third_valid, third, words.payload))
            with m.If(following_valid & ~two):
                m.d.sync += [now.eq(following), now.bits.eq(following_rest)]
        with m.Elif(step):
            m.d.sync += [now.bits.eq(rest), now.double.eq(0)]
        with m.If(one | ~following_valid):
            m.d.sync += following.eq(Mux(third_valid & ~two, third, words.payload))
        with m.If(words.ready):
            m.d.sync += third.eq(words.payload)
        with m.If(two):
            m.d.sync += [
                now_valid.eq(third_valid | words.valid),
                following_valid.eq(third_valid & words.valid),
                third_valid.eq(0),
            ]
        with m.Elif(one):
            m.d.sync += [
                now_valid.eq(following_valid | words.valid),
                following_valid.eq(third_valid | (following_valid & words.valid)),
                third_valid.eq(third_valid & words.valid),
            ]
        with m.Else():
            with m.If(~following_valid):
                m.d.sync += following_valid.eq(words.valid)
            with m.If(~third_valid):
                m.d.sync += third_valid.eq(following_valid & words.valid)
