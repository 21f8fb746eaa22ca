"""First phase of an edge: log-likelihoods of a row, one group of parents after the other."""

from amaranth import Array, Cat, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import IMPOSSIBLE, L_BITS, StmConfig
from spynq.stm.step import MAX_EDGE_TERMS
from spynq_hw.stm.geometry import group
from spynq_hw.stm.lane import LogLikelihood
from spynq_hw.stm.memory import LaneMemory
from spynq_hw.stm.timeline import Timeline
from spynq_hw.stm.tree.rows import ROW
from spynq_hw.stm.tree.step import step_layout
from spynq_hw.stm.tree.store import QUAD

__all__ = ["Pairs", "ParentMemory"]

_SQUARED = 5
"""Cycles from the issue of a group to its squares; its log-likelihoods follow one later."""


class ParentMemory(wiring.Component):
    """Something of 16 bits per parent, ``edge`` of them in a word, written four at a time.

    Parameters
    ----------
    config : StmConfig
        Uses ``edge`` and ``population``.
    columns : int
        Values per parent.

    Members
    -------
    quad, column, words, enable : In
        A write; ``quad`` counts from the first sample of all pools.
    read_column, read_group : In, values : Out(ArrayLayout(16, edge))
        A group, one cycle later.
    """

    def __init__(self, config: StmConfig, columns: int) -> None:
        self.config, self.columns = config, 1 << ceil_log2(columns)
        column = range(max(2, self.columns))
        super().__init__(
            {
                "quad": In(range(config.population // QUAD)),
                "column": In(column),
                "words": In(data.ArrayLayout(32, QUAD)),
                "enable": In(QUAD),
                "read_column": In(column),
                "read_group": In(range(config.population // config.edge)),
                "values": Out(data.ArrayLayout(signed(16), config.edge)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        banks = config.edge // QUAD
        bits, columns = ceil_log2(banks), ceil_log2(self.columns)
        for bank in range(banks):
            memory = LaneMemory(16 * QUAD, self.columns * config.population // config.edge, QUAD)
            m.submodules[f"bank{bank}"] = memory
            chosen = self.quad[:bits] == bank if bits else 1
            m.d.comb += [
                memory.write_address.eq(Cat(self.quad[bits:], self.column[:columns])),
                memory.write_data.eq(Cat(word[:16] for word in self.words)),
                memory.write_enable.eq(Mux(chosen, self.enable, 0)),
                memory.read_address.eq(Cat(self.read_group, self.read_column[:columns])),
                Cat(self.values[bank * QUAD + lane] for lane in range(QUAD)).eq(memory.read_data),
            ]
        return m


class Pairs(wiring.Component):
    """Compares each row with all parents, or takes the codes of a table row from memory.

    Golden model: :func:`spynq.stm.golden.log_likelihood` per row. A group takes a cycle per term, or
    a cycle per four codes.

    Parameters
    ----------
    config : StmConfig
        Uses ``edge``, ``population`` and ``columns``.

    Members
    -------
    step : In(step_layout)
        The edge.
    quad, column, words, enable : In
        As in :class:`ParentMemory`.
    row : In(stream.Signature(ROW))
        The rows.
    beats : In(stream.Signature(128))
        Codes of table rows.
    room : In(1), open : In(1), reserve : Out(1), begin : Out(1)
        A group has room, and another row may begin; a group is on its way, the first of its row.
    valid : Out(1), group : Out(group(edge))
        A group; ``last`` of its row.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        super().__init__(
            {
                "step": In(step_layout()),
                "quad": In(range(config.population // QUAD)),
                "column": In(range(max(2, config.columns))),
                "words": In(data.ArrayLayout(32, QUAD)),
                "enable": In(QUAD),
                "row": In(stream.Signature(ROW)),
                "beats": In(stream.Signature(128)),
                "room": In(1),
                "open": In(1),
                "reserve": Out(1),
                "begin": Out(1),
                "valid": Out(1),
                "group": Out(group(config.edge)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, step = self.config, self.step
        m.submodules.parents = parents = ParentMemory(config, config.columns)
        lane_bits = ceil_log2(config.edge)
        group_index, part = Signal(range(config.population // config.edge + 1)), Signal(8)
        final_group, final_lane = (step.samples - 1) >> lane_bits, (step.samples - 1)[:lane_bits]
        go, first, last_part, last_group = Signal(), Signal(), Signal(), Signal()
        # Parts of a group: terms, or quads of codes; the last group of a table row ends early.
        parts = Mux(last_group, final_lane >> 2, config.edge // QUAD - 1)

        m.d.comb += [
            first.eq(part == 0),
            last_group.eq(group_index == final_group),
            last_part.eq(part == Mux(step.table, parts, step.terms - 1)),
            go.eq(
                self.row.valid
                & (self.beats.valid | ~step.table)
                & (~first | (self.room & (self.open | (group_index != 0))))
            ),
            self.reserve.eq(go & first),
            self.begin.eq(self.reserve & (group_index == 0)),
            self.beats.ready.eq(go & step.table),
            self.row.ready.eq(go & last_part & last_group),
            parents.read_column.eq(step.column + part),
            parents.read_group.eq((step.base >> lane_bits) + group_index),
            *(
                getattr(parents, name).eq(getattr(self, name))
                for name in ("quad", "column", "words", "enable")
            ),
        ]
        with m.If(go):
            m.d.sync += part.eq(part + 1)
            with m.If(last_part):
                m.d.sync += [part.eq(0), group_index.eq(group_index + 1)]
                with m.If(last_group):
                    m.d.sync += group_index.eq(0)
        ready = Timeline(m, go & last_part, 0, reset=True)
        ends = Timeline(m, last_group, 0)
        m.d.comb += [
            self.valid.eq(ready.at(_SQUARED + 1)),
            self.group.last.eq(ends.at(_SQUARED + 1)),
        ]
        cue, gain, later = Signal(signed(16)), Signal(26), Signal(26)
        values = Array(self.row.payload.cues)
        gains = Array(step[f"gain{term}"] for term in range(MAX_EDGE_TERMS))
        m.d.sync += [cue.eq(values[part]), gain.eq(gains[part]), later.eq(gain)]
        firsts = Timeline(m, first, 0).at(_SQUARED)
        absent = Signal(config.edge)
        m.d.comb += absent.eq(
            Mux(ends.at(_SQUARED), Cat(lane > final_lane for lane in range(config.edge)), 0)
        )
        table = self._table(m, part, go)
        gone = Signal(config.edge)
        m.d.sync += gone.eq(absent)
        for lane in range(config.edge):
            m.submodules[f"lane{lane}"] = likelihood = LogLikelihood(1)
            m.d.comb += [
                likelihood.samples[0].eq(parents.values[lane]),
                likelihood.cues[0].eq(cue),
                likelihood.gains[0].eq(later),
                likelihood.first.eq(firsts),
                likelihood.absent.eq(absent[lane]),
                self.group.l[lane].eq(
                    Mux(step.table, table[lane] | gone[lane].replicate(L_BITS), likelihood.l)
                ),
            ]
        assert IMPOSSIBLE == (1 << L_BITS) - 1
        return m

    def _table(self, m: Module, part: Signal, go: Signal) -> list[Signal]:
        """Codes of a group, put together as they come; they are ready with the group's log-likelihoods.

        A code comes late by the same number of cycles as if it had been computed, so that nothing else
        depends on the kind of row.
        """
        words = Timeline(m, self.beats.payload, 0).at(_SQUARED)
        place, write = Timeline(m, part, 0).at(_SQUARED), Timeline(m, go, 0, reset=True).at(_SQUARED)
        codes = []
        for quad in range(self.config.edge // QUAD):
            for lane in range(QUAD):
                code = Signal(L_BITS, name=f"code{quad}_{lane}")
                with m.If(write & (place == quad)):
                    m.d.sync += code.eq(words[32 * lane : 32 * lane + L_BITS])
                codes.append(code)
        return codes
