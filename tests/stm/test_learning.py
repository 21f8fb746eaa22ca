"""Learning tables from data with missing values: counts against exact ones, tables against pyAgrum's EM."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.bayes import pyagrum
from spynq.bayes.network import Floats, Network, Node
from spynq.errors import ImpossibleEvidence, SpynqError
from spynq.stm import example
from spynq.stm.learn.data import read_records
from spynq.stm.learn.em import available_cases, maximised
from spynq.stm.learn.expected import RecordProgram, expected_counts, learning_config
from spynq.stm.params import StmConfig

MISSING = 255


def sample(network: Network, count: int, rng: np.random.Generator, missing: float = 0.3) -> np.ndarray:
    """Records drawn from a network, a share of the values taken away at random."""
    states: dict[str, np.ndarray] = {}
    for name in network.order:
        node = network[name]
        rows = np.broadcast_to(node.table[tuple(states[p] for p in node.parents)], (count, node.size))
        states[name] = np.minimum((rng.random((count, 1)) >= rows.cumsum(1)).sum(1), node.size - 1)
    data = np.array([states[name] for name in network.nodes]).T
    return np.where(rng.random(data.shape) < missing, -1, data)


def joint(network: Network) -> Floats:
    """The whole distribution, an axis per node: possible for ASIA, and shares no line with what it judges."""
    names = list(network.nodes)
    table = np.ones([network[n].size for n in names])
    for name in names:
        scope = (*network[name].parents, name)
        order = sorted(range(len(scope)), key=lambda i, s=scope: names.index(s[i]))  # type: ignore[misc]
        shape = [network[n].size if n in scope else 1 for n in names]
        table = table * network[name].table.transpose(order).reshape(shape)
    return table


def log_likelihood(network: Network, records: np.ndarray) -> float:
    table = joint(network)
    places = [tuple(slice(None) if s == MISSING else s for s in row) for row in records.tolist()]
    return float(sum(np.log(table[place].sum()) for place in places))


def as_evidence(network: Network, records: np.ndarray) -> list[dict[str, int]]:
    return [
        {n: s for n, s in zip(network.nodes, row, strict=True) if s != MISSING} for row in records.tolist()
    ]


def deviations(mine: Network, other: Network, counts: dict[str, Floats]) -> Floats:
    """Differences of all entries in standard errors that so many counts leave a probability."""
    found = []
    for name, node in mine.nodes.items():
        p = other[name].table
        rows = np.maximum(counts[name].sum(axis=-1, keepdims=True), 1)
        found.append((np.abs(node.table - p) / np.maximum(np.sqrt(p * (1 - p) / rows), 1e-3)).ravel())
    return np.concatenate(found)


@pytest.mark.parametrize(("name", "count"), [("asia", 150), ("alarm", 150)])
def test_expected_counts_are_the_exact_ones_within_sampling_error(seed: int, name: str, count: int) -> None:
    pytest.importorskip("pyagrum")
    network = example(name)
    records = read_records(network, sample(network, count, np.random.default_rng(seed)))
    start = maximised(network, available_cases(network, records), 1.0)
    exact, logs = pyagrum.expected_counts(start, as_evidence(network, records))
    with devices.open_kernel("stm", "golden", config=learning_config(network)) as driver:
        found = expected_counts(driver, start, records, seed=seed)
    total = sum(float(c.sum()) for c in found.counts.values())
    assert total == pytest.approx(count * len(network), abs=1e-3 * count)
    # One step of EM from the same tables: far closer than the data themselves tell.
    off = deviations(maximised(start, found.counts, 1.0), maximised(start, exact, 1.0), exact)
    assert off.max() < 1 and np.median(off) < 0.05
    slack = 4 * np.sqrt(np.sum(1 / found.ess)) + 0.5 * np.sum(1 / found.ess) + 1
    assert abs(found.log_likelihood.sum() - logs.sum()) < slack


def test_every_step_raises_the_exact_likelihood(seed: int) -> None:
    """From uniform tables: each step's exact likelihood is above the one before, noise notwithstanding."""
    network = example("asia")
    records = sample(network, 300, np.random.default_rng(seed))
    states = read_records(network, records)
    logs: list[float] = []
    found = network.fit(
        records,
        start="uniform",
        iterations=8,
        tolerance=0.0,
        average=4,
        seed=seed,
        device="golden",
        watch=lambda n: logs.append(log_likelihood(n, states)),
    )
    assert found.iterations == len(logs) == 8
    gains = np.diff(logs)
    assert np.all(gains > -1e-3 * 300) and np.all(gains[:4] > 0) and logs[-1] > logs[0] + 50
    # The estimate is of the tables before the step.
    assert found.log_likelihood[-1] == pytest.approx(logs[-2], abs=5.0)


def test_tables_are_those_of_pyagrum_on_the_same_data() -> None:
    gum = pytest.importorskip("pyagrum")
    pandas = pytest.importorskip("pandas")
    network = example("asia")
    data = sample(network, 250, np.random.default_rng(3))
    words = {
        name: [network[name].states[s] if s >= 0 else "?" for s in data[:, i]]
        for i, name in enumerate(network.nodes)
    }
    frame = pandas.DataFrame(words)
    net = pyagrum.to_pyagrum(network)
    learner = gum.BNLearner(frame, net, ["?"])
    learner.useSmoothingPrior(1.0)
    learner.useEM(1e-5)
    theirs = learner.learnParameters(net.dag())
    tables = {}
    for name in network.nodes:
        table, scope = theirs.cpt(name), (*network[name].parents, name)
        axes = [list(reversed(table.names)).index(n) for n in scope]
        tables[name] = table.toarray().transpose(axes)
    other = Network(
        [Node(n.name, n.states, n.parents, tables[n.name]) for n in network.nodes.values()], "theirs"
    )
    found = network.fit(frame, prior=1.0, iterations=12, tolerance=1e-4, device="golden")
    assert deviations(found.network, other, found.counts).max() < 1


def test_complete_data_need_one_step_and_no_luck(seed: int) -> None:
    """Nothing is missing: the counts are exact integers, and the second step changes nothing."""
    network = example("asia")
    data = sample(network, 200, np.random.default_rng(seed), missing=0.0)
    found = network.fit(data, device="golden", samples=16)
    whole = available_cases(network, read_records(network, data))
    for name, counts in found.counts.items():
        assert counts == pytest.approx(whole[name], abs=1e-3)
    assert found.iterations <= 2 and found.changes[-1] <= 1e-3


def test_tables_of_asia_are_recovered() -> None:
    network = example("asia")
    data = sample(network, 1000, np.random.default_rng(8))
    found = network.fit(data, prior=1.0, iterations=4, samples=256, device="golden")
    # Rows that 30 % missing leave with half their counts: four of the errors that counts leave, and more.
    off = deviations(found.network, network, found.counts)
    sure = np.concatenate(
        [(c.sum(-1, keepdims=True) > 100).repeat(2, -1).ravel() for c in found.counts.values()]
    )
    assert off[sure].max() < 6 and np.mean(off[sure] < 2) > 0.8
    assert found.cycles == 0 and found.cycles_per_record == 0


def test_frames_mappings_and_arrays_say_the_same() -> None:
    network = example("asia")
    array = np.array([[0, -1, 1, 0, 1, -1, 0, 1], [1, 1, 0, 1, -1, 1, 1, 0]])
    words = {
        name: [network[name].states[s] if s >= 0 else None for s in array[:, i]]
        for i, name in enumerate(network.nodes)
    }
    expected = np.where(array < 0, MISSING, array)
    assert np.array_equal(read_records(network, array), expected)
    assert np.array_equal(read_records(network, words), expected)
    shuffled = dict(reversed(words.items()))
    assert np.array_equal(read_records(network, shuffled), expected)
    assert np.array_equal(read_records(network, np.where(array < 0, np.nan, array.astype(float))), expected)
    pandas = pytest.importorskip("pandas")
    assert np.array_equal(read_records(network, pandas.DataFrame(words)), expected)
    assert np.array_equal(read_records(network, pandas.DataFrame(words).fillna("?")), expected)


def test_a_node_without_a_column_is_hidden() -> None:
    network = example("asia")
    records = read_records(network, {"smoke": ["yes", "no"], "lung": [0, 1]})
    assert (records[:, 0] == MISSING).all() and (records == MISSING).sum() == 2 * 6


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"smok": ["yes"]}, "no node 'smok'; did you mean smoke?"),
        ({"smoke": ["maybe"]}, "no state 'maybe'"),
        ({"smoke": [2]}, "states 0 to 1, not 2"),
        ({"smoke": []}, "equally many values, at least one, in every column, not smoke 0"),
        ({"smoke": ["yes"], "lung": ["yes", "no"]}, "not smoke 1, lung 2"),
        (np.zeros((3, 7), int), "must have shape [records, 8], a column per node of asia, not [3, 7]"),
        (np.full((3, 8), 5), "states 0 to 1, not 5"),
        ({}, "equally many values, at least one, in every column, not none"),
    ],
)
def test_data_that_do_not_fit_are_refused(data: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        example("asia").fit(data, device="golden")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"samples": 0}, "samples must be 1 to 1024, not 0"),
        ({"samples": 2000}, "samples must be 1 to 1024, not 2000"),
        ({"iterations": 0}, "iterations must be at least 1, not 0"),
        ({"iterations": 1.5}, "iterations must be a whole number, not 1.5"),
        ({"tolerance": -1}, "tolerance must be at least 0, not -1"),
        ({"prior": math.nan}, "prior must be at least 0, not nan"),
        ({"start": "random"}, "start must be one of available, network, uniform, not 'random'"),
        ({"average": -1}, "average must be at least 0, not -1"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        example("asia").fit({"smoke": ["yes"]}, device="golden", **options)


def test_a_record_that_the_tables_exclude_is_named() -> None:
    network = example("asia")
    data = {"lung": ["no", "yes"], "either": ["no", "no"]}
    with pytest.raises(
        ImpossibleEvidence, match=r"no sample agrees with record 1 \(lung = yes, either = no\)"
    ):
        network.fit(data, start="network", device="golden")


def test_kernels_that_do_not_count_are_refused() -> None:
    network = example("asia")
    with (
        devices.open_kernel("stm", "golden") as driver,
        pytest.raises(SpynqError, match="than the 0 of this"),
    ):
        network.fit({"smoke": ["yes"]}, device=driver)
    with pytest.raises(
        SpynqError, match=r"does not count records \(CAP_COUNTS = 0\); build it with counts=True"
    ):
        network.fit({"smoke": ["yes"]}, device="golden", config=StmConfig())
    with (
        devices.open_kernel("echo", "golden") as echo,
        pytest.raises(ValueError, match="takes the name of a device or a driver of kernel stm"),
    ):
        network.fit({"smoke": ["yes"]}, device=echo)
    small = StmConfig(terms=0, counts=True, table=64)
    with pytest.raises(
        SpynqError, match=r"needs 36 entries of expected counts, 4 more than the 32 .* table=128"
    ):
        network.fit({"smoke": ["yes"]}, device="golden", config=small)


def test_too_many_entries_are_refused() -> None:
    table = np.full((256, 256, 2), 0.5)
    wide = np.full(256, 1 / 256)
    names = tuple(f"s{i}" for i in range(256))
    network = Network(
        [Node("a", names, (), wide), Node("b", names, (), wide), Node("c", ("x", "y"), ("a", "b"), table)],
        "wide",
    )
    with pytest.raises(
        SpynqError, match="needs 131584 entries of expected counts, and the largest build has 32768"
    ):
        learning_config(network)


def test_tables_of_both_halves_say_the_same(random_network, seed: int) -> None:
    network = random_network(np.random.default_rng(seed), nodes=7, zeros=0.1)
    program = RecordProgram(network)
    half = 1 << (program.entries - 1).bit_length()
    table = program.table(network, half).astype(np.int64)
    for name, base in program.bases.items():
        rows = network[name].table.reshape(-1, network[name].size)
        width = 1 << (network[name].size - 1).bit_length()
        codes = table[half + base : half + base + len(rows) * width].reshape(-1, width)[:, : rows.shape[1]]
        with np.errstate(divide="ignore"):
            bits = -np.log2(rows) * 1024
        assert np.array_equal(codes == (1 << 24) - 1, rows == 0)
        assert codes[rows > 0] == pytest.approx(bits[rows > 0], abs=0.51)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_em_step_on_ten_thousand_records_of_alarm() -> None:
    """30 % missing: the tables of one step are the library's within a fraction of the data's own error."""
    pytest.importorskip("pyagrum")
    network = example("alarm")
    records = read_records(network, sample(network, 10_000, np.random.default_rng(1)))
    start = maximised(network, available_cases(network, records), 1.0)
    exact, _ = pyagrum.expected_counts(start, as_evidence(network, records))
    with devices.open_kernel("stm", "golden", config=learning_config(network)) as driver:
        found = expected_counts(driver, start, records)
    off = deviations(maximised(start, found.counts, 1.0), maximised(start, exact, 1.0), exact)
    assert off.max() < 2 and np.median(off) < 0.1


def standardised(found: Network, truth: Network, counts: dict[str, Floats]) -> Floats:
    """Errors of tables in standard errors of ``counts`` complete families, one state of each row left out.

    Only where those errors are nearly normal: 100 families or more in the row, 5 or more in the entry and
    beside it.
    """
    kept = []
    for name, node in truth.nodes.items():
        p, q = (network[name].table.reshape(-1, node.size)[:, :-1] for network in (truth, found))
        rows = counts[name].reshape(-1, node.size).sum(axis=-1, keepdims=True) + np.zeros_like(p)
        sure = (rows >= 100) & (np.minimum(p, 1 - p) * rows >= 5)
        kept.append(((q - p)[sure]) / np.sqrt((p * (1 - p))[sure] / rows[sure]))
    return np.concatenate(kept)


@pytest.mark.full
@pytest.mark.timeout(3600)
def test_tables_of_alarm_are_recovered() -> None:
    """As well as from the records that observe a node and all its parents, or better: EM uses the others too.

    Were the fit no better than those records, the mean square would be 1 and beyond 3 there would be
    0.27 %; three standard errors of either are allowed. Prior counts would be a bias, so there are none.
    """
    network = example("alarm")
    data = sample(network, 3000, np.random.default_rng(5))
    found = network.fit(data, prior=0.0, iterations=5, device="golden")
    off = standardised(found.network, network, available_cases(network, read_records(network, data)))
    assert len(off) > 50
    assert np.mean(off**2) <= 1 + 3 * math.sqrt(2 / len(off))
    beyond = 0.0027 * len(off)
    assert np.sum(np.abs(off) > 3) <= beyond + 3 * math.sqrt(beyond)
