"""Serial division, rounded down."""

from amaranth import Cat, Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Divide"]


class Divide(wiring.Component):
    """One bit of the quotient per clock, the highest first; a divisor of 0 gives all ones.

    Parameters
    ----------
    bits : int
        Bits of the quotient, which must fit.
    dividend, divisor : int
        Bits of both.

    Members
    -------
    start, dividend, divisor : In
        Begin.
    busy, quotient : Out
        ``quotient`` is right from ``bits`` + 1 cycles after ``start``, when ``busy`` has fallen.
    """

    def __init__(self, bits: int, dividend: int, divisor: int) -> None:
        self.bits = bits
        super().__init__(
            {
                "start": In(1),
                "dividend": In(dividend),
                "divisor": In(divisor),
                "busy": Out(1),
                "quotient": Out(bits),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        left = Signal(range(self.bits + 1))
        rest = Signal(len(self.dividend))
        scaled = Signal(len(self.divisor) + self.bits - 1)
        fits = Signal()
        m.d.comb += [self.busy.eq(left != 0), fits.eq(rest >= scaled)]
        with m.If(self.start):
            m.d.sync += [
                left.eq(self.bits),
                rest.eq(self.dividend),
                scaled.eq(self.divisor << self.bits - 1),
            ]
        with m.Elif(self.busy):
            m.d.sync += [
                left.eq(left - 1),
                scaled.eq(scaled >> 1),
                self.quotient.eq(Cat(fits, self.quotient[:-1])),
            ]
            with m.If(fits):
                m.d.sync += rest.eq(rest - scaled)
        return m
