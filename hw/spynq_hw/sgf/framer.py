"""Where a frame ends, where a trial ends, and what the commands among the events want."""

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import KERNEL, Kind, SgfConfig
from spynq_hw.sgf.condition import item_layout
from spynq_hw.sgf.scan import Job

__all__ = ["Framer", "trial_layout"]

_MODE = {field.name: field.lsb for field in KERNEL.register("MODE").fields}


def trial_layout(config: SgfConfig) -> data.StructLayout:
    """What the sequencer is told about a trial that has ended."""
    return data.StructLayout(
        {
            "frames": range(config.frames + 1),
            "reordered": 1,
            "labelled": 1,
            "out": 1,
            "known": 1,
            "number": 8,
        }
    )


class Framer(wiring.Component):
    """Places events in one of two buffers while the other one is scanned.

    Golden model: :class:`spynq.sgf.frames.Framer`. One event per clock; an item waits while the frame
    it closes finds the other buffer still in use.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    items : In(stream)
        Words, understood.
    run : In(1)
        A run is on; else nothing is taken.
    quiet : In(1)
        No trial is being answered and no command carried out.
    scanning : In(1)
        The scanner reads a buffer.
    write, buffer : Out
        Place the item's pixel in this buffer.
    pending, pending_job, pending_buffer, pending_index, take_pending : Out, In
        A buffer to scan, until it is taken.
    finish, trial : Out
        Pulse: the trial has ended, its last frame is scanned.
    command : Out(1)
        The item is a command for the window; it is held until ``command_done``.
    command_done : In(1)
        It has been carried out.
    paused : Out(1)
        Pulse: the item is a PAUSE.
    bad_word, began : Out(1)
        Pulse: a label without a class. Level: an event has entered a frame of this trial.
    ending : Out(1)
        The trial has ended and waits for its last frame, or for the answer of the trial before.
    counts_<what> : Out(1)
        Pulses for the counters: events, range, late, frames.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        pulses = ("events", "range", "late", "frames")
        super().__init__(
            {
                "items": In(stream.Signature(item_layout(config.size))),
                "mode": In(8),
                "frame_events": In(16),
                "frame_limit": In(8),
                "frame_us": In(31),
                "timeout_us": In(31),
                "run": In(1),
                "quiet": In(1),
                "scanning": In(1),
                "write": Out(1),
                "buffer": Out(1),
                "pending": Out(1),
                "pending_job": Out(Job),
                "pending_buffer": Out(1),
                "pending_index": Out(range(config.frames)),
                "take_pending": In(1),
                "finish": Out(1),
                "trial": Out(trial_layout(config)),
                "command": Out(1),
                "command_done": In(1),
                "paused": Out(1),
                "bad_word": Out(1),
                "began": Out(1),
                "ending": Out(1),
                **{f"counts_{name}": Out(1) for name in pulses},
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        item = self.items.payload
        self._count, self._start, self._last = Signal(16), Signal(32), Signal(32)
        self._free = Signal()
        self._washes = Signal()
        full = Signal()
        m.d.comb += [
            self._free.eq(~self.pending & ~self.scanning),
            full.eq(self.trial.frames == self.frame_limit),
        ]
        with m.If(self.take_pending):
            m.d.sync += self.pending.eq(0)

        with m.FSM():
            with m.State("WASH"):
                # A reset leaves events in the buffers; both are read once before the first event.
                with m.If(self._free):
                    self._hand_over(m, Job.CLEAR)
                    m.d.sync += self._washes.eq(1)
                    with m.If(self._washes):
                        m.next = "FLOW"
            with m.State("FLOW"):
                with m.If(self.run & self.items.valid):
                    with m.If(item.is_command):
                        self._command(m)
                    with m.Elif(item.valid & item.inside & ~full):
                        self._event(m)
                    with m.Else():
                        self._pass(m, full)
            with m.State("END"):
                m.d.comb += self.ending.eq(1)
                self._end(m, full)
            with m.State("FINISH"):
                m.d.comb += self.ending.eq(1)
                with m.If(self._free & self.quiet):
                    m.d.comb += self.finish.eq(1)
                    with m.If(self._count != 0):
                        self._hand_over(m, Job.CLEAR)
                    self._forget(m)
                    m.next = "FLOW"
            with m.State("DROP"):
                with m.If(self._free | (self._count == 0)):
                    with m.If(self._count != 0):
                        self._hand_over(m, Job.CLEAR)
                    self._forget(m)
                    m.next = "FLOW"
        return m

    def _hand_over(self, m: Module, job: Job) -> None:
        """Give the open buffer to the scanner and go on in the other one; only while it is free."""
        m.d.sync += [
            self.pending.eq(1),
            self.pending_job.eq(job),
            self.pending_buffer.eq(self.buffer),
            self.buffer.eq(~self.buffer),
            self._count.eq(0),
        ]

    def _close(self, m: Module, start: Value) -> None:
        self._hand_over(m, Job.FRAME)
        m.d.comb += self.counts_frames.eq(1)
        m.d.sync += [
            self.pending_index.eq(self.trial.frames),
            self.trial.frames.eq(self.trial.frames + 1),
            self._start.eq(start),
        ]

    def _forget(self, m: Module) -> None:
        """A new trial."""
        m.d.sync += [Value.cast(self.trial).eq(0), self.began.eq(0), self._count.eq(0)]

    def _event(self, m: Module) -> None:
        """An event in the frame, of a trial that takes one."""
        item, by_time = self.items.payload, self.mode[_MODE["TIME"]]
        age, step = Signal(signed(32)), Signal(signed(32))
        late, closes = Signal(), Signal()
        m.d.comb += [
            age.eq(Mux(self.began, item.time - self._start, 0)),
            step.eq(item.time - self._last),
            late.eq(Mux(by_time, age >= self.frame_us, (self.timeout_us != 0) & (age > self.timeout_us))),
            closes.eq(~by_time & (self._count + 1 == self.frame_events)),
        ]
        last_frame = Signal()
        m.d.comb += last_frame.eq(self.mode[_MODE["AUTO"]] & (self.trial.frames + 1 == self.frame_limit))
        with m.If(late):
            # The frame closes before the event, which stays for the next clock.
            with m.If(~by_time & (self._count == 0)):
                m.d.sync += self._start.eq(item.time)
            with m.Elif(self._free):
                self._close(m, Mux(by_time, self._start + self.frame_us, item.time))
                with m.If(last_frame):
                    m.next = "END"
        with m.Elif(~closes | self._free):
            m.d.comb += [self.items.ready.eq(1), self.write.eq(1), self.counts_events.eq(1)]
            m.d.sync += [
                self._count.eq(self._count + 1),
                self._last.eq(item.time),
                self.began.eq(1),
                self.trial.reordered.eq(self.trial.reordered | (self.began & (step < 0))),
            ]
            with m.If(~self.began):
                m.d.sync += self._start.eq(item.time)
            with m.If(closes):
                self._close(m, item.time)
            with m.If(item.end | (closes & last_frame)):
                m.next = "END"

    def _pass(self, m: Module, full: Signal) -> None:
        """No event, or one that no frame takes."""
        item = self.items.payload
        m.d.comb += [
            self.items.ready.eq(1),
            self.counts_events.eq(item.valid),
            self.counts_range.eq(item.valid & ~item.inside),
            self.counts_late.eq(item.valid & item.inside & full),
        ]
        with m.If(item.end):
            m.next = "END"

    def _end(self, m: Module, full: Signal) -> None:
        keeps = self.mode[_MODE["TIME"]] | self.mode[_MODE["KEEP_PARTIAL"]]
        with m.If((self._count != 0) & ~full & keeps):
            with m.If(self._free):
                self._close(m, self._start)
                m.next = "FINISH"
        with m.Else():
            m.next = "FINISH"

    def _command(self, m: Module) -> None:
        item = self.items.payload
        with m.Switch(item.kind):
            with m.Case(Kind.LABEL):
                known = item.address < self.config.classes
                m.d.comb += [self.items.ready.eq(1), self.bad_word.eq(~known)]
                m.d.sync += [
                    self.trial.labelled.eq(item.teach | item.unteach),
                    self.trial.out.eq(~item.teach),
                    self.trial.known.eq(known),
                    self.trial.number.eq(item.address),
                ]
            with m.Case(Kind.DROP):
                m.d.comb += self.items.ready.eq(1)
                m.next = "DROP"
            with m.Case(Kind.PAUSE):
                with m.If(self.quiet):
                    m.d.comb += [self.items.ready.eq(1), self.paused.eq(1)]
            with m.Default():
                m.d.comb += [self.command.eq(1), self.items.ready.eq(self.command_done)]
