"""Third phase of an edge: multiply and accumulate, parent by parent; also where spikes are counted."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.golden_edge import QUOTIENT_BITS
from spynq.stm.params import W_BITS, StmConfig
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.log2 import MASS_BITS
from spynq_hw.stm.tree.store import QUAD

__all__ = ["Mass"]

_ADD = 3
"""Cycles from the read of K to its addition."""


class Mass(wiring.Component):
    """M of every parent, in look-up tables: read, changed and written in one cycle.

    Golden model: :func:`spynq.stm.golden_edge.message`.

    Parameters
    ----------
    config : StmConfig
        Uses ``edge`` and ``population``.

    Members
    -------
    start : In(1), final : In
        An edge begins: its first row replaces what is there; the last group of a row.
    quotient : In(stream.Signature(26))
        q of the rows in flight, in order.
    place : Out, k : In(ArrayLayout(17, edge))
        Place of a group in the ring, and its K, one cycle later.
    take : Out(1), ended : Out(1), busy : Out(1)
        The place is not needed again; it was the last of a row; additions are under way.
    quad : In, mass : Out(ArrayLayout(48, 4))
        While not busy: M of four parents, in the same cycle.
    spike : In(1), spike_place : In, clear : In(1)
        While not busy: add 1 to a parent, or set a whole group (that of ``spike_place``) to 0.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.groups = config.population // config.edge
        super().__init__(
            {
                "start": In(1),
                "final": In(range(self.groups)),
                "quotient": In(stream.Signature(QUOTIENT_BITS)),
                "place": Out(range(1 << ceil_log2(2 * self.groups + 64))),
                "k": In(data.ArrayLayout(W_BITS, config.edge)),
                "take": Out(1),
                "ended": Out(1),
                "busy": Out(1),
                "quad": In(range(config.population // QUAD)),
                "mass": Out(data.ArrayLayout(MASS_BITS, QUAD)),
                "spike": In(1),
                "spike_place": In(range(config.population)),
                "clear": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        lane_bits, quad_bits = ceil_log2(self.config.edge), ceil_log2(self.config.edge // QUAD)
        index, fresh = Signal(range(self.groups)), Signal()
        last, q = Signal(), Signal(QUOTIENT_BITS)
        m.d.comb += [
            self.take.eq(self.quotient.valid),
            last.eq(index == self.final),
            self.quotient.ready.eq(last),
            self.ended.eq(self.take & last),
        ]
        with m.If(self.take):
            m.d.sync += [self.place.eq(self.place + 1), index.eq(Mux(last, 0, index + 1))]
        with m.If(self.ended):
            m.d.sync += fresh.eq(0)
        with m.If(self.start):
            m.d.sync += fresh.eq(1)

        here = Signal(range(self.groups))
        m.d.comb += here.eq(Mux(self.take, index, self.spike_place >> lane_bits))
        adds = Timeline(m, self.take | self.spike | self.clear, 0, reset=True)
        news = Timeline(m, Mux(self.take, fresh, self.clear), 0)
        spikes = Timeline(m, self.spike, 0)
        group = Timeline(m, here, 0).at(_ADD)
        # One cycle after the read: K and q enter the multiplier; a spike is 1 times 1 in one lane.
        quotient = Timeline(m, self.quotient.payload, 0).at(1)
        lane_of = Timeline(m, self.spike_place[:lane_bits], 0).at(1)
        real = Timeline(m, self.take, 0).at(1)
        m.d.sync += q.eq(Mux(real, quotient, 1))
        m.d.comb += self.busy.eq(Cat(adds.at(cycle) for cycle in range(_ADD + 1)).any())
        write, new = adds.at(_ADD), news.at(_ADD)
        drained = self.quad >> quad_bits
        contents = []
        for lane in range(self.config.edge):
            hit = spikes.at(1) & (lane_of == lane)
            contents.append(self._lane(m, lane, real, hit, q, write, new, Mux(write, group, drained), group))
        m.d.comb += self.mass.as_value().eq(
            Cat(contents).word_select(self.quad[:quad_bits] if quad_bits else 0, MASS_BITS * QUAD)
        )
        return m

    def _lane(
        self, m: Module, lane: int, real: object, hit: object, q: Signal, write: object, new: object,
        address: object, group: object,
    ) -> Signal:  # fmt: skip
        k, product = Signal(W_BITS, name=f"k{lane}"), Signal(QUOTIENT_BITS + W_BITS, name=f"product{lane}")
        m.d.sync += [
            k.eq(Mux(real, self.k[lane], hit)),
            product.eq((Cat(q, 0).as_signed() * Cat(k, 0).as_signed()).as_unsigned()),
        ]
        m.submodules[f"memory{lane}"] = memory = Memory(
            shape=MASS_BITS, depth=self.groups, init=[], attrs={"ram_style": "distributed"}
        )
        read, port = memory.read_port(domain="comb"), memory.write_port()
        m.d.comb += [
            read.addr.eq(address),
            port.addr.eq(group),
            port.en.eq(write),
            port.data.eq(Mux(new, 0, read.data) + product),
        ]
        content = Signal(MASS_BITS, name=f"mass{lane}")
        m.d.comb += content.eq(read.data)
        return content
