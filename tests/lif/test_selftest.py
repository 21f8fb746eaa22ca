"""The engine's part of the self-test runs on the golden device, and notices another build."""

from __future__ import annotations

import numpy as np
import pytest

from spynq import devices
from spynq.lif import selftest
from spynq.lif.builds import build_of
from spynq.lif.params import LifConfig

SMALL = LifConfig(columns=2, weights=1024, maps=256, units=64, rounds=8)


def test_a_build_is_read_from_its_registers() -> None:
    for config in (SMALL, LifConfig(), LifConfig(columns=48, tied=2, dsp=False)):
        assert build_of(config.capabilities()) == config


def test_runs_are_the_same_twice_and_differ_by_seed(fresh_seed: int) -> None:
    with devices.open_kernel("lif", "golden", config=SMALL) as driver:
        first, again, other = (
            list(selftest.runs(driver, seed)) for seed in (fresh_seed, fresh_seed, fresh_seed + 9)
        )
        assert len(first) == 3 and selftest.moved(driver) > 0
    for (name, left), (_, right) in zip(first, again, strict=True):
        assert left.keys() == right.keys()
        for key in left:
            np.testing.assert_array_equal(left[key], right[key], err_msg=f"{name}: {key}")
    with pytest.raises(AssertionError):
        for (_, left), (_, right) in zip(first, other, strict=True):
            assert left.keys() == right.keys()
            for key in left:
                np.testing.assert_array_equal(left[key], right[key])
