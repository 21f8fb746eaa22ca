"""Back end of the sampling tree: minimum, exponential, sums and bins of whole populations."""

from amaranth import Cat, Const, Module, Mux, Signal, signed, unsigned
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out, connect

from spynq.stm.params import IMPOSSIBLE, L_BITS, SATZ_LIMIT, W_BITS, StmConfig
from spynq_hw.fifo import Queue
from spynq_hw.stm.bins import Bins
from spynq_hw.stm.exponential import Exponential, Square
from spynq_hw.stm.geometry import Geometry, group
from spynq_hw.stm.memory import LaneMemory
from spynq_hw.stm.replay import Replay, step
from spynq_hw.stm.trees import Minimum, Sum, depth

__all__ = ["BackEnd", "bin_sums", "result"]

_QUEUE = 16
"""Populations between the phases, and between the second phase and its results."""

_SETTINGS = (
    "start",
    "groups",
    "passes",
    "final_quad",
    "histogram",
    "count",
    "weights",
    "show",
    "bins",
    "labelled",
)

# Clocks after the step was issued.
_LABELS = 4
"""Labels are there."""
_WEIGHT = 5
"""Weights are there."""
_SQUARE = 7
"""Squares are there, two after the weights."""


def result(shape: Geometry) -> data.StructLayout:
    """Result of one population."""
    return data.StructLayout(
        {
            "w": shape.w_bits,
            "s1": signed(shape.s1_bits),
            "s2": shape.s2_bits,
            "l_min": L_BITS,
            "zero": 1,
            "satz": 1,
        }
    )


def bin_sums(shape: Geometry) -> data.StructLayout:
    """One bin, summed over the lanes."""
    return data.StructLayout({"h": shape.w_bits, "q": shape.s2_bits})


def _shares(shape: Geometry) -> dict[str, wiring.Member]:
    return {
        "shares": In(1),
        "held": In(1),
        "open": Out(1),
        "summed": Out(1),
        "total": Out(shape.w_bits),
        "share": Out(1),
        "shared": Out(data.ArrayLayout(W_BITS, shape.lanes)),
    }


class BackEnd(wiring.Component):
    """Keeps groups until the minimum of their population is known, then weighs, sums and counts.

    Both phases work at once, on different populations; nothing in them stalls, as steps are
    issued only when there is room for their results.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    start, groups, passes, final_quad, histogram, count, weights, show, bins, labelled
        As in :class:`~spynq_hw.stm.replay.Replay`.
    moments : In(1)
        The samples have a moment; else S1 is zero.
    room : Out(1), reserve : In(1)
        One group more can be sent; one is announced. Announced groups come in order, at any time.
    valid : In(1), group : In(group(lanes))
        A group.
    target_step, label_step : Out(step)
        Steps whose target and, one cycle later, whose labels are to be looked up.
    moment_group : Out, moment : In(ArrayLayout(signed(16), lanes))
        Group whose samples of column 0 are needed in the next cycle.
    labels : In(ArrayLayout(label_bits, lanes))
        Bins of the samples of ``label_step``, one cycle later.
    results : Out(stream.Signature(result))
        One per population.
    beats : Out(stream.Signature(ArrayLayout(17, 4)))
        Weights, four at a time.
    bin_sums : Out(stream.Signature(bin_sums))
        Bins of each population.
    release : Out(1)
        The labels of the oldest population are not needed again.
    busy : Out(1)
        Steps are still to be issued.
    shares, held : In(1), open : Out(1), summed : Out(1), total : Out, share : Out(1), shared : Out
        Only with ``counts``: samples are not counted in bins, but ``share`` says that ``shared`` are
        weights to be counted elsewhere; a population begins; ``total`` is its sum of weights.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.geometry = shape = Geometry(config)
        self._depth = depth(config.lanes)
        super().__init__(
            {
                "start": In(1),
                "groups": In(range(shape.groups + 1)),
                "passes": In(9),
                "final_quad": In(range(shape.quads)),
                "histogram": In(1),
                "count": In(1),
                "weights": In(1),
                "show": In(1),
                "bins": In(range(config.bins + 1)),
                "moments": In(1),
                "labelled": In(range(shape.groups + 1)),
                "room": Out(1),
                "reserve": In(1),
                "valid": In(1),
                "group": In(group(config.lanes)),
                "target_step": Out(step(shape)),
                "label_step": Out(step(shape)),
                "moment_group": Out(shape.group_bits),
                "moment": In(data.ArrayLayout(signed(16), config.lanes)),
                "labels": In(data.ArrayLayout(shape.label_bits, config.lanes)),
                "results": Out(stream.Signature(result(shape))),
                "beats": Out(stream.Signature(data.ArrayLayout(W_BITS, 4))),
                "bin_sums": Out(stream.Signature(bin_sums(shape))),
                "release": Out(1),
                "busy": Out(1),
                **(_shares(shape) if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.replay = replay = Replay(self.config)
        m.submodules.ring = ring = LaneMemory(L_BITS * self.config.lanes, self.geometry.ring)
        for name in _SETTINGS:
            m.d.comb += getattr(replay, name).eq(getattr(self, name))
        m.d.comb += self.busy.eq(replay.busy)
        self._collect(m, replay, ring)

        steps = [replay.step]
        for clock in range(_SQUARE + self._depth + 1):
            later = Signal(step(self.geometry), name=f"step{clock + 1}")
            m.d.sync += later.eq(steps[-1])
            steps.append(later)
        m.d.comb += [
            self.target_step.eq(steps[_LABELS - 2]),
            self.label_step.eq(steps[_LABELS - 1]),
            self.moment_group.eq(steps[_WEIGHT - 1].group),
            self.release.eq(steps[_WEIGHT].release),
        ]
        self._shared = self.shares if self.config.counts else Const(0)
        self._weigh(m, replay, ring, steps)
        return m

    def _collect(self, m: Module, replay: Replay, ring: LaneMemory) -> None:
        """First phase: groups into the ring, their minimum into a queue."""
        shape = self.geometry
        m.submodules.minimum = minimum = Minimum(self.config.lanes)
        m.submodules.minima = minima = Queue(L_BITS, _QUEUE)
        connect(m, minima.o, replay.minimum)
        place = Signal(range(shape.ring))
        reserved = Signal(range(shape.ring + 1))
        populations = Signal(range(_QUEUE + 1))
        position = Signal(shape.group_bits)
        opened = Signal()

        m.d.comb += [
            self.room.eq((reserved != shape.ring) & ((position != 0) | (populations != _QUEUE))),
            opened.eq(self.reserve & (position == 0)),
            ring.write_enable.eq(self.valid),
            ring.write_address.eq(place),
            ring.write_data.eq(self.group.l),
            ring.read_address.eq(replay.address),
            minimum.valid.eq(self.valid),
            minimum.last.eq(self.group.last),
            minimum.l.eq(self.group.l),
            minima.i.valid.eq(minimum.done),
            minima.i.payload.eq(minimum.l_min),
        ]
        m.d.sync += [
            reserved.eq(reserved + self.reserve - replay.free),
            populations.eq(populations + opened - (minima.o.valid & minima.o.ready)),
        ]
        with m.If(self.valid):
            m.d.sync += place.eq(place + 1)
        with m.If(self.reserve):
            m.d.sync += position.eq(position + 1)
            with m.If(position == self.groups - 1):
                m.d.sync += position.eq(0)

    def _weigh(self, m: Module, replay: Replay, ring: LaneMemory, steps: list[Signal]) -> None:
        """Second phase: lanes, then the sums over them."""
        shape, lanes = self.geometry, self.config.lanes
        moments = bool(self.config.terms or self.config.edge)
        m.submodules.sum_w = sum_w = Sum(lanes, unsigned(shape.h_bits), shape.w_bits)
        m.submodules.sum_s2 = sum_s2 = Sum(lanes, unsigned(shape.q_bits), shape.s2_bits)
        sums = [(sum_w, _WEIGHT), (sum_s2, _SQUARE)]
        if moments:
            m.submodules.sum_s1 = sum_s1 = Sum(lanes, signed(32), shape.s1_bits)
            sums.append((sum_s1, _WEIGHT + 1))
        for total, clock in sums:
            done = steps[clock + self._depth]
            m.d.comb += [total.add.eq(done.sum | done.show), total.first.eq(done.first)]
        l_min = Signal(L_BITS)
        m.d.sync += l_min.eq(replay.l_min)
        weights = []
        for lane in range(lanes):
            m.submodules[f"exponential{lane}"] = exponential = Exponential()
            weights.append(exponential.w)
            m.d.comb += [
                exponential.l.eq(ring.read_data.word_select(lane, L_BITS)),
                exponential.l_min.eq(l_min),
            ]
            self._lane(m, lane, exponential.w, steps, sum_w.values[lane], sum_s2.values[lane])
            if moments:
                product = Signal(signed(32), name=f"moment{lane}")
                m.d.sync += product.eq(Cat(exponential.w, 0).as_signed() * self.moment[lane])
                m.d.comb += sum_s1.values[lane].eq(product)
        if self.config.counts:
            m.d.comb += [
                replay.shares.eq(self.shares),
                replay.held.eq(self.held),
                self.open.eq(replay.open),
                self.summed.eq(steps[_WEIGHT + self._depth + 1].summed & self.shares),
                self.total.eq(sum_w.total),
                self.share.eq(steps[_WEIGHT].count & self.shares),
                Cat(self.shared).eq(Cat(weights)),
            ]
        self._weights(m, replay, weights, steps)
        self._results(m, replay, steps, sum_w.total, sum_s1.total if moments else None, sum_s2.total)

    def _lane(
        self, m: Module, lane: int, w: Signal, steps: list[Signal], to_w: Signal, to_s2: Signal
    ) -> None:
        """Square and bins of one lane; in a drain step the bins take the place of the weights."""
        config, shape = self.config, self.geometry
        m.submodules[f"square{lane}"] = square = Square()
        m.submodules[f"h{lane}"] = h = Bins(config.bins, W_BITS, shape.h_bits)
        m.submodules[f"q{lane}"] = q = Bins(config.bins, 2 * W_BITS - 1, shape.q_bits)
        label = self.labels[lane]
        now = steps[_LABELS]
        places = [Signal(shape.label_bits, name=f"bin{lane}_{i}") for i in range(3)]
        counted = [Signal(name=f"counted{lane}_{i}") for i in range(3)]
        with m.If(now.drain):
            m.d.sync += places[0].eq(now.bin)
        with m.Else():
            m.d.sync += places[0].eq(label)
        m.d.sync += [
            # Bins that are not written out are not counted either, so all bins end up clear.
            counted[0].eq(now.count & (label < self.bins) & ~self._shared),
            *(places[i + 1].eq(places[i]) for i in range(2)),
            *(counted[i + 1].eq(counted[i]) for i in range(2)),
        ]
        m.d.comb += [
            square.w.eq(w),
            h.bin.eq(places[0]),
            h.value.eq(w),
            h.add.eq(counted[0]),
            h.clear.eq(steps[_WEIGHT].drain),
            q.bin.eq(places[2]),
            q.value.eq(square.square),
            q.add.eq(counted[2]),
            q.clear.eq(steps[_SQUARE].drain),
        ]
        for port, value, bins, clock in ((to_w, w, h, _WEIGHT), (to_s2, square.square, q, _SQUARE)):
            with m.If(steps[clock].drain):
                m.d.comb += port.eq(bins.content)
            with m.Else():
                m.d.comb += port.eq(value)

    def _weights(self, m: Module, replay: Replay, weights: list[Signal], steps: list[Signal]) -> None:
        """Four weights per beat; with fewer lanes a beat is filled by several groups."""
        shape, now = self.geometry, steps[_WEIGHT]
        m.submodules.beats = beats = Queue(data.ArrayLayout(W_BITS, 4), 32)
        chosen = Signal(W_BITS * shape.quad)
        m.d.comb += chosen.eq(Cat(weights).word_select(now.quad, W_BITS * shape.quad))
        beat, full = Signal(4 * W_BITS), Signal()
        share = 4 // shape.quad
        if share == 1:
            m.d.sync += beat.eq(chosen)
        else:
            place = (now.group if len(now.group) >= share.bit_length() else Cat(now.group, 0))[
                : share.bit_length() - 1
            ]
            with m.If(now.sum):
                with m.If(place == 0):
                    m.d.sync += beat.eq(chosen)
                with m.Else():
                    m.d.sync += beat.word_select(place, len(chosen)).eq(chosen)
        m.d.sync += full.eq(now.beat)
        self._room(m, 32, replay.take_beat, self.beats, replay.beat_room, "beat")
        m.d.comb += [beats.i.payload.eq(beat), beats.i.valid.eq(full)]
        connect(m, beats.o, wiring.flipped(self.beats))

    @staticmethod
    def _room(m: Module, size: int, take: Signal, taken: stream.Interface, room: Signal, name: str) -> None:
        """Count what is under way to a queue, so that it never overflows."""
        used = Signal(range(size + 1), name=f"used_{name}")
        m.d.sync += used.eq(used + take - (taken.valid & taken.ready))
        m.d.comb += room.eq(used != size)

    def _results(
        self, m: Module, replay: Replay, steps: list[Signal], w: Signal, s1: Signal | None, s2: Signal
    ) -> None:
        shape, last = self.geometry, steps[_SQUARE + self._depth + 1]
        m.submodules.smallest = smallest = Queue(L_BITS, _QUEUE)
        m.submodules.results = results = Queue(result(shape), _QUEUE)
        m.submodules.bin_sums = sums = Queue(bin_sums(shape), 32)
        # The three sums end two, one and no cycles before the step does.
        w1, w2, s11 = Signal.like(w), Signal.like(w), Signal(signed(shape.s1_bits))
        m.d.sync += [w1.eq(w), w2.eq(w1)]
        if s1 is not None:
            m.d.sync += s11.eq(s1)
        l_min = smallest.o.payload
        zero = l_min == IMPOSSIBLE
        m.d.comb += [
            smallest.i.payload.eq(replay.l_min),
            smallest.i.valid.eq(replay.open),
            smallest.o.ready.eq(last.emit),
            results.i.valid.eq(last.emit),
            results.i.payload.w.eq(w2),
            results.i.payload.s1.eq(Mux(self.moments, s11, 0)),
            results.i.payload.s2.eq(s2),
            results.i.payload.l_min.eq(l_min),
            results.i.payload.zero.eq(zero),
            results.i.payload.satz.eq((l_min >= SATZ_LIMIT) & ~zero),
            sums.i.valid.eq(last.show),
            sums.i.payload.h.eq(w2),
            sums.i.payload.q.eq(s2),
        ]
        connect(m, results.o, wiring.flipped(self.results))
        connect(m, sums.o, wiring.flipped(self.bin_sums))
        self._room(m, _QUEUE, replay.open, self.results, replay.record_room, "record")
        self._room(m, 32, replay.take_bin, self.bin_sums, replay.bin_room, "bin")
