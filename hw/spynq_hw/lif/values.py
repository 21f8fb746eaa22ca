"""Membranes as values of a few bits: the analog output of neurons, and sums of maps."""

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.params import LANES
from spynq_hw.lif.neuron import U_BITS, later

__all__ = ["PLANES", "WRITTEN", "ValueRule", "Values"]

PLANES = 8
"""Most bits of a value."""
WRITTEN = 2 + PLANES
"""Cycles from the time at which spikes would be written to that at which all planes of a unit are."""
_PAIR_BITS = 3

ValueRule = data.StructLayout({"on": 1, "after": 1, "shift": 5, "planes": 4})
"""Values in place of spikes; of the membrane after the reset or before firing; shifted right; their bits."""


class Values(wiring.Component):
    """Collects the values of a unit, pair by pair, and gives them plane by plane, the most significant first.

    Golden step: write. Units come at least as many cycles apart as values have bits.

    Members
    -------
    rule : In(ValueRule)
        How values are made.
    valid : In(1), pair : In(3), last : In(1)
        A pair of membranes, and whether it is the last one of its unit.
    u : In(ArrayLayout(signed(34), 2)), v : In(ArrayLayout(signed(24), 2))
        Before firing, and as stored.
    write : Out(1), plane : Out(3), bits : Out(16)
        A plane of a unit whose last pair came three cycles before, or more by the number of the plane.
    clipped : Out(2)
        Values that did not fit, one cycle later.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "rule": In(ValueRule),
                "valid": In(1),
                "pair": In(_PAIR_BITS),
                "last": In(1),
                "u": In(data.ArrayLayout(signed(U_BITS), 2)),
                "v": In(data.ArrayLayout(signed(24), 2)),
                "write": Out(1),
                "plane": Out(range(PLANES)),
                "bits": Out(LANES),
                "clipped": Out(2),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        rule = self.rule
        # Without a reset of their own: clearing lanes then costs no logic.
        collected, shown = (
            Signal(data.ArrayLayout(LANES, PLANES), name=n, reset_less=True) for n in ("collected", "shown")
        )
        going, pair = later(m, self.valid & rule.on, 1), later(m, self.pair, 1)
        values = [self._value(m, half, going) for half in range(2)]
        for number in range(LANES // 2):
            lanes = Cat(plane[2 * number :][:2] for plane in collected)
            with m.If(going & (pair == number)):
                m.d.sync += lanes.eq(Cat(value[bit] for bit in range(PLANES) for value in values))
            with m.Elif(going & (pair < number)):
                # Lanes that no pair comes for are 0.
                m.d.sync += lanes.eq(0)
        complete = later(m, self.valid & self.last & rule.on, 2)
        with m.If(complete):
            m.d.sync += [shown.eq(collected), self.write.eq(1), self.plane.eq(0)]
        with m.Elif(self.plane == rule.planes - 1):
            m.d.sync += self.write.eq(0)
        with m.Else():
            m.d.sync += self.plane.eq(self.plane + 1)
        significance = Signal(range(PLANES))
        m.d.comb += [
            significance.eq(rule.planes - 1 - self.plane),
            self.bits.eq(Array(shown[bit] for bit in range(PLANES))[significance]),
        ]
        return m

    def _value(self, m: Module, half: int, going: Signal) -> Signal:
        """Shifted in the first cycle, clipped in the second."""
        rule = self.rule
        chosen, whole, beyond = Signal(signed(U_BITS)), Signal(PLANES, reset_less=True), Signal()
        most, value, over = Signal(PLANES), Signal(PLANES, name=f"value{half}"), Signal()
        m.d.comb += [
            chosen.eq(Mux(rule.after, self.v[half], self.u[half])),
            most.eq((1 << rule.planes) - 1),
            over.eq(beyond | (whole & ~most).any()),
            value.eq(Mux(over, most, whole)),
            self.clipped[half].eq(over & going),
        ]
        with m.If(chosen < 0):
            m.d.sync += [whole.eq(0), beyond.eq(0)]
        with m.Else():
            m.d.sync += Cat(whole, beyond).eq(_window(chosen, rule.shift))
        return value


def _window(bits: Value, shift: Value) -> Value:
    """The lowest bits of ``bits >> shift``, and above them whether any bit is left out.

    The widest shift comes first, and keeps but the bits that narrower ones may ask for.
    """
    left_out = []
    for stage in reversed(range(len(shift))):
        far, keep = bits[1 << stage :], PLANES + (1 << stage) - 1
        left_out.append(Mux(shift[stage], far[keep:].any(), bits[keep:].any()))
        bits = Mux(shift[stage], far[:keep], bits[:keep])
    return Cat(bits, Cat(left_out).any())
