"""Reading a descriptor and its plan, and following the list."""

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.formats import DESCRIPTOR, PLAN
from spynq_hw.lif.fetch import ADDRESS, Run
from spynq_hw.lif.records import BEAT, DESCRIPTOR_LAYOUT, PLAN_LAYOUT, beats

__all__ = ["PLAN_BEATS", "Layer", "LayerReader"]

PLAN_BEATS = beats(PLAN)
"""Beats of a plan; channel records follow it."""
_DESCRIPTOR_BEATS = beats(DESCRIPTOR)

Layer = data.StructLayout({"descriptor": DESCRIPTOR_LAYOUT, "plan": PLAN_LAYOUT})
"""All that memory says of a layer."""


class LayerReader(wiring.Component):
    """Reads the descriptors of a list one after the other, each with its plan.

    A barrier has no plan; of an end nothing more is read.

    Parameters
    ----------
    end, barrier : int
        Codes of these operations.

    Members
    -------
    start : In(1), first : In(32)
        Begin at this beat; looked at while at rest.
    request : Out(stream.Signature(Run)), words : In(stream.Signature(128))
        To the memory.
    layer : Out(Layer), valid : Out(1)
        What was read, and that it is complete.
    next, stop : In(1)
        Read the next one, or come to rest; looked at while ``valid``.
    """

    def __init__(self, end: int, barrier: int) -> None:
        self.end, self.barrier = end, barrier
        super().__init__(
            {
                "start": In(1),
                "first": In(ADDRESS),
                "request": Out(stream.Signature(Run)),
                "words": In(stream.Signature(BEAT)),
                "layer": Out(Layer),
                "valid": Out(1),
                "next": In(1),
                "stop": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        place = Signal(ADDRESS)
        number = Signal(4)
        descriptor, plan = self.layer.descriptor, self.layer.plan
        parts = [descriptor.as_value(), plan.as_value()]
        m.d.comb += self.words.ready.eq(1)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += place.eq(self.first)
                with m.If(self.start):
                    m.next = "ASK"
            with m.State("ASK"):
                self._ask(m, place, _DESCRIPTOR_BEATS)
                with m.If(self.request.ready):
                    m.next = "DESCRIPTOR"
            with m.State("DESCRIPTOR"):
                with m.If(self._store(m, number, parts[0], _DESCRIPTOR_BEATS)):
                    m.next = "DECIDE"
            with m.State("DECIDE"):
                m.next = "ASK_PLAN"
                with m.If((descriptor.op == self.end) | (descriptor.op == self.barrier)):
                    m.next = "VALID"
            with m.State("ASK_PLAN"):
                self._ask(m, descriptor.params, PLAN_BEATS)
                with m.If(self.request.ready):
                    m.next = "PLAN"
            with m.State("PLAN"):
                with m.If(self._store(m, number, parts[1], PLAN_BEATS)):
                    m.next = "VALID"
            with m.State("VALID"):
                m.d.comb += self.valid.eq(1)
                with m.If(self.stop):
                    m.next = "IDLE"
                with m.Elif(self.next):
                    m.d.sync += place.eq(descriptor.next)
                    m.next = "ASK"
        return m

    def _ask(self, m: Module, address: Value, count: int) -> None:
        m.d.comb += [
            self.request.valid.eq(1),
            self.request.payload.address.eq(address),
            self.request.payload.beats.eq(count),
        ]

    def _store(self, m: Module, number: Signal, record: Value, count: int) -> Value:
        """Put a word into its place; true with the last one."""
        last = number == count - 1
        with m.If(self.words.valid):
            m.d.sync += number.eq(Mux(last, 0, number + 1))
            with m.Switch(number):
                for beat in range(count):
                    with m.Case(beat):
                        m.d.sync += record[BEAT * beat : BEAT * (beat + 1)].eq(self.words.payload)
        return self.words.valid & last
