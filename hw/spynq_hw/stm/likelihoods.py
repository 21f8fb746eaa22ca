"""Log-likelihoods of the samples in flight; at the end of a chunk they leave as groups."""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.stm.params import CHUNK, L_BITS, StmConfig

__all__ = ["Likelihoods", "group_layout", "nll_layout"]

_SHALLOW = 64


def nll_layout(lanes: int) -> data.ArrayLayout:
    """One negative log2 likelihood per lane."""
    return data.ArrayLayout(L_BITS, lanes)


def group_layout(lanes: int) -> data.StructLayout:
    """A group of samples for the back end: ``l`` per lane, and ``last`` of its chunk."""
    return data.StructLayout({"l": nll_layout(lanes), "last": 1})


class Likelihoods(wiring.Component):
    """Running log-likelihoods, in two banks that serve as the queue to the back end as well.

    A chunk writes one bank while the groups of the chunk before leave the other, whenever the
    back end takes them. So the draws never wait for the back end in the middle of a chunk; a
    bank is not written again before the back end has released its chunk.

    Parameters
    ----------
    config : StmConfig
        Uses ``lanes``.

    Members
    -------
    clear : In(1)
        A run starts with bank 0; nothing is queued.
    read_bank, read_slot : In
        What to read.
    fresh : In(1)
        Answer 0 instead.
    stored : Out(nll_layout)
        The values, one cycle later.
    write, write_bank, write_slot, nll : In
        New values.
    push : In(1)
        With ``write``: these values are final. They come in the order of slots.
    groups : Out(stream.Signature(group_layout(lanes)))
        The final values.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.slots = CHUNK // config.lanes
        values = nll_layout(config.lanes)
        super().__init__(
            {
                "clear": In(1),
                "read_bank": In(1),
                "read_slot": In(range(self.slots)),
                "fresh": In(1),
                "stored": Out(values),
                "write": In(1),
                "write_bank": In(1),
                "write_slot": In(range(self.slots)),
                "nll": In(values),
                "push": In(1),
                "groups": Out(stream.Signature(group_layout(config.lanes))),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shallow = self.slots <= _SHALLOW
        width = L_BITS * self.config.lanes
        m.submodules.memory = memory = Memory(
            shape=width,
            depth=2 * self.slots,
            init=[],
            attrs={"ram_style": "distributed" if shallow else "block"},
        )
        write, leave = memory.write_port(), memory.read_port()
        stored = Signal(width, reset_less=shallow)
        if shallow:
            # The register after look-up tables clears at no cost, that of block RAM does not.
            read = memory.read_port(domain="comb")
            m.d.sync += stored.eq(Mux(self.fresh, 0, read.data))
        else:
            read = memory.read_port()
            fresh = Signal(reset_less=True)
            m.d.sync += fresh.eq(self.fresh)
            m.d.comb += stored.eq(Mux(fresh, 0, read.data))
        # One bit more than an address: equal means empty.
        head, tail = Signal(range(4 * self.slots)), Signal(range(4 * self.slots))
        free = Signal()

        m.d.comb += [
            write.en.eq(self.write),
            write.addr.eq(Cat(self.write_slot, self.write_bank)),
            write.data.eq(Cat(self.nll)),
            read.addr.eq(Cat(self.read_slot, self.read_bank)),
            self.stored.eq(stored),
            free.eq(~self.groups.valid | self.groups.ready),
            leave.addr.eq(head),
            leave.en.eq(free),
            self.groups.payload.l.eq(leave.data),
        ]
        with m.If(self.write & self.push):
            m.d.sync += tail.eq(tail + 1)
        with m.If(free):
            m.d.sync += [
                self.groups.valid.eq(head != tail),
                self.groups.payload.last.eq((head % self.slots) == self.slots - 1),
            ]
            with m.If(head != tail):
                m.d.sync += head.eq(head + 1)
        with m.If(self.clear):
            m.d.sync += [head.eq(0), tail.eq(0), self.groups.valid.eq(0)]
        return m
