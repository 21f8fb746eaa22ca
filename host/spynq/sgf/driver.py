"""Driver of the spike gating flow: every limit is checked before the hardware is touched."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.driver import DEFAULT_TIMEOUT, KernelDriver
from spynq.errors import SpynqError
from spynq.exchange import exchange
from spynq.kernels import get
from spynq.sgf import report
from spynq.sgf.counters import Counters
from spynq.sgf.frames import Cut
from spynq.sgf.golden import LEAST_ACTIVE
from spynq.sgf.params import COMMAND, DECISION, EVENT_WORD, FLAG, KERNEL, Kind, Report, SgfConfig, Window
from spynq.sgf.setting import Setting
from spynq.sgf.statistics import PLACES, names
from spynq.sgf.window import Store, model_entries
from spynq.sgf.words import Result, Words, command, event_words, label, pause, read_result, scale, writes

__all__ = ["SgfDriver", "Trial"]

_MODE = {field.name: field for field in KERNEL.register("MODE").fields}
_FIELD = {field.name: field for field in COMMAND.fields}


@dataclass(frozen=True)
class Trial:
    """What came back of a trial: the result word, and the parts of the report that were asked for."""

    result: Result
    report: report.Reported

    def flag(self, name: str) -> bool:
        """One of :data:`~spynq.sgf.params.FLAG`."""
        return bool(self.result.flags & FLAG[name])


class SgfDriver(KernelDriver):
    """Teaches and asks the kernel. The model stays on the chip; :meth:`save` brings it.

    SCRATCH holds a mark of the configuration written last, so that a reset or a reloaded overlay gets
    it again with the next run.
    """

    kernel = KERNEL
    _setting: Setting | None = None
    _cut: Cut | None = None
    _report = 0
    _mode = 0

    @property
    def config(self) -> SgfConfig:
        """Build parameters of this kernel."""
        config: SgfConfig = get("sgf").config_from(self.capabilities)
        return config

    def configure(
        self,
        setting: Setting,
        *,
        cut: Cut | None = None,
        sensor: tuple[int, int] | None = None,
        scoring: int | str = 0,
        mirror: tuple[bool, bool] = (False, False),
        least: int = LEAST_ACTIVE,
        allow_empty: bool = False,
        parts: Iterable[Report] = (),
    ) -> None:
        """Set thresholds, bits, gates and paths, and how trials are cut and scored.

        Parameters
        ----------
        setting : Setting
            The window's configuration.
        cut : Cut, optional
            Frames; by default 1,000 events each, as many as the build takes.
        sensor : (int, int), optional
            Width and height of the sensor in pixels, 1 to 16,384; by default the frame's own.
        scoring : int or str
            One of :data:`~spynq.sgf.params.DECISION`, by number or name.
        mirror : (bool, bool)
            Exchange left and right, top and bottom.
        least : int
            Active pixels that a step needs, 0 to 16,383.
        allow_empty : bool
            Teach trials without a frame too.
        parts : iterable of Report
            What follows every result. MARGINALS brings STATISTICS along.
        """
        config = self.config
        cut = Cut(config.size, frames=config.frames) if cut is None else cut
        wide = sensor or (config.size, config.size)
        number = list(DECISION).index(scoring) if scoring in DECISION else scoring
        _check(config, setting, cut, wide, number, least)
        words = writes(setting.entries(config))
        self._parts(parts)
        flags = {
            "TIME": cut.by_time, "KEEP_PARTIAL": cut.keep_partial, "MIRROR_X": mirror[0],
            "MIRROR_Y": mirror[1], "ALLOW_EMPTY": allow_empty, "AUTO": cut.auto, "SCORING": number,
        }  # fmt: skip
        self._mode = sum(_MODE[name].insert(int(value)) for name, value in flags.items())
        self._setting, self._cut, self._words = setting, cut, words
        values = {
            "MODE": self._mode, "EVENTS": cut.events, "FRAMES": cut.frames, "FRAME_US": cut.frame_us,
            "TIMEOUT_US": cut.timeout_us, "SCALE_X": scale(config.size, wide[0]),
            "SCALE_Y": scale(config.size, wide[1]), "ACTIVE": least, "REPORT": self._report,
        }  # fmt: skip
        self._registers, self._mark = values, zlib.crc32(repr((words, values)).encode()) | 1

    def _parts(self, parts: Iterable[Report]) -> None:
        self._report = sum({1 << part for part in parts})
        if self._report >> Report.MARGINALS & 1:
            # How many frames came is among the statistics.
            self._report |= 1 << Report.STATISTICS

    def run(self, words: Sequence[int] | Words, timeout: float = DEFAULT_TIMEOUT) -> Words:
        """Send words, a PAUSE behind them, and return what comes back.

        A trial that has not ended goes on with the next run. The configuration goes first where the
        kernel does not hold it.

        Raises
        ------
        SpynqError
            Nothing was configured, or a command named what is not there.
        """
        if self._setting is None:
            raise SpynqError("nothing is configured; call configure(setting) first")
        if self.get("SCRATCH") != self._mark:
            for name, value in self._registers.items():
                self.set(name, value)
            self._exchange(np.array(self._words, np.uint64), timeout)
            self.set("SCRATCH", self._mark)
        return self._exchange(np.asarray(words, np.uint64), timeout)

    def _exchange(self, words: Words, timeout: float) -> Words:
        sent = np.append(words, np.uint64(pause()))
        what = f"a run of {len(words)} words"
        found, flags = exchange(self, sent, self._room(words), what, timeout)
        if flags["BAD_WORD"]:
            config = self.config
            raise SpynqError(
                f"sgf: {what} named a class, row or window address that is not there; this build has "
                f"{config.classes} classes, {config.rows} rows and {config.bits} bits"
            )
        return found[:-1]

    def _room(self, words: Words) -> int:
        """Words that may come back at most."""
        lsb = {field.name: np.uint64(field.lsb) for field in EVENT_WORD.fields}
        commands = words[(words >> lsb["COMMAND"] & np.uint64(1)) == 1]
        kinds = commands >> np.uint64(_FIELD["KIND"].lsb) & np.uint64(15)
        reads = commands[kinds == Kind.READ] >> np.uint64(_FIELD["DATA"].lsb) & np.uint64(0xFFFF)
        ends = int((words >> lsb["END"] & np.uint64(1)).sum())
        if self._cut is not None and self._cut.auto:
            ends = len(words)
        config, bits = self.config, self._report
        each = 1
        sizes = {
            Report.SCORES: config.rows,
            Report.VECTORS: 3 * -(-config.bits // 64),
            Report.STATISTICS: PLACES,
            Report.CNT: config.grid * -(-config.grid // 8),
            Report.MARGINALS: config.frames * config.size,
        }
        each += sum(size for part, size in sizes.items() if bits >> part & 1)
        return ends * each + int(reads.sum()) + 1

    def trials(self, words: Sequence[int] | Words, timeout: float = DEFAULT_TIMEOUT) -> list[Trial]:
        """Send words, and return the trials that ended with them."""
        out = iter(self.run(words, timeout).tolist())
        config, found = self.config, []
        for word in out:
            bits, first = self._report, report.Reported()
            if bits >> Report.MARGINALS & 1:
                # All but the marginals first, to know how many frames there are.
                rest = bits & ~(1 << Report.MARGINALS)
                first = report.read(rest, out, 0, config)
                assert first.statistics is not None
                frames = int(first.statistics[names(config)["frames"]])
                first.marginals = report.read(1 << Report.MARGINALS, out, frames, config).marginals
            else:
                first = report.read(bits, out, 0, config)
            found.append(Trial(read_result(word), first))
        return found

    def infer(
        self,
        t: npt.ArrayLike,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        p: npt.ArrayLike,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Trial:
        """One whole trial, asked.

        Parameters
        ----------
        t, x, y, p : array_like of int, shape [events]
            Microseconds, column and row on the sensor, polarity 0 or 1, in stream order.
        timeout : float
            Seconds.
        """
        return self.trials(self._events(t, x, y, p), timeout)[-1]

    def teach(
        self,
        t: npt.ArrayLike,
        x: npt.ArrayLike,
        y: npt.ArrayLike,
        p: npt.ArrayLike,
        number: int,
        *,
        out: bool = False,
        timeout: float = DEFAULT_TIMEOUT,
    ) -> Trial:
        """One whole trial, added to a class, or with ``out`` taken out of it.

        Raises
        ------
        ValueError
            The class cannot be taught.
        SpynqError
            The kernel refused: no frame came, or a counter would have gone below 0.
        """
        if self._setting is not None and number not in self._setting.paths:
            known = ", ".join(map(str, sorted(self._setting.paths))) or "none"
            raise ValueError(f"class {number} has no path; the classes that can be taught are {known}")
        words = np.append(np.uint64(label(number, teach=not out)), self._events(t, x, y, p))
        found = self.trials(words, timeout)[-1]
        if found.flag("REFUSED"):
            raise SpynqError(
                f"the trial was not {'taken out of' if out else 'taught to'} class {number}: "
                + (
                    "it holds no whole frame; allow_empty teaches it all the same"
                    if found.flag("EMPTY")
                    else "it was never taught"
                )
            )
        return found

    @staticmethod
    def _events(t: npt.ArrayLike, x: npt.ArrayLike, y: npt.ArrayLike, p: npt.ArrayLike) -> Words:
        columns = [np.asarray(column) for column in (t, x, y, p)]
        for name, column in zip("xy", columns[1:3], strict=True):
            if column.size and not (0 <= column.min() and column.max() < 1 << 14):
                raise ValueError(
                    f"{name} must be 0 to 16383, not {column.min()} to {column.max()}; crop the recording"
                )
        if columns[3].size and not np.isin(columns[3], (0, 1)).all():
            raise ValueError(f"p must be 0 or 1, not {columns[3].min()} to {columns[3].max()}; use p > 0")
        return event_words(*columns, end=True)

    def clear(self) -> None:
        """Forget all trials taught."""
        self.run([command(Kind.CLEAR)])

    def forget(self, row: int) -> None:
        """Forget a row of counters."""
        self.run([command(Kind.FORGET, row)])

    def load(self, counters: Counters) -> None:
        """Replace the model on the chip.

        Raises
        ------
        ValueError
            The model belongs to another build.
        """
        self._fits(counters)
        self.run([command(Kind.CLEAR), *writes(model_entries(counters))])

    def _fits(self, counters: Counters) -> None:
        mine, other = self.config, counters.config
        for name in ("rows", "bits", "table"):
            if getattr(mine, name) != getattr(other, name):
                raise ValueError(
                    f"the model has {name} = {getattr(other, name)} and this kernel {getattr(mine, name)}; "
                    "open a kernel of the model's build"
                )

    def save(self) -> Counters:
        """The model on the chip."""
        config = self.config
        words = -(-config.bits // 32) + 1
        asked = [command(Kind.READ, Window.TRIALS, config.rows)]
        asked += [command(Kind.READ, Window.COUNT + 256 * row, config.bits) for row in range(config.rows)]
        asked += [command(Kind.READ, Window.TABLE + 16 * slot, words) for slot in range(config.table)]
        counters = Counters(config)
        store = Store(config, counters)
        for word in self.run(asked).tolist():
            store.write(word >> 32, word & 0xFFFF_FFFF)
        return counters

    def merge(self, other: Counters) -> None:
        """Add what another board has learnt, counter by counter on the chip.

        Raises
        ------
        ValueError
            Another build, or a row would pass 65,535 trials; the chip is as it was.
        """
        self._fits(other)
        both = self.save()
        both.merge(other)
        counted = [entry for entry in model_entries(other) if not _is_table(entry[0])]
        slots = Counters(self.config)
        slots.vectors, slots.owners, slots.slots = both.vectors, both.owners, both.slots
        store = Store(self.config, slots)
        width = range(-(-self.config.bits // 32) + 1)
        places = [Window.TABLE + 16 * slot + w for slot in range(self.config.table) for w in width]
        table = [(place, store.read(place) or 0) for place in places]
        self.run([command(Kind.ADD, place, value) for place, value in counted] + writes(table))


def _is_table(address: int) -> bool:
    return Window.TABLE <= address < Window.COUNT


def _check(
    config: SgfConfig, setting: Setting, cut: Cut, sensor: tuple[int, int], scoring: int | str, least: int
) -> None:
    """Refuse what this build cannot do."""
    setting.check(config)
    limits: dict[str, Any] = {limit.name: limit for limit in KERNEL.limits}
    if not cut.by_time:
        limits["events"].check(cut.events)
    limits["active"].check(least)
    for side in sensor:
        limits["sensor"].check(side)
        if scale(config.size, side) >= 1 << 18:
            raise ValueError(
                f"a sensor side of {side} pixels is less than a quarter of the frame's {config.size}; "
                "build the kernel with a smaller size"
            )
    if cut.size != config.size:
        raise ValueError(f"frames are cut for {cut.size} pixels and this kernel has {config.size}")
    if not 1 <= cut.frames <= config.frames:
        raise ValueError(
            f"frames must be 1 to {config.frames} in this build, not {cut.frames}; cut longer frames"
        )
    for name, value in (("frame_us", cut.frame_us), ("timeout_us", cut.timeout_us)):
        if not (name == "frame_us") <= value < 1 << 31:
            raise ValueError(f"{name} must be below 2**31 microseconds and not negative, not {value}")
    if scoring not in range(len(DECISION)):
        raise ValueError(f"scoring must be one of {', '.join(DECISION)}, not {scoring}")
    if scoring == 1 and not config.bayes:
        raise ValueError("this kernel has no naive Bayes; build it with bayes")
    if scoring in (2, 3) and not config.table:
        raise ValueError(f"this kernel has no table for {DECISION[int(scoring)]}; build it with a table")
    for theta in setting.thetas:
        limits["theta"].check(theta)
