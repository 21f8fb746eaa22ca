"""The sampling tree: what a start does, in which order, and what goes where."""

from amaranth import Cat, Module, Mux, Signal, signed
from amaranth.lib.wiring import connect, flipped
from amaranth.utils import exact_log2

from spynq.stm.params import CHUNK, KERNEL, STREAMS, StmConfig
from spynq_hw.core import core_signature
from spynq_hw.stm.backend import BackEnd
from spynq_hw.stm.flat import Flat
from spynq_hw.stm.fronts import Fronts
from spynq_hw.stm.geometry import Geometry
from spynq_hw.stm.output import Output
from spynq_hw.stm.refusal import MODE, Refusal
from spynq_hw.stm.tree import Tree
from spynq_hw.stm.weighting import Weighting

__all__ = ["Stm"]


class Stm(Fronts):
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
