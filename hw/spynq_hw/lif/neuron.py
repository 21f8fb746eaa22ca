"""One lane of the neuron update: leak, integrate, fire, reset, saturate."""

from typing import Any

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Leak, Refractory, Reset
from spynq_hw.lif.dsp import MultiplyAdd

__all__ = ["LATENCY", "REVISIT", "U_BITS", "Channel", "Neuron", "Rule", "State", "later"]

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

_UNIT_LOG2 = 12
U_BITS = 32
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

    Parameters
    ----------
    dsp : bool
        As in :class:`~spynq_hw.lif.dsp.MultiplyAdd`.

    Members
    -------
    rule : In(Rule)
        Neuron type of the layer.
    sum : In(signed(25)), word : In(signed(24))
        Sum of weights of this step, maybe of two columns, and what memory adds to it; the compiler proves
        that together they have 24 bits.
    kept : In(signed(25)), again : In(1)
        Sum of an earlier step, which holds ``again``.
    state : In(State), fresh : In(1)
        What the neuron carries; in the first step of a sample it is at rest.
    channel : In(Channel)
        Its parameters.
    next : Out(State), u : Out(signed(32))
        What it carries on, and its membrane before firing, 6 cycles later.
    spike : Out(1)
        It fired.
    saturated : Out(1)
        Its membrane was clipped.
    """

    def __init__(self, dsp: bool = True) -> None:
        self.dsp = dsp
        super().__init__(
            {
                "rule": In(Rule),
                "sum": In(signed(25)),
                "word": In(signed(24)),
                "kept": In(signed(25)),
                "again": In(1),
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
        rule = self.rule
        left = later(m, Mux(self.fresh, 0, self.state.r), 1)
        busy, freeze, fired = Signal(), Signal(), Signal()
        # Without a refractory period the counter only remembers the last step's spike.
        counts = rule.refractory != 0
        m.d.comb += [
            busy.eq(counts & (left != 0)),
            freeze.eq(busy & (rule.policy == Refractory.FREEZE)),
            fired.eq(left == Mux(counts, rule.refractory, 1)),
        ]
        # What leaks is added up in the multiplier, whose last step is U in units of 2^-12.
        m.submodules.multiply = multiply = MultiplyAdd(self.dsp)
        kept, factor = self._leak(m, freeze)
        integrate = ~busy | (rule.policy == Refractory.INTEGRATE)
        delayed = fired & (rule.reset == Reset.SOFT_DELAYED)
        current = self._current(m, integrate, delayed)
        # Of a negative distance the quotient is rounded up, which is toward zero.
        below = Cat(later(m, kept[-1], 1).replicate(_UNIT_LOG2), current)
        m.d.comb += [multiply.a.eq(kept), multiply.b.eq(factor), multiply.c.eq(below.as_signed())]
        u = Signal(signed(U_BITS))
        m.d.comb += u.eq(multiply.p >> _UNIT_LOG2)
        self._fire(m, u, later(m, busy, 4), later(m, left, 5))
        return m

    def _leak(self, m: Module, freeze: Value) -> tuple[Signal, Signal]:
        """Distance from the rest potential and what it is multiplied by, two cycles later.

        A linear leak takes from the distance, and multiplies by one, as a frozen membrane does.
        """
        rule, channel = self.rule, self.channel
        distance, kept = (Signal(signed(25), name=n, reset_less=True) for n in ("distance", "kept"))
        shorter, factor = Signal(signed(25)), Signal(signed(_UNIT_LOG2 + 2))
        amount = later(m, channel.decay, 1)
        negative = distance < 0
        taken = Mux((rule.leak == Leak.LINEAR) & ~freeze, amount, 0)
        m.d.comb += shorter.eq(Mux(negative, distance + taken, distance - taken))
        m.d.sync += [
            distance.eq(Mux(self.fresh, 0, self.state.v - channel.rest)),
            # Not past the rest potential.
            kept.eq(Mux(shorter[-1] != negative, 0, shorter)),
            factor.eq(Mux((rule.leak == Leak.MULTIPLY) & ~freeze, amount, 1 << _UNIT_LOG2)),
        ]
        return kept, factor

    def _current(self, m: Module, integrate: Value, delayed: Value) -> Signal:
        """Rest potential, scaled sum, bias, and the delayed reset, in the fourth cycle.

        The sum is shifted by up to 3, and then by 0 or 4 on its way into the adder.
        """
        rule, channel = self.rule, self.channel
        total = Signal(signed(25))
        scaled = Signal(signed(28), reset_less=True)
        zeta = Signal(signed(24), reset_less=True)
        offset, owed = Signal(signed(25)), Signal(signed(26))
        current = Signal(signed(U_BITS))
        word, chosen = later(m, self.word, 1), Signal(signed(25))
        m.d.comb += chosen.eq(Mux(later(m, self.again, 1), later(m, self.kept, 1), later(m, self.sum, 1)))
        m.d.sync += [
            total.eq(word + chosen),
            scaled.eq(Mux(later(m, integrate, 1), total << rule.fraction[:2], 0)),
            offset.eq(later(m, channel.rest, 1) + Mux(integrate, later(m, channel.bias, 1), 0)),
            zeta.eq(Mux(delayed, later(m, channel.zeta, 1), 0)),
            owed.eq(offset - zeta),
        ]
        m.d.comb += current.eq(owed + Mux(rule.fraction[2], scaled << 4, scaled))
        return current

    def _fire(self, m: Module, u: Value, busy: Value, left: Value) -> None:
        """From the membrane before firing to everything that leaves in the next cycle.

        What takes it has registers of its own: one more here would let a state be read again a cycle later.
        """
        rule = self.rule
        spike, soft, hard = Signal(), Signal(), Signal()
        reduced, plain = (Signal(signed(U_BITS), name=n) for n in ("reduced", "plain"))
        m.d.sync += [
            spike.eq(rule.fire & ~busy & (u >= later(m, self.channel.theta, 5))),
            plain.eq(u),
            reduced.eq(u - later(m, self.channel.zeta, 5)),
        ]
        v_reset = later(m, self.channel.v_reset, 6)
        negative, clipped, choice = Signal(), Signal(), Signal(2)
        high = Cat((~negative).replicate(15), Mux(rule.fire, negative, ~negative).replicate(8), negative)
        m.d.comb += [
            soft.eq(spike & (rule.reset == Reset.SOFT)),
            hard.eq(spike & (rule.reset == Reset.HARD)),
            negative.eq(Mux(soft, reduced[-1], plain[-1])),
            clipped.eq(~hard & Mux(soft, self._leaves(reduced), self._leaves(plain))),
            choice.eq(Mux(clipped, 3, Cat(soft, hard))),
        ]
        counts = rule.refractory != 0
        m.d.comb += [
            self.u.eq(plain),
            self.next.v.eq(Array([plain, reduced, v_reset, high.as_signed()])[choice]),
            self.next.r.eq(
                Mux(spike, Mux(counts, rule.refractory, 1), Mux(counts & (left != 0), left - 1, 0))
            ),
            self.spike.eq(spike),
            self.saturated.eq(clipped),
        ]

    def _leaves(self, v: Value) -> Value:
        """Whether it does not fit: bits from the sign of the stored width on are not all equal."""
        upper, lower = v[23:], v[15:24]
        return ~(upper.all() | ~upper.any()) | (self.rule.fire & ~(lower.all() | ~lower.any()))
