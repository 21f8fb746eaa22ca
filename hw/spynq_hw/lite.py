"""AXI4-Lite slave: turns bus transfers into one-cycle strobes."""

from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.axi import axi_lite

__all__ = ["LiteSlave"]


class LiteSlave(wiring.Component):
    """One write and one read at a time; every answer is OKAY.

    A write takes three cycles (address, data, response), a read two.

    Parameters
    ----------
    address_bits : int
        Bits of an address, 3 to 16. The lowest two are not looked at.

    Members
    -------
    bus : In(axi_lite(address_bits))
        The port.
    write : Out(1)
        ``write_data`` is to be stored at word ``write_word`` in this cycle, bytes as in
        ``write_strobe``.
    read : Out(1)
        ``read_data`` is taken at the end of this cycle; it belongs to word ``read_word``.
    """

    def __init__(self, address_bits: int) -> None:
        if not 3 <= address_bits <= 16:
            raise ValueError(f"a control port has 3 to 16 address bits, not {address_bits}")
        self.address_bits = address_bits
        super().__init__(
            {
                "bus": In(axi_lite(address_bits)),
                "write": Out(1),
                "write_word": Out(address_bits - 2),
                "write_data": Out(32),
                "write_strobe": Out(4),
                "read": Out(1),
                "read_word": Out(address_bits - 2),
                "read_data": In(32),
            }
        )
        self.addressed = Signal()

    def elaborate(self, platform: object) -> Module:
        m = Module()
        bus = self.bus
        addressed = self.addressed

        m.d.comb += [
            bus.awready.eq(~addressed),
            # Data is taken after its address, and not before the last response is gone.
            bus.wready.eq(addressed & ~bus.bvalid),
            self.write.eq(bus.wvalid & bus.wready),
            self.write_data.eq(bus.wdata),
            self.write_strobe.eq(bus.wstrb),
            bus.arready.eq(~bus.rvalid),
            self.read.eq(bus.arvalid & bus.arready),
            self.read_word.eq(bus.araddr[2:]),
        ]
        with m.If(bus.bready):
            m.d.sync += bus.bvalid.eq(0)
        with m.If(self.write):
            m.d.sync += [addressed.eq(0), bus.bvalid.eq(1)]
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += [addressed.eq(1), self.write_word.eq(bus.awaddr[2:])]
        with m.If(bus.rready):
            m.d.sync += bus.rvalid.eq(0)
        with m.If(self.read):
            m.d.sync += [bus.rvalid.eq(1), bus.rdata.eq(self.read_data)]
        return m
