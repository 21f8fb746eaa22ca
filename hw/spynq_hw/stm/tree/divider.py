"""Quotients of child weights by row sums, one per cycle."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.golden_edge import QUOTIENT_BITS
from spynq.stm.params import W_BITS

__all__ = ["DIVIDER_LATENCY", "Divider"]

DIVIDER_LATENCY = QUOTIENT_BITS + 3


class Divider(wiring.Component):
    """``floor((u * 2**fraction + floor(d / 2)) / d)``, at most 2**26 - 1; latency 29 cycles.

    Golden model: :func:`spynq.stm.golden_edge.quotients`. Restoring division, one bit per stage, so a
    division starts in every cycle. Reset stops what is under way.

    Parameters
    ----------
    width : int
        Bits of the divisor.

    Members
    -------
    valid : In(1), u : In(17), d : In(width), fraction : In(5), lost : In(1)
        A division; ``lost`` makes the quotient 0.
    done : Out(1), q : Out(26)
        Its quotient.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        super().__init__(
            {
                "valid": In(1),
                "u": In(W_BITS),
                "d": In(width),
                "fraction": In(range(QUOTIENT_BITS + 1)),
                "lost": In(1),
                "done": Out(1),
                "q": Out(QUOTIENT_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = max(W_BITS + QUOTIENT_BITS, self.width) + 1
        shifted, divisor, lost = Signal(bits), Signal(self.width), Signal()
        valid = Signal()
        m.d.sync += [
            shifted.eq(self.u << self.fraction),
            divisor.eq(self.d),
            lost.eq(self.lost),
            valid.eq(self.valid),
        ]
        number, d, gone, going = Signal(bits), Signal(self.width), Signal(), Signal()
        m.d.sync += [number.eq(shifted + (divisor >> 1)), d.eq(divisor), gone.eq(lost), going.eq(valid)]
        head, tail = number[QUOTIENT_BITS:], number[:QUOTIENT_BITS]
        # The quotient replaces the tail of the number bit by bit.
        full = head >= d
        for stage in range(QUOTIENT_BITS):
            doubled = Signal(self.width + 1, name=f"doubled{stage}")
            fits = Signal(name=f"fits{stage}")
            m.d.comb += [doubled.eq(Cat(tail[-1], head)), fits.eq(doubled >= d)]
            left, rest = Signal(self.width, name=f"left{stage}"), Signal(QUOTIENT_BITS, name=f"rest{stage}")
            over, divided = Signal(name=f"over{stage}"), Signal(self.width, name=f"d{stage}")
            void, on = Signal(name=f"void{stage}"), Signal(name=f"on{stage}")
            m.d.sync += [
                left.eq(Mux(fits, doubled - d, doubled)),
                rest.eq(Cat(fits, tail)),
                over.eq(full),
                divided.eq(d),
                void.eq(gone),
                on.eq(going),
            ]
            head, tail, full, d, gone, going = left, rest, over, divided, void, on
        m.d.sync += [
            self.q.eq(Mux(gone, 0, tail | full.replicate(QUOTIENT_BITS))),
            self.done.eq(going),
        ]
        return m
