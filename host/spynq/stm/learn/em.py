"""Expectation maximisation: the kernel counts (E step), the host makes tables of the counts (M step)."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from spynq.bayes.network import Floats, Network
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm.golden_records import MISSING
from spynq.stm.learn.data import Records, read_records
from spynq.stm.learn.expected import Expected, expected_counts, learning_config
from spynq.stm.params import CHUNK
from spynq.stm.query import label_of

__all__ = ["STARTS", "Fit", "available_cases", "fit", "maximised"]

STARTS = ("available", "network", "uniform")
"""First tables: from records that observe a node and its parents; the network's own; all states alike."""
_FIRST_PRIOR = 1.0
_FEW = 10.0


@dataclass
class Fit:
    """A learned network, and how it came about.

    Attributes
    ----------
    network : Network
        The same nodes and arrows with learned tables.
    log_likelihood : list of float
        Natural log of the data's probability before each M step, estimated by the E step. It is below
        the exact one by about half the sum of 1/ESS over records, and noisy.
    changes : list of float
        Largest change of a table entry in each step.
    counts : dict of str to ndarray
        Expected counts of the last step, in the shapes of the tables.
    ess : ndarray, shape [records]
        Effective samples of each record in the last step.
    records, samples, seed : int
        Records, samples for each, and the first seed.
    cycles : int
        Clock cycles of all steps; 0 on a device without a clock.
    device : str
    notes : list of str
        What the user should know.
    """

    network: Network
    log_likelihood: list[float]
    changes: list[float]
    counts: dict[str, Floats]
    ess: Floats
    records: int
    samples: int
    seed: int
    cycles: int
    device: str
    notes: list[str] = field(default_factory=list)

    @property
    def iterations(self) -> int:
        """Steps done."""
        return len(self.changes)

    @property
    def cycles_per_record(self) -> float:
        """Cycles of one step for one record."""
        return self.cycles / max(1, self.records * self.iterations)


def fit(
    network: Network,
    data: Any,
    *,
    samples: int = CHUNK,
    iterations: int = 20,
    tolerance: float = 1e-3,
    prior: float = 0.0,
    start: str = "available",
    average: int | None = None,
    seed: int = 1,
    device: Any = None,
    config: Any = None,
    timeout: float | None = None,
    progress: bool | None = None,
    watch: Callable[[Network], object] | None = None,
) -> Fit:
    """Tables that make data with missing values likely; the arrows stay.

    Parameters
    ----------
    network : Network
        Nodes, states and arrows.
    data : pandas.DataFrame, mapping or array_like
        See :func:`spynq.stm.learn.data.read_records`. Values should be missing at random.
    samples : int
        Samples per record and step, 1 to 1,024. Few make a record's posterior noisy and biased.
    iterations : int
        Steps at most.
    tolerance : float
        Stop when no entry of a table changes by more.
    prior : float
        Added to every count before normalisation (1: Laplace's rule).
    start : str
        One of :data:`STARTS`.
    average : int, optional
        From this step on use the mean of all counts since then, so that their noise falls away
        (stochastic-approximation EM); by default from the sixth. ``iterations`` or more: never.
    seed : int
        Of the draws; every step has its own.
    device, config, timeout
        See :func:`spynq.stm.query.query`; a simulated kernel is built as large as the network needs.
    progress : bool, optional
        Show a progress bar; by default only in a notebook.
    watch : callable, optional
        Called with the network after every step, say to follow its exact likelihood.

    Returns
    -------
    Fit

    Raises
    ------
    ValueError
        An unknown node or state, or a number out of range; no device has been opened.
    ImpossibleEvidence
        A record has probability zero under the first tables.
    SpynqError
        The network does not fit the kernel, or the device failed.
    """
    records = read_records(network, data)
    average = 5 if average is None else average
    _check(samples, iterations, tolerance, prior, start, average, seed)
    first = _first(network, records, start)
    options = {} if timeout is None else {"timeout": timeout}
    with _opened(network, device, config) as (driver, label), _bar(progress, iterations) as advance:
        result = Fit(first, [], [], {}, np.zeros(0), len(records), samples, seed, 0, label)
        for step in range(iterations):
            found = expected_counts(driver, result.network, records, samples, seed + step, options)
            if step == 0:
                _check_possible(network, records, found)
            _take(result, found, step - average, prior)
            advance()
            if watch is not None:
                watch(result.network)
            if result.changes[-1] <= tolerance:
                break
    result.notes += _remarks(result, tolerance)
    return result


def _take(result: Fit, found: Expected, age: int, prior: float) -> None:
    """The M step on what an E step has found, and what is told of it."""
    counts = _averaged(result.counts, found.counts, age)
    following = maximised(result.network, counts, prior)
    result.log_likelihood.append(float(found.log_likelihood[found.log_likelihood > -math.inf].sum()))
    result.changes.append(_change(result.network, following))
    result.network, result.counts, result.ess = following, counts, found.ess
    result.cycles += found.cycles


def _remarks(result: Fit, tolerance: float) -> list[str]:
    """What the user should know of a fit."""
    notes = []
    few = int((result.ess < _FEW).sum())
    if few:
        notes.append(f"{few} of {result.records} records have fewer than {_FEW:.0f} effective samples")
    if result.changes[-1] > tolerance:
        notes.append(
            f"after {result.iterations} steps entries still change by {result.changes[-1]:.2g}, the "
            f"tolerance is {tolerance:g}"
        )
    return notes


def _check(
    samples: int, iterations: int, tolerance: float, prior: float, start: str, average: int, seed: int
) -> None:
    whole = {"samples": (samples, 1, CHUNK), "iterations": (iterations, 1, None), "seed": (seed, 0, None)}
    for name, (value, low, high) in {**whole, "average": (average, 0, None)}.items():
        try:
            operator.index(value)
        except TypeError:
            raise ValueError(f"{name} must be a whole number, not {value!r}") from None
        if value < low or (high is not None and value > high):
            raise ValueError(
                f"{name} must be {f'{low} to {high}' if high else f'at least {low}'}, not {value}"
            )
    for name, number in (("tolerance", tolerance), ("prior", prior)):
        if not (math.isfinite(number) and number >= 0):
            raise ValueError(f"{name} must be at least 0, not {number:g}")
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(STARTS)}, not {start!r}")


def _first(network: Network, records: Records, start: str) -> Network:
    if start == "network":
        return network
    if start == "uniform":
        return _with_tables(
            network, {name: np.full_like(node.table, 1 / node.size) for name, node in network.nodes.items()}
        )
    return maximised(network, available_cases(network, records), _FIRST_PRIOR)


def available_cases(network: Network, records: Records) -> dict[str, Floats]:
    """Counts of every table entry over the records that observe a node and all its parents."""
    column = {name: index for index, name in enumerate(network.nodes)}
    found = {}
    for name, node in network.nodes.items():
        family = records[:, [column[n] for n in (*node.parents, name)]]
        whole = family[(family != MISSING).all(axis=1)]
        counts = np.zeros(node.table.shape)
        np.add.at(counts, tuple(whole.T), 1.0)
        found[name] = counts
    return found


def maximised(network: Network, counts: dict[str, Floats], prior: float = 0.0) -> Network:
    """The M step: counts, and a prior count for each entry, normalised per row; empty rows stay."""
    tables = {}
    for name, node in network.nodes.items():
        total = counts[name] + prior
        rows = total.sum(axis=-1, keepdims=True)
        tables[name] = np.divide(total, rows, out=node.table.copy(), where=rows > 0)
    return _with_tables(network, tables)


def _with_tables(network: Network, tables: dict[str, Floats]) -> Network:
    nodes = [replace(node, table=tables[name]) for name, node in network.nodes.items()]
    return Network(nodes, network.name)


def _averaged(before: dict[str, Floats], now: dict[str, Floats], age: int) -> dict[str, Floats]:
    """Mean of the counts since averaging began, ``age`` steps ago."""
    if age <= 0:
        return now
    return {name: before[name] + (now[name] - before[name]) / (age + 1) for name in now}


def _change(before: Network, after: Network) -> float:
    return max(float(np.abs(after[name].table - node.table).max()) for name, node in before.nodes.items())


def _check_possible(network: Network, records: Records, found: Expected) -> None:
    bad = np.flatnonzero(found.log_likelihood == -math.inf)
    if len(bad):
        row = {
            name: network[name].states[state]
            for name, state in zip(network.nodes, records[bad[0]].tolist(), strict=True)
            if state != MISSING
        }
        told = ", ".join(f"{name} = {state}" for name, state in list(row.items())[:6])
        raise ImpossibleEvidence(
            f"no sample agrees with record {bad[0]} ({told}{', ...' if len(row) > 6 else ''}) and "
            f"{len(bad) - 1} others under the first tables; use start='available', or draw more samples"
        )


@contextmanager
def _opened(network: Network, device: Any, config: Any) -> Iterator[tuple[Any, str]]:
    from spynq import devices

    if device is not None and not isinstance(device, str):
        if "CAP_COUNTS" not in getattr(device, "capabilities", {}):
            raise ValueError(f"fit takes the name of a device or a driver of kernel stm, not {device!r}")
        if config is not None:
            raise ValueError("config builds a new device; it cannot be given with an open driver")
        yield device, label_of(device)
        return
    name = device or devices.default()
    if config is None and name != "board":
        config = learning_config(network)
    with devices.open_kernel("stm", name, config=config) as driver:
        if not driver.capabilities["CAP_COUNTS"]:
            raise SpynqError("this kernel does not count records (CAP_COUNTS = 0); build it with counts=True")
        yield driver, name


@contextmanager
def _bar(wanted: bool | None, total: int) -> Iterator[Callable[[], object]]:
    if wanted is None:
        wanted = "ipykernel" in sys.modules
    if not wanted:
        yield lambda: None
        return
    from tqdm import tqdm

    with tqdm(total=total, unit="step", delay=2, leave=False) as bar:
        yield bar.update
