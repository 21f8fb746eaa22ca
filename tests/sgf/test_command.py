"""``spynq sgf``: what it prints, what it keeps, and one line for everything it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.cli import main
from spynq.events import Recording, save
from spynq.sgf import SGF, Setup
from spynq.sgf.synthetic import Take, record

TinyTrial = Callable[[np.random.Generator, str], Recording]
KEYS = {"device", "winner", "scores", "gates", "flags", "events", "frames", "cycles", "dropped", "seconds"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny_trial: TinyTrial, tiny_flat: Setup) -> Path:
    """A calibrated model that was taught nothing yet, and three trials of each class."""
    place = tmp_path_factory.mktemp("command")
    rng = np.random.default_rng(1)
    trials = {f"{label}{i}": tiny_trial(rng, label) for label in tiny_flat.classes for i in range(3)}
    for name, trial in trials.items():
        save(trial, place / f"{name}.npz")
    with SGF(tiny_flat, device="golden") as sgf:
        sgf.calibrate(list(trials.values()))
        sgf.save(place / "empty.json")
    return place


@pytest.fixture
def model(folder: Path, tmp_path: Path) -> Path:
    path = tmp_path / "model.json"
    path.write_bytes((folder / "empty.json").read_bytes())
    return path


def _files(folder: Path, label: str) -> list[str]:
    return [str(folder / f"{label}{i}.npz") for i in range(3)]


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(["sgf", *arguments, "--json", "--device", "golden"]) == 0
    return json.loads(capsys.readouterr().out)


def test_teach_then_infer(folder: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for label in ("left", "right", "clockwise", "counter"):
        found = _json(capsys, "teach", str(model), *_files(folder, label), "--label", label)
        assert [row["flags"] for row in found["files"]] == [["TAUGHT"]] * 3
    found = _json(capsys, "infer", str(model), *_files(folder, "left"))
    assert all(set(row) >= KEYS | {"file"} for row in found["files"])
    assert [row["winner"] for row in found["files"]] == ["left"] * 3
    one = _json(capsys, "infer", str(model), _files(folder, "right")[0])
    assert set(one) >= KEYS
    assert (one["winner"], one["device"], one["cycles"], one["frames"]) == ("right", "golden", None, 12)
    assert set(one["scores"]["A"]) == {"left", "right", "clockwise", "counter"}

    found = _json(capsys, "bench", str(model), *_files(folder, "left"), "--label", "left")
    assert (found["trials"], found["right"], found["cycles"]) == (3, 3, None)
    assert found["events_per_second"] == pytest.approx(found["events"] / found["seconds"])

    found = _json(capsys, "explain", str(model))
    assert found["trials"]["A"] == dict.fromkeys(("left", "right", "clockwise", "counter"), 3)
    assert all(-1 <= edge["lead"] <= 1 and 0 <= edge["share"] <= 1 for edge in found["edges"])
    assert sum(slot["count"] for slot in found["vectors"]) == 12


def test_tables_for_people(
    folder: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    assert main(["sgf", "teach", str(model), *_files(folder, "left"), "--label", "0"]) == 0
    assert "TAUGHT" in capsys.readouterr().out
    assert main(["sgf", "infer", str(model), _files(folder, "left")[0]]) == 0
    assert "winner" in capsys.readouterr().out
    assert main(["sgf", "bench", str(model), _files(folder, "left")[0], "--label", "left"]) == 0
    assert "events_per_second" in capsys.readouterr().out
    picture = tmp_path / "new" / "graph.png"
    assert main(["sgf", "explain", str(model), "--plot", str(picture)]) == 0
    assert "sum_left >" in capsys.readouterr().out
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_calibrate_makes_a_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = []
    for gesture in (4, 9):
        events = record(Take(0, gesture, 0, 1, "train"))[:9000]
        files.append(str(tmp_path / f"{gesture}.npz"))
        save(Recording(events, 128, 128), Path(files[-1]))
    new = tmp_path / "new.json"
    found = _json(capsys, "calibrate", str(new), *files, "--classes", "turn, drum", "--frames", "8")
    assert found["trials"] == 2
    assert found["bits"]["A"] > 20
    with SGF.load(new, device="golden") as sgf:
        assert sgf.config.classes == ("turn", "drum")
        assert (sgf.config.frames, sgf.config.scoring) == (8, "naive Bayes")
    assert main(["sgf", "calibrate", str(new), *files]) == 0
    assert "thresholds from 2 trials" in capsys.readouterr().out
    ten = tmp_path / "ten.json"
    assert main(["sgf", "calibrate", str(ten), *files, "--gestures", "--scoring", "equation 1"]) == 0
    with SGF.load(ten, device="golden") as sgf:
        assert len(sgf.config.classes) == 10


def test_what_was_taught_before_an_error_is_kept(folder: Path, model: Path, tmp_path: Path) -> None:
    short = tmp_path / "short.npz"
    save(Recording(np.zeros(0, [("t", "<i8"), ("x", "<i2"), ("y", "<i2"), ("p", "u1")]), 16, 16), short)
    assert main(["sgf", "teach", str(model), _files(folder, "left")[0], str(short), "--label", "left"]) == 1
    with SGF.load(model, device="golden") as sgf:
        assert sgf.counters().trials[0] == 1


REFUSED: list[tuple[list[str], str]] = [
    (["infer", "MODEL"], "the following arguments are required: FILE"),
    (["teach", "MODEL", "FILE", "--label", "up"], "no class is called 'up'; the classes are left, right"),
    (["teach", "MODEL", "FILE", "--label", "9"], "classes are numbered 0 to 3, not 9"),
    (["infer", "absent.json", "FILE"], "make it: spynq sgf calibrate absent.json FILE"),
    (["infer", "FILE", "FILE"], "no model of sgf"),
    (["calibrate", "new.json", "FILE"], "a new model needs --classes A,B,... or --gestures, one of them"),
    (["calibrate", "MODEL", "FILE", "--frames", "9"], "exists, and --frames is for a new model"),
    (["calibrate", "new.json", "FILE", "--gestures", "--scoring", "x"], "scoring is one of equation 1"),
    (["infer", "MODEL", "FILE", "--device", "moon"], "unknown device 'moon'"),
    (["explain", "MODEL", "--plot", "x.png"], "nothing has been taught yet"),
    (["reproduce"], "DvsGesture is not here: set SPYNQ_DVSGESTURE to the folder"),
]


@pytest.mark.parametrize(("arguments", "sentence"), REFUSED)
def test_refusals_are_one_line(
    folder: Path,
    model: Path,
    arguments: list[str],
    sentence: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPYNQ_DVSGESTURE", raising=False)
    places = {"MODEL": str(model), "FILE": _files(folder, "left")[0]}
    assert main(["sgf", *(places.get(a, a) for a in arguments)]) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert sentence in captured.err


def test_a_new_model_of_a_named_sensor_takes_files_that_tell_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [tmp_path / "narrow.csv", tmp_path / "wide.csv"]
    rng = np.random.default_rng(1)
    for file, width, speed in zip(files, (40, 60), (0.02, -0.05), strict=True):
        x = (width / 2 + width / 3 * np.sin(speed * np.arange(1024)) + rng.normal(0, 1, 1024)).astype(int)
        y = rng.integers(0, width, 1024)
        rows = (f"{i},{x[i]},{y[i]},{i % 2}" for i in range(1024))
        file.write_text("\n".join(["t,x,y,p", *rows]) + "\n")
    new = str(tmp_path / "new.json")
    making = ["--classes", "a,b", "--events", "256", "--frames", "4", "--sensor", "64", "64"]
    assert main(["sgf", "calibrate", new, *map(str, files), *making]) == 0
    assert main(["sgf", "teach", new, str(files[1]), "--label", "a"]) == 0
    with SGF.load(new, device="golden") as model:
        assert tuple(model.config.sensor) == (64, 64)
    capsys.readouterr()
    assert main(["sgf", "calibrate", new, str(files[0]), "--sensor", "80", "80"]) == 1
    assert "--sensor is for a new model" in capsys.readouterr().err


def test_another_sensor_is_told_from_its_coordinates(
    model: Path, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sgf", "teach", str(model), *_files(folder, "left"), "--label", "left"]) == 0
    capsys.readouterr()
    other = tmp_path / "other.csv"
    # CSV has no sensor size, so it is guessed, and a wider sensor is told from the coordinates.
    lines = ["t,x,y,p", *(f"{i},{i % 20},3,1" for i in range(400))]
    other.write_text("\n".join(lines) + "\n")
    assert main(["sgf", "infer", str(model), str(other)]) == 1
    assert (
        "the recording is of a sensor of 20 x 4 pixels and the model of one of 16 x 16"
        in capsys.readouterr().err
    )
