"""Order of work of the second phase: which group, which four lanes, which bin comes next."""

from amaranth import Module, Mux, Signal
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out

from spynq.stm.params import L_BITS, StmConfig
from spynq_hw.stm.geometry import Geometry

__all__ = ["Replay", "step"]


def step(shape: Geometry) -> data.StructLayout:
    """What goes down the pipeline of the second phase in one cycle; all zero: nothing.

    ``sum`` adds the group to W, S1 and S2, which ``first`` clears before; ``count`` adds it to
    the bins; ``beat`` writes the weights of ``quad``; ``emit`` ends the population. ``drain``
    takes ``bin`` of all lanes instead, sums it, clears it, and ``show`` writes it. ``target``
    and ``chunk`` say which labels are counted, ``release`` that they are not needed again. With
    ``counts``, ``summed`` is true of the last group of the first lap.
    """
    return data.StructLayout(
        {
            "sum": 1,
            "first": 1,
            "count": 1,
            "beat": 1,
            "emit": 1,
            "drain": 1,
            "show": 1,
            "release": 1,
            "chunk": 1,
            "group": shape.group_bits,
            "quad": range(shape.quads),
            "target": 8,
            "bin": shape.label_bits,
            **({"summed": 1} if shape.config.counts else {}),
        }
    )


class Replay(wiring.Component):
    """Issues one step per cycle for each population whose minimum is known.

    A population is gone through once, or once per target when targets are counted; when weights
    are written, each group takes a step per four lanes. Then its bins are drained, one per cycle.
    After a reset the bins are cleared in cycles that nothing else wants.

    Parameters
    ----------
    config : StmConfig
        Build parameters.

    Members
    -------
    start : In(1)
        A run begins: its first population is chunk 0.
    groups : In, passes : In(9)
        Groups per population, and times each is gone through.
    final_quad : In
        Last four lanes that hold samples in the last group.
    histogram, count, weights, show : In(1), bins : In
        Bins are drained; samples are counted; weights are written; drained bins are written.
    labelled : In
        Groups whose labels are there.
    minimum : In(stream.Signature(24))
        Smallest log-likelihood of each population.
    record_room, beat_room, bin_room : In(1)
        Room for the result of a population, for four weights, for a bin.
    step : Out(step), l_min : Out(24), address : Out(range(ring))
        Step of this cycle, the minimum it goes with, and the place of its group in the ring.
    open : Out(1)
        The step is the first of its population.
    take_beat, take_bin : Out(1)
        The step will use the room.
    free : Out(1)
        The place in the ring is not needed again.
    busy : Out(1)
        A population is at work or its bins are being drained.
    shares, held : In(1)
        Only with ``counts``: the first lap does not count; the second may not begin yet.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.geometry = shape = Geometry(config)
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
                "labelled": In(range(shape.groups + 1)),
                "minimum": In(stream.Signature(L_BITS)),
                "record_room": In(1),
                "beat_room": In(1),
                "bin_room": In(1),
                "step": Out(step(shape)),
                "l_min": Out(L_BITS),
                "address": Out(range(shape.ring)),
                "open": Out(1),
                "take_beat": Out(1),
                "take_bin": Out(1),
                "free": Out(1),
                "busy": Out(1),
                **({"shares": In(1), "held": In(1)} if config.counts else {}),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        shape = self.geometry
        go, draining, dirty = Signal(), Signal(), Signal(init=1)
        group, quad = Signal(shape.group_bits), Signal(range(shape.quads))
        held, counts = Signal(), Signal()
        lap, base, chunk = Signal(8), Signal(range(shape.ring)), Signal()
        last_group, last_quad, last_lap, first, last = (Signal() for _ in range(5))

        m.d.comb += [
            self.busy.eq(self.minimum.valid | draining),
            go.eq(
                self.minimum.valid
                & ~draining
                & (self.record_room | ~first)
                & (self.beat_room | ~self.weights)
                & (~self.histogram | (~dirty & (group < self.labelled)))
                & ~held
            ),
            first.eq((group == 0) & (quad == 0) & (lap == 0)),
            last_group.eq(group == self.groups - 1),
            last_quad.eq(~self.weights | (quad == Mux(last_group, self.final_quad, shape.quads - 1))),
            last_lap.eq(lap == self.passes - 1),
            last.eq(last_group & last_quad & last_lap),
            self.minimum.ready.eq(go & last),
            self.l_min.eq(self.minimum.payload),
            self.address.eq(base + group),
            self.open.eq(go & first),
            self.free.eq(go & last_quad & last_lap),
        ]
        with m.If(go):
            m.d.sync += quad.eq(quad + 1)
            with m.If(last_quad):
                m.d.sync += [quad.eq(0), group.eq(group + 1)]
                with m.If(last_group):
                    m.d.sync += [group.eq(0), lap.eq(lap + 1)]
                    with m.If(last_lap):
                        m.d.sync += [
                            lap.eq(0),
                            chunk.eq(~chunk),
                            base.eq(base + self.groups),
                            draining.eq(self.histogram),
                        ]
        with m.If(self.start):
            m.d.sync += chunk.eq(0)
        beat = self.weights & self._beat_complete(group, last_group)
        m.d.comb += [
            self.take_beat.eq(go & beat),
            self.step.sum.eq(go & (quad == 0) & (lap == 0)),
            self.step.first.eq(first | ~go),
            self.step.count.eq(go & counts & (quad == 0)),
            self.step.beat.eq(self.take_beat),
            self.step.emit.eq(go & last),
            self.step.release.eq(go & last),
            self.step.chunk.eq(chunk),
            self.step.group.eq(group),
            self.step.quad.eq(quad),
            self.step.target.eq(lap),
        ]
        m.d.comb += counts.eq(self.count)
        if self.config.counts:
            m.d.comb += [
                counts.eq(self.count & ((lap != 0) | ~self.shares)),
                held.eq(self.shares & self.held & (lap != 0)),
                self.step.summed.eq(go & (lap == 0) & last_group & last_quad),
            ]
        self._drain(m, go, draining, dirty)
        return m

    def _beat_complete(self, group: Signal, last_group: Signal) -> object:
        """With fewer than four lanes several groups share a beat."""
        share = 4 // self.geometry.quad
        if share == 1:
            return 1
        bits = min(share.bit_length() - 1, len(group))
        return last_group | group[:bits].all()

    def _drain(self, m: Module, go: Signal, draining: Signal, dirty: Signal) -> None:
        position = Signal(range(self.config.bins))
        take = Signal()
        m.d.comb += [
            take.eq(Mux(draining, self.bin_room | ~self.show, dirty & ~go)),
            self.take_bin.eq(take & draining & self.show),
            self.step.drain.eq(take),
            self.step.show.eq(self.take_bin),
            self.step.bin.eq(position),
        ]
        with m.If(take):
            m.d.sync += position.eq(position + 1)
            with m.If(draining & (position == self.bins - 1)):
                m.d.sync += [draining.eq(0), position.eq(0)]
            with m.If(~draining & (position == self.config.bins - 1)):
                m.d.sync += [dirty.eq(0), position.eq(0)]
