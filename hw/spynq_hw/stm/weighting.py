"""Front end for likelihood weighting: draws samples of a discrete Bayesian network.

Golden model: :func:`spynq.stm.golden.chunk`. All lanes run one program in lock-step and differ
only in table addresses and states. One program word is done per cycle and lane; a chunk of 1,024
samples has at least 16 slots per lane, more than the cycles from reading a parent to writing the
state that was drawn from it, so that no operation ever waits for the one before.
"""

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.hdl import ValueLike
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out, connect, flipped
from amaranth.utils import ceil_log2

from spynq.stm.params import CHUNK, STREAMS, TARGET, StmConfig
from spynq_hw.stm.image import BEAT, Image, Section
from spynq_hw.stm.likelihoods import Likelihoods, group_layout
from spynq_hw.stm.records import Records
from spynq_hw.stm.rng import GENERATOR_LATENCY, Generator
from spynq_hw.stm.sample import Draw, Row, Weigh
from spynq_hw.stm.sequencer import SEQUENCER_LATENCY, Sequencer
from spynq_hw.stm.states import States, labels_layout
from spynq_hw.stm.table import TABLE_LATENCY, Table
from spynq_hw.stm.timeline import Timeline

__all__ = ["Weighting", "target_layout"]

# Cycles of a program word, counted from the program counter.
_PARENTS = SEQUENCER_LATENCY
"""Parent states are read."""
_ROW = _PARENTS + 1
"""They arrive; strides are needed a cycle later, base three cycles later."""
_COLUMN = _ROW + 3
"""The random word arrives; a cycle later row and table column are there."""
_ADDRESS = _COLUMN + 2
"""The table is read."""
_ENTRY = _ADDRESS + TABLE_LATENCY
"""The entry arrives: compare, add."""
_STATE = _ENTRY + 1
"""The state is written."""
_NLL = _ENTRY + 2
"""The log-likelihood is written."""
_STEP = _COLUMN - GENERATOR_LATENCY
"""The generator steps."""
_STORED = _ENTRY - 1
"""The log-likelihood is read."""
_SEEN = _COLUMN - 1
"""What a data record says of the column is there."""

LATENCY = _STATE + 1 - _PARENTS
"""Cycles from reading a state to the first cycle that reads what was drawn from it."""


_DATA = {
    "data": In(1),
    "records": In(24),
    "columns": In(9),
    "record_beats": In(stream.Signature(BEAT)),
    "loading": Out(1),
}


def target_layout() -> data.StructLayout:
    """A query target: the state column and the bin of its state 0."""
    return data.StructLayout({"column": 8, "bin": 16})


class Weighting(wiring.Component):
    """Draws chunks of 1,024 samples and hands their log-likelihoods to the back end.

    Parameters
    ----------
    config : StmConfig
        Uses ``lanes``, ``states``, ``state_bits``, ``parents``, ``program``, ``table``, ``targets``.

    Members
    -------
    start : In(1)
        One-cycle pulse while not ``busy``; begins a run.
    load, seeds, samples, program, targets, table : In
        As the registers of these names; stable during a run.
    image : In(stream.Signature(128))
        The image, if ``load``.
    groups : Out(stream.Signature(group_layout(lanes)))
        Log-likelihoods, ``1024 / lanes`` groups per chunk; a sample beyond ``samples`` is
        ``IMPOSSIBLE``.
    label_enable, label_chunk, label_column, label_slot : In
        Asks for the states of a slot of an open chunk; ``label_chunk`` is the parity of the
        chunk, 0 for the first of a run.
    labels : Out(labels_layout)
        The answer, one cycle later.
    data : In(1), records : In(24), columns : In(9), record_beats : In(stream.Signature(128))
        Only with ``counts``: chunks are those of data records, which come as bytes.
    loading : Out(1)
        Only with ``counts``: beats are still those of the image.
    target_index, target : In(8), Out(target_layout())
        Query target, one cycle later.
    release : In(1)
        Pulse: the back end needs nothing more of the oldest open chunk. At most two are open.
    busy : Out(1)
        From the cycle after ``start`` until the last group was taken.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.slots = CHUNK // config.lanes
        if self.slots < LATENCY:
            raise ValueError(
                f"a lane needs at least {LATENCY} slots per chunk, not {self.slots}; take fewer lanes"
            )
        super().__init__(
            {
                "start": In(1),
                "load": In(1),
                "seeds": In(1),
                "samples": In(31),
                "program": In(16),
                "targets": In(10),
                "table": In(18),
                "image": In(stream.Signature(BEAT)),
                "groups": Out(stream.Signature(group_layout(config.lanes))),
                "label_enable": In(1),
                "label_chunk": In(1),
                "label_column": In(8),
                "label_slot": In(range(self.slots)),
                "labels": Out(labels_layout(config)),
                "target_index": In(8),
                "target": Out(target_layout()),
                "release": In(1),
                "busy": Out(1),
                **(_DATA if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.image = image = Image(self.config)
        m.submodules.sequencer = sequencer = Sequencer(self.config)
        m.submodules.states = states = States(self.config)
        m.submodules.likelihoods = likelihoods = Likelihoods(self.config)
        connect(m, flipped(self.image), image.beats)
        connect(m, likelihoods.groups, flipped(self.groups))
        m.d.comb += [
            image.start.eq(self.start),
            image.load.eq(self.load),
            image.seeds.eq(self.seeds),
            image.program.eq(self.program),
            image.targets.eq(self.targets),
            image.table.eq(self.table),
            sequencer.write.eq(image.write & (image.section == Section.PROGRAM)),
            sequencer.index.eq(image.index),
            sequencer.word.eq(image.beat),
            sequencer.start.eq(image.ready),
            sequencer.samples.eq(self.samples),
            sequencer.program.eq(self.program),
            sequencer.release.eq(self.release),
            likelihoods.clear.eq(self.start),
            states.label_enable.eq(self.label_enable),
            states.label_bank.eq(self.label_chunk),
            states.label_column.eq(self.label_column),
            states.label_slot.eq(self.label_slot),
            self.labels.eq(states.labels),
        ]
        self._busy(m, sequencer)
        self._target_memory(m, image)

        steps = _Steps(m, sequencer)
        self._shared(m, steps, states, likelihoods)
        self._records = self._data(m, sequencer, steps) if self.config.counts else None
        if self.config.counts:
            m.d.comb += self.loading.eq(image.loading)
        for pair in range(0, self.config.lanes, 2):
            lanes = range(pair, min(pair + 2, self.config.lanes))
            m.submodules[f"table{pair}"] = table = self._table(m, image, len(lanes))
            for port, lane in enumerate(lanes):
                draw = self._draw(m, lane, steps, image, table.entry[port])
                row = self._row(m, lane, steps, states)
                address = Signal(ceil_log2(self.config.table), name=f"address{lane}", reset_less=True)
                m.d.sync += address.eq(row.row + draw.column)
                if self._records is not None:
                    self._observe(m, lane, steps, row, draw, address, states)
                weigh = self._weigh(m, lane, steps, table.entry[port])
                m.d.comb += [
                    table.address[port].eq(address),
                    states.drawn[lane].eq(draw.state),
                    weigh.stored.eq(likelihoods.stored[lane]),
                    likelihoods.nll[lane].eq(weigh.nll),
                ]
        return m

    def _data(self, m: Module, sequencer: Sequencer, steps: "_Steps") -> tuple[Timeline, Timeline]:
        """What the record of the chunk says of the column at work: whether it is seen, and its state."""
        m.submodules.records = records = Records(self.config)
        connect(m, flipped(self.record_beats), records.beats)
        m.d.comb += [
            records.start.eq(self.start),
            records.columns.eq(self.columns),
            records.begun.eq(sequencer.begun),
            records.done.eq(sequencer.done & self.data),
            records.bank.eq(steps.at("bank", _SEEN - 1)),
            records.column.eq(steps.at("column", _SEEN - 1)),
            sequencer.data.eq(self.data),
            sequencer.records.eq(self.records),
            sequencer.ready.eq(records.ready),
        ]
        seen = Signal()
        m.d.comb += seen.eq(records.seen & self.data)
        return Timeline(m, seen, _SEEN), Timeline(m, records.state, _SEEN)

    def _observe(
        self, m: Module, lane: int, steps: "_Steps", row: Row, draw: Draw, address: Signal, states: States
    ) -> None:
        """A column that is seen: its state is taken, and weighed in the upper half of the table."""
        assert self._records is not None
        seen, state = self._records
        place = Signal.like(states.places[lane], name=f"place{lane}", reset_less=True)
        with m.If(seen.at(_COLUMN + 1)):
            m.d.sync += address[-1].eq(1)
        base = Timeline(m, row.row, _COLUMN + 1).at(_STATE)
        m.d.sync += place.eq(Mux(self.data, (base + draw.state)[: len(address) - 1], draw.state))
        m.d.comb += [
            draw.seen.eq(seen.at(_COLUMN)),
            draw.observed.eq(state.at(_COLUMN)),
            states.places[lane].eq(place),
        ]

    def _busy(self, m: Module, sequencer: Sequencer) -> None:
        """Busy until everything is issued and every chunk has gone to the back end."""
        waiting, begun = Signal(), Signal()
        chunks = Signal(range(4))
        step = sequencer.step
        starts = sequencer.valid & step.push & step.last & (step.slot == 0)
        leaves = self.groups.valid & self.groups.ready & self.groups.payload.last
        m.d.comb += self.busy.eq(waiting)
        m.d.sync += chunks.eq(chunks + starts - leaves)
        with m.If(sequencer.running):
            m.d.sync += begun.eq(1)
        with m.If(begun & ~sequencer.running & (chunks == 0)):
            m.d.sync += waiting.eq(0)
        with m.If(self.start):
            m.d.sync += [waiting.eq(1), begun.eq(0), chunks.eq(0)]

    def _target_memory(self, m: Module, image: Image) -> None:
        m.submodules.target_memory = memory = Memory(
            shape=target_layout(), depth=self.config.targets, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = memory.write_port(), memory.read_port()
        m.d.comb += [
            write.en.eq(image.write & (image.section == Section.TARGETS)),
            write.addr.eq(image.index),
            read.addr.eq(self.target_index),
            self.target.eq(read.data),
        ]
        for field in TARGET.fields:
            m.d.comb += write.data[field.name.lower()].eq(image.beat[field.lsb : field.lsb + field.width])

    def _shared(self, m: Module, steps: "_Steps", states: States, likelihoods: Likelihoods) -> None:
        """Addresses, which are the same for all lanes."""
        draws = steps.at("draws", _STATE)
        m.d.comb += [
            states.slot.eq(steps.at("slot", _PARENTS)),
            states.columns.eq(steps.at("parents", _PARENTS)),
            states.write.eq(draws),
            states.write_bank.eq(steps.at("bank", _STATE)),
            states.write_slot.eq(steps.at("slot", _STATE)),
            states.write_column.eq(steps.at("column", _STATE)),
            likelihoods.read_bank.eq(steps.at("bank", _STORED)),
            likelihoods.read_slot.eq(steps.at("slot", _STORED)),
            likelihoods.fresh.eq(steps.at("fresh", _STORED)),
            likelihoods.write.eq(steps.at("ends", _NLL)),
            likelihoods.push.eq(steps.at("push", _NLL)),
            likelihoods.write_bank.eq(steps.at("bank", _NLL)),
            likelihoods.write_slot.eq(steps.at("slot", _NLL)),
        ]

    def _table(self, m: Module, image: Image, lanes: int) -> Table:
        """A table and its loader; ``beat`` holds four entries of 32 bits."""
        table = Table(self.config, lanes)
        loading = image.section == Section.TABLE
        beat = image.beat
        row = image.index << 1
        if table.per_row == 1:
            beat = beat.word_select(image.half, BEAT // 2)
            row = Cat(Const(0, 1), image.half, image.index)
        m.d.comb += [
            table.loading.eq(loading),
            table.write.eq(image.write & loading),
            table.row.eq(row),
        ]
        for place in range(2 * table.per_row):
            # The alias comes in 8 bits, of which the kernel keeps those of a state.
            m.d.comb += table.entries[place].eq(beat[32 * place : 32 * (place + 1)])
        return table

    def _row(self, m: Module, lane: int, steps: "_Steps", states: States) -> Row:
        m.submodules[f"row{lane}"] = row = Row(self.config)
        m.d.comb += [
            *(row.states[p].eq(states.states[p][lane]) for p in range(self.config.parents)),
            row.strides.eq(steps.at("strides", _ROW + 1)),
            row.first.eq(steps.at("first", _ROW + 3)),
            row.base.eq(steps.at("base", _ROW + 3)),
        ]
        return row

    def _draw(self, m: Module, lane: int, steps: "_Steps", image: Image, entry: data.View) -> Draw:
        """Generator and draw. Stream v belongs to lane v % lanes, place v // lanes of it."""
        places = STREAMS // self.config.lanes
        lane_bits = ceil_log2(self.config.lanes)
        m.submodules[f"generator{lane}"] = generator = Generator(places)
        m.submodules[f"draw{lane}"] = draw = Draw(self.config)
        seeding = image.section == Section.SEEDS
        m.d.comb += [
            generator.load.eq(image.write & seeding & (image.index[:lane_bits] == lane)),
            generator.seed.eq(image.beat),
            generator.place.eq(Mux(seeding, image.index >> lane_bits, steps.at("slot", _STEP) % places)),
            generator.step.eq(steps.at("draws", _STEP)),
            draw.word.eq(generator.word),
            draw.log2_states.eq(steps.at("log2_states", _COLUMN)),
            draw.entry.eq(entry),
        ]
        return draw

    def _weigh(self, m: Module, lane: int, steps: "_Steps", entry: data.View) -> Weigh:
        m.submodules[f"weigh{lane}"] = weigh = Weigh()
        step = {name: steps.at(name, _ENTRY + 1) for name in ("push", "whole", "part", "rest")}
        m.d.comb += [
            weigh.weigh.eq(steps.at("weigh", _ENTRY) | (self._records[0].at(_ENTRY) if self._records else 0)),
            weigh.entry.eq(entry.threshold),
            weigh.hide.eq(step["push"] & ~(step["whole"] | (step["part"] & (lane < step["rest"])))),
        ]
        return weigh


class _Steps:
    """Members of the sequencer's step in any later cycle of the pipeline."""

    def __init__(self, m: Module, sequencer: Sequencer) -> None:
        step, valid = sequencer.step, sequencer.valid
        self._times = {
            name: Timeline(m, Value.cast(step[name]), SEQUENCER_LATENCY) for name in step.shape().members
        }
        ends, draws = Signal(), Signal()
        m.d.comb += [ends.eq(valid & step.last), draws.eq(valid & step.last & ~step.weigh)]
        # What changes a memory must be false after reset.
        self._times["ends"] = Timeline(m, ends, SEQUENCER_LATENCY, reset=True)
        self._times["draws"] = Timeline(m, draws, SEQUENCER_LATENCY, reset=True)

    def at(self, name: str, cycle: int) -> ValueLike:
        """Member ``name``, or ``ends`` (last word of an operation) or ``draws`` (of a draw)."""
        return self._times[name].at(cycle)
