"""From the masses of a message to the codes that are added to the parents' log-likelihoods."""

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import IMPOSSIBLE, L_BITS
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.log2 import LOG_LATENCY, MASS_BITS, Log2
from spynq_hw.stm.tree.store import QUAD

__all__ = ["Message"]


class Message(wiring.Component):
    """Finds the largest mass, then gives the codes of four masses per cycle.

    Golden model: :func:`spynq.stm.golden_edge.codes`.

    Members
    -------
    masses : In(ArrayLayout(48, 4))
        Four masses.
    clear, compare : In(1)
        The largest is 0; the masses of this cycle may be larger. The largest is there two cycles later.
    settle : In(1)
        Take the logarithm of the largest: hold it for 6 cycles before the first codes are asked for.
    codes : Out(ArrayLayout(24, 4))
        Codes of the masses of six cycles ago.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "masses": In(data.ArrayLayout(MASS_BITS, QUAD)),
                "clear": In(1),
                "compare": In(1),
                "settle": In(1),
                "codes": Out(data.ArrayLayout(L_BITS, QUAD)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal(data.ArrayLayout(MASS_BITS, QUAD))
        largest, comparing = Signal(MASS_BITS), Signal()
        top = Signal(16)
        m.d.sync += [held.eq(self.masses), comparing.eq(self.compare)]
        with m.If(comparing):
            m.d.sync += largest.eq(
                _larger(largest, _larger(_larger(held[0], held[1]), _larger(held[2], held[3])))
            )
        with m.If(self.clear):
            m.d.sync += largest.eq(0)
        for lane in range(QUAD):
            m.submodules[f"log{lane}"] = log = Log2()
            m.d.comb += log.value.eq(Mux(self.settle, largest, held[lane]) if lane == 0 else held[lane])
            if lane == 0:
                with m.If(self.settle):
                    m.d.sync += top.eq(log.log)
            nothing = Timeline(m, held[lane] == 0, 0).at(LOG_LATENCY)
            m.d.sync += self.codes[lane].eq(Mux(largest == 0, 0, Mux(nothing, IMPOSSIBLE, top - log.log)))
        return m


def _larger(a: Value, b: Value) -> Value:
    return Mux(a > b, a, b)
