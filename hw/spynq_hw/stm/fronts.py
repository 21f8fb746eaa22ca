"""Front ends of the sampling tree, each connected to registers, memory and back end."""

from amaranth import Cat, Module, Signal, Value
from amaranth.lib import wiring

from spynq.stm.params import StmConfig
from spynq_hw.core import ADDRESS_BITS
from spynq_hw.stm.backend import BackEnd
from spynq_hw.stm.counts import Counts
from spynq_hw.stm.flat import Flat
from spynq_hw.stm.geometry import Geometry
from spynq_hw.stm.output import Output
from spynq_hw.stm.tree import Tree
from spynq_hw.stm.weighting import Weighting

__all__ = ["Fronts"]


class Fronts(wiring.Component):
    """What the core knows of its front ends; each method makes one of them."""

    config: StmConfig
    geometry: Geometry
    _backend: BackEnd
    _output: Output
    _mode: dict[str, Value]
    _flat: Signal
    _go: Signal
    _to_count: Signal

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
            with m.If(tree.writing):
                self._write_instead(m, tree)
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

    def _write_instead(self, m: Module, writer: Counts | Tree) -> None:
        """Another writer than the back end's output, while that has nothing to write."""
        for mine, port in ((writer.write, self.gmem_write), (writer.store, self.gmem_store)):
            m.d.comb += [
                port.valid.eq(mine.valid),
                port.payload.eq(mine.payload),
                mine.ready.eq(port.ready),
            ]
