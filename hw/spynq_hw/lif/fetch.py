"""One memory read port for several readers."""

from amaranth import Cat, Const, Module, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import ceil_log2

from spynq_hw.core import ADDRESS_BITS, Request
from spynq_hw.fifo import Queue
from spynq_hw.lif.records import BEAT

__all__ = ["ADDRESS", "Fetch", "Run"]

ADDRESS = 32
"""Bits of the address of a beat, counted from the base of a list."""
Run = data.StructLayout({"address": ADDRESS, "beats": 16})
"""A run of beats, at least one."""
_OPEN = 16


class Fetch(wiring.Component):
    """Grants requests, the first reader first, and hands every reader its own words in order.

    A reader that does not take its words holds up all others, so it asks for what it can take, or for what
    it is going to take without them.

    Parameters
    ----------
    readers : int
        At least 2.

    Members
    -------
    base : In(40)
        Byte address that beats count from.
    requests : In(stream.Signature(Run)).array(readers)
        Runs wanted.
    words : Out(stream.Signature(128)).array(readers)
        The words.
    read : Out(stream.Signature(Request)), data : In(stream.Signature(128))
        The memory port.
    """

    def __init__(self, readers: int) -> None:
        self.readers = readers
        super().__init__(
            {
                "base": In(ADDRESS_BITS),
                "requests": In(stream.Signature(Run)).array(readers),
                "words": Out(stream.Signature(BEAT)).array(readers),
                "read": Out(stream.Signature(Request)),
                "data": In(stream.Signature(BEAT)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        index = ceil_log2(self.readers)
        m.submodules.open = queue = Queue(data.StructLayout({"reader": index, "beats": 16}), _OPEN)
        chosen, wanted = Signal(index), Signal()
        run = Signal(Run)
        # An offer stands until it is taken, whoever comes in between.
        held, holder = Signal(), Signal(index)
        for reader in reversed(range(self.readers)):
            with m.If(self.requests[reader].valid):
                m.d.comb += [chosen.eq(reader), wanted.eq(1)]
        with m.If(held):
            m.d.comb += chosen.eq(holder)
        with m.Switch(chosen):
            for reader in range(self.readers):
                with m.Case(reader):
                    m.d.comb += [
                        run.eq(self.requests[reader].payload),
                        self.requests[reader].ready.eq(self.read.ready & queue.i.ready),
                    ]
        m.d.comb += [
            self.read.valid.eq(wanted & queue.i.ready),
            self.read.payload.address.eq(self.base + Cat(Const(0, 4), run.address)),
            self.read.payload.beats.eq(run.beats),
            queue.i.valid.eq(wanted & self.read.ready),
            queue.i.payload.reader.eq(chosen),
            queue.i.payload.beats.eq(run.beats),
        ]
        m.d.sync += [held.eq(self.read.valid & ~self.read.ready), holder.eq(chosen)]
        self._deliver(m, queue)
        return m

    def _deliver(self, m: Module, queue: Queue) -> None:
        got, last = Signal(16), Signal()
        m.d.comb += last.eq(got + 1 == queue.o.payload.beats)
        with m.Switch(queue.o.payload.reader):
            for reader in range(self.readers):
                with m.Case(reader):
                    m.d.comb += [
                        self.words[reader].valid.eq(self.data.valid & queue.o.valid),
                        self.data.ready.eq(self.words[reader].ready & queue.o.valid),
                    ]
        for reader in range(self.readers):
            m.d.comb += self.words[reader].payload.eq(self.data.payload)
        with m.If(self.data.valid & self.data.ready):
            m.d.sync += got.eq(got + 1)
            with m.If(last):
                m.d.sync += got.eq(0)
                m.d.comb += queue.o.ready.eq(1)
