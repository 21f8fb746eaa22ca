"""What is timed, how long it took, and whether it did the same work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from statistics import median

from spynq.bayes.network import Floats
from spynq.bench.paper import loops
from spynq.bench.software import Stopwatch
from spynq.errors import SpynqError
from spynq.stm.reference import total_variation

__all__ = ["CLOCK", "Contender", "Line", "in_parts", "measure"]

CLOCK = 100e6
"""The paper's clock; that ours reaches it is assumed until a vendor's tool has said so."""
_AGREE = 2e-3
_ENOUGH = 0.2
"""Seconds from which on one measurement is enough."""


@dataclass(frozen=True)
class Contender:
    """A program that does the work, or the first part of it.

    Parameters
    ----------
    name : str
    run : callable
        Given a number of rows, does them and returns the answer so far.
    rows : int
        Rows it is given; fewer than all where all would take too long.
    threads : int
        Threads it keeps busy.
    start : callable, optional
        Seconds spent once whatever the rows, which are not scaled up: its work is done in other
        processes, and timed by the wall.
    algorithm : str
        ``"same"``, or what is different; then the answer is a different estimate.
    """

    name: str
    run: Callable[[int], Floats]
    rows: int
    threads: int = 1
    start: Callable[[], float] | None = None
    algorithm: str = "same"


def in_parts(run: Callable[..., Floats], in_threads: int, in_processes: int) -> list[Contender]:
    """Loops in 2, 4 and 10 threads, and in 2 and 4 processes.

    Parameters
    ----------
    run : callable
        Given a number of rows, and as ``how`` and ``count`` one of the two ways of
        :mod:`~spynq.bench.paper.loops` and in how many parts, returns the answer so far.
    in_threads, in_processes : int
        Rows that each is given.
    """
    threads = [
        Contender(f"Python, {n} threads", partial(run, how=loops.in_threads, count=n), in_threads)
        for n in (2, 4, 10)
    ]
    processes = [
        Contender(
            f"Python, {n} processes",
            partial(run, how=loops.in_processes, count=n),
            in_processes,
            n,
            partial(loops.process_start, n),
        )
        for n in (2, 4)
    ]
    return threads + processes


@dataclass(frozen=True)
class Line:
    """One row of a table.

    Parameters
    ----------
    who : str
    source : str
        ``"paper"``, ``"software, this run"`` or ``"kernel"``.
    milliseconds : float or None
        Of one inference; None if it was not measured.
    per_neuron : float or None
        Milliseconds of one inference divided by the sampled neurons.
    cycles : int or None
        Of a kernel: counted, from start to done.
    how : str
    """

    who: str
    source: str
    milliseconds: float | None
    per_neuron: float | None
    cycles: int | None
    how: str

    def as_json(self) -> dict[str, object]:
        """All of it."""
        return dict(self.__dict__)


def measure(contender: Contender, rows: int, reference: Callable[[int], Floats], neurons: int) -> Line:
    """Time a contender; an answer that differs from the reference is told instead of a time.

    Parameters
    ----------
    contender : Contender
    rows : int
        Rows of the whole job: the time is scaled up to them.
    reference : callable
        The answer after so many rows, by NumPy in float64.
    neurons : int
        Sampled neurons.
    """
    source = "software, this run"
    try:
        # Once before the clock runs: compilers and caches.
        answer = contender.run(contender.rows)
    except (SpynqError, OSError) as error:
        return Line(contender.name, source, None, None, None, f"not measured: {error}")
    if contender.algorithm == "same":
        off = total_variation(answer, reference(contender.rows)[: len(answer)])
        if not off <= _AGREE:
            return Line(
                contender.name, source, None, None, None, f"not measured: its answer is off by {off:.2g}"
            )
    times: list[float] = []
    start = contender.start() if contender.start else 0.0
    while len(times) < 5 and sum(times) < _ENOUGH:
        clock = Stopwatch(contender.threads)
        contender.run(contender.rows)
        times.append(clock.wall() if contender.start else clock.seconds())
    start = min(start, *times)
    seconds = start + (median(times) - start) * rows / contender.rows
    how = f"{contender.threads} thread{'s' * (contender.threads > 1)}, median of {len(times)}"
    if contender.rows < rows:
        how += f", scaled up from {contender.rows} of {rows} rows"
    if contender.start:
        how += f", {start:.2g} s of it to start the processes"
    if contender.algorithm != "same":
        how += f"; {contender.algorithm}"
    milliseconds = 1e3 * seconds
    return Line(contender.name, source, milliseconds, milliseconds / neurons, None, how)
