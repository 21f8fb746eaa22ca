"""Steps that go through a pool four samples at a time: loads, evidence, products, messages, closing."""

from amaranth import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import IMPOSSIBLE, L_BITS, StmConfig
from spynq_hw.stm.geometry import group
from spynq_hw.stm.lane import LogLikelihood
from spynq_hw.stm.sample import Weigh
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.step import step_layout
from spynq_hw.stm.tree.store import QUAD

__all__ = ["CODE", "Vector"]

# Cycles from the issue of four samples.
_READ = 5
"""Their log-likelihoods are read."""
CODE = 6
"""Their codes are there: from memory, of a cue, or of a message."""
_DONE = 8
"""New log-likelihoods are written."""
_QUIET = 9
"""Cycles after which a pause of the issue has emptied the pipeline."""


class Vector(wiring.Component):
    """One pass over a pool.

    Golden model: :func:`spynq.stm.golden_edge.accumulate`, ``outer``, and the loads of
    :class:`spynq.stm.model_tree.TreeModel`.

    Parameters
    ----------
    config : StmConfig
        Uses ``population``.

    Members
    -------
    start : In(1), step : In(step_layout)
        Do this step; it stays as it is while ``busy``.
    reads, outer, close, fresh, cue, changes : In(1)
        Kind of the step: words come from memory; a product; to the back end; stored
        log-likelihoods do not count; codes are those of a cue; log-likelihoods are written.
    busy : Out(1)
        From the cycle after ``start`` until everything is written.
    beats : In(stream.Signature(128))
        Words from memory.
    load : Out(1), quad : Out, enable : Out(4)
        Words of a load come now, for these four samples, of which those enabled exist.
    issue : Out(1), index : Out
        Four samples begin their way; ``index`` counts from 0.
    samples : In(64)
        Their coordinate, one cycle later.
    message : In(ArrayLayout(24, 4))
        Their codes of a message, six cycles later.
    nll_quad, nll, nll_write_quad, nll_write, nll_enable
        To the store.
    room : In(1), reserve : Out(1), valid : Out(1), group : Out(group(4))
        To the back end.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self._quad = quad = range(max(2, config.population // QUAD))
        nll = data.ArrayLayout(L_BITS, QUAD)
        super().__init__(
            {
                "start": In(1),
                "step": In(step_layout()),
                **{name: In(1) for name in ("reads", "outer", "close", "fresh", "cue", "changes")},
                "busy": Out(1),
                "beats": In(stream.Signature(128)),
                "load": Out(1),
                "quad": Out(quad),
                "enable": Out(QUAD),
                "issue": Out(1),
                "index": Out(quad),
                "samples": In(16 * QUAD),
                "message": In(nll),
                "nll_quad": Out(quad),
                "nll": In(nll),
                "nll_write_quad": Out(quad),
                "nll_write": Out(nll),
                "nll_enable": Out(QUAD),
                "room": In(1),
                "reserve": Out(1),
                "valid": Out(1),
                "group": Out(group(QUAD)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        last = self._sequence(m)
        exists = Signal(QUAD)
        final = (self.step.samples - 1)[:2]
        m.d.comb += [
            exists.eq(Mux(last, Cat(lane <= final for lane in range(QUAD)), ~0)),
            self.load.eq(self.beats.valid & self.beats.ready),
            self.enable.eq(exists & self.load.replicate(QUAD)),
            self.reserve.eq(self.issue & self.close),
        ]
        going = Timeline(m, self.issue, 0, reset=True)
        masks = Timeline(m, exists, 0)
        m.d.comb += [
            self.nll_write_quad.eq(Timeline(m, self.quad, 0).at(_DONE)),
            self.valid.eq(going.at(CODE) & self.close),
            self.group.last.eq(Timeline(m, last, 0).at(CODE)),
        ]
        writes = going.at(_DONE) & self.changes
        m.d.comb += self.nll_enable.eq(masks.at(_DONE) & writes.replicate(QUAD))
        self._codes(m, masks.at(CODE))
        return m

    def _sequence(self, m: Module) -> Signal:
        """Issue four samples after the other; returns whether these are the last of a row."""
        step, bits = self.step, ceil_log2(len(self._quad))  # SAMPLES has bits beyond the population
        active, row = Signal(), Signal(len(step.rows))
        rest = Signal(range(_QUIET + 2))
        read, last, fetching = Signal(len(self.quad)), Signal(), Signal()
        quads = ((step.samples - 1) >> 2)[:bits]
        begin = Mux(self.outer, step.other >> 2, step.base >> 2)
        self._slow = Signal(L_BITS)

        m.d.comb += [
            last.eq(self.index == quads),
            fetching.eq(self.outer & (rest != 0)),
            self.issue.eq(active & ~fetching & (self.beats.valid | ~self.reads) & (self.room | ~self.close)),
            self.beats.ready.eq(active & self.reads),
            self.busy.eq(active | (rest != 0)),
        ]
        with m.If(rest != 0):
            m.d.sync += rest.eq(rest - 1)
        with m.If(self.issue):
            m.d.sync += [self.quad.eq(self.quad + 1), read.eq(read + 1), self.index.eq(self.index + 1)]
            with m.If(last):
                m.d.sync += [self.index.eq(0), read.eq(begin), row.eq(row + 1), rest.eq(_QUIET)]
                with m.If(~self.outer | (row == step.rows - 1)):
                    m.d.sync += active.eq(0)
        with m.If(self.start):
            m.d.sync += [
                active.eq(1),
                row.eq(0),
                self.index.eq(0),
                self.quad.eq(step.base >> 2),
                read.eq(begin),
                rest.eq(Mux(self.outer, _QUIET, 0)),
            ]
        m.d.comb += self.nll_quad.eq(Timeline(m, read, 0).at(_READ))
        with m.If(rest == 2):
            m.d.comb += self.nll_quad.eq((step.row_base >> 2) + (row >> 2))
        with m.If(rest == 1):
            m.d.sync += self._slow.eq(self.nll.as_value().word_select(row[:2], L_BITS))
        return last

    def _codes(self, m: Module, exists: Value) -> None:
        words = Timeline(m, self.beats.payload, 0).at(CODE)
        for lane in range(QUAD):
            m.submodules[f"cue{lane}"] = cue = LogLikelihood(1)
            m.submodules[f"weigh{lane}"] = weigh = Weigh()
            code = Signal(L_BITS, name=f"code{lane}")
            m.d.comb += [
                cue.samples[0].eq(self.samples[16 * lane : 16 * lane + 16]),
                cue.cues[0].eq(self.step.cue),
                cue.gains[0].eq(self.step.gain0),
                cue.first.eq(1),
                weigh.entry.eq(code),
                weigh.weigh.eq(1),
                self.nll_write[lane].eq(weigh.nll),
                self.group.l[lane].eq(Mux(exists[lane], self.nll[lane], IMPOSSIBLE)),
            ]
            with m.If(self.outer):
                m.d.comb += [code.eq(self.nll[lane]), weigh.stored.eq(self._slow)]
            with m.Else():
                m.d.comb += [
                    code.eq(
                        Mux(
                            self.cue,
                            cue.l,
                            Mux(self.reads, words[32 * lane : 32 * lane + L_BITS], self.message[lane]),
                        )
                    ),
                    weigh.stored.eq(Mux(self.fresh, 0, self.nll[lane])),
                ]
