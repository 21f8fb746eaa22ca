"""A kernel opened for one model: configured when needed, fed trials, its answers made readable."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spynq.errors import SpynqError
from spynq.events.recording import Recording
from spynq.sgf.driver import Trial
from spynq.sgf.inputs import Columns, columns, warn_of_drops
from spynq.sgf.params import FLAG, NO_CLASS, UNITS, Report
from spynq.sgf.report import Reported
from spynq.sgf.result import Result
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup
from spynq.sgf.words import event_words

if TYPE_CHECKING:
    from typing_extensions import Self

__all__ = ["ANSWER", "Events", "Session"]

Events = Recording | NDArray[Any]
"""A trial: a recording, or a structured array with t, x, y and p."""

ANSWER = (Report.SCORES, Report.VECTORS)
_NUMBERS = ("EVENTS_IN", "FRAMES_DONE", "DROPPED_RANGE")


class _Run(NamedTuple):
    """What one run of the kernel counted."""

    events: int
    frames: int
    dropped: int
    cycles: int | None
    seconds: float


class Session:
    """What is common to teaching and asking; see :class:`spynq.sgf.SGF`, which is how it is used."""

    def __init__(
        self,
        config: Setup,
        bits: Mapping[str, tuple[Bit, ...]] | None = None,
        *,
        device: Any = None,
        timeout: float = 600.0,
    ) -> None:
        from spynq import devices

        if not isinstance(config, Setup):
            raise ValueError(f"SGF takes a Setup, such as spynq.sgf.gestures(), not {config!r}")
        self.config = config
        self.bits: dict[str, tuple[Bit, ...]] = dict(bits or {})
        self.timeout = timeout
        self._opened = device is None or isinstance(device, str)
        self.device = (device or devices.default()) if self._opened else type(device).__name__
        build = None if self.device == "board" else config.build
        self._driver = devices.open_kernel("sgf", self.device, config=build) if self._opened else device
        if self._driver.config != config.build:
            built, wanted = self._driver.config, config.build
            self.close()
            raise SpynqError(
                f"the kernel is built as {built}, the model needs {wanted}; give it in the setup"
            )
        self._mode: tuple[object, ...] | None = None

    def _configure(self, *parts: Report, auto: bool = False) -> None:
        """Set the kernel, unless it is set so already."""
        mode = (parts, auto, tuple(sorted(self.bits.items())))
        if mode == self._mode and self._opened:
            return  # a driver of somebody else may have been set otherwise meanwhile
        self._driver.configure(
            self.config.setting(self.bits),
            cut=replace(self.config.cut, auto=auto),
            sensor=self.config.sensor,
            scoring=self.config.scoring,
            mirror=(self.config.mirror_x, self.config.mirror_y),
            least=self.config.least,
            parts=parts,
        )
        self._mode = mode

    def _feed(self, found: Columns, *commands: int, end: bool = True) -> tuple[list[Trial], _Run]:
        begin = time.perf_counter()
        words = np.append(np.array(commands, np.uint64), event_words(*found, end=end))
        ended = self._driver.trials(words, self.timeout)
        seconds = time.perf_counter() - begin
        events, frames, dropped = (self._driver.get(name) for name in _NUMBERS)
        run = _Run(events, frames, dropped, self._driver.cycles() or None, seconds)
        warn_of_drops(run.dropped, found, self.config.sensor)
        return ended, run

    def _ready(self) -> None:
        if not any(self.bits.values()):
            raise SpynqError("the model has no thresholds yet; call calibrate or fit with some trials first")

    def _one(self, events: Events, *commands: int) -> Result:
        self._ready()
        self._configure(*ANSWER)
        (ended,), run = self._feed(columns(events, self.config.sensor), *commands)
        return self._result(ended, run)

    def _result(self, ended: Trial, run: _Run) -> Result:
        found, vectors_of = ended.result, ended.report.vectors
        assert vectors_of is not None
        opened = tuple(unit for i, unit in enumerate(UNITS) if found.open >> i & 1)
        vectors = {
            unit: vectors_of[UNITS.index(unit), : len(self.bits[unit])]
            for unit in opened
            if self.bits.get(unit)
        }
        return Result(
            winner=self._name(found.winner),
            second=self._name(found.second),
            score=found.score / 65536,
            scores={unit: self._scores(unit, ended.report) for unit in vectors},
            vectors=vectors,
            gates=opened,
            flags=tuple(name for name, mask in FLAG.items() if found.flags & mask),
            events=run.events,
            frames=run.frames,
            dropped=run.dropped,
            cycles=run.cycles,
            seconds=run.seconds,
            device=self.device,
        )

    def _name(self, number: int) -> str | None:
        return None if number == NO_CLASS else self.config.classes[number]

    def _scores(self, unit: str, reported: Reported) -> dict[str, float]:
        assert reported.trials is not None
        assert reported.scores is not None
        length, scores = len(self.bits[unit]), {}
        for row, name in self.config.rows()[unit]:
            trials = int(reported.trials[row])
            whole = 256 if self.config.scoring == "naive Bayes" else length * trials
            if trials:
                scores[name] = int(reported.scores[row]) / whole
        return scores

    def close(self) -> None:
        """Release the device, if it was opened here."""
        if self._opened:
            self._driver.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
