"""Rows of an edge: the child's samples one after the other, with weight and cues."""

from amaranth import Module, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import L_BITS, W_BITS, StmConfig
from spynq.stm.step import MAX_EDGE_TERMS
from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.stm.exponential import Exponential
from spynq_hw.stm.tree.step import step_layout
from spynq_hw.stm.tree.store import QUAD

__all__ = ["ROW", "Rows"]

ROW = data.StructLayout({"u": W_BITS, "cues": data.ArrayLayout(signed(16), MAX_EDGE_TERMS)})
"""One row: weight of the child's sample, and what the parent's coordinates are compared with."""
_WEIGHED = 5
"""Cycles from the read of a log-likelihood to its weight."""


class Rows(wiring.Component):
    """Finds the rows that weigh something; for table rows asks memory for their codes.

    A row takes 8 cycles, one without weight 6, which an edge of 8 groups or more hides.

    Parameters
    ----------
    config : StmConfig
        Uses ``population`` and ``columns``.

    Members
    -------
    start : In(1), step : In(step_layout), l_min : In(24)
        Begin; the step and the child's smallest log-likelihood stay until ``busy`` falls.
    busy : Out(1)
        Rows are still to come.
    quad, column : Out, nll, samples : In
        Reads of the store.
    row : Out(stream.Signature(ROW))
        The rows, in order.
    request : Out(stream.Signature(Request))
        Codes of each row.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "step": In(step_layout()),
                "l_min": In(L_BITS),
                "busy": Out(1),
                "quad": Out(range(max(2, config.population // QUAD))),
                "column": Out(range(max(2, config.columns))),
                "nll": In(data.ArrayLayout(L_BITS, QUAD)),
                "samples": In(data.ArrayLayout(signed(16), QUAD)),
                "row": Out(stream.Signature(ROW)),
                "request": Out(stream.Signature(Request)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.exponential = exponential = Exponential()
        step = self.step
        index, clock = Signal(len(step.rows)), Signal(range(_WEIGHED + 1))
        address, beats = Signal(ADDRESS_BITS), Signal(len(step.samples))
        last = index == step.rows - 1
        lane = index[:2]

        m.d.comb += [
            beats.eq(((step.samples - 1) >> 2) + 1),
            self.quad.eq((step.row_base + index) >> 2),
            self.column.eq(step.row_column + clock),
            exponential.l.eq(self.nll.as_value().word_select(lane, L_BITS)),
            exponential.l_min.eq(self.l_min),
            self.row.payload.u.eq(exponential.w),
            self.request.payload.address.eq(address),
            self.request.payload.beats.eq(beats),
        ]
        for term in range(MAX_EDGE_TERMS):
            cue = Signal(signed(16), name=f"cue{term}")
            m.d.comb += self.row.payload.cues[term].eq(cue)
            with m.If(clock == term + 1):
                m.d.sync += cue.eq(self.samples.as_value().word_select(lane, 16))

        def following() -> None:
            m.d.sync += [index.eq(index + 1), clock.eq(0), address.eq(address + (beats << 4))]
            m.next = "READ"
            with m.If(last):
                m.d.sync += self.busy.eq(0)
                m.next = "IDLE"

        with m.FSM():
            with m.State("IDLE"):
                with m.If(self.start):
                    m.d.sync += [self.busy.eq(1), index.eq(0), clock.eq(0), address.eq(step["in"])]
                    m.next = "READ"
            with m.State("READ"):
                m.d.sync += clock.eq(clock + 1)
                with m.If(clock == _WEIGHED):
                    m.d.sync += clock.eq(clock)
                    m.next = "OFFER"
                    with m.If(exponential.w == 0):
                        following()
            with m.State("OFFER"):
                # The inputs of the exponential have not moved, so its weight still stands.
                m.d.comb += self.row.valid.eq(1)
                with m.If(self.row.ready):
                    following()
                    with m.If(step.table):
                        m.d.sync += [index.eq(index), address.eq(address), self.busy.eq(1)]
                        m.next = "REQUEST"
            with m.State("REQUEST"):
                m.d.comb += self.request.valid.eq(1)
                with m.If(self.request.ready):
                    following()
        return m
