"""``spynq lif``: inspect, compile and run, for people and as JSON; every refusal in one line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.cli import main
from spynq.lif import write_nir
from spynq.lif.graph import Conv, Flatten, Graph, Input, Linear, Neuron, Output, sequence

pytest.importorskip("nir")


def _graph() -> Graph:
    rng = np.random.default_rng(1)
    return sequence(
        [
            ("in", Input((2, 8, 8), 1)),
            ("conv", Conv(rng.normal(0.1, 0.3, (4, 2, 3, 3)), np.zeros(4))),
            ("lif", Neuron.uniform(4, 0.5, refractory=1)),
            ("flat", Flatten()),
            ("fc", Linear(rng.normal(0.02, 0.3, (3, 144)), np.zeros(3))),
            ("read", Neuron.uniform(3, 0.9, fires=False, reset="none")),
            ("out", Output()),
        ],
        dt=1e-3,
    )


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(write_nir(_graph(), tmp_path / "small.nir"))


@pytest.fixture
def spikes(tmp_path: Path) -> str:
    x = (np.random.default_rng(2).random((6, 3, 2, 8, 8)) < 0.3).astype(np.uint8)
    np.savez(tmp_path / "x.npz", input=x, labels=np.array([0, 1, 2]))
    return str(tmp_path / "x.npz")


def _json(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_inspect_tells_nodes_and_conventions(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lif", "inspect", model]) == 0
    out = capsys.readouterr().out
    assert "decay 0.5, fires at V >= 1, hard reset, refractory 1 steps (freeze)" in out
    assert "reset: hard (file)" in out
    found = _json(capsys, "lif", "inspect", model)
    assert [layer["kind"] for layer in found["layers"]] == [
        "Input", "Conv", "Neuron", "Flatten", "Linear", "Neuron", "Output"
    ]  # fmt: skip
    assert found["layers"][1]["parameters"] == 4 * 2 * 9 + 4
    assert found["conventions"] == {"dt": "0.001 (file)", "reset": "hard (file)", "tie": ">= (file)"}


def test_compile_tells_format_memory_and_cycles(model: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lif", "compile", model, "--weights", "int4", "--steps", "5"]) == 0
    out = capsys.readouterr().out
    assert "resident" in out and "an estimate" in out
    found = _json(capsys, "lif", "compile", model, "--weights", "int4", "--steps", "5", "--columns", "4")
    assert found["columns"] == 4 and found["steps"] == 5
    assert [layer["name"] for layer in found["layers"]] == ["lif", "read"]
    assert all(layer["cycles"] > 0 and layer["bytes"] > 0 for layer in found["layers"])
    denser = _json(capsys, "lif", "compile", model, "--steps", "5", "--columns", "4", "--density", "0.9")
    assert denser["cycles"] > found["cycles"]


def test_run_tells_what_the_issue_promises(
    model: str, spikes: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lif", "run", model, "--input", spikes, "--device", "golden"]) == 0
    out = capsys.readouterr().out
    assert "no cycles counted" in out and "accuracy" in out
    found = _json(capsys, "lif", "run", model, "--input", spikes, "--device", "golden")
    assert list(found) == [
        "device", "network", "layers", "outputs", "predictions", "spikes", "cycles", "synaptic_operations",
        "utilisation", "seconds", "accuracy",
    ]  # fmt: skip
    assert len(found["predictions"]) == 3 and found["cycles"] == 0 and found["utilisation"] is None


def test_run_takes_images_and_events(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.savez(tmp_path / "images.npz", images=np.full((2, 2, 8, 8), 200, np.uint8))
    coded = [
        "lif",
        "run",
        model,
        "--input",
        str(tmp_path / "images.npz"),
        "--steps",
        "5",
        "--device",
        "golden",
    ]
    rated = _json(capsys, *coded, "--coding", "rate", "--seed", "3")
    assert rated["spikes"]["lif"] > 0
    assert rated["spikes"] == _json(capsys, *coded, "--coding", "rate", "--seed", "3")["spikes"]
    np.savez(tmp_path / "events.npz", t=[0, 5, 900], x=[1, 2, 3], y=[1, 2, 3], p=[0, 1, 1])
    seen = _json(
        capsys,
        "lif",
        "run",
        model,
        "--input",
        str(tmp_path / "events.npz"),
        "--frame",
        "100",
        "--device",
        "golden",
    )
    assert len(seen["predictions"]) == 1


def test_run_saves_a_picture(
    model: str, spikes: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("matplotlib")
    picture = tmp_path / "new" / "run.png"
    assert main(["lif", "run", model, "--input", spikes, "--device", "golden", "--plot", str(picture)]) == 0
    assert picture.stat().st_size > 10_000
    capsys.readouterr()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["inspect", "none.nir"], "none.nir: no such file"),
        (["inspect", "{text}"], "is no NIR file: NIR is written in HDF5"),
        (["inspect", "{model}", "--profile", "brian"], "E06 unknown profile 'brian'"),
        (["compile", "{model}", "--weights", "int5"], "E03 layer 'lif': unknown weight format 'int5'"),
        (["compile", "{model}", "--steps", "0"], "E01 network 'small': 0 time steps"),
        (["compile", "{model}", "--columns", "3"], "columns must be one of 1, 2, 4, 16, 32, 48, not 3"),
        (["run", "{model}", "--input", "{text}"], "is no .npz file"),
        (
            ["run", "{model}", "--input", "{other}"],
            "other.npz holds a; it needs input [T, N, C, H, W], or images",
        ),
        (["run", "{model}", "--input", "{events}"], "give --frame 10000"),
        (["run", "{model}", "--input", "{images}"], "E01 coding 'direct' needs a number of time steps"),
        (
            ["run", "{model}", "--input", "{other}", "--device", "x"],
            "unknown device 'x'; known devices are golden",
        ),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], message: str, model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.npz").write_text("hello")
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    np.savez(tmp_path / "events.npz", t=[0], x=[1], y=[1], p=[0])
    np.savez(tmp_path / "images.npz", images=np.zeros((1, 2, 8, 8), np.uint8))
    places = {name: str(tmp_path / f"{name}.npz") for name in ("text", "other", "events", "images")}
    assert main(["lif", *(argument.format(model=model, **places) for argument in arguments)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
