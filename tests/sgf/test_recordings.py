"""The default build on real recordings: RTL and golden give the same words, whatever is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.events import load
from spynq.sgf.frames import Cut
from spynq.sgf.params import KERNEL, Report, SgfConfig
from spynq.sgf.samples import random_setting
from spynq.sgf.selftest import TIMED
from spynq.sgf.words import event_words, label

pytestmark = pytest.mark.full

FILES = ("human_dvxplorer_0p6s.aedat4", "human_dvxplorer_1p5s.aedat4", "evt2_sample.raw", "evt3_sample.raw")
COMPARED = [r.name for r in KERNEL.registers if r.access == "ro" and r.name not in TIMED]


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[Any, Any]]:
    pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")
    with open_kernel("sgf", "rtl", SgfConfig()) as rtl, open_kernel("sgf", "golden", SgfConfig()) as golden:
        yield rtl, golden


@pytest.mark.parametrize("name", FILES)
def test_a_recording_gives_the_same_words_on_rtl(name: str, pair: tuple[Any, Any], shared_data: Path) -> None:
    recording = load(shared_data / "events" / name)
    events = recording.events
    times = events["t"] - events["t"][0]
    words = event_words(times, events["x"], events["y"], events["p"], end=True)
    setting = random_setting(np.random.default_rng(1), SgfConfig())
    found = []
    for driver in pair:
        driver.configure(
            setting, cut=Cut(128), sensor=(recording.width, recording.height), parts=tuple(Report)
        )
        driver.clear()
        taught = driver.run(np.append(np.uint64(label(0)), words))
        found.append((taught.tolist(), {n: driver.get(n) for n in COMPARED}, driver.run(words).tolist()))
    assert found[0] == found[1]
    assert found[0][1]["FRAMES_DONE"] == min(80, len(events) // 1000)
    assert pair[0].get("STALLS") == 0
