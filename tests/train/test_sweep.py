"""Sweeps lose no finished result: neither when a worker dies, nor when the sweep itself is stopped."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spynq.errors import FormatError, SpynqError
from spynq_train.sweep import Job, finished, points, run_job, run_sweep

pytest.importorskip("distributed")
Task = Callable[[Job], dict[str, Any]]


def _jobs(count: int, **point: Any) -> list[Job]:
    return [Job("brp", "digits", "digits", point={"seed": seed, **point}) for seed in range(count)]


def _task(kind: str) -> Task:
    """What a worker does with a job; it travels by value, as workers cannot import a test."""

    def task(job: Job) -> dict[str, Any]:
        import os
        import time
        from pathlib import Path

        seed = job.point["seed"]
        if kind == "die once" and seed == 2 and not Path(job.point["mark"]).exists():
            # Killed after others have finished: what this worker did before, and all of the other's.
            Path(job.point["mark"]).write_text(str(os.getpid()))
            out, end = Path(job.point["out"]), time.monotonic() + 60
            while not out.exists() or out.read_text().count("\n") < 3:
                if time.monotonic() > end:
                    raise TimeoutError(f"no three results in {out} after 60 s")
                time.sleep(0.01)
            os._exit(1)
        if kind == "fail" and seed == 1:
            raise ValueError("no such luck")
        if kind == "never":
            raise AssertionError("a finished run was made again")
        return {"key": job.key, "point": job.point, "accuracy": seed**2, "pid": os.getpid()}

    return task


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
    jobs = _jobs(6, mark=str(tmp_path / "died"), out=str(tmp_path / "out.jsonl"))
    results = run_sweep(jobs, tmp_path / "out.jsonl", workers=2, task=_task("die once"))
    assert (tmp_path / "died").exists()
    assert [result["accuracy"] for result in results] == [0, 1, 4, 9, 16, 25]
    dead = int((tmp_path / "died").read_text())
    assert results[2]["pid"] != dead
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert sorted(line["point"]["seed"] for line in lines) == [0, 1, 2, 3, 4, 5]
    # All results are there: no worker is started, and no run is made again.
    assert run_sweep(jobs, tmp_path / "out.jsonl", workers=2, task=_task("never")) == results


@pytest.mark.timeout(180)
def test_a_failing_run_is_told_after_the_others(tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    sentence = r"1 of 3 runs failed, first \{'seed': 1\}: no such luck; the others are in .*out.jsonl"
    with pytest.raises(SpynqError, match=sentence):
        run_sweep(_jobs(3), out, workers=1, task=_task("fail"))
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
        run_sweep(_jobs(1), tmp_path / "out", scheduler="tcp://nowhere:1", task=_task("square"))


def test_a_sweep_without_workers_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import distributed

    from spynq_train import sweep

    monkeypatch.setattr(sweep, "_LOOK", 0.1)
    monkeypatch.setattr(sweep, "_PATIENCE", 0.5)
    with (
        distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster,
        pytest.raises(SpynqError, match=r"no worker is left for 2 runs since 0.5 s; start workers, and"),
    ):
        run_sweep(_jobs(2), tmp_path / "out", scheduler=cluster.scheduler_address, task=_task("square"))


def test_a_sweep_needs_a_worker(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"a sweep needs at least 1 worker, not 0"):
        run_sweep(_jobs(1), tmp_path / "out", workers=0, task=_task("square"))
