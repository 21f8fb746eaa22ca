"""One lane of the neuron update: leak, integrate, fire, reset, saturate."""

from typing import Any

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Leak, Refractory, Reset

__all__ = ["LATENCY", "REVISIT", "Channel", "Neuron", "Rule", "State", "later"]

LATENCY = 6
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
_U_BITS = 34


def later(m: Module, value: Any, cycles: int) -> Any:
    """``value``, ``cycles`` cycles later."""
    for _ in range(cycles):
        held = Signal.like(value, name="later", reset_less=True)
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
    sum : In(signed(24))
        Sum of weights of this step.
    state : In(State), fresh : In(1)
        What the neuron carries; in the first step of a sample it is at rest.
    channel : In(Channel)
        Its parameters.
    next : Out(State)
        What it carries on, 6 cycles later.
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
                "state": In(State),
                "fresh": In(1),
                "channel": In(Channel),
                "next": Out(State),
                "spike": Out(1),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rule, state, channel = self.rule, self.state, self.channel
        busy, fired = Signal(), Signal()
        left = later(m, Mux(self.fresh, 0, state.r), 2)
        # Without a refractory period the counter only remembers the last step's spike.
        counts = rule.refractory != 0
        m.d.comb += [busy.eq(counts & (left != 0)), fired.eq(left == Mux(counts, rule.refractory, 1))]
        zeta = later(m, channel.zeta, 2)
        leaked = self._leak(m)
        current = self._current(m, busy, fired, zeta)
        freeze = later(m, busy & (rule.policy == Refractory.FREEZE), 1)
        u = Signal(signed(_U_BITS), reset_less=True)
        m.d.sync += u.eq(Mux(freeze, later(m, state.v, 3), leaked) + current)
        self._fire(m, u, later(m, busy, 2), later(m, left, 3), later(m, zeta, 2))
        return m

    def _leak(self, m: Module) -> Value:
        """Membrane after the leak, three cycles later; truncated toward the rest potential."""
        rule, channel = self.rule, self.channel
        factor = Signal(14, reset_less=True)
        distance = Signal(signed(25), reset_less=True)
        amount = Signal(13)
        product, biased = (Signal(signed(40), name=n, reset_less=True) for n in ("product", "biased"))
        correction = Signal(signed(31))
        linear = rule.leak == Leak.LINEAR
        negative = Signal(reset_less=True)
        rest = later(m, channel.rest, 2)
        m.d.comb += amount.eq(later(m, channel.decay, 2))
        with m.If(linear):
            m.d.comb += correction.eq(Mux(negative, rest + amount, rest - amount) << 12)
        with m.Else():
            m.d.comb += correction.eq(Cat(negative.replicate(12), rest).as_signed())
        m.d.sync += [
            distance.eq(Mux(self.fresh, 0, self.state.v - channel.rest)),
            factor.eq(Mux(rule.leak == Leak.MULTIPLY, channel.decay, _UNIT)),
            product.eq(distance * Cat(factor, 0).as_signed()),
            negative.eq(distance < 0),
            biased.eq(product + correction),
        ]
        leaked, final = Signal(signed(28)), later(m, rest, 1)
        m.d.comb += leaked.eq(biased >> 12)
        crossed = linear & Mux(later(m, negative, 1), leaked > final, leaked < final)
        return Mux(crossed, final, leaked)

    def _current(self, m: Module, busy: Value, fired: Value, zeta: Value) -> Value:
        """Sum, scaled, with bias and the delayed reset, three cycles later."""
        scaled = Signal(signed(32), reset_less=True)
        biased = Signal(signed(33), reset_less=True)
        current = Signal(signed(_U_BITS), reset_less=True)
        delayed = fired & (self.rule.reset == Reset.SOFT_DELAYED)
        integrate = ~busy | (self.rule.policy == Refractory.INTEGRATE)
        m.d.sync += [
            scaled.eq(self.sum << self.rule.fraction),
            biased.eq(scaled + later(m, self.channel.bias, 1)),
            current.eq(Mux(integrate, biased, 0) - Mux(delayed, zeta, 0)),
        ]
        return current

    def _fire(self, m: Module, u: Value, busy: Value, left: Value, zeta: Value) -> None:
        """From the membrane before firing to everything that leaves, two cycles later."""
        rule = self.rule
        spike = Signal(reset_less=True)
        reduced, plain = (Signal(signed(_U_BITS), name=n, reset_less=True) for n in ("reduced", "plain"))
        v = Signal(signed(_U_BITS))
        high, low = Signal(signed(25)), Signal(signed(25))
        m.d.sync += [
            spike.eq(rule.fire & ~busy & (u >= later(m, self.channel.theta, 4))),
            plain.eq(u),
            reduced.eq(u - zeta),
        ]
        v_reset = later(m, self.channel.v_reset, 5)
        with m.If(spike & (rule.reset == Reset.HARD)):
            m.d.comb += v.eq(v_reset)
        with m.Elif(spike & (rule.reset == Reset.SOFT)):
            m.d.comb += v.eq(reduced)
        with m.Else():
            m.d.comb += v.eq(plain)
        m.d.comb += [
            high.eq(Mux(rule.fire, (1 << 15) - 1, (1 << 23) - 1)),
            low.eq(Mux(rule.fire, -1 << 15, -1 << 23)),
        ]
        above, below = v > high, v < low
        counts = rule.refractory != 0
        m.d.sync += [
            self.next.v.eq(Mux(above, high, Mux(below, low, v))),
            self.next.r.eq(
                Mux(spike, Mux(counts, rule.refractory, 1), Mux(counts & (left != 0), left - 1, 0))
            ),
            self.spike.eq(spike),
            self.saturated.eq(above | below),
        ]
