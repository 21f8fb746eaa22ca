"""Arithmetic of one lane of the flat front end: deviation, square, log-likelihood."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import L_BITS, MAX_GAIN_BITS

__all__ = ["Deviation", "LogLikelihood"]

_Z_BITS = 18
_ROUNDING = 1 << 13


class Deviation(wiring.Component):
    """Scaled distance z of a sample from a cue; one multiplier.

    Golden model: :func:`spynq.stm.golden.deviation`. Latency 3 cycles from sample and cue,
    2 from the gain, which therefore comes one cycle later.

    Members
    -------
    sample, cue : In(signed(16))
        Steps of the grid.
    gain : In(26)
        Gain of the sample of the cycle before.
    z : Out(signed(18))
        ``((sample - cue) * gain + 2**18) >> 19``, clipped.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "sample": In(signed(16)),
                "cue": In(signed(16)),
                "gain": In(MAX_GAIN_BITS),
                "z": Out(signed(_Z_BITS)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        difference = Signal(signed(17))
        product = Signal(signed(43))
        # Bits below 18 cannot change the rounded result, so they get no register.
        scaled = Signal(signed(25))
        rounded = Signal(signed(25))
        high, low = (1 << _Z_BITS - 1) - 1, -(1 << _Z_BITS - 1)

        m.d.comb += [
            product.eq(difference * Cat(self.gain, 0).as_signed()),
            rounded.eq((scaled + 1) >> 1),
        ]
        m.d.sync += [
            difference.eq(self.sample - self.cue),
            scaled.eq(product >> 18),
            self.z.eq(Mux(rounded > high, high, Mux(rounded < low, low, rounded))),
        ]
        return m


class LogLikelihood(wiring.Component):
    """Negative log2 likelihood of one sample, ``terms`` Gaussian terms per cycle.

    Golden model: :func:`spynq.stm.golden.log_likelihood`; a term with gain 0 adds nothing. Eight
    squares of at most 2**34 stay below ``L_MAX`` after the shift, so nothing saturates.
    Latency 5 cycles from ``samples`` to ``l``, 4 from ``gains``, 1 from ``first`` and ``absent``.

    Parameters
    ----------
    terms : int
        Terms per cycle.

    Members
    -------
    samples, cues : In(ArrayLayout(signed(16), terms))
        One coordinate per term.
    gains : In(ArrayLayout(26, terms))
        One cycle after samples and cues.
    first : In(1)
        The squares that are added now are the first of their sample.
    absent : In(1)
        No such sample: ``l`` becomes ``IMPOSSIBLE``.
    l : Out(24)
        Sum of the squares since ``first``.
    """

    def __init__(self, terms: int) -> None:
        self.terms = terms
        super().__init__(
            {
                "samples": In(data.ArrayLayout(signed(16), terms)),
                "cues": In(data.ArrayLayout(signed(16), terms)),
                "gains": In(data.ArrayLayout(MAX_GAIN_BITS, terms)),
                "first": In(1),
                "absent": In(1),
                "l": Out(L_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        squares = []
        for t in range(self.terms):
            m.submodules[f"deviation{t}"] = deviation = Deviation()
            # At most (2**17)**2, so the sign bit of the product is not needed.
            square = Signal(2 * _Z_BITS - 1, name=f"square{t}")
            m.d.comb += [
                deviation.sample.eq(self.samples[t]),
                deviation.cue.eq(self.cues[t]),
                deviation.gain.eq(self.gains[t]),
            ]
            m.d.sync += square.eq(deviation.z * deviation.z)
            squares.append(square)
        total = Signal(14 + L_BITS)
        gone = Signal()
        m.d.sync += [
            total.eq(Mux(self.first, _ROUNDING, total) + sum(squares)),
            gone.eq(self.absent),
        ]
        m.d.comb += self.l.eq(total[14:] | gone.replicate(L_BITS))
        return m
