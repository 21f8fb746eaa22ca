"""Flat front end: log-likelihoods of a resident population under Gaussian cues."""

from amaranth import Array, Module, Mux, Signal, signed
from amaranth.lib import data, stream, wiring
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.stm.params import MAX_GAIN_BITS, StmConfig
from spynq_hw.stm.cues import CUE, Cues
from spynq_hw.stm.geometry import Geometry, group
from spynq_hw.stm.lane import LogLikelihood
from spynq_hw.stm.population import Population

__all__ = ["Flat"]

_SQUARED = 5
"""Clocks from the issue of a group to its squares."""


class Flat(wiring.Component):
    """Streams the population through the lanes, once per evidence.

    A group of ``lanes`` samples takes ``ceil(terms / config.terms)`` cycles and comes out six
    cycles after its last pass was issued. The lanes never stall: a group is issued only when the
    back end has room for it. The first evidence follows the image while that is being loaded.

    Parameters
    ----------
    config : StmConfig
        Build parameters, with ``terms`` at least 1.

    Members
    -------
    start : In(1)
        A run begins.
    load, histogram, batch : In(1), samples : In, terms : In(4), evidences : In(24)
        Registers.
    registers : In(ArrayLayout(CUE, columns))
        Cues and gains of the registers.
    groups : In
        Groups per population, ``ceil(samples / lanes)``.
    image, beats : In(stream.Signature(128))
        Beats of the image and of the batch.
    loading : Out(1)
        Beats of the image are wanted.
    room : In(1), reserve : Out(1)
        The back end can take one group more; one is on its way.
    valid : Out(1), group : Out(group(lanes))
        A group.
    labelled : Out
        Groups whose labels are there.
    moment_group, moment, label_group, labels
        As in :class:`~spynq_hw.stm.population.Population`.
    """

    def __init__(self, config: StmConfig) -> None:
        self.config = config
        self.geometry = shape = Geometry(config)
        super().__init__(
            {
                "start": In(1),
                "load": In(1),
                "histogram": In(1),
                "batch": In(1),
                "samples": In(range(config.population + 1)),
                "terms": In(4),
                "evidences": In(24),
                "registers": In(data.ArrayLayout(CUE, config.columns)),
                "groups": In(range(shape.groups + 1)),
                "image": In(stream.Signature(128)),
                "beats": In(stream.Signature(128)),
                "loading": Out(1),
                "room": In(1),
                "reserve": Out(1),
                "valid": Out(1),
                "group": Out(group(config.lanes)),
                "labelled": Out(range(config.population // config.lanes + 1)),
                "moment_group": In(shape.group_bits),
                "moment": Out(data.ArrayLayout(signed(16), config.lanes)),
                "label_group": In(shape.group_bits),
                "labels": Out(data.ArrayLayout(shape.label_bits, config.lanes)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.population = population = Population(self.config)
        m.submodules.cues = cues = Cues(self.config.columns)
        m.d.comb += [
            population.start.eq(self.start & self.load),
            population.samples.eq(self.samples),
            population.terms.eq(self.terms),
            population.histogram.eq(self.histogram),
            population.image.payload.eq(self.image.payload),
            population.image.valid.eq(self.image.valid),
            self.image.ready.eq(population.image.ready),
            self.loading.eq(population.busy),
            self.labelled.eq(population.labelled),
            population.moment_group.eq(self.moment_group),
            self.moment.eq(population.moment),
            population.label_group.eq(self.label_group),
            self.labels.eq(population.labels),
            cues.start.eq(self.start),
            cues.batch.eq(self.batch),
            cues.terms.eq(self.terms),
            cues.registers.eq(self.registers),
            cues.beats.payload.eq(self.beats.payload),
            cues.beats.valid.eq(self.beats.valid),
            self.beats.ready.eq(cues.beats.ready),
        ]
        flags = self._sequence(m, population, cues)
        self._lanes(m, population, cues, flags)
        return m

    def _sequence(self, m: Module, population: Population, cues: Cues) -> list[Signal]:
        """Issue groups; returns first, push and last five cycles later."""
        config = self.config
        active, issue = Signal(), Signal()
        left = Signal(24)
        last_part, last_group, last = Signal(), Signal(), Signal()
        position, part = Signal(self.geometry.group_bits), Signal(range(self.geometry.passes))

        m.d.comb += [
            # A group is started only with room for it; its further passes need none.
            issue.eq(active & cues.valid & (position < population.loaded) & (self.room | (part != 0))),
            self.reserve.eq(issue & (part == 0)),
            last_part.eq((part + 1) * config.terms >= self.terms),
            last_group.eq(position == self.groups - 1),
            last.eq(issue & last_part & last_group),
            population.group.eq(position),
            population.part.eq(part),
            cues.next.eq(last),
        ]
        with m.If(issue):
            m.d.sync += part.eq(part + 1)
            with m.If(last_part):
                m.d.sync += [part.eq(0), position.eq(position + 1)]
                with m.If(last_group):
                    m.d.sync += [position.eq(0), left.eq(left - 1)]
                    with m.If(left == 1):
                        m.d.sync += active.eq(0)
        with m.If(self.start):
            m.d.sync += [active.eq(1), left.eq(Mux(self.batch, self.evidences, 1))]
        self._part = part
        stage = [part == 0, issue & last_part, last_group]
        for clock in range(_SQUARED):
            later = [Signal(name=f"{n}{clock}") for n in ("first", "push", "last")]
            m.d.sync += [new.eq(old) for new, old in zip(later, stage, strict=True)]
            stage = later
        return stage

    def _lanes(self, m: Module, population: Population, cues: Cues, flags: list[Signal]) -> None:
        config, terms = self.config, self.config.terms
        cue = Signal(data.ArrayLayout(signed(16), terms))
        gain = Signal(data.ArrayLayout(MAX_GAIN_BITS, terms))
        later_gain = Signal.like(gain)
        first, push, last = flags
        values = Array(cues.values[c] for c in range(config.columns))

        m.d.sync += [self.valid.eq(push), self.group.last.eq(last), later_gain.eq(gain)]
        for t in range(terms):
            term = self._part * terms + t
            m.d.sync += [
                cue[t].eq(values[term].cue),
                # Gain 0 makes a term that the evidence does not have add nothing.
                gain[t].eq(Mux(term < self.terms, values[term].gain, 0)),
            ]
        final_lane = Signal(range(config.lanes))
        m.d.comb += final_lane.eq((self.samples - 1)[: exact_log2(config.lanes)])
        for lane in range(config.lanes):
            m.submodules[f"lane{lane}"] = likelihood = LogLikelihood(terms)
            m.d.comb += [
                *(likelihood.samples[t].eq(population.terms_read[lane * terms + t]) for t in range(terms)),
                likelihood.cues.eq(cue),
                likelihood.gains.eq(later_gain),
                likelihood.first.eq(first),
                likelihood.absent.eq(last & (lane > final_lane)),
                self.group.l[lane].eq(likelihood.l),
            ]
