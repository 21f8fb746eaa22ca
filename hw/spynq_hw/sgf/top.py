"""The spike gating flow: from event words to result words."""

from amaranth import Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import connect, flipped

from spynq.sgf.params import KERNEL, SgfConfig
from spynq_hw.core import beat, core_signature
from spynq_hw.fifo import Queue
from spynq_hw.sgf.access import Access
from spynq_hw.sgf.buffer import FrameBuffer
from spynq_hw.sgf.condition import Condition
from spynq_hw.sgf.engine import Engine
from spynq_hw.sgf.framer import Framer
from spynq_hw.sgf.parts import Parts
from spynq_hw.sgf.report import Report
from spynq_hw.sgf.scan import Job, Scan
from spynq_hw.sgf.sequence import Machines, Sequence
from spynq_hw.sgf.zones import Zones

__all__ = ["Sgf"]

_MODE = {field.name: field for field in KERNEL.register("MODE").fields}
_RESULTS = 16


class Sgf(wiring.Component):
    """Core of the spike gating flow.

    Golden model: :class:`spynq.sgf.model.SgfModel`.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    As :func:`spynq_hw.core.core_signature` makes them from the declaration.
    """

    kernel = KERNEL

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        super().__init__(core_signature(KERNEL))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        machines = Machines(Scan(config), Zones(config), Engine(config))
        m.submodules.scan, m.submodules.zones, m.submodules.engine = (
            machines.scan, machines.zones, machines.engine,
        )  # fmt: skip
        m.submodules.condition = condition = Condition(config)
        m.submodules.framer = framer = Framer(config)
        m.submodules.results = results = Queue(beat(64), _RESULTS)
        self._parts = parts = Parts(config)
        self._sequence = Sequence(config, parts, machines, self._scoring())
        self._access = Access(config, parts)
        self._on, self._ending = Signal(), Signal()  # a run is on; its last word is on its way out
        self._sent = Signal()  # the last word is in the queue
        self._from_buffer, self._reads = Signal(), Signal()  # a scan reads a buffer
        bad = Signal()
        connect(m, flipped(self.s_axis), condition.words)
        connect(m, condition.items, framer.items)
        connect(m, results.o, flipped(self.m_axis))
        self._defaults(m, machines)
        parts.add(m)
        self._access.hold(m)
        self._sequence.add(m)
        Report(config, self._sequence).add(m)
        self._access.add(m)
        self._buffers(m, framer, machines.scan)
        self._connect(m, condition, framer, results)
        self._control(m, framer, results, bad)
        self._count(m, framer)
        self._time(m, framer)
        return m

    def _scoring(self) -> Value:
        """Scoring mode, of those that the build has."""
        field = _MODE["SCORING"]
        asked = self.registers.mode[field.lsb : field.lsb + field.width]
        plain = Mux(asked[1], 0 if self.config.table else 1, Mux(asked[0], 0 if self.config.bayes else 1, 0))
        return Mux(plain, 0, asked)

    def _defaults(self, m: Module, machines: Machines) -> None:
        """What memories are asked for when no step asks for something else."""
        scan, zones, engine, vectors = machines.scan, machines.zones, machines.engine, self._parts.vectors
        m.d.comb += [
            scan.cell_row.eq(zones.cell_row),
            Value.cast(zones.counts).eq(Value.cast(scan.counts)),
            Value.cast(zones.thetas).eq(Value.cast(self._parts.setting.thetas)),
            scan.frame.eq(engine.frame),
            scan.place.eq(engine.place),
            Value.cast(engine.marginal).eq(Value.cast(scan.marginal)),
            Value.cast(engine.totals).eq(Value.cast(scan.totals)),
            engine.frames.eq(self._sequence.trial.frames),
            engine.least.eq(self.registers.active),
            vectors.write.eq(zones.write | engine.write),
            vectors.place.eq(Mux(zones.write, zones.place, engine.statistic_place)),
            vectors.value.eq(Mux(zones.write, zones.value, engine.value)),
        ]

    def _buffers(self, m: Module, framer: Framer, scan: Scan) -> None:
        buffers = [FrameBuffer(self.config.size) for _ in range(2)]
        read = Signal()  # which one is scanned
        item = framer.items.payload
        for number, buffer in enumerate(buffers):
            m.submodules[f"buffer_{number}"] = buffer
            m.d.comb += [
                buffer.write.eq(framer.write & (framer.buffer == number)),
                buffer.x.eq(item.x),
                buffer.y.eq(item.y),
                buffer.bright.eq(item.bright),
                buffer.row.eq(scan.row),
                buffer.scan.eq(self._reads & (read == number)),
            ]
        m.d.comb += [self._reads.eq(scan.rows & self._from_buffer), framer.scanning.eq(self._reads)]
        rows = [Value.cast(buffer.pixels) for buffer in buffers]
        m.d.comb += Value.cast(scan.pixels).eq(Mux(read, rows[1], rows[0]))
        # Only clearing may go on beside an answer, which needs the counts of the trial.
        free = ~scan.rows & ~self._sequence.flushes & ~self._sequence.start
        takes = framer.pending & free & (~self._sequence.busy | (framer.pending_job == Job.CLEAR))
        m.d.comb += framer.take_pending.eq(takes)
        with m.If(takes):
            m.d.comb += [
                scan.start.eq(1),
                scan.job.eq(framer.pending_job),
                scan.index.eq(framer.pending_index),
            ]
            m.d.sync += [read.eq(framer.pending_buffer), self._from_buffer.eq(1)]
        with m.Elif(self._sequence.flushes & ~scan.rows):
            m.d.sync += self._from_buffer.eq(0)

    def _connect(self, m: Module, condition: Condition, framer: Framer, results: Queue) -> None:
        registers, sequence, access, parts = self.registers, self._sequence, self._access, self._parts
        m.d.comb += [
            condition.mode.eq(registers.mode),
            condition.scale_x.eq(registers.scale_x),
            condition.scale_y.eq(registers.scale_y),
            framer.mode.eq(registers.mode),
            framer.frame_events.eq(registers.events),
            framer.frame_limit.eq(registers.frames),
            framer.frame_us.eq(registers.frame_us),
            framer.timeout_us.eq(registers.timeout_us),
            framer.run.eq(self._on & ~self._ending),
            framer.quiet.eq(~sequence.busy & ~access.busy),
            sequence.start.eq(framer.finish),
            Value.cast(sequence.trial_in).eq(Value.cast(framer.trial)),
            sequence.frame_limit.eq(registers.frames),
            sequence.report_bits.eq(registers.report),
            sequence.allow_empty.eq(registers.mode[_MODE["ALLOW_EMPTY"].lsb]),
            access.start.eq(framer.command & ~sequence.busy & ~access.busy),
            Value.cast(access.item).eq(Value.cast(framer.items.payload)),
            framer.command_done.eq(access.done),
            results.i.valid.eq(parts.out_valid),
            results.i.payload.data.eq(parts.out_data),
            results.i.payload.last.eq(parts.out_last),
            parts.out_ready.eq(results.i.ready),
        ]

    def _control(self, m: Module, framer: Framer, results: Queue, bad: Signal) -> None:
        registers, mode = self.registers, self.registers.mode
        by_time = mode[_MODE["TIME"].lsb]
        length = Mux(by_time, registers.frame_us, registers.events)
        frames = (registers.frames != 0) & (registers.frames <= self.config.frames)
        fits = (length != 0) & frames & (registers.scale_x != 0) & (registers.scale_y != 0)
        drained = Signal()
        m.d.comb += [
            self.refused.eq(~fits),
            self.flags.eq(Value.cast(bad) | (framer.began << 1)),
            drained.eq(self._ending & self._sent & ~results.o.valid),
            self.done.eq(drained | (self.start & ~fits)),
        ]
        with m.If(self.start & fits):
            m.d.sync += [self._on.eq(1), bad.eq(0), self._sequence.number.eq(0)]
        with m.If(framer.bad_word | self._access.bad):
            m.d.sync += bad.eq(1)
        with m.If(framer.paused):
            m.d.sync += [self._ending.eq(1), self._sent.eq(0)]
        with m.If(self._ending & ~self._sent):
            m.d.comb += [self._parts.out_valid.eq(1), self._parts.out_data.eq(0), self._parts.out_last.eq(1)]
            with m.If(self._parts.out_ready):
                m.d.sync += self._sent.eq(1)
        with m.If(drained):
            m.d.sync += [self._on.eq(0), self._ending.eq(0)]

    def _count(self, m: Module, framer: Framer) -> None:
        """Counters of a run."""
        registers, sequence = self.registers, self._sequence
        learn, evaluates = sequence.learn, sequence.evaluates
        unit, works = Signal(2), Signal()
        with m.Switch(evaluates):
            for number in range(3):
                with m.Case(1 << number):
                    m.d.sync += unit.eq(number)
        m.d.comb += works.eq(sequence.ask.busy | self._parts.vectors.busy | learn.busy)
        waits = self.s_axis.valid & ~self.s_axis.ready
        steps = {
            "events_in": framer.counts_events,
            "dropped_range": framer.counts_range,
            "dropped_late": framer.counts_late,
            "frames_done": framer.counts_frames,
            "trials": sequence.result,
            "halvings": Mux(sequence.learnt, learn.halvings, 0),
            "table_overflows": Mux(sequence.learnt, learn.overflows, 0),
            "engine_runs": sequence.engine_starts,
            "stalls": self._on & ~self._ending & waits,
            "active_engine": Mux(sequence.engine_works, 1, 0),
        }
        for number, name in enumerate("abc"):
            steps[f"evaluations_{name}"] = evaluates[number]
            steps[f"active_{name}"] = evaluates[number] | (works & (unit == number) & ~sequence.ask.start)
        clears = self.start & ~self.refused
        for name, step in steps.items():
            register = getattr(registers, name)
            with m.If(clears):
                m.d.sync += register.eq(0)
            with m.Else():
                m.d.sync += register.eq(register + step)

    def _time(self, m: Module, framer: Framer) -> None:
        """Clocks of the last answer and of the last teaching."""
        sequence, registers = self._sequence, self.registers
        waited, answer, teach = Signal(32), Signal(32), Signal(32)
        m.d.sync += [
            waited.eq(Mux(framer.ending, waited + 1, 0)),
            answer.eq(Mux(framer.finish, waited + 1, answer + 1)),
            teach.eq(Mux(sequence.learn.busy, teach + 1, 0)),
        ]
        clears = self.start & ~self.refused
        with m.If(clears):
            m.d.sync += [registers.answer_clocks.eq(0), registers.teach_clocks.eq(0)]
        with m.Elif(sequence.result):
            m.d.sync += registers.answer_clocks.eq(answer)
        with m.If(~clears & sequence.learnt):
            m.d.sync += registers.teach_clocks.eq(teach)
