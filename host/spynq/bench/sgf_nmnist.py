"""N-MNIST as a task for histograms: real events of a real sensor, digits instead of gestures.

The first 1,000 training and 100 test samples of the set, where they are present. Small samples: not to be
compared with what papers report on 60,000.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spynq.bench.data import data_root
from spynq.bench.registry import NotMeasured
from spynq.events.recording import Recording, pack
from spynq.sgf.frames import conditioned
from spynq.sgf.golden import statistics
from spynq.sgf.params import DECISION, SgfConfig
from spynq.sgf.presets import flat
from spynq.sgf.protocol import Trials
from spynq.sgf.setup import Setup
from spynq.sgf.words import scale

__all__ = ["SENSOR", "digits", "setup", "trials"]

SENSOR = 34
"""Pixels of a side."""
_BUILD = SgfConfig(size=32)
_LEVELS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)


def folder(root: Path | None = None) -> Path:
    """Where the samples lie."""
    return (root or data_root()) / "nmnist"


def digits(part: str, root: Path | None = None, most: int | None = None) -> tuple[list[Recording], list[int]]:
    """Recordings of ``train`` (1,000) or ``test`` (100) and their digits.

    Raises
    ------
    NotMeasured
        The samples are not here.
    """
    path = folder(root) / f"nmnist_{part}.npz"
    if not path.exists():
        raise NotMeasured(f"{path} is absent; point SPYNQ_DATA to a folder with nmnist/nmnist_{part}.npz")
    with np.load(path) as kept:
        values = {name: kept[name] for name in kept.files}
    p = np.unpackbits(values["p"], count=len(values["x"]))
    borders = values["offsets"].astype(int)
    found = []
    for a, b in zip(borders[:-1][:most], borders[1:][:most], strict=True):
        t = np.cumsum(values["dt"][a:b], dtype=np.int64)
        events = pack(t, values["x"][a:b], values["y"][a:b], p[a:b])
        found.append(Recording(events, SENSOR, SENSOR, "N-MNIST"))
    return found, values["label"][: len(found)].astype(int).tolist()


def setup(scoring: str = DECISION[1], build: SgfConfig = _BUILD) -> Setup:
    """Ten digits side by side, by sums of ST counts in 6 x 6 zones.

    Frames of 150 events, 20 of them; chosen on 600 training samples among six ways to cut and five sets of
    statistics.
    """
    zones = [f"sum_{row}_{column}" for row in range(build.zones) for column in range(build.zones)]
    return flat(
        [str(digit) for digit in range(10)],
        scoring,
        build=build,
        features={"A": tuple(zones)},
        levels={"A": _LEVELS},
        sensor=(SENSOR, SENSOR),
        events=150,
        frames=min(20, build.frames),
        least=4,
    )


def trials(part: str, root: Path | None = None) -> Trials:
    """Statistics of all samples; each stands for a person of its own, as the writers are not told."""
    found, labels = digits(part, root)
    chosen = setup()
    factor = scale(chosen.build.size, SENSOR)
    rows = []
    for recording in found:
        t, x, y, p = (recording.events[name].astype(np.int64) for name in "txyp")
        xs, ys, inside = conditioned(x, y, chosen.build.size, factor, factor, False, False)
        t, x, y, p = (column[inside] for column in (t, xs, ys, p))
        rows.append(statistics(t, x, y, p, chosen.build, chosen.thetas, cut=chosen.cut, least=chosen.least))
    first = 0 if part == "train" else 1_000_000
    return Trials(np.array(rows), np.array(labels), first + np.arange(len(rows)))
