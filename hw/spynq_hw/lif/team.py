"""Columns that always follow the same stream, and the control of their neurons."""

from amaranth import Array, Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq.lif.params import LANES, LifConfig
from spynq_hw.lif import neuron
from spynq_hw.lif.addend import addend_word
from spynq_hw.lif.column import PAIRS, Column, load_word, neuron_control, restore_word
from spynq_hw.lif.neuron import Rule, State, later
from spynq_hw.lif.records import drive
from spynq_hw.lif.sizes import OUTPUTS, Sizes
from spynq_hw.lif.stream import order
from spynq_hw.lif.values import WRITTEN as values_written
from spynq_hw.lif.values import ValueRule

__all__ = ["Team"]

_SUMS = 3
"""Cycles from the last spikes of a unit to its sums."""
_WRITTEN = neuron.LATENCY + 2
"""Cycles from the last pair of a unit to that in which its spikes go into the output memory."""


class Team(wiring.Component):
    """Follows the orders of one stream.

    Parameters
    ----------
    config : LifConfig
        Build parameters.
    helped : bool
        As in :class:`~spynq_hw.lif.column.Column`.

    Members
    -------
    start : In(1)
        A layer begins.
    order : In(order)
        What to do in this cycle.
    rule, lif_cycles, load, mine, restore, owner : In
        As in :class:`~spynq_hw.lif.column.Column`; a bit of ``mine`` and ``owner`` per column.
    record : In
        Place of the layer's first round among the channel records.
    dump : In(1), dump_unit, dump_pair : In
        Show a state instead; only while there are no orders.
    quiet : In(1)
        Only help: nothing that neurons do counts.
    adds, sums_only : In(1), value : In(ValueRule)
        Words from memory add to the sums; neurons are but sums, with no memory; values in place of spikes.
    word : In(addend_word), owns : In, full : Out, arrived : Out(1)
        As in the column, a bit per column; of the last column.
    read : In, spikes, sums, state : Out, more, helps : In
        As in the column, per column; all are helped at once.
    drained : In(1), wanted : In(unit), written : Out(1)
        Pulse: the output of one more step has been read; and of the oldest one that has not, whether the
        spikes of a unit are in the output memory.
    saturated : Out
        Membranes clipped in this cycle.
    """

    def __init__(self, config: LifConfig, helped: bool = True) -> None:
        self.config, self.sizes = config, Sizes(config)
        sizes, tied = self.sizes, self.sizes.tied
        self.columns = [Column(config, helped) for _ in range(tied)]
        super().__init__(
            {
                "start": In(1),
                "order": In(order(sizes)),
                "rule": In(Rule),
                "lif_cycles": In(4),
                "record": In(sizes.record),
                "load": In(load_word(sizes)),
                "mine": In(tied),
                "restore": In(restore_word(sizes)),
                "owner": In(tied),
                "dump": In(1),
                "dump_unit": In(sizes.unit),
                "dump_pair": In(range(PAIRS)),
                "quiet": In(1),
                "adds": In(1),
                "sums_only": In(1),
                "value": In(ValueRule),
                "word": In(addend_word),
                "owns": In(tied),
                "full": Out(tied),
                "arrived": Out(1),
                "sums": Out(data.ArrayLayout(data.ArrayLayout(signed(24), 2), tied)),
                "more": In(data.ArrayLayout(data.ArrayLayout(signed(24), 2), tied)),
                "helps": In(1),
                "read": In(sizes.output),
                "spikes": Out(data.ArrayLayout(LANES, tied)),
                "state": Out(data.ArrayLayout(data.ArrayLayout(State, 2), tied)),
                "drained": In(1),
                "wanted": In(sizes.unit),
                "written": Out(1),
                "saturated": Out(range(4 * tied + 1)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        control = Signal(neuron_control(self.sizes))
        for number, column in enumerate(self.columns):
            m.submodules[f"column{number}"] = column
            m.d.comb += [
                column.taps.eq(self.order.taps),
                column.control.eq(self.order.control),
                column.load.eq(self.load),
                column.mine.eq(self.mine[number]),
                column.restore.eq(self.restore),
                column.owner.eq(self.owner[number]),
                column.rule.eq(self.rule),
                column.neurons.eq(control),
                column.read.eq(self.read),
                self.spikes[number].eq(column.spikes),
                self.sums[number].eq(column.sums),
                column.more.eq(self.more[number]),
                column.helps.eq(self.helps),
                self.state[number].eq(column.state),
                column.start.eq(self.start),
                column.adds.eq(self.adds & ~self.quiet),
                column.value.eq(self.value),
                column.word.eq(self.word),
                column.owns.eq(self.owns[number]),
                self.full[number].eq(column.full),
            ]
        m.d.comb += self.arrived.eq(self.columns[-1].arrived)
        self._control(m, control)
        clipped = sum(column.saturated for column in self.columns)
        m.d.sync += self.saturated.eq(Mux(self.quiet, 0, clipped))
        return m

    def _control(self, m: Module, control: data.View) -> None:
        """Pairs of a unit one after the other, when its sums are complete and the unit before is done."""
        ready = later(m, self.order.last, _SUMS - 1)
        names = ("unit", "round", "begins", "again", "slot", "early", "final")
        known = {name: later(m, self.order[name], _SUMS - 1) for name in names}
        # What is known of the unit that waits for its turn, and of the one that has it.
        waits, running, pair = Signal(), Signal(), Signal(range(PAIRS))
        waiting, held = (
            {name: Signal.like(value, name=f"{state}_{name}") for name, value in known.items()}
            for state in ("waiting", "held")
        )
        last, begins = Signal(), Signal()
        m.d.comb += [
            last.eq(pair == self.lif_cycles - 1),
            begins.eq(waits & (~running | last)),
        ]
        drive(
            m,
            control,
            capture=later(m, ready, 1),
            take=running & (pair == 0),
            pair=Mux(self.dump, self.dump_pair, pair),
            unit=Mux(self.dump, self.dump_unit, held["unit"]),
            record=(self.record + held["round"])[: self.sizes.record],
            fresh=held["begins"] | self.sums_only,
            again=held["again"],
            place=self._place(held["unit"], pair),
            active=running,
            last=last,
            slot=held["slot"],
        )
        m.d.sync += [waits.eq(ready | (waits & ~begins)), running.eq(begins | (running & ~last))]
        m.d.sync += pair.eq(Mux(begins, 0, pair + 1))
        with m.If(begins):
            m.d.sync += [held[name].eq(waiting[name]) for name in names]
        with m.If(ready):
            m.d.sync += [waiting[name].eq(known[name]) for name in names]
        # Whole steps that wait, and units of the step behind them; of one that begins early only its end.
        waiting, units = Signal(range(OUTPUTS + 1)), Signal(self.sizes.unit + 1)
        # What a unit writes is told as it goes: meanwhile another layer may begin.
        ends = running & last
        paths = [(ends & ~self.value.on, _WRITTEN), (ends & self.value.on, _WRITTEN + values_written)]
        wrote, ended = (
            Cat(later(m, end & flag, cycles) for end, cycles in paths).any()
            for flag in (~held["early"], held["final"])
        )
        m.d.comb += self.written.eq((waiting != 0) | (units > self.wanted))
        m.d.sync += [
            waiting.eq(waiting + ended - self.drained),
            units.eq(Mux(ended, 0, units + wrote)),
        ]
        with m.If(self.start):
            m.d.sync += [waiting.eq(0), units.eq(0)]

    def _place(self, unit: Value, pair: Value) -> Value:
        """Where a pair's sums are kept: pairs of a unit side by side, with no more bits than they need."""
        bits = Array(ceil_log2(max(cycles, 1)) for cycles in range(PAIRS + 1))[self.lif_cycles]
        return Array(Cat(pair[:n], unit)[: self.sizes.kept] for n in range(ceil_log2(PAIRS) + 1))[bits]
