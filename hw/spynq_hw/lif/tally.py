"""What a layer and a run have cost, and the record of it."""

from amaranth import Cat, Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.lif.records import BEAT

__all__ = ["COUNTED", "COUNTS", "WAITS", "Tally"]

COUNTS = ("events", "spikes_in", "spikes_out", "saturated")
"""Counted per layer and for the run."""
WAITS = ("input", "weights", "output")
"""Causes of waiting, per layer."""
COUNTED = 1
"""Cycles from an increment to counters that have it."""
_BITS = {"events": 48, "spikes_in": 48, "spikes_out": 48, "saturated": 32}


class Tally(wiring.Component):
    """Counters of the present layer, and totals of the run.

    Parameters
    ----------
    most : dict of str to int
        Largest increment of each of :data:`COUNTS`.

    Members
    -------
    run, layer : In(1)
        Pulses: a run or a layer begins; everything starts from zero.
    close : In(1)
        Pulse: the layer has ended; keep its record, and add it to the totals.
    <count> : In
        Increments of this cycle.
    wait_<cause> : In(1)
        This cycle is one of waiting.
    number : In(32)
        The layer's place in the run; looked at when it is closed.
    beat : In(2), record : Out(128)
        A beat of the COUNTERS record of the layer closed last.
    <count>_total : Out(64)
        Totals.
    """

    def __init__(self, most: dict[str, int]) -> None:
        self.most = most
        members = {"run": In(1), "layer": In(1), "close": In(1), "number": In(32), "beat": In(2)}
        members |= {name: In(range(most[name] + 1)) for name in COUNTS}
        members |= {f"wait_{cause}": In(1) for cause in WAITS}
        members |= {f"{name}_total": Out(64) for name in COUNTS}
        super().__init__(members | {"record": Out(BEAT)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        counts = {name: self._count(m, name) for name in COUNTS}
        cycles = self._time(m, "cycles", Const(1, 1))
        waits = [self._time(m, cause, getattr(self, f"wait_{cause}")) for cause in WAITS]
        wide = {name: Cat(value, Const(0, 64 - _BITS[name])) for name, value in counts.items()}
        beats = [
            Cat(self.number, counts["saturated"], wide["events"]),
            Cat(wide["spikes_in"], wide["spikes_out"]),
            Const(0, BEAT),
            Cat(cycles, *waits),
        ]
        kept = Signal(data.ArrayLayout(BEAT, len(beats)), reset_less=True)
        with m.If(self.close):
            m.d.sync += kept.eq(Cat(beats))
        m.d.comb += self.record.eq(kept[self.beat])
        return m

    def _count(self, m: Module, name: str) -> Signal:
        count, total = Signal(_BITS[name], name=name), getattr(self, f"{name}_total")[: _BITS[name]]
        self._add(m, count, getattr(self, name))
        with m.If(self.run):
            m.d.sync += total.eq(0)
        with m.Elif(self.close):
            m.d.sync += total.eq(total + count)
        return count

    def _time(self, m: Module, name: str, counts: Value) -> Signal:
        count = Signal(32, name=name)
        self._add(m, count, counts)
        return count

    def _add(self, m: Module, count: Signal, more: Value) -> None:
        """A layer begins with what comes in its first cycle; the places above it are but cleared."""
        m.d.sync += count.eq(count + more)
        with m.If(self.layer):
            m.d.sync += count.eq(more)
