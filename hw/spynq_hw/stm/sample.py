"""One lane of likelihood weighting: table address, draw, weighing."""

from amaranth import Module, Mux, Signal
from amaranth.hdl import ValueLike
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import IMPOSSIBLE, L_BITS, L_MAX, StmConfig
from spynq_hw.stm.table import entry_layout
from spynq_hw.stm.timeline import Timeline

__all__ = ["Draw", "Row", "Weigh"]


class Row(wiring.Component):
    """Table address without the table column: base plus strides times parent states.

    Golden model: :func:`spynq.stm.golden.row`. Strides come shifted by ``log2_states`` already,
    and everything is taken modulo the table, so 16 bits are enough.

    Parameters
    ----------
    config : StmConfig
        Uses ``parents``, ``state_bits`` and ``table``.

    Members
    -------
    states : In(ArrayLayout(state_bits, parents))
        Parent states of a word, cycle 0.
    strides : In(ArrayLayout(log2 table, parents))
        Strides of the word, cycle 1.
    first, base : In
        The sum starts at ``base`` with this word, cycle 3.
    row : Out(log2 table)
        Sum up to this word, cycle 4.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        address = ceil_log2(config.table)
        super().__init__(
            {
                "states": In(data.ArrayLayout(config.state_bits, config.parents)),
                "strides": In(data.ArrayLayout(address, config.parents)),
                "first": In(1),
                "base": In(address),
                "row": Out(address),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        width = ceil_log2(self.config.table)
        products = []
        for parent in range(self.config.parents):
            # State, product: the two registers of a DSP slice.
            state = Signal(self.config.state_bits, name=f"state{parent}", reset_less=True)
            product = Signal(width, name=f"product{parent}", reset_less=True)
            m.d.sync += [state.eq(self.states[parent]), product.eq(state * self.strides[parent])]
            products.append(product)
        total, row = Signal(width, reset_less=True), Signal(width, reset_less=True)
        m.d.sync += [total.eq(sum(products)), row.eq(Mux(self.first, self.base, row) + total)]
        m.d.comb += self.row.eq(row)
        return m


class Draw(wiring.Component):
    """A state from a random word and a table entry.

    Golden model: :func:`spynq.stm.golden.draw`.

    Parameters
    ----------
    config : StmConfig
        Uses ``state_bits``.

    Members
    -------
    word, log2_states : In(32), In(range(state_bits + 1))
        Random word, and log2 of the row length: cycle 0.
    column : Out(state_bits)
        Table column, cycle 1.
    entry : In(entry_layout)
        Table entry of that column, cycle 4.
    state : Out(state_bits)
        The column if the fraction is below the threshold, else the alias; cycle 5.
    seen, observed : In(1), In(state_bits)
        Only with ``counts``, cycle 0: take this state as column and as state.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        super().__init__(
            {
                "word": In(32),
                "log2_states": In(range(config.state_bits + 1)),
                "column": Out(config.state_bits),
                "entry": In(entry_layout(config)),
                "state": Out(config.state_bits),
                **({"seen": In(1), "observed": In(config.state_bits)} if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bits = self.config.state_bits
        # The word shifted left: the column runs out at the top, the fraction is what is left.
        shifted = Signal(32 + bits)
        m.d.comb += shifted.eq(self.word << self.log2_states)
        fraction, column = Signal(24, reset_less=True), Signal(bits, reset_less=True)
        m.d.sync += [fraction.eq(shifted[8:32]), column.eq(shifted[32:])]
        m.d.comb += self.column.eq(column)
        seen4: ValueLike = 0
        if self.config.counts:
            seen4 = Timeline(m, self.seen, 0).at(4)
            with m.If(self.seen):
                m.d.sync += column.eq(self.observed)

        fraction4 = Timeline(m, fraction, 1).at(4)
        column4 = Timeline(m, column, 1).at(4)
        state = Signal(bits, reset_less=True)
        kept = seen4 | (fraction4 < self.entry.threshold)
        m.d.sync += state.eq(Mux(kept, column4, self.entry.alias))
        m.d.comb += self.state.eq(state)
        return m


class Weigh(wiring.Component):
    """Log-likelihood after an operation.

    Golden model: :func:`spynq.stm.golden.weigh`. A draw leaves the value as it is.

    Parameters
    ----------
    None.

    Members
    -------
    stored : In(24)
        Value before the operation, cycle 0.
    entry, weigh : In(24), In(1)
        What a weighing operation adds. Cycle 0.
    hide : In(1)
        The sample does not exist: its value becomes ``IMPOSSIBLE``. Cycle 1.
    nll : Out(24)
        Value after the operation, cycle 2: ``IMPOSSIBLE`` if either is, else the sum, at most ``L_MAX``.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "stored": In(L_BITS),
                "entry": In(L_BITS),
                "weigh": In(1),
                "hide": In(1),
                "nll": Out(L_BITS),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        addend = Signal(L_BITS)
        total = Signal(L_BITS + 1, reset_less=True)
        impossible = Signal(reset_less=True)
        nll = Signal(L_BITS, reset_less=True)
        m.d.comb += addend.eq(Mux(self.weigh, self.entry, 0))
        m.d.sync += [
            total.eq(self.stored + addend),
            impossible.eq((self.stored == IMPOSSIBLE) | (addend == IMPOSSIBLE)),
        ]
        with m.If(impossible | self.hide):
            m.d.sync += nll.eq(IMPOSSIBLE)
        with m.Elif(total > L_MAX):
            m.d.sync += nll.eq(L_MAX)
        with m.Else():
            m.d.sync += nll.eq(total)
        m.d.comb += self.nll.eq(nll)
        return m
