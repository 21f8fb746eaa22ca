"""Real recordings of four files through the whole kernel: simulated gateware equals golden."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from spynq.events import load
from spynq.sgf import SGF, Setup
from spynq.sgf.samples import SMALL

FILES = (
    "evt2_sample.raw",
    "evt3_sample.raw",
    "human_dvxplorer_0p6s.aedat4",
    "human_dvxplorer_1p5s.aedat4",
)
EVENTS, TRIALS = 80, 4


@pytest.mark.filterwarnings("ignore::spynq.events.EventWarning")
@pytest.mark.parametrize("name", FILES)
def test_a_real_recording_is_equal_on_rtl(shared_data: Path, name: str) -> None:
    pytest.importorskip("pynq")
    pytest.importorskip("amaranth")
    path = shared_data / "events" / name
    if not path.exists():
        pytest.skip(f"{path} is absent")
    if path.suffix == ".aedat4":
        pytest.importorskip("lz4")
    recording = load(path)
    setup = Setup(
        ("first", "second"),
        features={"A": ("sum_left", "sum_q11", "area_W", "cx_W", "move_y_W", "peak_x_L")},
        levels={"A": (0.3, 0.6)},
        thetas=(0, 2),
        sensor=(recording.width, recording.height),
        events=EVENTS,
        frames=SMALL.frames,
        build=SMALL,
    )
    length = EVENTS * SMALL.frames
    step = (len(recording) - length) // TRIALS
    trials = [
        replace(recording, events=recording.events[i * step : i * step + length]) for i in range(TRIALS)
    ]
    answers = []
    for device in ("golden", "rtl"):
        with SGF(setup, device=device) as sgf:
            statistics = sgf.statistics(trials).tolist()
            sgf.fit(trials, ["first", "second"] * (TRIALS // 2))
            results = [sgf.infer(trial) for trial in trials]
            vectors = [r.vectors["A"].tolist() for r in results]
            told = [
                (r.winner, r.second, r.score, r.scores, r.flags, r.events, r.frames, r.dropped)
                for r in results
            ]
            answers.append((statistics, sgf.bits, vectors, told, sgf.counters()))
    assert answers[0] == answers[1]
    assert any(any(row) for row in answers[0][0])
