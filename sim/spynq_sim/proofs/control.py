"""Promises of the register port, of block control, and of the register bank."""

from __future__ import annotations

from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.hdl import Assert, Cover

from spynq.contract import Kernel, Register
from spynq_hw.control import Control
from spynq_hw.handshake import Handshake
from spynq_hw.lite import LiteSlave
from spynq_sim.proofs.common import Harness, free, steady

__all__ = ["SMALL", "ControlProof", "HandshakeProof", "LiteProof"]

SMALL = Kernel(
    name="small",
    title="The least kernel with a register of each kind",
    ident="SMAL",
    version=(1, 0),
    registers=(
        Register("WIDE", 0x80, "rw", "Three bytes in part.", width=19, reset=0x12345),
        Register("SEEN", 0x84, "ro", "What the core shows."),
    ),
)
"""Kernel of the proof of the register bank."""


def _lite_rules(m: Module, bus: Any) -> tuple[Signal, Signal, Signal]:
    """Responses only after address and data, none lost, all steady and OKAY.

    Returns the addresses and words that are not answered yet, and the reads.
    """
    free(m, bus.awvalid, bus.awaddr, bus.wvalid, bus.wdata, bus.wstrb, bus.bready)
    free(m, bus.arvalid, bus.araddr, bus.rready)
    addresses, words, reads = Signal(2), Signal(2), Signal(2)
    answered = bus.bvalid & bus.bready
    m.d.sync += [
        addresses.eq(addresses + (bus.awvalid & bus.awready) - answered),
        words.eq(words + (bus.wvalid & bus.wready) - answered),
        reads.eq(reads + (bus.arvalid & bus.arready) - (bus.rvalid & bus.rready)),
    ]
    m.d.comb += [
        Assert(addresses <= 2),
        Assert(words <= 1),
        Assert(reads <= 1),
        Assert(bus.bvalid == ((addresses != 0) & (words != 0))),
        Assert(bus.rvalid == (reads != 0)),
        Assert(bus.bresp == 0),
        Assert(bus.rresp == 0),
    ]
    steady(m, bus.bvalid, bus.bready)
    steady(m, bus.rvalid, bus.rready, bus.rdata)
    return addresses, words, reads


class LiteProof(Harness):
    """:class:`~spynq_hw.lite.LiteSlave` answers every access once, and OKAY."""

    def state_promises(self, m: Module, block: LiteSlave) -> None:
        bus = block.bus
        free(m, block.read_data)
        addresses, words, _ = _lite_rules(m, bus)
        m.d.comb += [
            Assert(addresses == words + block.addressed),
            Assert(block.write == (bus.wvalid & bus.wready)),
            Assert(block.read == (bus.arvalid & bus.arready)),
        ]
        # The word that is written is that of the address before.
        target = Signal(len(block.write_word))
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += target.eq(bus.awaddr[2:])
        with m.If(block.addressed):
            m.d.comb += Assert(block.write_word == target)
        returned = Signal(32)
        with m.If(block.read):
            m.d.sync += returned.eq(block.read_data)
        with m.If(bus.rvalid):
            m.d.comb += Assert(bus.rdata == returned)
        # A next address is taken while the last response still waits, and no third.
        m.d.comb += Cover((addresses == 2) & bus.bvalid)
        writes = Signal(2)
        m.d.sync += writes.eq(writes + (bus.bvalid & bus.bready & ~writes.all()))
        m.d.comb += Cover(writes == 3)


class HandshakeProof(Harness):
    """:class:`~spynq_hw.handshake.Handshake` behaves as the HLS guide says."""

    def state_promises(self, m: Module, block: Handshake) -> None:
        free(m, block.done, block.write_ctrl, block.write_gier, block.write_ier, block.write_isr)
        free(m, block.write_data, block.read_ctrl)
        asked, done, ready, again, running = (Signal() for _ in range(5))
        ended = block.done & block.running
        starting = block.write_ctrl & block.write_data[0]
        m.d.sync += [
            asked.eq(starting | Mux(ended, again, asked)),
            done.eq(ended | (done & ~block.read_ctrl)),
            ready.eq(ended | (ready & ~block.read_ctrl)),
            again.eq(Mux(block.write_ctrl, block.write_data[7], again)),
            running.eq(block.running & ~block.done),
        ]
        ctrl = block.ctrl
        m.d.comb += [
            Assert(ctrl[0] == asked),
            Assert(ctrl[1] == done),
            Assert(ctrl[2] == ~(asked | running)),
            Assert(ctrl[3] == ready),
            Assert(ctrl[7] == again),
            Assert(ctrl[4:7] == 0),
            Assert(block.start == (asked & ~running)),
            Assert(block.running == (block.start | running)),
            # A run is never without its AP_START, so a start given in it is one start, not two.
            Assert(~running | asked),
            Assert(block.irq == (block.gier & block.isr.any())),
        ]
        for cause in range(2):
            pending, before = block.isr[cause], Signal(name=f"before{cause}")
            rises, toggles = Signal(name=f"rises{cause}"), Signal(name=f"toggles{cause}")
            m.d.sync += [
                before.eq(pending),
                rises.eq(ended & block.ier[cause]),
                toggles.eq(block.write_isr & block.write_data[cause]),
            ]
            m.d.comb += Assert(pending == (rises | (before ^ toggles)))
        m.d.comb += [Cover(ended & again), Cover(block.irq & ~running & done), Cover(ended & starting)]


class ControlProof(Harness):
    """:class:`~spynq_hw.control.Control` stores what is written where, and nothing else."""

    def state_promises(self, m: Module, block: Control) -> None:
        bus = block.bus
        free(m, block.done, block.refused, block.read_error, block.write_error, block.registers.seen)
        free(m, block.read_error_address, block.write_error_address)
        addresses, words, _ = _lite_rules(m, bus)
        m.d.comb += Assert(addresses == words + block.slave.addressed)

        wide = block.kernel.register("WIDE")
        target = Signal(10)
        stored = Signal(wide.width, init=wide.reset)
        with m.If(bus.awvalid & bus.awready):
            m.d.sync += target.eq(bus.awaddr[2:])
        with m.If(addresses > words):
            m.d.comb += Assert(block.slave.write_word == target)
        hit = bus.wvalid & bus.wready & (target == wide.offset >> 2)
        mask = sum(Mux(bus.wstrb[i], 0xFF << (8 * i), 0) for i in range(4))
        with m.If(hit & ~block.running):
            m.d.sync += stored.eq((bus.wdata & mask) | (stored & ~mask))
        m.d.comb += [
            Assert(block.registers.wide == stored),
            Cover(hit & block.running),
            Cover((stored == 0x7FF45) & block.running),
        ]

        asked, returned = Signal(10), Signal(32)
        with m.If(bus.arvalid & bus.arready):
            m.d.sync += asked.eq(bus.araddr[2:])
            m.d.sync += returned.eq(Mux(bus.araddr[2:] == wide.offset >> 2, stored, block.registers.seen))
        declared = [register.offset >> 2 for register in block.kernel.all_registers()]
        with m.If(bus.rvalid):
            with m.If((asked == wide.offset >> 2) | (asked == block.kernel.offset("SEEN") >> 2)):
                m.d.comb += Assert(bus.rdata == returned)
            with m.If(asked == block.kernel.offset("ID") >> 2):
                m.d.comb += Assert(bus.rdata == block.kernel.ident_word)
            with m.If(~asked.matches(*declared)):
                m.d.comb += Assert(bus.rdata == 0)
        m.d.comb += [
            Cover(bus.rvalid & (asked == wide.offset >> 2)),
            Cover(bus.rvalid & ~asked.matches(*declared)),
        ]
