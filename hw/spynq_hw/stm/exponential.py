"""Arithmetic of one lane of the back end: exponential and square."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import IMPOSSIBLE, L_BITS, L_FRACTION, W_BITS

__all__ = ["Exponential", "Square", "rows_of_product", "rows_of_square"]

_T0 = [int(2.0 ** (17 - a / 32) + 0.5) for a in range(33)]
_T1 = [_T0[a] - _T0[a + 1] for a in range(32)]
_LAST_OCTAVE = 17
# T0[a] - ((T1[a] * rest + 16) >> 5) as one product and sum: (_BASE[a] + T1[a] * (31 - rest)) >> 5.
_BASE = [32 * _T0[a + 1] + _T1[a] + 15 for a in range(32)]


def rows_of_product(a: Value, b: Value) -> list[Value]:
    """Shifted partial products of two unsigned values.

    Written out so that no tool spends a DSP on them.
    """
    return [(a & b[i].replicate(len(a))) << i for i in range(len(b))]


def rows_of_square(a: Value) -> list[Value]:
    """Shifted partial products of a square, equal pairs counted once."""
    return [
        Cat(a[i], Const(0, 1), a[i + 1 :] & a[i].replicate(len(a) - i - 1)) << (2 * i) for i in range(len(a))
    ]


class Exponential(wiring.Component):
    """Weight of a sample from its log-likelihood and the smallest one of its population.

    Golden model: :func:`spynq.stm.golden.weights`. Latency 4 cycles.

    Parameters
    ----------
    multiplier : bool
        Interpolate in a DSP, which halves the look-up tables.

    Members
    -------
    l, l_min : In(24)
        ``l`` at least ``l_min``.
    w : Out(17)
        2**16 for the best sample, 0 for ``IMPOSSIBLE``.
    """

    def __init__(self, multiplier: bool = False) -> None:
        self.multiplier = multiplier
        super().__init__({"l": In(L_BITS), "l_min": In(L_BITS), "w": Out(W_BITS)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        distance = Signal(L_BITS)
        impossible = Signal()
        slope = Signal(range(max(_T1) + 1))
        octave = Signal(range(_LAST_OCTAVE + 1))
        nothing = Signal()
        shifted = Signal(18)
        rest, address = distance[:5], distance[5:L_FRACTION]

        m.d.comb += slope.eq(Array(_T1)[address])
        m.d.sync += [
            distance.eq(self.l - self.l_min),
            impossible.eq(self.l == IMPOSSIBLE),
        ]
        interpolate = self._multiplied if self.multiplier else self._added
        mantissa = interpolate(m, address, slope, rest)
        m.d.sync += [
            octave.eq(distance[L_FRACTION:]),
            nothing.eq(impossible | (distance[L_FRACTION:] > _LAST_OCTAVE)),
            # (y + 2**n) >> (n + 1) equals ((y >> n) + 1) >> 1 and needs no wide sum.
            shifted.eq(Mux(nothing, 0, mantissa >> octave)),
            self.w.eq((shifted + 1) >> 1),
        ]
        return m

    def _added(self, m: Module, address: Value, slope: Value, rest: Value) -> Value:
        start = Signal(18)
        drop = Signal(12)
        m.d.sync += [
            start.eq(Array(_T0[:32])[address]),
            drop.eq((sum(rows_of_product(slope, rest)) + 16) >> 5),
        ]
        return (start - drop)[:18]

    def _multiplied(self, m: Module, address: Value, slope: Value, rest: Value) -> Value:
        base = Signal(range(max(_BASE) + 1))
        value = Signal(23, attrs={"use_dsp": "yes"})
        signed_slope, signed_rest = Cat(slope, 0).as_signed(), Cat(~rest, 0).as_signed()
        m.d.comb += base.eq(Array(_BASE)[address])
        m.d.sync += value.eq(Cat(base, 0).as_signed() + signed_slope * signed_rest)
        return value[5:]


class Square(wiring.Component):
    """Square of a weight in look-up tables; latency 2 cycles.

    Members
    -------
    w : In(17)
        0 to 2**16.
    square : Out(33)
        ``w * w``.
    """

    def __init__(self) -> None:
        super().__init__({"w": In(W_BITS), "square": Out(2 * W_BITS - 1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        low, high = self.w[:8], self.w[8:16]
        low_square, high_square, cross = Signal(16), Signal(16), Signal(16)
        # 2**16 itself has no other bit, so its square joins as a bit of its own.
        one = Signal()
        m.d.sync += [
            low_square.eq(sum(rows_of_square(low))),
            high_square.eq(sum(rows_of_square(high))),
            cross.eq(sum(rows_of_product(low, high))),
            one.eq(self.w[16]),
            self.square.eq(Cat((Cat(low_square, high_square) + (cross << 9))[:32], one)),
        ]
        return m
