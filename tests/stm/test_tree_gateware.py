"""The tree front end inside its shell, bit for bit against the golden model, and its cycles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from spynq.stm.params import StmConfig
from spynq.stm.starts import Start
from spynq.stm.step import Op, Step
from spynq.stm.vectors_tree import TREE_CORNERS, random_tree, tree_start
from spynq_sim.bench_tree import CHIP, edge_cycles
from spynq_sim.stm_rig import rig, run_cocotb

BENCH = Path(__file__).with_name("bench_stm.py")


def tree(edge: int, population: int = 64, columns: int = 4, bins: int = 8) -> StmConfig:
    return StmConfig(lanes=4, terms=0, states=0, edge=edge, population=population, columns=columns, bins=bins)


def check(config: StmConfig, seed: int, runs: int) -> None:
    """Named corners and random lists, under no, some and many pauses; pools stay from run to run."""
    rng = np.random.default_rng(seed)
    for latency, pauses in ((0, 0), (25, 60), (7, 220)):
        with rig(config, latency=latency, pauses=pauses, seed=seed) as kernel:
            for corner in TREE_CORNERS.values():
                kernel.compare(corner(rng, config))
            for _ in range(runs):
                kernel.compare(random_tree(rng, config))


@pytest.mark.parametrize("edge", [4, 8])
def test_every_list_matches_the_model_under_random_pauses(edge: int, seed: int) -> None:
    check(tree(edge), seed, 8)


@pytest.mark.full
@pytest.mark.parametrize(("edge", "population"), [(4, 512), (16, 128), (32, 256)])
def test_every_list_matches_the_model_on_wider_builds(edge: int, population: int, seed: int) -> None:
    check(tree(edge, population), seed, 40)


def test_the_same_list_gives_the_same_memory_on_any_number_of_lanes(seed: int) -> None:
    """Both builds equal the one model, which does not know the lanes: lists whose pools fit both."""
    for edge in (4, 8):
        rng = np.random.default_rng(seed)
        with rig(tree(edge), latency=9, pauses=90, seed=seed) as kernel:
            for _ in range(4):
                kernel.compare(random_tree(rng, tree(8)))


def test_an_independent_bus_model_agrees_and_no_unknown_value_gets_out(seed: int) -> None:
    """Other bus models, on a simulator that knows unknown values; resets in mid-run."""
    config = StmConfig(lanes=4, terms=0, states=0, edge=4, population=16, columns=2, bins=4)
    assert run_cocotb(BENCH, config, "icarus", 2, seed) == 3


def one_edge(config: StmConfig, parents: int, rows: int, table: bool = False) -> tuple[Start, Start]:
    """Loads, then an edge whose rows all have weight."""
    rng = np.random.default_rng(1)
    child = config.population // 2
    load = [
        (Step(Op.COLUMN, samples=parents), rng.integers(-900, 900, parents)),
        (Step(Op.COLUMN, base=child, samples=rows), rng.integers(-900, 900, rows)),
        (Step(Op.CODES, base=child, samples=rows, fresh=True), rng.integers(0, 900, rows)),
        (Step(Op.CLOSE, base=child, samples=rows), None),
    ]
    codes = rng.integers(0, 4096, (rows, -(-parents // 4) * 4)) if table else None
    edge = Step(Op.EDGE, samples=parents, row_base=child, rows=rows, terms=1, gains=(1 << 18,), fresh=True)
    return tree_start(rng, load), tree_start(rng, [(replace(edge, table=table), codes)])


@pytest.mark.parametrize("table", [False, True], ids=["Gaussian", "table"])
def test_a_row_takes_its_parents_over_the_lanes(table: bool) -> None:
    """ceil(K / L) cycles per row, or K / 4 when codes come from memory; everything else is hidden."""
    config, parents = tree(8, 256), 123
    cycles = []
    with rig(config, latency=20) as kernel:
        for rows in (30, 90):
            load, edge = one_edge(config, parents, rows, table)
            kernel.compare(load)
            cycles.append(kernel.compare(edge))
    groups, beats = -(-parents // 8), -(-parents // 4)
    assert (cycles[1] - cycles[0]) / 60 == pytest.approx(beats if table else groups, abs=0.2)


@pytest.mark.full
def test_4000_by_4000_takes_at_most_150_cycles_per_neuron_on_32_lanes() -> None:
    config = tree(32, 8192, columns=2, bins=16)
    with rig(config, latency=20) as kernel:
        load, edge = one_edge(config, 4000, 4000)
        kernel.compare(load)
        assert kernel.compare(edge) / 4000 <= 150


@pytest.mark.full
def test_a_build_as_wide_as_the_chip_runs() -> None:
    """256 lanes, 500 x 500 neurons, equal to the golden device."""
    assert edge_cycles(CHIP, 500) > 500 * 2
