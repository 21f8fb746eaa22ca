"""Tree front end: runs the steps of a list, one after the other."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import ceil_log2

from spynq.stm.golden_edge import QUOTIENT_BITS
from spynq.stm.params import L_BITS, W_BITS, StmConfig
from spynq.stm.step import STEP, STEP_BEATS, Op
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.fifo import Queue
from spynq_hw.stm.geometry import group
from spynq_hw.stm.tree.divider import DIVIDER_LATENCY
from spynq_hw.stm.tree.edge import Edge
from spynq_hw.stm.tree.message import Message
from spynq_hw.stm.tree.rows import ROW, Rows
from spynq_hw.stm.tree.spikes import Spikes
from spynq_hw.stm.tree.step import StepCheck, step_layout, take
from spynq_hw.stm.tree.store import QUAD, Store
from spynq_hw.stm.tree.vector import Vector

__all__ = ["Tree"]

_SUM_BITS = 33
"""Bits of the sum of weights of a pool."""
_SETTLE = 6
"""Cycles to the logarithm of the largest mass."""
_LOADS = (Op.COLUMN, Op.LABELS, Op.COUNTS)


class Tree(wiring.Component):
    """Steps from memory, pools in memories of its own, closed pools to the back end.

    Golden model: :class:`spynq.stm.model_tree.TreeModel`.

    Parameters
    ----------
    config : StmConfig
        Build parameters, with ``edge`` at least 4.

    Members
    -------
    start : In(1), address : In(40), steps : In(31)
        Run a list.
    busy : Out(1)
        From the cycle after ``start`` until the last step is done.
    read : Out(stream.Signature(Request)), beats : In(stream.Signature(128))
        Words from memory.
    write : Out(stream.Signature(Request)), store : Out(stream.Signature(128)), writing : Out(1)
        Spike counts to memory; they are on their way.
    step : Out(step_layout), close : Out(1)
        The step at work; pulse: its pool goes to the back end.
    room, reserve, valid, group
        To the back end, as in :class:`~spynq_hw.stm.backend.BackEnd`.
    moment_group, moment, label_group, labels
        Samples and labels of a closed pool, one cycle later.
    closed : In(1)
        The back end has nothing more to do.
    result : In(1), total : In(33), l_min : In(24)
        Sum and minimum of a closed pool.
    lost : Out(17), lost_any : Out(1), skipped : Out(1)
        Largest share of weight lost on an edge; whether there was any; a step did not fit.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        quad = range(max(2, config.population // QUAD))
        labels = data.ArrayLayout(ceil_log2(config.bins), QUAD)
        super().__init__(
            {
                "start": In(1),
                "address": In(ADDRESS_BITS),
                "steps": In(31),
                "busy": Out(1),
                "read": Out(stream.Signature(Request)),
                "beats": In(stream.Signature(128)),
                "write": Out(stream.Signature(Request)),
                "store": Out(stream.Signature(128)),
                "writing": Out(1),
                "step": Out(step_layout()),
                "close": Out(1),
                "room": In(1),
                "reserve": Out(1),
                "valid": Out(1),
                "group": Out(group(QUAD)),
                "moment_group": In(quad),
                "moment": Out(data.ArrayLayout(signed(16), QUAD)),
                "label_group": In(quad),
                "labels": Out(labels),
                "closed": In(1),
                "result": In(1),
                "total": In(_SUM_BITS),
                "l_min": In(L_BITS),
                "lost": Out(W_BITS),
                "lost_any": Out(1),
                "skipped": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.store = self._store = Store(self.config)
        m.submodules.vector = self._vector = Vector(self.config)
        m.submodules.rows = self._rows = Rows(self.config)
        m.submodules.edge = self._edge = Edge(self.config)
        m.submodules.message = self._message = Message()
        m.submodules.spikes = self._spikes = Spikes(self.config)
        m.submodules.check = self._check = StepCheck(self.config)
        self._op = {op: Signal(name=f"is_{op.name.lower()}") for op in Op}
        self._l_min, self._total = Signal(L_BITS), Signal(_SUM_BITS)
        self._scan = Signal(len(self._vector.index))
        m.d.comb += [signal.eq(self.step.op == op) for op, signal in self._op.items()]
        m.d.comb += self._check.step.eq(self.step)
        with m.If(self.result):
            m.d.sync += [self._total.eq(self.total), self._l_min.eq(self.l_min)]
        self._connect_store(m)
        self._connect_vector(m)
        self._connect_edge(m)
        self._connect_spikes(m)
        self._control(m)
        return m

    def _connect_store(self, m: Module) -> None:
        store, vector, rows, op = self._store, self._vector, self._rows, self._op
        spikes = self._spikes
        base = self.step.base >> 2
        m.d.comb += [
            store.write_quad.eq(vector.quad),
            store.write_words.eq(self.beats.payload),
            store.write_column.eq(self.step.column),
            store.write_columns.eq(Mux(op[Op.COLUMN], vector.enable, 0)),
            store.write_labels.eq(Mux(op[Op.LABELS], vector.enable, 0)),
            store.label_quad.eq(base + self.label_group),
            store.nll_quad.eq(Mux(spikes.busy, spikes.quad, Mux(rows.busy, rows.quad, vector.nll_quad))),
            *(
                getattr(store, n).eq(getattr(vector, n))
                for n in ("nll_write_quad", "nll_write", "nll_enable")
            ),
            self.moment.eq(store.samples),
            self.labels.eq(store.labels),
            rows.nll.eq(store.nll),
            rows.samples.eq(store.samples),
            vector.nll.eq(store.nll),
            vector.samples.eq(store.samples),
            store.column.eq(Mux(rows.busy, rows.column, self.step.column)),
            store.column_quad.eq(
                Mux(rows.busy, rows.quad, Mux(op[Op.CLOSE], base + self.moment_group, vector.quad))
            ),
        ]

    def _connect_vector(self, m: Module) -> None:
        vector, op = self._vector, self._op
        m.d.comb += [
            vector.step.eq(self.step),
            vector.reads.eq(Cat(op[o] for o in (*_LOADS, Op.CODES)).any()),
            vector.changes.eq(Cat(op[o] for o in (Op.CODES, Op.CUE, Op.OUTER, Op.EDGE)).any()),
            vector.outer.eq(op[Op.OUTER]),
            vector.close.eq(op[Op.CLOSE]),
            vector.cue.eq(op[Op.CUE]),
            vector.fresh.eq(self.step.fresh),
            vector.message.eq(self._message.codes),
            vector.room.eq(self.room),
            self.reserve.eq(vector.reserve),
            self.valid.eq(vector.valid),
            self.group.eq(vector.group),
        ]

    def _connect_edge(self, m: Module) -> None:
        edge, vector, rows, op = self._edge, self._vector, self._rows, self._op
        m.submodules.row_queue = queue = Queue(ROW, 8)
        connect(m, rows.row, queue.i)
        connect(m, queue.o, edge.row)
        self._waiting = queue.o.valid
        whole, fraction = self._total[16:], Signal(range(QUOTIENT_BITS + 1), init=QUOTIENT_BITS)
        for bit in range(5, len(whole)):
            with m.If(whole[bit]):
                m.d.sync += fraction.eq(QUOTIENT_BITS - (bit + 1 - 5))
        with m.If(~whole[5:].any()):
            m.d.sync += fraction.eq(QUOTIENT_BITS)
        m.d.comb += [
            rows.step.eq(self.step),
            rows.l_min.eq(self._l_min),
            edge.step.eq(self.step),
            edge.fraction.eq(fraction),
            edge.quad.eq(vector.quad),
            edge.column.eq(self.step.column),
            edge.words.eq(self.beats.payload),
            edge.enable.eq(Mux(op[Op.COLUMN], vector.enable, 0)),
            edge.counts.eq(Mux(op[Op.COUNTS], vector.enable, 0)),
            edge.mass_quad.eq(
                Mux(self._spikes.busy, self._spikes.index, Mux(vector.busy, vector.index, self._scan))
            ),
            self._message.masses.eq(edge.mass),
            # The bus belongs to the step: to the list, to a vector, or to the rows of a table.
            edge.beats.payload.eq(self.beats.payload),
            edge.beats.valid.eq(self.beats.valid & op[Op.EDGE]),
            vector.beats.payload.eq(self.beats.payload),
            vector.beats.valid.eq(self.beats.valid & ~op[Op.EDGE]),
        ]

    def _connect_spikes(self, m: Module) -> None:
        spikes, edge = self._spikes, self._edge
        connect(m, spikes.write, flipped(self.write))
        connect(m, spikes.store, flipped(self.store))
        m.d.comb += [
            self.writing.eq(spikes.busy),
            spikes.step.eq(self.step),
            spikes.l_min.eq(self._l_min),
            spikes.possible.eq(self._total != 0),
            spikes.nll.eq(self._store.nll),
            spikes.counting.eq(~edge.idle),
            spikes.mass.eq(edge.mass),
            edge.spike.eq(spikes.spike),
            edge.spike_place.eq(spikes.place),
            edge.clear.eq(spikes.clear),
        ]

    def _control(self, m: Module) -> None:
        step, read, vector, edge = self.step, self.read, self._vector, self._edge
        left, place = Signal(31), Signal(ADDRESS_BITS)
        word, beat = Signal(STEP.width - 128), Signal(range(STEP_BEATS))
        quads, none = Signal(len(step.samples)), Signal()
        self._clock = clock = Signal(6)
        m.d.comb += [
            quads.eq(((step.samples - 1) >> 2) + 1),
            self.beats.ready.eq(Mux(self._op[Op.EDGE], edge.beats.ready, vector.beats.ready)),
        ]
        with m.FSM() as fsm:
            m.d.comb += self.busy.eq(~fsm.ongoing("IDLE"))
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [left.eq(self.steps), place.eq(self.address)]
                    m.d.sync += [self.lost.eq(0), self.lost_any.eq(0), self.skipped.eq(0)]
                    m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += [
                    read.valid.eq(1),
                    read.payload.address.eq(place),
                    read.payload.beats.eq(STEP_BEATS),
                ]
                with m.If(read.ready):
                    m.d.sync += [place.eq(place + STEP_BEATS * 16), left.eq(left - 1)]
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.d.comb += self.beats.ready.eq(1)
                with m.If(self.beats.valid):
                    m.d.sync += [word.eq(Cat(word, self.beats.payload)[128:]), beat.eq(beat + 1)]
                    with m.If(beat == STEP_BEATS - 1):
                        m.d.sync += [*take(step, Cat(word, self.beats.payload)), beat.eq(0), clock.eq(0)]
                        m.next = "CHECK"
            with m.State("CHECK"):
                m.d.sync += clock.eq(1)
                with m.If(clock == 1):
                    m.next = "BEGIN"
                    with m.If(~self._check.fits):
                        m.d.sync += self.skipped.eq(1)
                        m.next = "NEXT"
            with m.State("BEGIN"):
                self._begin(m, quads, none)
            with m.State("VECTOR"):
                with m.If(~vector.busy & (~self._op[Op.CLOSE] | self.closed)):
                    m.next = "NEXT"
            with m.State("SPIKES"):
                with m.If(~self._spikes.busy):
                    m.next = "NEXT"
            with m.State("NEXT"):
                m.next = "REQUEST"
                with m.If(left == 0):
                    m.next = "IDLE"
            self._message_states(m, quads, none)

    def _begin(self, m: Module, quads: Signal, none: Signal) -> None:
        """Start the step at work; what reads asks for its words first."""
        vector, op = self._vector, self._op
        m.d.sync += [self._clock.eq(0), none.eq(1), self._scan.eq(0)]
        with m.If(op[Op.EDGE]):
            m.d.comb += [self._edge.start.eq(1), self._rows.start.eq(1), self._message.clear.eq(1)]
            m.next = "ROWS"
        with m.Elif(op[Op.SPIKES]):
            m.d.comb += self._spikes.start.eq(1)
            m.next = "SPIKES"
        with m.Else():
            m.d.comb += [
                self.read.valid.eq(vector.reads),
                self.read.payload.address.eq(self.step["in"]),
                self.read.payload.beats.eq(quads),
            ]
            with m.If(self.read.ready | ~vector.reads):
                m.d.comb += [vector.start.eq(1), self.close.eq(op[Op.CLOSE])]
                m.next = "VECTOR"

    def _message_states(self, m: Module, quads: Signal, none: Signal) -> None:
        """Rows, the largest mass, its logarithm, the share of lost weight, and the codes."""
        edge, rows, message, clock = self._edge, self._rows, self._message, self._clock
        part, whole = Signal(_SUM_BITS), Signal(_SUM_BITS)
        with m.State("ROWS"):
            m.d.comb += [
                self.read.valid.eq(rows.request.valid),
                self.read.payload.eq(rows.request.payload),
                rows.request.ready.eq(self.read.ready),
            ]
            with m.If(edge.row.valid):
                m.d.sync += none.eq(0)
            with m.If(~rows.busy & ~self._waiting & edge.idle):
                m.next = "LARGEST"
        with m.State("LARGEST"):
            # Without a row the masses are those of the edge before.
            m.d.comb += message.compare.eq(~none)
            m.d.sync += self._scan.eq(self._scan + 1)
            with m.If(self._scan == quads - 1):
                m.next = "SETTLE"
        with m.State("SETTLE"):
            m.d.comb += message.settle.eq(clock > 1)
            m.d.sync += [clock.eq(clock + 1), part.eq(edge.lost), whole.eq(self._total)]
            with m.If(clock == _SETTLE + 2):
                m.d.sync += clock.eq(0)
                m.next = "MESSAGE"
                with m.If(edge.lost != 0):
                    m.d.sync += self.lost_any.eq(1)
                    m.next = "CUT"
        with m.State("CUT"):
            with m.If(whole[W_BITS:].any()):
                m.d.sync += [part.eq(part >> 1), whole.eq(whole >> 1)]
            with m.Else():
                m.next = "SHARE"
        with m.State("SHARE"):
            m.d.comb += edge.divide.eq(1)
            m.d.sync += clock.eq(clock + 1)
            with m.If(clock == DIVIDER_LATENCY):
                with m.If(edge.quotient[:W_BITS] > self.lost):
                    m.d.sync += self.lost.eq(edge.quotient)
                m.next = "MESSAGE"
        with m.State("MESSAGE"):
            m.d.comb += self._vector.start.eq(1)
            m.next = "VECTOR"
        m.d.comb += [edge.dividend.eq(part), edge.divisor.eq(whole)]
