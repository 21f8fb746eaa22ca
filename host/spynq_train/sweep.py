"""Many runs over options, seeds and weight widths, shared by the workers of a Dask cluster.

Every result is written as soon as it is there, and a run whose result is in the file is not made again: a
worker that dies costs the run it was at, which another worker repeats.
"""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spynq.errors import FormatError, MissingDependency, SpynqError

__all__ = ["Job", "finished", "points", "run_job", "run_sweep"]

_LOOK, _PATIENCE = 2.0, 60.0
"""Seconds between looks at the workers, and how long a sweep waits without any."""


@dataclass(frozen=True)
class Job:
    """One run, as plain data that travels to a worker.

    Attributes
    ----------
    method, data, preset : str
    folder : str or None
        As the worker sees it.
    train, test : int or None
        First samples of each part.
    given : dict
        Options of every point.
    point : dict
        Options of this one, ``seed``, and ``bits`` of quantised weights.
    """

    method: str
    data: str
    preset: str
    folder: str | None = None
    train: int | None = None
    test: int | None = None
    given: dict[str, Any] = field(default_factory=dict)
    point: dict[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Everything that decides the result."""
        return json.dumps({k: v for k, v in asdict(self).items() if k != "folder"}, sort_keys=True)


def points(over: Mapping[str, Sequence[Any]], seeds: Sequence[int]) -> list[dict[str, Any]]:
    """Every combination of options and seeds, in the order they were given."""
    if not seeds or any(not values for values in over.values()):
        raise ValueError("a sweep needs at least one seed, and one value of every option")
    names = list(over)
    return [
        {**dict(zip(names, values, strict=True)), "seed": seed}
        for values in itertools.product(*over.values())
        for seed in seeds
    ]


def run_job(job: Job) -> dict[str, Any]:
    """Train and judge one run on one thread; what is quantised is trained just the same."""
    import torch

    from spynq_train.data import load
    from spynq_train.learning import learn
    from spynq_train.recipes import prepare

    torch.set_num_threads(1)
    data = load(job.data, job.folder, train=job.train, test=job.test)
    options = {**job.given, **job.point}
    seed, bits = options.pop("seed"), options.pop("bits", None)
    outcome = learn(prepare(job.method, data, job.preset, seed, **options), data)
    result = {"key": job.key, "point": job.point, "accuracy": outcome.evaluation.accuracy}
    result |= {"cpu_seconds": outcome.seconds, "saved_bytes": outcome.memory}
    result["rates"] = [layer.rate for layer in outcome.evaluation.layers]
    if bits is not None:
        from spynq_train.engine import integer_accuracy

        result["integer_accuracy"] = integer_accuracy(outcome.run, data, bits)
    return result


def finished(path: Path) -> dict[str, dict[str, Any]]:
    """Results that are in a file already, by key; a line that was cut short at the end is dropped."""
    if not path.exists():
        return {}
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    found, kept = {}, 0
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found[row["key"]] = row
        except (ValueError, KeyError, TypeError) as error:
            if number == len(lines) and not line.endswith("\n"):
                break
            raise FormatError(f"{path}: line {number}: no result of a sweep; name another file") from error
        kept += len(line.encode())
    if kept < path.stat().st_size:
        with path.open("r+b") as file:
            file.truncate(kept)
    return found


def run_sweep(
    jobs: Sequence[Job],
    out: Path,
    *,
    scheduler: str | None = None,
    workers: int = 2,
    task: Callable[[Job], dict[str, Any]] = run_job,
    progress: bool = False,
) -> list[dict[str, Any]]:
    """Run jobs on a cluster and collect their results in the jobs' order.

    Parameters
    ----------
    jobs : sequence of Job
    out : pathlib.Path
        A line of JSON per result, written as it comes; results that it holds already are taken.
    scheduler : str, optional
        Address of a Dask scheduler, such as ``tcp://host:8786``; by default workers are started here.
    workers : int
        How many here.
    task : callable
        What a worker does with a job.
    progress : bool
        Show a bar.

    Raises
    ------
    SpynqError
        A run failed; the others were finished and are in the file.
    """
    from tqdm import tqdm

    out.parent.mkdir(parents=True, exist_ok=True)
    done = finished(out)
    wanted = {job.key: job for job in jobs}
    waiting = [job for key, job in wanted.items() if key not in done]
    failures: list[str] = []
    if waiting:
        with _client(scheduler, workers) as client, out.open("a", encoding="utf-8") as file:
            completed = _completed(client, task, waiting)
            for job, result in tqdm(
                completed, total=len(waiting), unit="run", disable=not progress, leave=False
            ):
                if isinstance(result, BaseException):
                    failures.append(f"{job.point}: {result}")
                    continue
                done[job.key] = result
                file.write(json.dumps(result) + "\n")
                file.flush()
    if failures:
        raise SpynqError(
            f"{len(failures)} of {len(wanted)} runs failed, first {failures[0]}; the others are in {out}, "
            "and the same command goes on"
        )
    return [done[job.key] for job in jobs]


@contextmanager
def _client(scheduler: str | None, workers: int) -> Iterator[Any]:
    try:
        import distributed
    except ImportError as error:
        raise MissingDependency("sweeps need Dask distributed: pip install 'spynq[farm]'") from error
    dask: Any = distributed  # its classes have no types
    if scheduler is None:
        if workers < 1:
            raise ValueError(f"a sweep needs at least 1 worker, not {workers}")
        with (
            dask.LocalCluster(
                n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            dask.Client(cluster) as client,
        ):
            yield client
        return
    try:
        client = dask.Client(scheduler, timeout="10s")
    except (OSError, ValueError) as error:
        raise SpynqError(
            f"no Dask scheduler answers at {scheduler} within 10 s; start one with 'dask scheduler', or "
            "leave --scheduler out"
        ) from error
    with client:
        yield client


def _completed(client: Any, task: Any, jobs: Sequence[Job]) -> Iterator[tuple[Job, Any]]:
    """Jobs with their results or errors, as they come; without any worker the wait ends."""
    import distributed

    dask: Any = distributed
    waiting = {client.submit(task, job, pure=False): job for job in jobs}
    seen = time.monotonic()
    while waiting:
        try:
            dask.wait(list(waiting), timeout=_LOOK, return_when="FIRST_COMPLETED")
        except (TimeoutError, dask.TimeoutError):
            if client.scheduler_info()["workers"]:
                seen = time.monotonic()
            elif time.monotonic() - seen > _PATIENCE:
                raise SpynqError(
                    f"no worker is left for {len(waiting)} runs since {_PATIENCE:g} s; start workers, and "
                    "the same command goes on"
                ) from None
            continue
        seen = time.monotonic()
        for future in [future for future in waiting if future.done()]:
            error = future.exception()
            yield waiting.pop(future), future.result() if error is None else error
