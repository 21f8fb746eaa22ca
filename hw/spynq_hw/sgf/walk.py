"""The temporal engine, first half: every frame's marginals against those three frames earlier."""

from amaranth import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.sgf.params import SKIP, SgfConfig
from spynq_hw.sgf.scan import marginal_word, totals_layout

__all__ = ["REGIONS", "Walk", "frame_sums"]

REGIONS = 3
_AXES = 2
_RING = SKIP + 1


def frame_sums(size: int) -> data.StructLayout:
    """What a frame gives; arrays by region, or by region and axis (rows, then columns)."""
    bits = exact_log2(size)
    lanes = REGIONS * _AXES
    return data.StructLayout(
        {
            "difference": data.ArrayLayout(signed(2 * bits + 2), lanes),
            "seen": data.ArrayLayout(3 * bits, lanes),
            "occupied": data.ArrayLayout(bits + 1, lanes),
            "peak": data.ArrayLayout(bits + 1, lanes),
            "now": data.ArrayLayout(2 * bits + 1, REGIONS),
            "before": data.ArrayLayout(2 * bits + 1, REGIONS),
            "compared": 1,
            "opening": 1,
        }
    )


class Walk(wiring.Component):
    """Six lanes, rows and columns of three regions, take one place per clock.

    Golden models: :func:`spynq.sgf.temporal.difference` and the sums of
    :func:`~spynq.sgf.temporal.centroids`. The first moment needs no product: with ``seen``, the sum over
    all places of the active pixels up to there, it is ``size`` times those of the frame less ``seen``.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    start, frames, busy : In, In, Out
        Go through frames 0 to ``frames - 2``; the last one never has an active pixel.
    frame, place, marginal, totals : Out, Out, In, In
        Marginals and totals, one cycle later.
    valid, sums, taken, hold : Out, Out, In, In
        Sums of a frame, until they are taken, which must be at once: while ``hold`` says that they
        would not be, the walk waits before the end of a frame.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        size = config.size
        super().__init__(
            {
                "start": In(1),
                "frames": In(range(config.frames + 1)),
                "busy": Out(1),
                "frame": Out(range(config.frames)),
                "place": Out(range(size)),
                "marginal": In(marginal_word(size)),
                "totals": In(totals_layout(size)),
                "valid": Out(1),
                "taken": In(1),
                "hold": In(1),
                "sums": Out(frame_sums(size)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        size = self.config.size
        tags = data.StructLayout(
            {"valid": 1, "first": 1, "last": 1, "compared": 1, "opening": 1, "slot": 2, "place": range(size)}
        )
        tag, late_tag = Signal(tags), Signal(tags)
        left, issue, at_end, waits = Signal(), Signal(), Signal(), Signal()
        m.d.comb += [
            at_end.eq(self.place == size - 1),
            waits.eq((tag.valid & tag.last) | (late_tag.valid & late_tag.last) | self.valid | self.hold),
            # Between two frames a clock passes, in which the sums go back to 0.
            issue.eq(left & ~(at_end & waits) & ~(tag.valid & tag.last)),
            self.busy.eq(left | tag.valid | late_tag.valid | self.valid),
        ]
        with m.If(self.start):
            m.d.sync += [left.eq(self.frames > 1), self.frame.eq(0), self.place.eq(0)]
        with m.Elif(issue):
            m.d.sync += self.place.eq(self.place + 1)
            with m.If(at_end):
                m.d.sync += [self.frame.eq(self.frame + 1), left.eq(self.frame + 2 != self.frames)]
        m.d.sync += [
            tag.valid.eq(issue),
            tag.first.eq(self.place == 0),
            tag.last.eq(at_end),
            tag.compared.eq(self.frame >= SKIP),
            tag.opening.eq(self.frame == 0),
            tag.slot.eq(self.frame),
            tag.place.eq(self.place),
        ]
        earlier = self._ring(m, tag)
        m.d.sync += Value.cast(late_tag).eq(Value.cast(tag))
        self._lanes(m, tag, late_tag, earlier)
        return m

    def _ring(self, m: Module, tag: data.View) -> data.View:
        """The last frames' marginals; gives those of three frames earlier beside the present ones."""
        word = marginal_word(self.config.size)
        m.submodules.ring = ring = Memory(
            shape=word, depth=_RING * self.config.size, init=[], attrs={"ram_style": "block"}
        )
        write, read = ring.write_port(), ring.read_port()
        slot = Signal(2)
        earlier = Signal(word)
        m.d.comb += [
            slot.eq(self.frame + 1),
            read.addr.eq(Cat(self.place, slot)),
            write.addr.eq(Cat(tag.place, tag.slot)),
            Value.cast(write.data).eq(Value.cast(self.marginal)),
            write.en.eq(tag.valid),
            Value.cast(earlier).eq(Mux(tag.compared, Value.cast(read.data), 0)),
        ]
        return earlier

    def _spread(self, word: data.View, place: Value) -> list[Value]:
        """Rows and columns of left, right and whole."""
        right = place[-1]
        return [
            word.left,
            Mux(right, 0, word.column),
            word.right,
            Mux(right, word.column, 0),
            word.left + word.right,
            word.column,
        ]

    def _lanes(self, m: Module, tag: data.View, late: data.View, earlier: data.View) -> None:
        size = self.config.size
        bits = exact_log2(size)
        now = Signal(data.ArrayLayout(2 * bits + 1, REGIONS))
        history = [Signal(data.ArrayLayout(2 * bits + 1, REGIONS), name=f"history_{i}") for i in range(SKIP)]
        before = Signal(data.ArrayLayout(2 * bits + 1, REGIONS))
        totals = [self.totals.left, self.totals.right, self.totals.left + self.totals.right]
        with m.If(tag.valid & tag.first):
            for region, total in enumerate(totals):
                m.d.sync += now[region].eq(total)
            m.d.sync += Value.cast(before).eq(Mux(tag.compared, Value.cast(history[-1]), 0))
        with m.If(tag.valid & tag.last):
            for old, new in zip(history[1:], history, strict=False):
                m.d.sync += Value.cast(old).eq(Value.cast(new))
            m.d.sync += Value.cast(history[0]).eq(Value.cast(now))
        sums = self.sums
        lanes = zip(self._spread(self.marginal, tag.place), self._spread(earlier, tag.place), strict=True)
        for lane, (c, p) in enumerate(lanes):
            here, there = Signal(bits + 1, name=f"here_{lane}"), Signal(bits + 1, name=f"there_{lane}")
            m.d.sync += [here.eq(c), there.eq(p)]
            self._lane(m, lane, late.valid, here, there, before[lane // _AXES])
        with m.If(late.valid & late.last):
            m.d.sync += [
                self.valid.eq(1),
                sums.compared.eq(late.compared),
                sums.opening.eq(late.opening),
                Value.cast(sums.now).eq(Value.cast(now)),
                Value.cast(sums.before).eq(Value.cast(before)),
            ]
        with m.Elif(self.taken):
            m.d.sync += self.valid.eq(0)

    def _lane(self, m: Module, lane: int, valid: Value, here: Signal, there: Signal, before: Value) -> None:
        """Sums of a lane; all are 0 when a frame begins, since they were taken."""
        bits = exact_log2(self.config.size)
        sums = self.sums
        below, seen, upto, seen_now = (
            Signal(2 * bits + 1, name=f"{name}_{lane}") for name in ("below", "seen", "upto", "seen_now")
        )
        plus, minus = Signal(name=f"plus_{lane}"), Signal(name=f"minus_{lane}")
        # One adder: minus a number is its complement plus 1.
        step = Signal(bits + 1, name=f"step_{lane}")
        m.d.comb += [
            upto.eq(below + there),
            seen_now.eq(seen + here),
            plus.eq((below << 1) > before),
            minus.eq(before > (upto << 1)),
            step.eq(Mux(plus ^ minus, Mux(minus, ~here, here), 0)),
        ]
        carry = minus & ~plus
        difference = sums.difference[lane]
        carried = Cat(Const(1, 1), difference) + Cat(carry, step, carry.replicate(bits + 1))
        with m.If(self.taken):
            m.d.sync += [
                value.eq(0)
                for value in (below, seen, difference, sums.seen[lane], sums.occupied[lane], sums.peak[lane])
            ]
        with m.Elif(valid):
            m.d.sync += [
                below.eq(upto),
                seen.eq(seen_now),
                difference.eq(carried[1:]),
                sums.seen[lane].eq(sums.seen[lane] + seen_now),
                sums.occupied[lane].eq(sums.occupied[lane] + here.any()),
            ]
            with m.If(here > sums.peak[lane]):
                m.d.sync += sums.peak[lane].eq(here)
