"""The rows and their bounds are those the project is held to."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.bayes.exact import exact
from spynq.bayes.files import example
from spynq.bench import rows_of

HELD_TO = {
    "stm": {
        "flat, 1,000 samples, two terms, 32 lanes, resident, moments": ("<= 200", "<= 100"),
        "batch of evidences, same": ("<= 40", "<= 5"),
        "same network, everything moved as 32-bit words": ("<= 1300", "<= 700"),
        "its size: DSP": ("<= 179", "<= 89"),
        "its size: LUT": ("<= 43849", "<= 21924"),
        "its size: FF": ("<= 28142", "<= 14071"),
        "its size: BRAM36": ("<= 14", "<= 7"),
        "likelihood weighting, ALARM": ("<= 60", "<= 40"),
        "ALARM, samples per second at 200 MHz and 64 lanes against two cores": (">= 20", ">= 100"),
        "same, whole-chip configuration that the open estimate allows": (None, ">= 300"),
        "TV against exact at 16,384 samples: worst, in standard errors": ("<= 4", None),
        "TV against exact at 16,384 samples: mean": ("<= 0.01", None),
        "F16 against float64 on the same samples": ("<= 5e-4", None),
    },
    "device": {
        "register accesses against cocotbpynq==0.2.0": (">= 40", ">= 60"),
        "stream bytes against cocotbpynq==0.2.0": (">= 60", ">= 200"),
        "busy cycles as a share of the free-running model": (">= 40", ">= 80"),
        "second start of a built model": ("<= 1", None),
    },
}


@pytest.mark.parametrize("name", HELD_TO)
def test_bounds_are_those_of_the_issue(name: str) -> None:
    found = {row.name: (row.must, row.moonshot) for row in rows_of(name)}
    assert {row: found.get(row) for row in HELD_TO[name]} == HELD_TO[name]


def test_rival_loop_answers_as_exact_inference() -> None:
    pytest.importorskip("numba")
    from spynq.bench.peers import PlainLoop

    network = example("asia")
    evidence = {"xray": "yes", "dysp": "no"}
    _, posterior = PlainLoop(network, evidence, "lung").run(1 << 19)
    wanted = list(exact(network, "lung", evidence).probabilities["lung"].values())
    np.testing.assert_allclose(posterior, wanted, atol=0.02)


def test_integer_weights_are_as_good_as_float64() -> None:
    from spynq.bench.rows.accuracy import number_format

    assert number_format().value <= 5e-4
