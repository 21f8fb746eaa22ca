"""One lane of the neuron update: leak, integrate, fire, reset, saturate."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Leak, Refractory, Reset

__all__ = ["LATENCY", "REVISIT", "U_BITS", "Channel", "Neuron", "Rule", "State", "later"]

LATENCY = 7
"""Cycles from sum and state to spike and next state."""
REVISIT = LATENCY + 2
"""Cycles after which a state that was read can be read again, as it has been written."""

State = data.StructLayout({"v": signed(24), "r": 2})
"""What a neuron carries over a step, as in the STATE record."""
Channel = data.StructLayout(
    {
        "theta": signed(24),
        "zeta": signed(24),
        "bias": signed(24),
        "decay": 13,
        "v_reset": signed(16),
        "rest": signed(16),
    }
)
"""Parameters of an output channel, as in the CHANNEL record."""
Rule = data.StructLayout({"reset": 2, "leak": 2, "refractory": 2, "policy": 2, "fire": 1, "fraction": 3})
"""What all neurons of a layer share, as in the DESCRIPTOR."""

_UNIT = 1 << 12
U_BITS = 34
"""Bits of a membrane before firing."""


def later(m: Module, value: Any, cycles: int) -> Any:
    """``value``, ``cycles`` cycles later."""
    for _ in range(cycles):
        held = Signal.like(value, name="later")
        m.d.sync += held.eq(value)
        value = held
    return value


class Neuron(wiring.Component):
    """Updates a neuron per cycle; one multiplier.

    Golden steps: scale, leak, integrate, fire, reset, saturate. Everything is latched on the way, so
    a new neuron can enter every cycle; ``rule`` must not change while one is inside.

    Members
    -------
    rule : In(Rule)
        Neuron type of the layer.
    sum : In(signed(24)), word : In(signed(24))
        Sum of weights of this step, and what memory adds to it.
    state : In(State), fresh : In(1)
        What the neuron carries; in the first step of a sample it is at rest.
    channel : In(Channel)
        Its parameters.
    next : Out(State), u : Out(signed(34))
        What it carries on, and its membrane before firing, 7 cycles later.
    spike : Out(1)
        It fired.
    saturated : Out(1)
        Its membrane was clipped.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "rule": In(Rule),
                "sum": In(signed(24)),
                "word": In(signed(24)),
                "state": In(State),
                "fresh": In(1),
                "channel": In(Channel),
                "next": Out(State),
                "u": Out(signed(U_BITS)),
                "spike": Out(1),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rule, state, channel = self.rule, self.state, self.channel
        busy, fired = Signal(), Signal()
        left = later(m, Mux(self.fresh, 0, state.r), 3)
        # Without a refractory period the counter only remembers the last step's spike.
        counts = rule.refractory != 0
        m.d.comb += [busy.eq(counts & (left != 0)), fired.eq(left == Mux(counts, rule.refractory, 1))]
        zeta = later(m, channel.zeta, 3)
        leaked = self._leak(m)
        current = self._current(m, busy, fired, zeta)
        freeze = later(m, busy & (rule.policy == Refractory.FREEZE), 1)
        u = Signal(signed(U_BITS))
        m.d.sync += u.eq(Mux(freeze, later(m, state.v, 4), leaked) + current)
        self._fire(m, u, later(m, busy, 2), later(m, left, 3), later(m, zeta, 2))
        return m

    def _leak(self, m: Module) -> Value:
        """Membrane after the leak, four cycles later; truncated toward the rest potential.

        A linear leak takes from the distance before it is multiplied, by one.
        """
        rule, channel = self.rule, self.channel
        linear = rule.leak == Leak.LINEAR
        distance, kept = (Signal(signed(25), name=name) for name in ("distance", "kept"))
        shorter = Signal(signed(26))
        factor = Signal(14)
        product, biased = (Signal(signed(40), name=n, reset_less=True) for n in ("product", "biased"))
        amount = later(m, channel.decay, 1)
        negative = distance < 0
        m.d.comb += shorter.eq(Mux(negative, distance + amount, distance - amount))
        crossed = shorter[-1] != negative
        m.d.sync += [
            distance.eq(Mux(self.fresh, 0, self.state.v - channel.rest)),
            kept.eq(Mux(linear, Mux(crossed, 0, shorter), distance)),
            factor.eq(Mux(rule.leak == Leak.MULTIPLY, amount, _UNIT)),
            product.eq(kept * Cat(factor, 0).as_signed()),
            # Of a negative distance the quotient is rounded up, which is toward zero.
            biased.eq(
                product + Cat(later(m, kept[-1], 1).replicate(12), later(m, channel.rest, 3)).as_signed()
            ),
        ]
        return biased >> 12

    def _current(self, m: Module, busy: Value, fired: Value, zeta: Value) -> Value:
        """Sum, scaled, with bias and the delayed reset, four cycles later."""
        scaled = Signal(signed(32))
        biased = Signal(signed(33))
        current = Signal(signed(U_BITS))
        delayed = fired & (self.rule.reset == Reset.SOFT_DELAYED)
        integrate = ~busy | (self.rule.policy == Refractory.INTEGRATE)
        m.d.sync += [
            scaled.eq((later(m, self.sum, 1) + later(m, self.word, 1)) << self.rule.fraction),
            biased.eq(scaled + later(m, self.channel.bias, 2)),
            current.eq(Mux(integrate, biased, 0) - Mux(delayed, zeta, 0)),
        ]
        return current

    def _fire(self, m: Module, u: Value, busy: Value, left: Value, zeta: Value) -> None:
        """From the membrane before firing to everything that leaves, two cycles later."""
        rule = self.rule
        spike = Signal()
        reduced, plain = (Signal(signed(U_BITS), name=n) for n in ("reduced", "plain"))
        v = Signal(signed(U_BITS))
        m.d.sync += [
            spike.eq(rule.fire & ~busy & (u >= later(m, self.channel.theta, 5))),
            plain.eq(u),
            reduced.eq(u - zeta),
        ]
        v_reset = later(m, self.channel.v_reset, 6)
        with m.If(spike & (rule.reset == Reset.HARD)):
            m.d.comb += v.eq(v_reset)
        with m.Elif(spike & (rule.reset == Reset.SOFT)):
            m.d.comb += v.eq(reduced)
        with m.Else():
            m.d.comb += v.eq(plain)
        # All bits from the sign of the stored width on are equal, or the value does not fit.
        negative, upper, lower = v[-1], v[23:-1], v[15:23]
        fits = Mux(negative, upper.all(), ~upper.any())
        fits_16 = fits & Mux(negative, lower.all(), ~lower.any())
        clipped = ~Mux(rule.fire, fits_16, fits)
        high = Cat((~negative).replicate(15), Mux(rule.fire, negative, ~negative).replicate(8), negative)
        counts = rule.refractory != 0
        m.d.sync += [
            self.u.eq(plain),
            self.next.v.eq(Mux(clipped, high, v[:24]).as_signed()),
            self.next.r.eq(
                Mux(spike, Mux(counts, rule.refractory, 1), Mux(counts & (left != 0), left - 1, 0))
            ),
            self.spike.eq(spike),
            self.saturated.eq(clipped),
        ]
