"""The temporal engine: the walk over the marginals and the paths that come of it."""

from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.sgf.params import SgfConfig
from spynq_hw.sgf.paths import Paths
from spynq_hw.sgf.scan import marginal_word, totals_layout
from spynq_hw.sgf.walk import Walk

__all__ = ["Engine"]


class Engine(wiring.Component):
    """Temporal statistics of a trial whose marginals are stored.

    Golden model: :func:`spynq.sgf.temporal.temporal`. Takes ``(frames - 1) * (size + 1)`` clocks and about
    300 more.

    Parameters
    ----------
    config : SgfConfig
        Build parameters.

    Members
    -------
    start, frames, least, busy
        Begin; busy from the next cycle on.
    frame, place, marginal, totals
        As in :class:`~spynq_hw.sgf.walk.Walk`.
    write, statistic_place, value
        A statistic.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.walk, self.paths = Walk(config), Paths(config)
        paths = self.paths.signature.members
        size = config.size
        super().__init__(
            {
                "start": In(1),
                "frames": In(range(config.frames + 1)),
                "least": In(14),
                "busy": Out(1),
                "frame": Out(range(config.frames)),
                "place": Out(range(size)),
                "marginal": In(marginal_word(size)),
                "totals": In(totals_layout(size)),
                "write": Out(1),
                "statistic_place": paths["place"],
                "value": paths["value"],
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.walk, m.submodules.paths = walk, paths = self.walk, self.paths
        m.d.comb += [
            walk.start.eq(self.start),
            walk.frames.eq(self.frames),
            walk.marginal.eq(self.marginal),
            walk.totals.eq(self.totals),
            walk.taken.eq(paths.taken),
            walk.hold.eq(paths.busy),
            paths.valid.eq(walk.valid),
            paths.sums.eq(walk.sums),
            paths.least.eq(self.least),
            paths.begin.eq(self.start),
            paths.frames.eq(self.frames),
            self.frame.eq(walk.frame),
            self.place.eq(walk.place),
            self.write.eq(paths.write),
            self.statistic_place.eq(paths.place),
            self.value.eq(paths.value),
            self.busy.eq(1),
        ]
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.busy.eq(0)
                with m.If(self.start):
                    m.next = "WALK"
            with m.State("WALK"):
                with m.If(~walk.busy & ~paths.busy):
                    m.d.comb += paths.finish.eq(1)
                    m.next = "FINISH"
            with m.State("FINISH"):
                with m.If(~paths.busy):
                    m.next = "IDLE"
        return m
