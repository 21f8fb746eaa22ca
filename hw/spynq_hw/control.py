"""The register bank of a kernel, made from its declaration."""

from collections.abc import Mapping

from amaranth import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out, connect, flipped

from spynq.contract import STATUS_FLAGS, Kernel, Register
from spynq_hw.axi import axi_lite
from spynq_hw.core import ADDRESS_BITS, own_registers
from spynq_hw.counters import STALLS, Counters
from spynq_hw.handshake import Handshake
from spynq_hw.lite import LiteSlave

__all__ = ["Control"]

_OWN_FLAGS_AT = 8


class Control(wiring.Component):
    """AXI4-Lite registers of a kernel: block control, identity, status, counters and its own.

    Reads of addresses that hold no register return 0, writes there do nothing, and all are
    answered OKAY. The kernel's own registers do not take writes while it runs, so that the core
    can use them all along.

    Parameters
    ----------
    kernel : Kernel
        The declaration.
    capabilities : mapping of str to int
        Value of every capability register.

    Members
    -------
    bus : In(axi_lite(kernel.address_width))
        The port.
    irq : Out(1)
        Interrupt, a level.
    start, running : Out(1)
        As in :class:`~spynq_hw.handshake.Handshake`.
    done, refused : In(1)
        From the core.
    flags : In(len(kernel.status_flags))
        From the core.
    registers : Out(wiring.Signature)
        To the core and from it.
    read_error, write_error : In(1)
        An error response has come.
    read_error_address, write_error_address : In(40)
        Address of its burst.
    waits_<cause> : In(1)
        As in :class:`~spynq_hw.counters.Counters`.
    """

    def __init__(self, kernel: Kernel, capabilities: Mapping[str, int]) -> None:
        declared = [name for name, _ in kernel.capabilities]
        if sorted(declared) != sorted(capabilities):
            raise ValueError(f"{kernel.name} declares capabilities {declared}, not {list(capabilities)}")
        self.kernel, self.capabilities = kernel, dict(capabilities)
        registers = {
            register.name.lower(): (Out if register.access == "rw" else In)(register.width)
            for register in own_registers(kernel)
        }
        super().__init__(
            {
                "bus": In(axi_lite(kernel.address_width)),
                "irq": Out(1),
                "start": Out(1),
                "running": Out(1),
                "done": In(1),
                "refused": In(1),
                "flags": In(len(kernel.status_flags)),
                "registers": Out(wiring.Signature(registers)),
                "read_error": In(1),
                "write_error": In(1),
                "read_error_address": In(ADDRESS_BITS),
                "write_error_address": In(ADDRESS_BITS),
                **{f"waits_{cause}": In(1) for cause in STALLS},
            }
        )
        self.slave = LiteSlave(kernel.address_width)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.slave = slave = self.slave
        m.submodules.handshake = handshake = Handshake()
        m.submodules.counters = counters = Counters()
        connect(m, flipped(self.bus), slave.bus)
        m.d.comb += [
            self.irq.eq(handshake.irq),
            self.start.eq(handshake.start),
            self.running.eq(handshake.running),
            handshake.done.eq(self.done),
            counters.start.eq(self.start),
            counters.running.eq(self.running),
            *(getattr(counters, f"waits_{c}").eq(getattr(self, f"waits_{c}")) for c in STALLS),
        ]
        values = self._constants() | self._block_control(m, slave, handshake) | self._status(m)
        values |= {
            "CYCLES_LO": counters.cycles[:32],
            "CYCLES_HI": counters.cycles[32:],
            **{f"STALL_{cause.upper()}": getattr(counters, f"stall_{cause}") for cause in STALLS},
            **self._writable(m, slave),
        }
        with m.Switch(slave.read_word):
            for register in self.kernel.all_registers():
                with m.Case(register.offset >> 2):
                    m.d.comb += slave.read_data.eq(values[register.name])
        return m

    def _constants(self) -> dict[str, Value]:
        words = {"ID": self.kernel.ident_word, "VERSION": self.kernel.version_word} | self.capabilities
        return {name: Const(word, 32) for name, word in words.items()}

    def _block_control(self, m: Module, slave: LiteSlave, handshake: Handshake) -> dict[str, Value]:
        writes = {
            "CTRL": handshake.write_ctrl,
            "GIER": handshake.write_gier,
            "IP_IER": handshake.write_ier,
            "IP_ISR": handshake.write_isr,
        }
        m.d.comb += handshake.write_data.eq(slave.write_data)
        for name, write in writes.items():
            hit = slave.write_word == self.kernel.offset(name) >> 2
            m.d.comb += write.eq(slave.write & slave.write_strobe[0] & hit)
        m.d.comb += handshake.read_ctrl.eq(slave.read & (slave.read_word == self.kernel.offset("CTRL") >> 2))
        return {
            "CTRL": handshake.ctrl,
            "GIER": handshake.gier,
            "IP_IER": handshake.ier,
            "IP_ISR": handshake.isr,
        }

    def _status(self, m: Module) -> dict[str, Value]:
        errors = Signal(2)
        refused = Signal()
        flags = Signal(len(self.kernel.status_flags))
        address = Signal(ADDRESS_BITS)

        with m.If(self.start):
            m.d.sync += [errors.eq(0), refused.eq(0), flags.eq(0)]
        with m.Elif(self.read_error | self.write_error):
            m.d.sync += errors.eq(errors | Cat(self.read_error, self.write_error))
            # Only the first error of a run says where things began to go wrong.
            with m.If(errors == 0):
                m.d.sync += address.eq(
                    Mux(self.read_error, self.read_error_address, self.write_error_address)
                )
        with m.If(self.running & self.done):
            m.d.sync += [refused.eq(self.refused), flags.eq(self.flags)]
        common = Cat(errors, refused)
        gap = Const(0, _OWN_FLAGS_AT - len(STATUS_FLAGS))
        return {
            "STATUS": Cat(common, gap, flags),
            "ERROR_LO": address[:32],
            "ERROR_HI": address[32:],
        }

    def _writable(self, m: Module, slave: LiteSlave) -> dict[str, Value]:
        scratch = self.kernel.register("SCRATCH")
        values: dict[str, Value] = {scratch.name: self._bank(m, slave, scratch, Const(1))}
        for register in own_registers(self.kernel):
            port = getattr(self.registers, register.name.lower())
            values[register.name] = port
            if register.access == "rw":
                m.d.comb += port.eq(self._bank(m, slave, register, ~self.running))
        return values

    @staticmethod
    def _bank(m: Module, slave: LiteSlave, register: Register, open_: Value) -> Signal:
        held = Signal(register.width, init=register.reset, name=register.name.lower())
        with m.If(slave.write & open_ & (slave.write_word == register.offset >> 2)):
            for lane in range(0, register.width, 8):
                with m.If(slave.write_strobe[lane // 8]):
                    m.d.sync += held[lane : lane + 8].eq(slave.write_data[lane : lane + 8])
        return held
