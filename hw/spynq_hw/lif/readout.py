"""Read-outs at the end of a sample: spike counts per lane, and membranes."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif.column import PAIRS
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.neuron import State
from spynq_hw.lif.records import BEAT
from spynq_hw.lif.sizes import Sizes

__all__ = ["Counts", "Membranes"]

_PIECES = BEAT // LANES
_AT_ONCE = 4
"""Lanes that are counted in a turn of two cycles."""
_TURNS = LANES // _AT_ONCE
_COUNT = 16
"""Bits of a count."""


class Counts(wiring.Component):
    """Counts the spikes of every lane of a pixel over pixels and steps; slow, as read-outs are small.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    clear, show : In(1)
        Set all counts to 0; send them. Looked at while ``idle``.
    idle : Out(1)
        Nothing is being done.
    groups : In
        Lane groups of a pixel.
    step : In(1)
        Pulse: the next beat is the first of a step.
    spikes : In(stream.Signature(128))
        Beats of spikes, as they would go to memory.
    counts : Out(stream.Signature(128))
        Counts, eight lanes to a beat.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, sizes = config, Sizes(config)
        # Every round has up to 16 columns.
        self._bits = sizes.round + exact_log2(LANES)
        super().__init__(
            {
                "clear": In(1),
                "show": In(1),
                "idle": Out(1),
                "groups": In(self._bits + 1),
                "step": In(1),
                "spikes": In(stream.Signature(BEAT)),
                "counts": Out(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not self.config.has("counts"):
            m.d.comb += self.idle.eq(1)
            return m
        width = _AT_ONCE * _COUNT
        m.submodules.memory = memory = Memory(
            shape=width, depth=_TURNS << self._bits, init=[], attrs={"ram_style": "block"}
        )
        read, write = memory.read_port(), memory.write_port()
        beat, left = Signal(BEAT), Signal(range(_PIECES + 1))
        group, turn = Signal(self._bits), Signal(range(_TURNS))
        last_turn, last_group = turn == _TURNS - 1, group + 1 == self.groups
        spikes = beat.word_select(turn, _AT_ONCE)
        low = Signal(width)
        m.d.comb += [
            read.addr.eq(Cat(turn, group)),
            write.addr.eq(Cat(turn, group)),
            write.data.eq(
                Cat((read.data.word_select(i, _COUNT) + spikes[i])[:_COUNT] for i in range(_AT_ONCE)),
            ),
            self.counts.payload.eq(Cat(low, read.data)),
        ]

        def advance(after: str) -> None:
            """Next turn, next group; ``after`` the last of all."""
            m.d.sync += turn.eq(turn + 1)
            with m.If(last_turn):
                m.d.sync += group.eq(Mux(last_group, 0, group + 1))
                with m.If(last_group):
                    m.next = after

        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += [self.idle.eq(1), self.spikes.ready.eq(1)]
                with m.If(self.step | self.clear | self.show):
                    m.d.sync += [group.eq(0), turn.eq(0)]
                with m.If(self.clear):
                    m.next = "CLEAR"
                with m.Elif(self.show):
                    m.next = "FETCH"
                with m.Elif(self.spikes.valid):
                    m.d.sync += [beat.eq(self.spikes.payload), left.eq(_PIECES)]
                    m.next = "READ"
            with m.State("CLEAR"):
                m.d.comb += [write.en.eq(1), write.data.eq(0)]
                advance("IDLE")
            with m.State("READ"):
                m.next = "COUNT"
                with m.If(left == 0):
                    m.next = "IDLE"
            with m.State("COUNT"):
                m.d.comb += write.en.eq(1)
                m.d.sync += turn.eq(turn + 1)
                m.next = "READ"
                with m.If(last_turn):
                    m.d.sync += [
                        group.eq(Mux(last_group, 0, group + 1)),
                        beat.eq(beat >> LANES),
                        left.eq(left - 1),
                    ]
            with m.State("FETCH"):
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += [low.eq(read.data), turn.eq(turn + 1)]
                m.next = "HIGH"
            with m.State("HIGH"):
                m.next = "SHOW"
            with m.State("SHOW"):
                m.d.comb += self.counts.valid.eq(1)
                with m.If(self.counts.ready):
                    m.next = "FETCH"
                    advance("IDLE")
        return m


class Membranes(wiring.Component):
    """Sends the states of all units, lane by lane: 32-bit words of membranes, or STATE records.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    start : In(1)
        Begin; no column may be busy.
    idle : Out(1)
        Nothing is being done.
    records : In(1)
        STATE records in place of membranes.
    layer : In(Layer)
        What the units are.
    dump : Out(1), unit, pair : Out
        The pair of neurons that all columns show.
    states : In(ArrayLayout(ArrayLayout(State, 2), columns))
        What they show, one cycle later.
    words : Out(stream.Signature(128))
        Four words to a beat.
    """

    def __init__(self, config: LifConfig) -> None:
        self.config, self.sizes = config, Sizes(config)
        pair = data.ArrayLayout(State, 2)
        super().__init__(
            {
                "start": In(1),
                "idle": Out(1),
                "records": In(1),
                "layer": In(Layer),
                "dump": Out(1),
                "unit": Out(self.sizes.unit),
                "pair": Out(range(PAIRS)),
                "states": In(data.ArrayLayout(pair, config.columns)),
                "words": Out(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        if not any(map(self.config.has, ("membrane", "state", "sums"))):
            m.d.comb += self.idle.eq(1)
            return m
        plan = self.layer.plan
        unit, pair, column = Signal(self.sizes.unit), Signal(range(PAIRS)), Signal(range(self.config.columns))
        # Lane groups that are still to come.
        left = Signal(24)
        low, shown = Signal(BEAT // 2), Signal(data.ArrayLayout(State, 2))
        m.d.comb += [
            self.unit.eq(unit),
            self.pair.eq(pair),
            shown.eq(Array(self.states[i] for i in range(self.config.columns))[column]),
            self.words.payload.eq(Cat(low, self._words(shown))),
        ]
        with m.FSM() as machine:
            with m.State("IDLE"):
                m.d.comb += self.idle.eq(1)
                m.d.sync += [unit.eq(0), pair.eq(0), column.eq(0), left.eq(plan.units << plan.log2_h)]
                with m.If(self.start):
                    m.next = "FETCH"
            with m.State("FETCH"):
                m.next = "LOW"
            with m.State("LOW"):
                m.d.sync += [low.eq(self._words(shown)), pair.eq(pair + 1)]
                m.next = "HIGH"
            with m.State("HIGH"):
                m.next = "SHOW"
            with m.State("SHOW"):
                m.d.comb += self.words.valid.eq(1)
                with m.If(self.words.ready):
                    m.next = "FETCH"
                    m.d.sync += pair.eq(pair + 1)
                    with m.If(pair == PAIRS - 1):
                        m.d.sync += [left.eq(left - 1), column.eq(column + 1)]
                        with m.If(column == self.config.columns - 1):
                            m.d.sync += [column.eq(0), unit.eq(unit + 1)]
                        with m.If(left == 1):
                            m.next = "IDLE"
            m.d.comb += self.dump.eq(~machine.ongoing("IDLE"))
        return m

    def _words(self, shown: data.View) -> Value:
        """Two words."""
        words = []
        for half in range(2):
            state = shown[half]
            sign = state.v[-1].replicate(8)
            words.append(Cat(state.v, Mux(self.records, Cat(state.r, Const(0, 6)), sign)))
        return Cat(words)
