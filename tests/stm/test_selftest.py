"""The self-test's runs of every front end: there when the build has it, equal twice, other by seed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spynq import devices
from spynq.errors import SpynqError
from spynq.selftest.kernel_checks import golden_vectors
from spynq.stm import selftest
from spynq.stm.params import StmConfig

ALL = StmConfig(lanes=4, edge=4, population=512, columns=2, counts=True, states=8, bins=16, terms=2)
TREE = StmConfig(lanes=4, terms=0, states=0, edge=4, population=64, columns=2, bins=16)
NAMES = [
    "flat, a batch",
    "flat, one evidence from registers",
    "weighting, 1 samples",
    "weighting, 3000 samples",
    "records, 40",
    "tree, a Gaussian edge and spikes",
    "tree, an edge from a table",
]


def runs(config: StmConfig, seed: int) -> dict[str, dict[str, Any]]:
    with devices.open_kernel("stm", "golden", config=config) as driver:
        return dict(selftest.runs(driver, seed))


def same(left: dict[str, Any], right: dict[str, Any]) -> bool:
    return all(np.array_equal(left[key], right[key]) for key in left)


def test_every_front_end_of_a_build_is_run(fresh_seed: int) -> None:
    first, again, other = (runs(ALL, seed) for seed in (fresh_seed, fresh_seed, fresh_seed + 9))
    assert list(first) == NAMES
    for name in NAMES:
        assert same(first[name], again[name]) and not same(first[name], other[name]), name
    spikes = first["tree, a Gaussian edge and spikes"]["spikes"]
    assert spikes.sum() == 500 and first["records, 40"]["counts"].any()


@pytest.mark.parametrize(
    ("config", "names"),
    [
        (TREE, NAMES[5:]),
        (StmConfig(terms=0, counts=True), NAMES[2:5]),
        (StmConfig(states=0), NAMES[:2]),
    ],
)
def test_what_a_build_lacks_is_not_run(config: StmConfig, names: list[str]) -> None:
    assert list(runs(config, 1)) == names


def test_a_wrong_message_is_noticed(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """The check against the integer model fails on a device whose weights are off by one."""
    with devices.open_kernel("stm", "golden", config=TREE) as driver:
        assert golden_vectors(driver, seed)[0] == "2 runs equal the integer model"
        real = type(driver).tree

        def wrong(self: Any, tasks: Any, **options: Any) -> Any:
            found = real(self, tasks, **options)
            if self is driver:
                found.weights[3] = found.weights[3] + 1
            return found

        monkeypatch.setattr(type(driver), "tree", wrong)
        with pytest.raises(SpynqError, match="weights differs from the integer model"):
            golden_vectors(driver, seed)
