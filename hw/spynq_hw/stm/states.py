"""State columns of the samples in flight, and the copy that the back end counts from."""

from amaranth import Cat, Module
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.stm.params import CHUNK, StmConfig
from spynq_hw.stm.timeline import Timeline

__all__ = ["States", "labels_layout", "states_layout"]


def states_layout(config: StmConfig) -> data.ArrayLayout:
    """One state per lane."""
    return data.ArrayLayout(config.state_bits, config.lanes)


def labels_layout(config: StmConfig) -> data.ArrayLayout:
    """What the back end reads per lane: a state, or with ``counts`` the place of a table entry."""
    place = ceil_log2(config.table // 2) if config.counts else 0
    return data.ArrayLayout(max(config.state_bits, place), config.lanes)


class States(wiring.Component):
    """State memory of all lanes, which share every address since they run in lock-step.

    Every draw is written to all copies: one copy per parent port, so that each port reads a
    column of its own, and one of two banks for the back end, which counts the last chunk while
    the next one is drawn.

    Parameters
    ----------
    config : StmConfig
        Uses ``lanes``, ``states``, ``state_bits`` and ``parents``.

    Members
    -------
    slot, columns : In(range(slots)), In(ArrayLayout(log2 states, parents))
        What to read: per parent port a column, of the samples in ``slot``.
    states : Out(ArrayLayout(states_layout, parents))
        The states, one cycle later.
    write, write_bank, write_column, write_slot, drawn : In
        States of a draw.
    label_enable, label_bank, label_column, label_slot : In
        What the back end reads.
    labels : Out(labels_layout)
        The states, one cycle later; held while not enabled.
    places : In(labels_layout)
        Only with ``counts``: what the back end reads instead, one cycle after ``drawn``.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.slots = CHUNK // config.lanes
        lane_states = states_layout(config)
        column = ceil_log2(config.states)
        super().__init__(
            {
                "slot": In(range(self.slots)),
                "columns": In(data.ArrayLayout(column, config.parents)),
                "states": Out(data.ArrayLayout(lane_states, config.parents)),
                "write": In(1),
                "write_bank": In(1),
                "write_column": In(column),
                "write_slot": In(range(self.slots)),
                "drawn": In(lane_states),
                "label_enable": In(1),
                "label_bank": In(1),
                "label_column": In(column),
                "label_slot": In(range(self.slots)),
                "labels": Out(labels_layout(config)),
                **({"places": In(labels_layout(config))} if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        depth = self.config.states * self.slots
        width = states_layout(self.config).size
        style = {"ram_style": "block"}
        place = Cat(self.write_slot, self.write_column)

        for parent in range(self.config.parents):
            memory = Memory(shape=width, depth=depth, init=[], attrs=style)
            m.submodules[f"parent{parent}"] = memory
            write, read = memory.write_port(), memory.read_port()
            m.d.comb += [
                write.en.eq(self.write),
                write.addr.eq(place),
                write.data.eq(Cat(self.drawn)),
                read.addr.eq(Cat(self.slot, self.columns[parent])),
                self.states[parent].eq(read.data),
            ]

        wide = labels_layout(self.config).size
        m.submodules.label = memory = Memory(shape=wide, depth=2 * depth, init=[], attrs=style)
        write, read = memory.write_port(), memory.read_port()
        late = int(bool(self.config.counts))
        m.d.comb += [
            write.en.eq(Timeline(m, self.write, 0, reset=True).at(late)),
            write.addr.eq(Timeline(m, Cat(place, self.write_bank), 0).at(late)),
            write.data.eq(Cat(self.places if late else self.drawn)),
            read.en.eq(self.label_enable),
            read.addr.eq(Cat(self.label_slot, self.label_column, self.label_bank)),
            self.labels.eq(read.data),
        ]
        return m
