"""The spike gating flow as its user sees it: teach, ask, keep, merge; on any device."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import SpynqError
from spynq.events.recording import Recording
from spynq.sgf import model_file
from spynq.sgf.calibrate import bits_by_quantiles
from spynq.sgf.counters import Counters
from spynq.sgf.inputs import Columns, columns, warn_of_drops
from spynq.sgf.knowledge import Knowledge
from spynq.sgf.params import DECISION, FLAG, NO_CLASS, UNITS, Report
from spynq.sgf.result import Result
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Setup

__all__ = ["SGF"]

Trial = Recording | NDArray[Any]
Label = str | int

_ANSWER = 1 << Report.SCORES | 1 << Report.VECTORS


class SGF:
    """A model and the kernel that runs it.

    Parameters
    ----------
    config : Setup
        Classes, gates, statistics, frames and sensor; :func:`spynq.sgf.gestures` makes one.
    bits : mapping of str to tuple of Bit, optional
        Bits of each unit; by default :meth:`calibrate` or :meth:`fit` makes them.
    device : str or driver, optional
        ``"golden"``, ``"rtl"``, ``"board"``, or an open driver, which stays open.
    timeout : float
        Seconds that one run may take.

    Examples
    --------
    >>> with SGF(gestures()) as sgf:  # doctest: +SKIP
    ...     sgf.fit(trials, labels)
    ...     sgf.infer(trial).winner
    """

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

    # What every call does

    def _configure(self, report: int, auto: bool = False) -> None:
        """Set the kernel, unless it is set so already."""
        mode = (report, auto, tuple(sorted(self.bits.items())))
        if mode == self._mode:
            return
        self._driver.configure(
            self.config.setting(self.bits),
            self.config.cut,
            sensor=self.config.sensor,
            scoring=DECISION.index(self.config.scoring),
            mirror=(self.config.mirror_x, self.config.mirror_y),
            least=self.config.least,
            report=report,
            auto=auto,
        )
        self._mode = mode

    def _feed(self, found: Columns, **options: Any) -> tuple[list[Any], float]:
        begin = time.perf_counter()
        ended = self._driver.feed(*found, timeout=self.timeout, **options)
        warn_of_drops(self._driver.numbers["DROPPED_RANGE"], found, self.config.sensor)
        return ended, time.perf_counter() - begin

    def _ready(self) -> None:
        if not any(self.bits.values()):
            raise SpynqError("the model has no thresholds yet; call calibrate or fit with some trials first")

    def _one(self, trial: Trial, **options: Any) -> Result:
        self._ready()
        self._configure(_ANSWER)
        (ended,), seconds = self._feed(columns(trial, self.config.sensor), end=True, **options)
        return self._result(ended, seconds)

    def _result(self, ended: Any, seconds: float) -> Result:
        numbers, found = self._driver.numbers, ended.result
        opened = tuple(unit for i, unit in enumerate(UNITS) if found.open >> i & 1)
        vectors = {
            unit: ended.reported.vectors[UNITS.index(unit), : len(self.bits[unit])]
            for unit in opened
            if self.bits.get(unit)
        }
        return Result(
            winner=self._name(found.winner),
            second=self._name(found.second),
            score=found.score / 65536,
            scores={unit: self._scores(unit, ended.reported) for unit in vectors},
            vectors=vectors,
            gates=opened,
            flags=tuple(name for name, mask in FLAG.items() if found.flags & mask),
            events=numbers["EVENTS_IN"],
            frames=numbers["FRAMES_DONE"],
            dropped=numbers["DROPPED_RANGE"],
            cycles=self._driver.cycles,
            seconds=seconds,
            device=self.device,
        )

    def _name(self, number: int) -> str | None:
        return None if number == NO_CLASS else self.config.classes[number]

    def _scores(self, unit: str, reported: Any) -> dict[str, float]:
        length, scores = len(self.bits[unit]), {}
        for row, name in self.config.rows()[unit]:
            trials = int(reported.trials[row])
            whole = 256 if self.config.scoring == "naive Bayes" else length * trials
            if trials:
                scores[name] = int(reported.scores[row]) / whole
        return scores

    # Thresholds

    def statistics(self, trials: Iterable[Trial], *, progress: bool = False) -> NDArray[np.int64]:
        """Statistics of trials, shape [trials, 512], as the device computes them."""
        self._configure(1 << Report.STATISTICS)
        rows = []
        for trial in _bar(trials, "statistics", progress):
            (ended,), _ = self._feed(columns(trial, self.config.sensor), end=True)
            rows.append(ended.reported.statistics)
        return np.array(rows, np.int64).reshape(len(rows), -1)

    def calibrate(
        self, trials: Iterable[Trial], labels: Sequence[Label] | None = None, *, progress: bool = False
    ) -> None:
        """Set the thresholds to quantiles of these trials, which must be no test trials.

        Parameters
        ----------
        trials : iterable of Recording or ndarray
        labels : sequence of str or int, optional
            With labels, units B and C use the trials of their own classes.
        progress : bool
            Show a bar.

        Raises
        ------
        SpynqError
            Something has been taught: its counters belong to the old thresholds.
        ValueError
            There are no trials, or a unit's trials all look the same.
        """
        if self.counters().trials.any():
            raise SpynqError("thresholds cannot change under what was taught; call clear first")
        numbers = None if labels is None else [self.config.number(label) for label in labels]
        found = bits_by_quantiles(self.config, self.statistics(trials, progress=progress), numbers)
        self.config.setting(found)  # refuses what the build has no room for
        self.bits = dict(found)

    # Learning

    def teach(self, events: Trial, label: Label) -> Result:
        """Teach one trial.

        Raises
        ------
        ValueError
            The label is unknown, or the trial holds no whole frame.
        """
        return self._learn(events, label, out=False)

    def unteach(self, events: Trial, label: Label) -> Result:
        """Take back one trial that was taught.

        Raises
        ------
        ValueError
            No such trial can have been taught: a counter would go below 0.
        """
        return self._learn(events, label, out=True)

    def _learn(self, events: Trial, label: Label, out: bool) -> Result:
        number = self.config.number(label)
        result = self._one(events, label=number, out=out)
        if "REFUSED" in result.flags:
            name = self.config.classes[number]
            if "EMPTY" in result.flags:
                raise ValueError(
                    f"{result.events} events make no frame of {self.config.events}, so nothing can be taught "
                    f"to {name!r}; record longer, or set fewer events per frame"
                )
            raise ValueError(f"this trial was never taught to {name!r}, so it cannot be taken back")
        return result

    def fit(self, trials: Sequence[Trial], labels: Sequence[Label], *, progress: bool = False) -> SGF:
        """Calibrate, unless that was done, and teach every trial once.

        Parameters
        ----------
        trials : sequence of Recording or ndarray
        labels : sequence of str or int
        progress : bool
            Show bars.
        """
        if len(trials) != len(labels):
            raise ValueError(f"{len(trials)} trials came with {len(labels)} labels; give one for each")
        if not any(self.bits.values()):
            self.calibrate(trials, labels, progress=progress)
        for trial, label in zip(_bar(trials, "teaching", progress), labels, strict=True):
            self.teach(trial, label)
        return self

    # Answers

    def infer(self, events: Trial) -> Result:
        """Answer one trial."""
        return self._one(events)

    def predict(self, trials: Iterable[Trial], *, progress: bool = False) -> list[str | None]:
        """Winner of each trial."""
        return [self.infer(trial).winner for trial in _bar(trials, "asking", progress)]

    def stream(self, chunks: Iterable[Trial]) -> Iterator[Result]:
        """Answers as trials end, from events that come piece by piece.

        A trial ends with its last frame, and the next event begins a new one; a chunk may hold parts
        of several. What has begun when the chunks end is thrown away.

        Yields
        ------
        Result
            Its counts (events, dropped, cycles, seconds) are those of the chunk in which the trial ended.
        """
        self._ready()
        self._configure(_ANSWER, auto=True)
        try:
            for chunk in chunks:
                ended, seconds = self._feed(columns(chunk, self.config.sensor), end=False)
                for trial in ended:
                    yield replace(self._result(trial, seconds), frames=self.config.frames)
        finally:
            self._driver.drop()

    # The model

    def counters(self) -> Counters:
        """What was taught, read from the kernel."""
        found: Counters = self._driver.save()
        return found

    def clear(self) -> None:
        """Forget all trials; the thresholds stay."""
        self._driver.clear()

    def forget(self, label: Label) -> None:
        """Forget a class that has a row of counters of its own.

        Raises
        ------
        ValueError
            The class shares its row with others, whose trials cannot be told from its own.
        """
        name = self.config.classes[self.config.number(label)]
        rows = {found: row for unit in self.config.rows().values() for row, found in unit}
        shared = [
            entry for entry in self.config.gates if not isinstance(entry, str) and name in entry.classes
        ]
        if shared:
            raise ValueError(
                f"class {name!r} shares a row of unit A with {', '.join(set(shared[0].classes) - {name})}; "
                "take its trials back one by one with unteach, or clear all"
            )
        self._driver.forget(rows[name])

    def merge(self, other: SGF) -> None:
        """Add what another model has learnt, as if its trials had been taught here.

        Raises
        ------
        ValueError
            The other is of another configuration or has other thresholds.
        """
        if other.config != self.config:
            raise ValueError(
                f"the models differ in {_difference(self.config, other.config)}; merge equal ones"
            )
        if other.bits != self.bits:
            lengths = [sum(map(len, model.bits.values())) for model in (self, other)]
            raise ValueError(
                f"the models differ in their bits ({lengths[0]} and {lengths[1]}); "
                "calibrate one and give its file to the other before teaching"
            )
        counters = self.counters()
        counters.merge(other.counters())
        self._driver.load(counters)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as JSON: setup, thresholds, counters."""
        model_file.write(path, self.config, self.bits, self.counters())

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, device: Any = None, config: Setup | None = None) -> SGF:
        """A model from its file.

        Parameters
        ----------
        path : path
        device : str or driver, optional
        config : Setup, optional
            The configuration that the file must have.

        Raises
        ------
        ValueError
            It is of another configuration.
        spynq.errors.FormatError
            It is no model.
        """
        setup, bits, counters = model_file.read(path)
        if config is not None and setup != config:
            raise ValueError(
                f"{path} is of another configuration: it differs in {_difference(config, setup)}"
            )
        model = cls(setup, bits, device=device)
        if bits:
            model._configure(_ANSWER)
        model._driver.load(counters)
        return model

    def explain(self) -> Knowledge:
        """What was learnt, as a graph: ``explain().plot()`` draws it."""
        return Knowledge(self.config, self.bits, self.counters())

    def close(self) -> None:
        """Release the device, if it was opened here."""
        if self._opened:
            self._driver.close()

    def __enter__(self) -> SGF:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _bar(items: Iterable[Any], what: str, progress: bool) -> Iterable[Any]:
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(items, what, unit="trial", disable=not progress, leave=False, delay=2)
    return bar


def _difference(a: Setup, b: Setup) -> str:
    """The first fields in which two setups differ, with both values."""
    one, other = a.as_json(), b.as_json()
    found = [f"{name} ({one[name]} and {other[name]})" for name in one if one[name] != other[name]]
    return ", ".join(found)
