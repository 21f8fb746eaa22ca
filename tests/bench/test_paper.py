"""``spynq bench paper``: same work on both sides, sources told, bounded time; no time is asserted."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spynq.bench.paper import (
    figures,
    kernels,
    multi_layer,
    multisensory,
    network,
    published,
    tables,
    two_layer,
)
from spynq.bench.paper.timing import Contender, Line, measure
from spynq.cli import main
from spynq.errors import MissingDependency, SpynqError
from spynq.stm.reference import total_variation
from spynq.stm.tree.infer import infer

WORK = {1: network, 2: two_layer, 3: multi_layer, 4: multisensory}


def _fast(contender: Contender) -> bool:
    return "processes" not in contender.name


@pytest.mark.parametrize("number", WORK)
def test_all_software_does_the_same_work(number: int) -> None:
    """Every program's answer is that of NumPy in float64 on the same rows, to what float32 leaves."""
    pytest.importorskip("numba")
    work, absent = WORK[number], []
    for contender in filter(_fast, work.contenders()):
        if "2 threads" in contender.name and "numba" in contender.name:
            continue  # the machine may have one
        rows = min(contender.rows, 40) if number == 2 else contender.rows
        try:
            answer = contender.run(rows)
        except MissingDependency as error:
            absent.append(str(error))
            continue
        if contender.algorithm == "same":
            assert total_variation(answer, work.reference(rows)[: len(answer)]) < 2e-3, contender.name
    if absent:
        pytest.skip(absent[0])


@pytest.mark.parametrize("work", [network, two_layer, multisensory])
def test_processes_do_the_same_work(work: Any) -> None:
    slow = next(c for c in work.contenders() if c.name == "Python, 2 processes")
    assert total_variation(slow.run(4), work.reference(4)) < 1e-9


@pytest.mark.parametrize("number", WORK)
def test_every_kind_of_software_is_a_rival(number: int) -> None:
    """What the paper had, what a user would pick today, and the better algorithm."""
    names = " | ".join(contender.name for contender in WORK[number].contenders())
    for kind in ("loops", "threads", "processes", "NumPy", "numba, ", "float32", "torch CPU"):
        assert kind in names
    # One population under its cues, Table 1, is O(N) as it stands.
    assert number == 1 or "O(N)" in names or "collapsed by state" in names


def test_batch_of_table_one_does_the_same_work() -> None:
    pytest.importorskip("numba")
    one = network.batch_contenders()[0]
    assert one.run(50) == pytest.approx(network.means(50), abs=1e-4)


def test_the_tables_problem_is_the_trees_own() -> None:
    """What software is timed on is what the kernel is asked: same populations, same answer."""
    message = two_layer.reference(published.NEURONS)
    tree = two_layer.causal_gaussian()
    found = infer(tree, two_layer.EVIDENCE, neurons=published.NEURONS, device="reference")
    assert total_variation(message, found.weights) < 1e-9
    fused = multisensory.reference(multisensory.BINS)
    deep = infer(kernels.experiments.multisensory(), multisensory.EVIDENCE, device="reference")
    assert deep.histogram(np.linspace(-50, 50, 101)) == pytest.approx(fused, abs=1e-9)


def test_an_answer_that_differs_gets_no_time() -> None:
    wrong = Contender("wrong", lambda rows: np.arange(rows, dtype=float), 10)
    line = measure(wrong, 10, lambda rows: np.ones(rows), 4000)
    assert line.milliseconds is None and "not measured: its answer is off by" in line.how
    right = replace(wrong, run=np.ones)
    line = measure(right, 100, np.ones, 4000)
    assert line.milliseconds is not None and "scaled up from 10 of 100 rows" in line.how


def test_a_package_that_is_absent_is_a_line_without_a_time() -> None:
    def absent(rows: int) -> np.ndarray:
        raise SpynqError("numba is not installed")

    line = measure(Contender("absent", absent, 1), 1, np.ones, 1)
    assert line.milliseconds is None and line.how == "not measured: numba is not installed"


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_the_papers_rows_are_marked_and_time_is_defined(number: int) -> None:
    found = tables.table(number, device=None, software=False)
    assert found.lines and all(line.source == "paper" for line in found.lines)
    assert "100 MHz" in found.definition and str(number) in found.title
    if number == 1:
        assert [line.cycles for line in found.lines] == [11170, 6698]
    else:
        fpga = found.lines[-1]
        assert fpga.who == "FPGA, 100 MHz" and fpga.per_neuron == published.TIMES[number][-1][1]


def test_cycles_are_told_at_the_papers_clock() -> None:
    line = kernels.measured("kernel", 40_000_000, 4000, "by hand")
    assert line == Line("kernel", "kernel", 400.0, 0.1, 40_000_000, "by hand")


def test_a_kernel_line_needs_every_part_of_the_answer_to_be_equal() -> None:
    answers = {"golden": (np.arange(5), 1.0), "same": (np.arange(5), 1.0), "other": (np.arange(5), 1.5)}
    assert kernels._both(answers.__getitem__, tuple, "same") is answers["same"]
    with pytest.raises(SpynqError, match="the answer of device other differs from golden"):
        kernels._both(answers.__getitem__, tuple, "other")


def test_a_kernel_that_cannot_be_run_is_a_line_without_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(device: str) -> list[Line]:
        raise SpynqError("no verilator")

    monkeypatch.setitem(kernels.TABLES, 2, refuse)
    assert kernels.kernel_lines(2)[0].how == "not measured: no verilator"


def test_figures_are_measured_and_drawn() -> None:
    pytest.importorskip("matplotlib")
    for name in ("9b", "10b"):
        found = figures.figure(name, networks=2)
        assert len(found.curves) == {"9b": 3, "10b": 5}[name]
        assert all(len(curve.x) == len(curve.y) == len(figures.NEURONS) for curve in found.curves)
        assert all(curve.y[-1] < curve.y[0] for curve in found.curves)
        assert len(found.plot().axes) == 1
    with pytest.raises(ValueError, match="the figures are 9b, 10b, 11, not '12'"):
        figures.figure("12")


def test_command_prints_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "paper", "--table", "1", "--without", "kernel", "software", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["tables"][0]["lines"][0]["source"] == "paper" and told["figures"] == []
    assert main(["bench", "paper", "--table", "3", "--without", "kernel", "software"]) == 0
    assert "Time per neuron: milliseconds of one whole inference" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("paper",), "spynq bench paper needs --table 1, 2, 3 or 4, or --figure 9b, 10b or 11"),
        (("paper", "--table", "1", "--plot", "x.png"), "--plot draws one figure; give --figure once"),
        (("paper", "--figure", "9b", "--networks", "0"), "--networks must be at least 1, not 0"),
        (("device", "--table", "1"), "belong to spynq bench paper, not to device"),
    ],
)
def test_wrong_requests_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert main(["bench", *arguments]) == 1
    assert sentence in capsys.readouterr().err


@pytest.mark.full
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_kernel_lines_come_from_the_gateware(number: int) -> None:
    pytest.importorskip("spynq_sim.open")
    for line in kernels.kernel_lines(number):
        assert line.cycles is not None, line.how
    if number == 2:
        assert line.cycles <= 150 * published.NEURONS
