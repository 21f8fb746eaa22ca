"""Promises of the buffers: nothing lost, nothing added, order kept, offers steady."""

from __future__ import annotations

from typing import Any

from amaranth import Cat, Module, Signal, Value
from amaranth.asserts import AnyConst
from amaranth.hdl import Assert, Cover

from spynq_hw.fifo import Queue, Skid
from spynq_hw.streams import StreamIn, StreamOut
from spynq_sim.proofs.common import Harness, free, steady

__all__ = ["QueueProof", "SkidProof", "StreamInProof", "StreamOutProof"]


def _two_places(m: Module, skid: Skid, took: Any, word: Any, gave: Any, out: Any) -> Signal:
    """A plain two-place queue beside the skid buffer; returns how many beats it holds."""
    first, second = Signal(len(word)), Signal(len(word))
    count = Signal(2)
    m.d.sync += count.eq(count + took - gave)
    with m.If(gave):
        m.d.sync += first.eq(second)
    with m.If(took):
        with m.If((count - gave)[:2] == 0):
            m.d.sync += first.eq(word)
        with m.Else():
            m.d.sync += second.eq(word)
    m.d.comb += [
        Assert(count <= 2),
        Assert(skid.spare_full == (count == 2)),
        Assert(skid.o.valid == (count != 0)),
    ]
    with m.If(count != 0):
        m.d.comb += Assert(out == first)
    with m.If(count == 2):
        m.d.comb += Assert(Value.cast(skid.spare) == second)
    full_before = Signal()
    m.d.sync += full_before.eq(full_before | (count == 2))
    m.d.comb += Cover(full_before & (count == 0))
    return count


class SkidProof(Harness):
    """:class:`~spynq_hw.fifo.Skid` is a queue of two places with ready from a register."""

    def state_promises(self, m: Module, block: Skid) -> None:
        i, o = block.i, block.o
        free(m, i.valid, i.payload, o.ready)
        _two_places(m, block, i.valid & i.ready, i.payload, o.valid & o.ready, o.payload)
        m.d.comb += Assert(i.ready == ~block.spare_full)
        steady(m, o.valid, o.ready, o.payload)


class StreamInProof(Harness):
    """:class:`~spynq_hw.streams.StreamIn` hands every beat on, in order."""

    def state_promises(self, m: Module, block: StreamIn) -> None:
        bus, o = block.bus, block.o
        free(m, bus.tvalid, bus.tdata, bus.tlast, bus.tkeep, o.ready)
        word = Cat(bus.tdata, bus.tlast)
        _two_places(m, block.skid, bus.tvalid & bus.tready, word, o.valid & o.ready, Value.cast(o.payload))
        steady(m, o.valid, o.ready, o.payload)


class StreamOutProof(Harness):
    """:class:`~spynq_hw.streams.StreamOut` hands every beat on, in order, all bytes kept."""

    def state_promises(self, m: Module, block: StreamOut) -> None:
        bus, i = block.bus, block.i
        free(m, i.valid, i.payload, bus.tready)
        out = Cat(bus.tdata, bus.tlast)
        _two_places(m, block.skid, i.valid & i.ready, Value.cast(i.payload), bus.tvalid & bus.tready, out)
        m.d.comb += Assert(bus.tkeep.all())
        steady(m, bus.tvalid, bus.tready, bus.tdata, bus.tlast, bus.tkeep)


class QueueProof(Harness):
    """:class:`~spynq_hw.fifo.Queue`: a word put in any place comes out of it unchanged, in turn."""

    def state_promises(self, m: Module, block: Queue) -> None:
        i, o, depth = block.i, block.o, block.depth
        free(m, i.valid, i.payload, o.ready)
        place = Signal(range(depth))
        word = Signal(block.shape)
        level = Signal(range(2 * depth))
        probe = block.memory.read_port(domain="comb")
        m.d.comb += [place.eq(AnyConst(len(place))), probe.addr.eq(place)]
        m.d.comb += level.eq(block.head - block.tail)

        held = Signal()
        m.d.comb += held.eq((place - block.tail)[: len(place)] < level)
        with m.If(i.valid & i.ready & (block.head[: len(place)] == place)):
            m.d.sync += word.eq(i.payload)
        with m.If(held):
            m.d.comb += Assert(probe.data == word)
        with m.If(o.valid & (block.tail[: len(place)] == place)):
            m.d.comb += Assert(o.payload == word)

        counted = Signal(range(depth + 1))
        m.d.sync += counted.eq(counted + (i.valid & i.ready) - (o.valid & o.ready))
        m.d.comb += [
            Assert(counted <= depth),
            Assert(level == counted),
            Assert(o.valid == (counted != 0)),
            Assert(i.ready == (counted != depth)),
        ]
        steady(m, o.valid, o.ready, o.payload)
        was_full = Signal()
        m.d.sync += was_full.eq(was_full | (counted == depth))
        m.d.comb += Cover(was_full & (counted == 0))
