"""Logarithm of a sum: from masses back to log-likelihoods."""

from amaranth import Array, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.golden_edge import L0, L1
from spynq.stm.params import L_FRACTION
from spynq_hw.stm.exponential import rows_of_product

__all__ = ["LOG_LATENCY", "MASS_BITS", "Log2"]

MASS_BITS = 48
"""Bits of the sum of a parent's message."""
LOG_LATENCY = 4
_FRACTION = 14
_REST = 10


class Log2(wiring.Component):
    """log2 of an integer from 1 on, 10 fraction bits; latency 4 cycles.

    Golden model: :func:`spynq.stm.golden_edge.log2`.

    Members
    -------
    value : In(48)
        Not 0, else the result means nothing.
    log : Out(16)
        6 bits and 10 fraction bits.
    """

    def __init__(self) -> None:
        super().__init__({"value": In(MASS_BITS), "log": Out(6 + L_FRACTION)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        # Move the first one to the top in steps of 32, 16, 8 | 4, 2, 1.
        value: Value = self.value
        missing: list[Value] = []
        for half, distances in enumerate(((32, 16, 8), (4, 2, 1))):
            for distance in distances:
                empty = ~value[MASS_BITS - distance :].any()
                shifted = Signal(MASS_BITS, name=f"shifted{distance}")
                m.d.comb += shifted.eq(Mux(empty, value << distance, value))
                value, missing = shifted, [*missing, empty]
            held = Signal(MASS_BITS, name=f"held{half}")
            places = Signal(3 * (half + 1), name=f"places{half}")
            m.d.sync += [held.eq(value), *(places[i].eq(bit) for i, bit in enumerate(missing))]
            value, missing = held, [places[i] for i in range(len(places))]

        distance = sum(bit << (5 - i) for i, bit in enumerate(missing))
        address, rest = value[MASS_BITS - 7 : MASS_BITS - 1], value[MASS_BITS - 7 - _REST : MASS_BITS - 7]
        start, rise, exponent = Signal(_FRACTION + 1), Signal(range(int(L1.max()) + 1)), Signal(6)
        slope = Signal(range(int(L1.max()) + 1))
        m.d.comb += slope.eq(Array(L1.tolist())[address])
        drop = _FRACTION - L_FRACTION
        m.d.sync += [
            start.eq(Array(L0[:64].tolist())[address]),
            rise.eq((sum(rows_of_product(slope, rest)) + (1 << _REST - 1)) >> _REST),
            exponent.eq(MASS_BITS - 1 - distance),
            self.log.eq(((exponent << _FRACTION) + start + rise + (1 << drop - 1)) >> drop),
        ]
        return m
