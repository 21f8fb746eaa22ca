"""The LIF convolution engine: everything between the registers and the memory port."""

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import connect
from amaranth.utils import exact_log2

from spynq.lif.codes import Output
from spynq.lif.params import KERNEL, LifConfig
from spynq_hw.core import core_signature
from spynq_hw.lif.addend import Addend, addend_word
from spynq_hw.lif.column import load_word, restore_word
from spynq_hw.lif.drain import COMPLETE, Drain
from spynq_hw.lif.fence import Fence
from spynq_hw.lif.fetch import Fetch
from spynq_hw.lif.maps import Maps
from spynq_hw.lif.neuron import constants
from spynq_hw.lif.pack import ONES
from spynq_hw.lif.prepare import Found, Prepare
from spynq_hw.lif.records import CHANNEL_LAYOUT, drive
from spynq_hw.lif.restore import Restore
from spynq_hw.lif.sequencer import Sequencer
from spynq_hw.lif.setup import Setup
from spynq_hw.lif.sizes import BEAT, Sizes
from spynq_hw.lif.stream import Stream
from spynq_hw.lif.tally import COUNTED, COUNTS, Tally
from spynq_hw.lif.team import Team
from spynq_hw.lif.values import ValueRule
from spynq_hw.lif.weights import Weights

__all__ = ["Lif"]

_READERS = ("restore", "maps", "addend", "prepare", "weights")
"""Who reads memory, the most urgent one first."""
_TO_TALLY = 1
"""Cycles from what is counted to the tally."""
_LAG = ONES + _TO_TALLY + COUNTED - COMPLETE
"""Cycles from the end of a layer to counters that have its last spikes: nothing else is counted so late."""
_PATIENCE = 7
"""Cycles that a weight on its way into a column gives way to weights that are read."""


class Lif(wiring.Component):
    """Runs lists of descriptors; golden model: :class:`spynq.lif.golden.LifModel`.

    Parameters
    ----------
    config : LifConfig
        Build parameters.

    Members
    -------
    As :func:`~spynq_hw.core.core_signature` makes them.
    """

    def __init__(self, config: LifConfig) -> None:
        depth = config.weights // config.banks
        if depth & (depth - 1):
            raise ValueError(f"a bank holds a power of two of taps, not {depth} = weights / banks")
        self.config, self.sizes, self.kernel = config, Sizes(config), KERNEL
        super().__init__(core_signature(self.kernel))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, sizes = self.config, self.sizes
        m.submodules.sequencer = self._sequencer = Sequencer(_LAG)
        m.submodules.setup = self._setup = Setup(config)
        m.submodules.fetch = self._fetch = Fetch(len(_READERS))
        m.submodules.maps = self._maps = Maps(config)
        m.submodules.restore = self._restore = Restore(config)
        m.submodules.addend = self._addend = Addend(config)
        m.submodules.prepare = self._prepare = Prepare(config)
        m.submodules.weights = self._weights = Weights(config)
        m.submodules.drain = self._drain = Drain(config)
        m.submodules.tally = self._tally = Tally(
            {
                "events": 2 * sizes.streams,
                "spikes_in": BEAT,
                "spikes_out": BEAT,
                "saturated": 4 * config.columns,
            }
        )
        self._streams = [Stream(config) for _ in range(sizes.streams)]
        # The first half of the columns may be helped by the second one.
        self._teams = [Team(config, number < sizes.streams // 2) for number in range(sizes.streams)]
        for number, (stream, team) in enumerate(zip(self._streams, self._teams, strict=True)):
            m.submodules[f"stream{number}"], m.submodules[f"team{number}"] = stream, team
        self._read(m)
        self._write(m)
        self._run(m)
        self._load(m)
        self._feed(m)
        self._count(m)
        return m

    def _read(self, m: Module) -> None:
        fetch = self._fetch
        connect(m, fetch.read, wiring.flipped(self.gmem_read))
        connect(m, wiring.flipped(self.gmem_data), fetch.data)
        m.d.comb += fetch.base.eq(Cat(self.registers.base_lo, self.registers.base_hi))
        # A word of the columns' bus at a time.
        free = {"prepare": ~self._weights.waits}
        for number, name in enumerate(_READERS):
            reader, words = getattr(self, f"_{name}"), fetch.words[number]
            connect(m, reader.request, fetch.requests[number])
            goes = free.get(name, 1)
            m.d.comb += [
                reader.words.valid.eq(words.valid & goes),
                reader.words.payload.eq(words.payload),
                words.ready.eq(reader.words.ready & goes),
            ]

    def _write(self, m: Module) -> None:
        """Spikes while a layer runs, and the record of the one before."""
        drain, sequencer = self._drain, self._sequencer
        request = self.gmem_write
        chosen = Mux(sequencer.holds, sequencer.request.payload, drain.request.payload)
        run = Signal.like(drain.request.payload)
        m.d.comb += [
            run.eq(chosen),
            request.valid.eq(Mux(sequencer.holds, sequencer.request.valid, drain.request.valid)),
            request.payload.address.eq(self._fetch.base + (run.address << 4)),
            request.payload.beats.eq(run.beats),
            # Beats go out in the order of requests, so nothing is asked for before a record is handed over.
            drain.request.ready.eq(request.ready & ~sequencer.holds),
            sequencer.request.ready.eq(request.ready),
            self.gmem_store.valid.eq(drain.store.valid | sequencer.store_valid),
            self.gmem_store.payload.eq(
                Mux(sequencer.store_valid, self._tally.record, drain.store.payload),
            ),
            drain.store.ready.eq(self.gmem_store.ready),
            sequencer.store_ready.eq(self.gmem_store.ready),
            sequencer.settled.eq(self.gmem_idle),
        ]
        m.submodules.fence = fence = Fence()
        # Spikes go out step by step; results and states at the end of a sample may lie anywhere.
        ascending = ~drain.hold & ~sequencer.holds
        m.d.comb += [
            fence.clear.eq(sequencer.unsettled & self.gmem_idle),
            fence.asked.eq(drain.request.valid & request.ready & ascending),
            fence.address.eq(drain.request.payload.address),
            fence.fenced.eq(self.gmem_fenced),
            self.gmem_fence.eq(fence.fence & ascending),
            self._maps.settled.eq(~sequencer.unsettled),
            self._maps.below.eq(fence.below),
        ]

    def _run(self, m: Module) -> None:
        sequencer, prepare, weights, setup = self._sequencer, self._prepare, self._weights, self._setup
        registers = self.registers
        m.d.comb += [
            sequencer.start.eq(self.start),
            sequencer.refuse.eq((registers.limit == 0) | registers.base_lo[:4].any()),
            sequencer.records.eq(registers.records),
            sequencer.count.eq(registers.mode[0]),
            self.done.eq(sequencer.done),
            self.refused.eq(sequencer.refused),
            self.flags.eq(sequencer.flags),
            registers.executed.eq(sequencer.executed),
            prepare.start.eq(sequencer.begin),
            prepare.first.eq(registers.list),
            prepare.limit.eq(registers.limit),
            prepare.taken.eq(sequencer.taken),
            sequencer.found.eq(prepare.found),
            sequencer.found_layer.eq(prepare.layer),
            # A layer is worked out while the one before runs.
            sequencer.found_valid.eq(prepare.valid & (setup.done | (prepare.found != Found.LAYER))),
            weights.start.eq(sequencer.begin),
            weights.first.eq(registers.list),
            weights.quit.eq(sequencer.quit),
            sequencer.idle.eq(weights.idle),
            sequencer.present.eq(weights.present),
            weights.begun.eq(sequencer.begun),
            weights.ended.eq(sequencer.ended),
            setup.next.eq(prepare.layer),
            setup.valid.eq(prepare.known),
            setup.load.eq(sequencer.taken),
            setup.layer.eq(sequencer.layer),
            sequencer.complete.eq(self._drain.complete),
        ]

    def _load(self, m: Module) -> None:
        """Weights and channel records into the columns they are for."""
        load = Signal(load_word(self.sizes))
        column, mask = Signal(4), Signal(4)
        weights, prepare = self._weights, self._prepare
        source = Mux(weights.load.weights, 1, 0)
        # Channel records become what neurons want of them on their way.
        record = data.View(CHANNEL_LAYOUT, prepare.load.data[:BEAT])
        made = constants(m, record, prepare.layer.descriptor.reset).as_value()
        m.d.sync += [
            load.eq(Mux(source, weights.load, prepare.load)),
            load.data.eq(Mux(source, weights.load.data, made)),
            column.eq(Mux(source, weights.column, prepare.column)),
            mask.eq(Mux(source, weights.mask, prepare.mask)),
        ]
        bank_bit = exact_log2(self.config.weights // self.config.banks)
        # A tap waits for a cycle in which no column reads its bank, but not for ever.
        patience, hits = Signal(range(_PATIENCE + 1)), Signal()
        m.d.comb += [
            hits.eq(Cat(stream.hit for stream in self._streams).any()),
            weights.go.eq(~hits | (patience == _PATIENCE)),
        ]
        m.d.sync += patience.eq(Mux(weights.waits & ~weights.go, patience + 1, 0))
        for stream in self._streams:
            m.d.comb += [
                stream.block.eq(weights.waits & (patience == _PATIENCE)),
                stream.block_bank.eq(weights.load.address[bank_bit:]),
            ]
        for number, team in enumerate(self._teams):
            m.d.comb += team.load.eq(load)
            for i in range(self.sizes.tied):
                index = (number * self.sizes.tied + i) % 16
                m.d.comb += team.mine[i].eq(((column ^ index) & mask) == 0)
        self._load_states(m)
        self._load_words(m)

    def _load_states(self, m: Module) -> None:
        """Membranes into the columns that own them."""
        restore, word = self._restore, Signal(restore_word(self.sizes))
        owner = Signal(range(self.config.columns))
        m.d.sync += [word.eq(restore.word), owner.eq(restore.column)]
        m.d.comb += [
            restore.start.eq(self._sequencer.go),
            restore.layer.eq(self._sequencer.layer),
            restore.sample.eq(self._drain.sample),
        ]
        for number, team in enumerate(self._teams):
            m.d.comb += team.restore.eq(word)
            for i in range(self.sizes.tied):
                m.d.comb += team.owner[i].eq(owner == number * self.sizes.tied + i)

    def _load_words(self, m: Module) -> None:
        """Words that add to sums into the columns that own them."""
        addend, layer = self._addend, self._sequencer.layer
        word, owner = Signal(addend_word), Signal(range(self.config.columns))
        m.d.sync += [word.eq(addend.word), owner.eq(addend.column)]
        m.d.comb += [
            addend.start.eq(self._sequencer.go),
            addend.layer.eq(layer),
            addend.full.eq(Cat(team.full for team in self._teams)),
        ]
        tied = self.sizes.tied
        for number, team in enumerate(self._teams):
            m.d.comb += [team.word.eq(word), team.adds.eq(layer.descriptor.bias != 0)]
            m.d.comb += [team.owns[i].eq(owner == number * tied + i) for i in range(tied)]
        for number, stream in enumerate(self._streams):
            # The last column of a stream gets its words last.
            last = [(number + 1 << max(k - exact_log2(tied), 0)) - 1 for k in range(6)]
            arrived = Array(
                self._teams[team].arrived if team < len(self._teams) else Const(0, 1) for team in last
            )
            m.d.comb += [
                stream.adds.eq((layer.descriptor.bias != 0) & ~(self._setup.split & self._setup.odd[number])),
                stream.arrived.eq(arrived[layer.plan.log2_h]),
            ]

    def _feed(self, m: Module) -> None:
        """Maps to streams, orders to columns, spikes out of them."""
        setup, maps, drain, layer = self._setup, self._maps, self._drain, self._sequencer.layer
        go = self._sequencer.go
        m.d.comb += [
            maps.start.eq(go),
            maps.layer.eq(layer),
            maps.next.eq(self._prepare.layer),
            maps.follows.eq(self._sequencer.follows),
            # What waits at the port keeps nobody from reading weights.
            maps.ahead.eq(self._sequencer.ahead & self._weights.rests),
            maps.total.eq(setup.total),
            maps.slots.eq(setup.slots),
            maps.hold.eq(drain.hold),
            maps.sample.eq(Mux(layer.descriptor.first, drain.sample, self._restore.done)),
            maps.room.eq(Cat(s.room | ~setup.active[i] for i, s in enumerate(self._streams)).all()),
            drain.start.eq(go),
            drain.layer.eq(layer),
            drain.pieces.eq(setup.pieces),
            drain.total.eq(setup.out_beats),
            drain.stride.eq(setup.stride),
            drain.states.eq(Cat(team.state for team in self._teams)),
            drain.spikes.eq(Cat(team.spikes for team in self._teams)),
        ]
        for number, stream in enumerate(self._streams):
            m.d.comb += [
                stream.start.eq(go),
                stream.plan.eq(setup.plan),
                stream.first.eq(setup.first[number]),
                stream.step.eq(setup.step),
                stream.gap.eq(setup.gap),
                stream.ahead.eq(setup.gap == layer.plan.lif_cycles),
                stream.stride.eq(setup.stride),
                stream.depth.eq(setup.depth),
                stream.split.eq(setup.split),
                stream.odd.eq(setup.odd[number]),
                stream.write.eq(maps.write),
                stream.write_address.eq(maps.write_address),
                stream.write_data.eq(maps.write_data),
                stream.slots.eq(setup.slots),
                stream.reserved.eq(maps.reserved & setup.active[number]),
                stream.loaded.eq(maps.loaded & setup.active[number]),
                stream.begins.eq(maps.begins),
                stream.filled.eq(maps.filled),
                stream.drained.eq(drain.drained & setup.active[number]),
            ]
        self._lead(m)
        self._share(m)

    def _lead(self, m: Module) -> None:
        """Teams follow their streams."""
        setup, drain, layer = self._setup, self._drain, self._sequencer.layer
        written = []
        value = Signal(ValueRule)
        drive(
            m, value, on=layer.descriptor.output == Output.VALUE, after=layer.plan.value_after,
            shift=layer.plan.value_shift, planes=layer.plan.planes_out,
        )  # fmt: skip
        for number, team in enumerate(self._teams):
            leader = self._leader(number)
            works = Array(setup.active)[leader]
            written.append(team.written | ~works)
            m.d.comb += [
                team.start.eq(self._sequencer.go),
                team.order.eq(Array(s.order for s in self._streams)[leader]),
                team.lif_cycles.eq(layer.plan.lif_cycles),
                team.record.eq(layer.plan.record_round),
                team.read.eq(drain.read),
                team.dump.eq(drain.dump),
                team.dump_unit.eq(drain.unit),
                team.dump_pair.eq(drain.pair),
                team.drained.eq(drain.drained & works),
                team.wanted.eq(drain.wanted),
                team.value.eq(value),
                team.sums_only.eq(layer.descriptor.output == Output.SUMS),
            ]
            m.d.comb += [team.rule[name].eq(layer.descriptor[name]) for name in team.rule.shape().members]
            m.d.comb += team.quiet.eq(setup.split & Array(setup.odd)[leader])
        m.d.comb += drain.written.eq(Cat(written).all())

    def _share(self, m: Module) -> None:
        """In a split the second half of the columns adds its sums to the first half's."""
        setup, half = self._setup, len(self._teams) // 2
        log2_h, tied = self._sequencer.layer.plan.log2_h, exact_log2(self.sizes.tied)
        if len(self._teams) % 2 == 0:
            for helped, helper in zip(self._teams[:half], self._teams[half:], strict=True):
                m.d.comb += [helped.more.eq(helper.sums), helped.helps.eq(setup.split)]
        for number, stream in enumerate(self._streams):
            partners = []
            for k in range(6):
                streams = len(self._streams) >> max(k - tied, 0)
                other = (number + streams // 2) % streams if number < streams and streams > 1 else number
                partners.append(self._streams[other].met)
            m.d.comb += stream.meet.eq(Array(partners)[log2_h])

    def _leader(self, team: int) -> Value:
        """Stream that a team follows: teams of a stream are neighbours."""
        log2_h, tied = self._sequencer.layer.plan.log2_h, exact_log2(self.sizes.tied)
        return Array(team >> max(k - tied, 0) for k in range(6))[log2_h]

    def _count(self, m: Module) -> None:
        tally, sequencer = self._tally, self._sequencer
        starved = [s.starved | ~self._setup.active[i] for i, s in enumerate(self._streams)]
        m.d.comb += [
            tally.run.eq(sequencer.begin),
            tally.layer.eq(sequencer.opens),
            tally.close.eq(sequencer.closes),
            tally.number.eq(sequencer.executed),
            tally.beat.eq(sequencer.beat),
            tally.wait_input.eq(Cat(starved).all() & ~sequencer.waits & ~self._drain.complete),
            tally.wait_weights.eq(sequencer.waits),
            tally.wait_output.eq(self.gmem_store.valid & ~self.gmem_store.ready),
        ]
        m.d.sync += [
            tally.events.eq(sum(stream.events for stream in self._streams)),
            tally.spikes_in.eq(self._maps.spikes),
            tally.spikes_out.eq(self._drain.ones),
            tally.saturated.eq(sum(team.saturated for team in self._teams)),
        ]
        for name in COUNTS:
            total = getattr(tally, f"{name}_total")
            if name == "saturated":
                m.d.comb += self.registers.saturated.eq(total)
            else:
                m.d.comb += [
                    getattr(self.registers, f"{name}_lo").eq(total[:32]),
                    getattr(self.registers, f"{name}_hi").eq(total[32:]),
                ]
