"""The shell around every kernel: ports, registers, memory and stream engines, counters."""

from functools import reduce
from operator import or_
from typing import Any

from amaranth import ClockDomain, ClockSignal, Const, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spynq.contract import Kernel, Master, Stream
from spynq_hw.axi import axi_full, axi_lite, axi_stream
from spynq_hw.control import Control
from spynq_hw.core import ADDRESS_BITS, Request, beat, core_signature, prefix
from spynq_hw.counters import STALLS
from spynq_hw.reader import Reader
from spynq_hw.streams import StreamIn, StreamOut
from spynq_hw.writer import Writer

__all__ = ["CONTROL_PORT", "Request", "Shell", "beat", "core_signature"]

CONTROL_PORT = "s_axi_control"
"""Name of the register port."""

_Waits = dict[str, list[Value]]


def _port_members(kernel: Kernel) -> dict[str, wiring.Member]:
    members: dict[str, wiring.Member] = {
        "aclk": In(1),
        "aresetn": In(1),
        "irq": Out(1),
        CONTROL_PORT: In(axi_lite(kernel.address_width)),
    }
    for master in kernel.masters:
        members[master.name] = Out(axi_full(ADDRESS_BITS, master.width))
    for port in kernel.streams:
        flow = In if port.direction == "in" else Out
        members[port.name] = flow(axi_stream(port.width))
    return members


class Shell(wiring.Component):
    """Top of a kernel: the core between its ports, in a clock domain of its own.

    Parameters
    ----------
    core : wiring.Component
        The kernel: has ``kernel``, ``config`` and the members of
        :func:`~spynq_hw.core.core_signature`.
    outstanding : int
        Bursts in flight per direction of a memory port, a power of two from 2 to 64.

    Members
    -------
    aclk, aresetn : In(1)
        The clock, and the reset (active low, synchronous).
    irq : Out(1)
        Interrupt, a level.
    s_axi_control : In(axi_lite(12))
        Registers.
    <master> : Out(axi_full(40, width))
        Memory ports by their names.
    <stream> : In or Out(axi_stream(width))
        Stream ports by their names.
    """

    def __init__(self, core: Any, outstanding: int = 16) -> None:
        self.core, self.outstanding = core, outstanding
        self.kernel: Kernel = core.kernel
        super().__init__(_port_members(self.kernel))

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.domains.sync = ClockDomain()
        m.d.comb += [ClockSignal().eq(self.aclk), ResetSignal().eq(~self.aresetn)]
        m.submodules.core = core = self.core
        m.submodules.control = control = Control(self.kernel, core.config.capabilities())
        connect(m, flipped(getattr(self, CONTROL_PORT)), control.bus)
        connect(m, control.registers, core.registers)
        m.d.comb += [
            self.irq.eq(control.irq),
            core.start.eq(control.start),
            control.done.eq(core.done),
            control.flags.eq(core.flags),
            control.refused.eq(core.refused),
        ]
        waits: _Waits = {cause: [] for cause in STALLS}
        errors: list[tuple[Reader, Writer]] = []
        for master in self.kernel.masters:
            errors.append(self._connect_master(m, master, waits))
        for port in self.kernel.streams:
            self._connect_stream(m, port, waits)
        self._report_errors(m, control, errors)
        for cause, terms in waits.items():
            m.d.comb += getattr(control, f"waits_{cause}").eq(reduce(or_, terms, Const(0)))
        return m

    def _connect_master(self, m: Module, master: Master, waits: _Waits) -> tuple[Reader, Writer]:
        name, core = prefix(master), self.core
        m.submodules[f"{name}_reader"] = reader = Reader(master.width, self.outstanding)
        m.submodules[f"{name}_writer"] = writer = Writer(master.width, self.outstanding)
        bus = getattr(self, master.name)
        for engine in (reader, writer):
            for member, flow in engine.bus.signature.members.items():
                inner, outer = getattr(engine.bus, member), getattr(bus, member)
                m.d.comb += outer.eq(inner) if flow.flow == Out else inner.eq(outer)
        data, store = getattr(core, f"{name}_data"), getattr(core, f"{name}_store")
        connect(m, getattr(core, f"{name}_read"), reader.request)
        connect(m, getattr(core, f"{name}_write"), writer.request)
        connect(m, reader.data, data)
        connect(m, store, writer.store)
        m.d.comb += [
            getattr(core, f"{name}_idle").eq(writer.idle),
            writer.fence.eq(getattr(core, f"{name}_fence")),
            getattr(core, f"{name}_fenced").eq(writer.fenced),
        ]
        waits["read"].append(data.ready & ~data.valid)
        waits["write"].append(store.valid & ~store.ready)
        return reader, writer

    def _connect_stream(self, m: Module, port: Stream, waits: _Waits) -> None:
        outer, inner = getattr(self, port.name), getattr(self.core, port.name)
        if port.direction == "in":
            m.submodules[port.name] = adapter = StreamIn(port.width)
            connect(m, flipped(outer), adapter.bus)
            connect(m, adapter.o, inner)
            waits["in"].append(inner.ready & ~inner.valid)
        else:
            m.submodules[port.name] = adapter = StreamOut(port.width)
            connect(m, inner, adapter.i)
            connect(m, adapter.bus, flipped(outer))
            waits["out"].append(inner.valid & ~inner.ready)

    @staticmethod
    def _report_errors(m: Module, control: Control, errors: list[tuple[Reader, Writer]]) -> None:
        for reader, writer in reversed(errors):
            # Later statements win, so the first port is the one reported.
            with m.If(reader.error):
                m.d.comb += [control.read_error.eq(1), control.read_error_address.eq(reader.error_address)]
            with m.If(writer.error):
                m.d.comb += [control.write_error.eq(1), control.write_error_address.eq(writer.error_address)]
