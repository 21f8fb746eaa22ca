"""The sampling tree: what a start does, in which order, and what goes where."""

from amaranth import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped
from amaranth.utils import exact_log2

from spynq.stm.params import CHUNK, KERNEL, STREAMS, StmConfig
from spynq_hw.core import ADDRESS_BITS, core_signature
from spynq_hw.stm.backend import BackEnd
from spynq_hw.stm.counts import Counts
from spynq_hw.stm.flat import Flat
from spynq_hw.stm.geometry import Geometry
from spynq_hw.stm.output import Output
from spynq_hw.stm.refusal import MODE, Refusal
from spynq_hw.stm.tree import Tree
from spynq_hw.stm.weighting import Weighting

__all__ = ["Stm"]


class Stm(wiring.Component):
    """Core of the sampling tree kernel: three front ends on one back end.

    Golden model: :class:`spynq.stm.model.StmModel`.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    As :func:`spynq_hw.core.core_signature` makes them from the declaration.
    """

    kernel = KERNEL

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.geometry = Geometry(config)
        super().__init__(core_signature(KERNEL))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.refusal = refusal = Refusal(self.config)
        m.submodules.backend = self._backend = BackEnd(self.config)
        m.submodules.output = self._output = Output(self.config)
        self._mode = {name: self.registers.mode[bit] for name, bit in MODE.items()}
        # TREE goes before everything else that a start could do.
        for name in MODE:
            if name != "tree" and self.config.edge:
                self._mode[name] = self._mode[name] & ~self._mode["tree"]
        self._flat, self._go = Signal(), Signal()
        # Front ends are at work: an image is loaded, or samples are drawn.
        busy = Signal()

        m.d.comb += [
            *(
                getattr(refusal, name).eq(getattr(self.registers, name))
                for name in refusal.signature.members
                if name != "refused"
            ),
            self._go.eq(self.start & ~refusal.refused),
            self._flat.eq(~self._mode["weighting"] & ~self._mode["tree"]),
        ]
        self._settings(m)
        flat = self._flat_front(m) if self.config.terms else None
        weighting = self._weighting_front(m) if self.config.states else None
        self._choose(m, flat, weighting)
        self._read_requests(m)
        self._write_side(m)
        tree = self._tree_front(m) if self.config.edge else None
        counts = self._count_records(m, weighting) if weighting is not None and self.config.counts else None
        fronts = (
            flat.loading if flat else 0,
            weighting.busy if weighting else 0,
            tree.busy if tree else 0,
            counts.busy | self._to_count if counts else 0,
        )
        m.d.comb += busy.eq(Cat(fronts).any())
        self._results(m, tree)
        self._control(m, refusal.refused, busy)
        return m

    def _settings(self, m: Module) -> None:
        """Constants of a run that follow from the registers."""
        registers, mode, lanes = self.registers, self._mode, self.config.lanes
        backend, output = self._backend, self._output
        last_sample = Signal(31)
        weights, counted = Signal(), Signal()
        m.d.comb += [
            last_sample.eq(registers.samples - 1),
            weights.eq(mode["weights"] & self._flat),
            counted.eq(mode["histogram"] & (self._flat | (registers.targets != 0))),
            backend.start.eq(self._go),
            backend.groups.eq(
                Mux(self._flat, (last_sample >> exact_log2(lanes)) + 1, max(1, CHUNK // lanes))
            ),
            backend.passes.eq(Mux(counted & ~self._flat, registers.targets, 1)),
            backend.final_quad.eq((last_sample & (lanes - 1)) >> 2),
            backend.histogram.eq(mode["histogram"]),
            backend.count.eq(counted),
            backend.weights.eq(weights),
            backend.show.eq(mode["records"]),
            backend.bins.eq(registers.bins),
            backend.moments.eq(self._flat),
            output.start.eq(self._go),
            output.records.eq(mode["records"]),
            output.histogram.eq(mode["histogram"]),
            output.weights.eq(weights),
            output.bins.eq(registers.bins),
            output.weight_beats.eq((last_sample >> 2) + 1),
            output.result_address.eq(self._address("result")),
            output.weight_address.eq(self._address("weight")),
        ]
        with m.If(mode["weighting"]):
            m.d.comb += output.populations.eq((last_sample >> exact_log2(CHUNK)) + 1)
        with m.Else():
            m.d.comb += output.populations.eq(Mux(mode["batch"], registers.evidences, 1))

    def _address(self, name: str) -> Value:
        low, high = getattr(self.registers, f"{name}_lo"), getattr(self.registers, f"{name}_hi")
        return Cat(low, high)[:ADDRESS_BITS]

    def _flat_front(self, m: Module) -> Flat:
        registers, mode, backend = self.registers, self._mode, self._backend
        m.submodules.flat = flat = Flat(self.config)
        m.d.comb += [
            flat.start.eq(self._go & self._flat),
            flat.load.eq(mode["load"]),
            flat.histogram.eq(mode["histogram"]),
            flat.batch.eq(mode["batch"]),
            flat.samples.eq(registers.samples),
            flat.terms.eq(registers.terms),
            flat.evidences.eq(registers.evidences),
            flat.groups.eq(backend.groups),
            flat.image.payload.eq(self.gmem_data.payload),
            flat.image.valid.eq(self.gmem_data.valid & flat.loading),
            flat.beats.payload.eq(self.gmem_data.payload),
            # The batch was asked for after the image.
            flat.beats.valid.eq(self.gmem_data.valid & self._flat & ~flat.loading),
            flat.room.eq(backend.room),
            flat.moment_group.eq(backend.moment_group),
            flat.label_group.eq(backend.label_step.group),
            backend.moment.eq(flat.moment),
        ]
        for t, term in enumerate(flat.registers):
            m.d.comb += [
                term.cue.eq(getattr(registers, f"cue{t}")),
                term.gain.eq(getattr(registers, f"gain{t}")),
            ]
        return flat

    def _weighting_front(self, m: Module) -> Weighting:
        registers, mode, backend = self.registers, self._mode, self._backend
        m.submodules.weighting = weighting = Weighting(self.config)
        m.d.comb += [
            weighting.start.eq(self._go & mode["weighting"]),
            weighting.load.eq(mode["load"]),
            weighting.seeds.eq(mode["seeds"]),
            *(
                getattr(weighting, name).eq(getattr(registers, name))
                for name in ("samples", "program", "targets", "table")
            ),
            weighting.image.payload.eq(self.gmem_data.payload),
            weighting.image.valid.eq(self.gmem_data.valid & mode["weighting"]),
            weighting.groups.ready.eq(backend.room & mode["weighting"]),
            weighting.target_index.eq(backend.target_step.target),
            weighting.label_enable.eq(backend.label_step.count),
            weighting.label_chunk.eq(backend.label_step.chunk),
            weighting.label_column.eq(weighting.target.column),
            weighting.label_slot.eq(backend.label_step.group),
            weighting.release.eq(backend.release & mode["weighting"]),
        ]
        return weighting

    def _tree_front(self, m: Module) -> Tree:
        """The tree front end; what it needs while it runs replaces what the registers say."""
        registers, backend, output = self.registers, self._backend, self._output
        m.submodules.tree = tree = Tree(self.config)
        results = backend.results
        m.d.comb += [
            tree.start.eq(self._go & self._mode["tree"]),
            tree.address.eq(self._address("image")),
            tree.steps.eq(registers.samples),
            tree.beats.payload.eq(self.gmem_data.payload),
            tree.room.eq(backend.room),
            tree.closed.eq(output.complete & ~backend.busy),
            tree.result.eq(results.valid & results.ready),
            tree.total.eq(results.payload.w),
            tree.l_min.eq(results.payload.l_min),
            registers.lost.eq(tree.lost),
        ]
        with m.If(self._mode["tree"]):
            step = tree.step
            last_sample = (step.samples - 1)[:16]
            m.d.comb += [
                tree.beats.valid.eq(self.gmem_data.valid),
                self.gmem_data.ready.eq(tree.beats.ready),
                self.gmem_read.valid.eq(tree.read.valid),
                self.gmem_read.payload.eq(tree.read.payload),
                tree.read.ready.eq(self.gmem_read.ready),
                tree.moment_group.eq(backend.moment_group),
                tree.label_group.eq(backend.label_step.group),
                backend.start.eq(tree.close),
                backend.reserve.eq(tree.reserve),
                backend.valid.eq(tree.valid),
                backend.group.eq(tree.group),
                backend.moment.eq(tree.moment),
                backend.labels.eq(tree.labels),
                backend.labelled.eq(self.geometry.groups),
                backend.groups.eq((last_sample >> 2) + 1),
                backend.passes.eq(1),
                backend.histogram.eq(step.histogram),
                backend.count.eq(step.histogram),
                backend.weights.eq(step.weights),
                backend.show.eq(step.records),
                backend.bins.eq(step.bins),
                backend.moments.eq(1),
                output.start.eq(tree.close),
                output.populations.eq(1),
                output.records.eq(step.records),
                output.histogram.eq(step.histogram),
                output.weights.eq(step.weights),
                output.bins.eq(step.bins),
                output.weight_beats.eq((last_sample >> 2) + 1),
                output.result_address.eq(step.out),
                output.weight_address.eq(step.weight),
            ]
        return tree

    def _count_records(self, m: Module, weighting: Weighting) -> Counts:
        """Data records instead of one evidence: their bytes, the laps that count, and the way out."""
        registers, backend, output = self.registers, self._backend, self._output
        m.submodules.counts = counts = Counts(self.config)
        data = self._mode["data"] & self._mode["weighting"]
        self._to_count = waiting = Signal()
        m.d.comb += [
            counts.start.eq(self._go & data),
            weighting.data.eq(data),
            weighting.records.eq(registers.evidences),
            weighting.columns.eq(registers.columns),
            weighting.record_beats.payload.eq(self.gmem_data.payload),
            weighting.record_beats.valid.eq(self.gmem_data.valid & data & ~weighting.loading),
            backend.shares.eq(data),
            backend.held.eq(counts.held),
            counts.open.eq(backend.open),
            counts.summed.eq(backend.summed),
            counts.total.eq(backend.total),
            counts.share.eq(backend.share),
            counts.weights.eq(backend.shared),
            counts.places.eq(Cat(weighting.labels)),
            counts.entries.eq(registers.bins),
            counts.address.eq(self._address("weight")),
            # All records are written out, so all shares were given; the last are still being added.
            counts.drain.eq(waiting & output.complete & ~backend.busy & ~weighting.busy & ~counts.busy),
        ]
        with m.If(self._go):
            m.d.sync += waiting.eq(data)
        with m.If(counts.drain):
            m.d.sync += waiting.eq(0)
        with m.If(data):
            m.d.comb += [
                output.populations.eq(registers.evidences),
                output.histogram.eq(0),
                backend.histogram.eq(0),
                backend.count.eq(1),
                backend.passes.eq(registers.targets + 1),
                weighting.target_index.eq(backend.target_step.target - 1),
            ]
            with m.If(~weighting.loading):
                m.d.comb += self.gmem_data.ready.eq(weighting.record_beats.ready)
        with m.If(counts.draining):
            for mine, port in ((counts.write, self.gmem_write), (counts.store, self.gmem_store)):
                m.d.comb += [
                    port.valid.eq(mine.valid),
                    port.payload.eq(mine.payload),
                    mine.ready.eq(port.ready),
                ]
        return counts

    def _choose(self, m: Module, flat: Flat | None, weighting: Weighting | None) -> None:
        """Connect the back end and the bus to the front end of this run."""
        backend = self._backend
        with m.If(self._flat):
            if flat is not None:
                m.d.comb += [
                    self.gmem_data.ready.eq(Mux(flat.loading, flat.image.ready, flat.beats.ready)),
                    backend.reserve.eq(flat.reserve),
                    backend.valid.eq(flat.valid),
                    backend.group.eq(flat.group),
                    backend.labelled.eq(flat.labelled),
                    backend.labels.eq(flat.labels),
                ]
        with m.Else():
            if weighting is not None:
                groups = weighting.groups
                first_bin = Signal(16)
                m.d.sync += first_bin.eq(weighting.target.bin)
                m.d.comb += [
                    self.gmem_data.ready.eq(weighting.image.ready),
                    backend.reserve.eq(groups.valid & groups.ready),
                    backend.valid.eq(backend.reserve),
                    backend.group.eq(groups.payload),
                    # All labels of a chunk are there before its groups are.
                    backend.labelled.eq(self.geometry.groups),
                    *(
                        label.eq(first_bin + state)
                        for label, state in zip(backend.labels, weighting.labels, strict=True)
                    ),
                ]

    def _read_requests(self, m: Module) -> None:
        """The image, then the batch; both are asked for at once."""
        registers, mode, read = self.registers, self._mode, self.gmem_read
        image, batch = Signal(), Signal()
        column = Signal(15)
        columns, image_beats = Signal(4), Signal(32)
        m.d.comb += [
            column.eq(((registers.samples - 1) >> 2) + 1),
            columns.eq(registers.terms + mode["histogram"]),
            read.valid.eq(image | batch),
        ]
        with m.If(mode["weighting"]):
            m.d.comb += image_beats.eq(
                registers.program + registers.targets + registers.table + Mux(mode["seeds"], STREAMS, 0)
            )
        with m.Else():
            # Written out as a sum, so that no tool spends a multiplier on it.
            m.d.comb += image_beats.eq(sum(Mux(columns[i], column << i, 0) for i in range(4)))
        with m.If(image):
            m.d.comb += [
                read.payload.address.eq(self._address("image")),
                read.payload.beats.eq(image_beats),
            ]
        with m.Else():
            per_evidence, bits = (registers.terms + 1) >> 1, 3
            if self.config.counts:
                per_record = (registers.columns + 15) >> 4
                per_evidence, bits = Mux(mode["data"], per_record, per_evidence), 5
            m.d.comb += [
                read.payload.address.eq(self._address("batch")),
                read.payload.beats.eq(
                    sum(Mux(per_evidence[i], registers.evidences << i, 0) for i in range(bits))
                ),
            ]
        with m.If(read.ready):
            m.d.sync += image.eq(0)
            with m.If(~image):
                m.d.sync += batch.eq(0)
        with m.If(self._go):
            m.d.sync += [image.eq(mode["load"]), batch.eq(mode["batch"] & self._flat)]
            if self.config.counts:
                with m.If(mode["data"] & mode["weighting"]):
                    m.d.sync += batch.eq(1)

    def _write_side(self, m: Module) -> None:
        backend, output = self._backend, self._output
        for name in ("results", "beats", "bin_sums"):
            connect(m, getattr(backend, name), getattr(output, name))
        connect(m, output.write, flipped(self.gmem_write))
        connect(m, output.store, flipped(self.gmem_store))

    def _results(self, m: Module, tree: Tree | None) -> None:
        """Registers and flags: the last population, and what any population met."""
        registers, results = self.registers, self._backend.results
        if tree is not None:
            with m.If(tree.busy):
                m.d.sync += self.flags[2:].eq(Cat(tree.lost_any, tree.skipped))
        with m.If(self.start):
            m.d.sync += self.flags.eq(0)
        with m.If(results.valid & results.ready):
            record = results.payload
            s1 = Signal(signed(64))
            m.d.comb += s1.eq(record.s1)
            m.d.sync += [
                Cat(registers.w_lo, registers.w_hi).eq(record.w),
                Cat(registers.s1_lo, registers.s1_hi).eq(s1),
                Cat(registers.s2_lo, registers.s2_hi).eq(record.s2),
                registers.l_min.eq(record.l_min),
                self.flags[:2].eq(self.flags[:2] | Cat(record.zero, record.satz)),
            ]

    def _control(self, m: Module, refuse: Signal, busy: Signal) -> None:
        running, refused = Signal(), Signal()
        ended = self._output.complete & ~self._backend.busy & ~busy & self.gmem_idle
        m.d.comb += [
            self.done.eq(refused | (running & ended)),
            self.refused.eq(refused),
        ]
        m.d.sync += refused.eq(self.start & refuse)
        with m.If(self._go):
            m.d.sync += running.eq(1)
        with m.Elif(self.done):
            m.d.sync += running.eq(0)
