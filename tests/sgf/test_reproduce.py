"""The protocol on DvsGesture runs on a folder of the original form, which the test writes."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.errors import FormatError, SpynqError
from spynq.sgf import gestures, reproduce_dvsgesture
from spynq.sgf.reproduce import VARIABLE

_SPEC = importlib.util.spec_from_file_location(
    "encoders", Path(__file__).parents[1] / "events" / "conftest.py"
)
assert _SPEC is not None and _SPEC.loader is not None
encoders: Any = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(encoders)

EVENTS, FRAMES, GAP = 100, 20, 1_000_000
SETUP = replace(gestures(), events=EVENTS, frames=FRAMES, least=2)
PEOPLE = ((1, "fluorescent"), (2, "led"), (23, "lab"), (24, "natural"), (29, "led"))


def _gesture(rng: np.random.Generator, label: int, start: int) -> list[tuple[int, int, int, int]]:
    """A blob: waves left and right, circles of both senses on both sides, the others between."""
    count = EVENTS * FRAMES
    phase = 2 * np.pi * (np.arange(count) / count + rng.random())
    if 4 <= label <= 7:
        cx, turn = (32 if label < 6 else 96), (1 if label % 2 == 0 else -1)
        x, y = cx + 18 * np.cos(phase), 64 + turn * 18 * np.sin(phase)
    else:
        cx = {2: 32, 3: 96}.get(label, 64)
        x, y = np.full(count, cx) + 3 * label * np.cos(phase), np.full(count, 40.0 + 4 * label)
    x, y = (np.clip(np.round(v + rng.normal(0, 1.5, count)), 0, 127).astype(int) for v in (x, y))
    t = start + np.arange(count) * 100
    return list(zip(t.tolist(), x.tolist(), y.tolist(), [1] * count, strict=True))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place, rng = tmp_path_factory.mktemp("DvsGesture"), np.random.default_rng(1)
    for person, light in PEOPLE:
        events, lines = [], ["class,startTime_usec,endTime_usec"]
        for label in range(1, 12):
            start = label * GAP
            part = _gesture(rng, label, start)
            lines.append(f"{label},{start},{part[-1][0]}")
            # What stands between two gestures belongs to none.
            events += [*part, (part[-1][0] + 500, 0, 0, 0)]
        name = f"user{person:02d}_{light}"
        (place / f"{name}.aedat").write_bytes(encoders.aedat3(events, packet=500))
        (place / f"{name}_labels.csv").write_text("\n".join(lines) + "\n")
    return place


def test_the_protocol_runs_on_the_original_form(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(folder))
    found = reproduce_dvsgesture(setup=SETUP, device="golden")
    # Three people teach and two are asked; class 11 is left out.
    assert (found["taught"], found["tested"]) == (30, 20)
    assert (found["fewest_taught"], found["fewest_tested"]) == (3, 2)
    assert found["accuracy"] > 60
    assert found["gate_accuracy"] >= found["accuracy"]
    assert reproduce_dvsgesture(folder, SETUP, device="golden", seed=found["seed"]) == found


def test_without_a_folder_it_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(SpynqError, match="DvsGesture is not here: set SPYNQ_DVSGESTURE to the folder"):
        reproduce_dvsgesture()
    with pytest.raises(FormatError, match="no recording"):
        reproduce_dvsgesture(tmp_path, SETUP, device="golden")


def test_both_sides_need_every_gesture(folder: Path, tmp_path: Path) -> None:
    for path in folder.glob("user0*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="persons 24 and up made no 'hand clapping', and the protocol needs"):
        reproduce_dvsgesture(tmp_path, SETUP, device="golden")
