"""SGF on simulated gateware: the same answers, scores, vectors, counters and files as on golden."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.events import Recording, pack
from spynq.sgf import SGF, Group, Setup
from spynq.sgf.samples import SMALL

pytest.importorskip("pynq")
pytest.importorskip("amaranth")

CLASSES = ("left", "right", "clockwise", "counter")
PER_FRAME = 20
SETUP = Setup(
    CLASSES,
    ("left", "right", Group(("clockwise", "counter"), "C")),
    {"A": ("sum_left", "sum_right", "above_left_0"), "C": ("area_W", "rot_W", "cx_W", "move_x_W")},
    {"A": (0.3, 0.6), "C": (0.5,)},
    thetas=(0, 1),
    sensor=(8, 8),
    events=PER_FRAME,
    frames=SMALL.frames,
    least=2,
    build=SMALL,
)


def _trial(rng: np.random.Generator, label: str) -> Recording:
    count = PER_FRAME * SMALL.frames
    phase = 2 * np.pi * (np.arange(count) / count + rng.random())
    if label in ("clockwise", "counter"):
        turn = 1 if label == "clockwise" else -1
        cx, cy = 3.5 + 2.2 * np.cos(phase), 3.5 + turn * 2.2 * np.sin(phase)
    else:
        cx, cy = np.full(count, 1.5 if label == "left" else 5.5), np.full(count, 3.5)
    x, y = (np.clip(np.round(c + rng.normal(0, 0.7, count)), 0, 7).astype(int) for c in (cx, cy))
    return Recording(pack(np.arange(count), x, y, rng.random(count) < 0.9), 8, 8)


@pytest.fixture(scope="module")
def pair() -> Iterator[tuple[SGF, SGF]]:
    with SGF(SETUP, device="golden") as golden, SGF(SETUP, device="rtl") as rtl:
        yield golden, rtl


def _comparable(result: Any) -> dict[str, Any]:
    found = asdict(result)
    found["vectors"] = {unit: vector.tolist() for unit, vector in result.vectors.items()}
    return {name: value for name, value in found.items() if name not in ("device", "seconds", "cycles")}


def test_a_whole_session_is_equal(pair: tuple[SGF, SGF], tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = [label for _ in range(3) for label in CLASSES]
    trials = [_trial(rng, label) for label in labels]
    asked = [_trial(rng, label) for label in CLASSES]
    answers = []
    for sgf in pair:
        sgf.clear()
        sgf.bits = {}
        sgf.fit(trials, labels)
        found = [_comparable(sgf.infer(trial)) for trial in asked]
        found.append(_comparable(sgf.unteach(trials[0], labels[0])))
        joined = np.concatenate([trial.events for trial in asked])
        found += [_comparable(result) for result in sgf.stream(np.array_split(joined, 3))]
        answers.append((found, sgf.bits, sgf.counters(), sgf.set_limit(trials, labels)))
        sgf.save(tmp_path / f"{sgf.device}.json")
        sgf.limit = None
    golden, rtl = answers
    assert rtl[0] == golden[0]
    assert rtl[1:] == golden[1:]
    texts = [(tmp_path / f"{sgf.device}.json").read_text() for sgf in pair]
    assert texts[0] == texts[1]


def test_cycles_are_counted_and_one_per_event(pair: tuple[SGF, SGF]) -> None:
    _, rtl = pair
    trial = _trial(np.random.default_rng(3), "left")
    rtl.clear()
    rtl.bits = {}
    rtl.calibrate([trial, _trial(np.random.default_rng(4), "right")])
    result = rtl.teach(trial, "left")
    assert result.device == "rtl"
    assert result.cycles is not None and result.cycles >= len(trial)


def test_a_model_of_one_device_serves_the_other(pair: tuple[SGF, SGF], tmp_path: Path, seed: int) -> None:
    golden, _ = pair
    rng = np.random.default_rng(seed)
    labels = list(CLASSES) * 2
    golden.clear()
    golden.bits = {}
    golden.fit([_trial(rng, label) for label in labels], labels)
    golden.save(tmp_path / "model.json")
    with SGF.load(tmp_path / "model.json", device="rtl") as rtl:
        assert rtl.counters() == golden.counters()
        trial = _trial(rng, "counter")
        assert _comparable(rtl.infer(trial)) == _comparable(golden.infer(trial))
