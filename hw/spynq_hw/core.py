"""What the shell and the core of a kernel say to each other.

A core is a component built as ``Core(config)`` with an attribute ``kernel``, its declaration,
and the members that :func:`core_signature` makes from it.
"""

from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.contract import KERNEL_BASE, Kernel, Master, Register

__all__ = ["ADDRESS_BITS", "Request", "beat", "core_signature", "own_registers", "prefix"]

ADDRESS_BITS = 40
"""Bits of a memory address."""

Request = data.StructLayout({"address": ADDRESS_BITS, "beats": 32})
"""A run of bus words: byte address, a multiple of the bus word, and how many words, at least 1."""


def beat(width: int) -> data.StructLayout:
    """Payload of a stream port: ``data`` of ``width`` bits and ``last``."""
    return data.StructLayout({"data": width, "last": 1})


def prefix(master: Master) -> str:
    """Member name of a memory port: its name without ``m_axi_``."""
    return master.name.removeprefix("m_axi_")


def own_registers(kernel: Kernel) -> tuple[Register, ...]:
    """Registers of the kernel itself, those that the core sees."""
    for register in kernel.registers:
        if register.offset < KERNEL_BASE or register.access not in ("rw", "ro"):
            raise ValueError(
                f"{kernel.name}: {register.name} is {register.access} at {register.offset:#x}; "
                f"a kernel's own registers are rw or ro and start at {KERNEL_BASE:#x}"
            )
    return kernel.registers


def core_signature(kernel: Kernel) -> wiring.Signature:
    """Members of the core of ``kernel``, as the core sees them.

    Members
    -------
    start : In(1)
        One-cycle pulse; the registers keep their values from it until ``done``.
    done : Out(1)
        One-cycle pulse; never before all that was written has been acknowledged.
    registers : In(wiring.Signature)
        A signal per register of the kernel, in lower case: ``rw`` come in, ``ro`` go out.
    flags : Out(len(kernel.status_flags))
        The kernel's own STATUS flags, looked at in the cycle of ``done``.
    refused : Out(1)
        The register values did not fit; looked at in the cycle of ``done``.
    <port>_read, <port>_write : Out(stream.Signature(Request))
        Per memory port (name without ``m_axi_``): runs of words to read or to write.
    <port>_data : In(stream.Signature(width))
        The words asked for, in order; always as many as were asked for, also after an error.
    <port>_store : Out(stream.Signature(width))
        The words to write, in order.
    <port>_idle : In(1)
        1 when every write request taken so far is written and acknowledged. It falls in the
        cycle after a request was taken.
    <port>_fence : Out(1), <port>_fenced : In(1)
        With a write request: remember it; and 1 when every request taken before the one remembered last
        is written and acknowledged. It falls in the cycle after.
    <stream> : In or Out(stream.Signature(beat(width)))
        Per stream port.
    """
    registers = {
        register.name.lower(): (Out if register.access == "rw" else In)(register.width)
        for register in own_registers(kernel)
    }
    members = {
        "start": In(1),
        "done": Out(1),
        "registers": In(wiring.Signature(registers)),
        "flags": Out(len(kernel.status_flags)),
        "refused": Out(1),
    }
    for master in kernel.masters:
        name = prefix(master)
        members |= {
            f"{name}_read": Out(stream.Signature(Request)),
            f"{name}_data": In(stream.Signature(master.width)),
            f"{name}_write": Out(stream.Signature(Request)),
            f"{name}_store": Out(stream.Signature(master.width)),
            f"{name}_idle": In(1),
            f"{name}_fence": Out(1),
            f"{name}_fenced": In(1),
        }
    for port in kernel.streams:
        flow = In if port.direction == "in" else Out
        members[port.name] = flow(stream.Signature(beat(port.width)))
    return wiring.Signature(members)
