"""``spynq train``: every task, its JSON, and every refusal in one line."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.cli import main

SMALL = ["--data", "digits", "--train", "120", "--test", "60", "--epochs", "1", "--no-progress"]
METHODS = {
    "brp": ["--rule", "sign", "--steps", "4"],
    "tlbptt": ["--k", "2", "--n", "2", "--steps", "4", "--rate", "0.05"],
    "albsnn": ["--criterion", "SC1", "--bwo", "1"],
    "snnwm": ["--memory", "2", "--form", "overlapping"],
}


def _answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main(list(arguments)) == 0, capsys.readouterr().err
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_exports_and_draws(
    method: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "run.nir"
    given = ["train", method, *SMALL, *METHODS[method], "--seed", "3", "--out", str(out), "--json"]
    answer = _answer(capsys, *given)
    assert answer["method"] == method
    assert answer["settings"]["seed"] == 3
    assert answer["test_samples"] == 60
    assert len(answer["losses"]) == 1
    assert 0 <= answer["accuracy"] <= 100
    assert answer["saved_bytes"] > 0
    assert all({"layer", "rate", "silent", "dead"} == set(layer) for layer in answer["layers"])
    assert answer["held_out"] == []
    assert out.stat().st_size > 1000
    assert out.with_suffix(".png").read_bytes()[:4] == b"\x89PNG"
    # What it wrote is what the engine's command takes.
    samples = out.with_suffix(".npz")
    there = _answer(capsys, "lif", "run", str(out), "--input", str(samples), "--device", "golden", "--json")
    with np.load(samples) as stored:
        assert len(there["predictions"]) == len(stored["labels"]) == 20
    # The checkpoint is that of the finished run: nothing is trained again.
    again = _answer(capsys, *given)
    assert again["losses"] == answer["losses"]
    if method != "albsnn":  # its weight optimisation starts from the checkpoint
        assert again["accuracy"] == answer["accuracy"]


def test_people_read_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run.nir")
    assert main(["train", "tlbptt", *SMALL, *METHODS["tlbptt"], "--out", out]) == 0
    text = capsys.readouterr().out
    for part in ("accuracy", "spikes per neuron and step", "silent, %", "heads, %: ", "CPU seconds", out):
        assert part in text


def test_held_out_samples_are_judged_meanwhile(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = str(tmp_path / "run.nir")
    assert main(["train", "brp", *SMALL, "--steps", "3", "--hold-out", "20", "--out", out]) == 0
    assert "held out, % after each epoch: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["brp", "--data", "imagenet"], "unknown data set 'imagenet'; known data sets are digits, mnist"),
        (["brp", "--data", "digits", "--preset", "x"], "unknown preset 'x' of brp; known presets are digits"),
        (["brp", "--data", "digits", "--rule", "x"], "unknown rule 'x'; known rules are brp, err, sign"),
        (["brp", "--data", "digits", "--device", "tpu"], "device must be auto, cpu or cuda, not 'tpu'"),
        (["brp", "--data", "digits", "--preset", "dvsgesture"], "the head has 11 outputs and the data 10"),
        (["tlbptt", "--data", "digits", "--k", "3"], "k must divide the 10 time steps, and 3 does not"),
        (["tlbptt", "--data", "digits", "--n", "9"], "n must be 1 to the network's 4 layers, not 9"),
        (["albsnn", "--data", "digits", "--keep", "x"], "keep must be one of ale, none, ends, all, not 'x'"),
        (["snnwm", "--data", "digits", "--memory", "5"], "segments of 5 steps do not fill the 6 time steps"),
        (["snnwm", "--data", "digits", "--rate", "-1"], "the learning rate must be above 0, not -1"),
        (["brp", "--data", "saccade-digits", "--steps", "9"], "saccade-digits has 12 time steps, not 9"),
        (["brp", "--data", "digits", "--network", "9X"], "network 9X: '9X' is not known; parts are like"),
        (
            ["brp", "--data", "saccade-digits", "--judge-steps", "9"],
            "saccade-digits has 12 time steps, not 9",
        ),
        (
            ["snnwm", "--data", "digits", "--judge-steps", "9"],
            "snnwm was made for 6 time steps and",
        ),
        (["brp", "--data", "digits", "--judge-steps", "0"], "judge_steps must be at least 1, not 0"),
        (["brp", "--data", "digits", "--augment", "x"], "unknown augment 'x'; known are none, shift, crop"),
        (["brp", "--data", "digits", "--schedule", "x"], "unknown schedule 'x'; known are constant, cosine"),
        (
            ["brp", "--data", "digits", "--hold-out", "1347"],
            "digits has 1,347 training samples, and 1,347",
        ),
        (["brp", "--data", "digits", "--hold-out", "-1"], "and -1 are to be held out; hold out 1 to 1,346"),
        (["brp"], "the following arguments are required: --data"),
        (["snnwm", "--data", "digits", "--rate", "1e37"], "training diverged at step"),
        (["costs", "--network", "resnet"], "unknown network 'resnet'; known networks are digits, events"),
        (["costs", "--network", "lenet-1", "--k", "7"], "k must divide the 20 time steps, and 7 does not"),
        (["costs", "--network", "lenet-1", "--input", "28"], "--input must be channels x height x width"),
        (["sweep", "x", "--data", "digits"], "unknown method 'x'; known methods are brp, tlbptt"),
        (["sweep", "brp", "--data", "digits", "--over", "k=1"], "--over must be one of rule, steps"),
        (["sweep", "brp", "--data", "digits", "--seeds", "a"], "--seeds must be numbers with commas"),
    ],
)
def test_refusals_are_one_line(
    arguments: list[str], sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = [] if arguments[0] == "costs" else ["--out", str(tmp_path / "run.nir"), "--no-progress"]
    assert main(["train", *arguments, *place]) == 1
    error = capsys.readouterr().err
    assert sentence in error
    assert error.count("\n") == 1


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path / "run.nir")]
    assert main(["train", "brp", *SMALL, "--steps", "3", *out]) == 0
    capsys.readouterr()
    assert main(["train", "brp", *SMALL, "--steps", "4", *out]) == 1
    assert "run.checkpoint is a checkpoint with steps 3, and this run has 4" in capsys.readouterr().err


def test_ctrl_c_keeps_a_checkpoint_that_the_same_command_goes_on_from(tmp_path: Path) -> None:
    out = tmp_path / "run.nir"
    command = [sys.executable, "-m", "spynq", "train", "brp", "--data", "digits", "--steps", "10"]
    command += ["--epochs", "200", "--out", str(out), "--no-progress"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    checkpoint = out.with_suffix(".checkpoint")
    try:
        end = time.monotonic() + 120
        while not checkpoint.exists():
            assert process.poll() is None, process.stderr.read() if process.stderr else ""
            assert time.monotonic() < end
            time.sleep(0.2)
        os.kill(process.pid, signal.SIGINT)
        _, error = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 130
    assert f"{checkpoint} is kept, and the same command goes on from there" in error
    assert not out.exists()


def test_costs_print_the_calculator(capsys: pytest.CaptureFixture[str]) -> None:
    network = ["train", "costs", "--network", "lenet-1", "--classes", "47"]
    answer = _answer(capsys, *network, "--k", "1", "--n", "1", "--json")
    whole, local = answer["rows"]
    assert (whole["k"], whole["n"], whole["cost_of_bptt"]) == (20, 4, 1)
    assert 100 * (1 - local["macs_of_bptt"]) == pytest.approx(72.29, abs=0.01)
    assert local["figure_of_merit"] is None
    assert main([*network, "--sweep"]) == 0
    text = capsys.readouterr().out
    assert "6C5p2-AP2-16C5p0-AP2-120C5p0-128FC, T = 20, one batch of 128" in text
    assert len([line for line in text.splitlines() if line[:2].strip().isdigit()]) == 18


def test_costs_count_what_one_batch_keeps(capsys: pytest.CaptureFixture[str]) -> None:
    network = [
        "train",
        "costs",
        "--network",
        "4C3-AP2-6FC",
        "--input",
        "1x6x6",
        "--steps",
        "4",
        "--batch",
        "3",
    ]
    rows = _answer(capsys, *network, "--sweep", "--measure", "--json")["rows"]
    assert len(rows) == 6
    assert [row["counted_bytes"] for row in rows] == [row["kept_bytes"] for row in rows]


def test_costs_take_accuracies_of_a_sweep(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sweep.jsonl"
    rows = [
        {"point": {"k": k, "n": n}, "accuracy": a} for k, n, a in ((4, 2, 90.0), (4, 2, 70.0), (1, 1, 60.0))
    ]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    network = ["train", "costs", "--network", "4C3-AP2-6FC", "--input", "1x6x6", "--steps", "4"]
    found = _answer(capsys, *network, "--sweep", "--accuracies", str(file), "--json")["rows"]
    figures = {(row["k"], row["n"]): row["figure_of_merit"] for row in found if row["figure_of_merit"]}
    assert set(figures) == {(4, 2), (1, 1)}
    assert figures[4, 2] == 1
    file.write_text("{}\n")
    assert main([*network, "--accuracies", str(file)]) == 1
    assert "line 1: no result of a sweep over k and n; make one with" in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_a_sweep_prints_means_and_goes_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "sweep.jsonl"
    given = ["train", "sweep", "brp", *SMALL, "--steps", "3", "--over", "rule=brp,bp", "--seeds", "0,1"]
    given += ["--workers", "1", "--out", str(out)]
    assert main(given) == 0
    text = capsys.readouterr().out
    assert [line.split()[:2] for line in text.splitlines()[2:4]] == [["brp", "2"], ["bp", "2"]]
    results = _answer(capsys, *given, "--json")["results"]
    assert [row["point"] for row in results] == [
        {"rule": rule, "seed": seed} for rule in ("brp", "bp") for seed in (0, 1)
    ]
