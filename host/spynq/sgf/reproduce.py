"""The paper's protocol on IBM's DvsGesture, for whoever has a copy: nothing here says how it ends."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from spynq.errors import SpynqError
from spynq.events import gesture_trials
from spynq.events.dvsgesture import Trial
from spynq.sgf.presets import gestures
from spynq.sgf.protocol import Trials, hold_out
from spynq.sgf.setup import Setup
from spynq.sgf.sgf import SGF
from spynq.sgf.synthetic.movement import OTHER

__all__ = ["VARIABLE", "reproduce_dvsgesture"]

VARIABLE = "SPYNQ_DVSGESTURE"
"""Environment variable that names the folder."""
_FIRST_TEST_PERSON = 24
_TAUGHT, _TESTED = 36, 24


def reproduce_dvsgesture(
    folder: str | os.PathLike[str] | None = None,
    setup: Setup | None = None,
    *,
    device: Any = None,
    seed: int = 1,
    progress: bool = False,
) -> dict[str, Any]:
    """Teach 36 trials of each of ten gestures in one pass, test 24 of each, other people.

    Persons 1 to 23 teach, 24 and up test. Where a class has more trials, 36 and 24 are drawn; where it
    has fewer, all are used and the counts say so. Thresholds come from the training trials alone.

    Parameters
    ----------
    folder : path, optional
        DvsGesture as IBM gives it: ``user01_fluorescent.aedat`` and so on, with label tables. By default
        what ``SPYNQ_DVSGESTURE`` names.
    setup : Setup, optional
        By default :func:`spynq.sgf.gestures`.
    device : str, optional
        Where the statistics are computed.
    seed : int
        Of the draws.
    progress : bool
        Show a bar.

    Returns
    -------
    dict
        ``accuracy`` and ``gate_accuracy`` (percent), ``taught`` and ``tested`` (trials in all),
        ``fewest_taught``, ``fewest_tested`` (of any class), ``bits``, ``model_bytes``, ``seed``.

    Raises
    ------
    SpynqError
        No folder is named.
    spynq.errors.FormatError
        The folder holds no such recordings.
    ValueError
        A gesture is absent from the training or the test persons.
    """
    named = folder or os.environ.get(VARIABLE)
    if not named:
        raise SpynqError(
            f"DvsGesture is not here: set {VARIABLE} to the folder that holds user01_fluorescent.aedat and "
            "so on (IBM gives the data set away, some 3 GB)"
        )
    chosen = gestures() if setup is None else setup
    with SGF(chosen, device=device) as sgf:
        found = _measured(sgf, Path(named), progress)
    rng = np.random.default_rng(seed)
    parts = [found[found.people < _FIRST_TEST_PERSON], found[found.people >= _FIRST_TEST_PERSON]]
    fewest = [_fewest(part, who, chosen) for part, who in zip(parts, ("1 to 23", "24 and up"), strict=True)]
    train = parts[0].draw(min(_TAUGHT, fewest[0]), rng)
    test = parts[1].draw(min(_TESTED, fewest[1]), rng)
    outcome = hold_out(chosen, train, test)
    return {
        "accuracy": outcome.accuracy,
        "gate_accuracy": outcome.gate_accuracy,
        "taught": len(train),
        "tested": len(test),
        "fewest_taught": fewest[0],
        "fewest_tested": fewest[1],
        "bits": sum(outcome.bits.values()),
        "model_bytes": outcome.model_bytes,
        "seed": seed,
    }


def _known(folder: Path, setup: Setup) -> Iterator[Trial]:
    """Trials of gestures 1 to 10 by people with a number."""
    for trial in gesture_trials(folder):
        if trial.user is not None and 1 <= trial.label <= len(setup.classes) and trial.label != OTHER:
            yield trial


def _measured(sgf: SGF, folder: Path, progress: bool) -> Trials:
    from tqdm import tqdm

    rows, labels, people = [], [], []
    bar = tqdm(_known(folder, sgf.config), "DvsGesture", unit="trial", disable=not progress, leave=False)
    for trial in bar:
        rows.append(sgf.statistics([trial.recording])[0])
        labels.append(trial.label - 1)
        people.append(trial.user)
    return Trials(np.array(rows, np.int64).reshape(len(rows), -1), np.array(labels), np.array(people))


def _fewest(part: Trials, who: str, setup: Setup) -> int:
    """Trials of the class that has the fewest."""
    counts = np.bincount(part.labels.astype(int), minlength=len(setup.classes))
    if not counts.all():
        absent = setup.classes[int(np.argmin(counts))]
        raise ValueError(
            f"persons {who} made no {absent!r}, and the protocol needs all ten gestures on both sides; "
            "is the folder complete?"
        )
    return int(counts.min())
