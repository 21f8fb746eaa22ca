"""Resident population: the image from memory, unpacked into one memory per term and four lanes."""

from amaranth import Cat, Module, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.stm.params import MAX_TERMS, StmConfig
from spynq_hw.stm.geometry import Geometry
from spynq_hw.stm.memory import LaneMemory

__all__ = ["Loader", "Population"]

_WORD = 32


class Loader(wiring.Component):
    """Takes the image apart: which words of which column and group come now.

    The image is column after column, each padded to whole beats, then the labels. A beat of four
    words goes in one cycle with four lanes or more, else in four or two.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    start : In(1)
        An image follows.
    samples, terms, histogram : In
        Registers: samples per column, columns, and whether labels follow.
    image : In(stream.Signature(128))
        Its beats.
    busy : Out(1)
        From the cycle after ``start`` until the last beat has been taken.
    column : Out(4), slot : Out, part : Out
        Column now written; its place ``slot`` in a pass and its pass ``part``.
    group : Out, quad : Out
        Group now written, and which four lanes of it. All groups before it are complete.
    words : Out(ArrayLayout(32, quad)), enable : Out(quad), label : Out(1)
        The words, which of them are samples and no padding, and that they are labels.
    """

    def __init__(self, config: StmConfig) -> None:
        self.geometry = shape = Geometry(config)
        self.config = config
        super().__init__(
            {
                "start": In(1),
                "samples": In(range(config.population + 1)),
                "terms": In(4),
                "histogram": In(1),
                "image": In(stream.Signature(128)),
                "busy": Out(1),
                "column": Out(4),
                "slot": Out(range(config.terms)),
                "part": Out(range(MAX_TERMS)),
                "group": Out(shape.group_bits),
                "quad": Out(range(shape.quads)),
                "words": Out(data.ArrayLayout(_WORD, shape.quad)),
                "enable": Out(shape.quad),
                "label": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape, width = self.geometry, self.geometry.quad
        index = Signal(range(self.config.population + 4))
        step = Signal(range(4 // width))
        last_step, last_of_column, last_column, take = (Signal() for _ in range(4))
        lane_bits = exact_log2(shape.lanes)

        m.d.comb += [
            last_step.eq(step == 4 // width - 1),
            # The end of the beat that holds the last sample.
            last_of_column.eq(last_step & ((index | 3) + 1 >= self.samples)),
            last_column.eq(self.column + 1 == self.terms + self.histogram),
            self.label.eq(self.column == self.terms),
            take.eq(self.busy & self.image.valid),
            self.image.ready.eq(self.busy & last_step),
            self.words.as_value().eq(self.image.payload.word_select(step, _WORD * width)),
            self.group.eq(index >> lane_bits),
            self.quad.eq(index[exact_log2(width) : lane_bits] if shape.quads > 1 else 0),
            self.enable.eq(Cat(take & (index + i < self.samples) for i in range(width))),
        ]
        with m.If(take):
            m.d.sync += [index.eq(index + width), step.eq(step + 1)]
            with m.If(last_step):
                m.d.sync += step.eq(0)
            with m.If(last_of_column):
                m.d.sync += [index.eq(0), self.column.eq(self.column + 1), self.slot.eq(self.slot + 1)]
                with m.If(self.slot == self.config.terms - 1):
                    m.d.sync += [self.slot.eq(0), self.part.eq(self.part + 1)]
                with m.If(last_column):
                    m.d.sync += self.busy.eq(0)
        with m.If(self.start):
            m.d.sync += [
                self.busy.eq(1),
                self.column.eq(0),
                self.slot.eq(0),
                self.part.eq(0),
            ]
        return m


class Population(wiring.Component):
    """Samples, their labels, and what of a new image is already there.

    Column 0 is held twice: one copy for the log-likelihood, one for the moment. Read data follow
    one cycle after their address.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    start, samples, terms, histogram, image
        As in :class:`Loader`.
    busy : Out(1)
        An image is being loaded.
    loaded, labelled : Out
        Groups of which all columns, and all labels, are there.
    group, part : In, terms_read : Out(ArrayLayout(signed(16), terms * lanes))
        Samples of a group, of ``terms`` columns; lane i's at ``terms * i``.
    moment_group : In, moment : Out(ArrayLayout(signed(16), lanes))
        Column 0 of a group.
    label_group : In, labels : Out(ArrayLayout(label_bits, lanes))
        Labels of a group.
    """

    def __init__(self, config: StmConfig) -> None:
        self.geometry = shape = Geometry(config)
        self.config = config
        # Not shape.groups: the other front end may have larger populations.
        self._groups = groups = config.population // config.lanes
        super().__init__(
            {
                "start": In(1),
                "samples": In(range(config.population + 1)),
                "terms": In(4),
                "histogram": In(1),
                "image": In(stream.Signature(128)),
                "busy": Out(1),
                "loaded": Out(range(groups + 1)),
                "labelled": Out(range(groups + 1)),
                "group": In(shape.group_bits),
                "part": In(range(shape.passes)),
                "terms_read": Out(data.ArrayLayout(signed(16), config.terms * config.lanes)),
                "moment_group": In(shape.group_bits),
                "moment": Out(data.ArrayLayout(signed(16), config.lanes)),
                "label_group": In(shape.group_bits),
                "labels": Out(data.ArrayLayout(shape.label_bits, config.lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.loader = loader = Loader(self.config)
        m.d.comb += [
            loader.start.eq(self.start),
            loader.samples.eq(self.samples),
            loader.terms.eq(self.terms),
            loader.histogram.eq(self.histogram),
            loader.image.payload.eq(self.image.payload),
            loader.image.valid.eq(self.image.valid),
            self.image.ready.eq(loader.image.ready),
            self.busy.eq(loader.busy),
        ]
        self._progress(m, loader)
        self._memories(m, loader)
        return m

    def _progress(self, m: Module, loader: Loader) -> None:
        here = Signal(range(self._groups))
        m.d.comb += [here.eq(loader.group), self.loaded.eq(self._groups), self.labelled.eq(self._groups)]
        with m.If(loader.busy):
            with m.If(loader.label):
                m.d.comb += self.labelled.eq(here)
            with m.Else():
                m.d.comb += self.labelled.eq(0)
                with m.If(loader.column + 1 == self.terms):
                    m.d.comb += self.loaded.eq(here)
                with m.Else():
                    m.d.comb += self.loaded.eq(0)

    def _memories(self, m: Module, loader: Loader) -> None:
        shape, terms = self.geometry, self.config.terms
        samples = Cat(word[:16] for word in loader.words)
        labels = Cat(word[: shape.label_bits] for word in loader.words)
        for quad in range(shape.quads):
            here = loader.quad == quad
            lanes = range(quad * shape.quad, (quad + 1) * shape.quad)
            for t in range(terms):
                bank = self._bank(m, f"term{t}_{quad}", loader, samples, shape.passes)
                wanted = here & ~loader.label & (loader.slot == t)
                m.d.comb += [
                    bank.write_enable.eq(loader.enable & wanted.replicate(shape.quad)),
                    bank.read_address.eq(self._address(self.group, self.part)),
                    *(
                        self.terms_read[lane * terms + t].eq(bank.read_data.word_select(i, 16))
                        for i, lane in enumerate(lanes)
                    ),
                ]
            moments = self._bank(m, f"moment{quad}", loader, samples, 1)
            bins = self._bank(m, f"label{quad}", loader, labels, 1)
            first = here & ~loader.label & (loader.column == 0)
            m.d.comb += [
                moments.write_enable.eq(loader.enable & first.replicate(shape.quad)),
                moments.read_address.eq(self._address(self.moment_group)),
                Cat(self.moment[lane] for lane in lanes).eq(moments.read_data),
                bins.write_enable.eq(loader.enable & (here & loader.label).replicate(shape.quad)),
                bins.read_address.eq(self._address(self.label_group)),
                Cat(self.labels[lane] for lane in lanes).eq(bins.read_data),
            ]

    def _address(self, group: Value, part: Value | int = 0) -> Value:
        return Cat(group[: exact_log2(self._groups)], part)

    def _bank(self, m: Module, name: str, loader: Loader, words: Value, parts: int) -> LaneMemory:
        """Memory of the lanes of one quad; padding at the end of a column is not written."""
        bank = LaneMemory(len(words), self._groups * parts, self.geometry.quad)
        m.submodules[name] = bank
        m.d.comb += [
            bank.write_data.eq(words),
            bank.write_address.eq(self._address(loader.group, loader.part if parts > 1 else 0)),
        ]
        return bank
