"""Trained networks on the simulated board: the gateware answers with the golden model's bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spynq_train.compare import SMALL_BUILD
from spynq_train.data import load
from spynq_train.engine import compiled, given_to_engine, judged_inputs
from spynq_train.fit import fit
from spynq_train.recipes import prepare

NETWORKS: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "brp, rate coding": ("brp", "digits", "digits", {"steps": 4}),
    "brp, events, convolution and pool": (
        "brp",
        "saccade-digits",
        "n-mnist",
        {"network": "6C5s3-AP2-20FC-10FC", "rate": 1e-2},
    ),
    "tlbptt, soft reset and a still image": ("tlbptt", "digits", "digits", {"k": 2}),
    "albsnn, two layers of full precision": ("albsnn", "digits", "digits", {}),
    "albsnn, all binary": ("albsnn", "digits", "digits", {"keep": "none"}),
    "snnwm, segments and fusion": ("snnwm", "digits", "digits", {}),
    "snnwm, plain neurons": ("snnwm", "digits", "digits", {"memory": 1, "fusion": False}),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_gateware_equals_golden(name: str) -> None:
    """0 differences in spikes of every layer, in outputs and in additions, on three test samples."""
    method, source, preset, options = NETWORKS[name]
    data = load(source).limited(600 if source == "digits" else 200, 3)
    run = prepare(method, data, preset, seed=2, epochs=2, **options)
    fit(run.method, data, run.plan)
    network = compiled(run.method.network, data, run.plan)
    small = network.for_build(SMALL_BUILD)
    (x, _), *_ = judged_inputs(data, run.plan)
    given = given_to_engine(x)
    want = small.run(given, "golden")
    assert all(spikes.any() for spikes in list(want.spikes.values())[:-1])
    got = small.run(given, "rtl")
    np.testing.assert_array_equal(got.outputs, want.outputs)
    assert got.spikes.keys() == want.spikes.keys()
    for layer, spikes in want.spikes.items():
        np.testing.assert_array_equal(got.spikes[layer], spikes)
    for layer, seen in want.counters.items():
        assert got.counters[layer].synaptic_operations == seen.synaptic_operations
    assert got.cycles > 0
