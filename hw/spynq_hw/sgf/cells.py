"""ST core 1: a row of cells per clock, with its counts."""

from amaranth import Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import COUNT_LIMIT, SgfConfig

__all__ = ["COUNT_BITS", "Cells"]

COUNT_BITS = COUNT_LIMIT.bit_length()
_SUM = signed(5)

State = data.StructLayout({"v": 1, "u": 1, "late": 1, "later": 1})
"""Membrane, temporal membrane, and the spatial spikes of the last frame and of the one before."""


class Cells(wiring.Component):
    """Eq. 2 for a row of cells: sums of 3 x 3 pixels in, counts of spatio-temporal spikes kept.

    Golden model: :func:`spynq.sgf.cores.st_core_1`. The window of three frames looks forward, so the
    spike of a frame is known two frames late.

    Parameters
    ----------
    config : SgfConfig
        Uses ``size``.

    Members
    -------
    update, row : In
        Take ``sums`` for this row of cells; its state is written at the end of the cycle.
    sums : In(ArrayLayout(signed(5), grid))
        Sums of the blocks.
    first, known : In(1)
        First frame of the trial: all state counts as zero. From the third frame on a spike is known.
    counts : Out(ArrayLayout(7, grid))
        CNT of ``row``, in the same cycle, before an update.
    saturated : Out(1)
        Some count of this trial would have passed 127.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.grid = grid = config.grid
        super().__init__(
            {
                "update": In(1),
                "row": In(range(grid)),
                "sums": In(data.ArrayLayout(_SUM, grid)),
                "first": In(1),
                "known": In(1),
                "counts": Out(data.ArrayLayout(COUNT_BITS, grid)),
                "saturated": Out(1),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        style = {"ram_style": "distributed"}
        states = data.ArrayLayout(State, self.grid)
        m.submodules.state = state_memory = Memory(shape=states, depth=self.grid, init=[], attrs=style)
        m.submodules.count = count_memory = Memory(
            shape=data.ArrayLayout(COUNT_BITS, self.grid), depth=self.grid, init=[], attrs=style
        )
        state, new_state = Signal(states), Signal(states)
        new_counts = Signal(data.ArrayLayout(COUNT_BITS, self.grid))
        full = Signal(self.grid)
        for memory, old, new in (
            (state_memory, state, new_state),
            (count_memory, self.counts, new_counts),
        ):
            write, read = memory.write_port(), memory.read_port(domain="comb")
            m.d.comb += [
                write.addr.eq(self.row),
                read.addr.eq(self.row),
                write.en.eq(self.update),
                Value.cast(write.data).eq(Value.cast(new)),
                Value.cast(old).eq(Value.cast(read.data)),
            ]
        for cell in range(self.grid):
            self._cell(
                m,
                state[cell],
                self.counts[cell],
                self.sums[cell],
                new_state[cell],
                new_counts[cell],
                full[cell],
            )
        with m.If(self.update):
            m.d.sync += self.saturated.eq(full.any() | (self.saturated & ~self.first))
        return m

    def _cell(
        self,
        m: Module,
        old: data.View,
        count: Value,
        total: Value,
        new: data.View,
        new_count: Value,
        full: Value,
    ) -> None:
        fresh = ~self.first
        carried, few, spike = Signal(), Signal(), Signal()
        temporal, fires, spiked = Signal(3), Signal(), Signal()
        kept = Mux(self.first, 0, count)
        m.d.comb += [
            # Of the potential, total + carried, only 1 and "2 or more" matter; few is a total of 0 or 1.
            carried.eq(old.v & fresh),
            few.eq(~total[1:].any()),
            spike.eq((~total[-1] & ~few) | (few & total[0] & carried)),
            temporal.eq((old.u & fresh) + (old.later & fresh) + (old.late & fresh) + spike),
            fires.eq(self.known & temporal[1:].any()),
            spiked.eq(fires & old.later & fresh),
            full.eq(spiked & (count == COUNT_LIMIT)),
            new.v.eq(few & (total[0] ^ carried)),
            new.u.eq(self.known & ~fires & temporal[0]),
            new.late.eq(spike),
            new.later.eq(old.late & fresh),
            new_count.eq(kept + (spiked & (count != COUNT_LIMIT))),
        ]
