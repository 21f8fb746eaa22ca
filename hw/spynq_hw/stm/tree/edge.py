"""Edge of a tree: three rows in flight, from log-likelihoods to the message in the parents' memory."""

from amaranth import Cat, Module, Mux, Signal, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import ceil_log2

from spynq.stm.golden_edge import QUOTIENT_BITS
from spynq.stm.params import L_BITS, SATZ_LIMIT, W_BITS, StmConfig
from spynq_hw.fifo import Queue
from spynq_hw.stm.exponential import Exponential
from spynq_hw.stm.memory import LaneMemory
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.divider import Divider
from spynq_hw.stm.tree.mass import Mass
from spynq_hw.stm.tree.pairs import Pairs, ParentMemory
from spynq_hw.stm.tree.rows import ROW
from spynq_hw.stm.tree.step import step_layout
from spynq_hw.stm.tree.store import QUAD
from spynq_hw.stm.trees import Minimum, Sum, depth

__all__ = ["Edge"]

_ROWS = 32
"""Rows in flight."""
_COUNT_BITS = 16

# Cycles of the second phase, from the read of the ring.
_WEIGHT = 5
"""K is there."""
_PRODUCT = 7
"""K times multiplicity is there."""


class Edge(wiring.Component):
    """Sends the message of a child to its parents.

    Golden model: :func:`spynq.stm.golden_edge.conditionals`, ``quotients`` and ``message``. Three phases
    work at once on different rows: log-likelihood and minimum; exponential and row sum; multiply and
    accumulate. A row of ``parents`` takes ``ceil(parents / edge)`` cycles times its terms. Nothing
    stalls on the way: a group begins only when the rings have room for it.

    Parameters
    ----------
    config : StmConfig
        Uses ``edge``, ``population`` and ``columns``.

    Members
    -------
    start : In(1), step : In(step_layout), fraction : In(5)
        Begin; the step and the fraction bits of quotients stay until the edge is done.
    quad, column, words, enable, counts : In
        As in :class:`~spynq_hw.stm.tree.pairs.ParentMemory`; ``counts`` are enables of multiplicities.
    row : In(stream.Signature(ROW)), beats : In(stream.Signature(128))
        Rows, and codes of table rows.
    idle : Out(1)
        No row is in flight.
    divide, dividend, divisor : In, quotient : Out
        While idle: a division of one's own, 29 cycles later.
    lost : Out(33)
        Weight of rows without a parent, since ``start``.
    mass : Out, mass_quad : In, spike, spike_place, clear : In
        As in :class:`~spynq_hw.stm.tree.mass.Mass`.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.groups = config.population // config.edge
        self.ring = 1 << ceil_log2(2 * self.groups + 64)
        self.sum_bits = W_BITS + _COUNT_BITS + ceil_log2(config.population)
        quad = range(config.population // QUAD)
        super().__init__(
            {
                "start": In(1),
                "step": In(step_layout()),
                "fraction": In(range(QUOTIENT_BITS + 1)),
                "quad": In(quad),
                "column": In(range(max(2, config.columns))),
                "words": In(data.ArrayLayout(32, QUAD)),
                "enable": In(QUAD),
                "counts": In(QUAD),
                "row": In(stream.Signature(ROW)),
                "beats": In(stream.Signature(128)),
                "idle": Out(1),
                "divide": In(1),
                "dividend": In(W_BITS),
                "divisor": In(W_BITS),
                "quotient": Out(QUOTIENT_BITS),
                "lost": Out(33),
                "mass": Out(data.ArrayLayout(48, QUAD)),
                "mass_quad": In(quad),
                "spike": In(1),
                "spike_place": In(range(config.population)),
                "clear": In(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.pairs = pairs = Pairs(config)
        m.submodules.likelihoods = ring = LaneMemory(L_BITS * config.edge, self.ring)
        m.submodules.conditionals = kept = LaneMemory(W_BITS * config.edge, self.ring)
        m.submodules.mass = mass = Mass(config)
        connect(m, flipped(self.row), pairs.row)
        connect(m, flipped(self.beats), pairs.beats)
        rows, held = Signal(range(_ROWS + 1)), Signal(range(self.ring + 1))
        place = Signal(range(self.ring))
        final = ((self.step.samples - 1) >> ceil_log2(config.edge))[: ceil_log2(self.groups)]

        m.d.comb += [
            pairs.step.eq(self.step),
            *(getattr(pairs, name).eq(getattr(self, name)) for name in ("quad", "column", "words", "enable")),
            pairs.room.eq(held != self.ring),
            pairs.open.eq(rows != _ROWS),
            ring.write_enable.eq(pairs.valid),
            ring.write_address.eq(place),
            ring.write_data.eq(pairs.group.l),
            self.idle.eq((rows == 0) & ~mass.busy),
        ]
        m.d.sync += [
            held.eq(held + pairs.reserve - mass.take),
            rows.eq(rows + pairs.begin - mass.ended),
        ]
        with m.If(pairs.valid):
            m.d.sync += place.eq(place + 1)
        k, done, lost, total = self._weigh(m, pairs, ring, kept, final)
        self._divide(m, pairs, mass, done, lost, total)
        m.d.comb += [
            mass.start.eq(self.start),
            mass.final.eq(final),
            mass.k.eq(kept.read_data),
            kept.read_address.eq(mass.place),
            *(getattr(mass, name).eq(getattr(self, name)) for name in ("spike", "spike_place", "clear")),
            mass.quad.eq(self.mass_quad),
            self.mass.eq(mass.mass),
            kept.write_data.eq(Cat(k)),
        ]
        return m

    def _weigh(
        self, m: Module, pairs: Pairs, ring: LaneMemory, kept: LaneMemory, final: Signal
    ) -> tuple[list[Signal], Signal, Signal, Signal]:
        """Second phase: K of each group into a ring, its sum over the row."""
        config, lanes = self.config, self.config.edge
        m.submodules.minimum = minimum = Minimum(lanes)
        m.submodules.minima = minima = Queue(L_BITS, _ROWS)
        m.submodules.counts = counts = ParentMemory(config, 1)
        m.submodules.sum = total = Sum(lanes, unsigned(W_BITS + _COUNT_BITS), self.sum_bits)
        place, index = Signal(range(self.ring)), Signal(range(max(2, self.groups)))
        go, last, l_min = Signal(), Signal(), Signal(L_BITS)
        m.d.comb += [
            minimum.valid.eq(pairs.valid),
            minimum.last.eq(pairs.group.last),
            minimum.l.eq(pairs.group.l),
            minima.i.valid.eq(minimum.done),
            minima.i.payload.eq(minimum.l_min),
            go.eq(minima.o.valid),
            last.eq(index == final),
            minima.o.ready.eq(last),
            ring.read_address.eq(place),
            counts.quad.eq(self.quad),
            counts.words.eq(self.words),
            counts.enable.eq(self.counts),
        ]
        m.d.sync += l_min.eq(minima.o.payload)
        with m.If(go):
            m.d.sync += [place.eq(place + 1), index.eq(Mux(last, 0, index + 1))]
        going, indices = Timeline(m, go, 0, reset=True), Timeline(m, index, 0)
        firsts, lasts = Timeline(m, index == 0, 0), Timeline(m, go & last, 0, reset=True)
        far = Timeline(m, minima.o.payload >= SATZ_LIMIT, 0)
        base = self.step.base >> ceil_log2(lanes)
        m.d.comb += [
            counts.read_group.eq(base + indices.at(_WEIGHT - 1)),
            kept.write_enable.eq(going.at(_WEIGHT)),
            kept.write_address.eq(Timeline(m, place, 0).at(_WEIGHT)),
        ]
        found = [
            self._lane(m, lane, ring.read_data.word_select(lane, L_BITS), l_min, counts, total)
            for lane in range(lanes)
        ]
        summed = _PRODUCT + depth(lanes)
        m.d.comb += [total.add.eq(going.at(summed)), total.first.eq(firsts.at(summed))]
        return found, lasts.at(summed + 1), far.at(summed + 1), total.total

    def _lane(
        self, m: Module, lane: int, nll: Signal, l_min: Signal, counts: ParentMemory, total: Sum
    ) -> Signal:
        m.submodules[f"exponential{lane}"] = exponential = Exponential(multiplier=True)
        n, counted = counts.values[lane].as_unsigned(), self.step.counted
        k, weight = Signal(W_BITS, name=f"k{lane}"), Signal(W_BITS, name=f"weight{lane}")
        multiplicity = Signal(_COUNT_BITS, name=f"multiplicity{lane}")
        product = Signal(W_BITS + _COUNT_BITS, name=f"product{lane}")
        m.d.comb += [
            exponential.l.eq(nll),
            exponential.l_min.eq(l_min),
            # A parent of multiplicity 0 is absent.
            k.eq(Mux(counted & (n == 0), 0, exponential.w)),
            total.values[lane].eq(product),
        ]
        m.d.sync += [
            weight.eq(k),
            multiplicity.eq(Mux(counted, n, 1)),
            product.eq((Cat(weight, 0).as_signed() * Cat(multiplicity, 0).as_signed()).as_unsigned()),
        ]
        return k

    def _divide(self, m: Module, pairs: Pairs, mass: Mass, done: Signal, far: Signal, total: Signal) -> None:
        """Quotient of each row: its weight over its sum."""
        m.submodules.weights = weights = Queue(W_BITS, _ROWS)
        m.submodules.divider = divider = Divider(self.sum_bits)
        m.submodules.quotients = quotients = Queue(QUOTIENT_BITS, _ROWS)
        lost = Signal()
        m.d.comb += [
            weights.i.valid.eq(pairs.begin),
            weights.i.payload.eq(pairs.row.payload.u),
            weights.o.ready.eq(done),
            lost.eq(far | (total == 0)),
            divider.valid.eq(done),
            divider.u.eq(Mux(self.divide, self.dividend, weights.o.payload)),
            divider.d.eq(Mux(self.divide, self.divisor, total)),
            divider.fraction.eq(Mux(self.divide, W_BITS - 1, self.fraction)),
            divider.lost.eq(lost & ~self.divide),
            self.quotient.eq(divider.q),
            quotients.i.valid.eq(divider.done),
            quotients.i.payload.eq(divider.q),
        ]
        connect(m, quotients.o, mass.quotient)
        with m.If(done & lost):
            m.d.sync += self.lost.eq(self.lost + weights.o.payload)
        with m.If(self.start):
            m.d.sync += self.lost.eq(0)
