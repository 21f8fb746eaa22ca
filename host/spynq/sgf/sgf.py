"""The spike gating flow as its user sees it: teach, ask, keep, merge; on any device."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spynq.errors import SpynqError
from spynq.sgf import model_file
from spynq.sgf.calibrate import bits_by_quantiles
from spynq.sgf.counters import Counters
from spynq.sgf.inputs import columns
from spynq.sgf.knowledge import Knowledge
from spynq.sgf.params import UNITS, Kind, Report
from spynq.sgf.reject import Agreement, agreement, limit_of
from spynq.sgf.result import Result
from spynq.sgf.session import ANSWER, Events, Session
from spynq.sgf.setup import Setup
from spynq.sgf.words import command
from spynq.sgf.words import label as label_word

__all__ = ["SGF"]

Label = str | int


class SGF(Session):
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
    With trials as recordings or structured arrays::

        with SGF(gestures()) as sgf:
            sgf.fit(trials, labels)
            print(sgf.infer(trial).winner)
    """

    limit: float | None = None
    """Agreement below which a gesture is unknown; None: nothing is rejected."""
    _learnt: Counters | None = None

    # Thresholds

    def statistics(self, trials: Iterable[Events], *, progress: bool = False) -> NDArray[np.int64]:
        """Statistics of trials, shape [trials, 512], as the device computes them."""
        self._configure(Report.STATISTICS)
        rows = []
        for events in _bar(trials, "statistics", progress):
            (ended,), _ = self._feed(columns(events, self.config.sensor))
            rows.append(ended.report.statistics)
        return np.array(rows, np.int64).reshape(len(rows), -1)

    def calibrate(
        self, trials: Iterable[Events], labels: Sequence[Label] | None = None, *, progress: bool = False
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

    def teach(self, events: Events, label: Label) -> Result:
        """Teach one trial.

        Raises
        ------
        ValueError
            The label is unknown, or the trial holds no whole frame.
        """
        return self._learn(events, label, out=False)

    def unteach(self, events: Events, label: Label) -> Result:
        """Take back one trial that was taught.

        Raises
        ------
        ValueError
            No such trial can have been taught: a counter would go below 0.
        """
        return self._learn(events, label, out=True)

    def _learn(self, events: Events, label: Label, out: bool) -> Result:
        number = self.config.number(label)
        result = self._one(events, label_word(number, teach=not out))
        self._learnt = None
        if "REFUSED" in result.flags:
            name = self.config.classes[number]
            if "EMPTY" in result.flags:
                raise ValueError(
                    f"{result.events} events make no frame of {self.config.events}, so nothing can be taught "
                    f"to {name!r}; record longer, or set fewer events per frame"
                )
            raise ValueError(f"this trial was never taught to {name!r}, so it cannot be taken back")
        return result

    def fit(self, trials: Sequence[Events], labels: Sequence[Label], *, progress: bool = False) -> SGF:
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

    def infer(self, events: Events) -> Result:
        """Answer one trial; with a limit, one that agrees too little has no winner and the flag UNKNOWN."""
        result = self._one(events)
        if self.limit is None or result.winner is None:
            return result
        share = self._agreement(result).share
        if share >= self.limit:
            return replace(result, agreement=share)
        return replace(result, agreement=share, winner=None, flags=(*result.flags, "UNKNOWN"))

    def _agreement(self, result: Result, *, without: bool = False) -> Agreement:
        """How far a trial agrees with what its winner is sure of."""
        if self._learnt is None:
            self._learnt = self.counters()
        setting = self.config.setting(self.bits)
        path = setting.paths[self.config.number(result.winner or 0)]
        rows = {"A": path.row, **({UNITS[path.unit]: path.below} if path.unit else {})}
        pairs = [(row, result.vectors[unit]) for unit, row in rows.items() if unit in result.vectors]
        return agreement(self._learnt, pairs, without=without)

    def set_limit(
        self,
        trials: Sequence[Events],
        labels: Sequence[Label],
        *,
        rejected: float = 0.05,
        progress: bool = False,
    ) -> float:
        """Reject unknown gestures from now on: those that break too much of what their winner is sure of.

        The limit is what the share ``rejected`` of the taught trials would fail, each judged as if it had
        not been taught; ``sgf.limit = None`` rejects nothing any more.

        Parameters
        ----------
        trials, labels : sequence
            Trials that were taught, and their classes.
        rejected : float
            Share of known gestures that may be turned away.
        progress : bool
            Show a bar.

        Returns
        -------
        float
            The limit, 0 to 1.

        Raises
        ------
        ValueError
            No taught trial is answered rightly, so nothing is known of them.
        """
        self.limit, shares = None, []
        for events, label in zip(_bar(trials, "agreement", progress), labels, strict=True):
            result = self.infer(events)
            if result.winner == self.config.classes[self.config.number(label)]:
                shares.append(self._agreement(result, without=True).share)
        if not shares:
            raise ValueError(
                "no trial is answered rightly, so there is no agreement to set a limit by; teach"
            )
        self.limit = limit_of(np.array(shares), rejected)
        return self.limit

    def predict(self, trials: Iterable[Events], *, progress: bool = False) -> list[str | None]:
        """Winner of each trial."""
        return [self.infer(trial).winner for trial in _bar(trials, "asking", progress)]

    def stream(self, chunks: Iterable[Events]) -> Iterator[Result]:
        """Answers as trials end, from events that come piece by piece.

        A trial ends with its last frame, and the next event begins a new one; a chunk may hold parts
        of several. What has begun when the chunks end is thrown away.

        Yields
        ------
        Result
            Its counts (events, dropped, cycles, seconds) are those of the chunk in which the trial ended.
        """
        self._ready()
        self._configure(*ANSWER, auto=True)
        try:
            for chunk in chunks:
                ended, run = self._feed(columns(chunk, self.config.sensor), end=False)
                for trial in ended:
                    yield replace(self._result(trial, run), frames=self.config.frames)
        finally:
            self._driver.run([command(Kind.DROP)])

    # The model

    def counters(self) -> Counters:
        """What was taught, read from the kernel."""
        self._configure(*ANSWER)
        found: Counters = self._driver.save()
        return found

    def clear(self) -> None:
        """Forget all trials; the thresholds stay."""
        self._configure(*ANSWER)
        self._driver.clear()
        self._learnt = None

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
        self._configure(*ANSWER)
        self._driver.forget(rows[name])
        self._learnt = None

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
        self._configure(*ANSWER)
        self._driver.merge(other.counters())
        self._learnt = None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the model as JSON: setup, thresholds, counters."""
        model_file.write(path, self.config, self.bits, self.counters(), self.limit)

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
        setup, bits, counters, limit = model_file.read(path)
        if config is not None and setup != config:
            raise ValueError(
                f"{path} is of another configuration: it differs in {_difference(config, setup)}"
            )
        model = cls(setup, bits, device=device)
        model.limit = limit
        model._configure(*ANSWER)
        model._driver.load(counters)
        return model

    def explain(self) -> Knowledge:
        """What was learnt, as a graph: ``explain().plot()`` draws it."""
        return Knowledge(self.config, self.bits, self.counters())


def _bar(items: Iterable[Any], what: str, progress: bool) -> Iterable[Any]:
    from tqdm import tqdm

    bar: Iterable[Any] = tqdm(items, what, unit="trial", disable=not progress, leave=False, delay=2)
    return bar


def _difference(a: Setup, b: Setup) -> str:
    """The first fields in which two setups differ, with both values."""
    one, other = a.as_json(), b.as_json()
    found = [f"{name} ({one[name]} and {other[name]})" for name in one if one[name] != other[name]]
    return ", ".join(found)
