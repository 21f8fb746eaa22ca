"""Sweeps lose no finished result: neither when a worker dies, nor when the sweep itself is stopped."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import cloudpickle
import pytest

from spynq.errors import FormatError, SpynqError
from spynq_train.sweep import Job, finished, points, run_job, run_sweep

pytest.importorskip("distributed")
# Workers cannot import a test module by its name.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def _jobs(count: int, **point: Any) -> list[Job]:
    return [Job("brp", "digits", "digits", point={"seed": seed, **point}) for seed in range(count)]


def _square(job: Job) -> dict[str, Any]:
    return {"key": job.key, "point": job.point, "accuracy": job.point["seed"] ** 2, "pid": os.getpid()}


def _die_once(job: Job) -> dict[str, Any]:
    """The worker that meets seed 2 first is killed, after others have finished."""
    mark = Path(job.point["mark"])
    if job.point["seed"] == 2 and not mark.exists():
        mark.write_text(str(os.getpid()))
        time.sleep(1.0)
        os._exit(1)
    return _square(job)


def _fail(job: Job) -> dict[str, Any]:
    if job.point["seed"] == 1:
        raise ValueError("no such luck")
    return _square(job)


def _never(job: Job) -> dict[str, Any]:
    raise AssertionError("a finished run was made again")


def test_points_are_all_combinations() -> None:
    assert points({"k": [2, 1], "n": [4]}, [0, 1]) == [
        {"k": 2, "n": 4, "seed": 0},
        {"k": 2, "n": 4, "seed": 1},
        {"k": 1, "n": 4, "seed": 0},
        {"k": 1, "n": 4, "seed": 1},
    ]
    for over, seeds in (({"k": []}, [0]), ({}, [])):
        with pytest.raises(
            ValueError, match=r"a sweep needs at least one seed, and one value of every option"
        ):
            points(over, seeds)


@pytest.mark.timeout(180)
def test_a_dying_worker_loses_no_finished_result(tmp_path: Path) -> None:
    jobs = _jobs(6, mark=str(tmp_path / "died"))
    results = run_sweep(jobs, tmp_path / "out.jsonl", workers=2, task=_die_once)
    assert (tmp_path / "died").exists()
    assert [result["accuracy"] for result in results] == [0, 1, 4, 9, 16, 25]
    dead = int((tmp_path / "died").read_text())
    assert results[2]["pid"] != dead
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(line["point"]["seed"] for line in lines) == [0, 1, 2, 3, 4, 5]
    # All results are there: no worker is started, and no run is made again.
    assert run_sweep(jobs, tmp_path / "out.jsonl", workers=2, task=_never) == results


@pytest.mark.timeout(180)
def test_a_failing_run_is_told_after_the_others(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    sentence = r"1 of 3 runs failed, first \{'seed': 1\}: no such luck; the others are in .*out.jsonl"
    with pytest.raises(SpynqError, match=sentence):
        run_sweep(_jobs(3), out, workers=1, task=_fail)
    assert sorted(row["point"]["seed"] for row in finished(out).values()) == [0, 2]


def test_a_line_that_was_cut_is_made_again_and_other_files_are_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    whole = json.dumps({"key": "a", "accuracy": 1}) + "\n"
    out.write_text(whole + '{"key": "b", "acc')
    assert list(finished(out)) == ["a"]
    assert out.read_text() == whole
    out.write_text("a table\n" + whole)
    with pytest.raises(FormatError, match=r"out.jsonl: line 1: no result of a sweep; name another file"):
        finished(out)


def test_another_option_is_another_run() -> None:
    keys = {
        Job("brp", "digits", "digits", **change).key
        for change in ({}, {"train": 5}, {"given": {"epochs": 1}}, {"point": {"seed": 1}})
    }
    assert len(keys) == 4
    # Where the files are does not decide the result.
    assert Job("brp", "digits", "digits", folder="/a").key == Job("brp", "digits", "digits", folder="/b").key


def test_a_job_trains_and_quantises() -> None:
    given = {"epochs": 1, "steps": 5}
    job = Job("brp", "digits", "digits", None, 200, 100, given, {"seed": 3, "bits": 4})
    result = run_job(job)
    assert result["key"] == job.key
    assert 0 <= result["accuracy"] <= 100
    assert 0 <= result["integer_accuracy"] <= 100
    assert json.loads(json.dumps(result)) == result


def test_a_scheduler_that_does_not_answer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    def refuse(address: str, timeout: str) -> None:
        raise OSError("timed out")

    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(
        SpynqError, match=r"no Dask scheduler answers at tcp://nowhere:1 within 10 s; start one"
    ):
        run_sweep(_jobs(1), tmp_path / "out", scheduler="tcp://nowhere:1", task=_square)


def test_a_sweep_needs_a_worker(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a sweep needs at least 1 worker, not 0"):
        run_sweep(_jobs(1), tmp_path / "out", workers=0, task=_square)
