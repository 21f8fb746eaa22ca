"""Program memory and the loop over chunks, operations, lane slots and words."""

from amaranth import Const, Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import CHUNK, OP, StmConfig
from spynq_hw.stm.timeline import Timeline

__all__ = ["SEQUENCER_LATENCY", "Sequencer", "step_layout"]

SEQUENCER_LATENCY = 2
"""Cycles from the program counter to ``step``."""

_OPEN_CHUNKS = 2


_RECORDS = {"data": In(1), "records": In(24), "ready": In(1), "begun": Out(1), "done": Out(1)}
_RECORD_CYCLES = 16
"""Cycles after which an operation no longer looks at its record."""
_OP_FIELDS = {field.name: field for field in OP.fields}
_POSITION = ("first", "last", "push", "bank", "slot", "whole", "part", "rest")
"""Members of a step that come from the loops, not from the program word."""
_WORD = ("base", "log2_states", "weigh", "fresh", "column")
"""Members that are the same in the program word."""


def _word_layout(config: StmConfig) -> data.StructLayout:
    """The bits of a program word that this kernel needs."""
    column, address = ceil_log2(config.states), ceil_log2(config.table)
    return data.StructLayout(
        {
            "base": address,
            "log2_states": range(config.state_bits + 1),
            "weigh": 1,
            "fresh": 1,
            "column": column,
            "parents": data.ArrayLayout(column, config.parents),
            "strides": data.ArrayLayout(min(address, _OP_FIELDS["STRIDE0"].width), config.parents),
        }
    )


def step_layout(config: StmConfig) -> data.StructLayout:
    """What all lanes do in a cycle: one word of an operation, for the samples of one slot.

    ``first`` and ``last`` mark the words of an operation, ``push`` the last operation of a chunk,
    ``bank`` is the parity of the chunk. Strides are shifted by ``log2_states``. Of the lanes,
    those below ``rest`` hold a sample that exists, all do if ``whole``, and none if neither
    ``whole`` nor ``part``.
    """
    column, address = ceil_log2(config.states), ceil_log2(config.table)
    return data.StructLayout(
        {
            "first": 1,
            "last": 1,
            "push": 1,
            "bank": 1,
            "slot": range(CHUNK // config.lanes),
            "base": address,
            "log2_states": range(config.state_bits + 1),
            "weigh": 1,
            "fresh": 1,
            "column": column,
            "parents": data.ArrayLayout(column, config.parents),
            "strides": data.ArrayLayout(address, config.parents),
            "whole": 1,
            "part": 1,
            "rest": range(max(config.lanes, 2)),
        }
    )


class Sequencer(wiring.Component):
    """Issues one program word per cycle: for each chunk, operation, lane slot, word.

    It never pauses within a chunk; a chunk begins when fewer than two are open. The first word
    of an operation is the one after a last word, and the operation that ends with the program
    hands over the log-likelihoods, so no program can hang the kernel.

    Parameters
    ----------
    config : StmConfig
        Uses ``lanes``, ``states``, ``state_bits``, ``parents``, ``program`` and ``table``.

    Members
    -------
    write, index, word : In
        Load a program word (an ``OP`` beat).
    start : In(1)
        Begin with the first chunk; the program is loaded.
    samples, program : In(31), In(16)
        Samples and program words, both at least 1, stable from ``start`` on.
    release : In(1)
        The back end needs nothing more of the oldest open chunk.
    data : In(1), records : In(24), ready : In(1), begun : Out(1), done : Out(1)
        Only with ``counts``: each of ``records`` chunks of ``samples`` samples waits for its record;
        it begins; its record is not needed again.
    running : Out(1)
        Not all is issued yet.
    valid : Out(1)
        ``step`` is to be done.
    step : Out(step_layout)
        Two cycles after the program counter.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.slots = CHUNK // config.lanes
        super().__init__(
            {
                "write": In(1),
                "index": In(range(config.program)),
                "word": In(OP.width),
                "start": In(1),
                "samples": In(31),
                "program": In(16),
                "release": In(1),
                "running": Out(1),
                "valid": Out(1),
                "step": Out(step_layout(config)),
                **(_RECORDS if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        counter = Signal(range(self.config.program))
        position = Signal(data.StructLayout({f: step_layout(self.config)[f].shape for f in _POSITION}))
        valid = Signal()
        marked = Signal()
        word = Signal(_word_layout(self.config))
        self._program_memory(m, counter, marked, word)
        self._waits = self.data & ~self.ready if self.config.counts else Const(0)
        self._loops(m, counter, marked, position, valid)

        # Cycle 1: the word has left the memory; bring both parts together.
        held = Signal(position.shape(), reset_less=True)
        held_valid = Signal()
        step = Signal(self.step.shape(), reset_less=True)
        m.d.sync += [held.eq(position), held_valid.eq(valid), self.valid.eq(held_valid)]
        m.d.sync += [step[name].eq(held[name]) for name in _POSITION]
        m.d.sync += [step[name].eq(word[name]) for name in (*_WORD, "parents")]
        # (sum of stride * state) << k, with the shift done once for all lanes.
        m.d.sync += [
            step.strides[parent].eq(word.strides[parent] << word.log2_states)
            for parent in range(self.config.parents)
        ]
        m.d.comb += self.step.eq(step)
        return m

    def _program_memory(self, m: Module, counter: Signal, last: Signal, word: data.View) -> None:
        """Words, read in one cycle, and their LAST bits, read at once, since the counter needs them."""
        layout = _word_layout(self.config)
        m.submodules.words = words = Memory(shape=layout, depth=self.config.program, init=[])
        m.submodules.lasts = lasts = Memory(
            shape=1, depth=self.config.program, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = words.write_port(), words.read_port()
        write_last, read_last = lasts.write_port(), lasts.read_port(domain="comb")
        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(self.index),
            write_last.en.eq(self.write),
            write_last.addr.eq(self.index),
            write_last.data.eq(_field(self.word, "LAST")),
            read.addr.eq(counter),
            word.eq(read.data),
            read_last.addr.eq(counter),
            last.eq(read_last.data),
        ]
        for name in _WORD:
            m.d.comb += write.data[name].eq(_field(self.word, name.upper()))
        for parent in range(self.config.parents):
            m.d.comb += [
                write.data.parents[parent].eq(_field(self.word, f"PARENT{parent}")),
                write.data.strides[parent].eq(_field(self.word, f"STRIDE{parent}")),
            ]

    def _loops(self, m: Module, counter: Signal, marked: Signal, position: data.View, valid: Signal) -> None:
        """The four loops: ``position`` and ``valid`` of this cycle, and what comes next."""
        lane_bits = ceil_log2(self.config.lanes)
        operation = Signal(range(self.config.program))
        remaining = Signal(31)
        slot = Signal(range(self.slots))
        bank, begin = Signal(), Signal()
        chunks_open = Signal(range(_OPEN_CHUNKS + 1))
        following = Signal(range(self.config.program + 1))
        at_end, end_word, end_slots = Signal(), Signal(), Signal()
        groups = remaining >> lane_bits

        m.d.comb += [
            following.eq(counter + 1),
            at_end.eq(following == self.program),
            end_word.eq(marked | at_end),
            end_slots.eq(slot == self.slots - 1),
            valid.eq(self.running & ~(begin & ((chunks_open == _OPEN_CHUNKS) | self._waits))),
            position.first.eq(counter == operation),
            position.last.eq(end_word),
            position.push.eq(at_end),
            position.bank.eq(bank),
            position.slot.eq(slot),
            position.whole.eq(slot < groups),
            position.part.eq(slot == groups),
            position.rest.eq(remaining[:lane_bits]),
        ]
        m.d.sync += chunks_open.eq(chunks_open + (valid & begin) - self.release)
        with m.If(valid):
            m.d.sync += [begin.eq(0), counter.eq(following)]
            with m.If(end_word):
                m.d.sync += slot.eq(slot + 1)
                with m.If(~end_slots):
                    m.d.sync += counter.eq(operation)
                with m.Elif(~at_end):
                    m.d.sync += operation.eq(following)
                with m.Else():
                    m.d.sync += [
                        operation.eq(0),
                        counter.eq(0),
                        begin.eq(1),
                        bank.eq(~bank),
                        remaining.eq(remaining - CHUNK),
                        self.running.eq(remaining > CHUNK),
                    ]
        with m.If(self.start):
            m.d.sync += [
                operation.eq(0),
                counter.eq(0),
                slot.eq(0),
                bank.eq(0),
                begin.eq(1),
                chunks_open.eq(0),
                remaining.eq(self.samples),
                self.running.eq(1),
            ]
        if self.config.counts:
            self._data(m, remaining, valid & end_word & end_slots & at_end, valid & begin)

    def _data(self, m: Module, remaining: Signal, ends: Value, begins: Value) -> None:
        """Chunks of data records: as many as there are records, with the same number of samples each."""
        left = Signal(24)
        m.d.comb += [
            self.begun.eq(begins & self.data),
            self.done.eq(Timeline(m, ends, 0, reset=True).at(_RECORD_CYCLES)),
        ]
        with m.If(ends & self.data):
            m.d.sync += [remaining.eq(remaining), self.running.eq(left != 1), left.eq(left - 1)]
        with m.If(self.start):
            m.d.sync += left.eq(self.records)


def _field(word: Signal, name: str) -> Signal:
    """The bits of a field of an ``OP`` beat."""
    field = _OP_FIELDS[name]
    return word[field.lsb : field.lsb + field.width]
