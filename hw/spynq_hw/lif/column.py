"""A column: weights, adders and neurons of 16 output channels."""

from typing import Any

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2, exact_log2

from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif import neuron
from spynq_hw.lif.addend import QUARTERS, addend_word
from spynq_hw.lif.adders import Adders, Control
from spynq_hw.lif.delays import Words4
from spynq_hw.lif.neuron import Channel, Neuron, Rule, State, later
from spynq_hw.lif.sizes import BEAT, OUTPUTS, Sizes
from spynq_hw.lif.values import ValueRule, Values

__all__ = ["PAIRS", "Column", "load_word", "neuron_control", "restore_word"]

PAIRS = LANES // 2
"""Turns in which the two neurons of a column serve its channels."""
_PAIR_BITS = exact_log2(PAIRS)
_WAITING = 4
"""Units whose words from memory may wait in a column."""


def load_word(sizes: Sizes) -> data.StructLayout:
    """A word on its way into the columns: weights of a tap, or the parameters of a channel (Channel).

    The address of a channel is its lane, and above it the place of its round among the records.
    """
    address = max(sizes.tap, exact_log2(LANES) + sizes.record)
    width = max(BEAT, Channel.size)
    return data.StructLayout({"weights": 1, "channel": 1, "address": address, "data": width})


def restore_word(sizes: Sizes) -> data.StructLayout:
    """States of a pair of channels on their way into the columns, from a chunk before."""
    return data.StructLayout(
        {"valid": 1, "unit": sizes.unit, "pair": _PAIR_BITS, "states": data.ArrayLayout(State, 2)}
    )


def neuron_control(sizes: Sizes) -> data.StructLayout:
    """What a column does with its sums: see :class:`Column`."""
    return data.StructLayout(
        {
            "capture": 1,
            "take": 1,
            "pair": _PAIR_BITS,
            "unit": sizes.unit,
            "record": sizes.record,
            "fresh": 1,
            "again": 1,
            "place": sizes.kept,
            "active": 1,
            "last": 1,
            "slot": range(OUTPUTS),
        }
    )


class Column(wiring.Component):
    """Gathers weights into 16 sums, and turns sums into spikes, two channels per cycle.

    Golden steps: accumulate to saturate. Sums are complete three cycles after the taps of their last
    spikes; ``neurons.capture`` keeps them in that cycle, and ``neurons.take`` hands them to the neurons when
    these are done with the unit before: a unit of many spikes so makes up for one of few. From then on pairs
    of channels are updated; the spikes of a unit can be read 9 cycles after its last pair was named.

    Parameters
    ----------
    config : LifConfig
        Build parameters.
    helped : bool
        Whether another column may add to its sums.

    Members
    -------
    taps : In(ArrayLayout(tap, 2)), control : In(Control)
        Weights to add.
    load : In(load_word), mine : In(1)
        A word to store if it is this column's. Its bank must not be read from in this cycle.
    restore : In(restore_word), owner : In(1)
        States to store if this column owns them; no neuron may be updated meanwhile.
    rule : In(Rule)
        The layer's neurons.
    neurons : In(neuron_control)
        ``pair`` of ``unit``, whose parameters lie at ``record``, is updated if ``active``, in the first step
        of a sample if ``fresh``; with ``last`` the spikes of the unit go to output ``slot``. Its sums are
        kept in ``place``, and taken from there if ``again``.
    read : In(slot and unit), spikes : Out(16)
        Output memory, one cycle later.
    sums : Out(ArrayLayout(signed(24), 2)), more : In(ArrayLayout(signed(24), 2)), helps : In(1)
        Sums of the pair that is updated, and those of another column that ``helps``.
    state : Out(ArrayLayout(State, 2))
        Of the pair named, one cycle later.
    start : In(1), adds : In(1)
        A layer begins; words from memory add to its sums.
    word : In(addend_word), owns : In(1)
        Words, and whether they are this column's; those of up to four units wait.
    full : Out(1), arrived : Out(1)
        No words of a further unit, please; pulse: all those of a unit are there.
    value : In(ValueRule)
        Values in place of spikes.
    saturated : Out(3)
        Membranes and values that were clipped.
    """

    def __init__(self, config: LifConfig, helped: bool = True) -> None:
        self.config, self.sizes, self.helped = config, Sizes(config), helped
        sizes = self.sizes
        super().__init__(
            {
                "taps": In(data.ArrayLayout(sizes.tap, 2)),
                "control": In(Control),
                "load": In(load_word(sizes)),
                "mine": In(1),
                "restore": In(restore_word(sizes)),
                "owner": In(1),
                "rule": In(Rule),
                "neurons": In(neuron_control(sizes)),
                "read": In(sizes.output),
                "spikes": Out(LANES),
                "sums": Out(data.ArrayLayout(signed(24), 2)),
                "more": In(data.ArrayLayout(signed(24), 2)),
                "helps": In(1),
                "state": Out(data.ArrayLayout(State, 2)),
                "start": In(1),
                "adds": In(1),
                "word": In(addend_word),
                "owns": In(1),
                "full": Out(1),
                "arrived": Out(1),
                "value": In(ValueRule),
                "saturated": Out(range(5)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.adders = adders = Adders(LANES, self.config.dsp)
        self._weights(m, adders)
        taken = Signal.like(self.control)
        m.d.sync += taken.eq(self.control)
        m.d.comb += adders.control.eq(taken)
        waiting, sums = (Signal.like(adders.sums, name=n, reset_less=True) for n in ("waiting", "sums"))
        with m.If(self.neurons.capture):
            m.d.sync += waiting.eq(adders.sums)
        with m.If(self.neurons.take):
            m.d.sync += sums.eq(waiting)
        self._update(m, sums)
        return m

    def _weights(self, m: Module, adders: Adders) -> None:
        """Banks with two ports; the first port is lent to the loader."""
        depth = self.config.weights // self.config.banks
        bits = exact_log2(depth)
        found: list[list[Value]] = [[], []]
        banks = [Signal(ceil_log2(self.config.banks), name=f"bank{i}") for i in range(2)]
        for number in range(self.config.banks):
            memory = Memory(shape=BEAT, depth=depth, init=[], attrs={"ram_style": "ultra"})
            m.submodules[f"weights{number}"] = memory
            write, first, second = memory.write_port(), memory.read_port(), memory.read_port()
            address = Signal(bits, name=f"address{number}")
            stores = self.load.weights & self.mine & (self.load.address[bits : self.sizes.tap] == number)
            m.d.comb += [
                write.en.eq(stores),
                address.eq(Mux(stores, self.load.address, self.taps[0])),
                write.addr.eq(address),
                first.addr.eq(address),
                write.data.eq(self.load.data),
                # The port does one thing at a time, as that of an UltraRAM.
                first.en.eq(~stores),
                second.addr.eq(self.taps[1]),
            ]
            found[0].append(first.data)
            found[1].append(second.data)
        for i in range(2):
            m.d.sync += banks[i].eq(self.taps[i][bits:])
            m.d.comb += adders.weights[i].as_value().eq(Array(found[i])[banks[i]])

    def _update(self, m: Module, sums: data.View) -> None:
        sizes, order = self.sizes, self.neurons
        now = Signal.like(order)
        m.d.sync += now.eq(order)
        done = later(m, now, neuron.LATENCY)
        ends = later(m, done, 1)
        spikes = Signal(LANES, reset_less=True)
        fired: list[Value] = []
        lanes = [Neuron(self.config) for _ in range(2)]
        # One membrane pair is two records side by side.
        states = Memory(shape=data.ArrayLayout(State, 2), depth=PAIRS << sizes.unit, init=[])
        outputs = Memory(shape=LANES, depth=1 << sizes.output, init=[])
        m.submodules.states, m.submodules.outputs = states, outputs
        read, write = states.read_port(), states.write_port()
        place = Signal(_PAIR_BITS + sizes.unit)
        out, see = outputs.write_port(), outputs.read_port()
        m.d.comb += [
            place.eq(Cat(order.pair, order.unit)),
            read.addr.eq(place),
            self.state.eq(read.data),
            write.addr.eq(Cat(done.pair, done.unit)),
            write.en.eq(done.active),
            see.addr.eq(self.read),
            self.spikes.eq(see.data),
        ]
        if self.config.has("state"):
            self._restore(m, place, read, states.write_port())
        total = self._totals(m, now, sums)
        words = self._words(m, now)
        for half, lane in enumerate(lanes):
            m.submodules[f"neuron{half}"] = lane
            m.d.comb += [
                lane.rule.eq(self.rule),
                lane.sum.eq(total[half]),
                lane.kept.eq(self._kept[half]),
                lane.again.eq(now.again),
                lane.word.eq(words[half]),
                lane.state.eq(read.data[half]),
                lane.fresh.eq(now.fresh),
                lane.channel.eq(self._channel(m, half)),
                write.data[half].eq(lane.next),
            ]
            fired.append(lane.spike)
        for pair in range(PAIRS):
            with m.If(done.active & (done.pair == pair)):
                m.d.sync += spikes[2 * pair :][:2].eq(Cat(fired))
            with m.Elif(done.active & (done.pair < pair)):
                m.d.sync += spikes[2 * pair :][:2].eq(0)
        m.d.comb += [
            out.addr.eq(Cat(ends.unit, ends.slot)),
            out.data.eq(spikes),
            out.en.eq(ends.active & ends.last & ~self.value.on),
        ]
        clipped = [later(m, lane.saturated & done.active, 1) for lane in lanes]
        if self.config.has("value"):
            clipped += self._values(m, out, done, lanes)
        m.d.comb += self.saturated.eq(sum(clipped))

    def _restore(self, m: Module, place: Signal, read: Any, write: Any) -> None:
        """States come back through the port that reads, which has nothing else to do meanwhile."""
        restores = Signal()
        m.d.comb += [
            restores.eq(self.restore.valid & self.owner),
            read.en.eq(~restores),
            write.addr.eq(place),
            write.data.eq(self.restore.states),
            write.en.eq(restores),
        ]
        with m.If(restores):
            m.d.comb += place.eq(Cat(self.restore.pair, self.restore.unit))

    def _values(self, m: Module, out: Any, done: data.View, lanes: list[Neuron]) -> list[Value]:
        """Planes of values take the place of spikes; gives what was clipped."""
        m.submodules.values = values = Values()
        ends, unit, slot = later(m, done, 3), Signal(self.sizes.unit), Signal(range(OUTPUTS))
        with m.If(ends.active & ends.last):
            m.d.sync += [unit.eq(ends.unit), slot.eq(ends.slot)]
        m.d.comb += [
            values.rule.eq(self.value),
            values.valid.eq(later(m, done.active, 1)),
            values.pair.eq(later(m, done.pair, 1)),
            values.last.eq(later(m, done.last, 1)),
            *(values.u[half].eq(later(m, lane.u, 1)) for half, lane in enumerate(lanes)),
            *(values.v[half].eq(later(m, lane.next.v, 1)) for half, lane in enumerate(lanes)),
        ]
        with m.If(values.write):
            m.d.comb += [
                out.addr.eq(Cat(unit, slot | values.plane)),
                out.data.eq(values.bits),
                out.en.eq(1),
            ]
        return list(values.clipped)

    def _words(self, m: Module, now: data.View) -> list[Value]:
        """Words for the pair that is updated: first in, first out, a unit at a time."""
        if not self.config.has("words"):
            return [Const(0, signed(24))] * 2
        order = self.neurons
        memory = Memory(shape=Words4, depth=_WAITING * QUARTERS, init=[], attrs={"ram_style": "distributed"})
        m.submodules.words = memory
        write, read = memory.write_port(), memory.read_port()
        into, out, waiting = Signal(range(_WAITING)), Signal(range(_WAITING)), Signal(range(_WAITING + 1))
        comes, goes = Signal(), Signal()
        m.d.comb += [
            comes.eq(self.word.valid & self.owns),
            write.addr.eq(Cat(self.word.quarter, into)),
            write.data.eq(self.word.words),
            write.en.eq(comes),
            self.arrived.eq(comes & (self.word.quarter == QUARTERS - 1)),
            goes.eq(order.active & order.last & self.adds),
            read.addr.eq(Cat(order.pair[1:], out)),
            # The last group may be on its way still.
            self.full.eq(waiting >= _WAITING - 1),
        ]
        m.d.sync += [
            into.eq(into + self.arrived),
            out.eq(out + goes),
            waiting.eq(waiting + self.arrived - goes),
        ]
        with m.If(self.start):
            m.d.sync += [into.eq(0), out.eq(0), waiting.eq(0)]
        return [
            Mux(self.adds, Mux(now.pair[0], read.data[2 + half], read.data[half]), 0).as_signed()
            for half in range(2)
        ]

    def _totals(self, m: Module, now: data.View, sums: data.View) -> data.View:
        """Sums of the pair that is updated; they are kept, for steps of an input that stays the same."""
        pair = data.ArrayLayout(signed(25), 2)
        total, help_ = Signal(pair), Signal(data.ArrayLayout(signed(24), 2))
        for half in range(2):
            m.d.comb += [
                self.sums[half].eq(Array(sums[2 * p + half] for p in range(PAIRS))[now.pair]),
                help_[half].eq(Mux(self.helps, self.more[half], 0) if self.helped else 0),
                total[half].eq(self.sums[half] + help_[half]),
            ]
        self._kept = Signal(pair)
        if not self.config.has("static"):
            return total
        memory = Memory(shape=pair, depth=1 << self.sizes.kept, init=[], attrs={"ram_style": "block"})
        m.submodules.kept = memory
        read, keeps = memory.read_port(), memory.write_port()
        m.d.comb += [
            self._kept.eq(read.data),
            read.addr.eq(self.neurons.place),
            keeps.addr.eq(now.place),
            keeps.data.eq(total),
            keeps.en.eq(now.active & ~now.again),
        ]
        return total

    def _channel(self, m: Module, half: int) -> Value:
        """Parameters of the pair named in the cycle before."""
        order, sizes = self.neurons, self.sizes
        memory = Memory(shape=Channel, depth=PAIRS << sizes.record, init=[], attrs={"ram_style": "block"})
        m.submodules[f"channels{half}"] = memory
        read, write = memory.read_port(), memory.write_port()
        m.d.comb += [
            read.addr.eq(Cat(order.pair, order.record)),
            write.addr.eq(self.load.address[1 : 1 + _PAIR_BITS + sizes.record]),
            write.en.eq(self.load.channel & self.mine & (self.load.address[0] == half)),
            write.data.as_value().eq(self.load.data),
        ]
        return read.data
