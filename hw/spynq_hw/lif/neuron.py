"""One lane of the neuron update: leak, integrate, fire, reset, saturate."""

from typing import Any

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Leak, Refractory, Reset
from spynq.lif.params import LifConfig
from spynq_hw.lif.dsp import MultiplyAdd

__all__ = ["LATENCY", "REVISIT", "U_BITS", "Channel", "Neuron", "Rule", "State", "constants", "later"]

LATENCY = 6
"""Cycles from sum and state to spike and next state."""
REVISIT = LATENCY + 2
"""Cycles after which a state that was read can be read again, as it has been written."""

State = data.StructLayout({"v": signed(24), "r": 2})
"""What a neuron carries over a step, as in the STATE record."""
Channel = data.StructLayout(
    {
        "decay": 13,
        "rest": signed(16),
        "depth": signed(25),
        "jump": signed(25),
        "waits": signed(25),
        "takes": signed(26),
    }
)
"""Parameters of an output channel as :func:`constants` makes them of the CHANNEL record."""
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


def constants(m: Module, channel: Value, reset: Value) -> data.View:
    """What neurons need of a CHANNEL record: all that can be added up before.

    They find out how high U is above the threshold, so that its sign is the spike. ``takes`` is what a step
    adds to that, ``waits`` one in which a neuron may not integrate, ``depth`` is taken from it to get U, and
    ``jump`` to get what a soft reset leaves of U. A reset one step late adds it, a hard one puts it in.
    """
    made, waits = Signal(Channel), Signal(signed(25))
    zeta = channel.zeta
    m.d.comb += [
        waits.eq(channel.rest - channel.theta),
        made.decay.eq(channel.decay),
        made.rest.eq(channel.rest),
        made.depth.eq(-channel.theta),
        made.jump.eq(Mux(reset == Reset.SOFT, zeta - channel.theta, -zeta)),
        made.waits.eq(waits),
        made.takes.eq(waits + channel.bias),
    ]
    with m.If(reset == Reset.HARD):
        m.d.comb += made.jump.eq(channel.v_reset)
    return made


class Neuron(wiring.Component):
    """Updates a neuron per cycle; one multiplier.

    Golden steps: scale, leak, integrate, fire, reset, saturate. Everything is latched on the way, so
    a new neuron can enter every cycle; ``rule`` must not change while one is inside.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

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

    def __init__(self, config: LifConfig) -> None:
        self.config = config
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
        busy, fired = Signal(), Signal()
        # Without a refractory period the counter only remembers the last step's spike.
        m.d.comb += [
            busy.eq((rule.refractory != 0) & (left != 0)),
            fired.eq(left == self._refractory),
        ]
        # What leaks is added up in the multiplier, whose last step is U less the threshold in units of 2^-12.
        m.submodules.multiply = multiply = MultiplyAdd(self.config.dsp)
        kept, factor = self._leak(m, busy & (rule.policy == Refractory.FREEZE))
        integrate = ~busy | (rule.policy == Refractory.INTEGRATE)
        current = self._current(m, integrate, fired & (rule.reset == Reset.SOFT_DELAYED))
        # Of a negative distance the quotient is rounded up, which is toward zero.
        below = Cat(later(m, kept[-1], 1).replicate(_UNIT_LOG2), current)
        m.d.comb += [multiply.a.eq(kept), multiply.b.eq(factor), multiply.c.eq(below.as_signed())]
        above = Signal(signed(U_BITS))
        m.d.comb += above.eq(multiply.p >> _UNIT_LOG2)
        self._fire(m, above, later(m, busy, 4), later(m, left, 5))
        return m

    @property
    def _refractory(self) -> Value:
        """What the counter is set to by a spike."""
        return Mux(self.rule.refractory != 0, self.rule.refractory, 1)

    def _leak(self, m: Module, freeze: Value) -> tuple[Signal, Signal]:
        """Distance from the rest potential and what it is multiplied by, two cycles later.

        A linear leak takes from the distance, and multiplies by one, as a frozen membrane does.
        """
        rule, channel = self.rule, self.channel
        distance, kept = (Signal(signed(25), name=n, reset_less=True) for n in ("distance", "kept"))
        factor = Signal(signed(_UNIT_LOG2 + 2))
        amount = later(m, channel.decay, 1)
        m.d.sync += [
            distance.eq(Mux(self.fresh, 0, self.state.v - channel.rest)),
            kept.eq(distance),
            factor.eq(Mux((rule.leak == Leak.MULTIPLY) & ~freeze, amount, 1 << _UNIT_LOG2)),
        ]
        if self.config.has("linear"):
            negative, shorter = distance < 0, Signal(signed(26))
            taken = Mux((rule.leak == Leak.LINEAR) & ~freeze, amount, 0)
            # One adder for both signs, with a place below for what makes a negative number of inverted bits.
            change = Cat(taken, Const(0, 12)) ^ (~negative).replicate(25)
            m.d.comb += shorter.eq((Cat(Const(1, 1), distance) + Cat(~negative, change))[:26])
            # Not past the rest potential.
            m.d.sync += kept.eq(Mux(shorter[-1] != negative, 0, shorter[1:]))
        return kept, factor

    def _current(self, m: Module, integrate: Value, delayed: Value) -> Signal:
        """Rest potential, scaled sum, bias, and the delayed reset, less the threshold, in the fourth cycle.

        The sum is shifted by up to 3, and then by 0 or 4 on its way into the adder.
        """
        rule, channel, has = self.rule, self.channel, self.config.has
        total = Signal(signed(25), reset_less=True)
        scaled = Signal(signed(28), reset_less=True)
        jump = Signal(signed(25), reset_less=True)
        owed = Signal(signed(27), reset_less=True)
        current = Signal(signed(U_BITS))
        driven = later(m, integrate, 1)
        chosen: Value = later(m, self.sum, 1)
        if has("static"):
            chosen = Mux(later(m, self.again, 1), later(m, self.kept, 1), chosen)
        if has("words"):
            chosen = later(m, self.word, 1) + chosen
        takes, waits = later(m, channel.takes, 2), later(m, channel.waits, 2)
        m.d.sync += [
            total.eq(chosen),
            scaled.eq(Mux(driven, total << rule.fraction[:2], 0)),
            jump.eq(Mux(delayed, later(m, channel.jump, 1), 0)),
            owed.eq(jump + Mux(driven, takes, waits)),
        ]
        m.d.comb += current.eq(owed + Mux(rule.fraction[2], scaled << 4, scaled))
        return current

    def _fire(self, m: Module, above: Value, busy: Value, left: Value) -> None:
        """From the membrane's height above the threshold to everything that leaves in the next cycle.

        What takes it has registers of its own: one more here would let a state be read again a cycle later.
        """
        rule, channel = self.rule, self.channel
        fires, spike, hard = Signal(), Signal(), Signal()
        level = Signal(signed(U_BITS), reset_less=True)
        depth, jump = later(m, channel.depth, 5), later(m, channel.jump, 5)
        m.d.comb += fires.eq(rule.fire & ~busy & ~above[-1])
        # The membrane, or what a soft reset leaves of it.
        taken = Mux(fires & (rule.reset == Reset.SOFT), jump, depth)
        m.d.sync += [spike.eq(fires), level.eq(above - taken)]
        negative, clipped, counts = level[-1], Signal(), rule.refractory != 0
        high = Cat((~negative).replicate(15), Mux(rule.fire, negative, ~negative).replicate(8), negative)
        m.d.comb += [
            hard.eq(spike & (rule.reset == Reset.HARD)),
            clipped.eq(~hard & self._leaves(level)),
        ]
        m.d.comb += [
            self.next.v.eq(Mux(hard, later(m, jump, 1), Mux(clipped, high.as_signed(), level))),
            self.next.r.eq(Mux(spike, self._refractory, Mux(counts & (left != 0), left - 1, 0))),
            self.spike.eq(spike),
            self.saturated.eq(clipped),
        ]
        if self.config.has("value"):
            m.d.comb += self.u.eq(later(m, above - depth, 1))

    def _leaves(self, v: Value) -> Value:
        """Whether it does not fit: bits from the sign of the stored width on are not all equal."""
        upper, lower = v[23:], v[15:24]
        return ~(upper.all() | ~upper.any()) | (self.rule.fire & ~(lower.all() | ~lower.any()))
