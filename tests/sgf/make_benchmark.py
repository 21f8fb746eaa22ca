"""Make ``benchmark.npz`` anew: the statistics of the 624 synthetic trials that the accuracies are tested on.

Run it when the generator or a statistic changes (a minute): ``python tests/sgf/make_benchmark.py``.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from spynq.sgf import SgfConfig, gestures, golden
from spynq.sgf.frames import Cut
from spynq.sgf.presets import THETAS, flat
from spynq.sgf.statistics import names
from spynq.sgf.synthetic import benchmark, recordings
from spynq.sgf.synthetic.benchmark import Take

KEPT = Path(__file__).with_name("benchmark.npz")
BUILD = SgfConfig()


def kept_names() -> list[str]:
    """Statistics that the presets use, and the whole of both parts of the grid."""
    setups = gestures(), flat(("a", "b"))
    found = [name for setup in setups for unit in setup.features.values() for name in unit]
    return list(dict.fromkeys([*found, "area_L", "area_R", "area_W", "frames"]))


def row(events: np.ndarray) -> np.ndarray:
    """Kept statistics of one trial."""
    columns = (events[name].astype(np.int64) for name in "txyp")
    values = golden.statistics(*columns, BUILD, THETAS, cut=Cut(128))
    return values[[names(BUILD)[name] for name in kept_names()]]


def numbers(take: Take) -> tuple[int, int, int]:
    """Subject, gesture and repetition."""
    return take.subject, take.gesture, take.take


if __name__ == "__main__":
    found = [
        (numbers(take), row(r.events)) for take, r in recordings(benchmark(), progress=sys.stderr.isatty())
    ]
    takes, rows = zip(*found, strict=True)
    np.savez_compressed(
        KEPT, takes=np.array(takes, np.uint8), names=kept_names(), statistics=np.array(rows, np.int32)
    )
