"""Block control as the HLS guide has it (ap_ctrl_hs), and the interrupt."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = ["Handshake"]


class Handshake(wiring.Component):
    """Start, done, idle, ready, auto-restart and the interrupt of one kernel.

    A written AP_START stays until the run ends, which is when the kernel is ready for the next
    start; so a start written during a run does nothing, and one written in its last cycle starts
    the next. With AUTO_RESTART it stays for ever. AP_DONE and AP_READY are cleared by reading
    CTRL; IP_ISR toggles where 1 is written; only enabled causes enter it.

    Members
    -------
    start : Out(1)
        Pulse in the first cycle of a run.
    running : Out(1)
        1 from the cycle of ``start`` to the cycle of ``done``.
    done : In(1)
        Pulse in the last cycle of a run; ignored outside of one.
    write_ctrl, write_gier, write_ier, write_isr : In(1)
        ``write_data`` is stored in this cycle.
    write_data : In(8)
        The lowest byte.
    read_ctrl : In(1)
        CTRL is read in this cycle.
    ctrl : Out(8), gier : Out(1), ier : Out(2), isr : Out(2)
        What a read returns.
    irq : Out(1)
        Level: an enabled cause is pending and the global enable is set.
    """

    def __init__(self) -> None:
        super().__init__(
            {
                "start": Out(1),
                "running": Out(1),
                "done": In(1),
                "write_ctrl": In(1),
                "write_gier": In(1),
                "write_ier": In(1),
                "write_isr": In(1),
                "write_data": In(8),
                "read_ctrl": In(1),
                "ctrl": Out(8),
                "gier": Out(1),
                "ier": Out(2),
                "isr": Out(2),
                "irq": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        ap_start, ap_done, ap_ready, auto_restart = (Signal() for _ in range(4))
        busy = Signal()
        ended = Signal()

        m.d.comb += [
            self.start.eq(ap_start & ~busy),
            self.running.eq(self.start | busy),
            ended.eq(self.running & self.done),
            self.ctrl.eq(Cat(ap_start, ap_done, ~ap_start & ~busy, ap_ready)),
            self.ctrl[7].eq(auto_restart),
            self.irq.eq(self.gier & self.isr.any()),
        ]
        m.d.sync += busy.eq(self.running & ~self.done)
        with m.If(self.read_ctrl):
            m.d.sync += [ap_done.eq(0), ap_ready.eq(0)]
        with m.If(ended):
            m.d.sync += [ap_start.eq(auto_restart), ap_done.eq(1), ap_ready.eq(1)]
        with m.If(self.write_ctrl):
            m.d.sync += auto_restart.eq(self.write_data[7])
            with m.If(self.write_data[0]):
                m.d.sync += ap_start.eq(1)
        with m.If(self.write_gier):
            m.d.sync += self.gier.eq(self.write_data)
        with m.If(self.write_ier):
            m.d.sync += self.ier.eq(self.write_data)
        # A cause that comes as the host toggles it stays pending.
        m.d.sync += self.isr.eq(
            (self.isr ^ Mux(self.write_isr, self.write_data[:2], 0)) | (self.ier & ended.replicate(2))
        )
        return m
