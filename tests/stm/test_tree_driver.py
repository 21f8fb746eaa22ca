"""Tree and record calls of the driver: what they do on the golden device, and what they refuse."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.errors import SpynqError
from spynq.stm import golden, image
from spynq.stm import golden_edge as edge
from spynq.stm.driver_tree import Task
from spynq.stm.golden import Operation
from spynq.stm.params import IMPOSSIBLE, StmConfig
from spynq.stm.step import Op, Step, read_steps, step_words

TREE = StmConfig(lanes=4, terms=0, states=0, edge=8, population=64, columns=2, bins=8)
COUNTING = StmConfig(
    lanes=4, terms=0, states=8, state_bits=2, program=8, table=32, targets=4, bins=4, counts=1
)
CHILD = 32


@pytest.fixture
def driver() -> Iterator[Any]:
    with open_kernel("stm", "golden", config=TREE) as opened:
        yield opened


def codes(values: list[int]) -> np.ndarray:
    return np.array(values, np.int64)


def close(base: int, samples: int, **options: Any) -> Task:
    return Task(Step(Op.CLOSE, base=base, samples=samples, records=True, **options))


def test_a_tree_gives_what_its_steps_give(driver: Any, seed: int) -> None:
    """Two pools, a table edge with multiplicities, every output."""
    rng = np.random.default_rng(seed)
    child, rows = rng.integers(0, 3000, 5), rng.integers(0, 5000, (5, 6))
    counts, labels = rng.integers(0, 9, 6), rng.integers(0, 3, 6)
    own = np.where(counts > 0, 100 * np.arange(6), IMPOSSIBLE)
    driver.load_tree(
        [
            Task(Step(Op.COUNTS, samples=6), counts),
            Task(Step(Op.LABELS, samples=6), labels),
            Task(Step(Op.COLUMN, samples=6, column=1), codes([-3, -2, -1, 0, 1, 2])),
        ]
    )
    found = driver.tree(
        [
            Task(Step(Op.CODES, base=CHILD, samples=5, fresh=True), child),
            Task(Step(Op.CODES, samples=6, fresh=True), own),
            close(CHILD, 5),
            Task(
                Step(Op.EDGE, samples=6, row_base=CHILD, rows=5, table=True, counted=True),
                image.code_rows(rows),
            ),
            close(0, 6, column=1, weights=True, histogram=True, bins=3),
        ]
    )
    u = golden.weights(child, child.min())
    k, d, lost = edge.conditionals(rows, counts)
    q = edge.quotients(u, d, lost, edge.quotient_fraction(int(u.sum())))
    nll = edge.accumulate(own, edge.codes(edge.message(k, q)))
    w = golden.weights(nll, nll.min())
    assert found.weights[4].tolist() == w.tolist()
    assert found.records[2]["W"][0] == u.sum() and found.records[4]["W"][0] == w.sum()
    assert found.records[4]["S1"][0] == (w * np.arange(-3, 3)).sum()
    assert found.records[4]["BINS"]["H"][0].tolist() == np.bincount(labels, w, 3).tolist()
    assert found.lost == 0 and not any(found.flags.values()) and not found.spikes


def test_pools_are_loaded_once_and_again_after_a_reset(driver: Any) -> None:
    """The setup runs first, is resident afterwards, and comes again when the kernel has lost it."""
    driver.load_tree([Task(Step(Op.COLUMN, samples=3), codes([5, 6, 7]))])
    moments = [
        Task(Step(Op.CODES, samples=3, fresh=True), codes([0, 0, 0])),
        close(0, 3),
    ]
    first = driver.tree(moments).records[1]["S1"][0]
    # Were it loaded again, this would be overwritten.
    driver.tree([Task(Step(Op.COLUMN, samples=1), codes([105])), *moments])
    again = driver.tree(moments).records[1]["S1"][0]
    driver.set("SCRATCH", 0)
    anew = driver.tree(moments).records[1]["S1"][0]
    assert (int(first), int(again), int(anew)) == (18 << 16, 118 << 16, 18 << 16)


def test_evidence_is_added_or_replaced(driver: Any) -> None:
    """Streaming: a second observation adds to the first, FRESH begins anew."""
    add = Task(Step(Op.CODES, samples=2), codes([0, 1024]))
    anew = Task(replace(add.step, fresh=True), add.data)
    found = driver.tree([anew, close(0, 2), add, close(0, 2), anew, close(0, 2)])
    assert [int(found.records[i]["W"][0]) for i in (1, 3, 5)] == [98304, 81920, 98304]


def test_lost_mass_is_a_share_of_the_child(driver: Any) -> None:
    rows = image.code_rows([[IMPOSSIBLE, IMPOSSIBLE], [0, 1024]])
    found = driver.tree(
        [
            Task(Step(Op.CODES, base=CHILD, samples=2, fresh=True), codes([1024, 0])),
            close(CHILD, 2),
            Task(Step(Op.EDGE, samples=2, row_base=CHILD, rows=2, table=True, fresh=True), rows),
        ]
    )
    assert found.lost == pytest.approx(1 / 3, abs=1e-4) and found.flags["LOSTMASS"]


def test_spikes_come_back_by_step(driver: Any) -> None:
    found = driver.tree(
        [
            Task(Step(Op.CODES, samples=3, fresh=True), codes([0, IMPOSSIBLE, 0])),
            close(0, 3),
            Task(Step(Op.SPIKES, samples=3, gains=(50,), seed=7)),
        ]
    )
    assert found.spikes[2].sum() == 50 and found.spikes[2][1] == 0


def test_steps_survive_their_way_through_memory(seed: int) -> None:
    rng = np.random.default_rng(seed)
    step = Step(
        Op.EDGE, base=8, samples=77, row_base=64, rows=5, other=0, column=3, row_column=2, terms=4, cue=0,
        gains=tuple(rng.integers(0, 1 << 26, 4).tolist()), fresh=True, counted=True, source=1 << 39,
    )  # fmt: skip
    again = read_steps(step_words([step]))[0]
    assert again == replace(step, seed=again.seed)
    cue = replace(step, op=Op.CUE, cue=-5, other=9)
    assert (read_steps(step_words([cue]))[0].cue, read_steps(step_words([cue]))[0].other) == (-5, 9)


REFUSED = {
    "unaligned pool": (Step(Op.CUE, base=4, samples=3, gains=(1,)), "pools start at multiples of 8"),
    "pool too large": (Step(Op.CLOSE, base=CHILD, samples=33), "and end before 64"),
    "no such column": (Step(Op.CUE, samples=3, column=2, gains=(1,)), "columns are 0 to 1"),
    "too many bins": (Step(Op.CLOSE, samples=3, histogram=True, bins=9), "bins at most 8"),
    "no terms": (Step(Op.EDGE, samples=3, row_base=CHILD, rows=3, gains=(1,)), "step 0 .EDGE. does not fit"),
    "product before its factors": (
        Step(Op.OUTER, base=0, samples=4, row_base=16, rows=2, other=CHILD),
        "step 0 .OUTER. does not fit",
    ),
    "no seed": (Step(Op.SPIKES, samples=3, gains=(1,)), "step 0 .SPIKES. needs a seed above 0"),
    "no data": (Step(Op.CODES, samples=3), "step 0 .CODES. reads 3 words, not 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_step_that_does_not_fit_is_named_before_anything_runs(driver: Any, case: str) -> None:
    step, message = REFUSED[case]
    with pytest.raises(ValueError, match=message):
        driver.tree([Task(step)])
    assert driver.get("W_LO") == 0


def test_an_empty_list_is_refused(driver: Any) -> None:
    with pytest.raises(ValueError, match="steps must be 1 to 1048576, not 0; split the run"):
        driver.tree([])


def test_a_kernel_without_the_front_end_says_so() -> None:
    with open_kernel("stm", "golden", config=COUNTING) as kernel:
        with pytest.raises(SpynqError, match="no tree front end; build it with edge of at least 4"):
            kernel.tree([close(0, 3)])
    with open_kernel("stm", "golden", config=TREE) as kernel:
        with pytest.raises(SpynqError, match="does not count records; build it with counts=1"):
            kernel.records([[0]], 1, 1, 1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": [0, 1]}, r"data must have shape \[records, columns\], not \[2\]"),
        ({"data": [[0.5]]}, "data must be integers on the grid"),
        ({"data": [[256]]}, "state must be 0 to 255, not 256"),
        ({"data": np.zeros((1, 9), int)}, "columns of data must be 1 to 8, not 9; use a larger states="),
        ({"samples": 1025}, "samples of a record must be 1 to 1024, not 1025; count the data again"),
        ({"counts": 17}, "counts must be 1 to 16, not 17; use a larger table="),
        ({"seed": -1}, "seed must be at least 0, not -1"),
    ],
)
def test_records_that_do_not_fit_are_refused(options: dict[str, Any], message: str) -> None:
    with open_kernel("stm", "golden", config=COUNTING) as kernel:
        with pytest.raises(SpynqError, match="no program is loaded"):
            kernel.records([[0]], 1, 1, 1)
        kernel.load_program([Operation(0, 1, column=0, fresh=True, push=True)], [(0, 0)], [0] * 32, 1)
        call = {"data": [[0], [255]], "samples": 64, "counts": 2, "seed": 1, **options}
        with pytest.raises(ValueError, match=message):
            kernel.records(**call)


def test_records_are_counted() -> None:
    with open_kernel("stm", "golden", config=COUNTING) as kernel:
        kernel.load_program([Operation(0, 1, column=0, fresh=True, push=True)], [(0, 0)], [0] * 32, 1)
        found = kernel.records([[0], [1], [1]], 64, 2, 1)
    assert found.counts.tolist() == [1 << 24, 2 << 24] and len(found.records) == 3
