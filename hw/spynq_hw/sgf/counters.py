"""Counters per row and bit: eight of them, a group, per clock."""

from enum import IntEnum

from amaranth import Array, Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out
from amaranth.utils import exact_log2

from spynq.sgf.counters import LOG
from spynq.sgf.params import LOG_LIMIT, TRIAL_LIMIT, SgfConfig
from spynq_hw.sgf.vectors import GROUP

__all__ = ["LIKELIHOOD_BITS", "MATCH_BITS", "Counters", "Work"]

_COUNT = 16
MATCH_BITS = 24
"""Bits of A of equation 1."""
LIKELIHOOD_BITS = 21
"""Bits of a sum of logarithms."""
_LOG_BITS = 12
_LOG_PLACES = LOG_LIMIT
"""Place c of the memory holds the logarithm of c + 1; that of 0 is 0, so bits not in use add nothing."""

_Group = data.ArrayLayout(_COUNT, GROUP)


class Work(IntEnum):
    """What the counters of a row are used for."""

    SCORE = 0
    """Compare them with a vector."""
    CHECK = 1
    """Would taking the vector out drive one below 0?"""
    TEACH = 2
    """Add the vector, or take it out."""
    ERASE = 3
    """Set them to 0, the trials too."""
    ACCESS = 4
    """Read one, and write it if asked."""


class Counters(wiring.Component):
    """Memory of all counters and of the trials of every row.

    Golden model: :class:`spynq.sgf.counters.Counters`.

    Parameters
    ----------
    config : SgfConfig
        Uses ``rows``, ``bits`` and ``bayes``.

    Members
    -------
    start, work, row, length, out, busy
        Begin a pass over a row; a vector turns once per group, so that it is restored.
    group, turn
        Lowest group of the vector, and its turn.
    trials : Out(16)
        n of ``row``, in the same cycle.
    matches, likelihood, trials_held : Out
        Of a SCORE: A, the sum of logarithms, n; ``log_trials`` is LG[n + 2].
    bad, halved : Out(1)
        Of a CHECK; of a TEACH.
    access_bit, access_trials, access_write, access_add, access_data, access_value
        Of an ACCESS: a bit of ``row``, or its trials.
    """

    def __init__(self, config: SgfConfig) -> None:
        self.config = config
        self.groups = config.bits // GROUP
        super().__init__(
            {
                "start": In(1),
                "work": In(Work),
                "row": In(range(config.rows)),
                "length": In(range(config.bits + 1)),
                "out": In(1),
                "busy": Out(1),
                "group": In(GROUP),
                "turn": Out(1),
                "trials": Out(_COUNT),
                "matches": Out(MATCH_BITS),
                "likelihood": Out(LIKELIHOOD_BITS),
                "log_trials": Out(_LOG_BITS),
                "trials_held": Out(_COUNT),
                "bad": Out(1),
                "halved": Out(1),
                "access_bit": In(range(config.bits)),
                "access_trials": In(1),
                "access_write": In(1),
                "access_add": In(1),
                "access_data": In(_COUNT),
                "access_value": Out(_COUNT),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        m.submodules.counts = memory = Memory(
            shape=_COUNT * GROUP, depth=config.rows * self.groups, init=[], attrs={"ram_style": "block"}
        )
        m.submodules.trials = kept = Memory(
            shape=_COUNT, depth=config.rows, init=[], attrs={"ram_style": "distributed"}
        )
        self._write, self._read = memory.write_port(granularity=_COUNT), memory.read_port()
        self._trials_write, trials_read = kept.write_port(), kept.read_port(domain="comb")
        self._work, self._at, self._left = Signal(Work), Signal(range(max(2, self.groups))), Signal()
        self._tag, self._tag_at = Signal(), Signal.like(self._at)
        row = Signal.like(self.row)
        self._out, self._length = Signal(), Signal.like(self.length)
        m.d.comb += [
            trials_read.addr.eq(Mux(self.busy, row, self.row)),
            self.trials.eq(trials_read.data),
            self._trials_write.addr.eq(row),
            self._read.addr.eq(row * self.groups + self._at),
            self._write.addr.eq(row * self.groups + self._tag_at),
            self.turn.eq(self._tag & (self._work != Work.ERASE) & (self._work != Work.ACCESS)),
        ]
        first = Mux(self.work == Work.ACCESS, self.access_bit >> exact_log2(GROUP), 0)
        with m.If(self.start):
            m.d.sync += [
                self._left.eq(1), self._at.eq(first), self._work.eq(self.work), row.eq(self.row),
                self._out.eq(self.out), self._length.eq(self.length),
                self.bad.eq(self.trials == 0), self.trials_held.eq(self.trials),
                self.halved.eq((self.work == Work.TEACH) & ~self.out & (self.trials == TRIAL_LIMIT)),
            ]  # fmt: skip
        with m.Elif(self._left):
            m.d.sync += self._at.eq(self._at + 1)
            with m.If((self._at == self.groups - 1) | (self._work == Work.ACCESS)):
                m.d.sync += self._left.eq(0)
        m.d.sync += [self._tag.eq(self._left), self._tag_at.eq(self._at)]
        scores = self._score(m)
        self._change(m)
        self._access(m)
        m.d.comb += self.busy.eq(self._left | self._tag | scores)
        return m

    def _counts(self) -> list[Value]:
        return [self._read.data[_COUNT * i : _COUNT * (i + 1)] for i in range(GROUP)]

    def _used(self, lane: int) -> Value:
        """Whether a bit of the group belongs to the vector."""
        return Cat(Const(lane, 3), self._tag_at)[: len(self._length)] < self._length

    def _score(self, m: Module) -> Value:
        chosen = Signal(_Group)
        total, tags = Signal(_COUNT + 3), Signal(2)
        scoring = self._tag & (self._work == Work.SCORE)
        for lane, count in enumerate(self._counts()):
            agrees = Mux(self.group[lane], count, self.trials_held - count)
            m.d.sync += chosen[lane].eq(Mux(self._used(lane), agrees, 0))
        m.d.sync += [
            tags.eq(Cat(scoring, tags[0])),
            total.eq(sum((chosen[i] for i in range(GROUP)), Const(0, 1))),
        ]
        with m.If(self.start):
            m.d.sync += self.matches.eq(0)
        with m.Elif(tags[1]):
            m.d.sync += self.matches.eq(self.matches + total)
        if self.config.bayes:
            self._logarithms(m, chosen, tags)
        return tags.any()

    def _logarithms(self, m: Module, chosen: data.View, tags: Signal) -> None:
        """Sum of the logarithms of eight counters; one more port looks up that of the trials."""
        last = LOG_LIMIT - 1
        # The lowest lane has no counter yet while a row begins.
        first = Mux(tags[0], chosen[0], self.trials_held + 1)
        counts = [first, *(chosen[i] for i in range(1, GROUP))]
        places = [Mux(count >= last, last, count[: last.bit_length()]) for count in counts]
        logs = []
        for pair in range(GROUP // 2):
            m.submodules[f"log_{pair}"] = rom = Memory(
                shape=_LOG_BITS, depth=_LOG_PLACES, init=LOG[1:].tolist(), attrs={"rom_style": "block"}
            )
            for lane in (2 * pair, 2 * pair + 1):
                read = rom.read_port()
                m.d.comb += read.addr.eq(places[lane])
                logs.append(read.data)
        total = sum(logs, Const(0, 1))
        begins = Signal(2)
        m.d.sync += begins.eq(Cat(self.start, begins[0]))
        with m.If(begins[1]):
            m.d.sync += self.log_trials.eq(logs[0])
        with m.If(self.start):
            m.d.sync += self.likelihood.eq(0)
        with m.Elif(tags[1]):
            m.d.sync += self.likelihood.eq(self.likelihood + total)

    def _change(self, m: Module) -> None:
        """Teach, take out, check and erase."""
        new = Signal(_Group)
        for lane, count in enumerate(self._counts()):
            base = Mux(self.halved, count >> 1, count)
            bit = self.group[lane]
            # Taking out adds -1, which is all ones.
            m.d.comb += new[lane].eq(Cat(bit, (bit & self._out).replicate(_COUNT - 1)) + base)
            worst = Mux(bit, count == 0, count == self.trials_held)
            with m.If(self._tag & (self._work == Work.CHECK) & self._used(lane) & worst):
                m.d.sync += self.bad.eq(1)
        teaches, erases = self._work == Work.TEACH, self._work == Work.ERASE
        before = Mux(self.halved, self.trials_held >> 1, self.trials_held)
        after = Mux(self._out, before - 1, before + 1)
        with m.If(self._tag & (teaches | erases)):
            m.d.comb += [
                self._write.en.eq(~0),
                self._write.data.eq(Mux(teaches, Value.cast(new), 0)),
                self._trials_write.en.eq(1),
                self._trials_write.data.eq(Mux(teaches, after, 0)),
            ]

    def _access(self, m: Module) -> None:
        lane = self.access_bit[: exact_log2(GROUP)]
        value, new = Signal(_COUNT), Signal(_COUNT)
        total = value + self.access_data
        m.d.comb += [
            value.eq(Mux(self.access_trials, self.trials_held, Array(self._counts())[lane])),
            new.eq(Mux(self.access_add, Mux(total > TRIAL_LIMIT, TRIAL_LIMIT, total), self.access_data)),
        ]
        with m.If(self._tag & (self._work == Work.ACCESS)):
            m.d.sync += self.access_value.eq(value)
            with m.If(self.access_write & self.access_trials):
                m.d.comb += [self._trials_write.en.eq(1), self._trials_write.data.eq(new)]
            with m.Elif(self.access_write):
                m.d.comb += [
                    self._write.en.eq(Const(1, GROUP) << lane),
                    self._write.data.eq(new.replicate(GROUP)),
                ]
