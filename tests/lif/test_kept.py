"""An input that stays the same: its sums are kept, so its spikes are met once."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lif_cases import FULL, both, conv, network, neuron, spikes

from spynq.lif.layers import MapShape, Network
from spynq.lif.params import LifConfig

STEPS = 5


def still() -> Network:
    weights = np.random.default_rng(3).integers(-9, 10, (5, 2, 3, 3))
    layer = conv(weights, neuron=neuron(5, theta=40, decay=3000), padding=(1, 1))
    return replace(network(MapShape(2, 6, 6, planes=3), STEPS, layer), static=True)


def test_spikes_of_a_still_input_are_met_once_per_sample(seed: int) -> None:
    net = still()
    values = np.random.default_rng(seed).integers(0, 8, (2, 1, 2, 6, 6))
    kept = both(net, values)
    again = both(replace(net, static=False), np.repeat(values, STEPS, axis=1))
    np.testing.assert_array_equal(kept["layer"], again["layer"])
    assert kept.image.tasks[0].plan.static == 1 and kept.out.any()
    for name in ("events", "spikes_in", "sop"):
        assert again.run.totals[name] == STEPS * kept.run.totals[name] > 0
    assert again.run.totals["spikes_out"] == kept.run.totals["spikes_out"]


def test_what_a_build_cannot_keep_is_met_at_every_step(seed: int) -> None:
    net, values = still(), spikes(still(), seed=seed)
    kept = both(net, values, replace(FULL, columns=1, kept=256))
    # 36 pixels of 5 channels: 3 pairs, which count as 4, so 144 places of one column.
    assert kept.image.tasks[0].plan.static == 1
    most = both(net, values, replace(FULL, columns=1, kept=128))
    assert most.image.tasks[0].plan.static == 0
    np.testing.assert_array_equal(kept["layer"], most["layer"])
    assert most.run.totals["events"] == STEPS * kept.run.totals["events"]


@pytest.mark.parametrize("kept", [0, 7, 100, 1 << 15])
def test_a_build_keeps_a_power_of_two_of_sums(kept: int) -> None:
    with pytest.raises(ValueError, match=f"kept must be a power of two from 8 to 16384, not {kept}"):
        LifConfig(kept=kept)
