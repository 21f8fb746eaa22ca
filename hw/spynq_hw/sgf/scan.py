"""Row scan of a frame: ST core 1, ST core 2, and the marginals of every frame of a trial."""

from enum import IntEnum

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.sgf.params import CORE_BLOCK, SgfConfig
from spynq_hw.sgf.buffer import pixel_row
from spynq_hw.sgf.cells import COUNT_BITS, Cells

__all__ = ["Job", "Scan", "marginal_word", "totals_layout"]


class Job(IntEnum):
    """What a scan does."""

    FRAME = 0
    """Read and clear a buffer, and go through both cores."""
    CLEAR = 1
    """Read and clear a buffer."""
    FLUSH = 2
    """An empty frame through ST core 1 alone."""


def marginal_word(size: int) -> data.StructLayout:
    """Marginals at one place: row counts of both halves, column count."""
    half = exact_log2(size)
    return data.StructLayout({"left": half, "right": half, "column": half + 1})


def totals_layout(size: int) -> data.StructLayout:
    """Active pixels of both halves of a frame."""
    return data.StructLayout({"left": 2 * exact_log2(size), "right": 2 * exact_log2(size)})


def _ones(bits: Value) -> Value:
    """Set bits, by a tree of adders."""
    terms: list[Value] = [bits[i] for i in range(len(bits))]
    while len(terms) > 1:
        terms = [a + b for a, b in zip(terms[::2], terms[1::2], strict=False)] + terms[len(terms) & ~1 :]
    return terms[0]


class Scan(wiring.Component):
    """Goes through a frame, one row per clock, and keeps what a trial shows.

    Golden models: :func:`spynq.sgf.cores.st_core_1`, ``st_core_2`` and ``marginals``. A frame takes
    ``size`` clocks of the buffer; the next may follow at once. Its marginals are complete ``size`` + 5
    clocks after its last row.

    Parameters
    ----------
    config : SgfConfig
        Uses ``size`` and ``frames``.

    Members
    -------
    start, job, index : In
        Begin; ``index`` is the number of the frame in its trial (of the flushes: those behind it).
    rows : Out(1)
        Rows are being read: no start is taken, and the buffer is not free.
    busy : Out(1)
        Something is still on its way to the memories of the trial.
    row, pixels : Out, In
        The buffer; ``pixels`` belongs to ``row`` of the same cycle.
    cell_row, counts, saturated : In, Out, Out
        CNT, while not busy.
    frame, place, marginal, totals : In, In, Out, Out
        Marginals of a frame at a place, and its totals, one cycle later, while not busy.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config, self.cells = config, Cells(config)
        size, grid = config.size, config.grid
        super().__init__(
            {
                "start": In(1),
                "job": In(Job),
                "index": In(range(config.frames + 2)),
                "rows": Out(1),
                "busy": Out(1),
                "row": Out(range(size)),
                "pixels": In(pixel_row(size)),
                "cell_row": In(range(grid)),
                "counts": Out(data.ArrayLayout(COUNT_BITS, grid)),
                "saturated": Out(1),
                "frame": In(range(config.frames)),
                "place": In(range(size)),
                "marginal": Out(marginal_word(size)),
                "totals": Out(totals_layout(size)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        size = self.config.size
        job, index = Signal(Job), Signal.like(self.index)
        self._stage = Signal(3)  # something in the stages behind the rows
        last = Signal()
        m.submodules.cells = self.cells
        m.d.comb += last.eq(self.row == Mux(job == Job.FLUSH, self.config.grid - 1, size - 1))
        with m.If(self.start):
            m.d.sync += [self.rows.eq(1), self.row.eq(0), job.eq(self.job), index.eq(self.index)]
        with m.Elif(self.rows):
            m.d.sync += self.row.eq(self.row + 1)
            with m.If(last):
                m.d.sync += [self.rows.eq(0), self.row.eq(0)]
        # Stage 1 holds the pixels of a row and knows which.
        pixels, row, at = Signal(pixel_row(size)), Signal(range(size)), Signal.like(index)
        is_frame, is_flush = Signal(), Signal()
        m.d.sync += [
            pixels.eq(self.pixels),
            row.eq(self.row),
            at.eq(index),
            is_frame.eq(self.rows & (job == Job.FRAME)),
            is_flush.eq(self.rows & (job == Job.FLUSH)),
        ]
        self._core_1(m, pixels, row, at, is_frame, is_flush)
        drains = self._core_2(m, pixels, row, at, is_frame)
        m.d.sync += self._stage.eq(Cat(is_frame | is_flush, self._stage[:2]))
        goes = self.rows & (job != Job.CLEAR)
        m.d.comb += self.busy.eq(goes | is_frame | is_flush | self._stage.any() | drains)
        return m

    def _core_1(
        self, m: Module, pixels: data.View, row: Signal, at: Signal, is_frame: Signal, is_flush: Signal
    ) -> None:
        grid = self.config.grid
        part, cell_row = Signal(range(CORE_BLOCK)), Signal(range(grid + 1))
        sums = Signal(data.ArrayLayout(signed(5), grid))
        update, update_row, first, known = Signal(), Signal(range(grid)), Signal(), Signal()
        whole = Signal()
        m.d.comb += whole.eq((part == CORE_BLOCK - 1) & (cell_row < grid))
        with m.If(is_frame):
            with m.If(row == 0):
                m.d.sync += [part.eq(1), cell_row.eq(0)]
            with m.Elif(part == CORE_BLOCK - 1):
                m.d.sync += [part.eq(0), cell_row.eq(cell_row + 1)]
            with m.Else():
                m.d.sync += part.eq(part + 1)
        for cell in range(grid):
            block = [pixels[CORE_BLOCK * cell + i] for i in range(CORE_BLOCK)]
            bright = sum(p.present & p.bright for p in block)
            dark = sum(p.present & ~p.bright for p in block)
            before = Mux((row == 0) | (part == 0), Const(0, signed(5)), sums[cell])
            with m.If(is_frame):
                m.d.sync += sums[cell].eq(before + bright - dark)
            with m.Elif(is_flush):
                m.d.sync += sums[cell].eq(0)
        m.d.sync += [
            update.eq((is_frame & (row != 0) & whole) | is_flush),
            update_row.eq(Mux(is_flush, row, cell_row)),
            first.eq(at == 0),
            known.eq(at >= 2),
        ]
        cells = self.cells
        m.d.comb += [
            cells.update.eq(update),
            cells.row.eq(Mux(update, update_row, self.cell_row)),
            Value.cast(cells.sums).eq(Value.cast(sums)),
            cells.first.eq(first),
            cells.known.eq(known),
            Value.cast(self.counts).eq(Value.cast(cells.counts)),
            self.saturated.eq(cells.saturated),
        ]

    def _core_2(self, m: Module, pixels: data.View, row: Signal, at: Signal, is_frame: Signal) -> Value:
        size = self.config.size
        present = Cat(pixels[i].present for i in range(size))
        m.submodules.before = before = Memory(
            shape=size, depth=size, init=[], attrs={"ram_style": "distributed"}
        )
        write, read = before.write_port(), before.read_port(domain="comb")
        both, both_row, begins, ends = Signal(size), Signal(range(size)), Signal(), Signal()
        both_valid, frame = Signal(), Signal(range(self.config.frames))
        m.d.comb += [
            write.addr.eq(row),
            read.addr.eq(row),
            write.data.eq(present),
            write.en.eq(is_frame),
        ]
        m.d.sync += [
            both.eq(present & read.data),
            both_row.eq(row),
            both_valid.eq(is_frame & (at != 0)),
            begins.eq(row == 0),
            ends.eq(is_frame & (at != 0) & (row == size - 1)),
            frame.eq(at - 1),
        ]
        self._row_counts(m, both, both_row, both_valid, begins, ends, frame)
        return self._column_counts(m, both, both_valid, begins, ends, frame)

    def _row_counts(
        self, m: Module, both: Signal, row: Signal, valid: Signal, begins: Signal, ends: Signal, frame: Signal
    ) -> None:
        size = self.config.size
        half = size // 2
        word = marginal_word(size)
        bits = word["left"].width
        place, enable = Signal(range(size * self.config.frames)), Signal()
        left, right = Signal(bits), Signal(bits)
        starts, stops, at = Signal(), Signal(), Signal.like(frame)
        m.submodules.row_memory = memory = Memory(
            shape=2 * bits, depth=size * self.config.frames, init=[], attrs={"ram_style": "block"}
        )
        m.submodules.totals = kept = Memory(
            shape=totals_layout(size), depth=self.config.frames, init=[], attrs={"ram_style": "distributed"}
        )
        write, read, total_write = memory.write_port(), memory.read_port(), kept.write_port()
        total_read = kept.read_port(domain="comb")
        m.d.sync += [
            left.eq(_ones(both[:half])),
            right.eq(_ones(both[half:])),
            place.eq(Cat(row, frame)),
            enable.eq(valid),
            starts.eq(begins),
            stops.eq(ends),
            at.eq(frame),
        ]
        totals, sums = Signal(totals_layout(size)), Signal(totals_layout(size))
        m.d.comb += [
            sums.left.eq(Mux(starts, 0, totals.left) + left),
            sums.right.eq(Mux(starts, 0, totals.right) + right),
            write.addr.eq(place),
            write.data.eq(Cat(left, right)),
            write.en.eq(enable),
            total_write.addr.eq(at),
            Value.cast(total_write.data).eq(Value.cast(sums)),
            total_write.en.eq(stops),
            read.addr.eq(Cat(self.place, self.frame)),
            Cat(self.marginal.left, self.marginal.right).eq(read.data),
            total_read.addr.eq(self.frame),
        ]
        m.d.sync += Value.cast(self.totals).eq(Value.cast(total_read.data))
        with m.If(enable):
            m.d.sync += Value.cast(totals).eq(Value.cast(sums))

    def _column_counts(
        self, m: Module, both: Signal, valid: Signal, begins: Signal, ends: Signal, frame: Signal
    ) -> Value:
        """Count per column, and store the counts while the next frame is scanned."""
        size = self.config.size
        bits = marginal_word(size)["column"].width
        counts, held = (Signal(data.ArrayLayout(bits, size), name=n) for n in ("counts", "held"))
        complete, at = Signal(), Signal.like(frame)
        drains, place = Signal(), Signal(range(size))
        m.submodules.column_memory = memory = Memory(
            shape=bits, depth=size * self.config.frames, init=[], attrs={"ram_style": "block"}
        )
        write, read = memory.write_port(), memory.read_port()
        # The first row sets the counts: a reset of their upper bits instead of logic before every adder.
        with m.If(valid & begins):
            for x in range(size):
                m.d.sync += counts[x].eq(both[x])
        with m.Elif(valid):
            for x in range(size):
                m.d.sync += counts[x].eq(counts[x] + both[x])
        m.d.sync += complete.eq(ends)
        with m.If(complete):
            m.d.sync += [Value.cast(held).eq(Value.cast(counts)), drains.eq(1), place.eq(0)]
        with m.Elif(drains):
            m.d.sync += [place.eq(place + 1), drains.eq(place != size - 1)]
        with m.If(ends):
            m.d.sync += at.eq(frame)
        at_held = Signal.like(at)
        with m.If(complete):
            m.d.sync += at_held.eq(at)
        m.d.comb += [
            write.addr.eq(Cat(place, at_held)),
            write.data.eq(held[place]),
            write.en.eq(drains),
            read.addr.eq(Cat(self.place, self.frame)),
            self.marginal.column.eq(read.data),
        ]
        return drains | complete | valid
