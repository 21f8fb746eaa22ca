"""Queries on the exported Verilog behind the real pynq: the same answer as on the golden device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.bayes.network import Network
from spynq.stm import example
from spynq.stm.posterior import Posterior

pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")

# The build of tests/stm/test_rtl.py, so that it is compiled once.
from spynq.stm.params import StmConfig

CONFIG = StmConfig(lanes=4, terms=2, population=64, columns=4, bins=16, states=8, state_bits=4, table=256)


@pytest.fixture(scope="module")
def rtl() -> Iterator[Any]:
    with devices.open_kernel("stm", "rtl", CONFIG, strict=True) as driver:
        yield driver


def on_both(
    rtl: Any, network: Network, evidence: dict[str, Any], **options: Any
) -> tuple[Posterior, Posterior]:
    return (
        network.query(None, evidence, device=rtl, **options),
        network.query(None, evidence, device="golden", config=CONFIG, **options),
    )


@pytest.mark.parametrize("lookahead", [0, None])
def test_asia_in_two_pieces(rtl: Any, seed: int, lookahead: int | None) -> None:
    evidence = {"xray": "yes", "dysp": "yes"}
    found, golden = on_both(rtl, example("asia"), evidence, samples=5000, seed=seed, lookahead=lookahead)
    assert found.probabilities == golden.probabilities and found.standard_error == golden.standard_error
    assert (found.ess, found.log_evidence, found.flags) == (golden.ess, golden.log_evidence, golden.flags)
    assert found.cycles > 5 * 1024 / CONFIG.lanes and golden.cycles == 0
    assert (found.device, golden.device) == ("rtl", "golden")


def test_targets_over_several_runs(rtl: Any, random_network: Any, fresh_seed: int) -> None:
    network = random_network(
        np.random.default_rng(fresh_seed), nodes=8, states=3, parents=1, zeros=0.0, least=3
    )
    found, golden = on_both(rtl, network, {"n7": 0}, samples=1500, seed=fresh_seed)
    assert found.probabilities == golden.probabilities and found.ess == golden.ess
