"""Pools as the vector steps see them: four samples per word, columns, labels, log-likelihoods."""

from amaranth import Cat, Module, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import L_BITS, StmConfig
from spynq_hw.stm.memory import LaneMemory

__all__ = ["QUAD", "Store"]

QUAD = 4
"""Samples of a memory word, and of a bus word."""


class Store(wiring.Component):
    """Memories of all pools; read data follow one cycle after their address.

    Parameters
    ----------
    config : StmConfig
        Uses ``population``, ``columns`` and ``bins``.

    Members
    -------
    write_quad : In, write_words : In(ArrayLayout(32, 4))
        Words of a load; ``write_enable`` says which of the four samples exist.
    write_column : In, write_columns, write_labels : In(4)
        Which memory the words go to, sample by sample.
    column, column_quad : In, samples : Out(ArrayLayout(signed(16), 4))
        A column of four samples.
    label_quad : In, labels : Out
        Their labels.
    nll_quad : In, nll : Out(ArrayLayout(24, 4))
        Their log-likelihoods.
    nll_write_quad, nll_write, nll_enable : In
        New log-likelihoods.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.quads = config.population // QUAD
        self.label_bits = ceil_log2(config.bins)
        quad, column = range(max(2, self.quads)), range(max(2, config.columns))
        nll = data.ArrayLayout(L_BITS, QUAD)
        super().__init__(
            {
                "write_quad": In(quad),
                "write_words": In(data.ArrayLayout(32, QUAD)),
                "write_column": In(column),
                "write_columns": In(QUAD),
                "write_labels": In(QUAD),
                "column": In(column),
                "column_quad": In(quad),
                "samples": Out(data.ArrayLayout(signed(16), QUAD)),
                "label_quad": In(quad),
                "labels": Out(data.ArrayLayout(self.label_bits, QUAD)),
                "nll_quad": In(quad),
                "nll": Out(nll),
                "nll_write_quad": In(quad),
                "nll_write": In(nll),
                "nll_enable": In(QUAD),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        columns = 1 << ceil_log2(self.config.columns)
        m.submodules.columns = samples = LaneMemory(16 * QUAD, columns * self.quads, QUAD)
        m.submodules.labels = labels = LaneMemory(self.label_bits * QUAD, self.quads, QUAD)
        m.submodules.nll = nll = LaneMemory(L_BITS * QUAD, self.quads, QUAD)
        quad_bits = ceil_log2(self.quads)

        def place(column: object, quad: object) -> object:
            return Cat(quad[:quad_bits], column)  # type: ignore[index]

        m.d.comb += [
            samples.write_address.eq(place(self.write_column, self.write_quad)),
            samples.write_data.eq(Cat(word[:16] for word in self.write_words)),
            samples.write_enable.eq(self.write_columns),
            samples.read_address.eq(place(self.column, self.column_quad)),
            self.samples.eq(samples.read_data),
            labels.write_address.eq(self.write_quad),
            labels.write_data.eq(Cat(word[: self.label_bits] for word in self.write_words)),
            labels.write_enable.eq(self.write_labels),
            labels.read_address.eq(self.label_quad),
            self.labels.eq(labels.read_data),
            nll.write_address.eq(self.nll_write_quad),
            nll.write_data.eq(self.nll_write),
            nll.write_enable.eq(self.nll_enable),
            nll.read_address.eq(self.nll_quad),
            self.nll.eq(nll.read_data),
        ]
        return m
