"""What becomes helpers and parts, in gateware: joins, pools of spikes, sums, delays, values, large layers."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from lif_cases import conv, network, neuron, spikes
from test_rtl_layers import BUILDS, check, opened

from spynq.lif import load
from spynq.lif.codes import Combine
from spynq.lif.codes import Output as Written
from spynq.lif.codes import Pool as PoolOf
from spynq.lif.generator import Case
from spynq.lif.graph import Conv, Graph, Input, Neuron, Output, Pool, Taps, Threshold
from spynq.lif.layers import Fir, Layer, Network

RNG = np.random.default_rng(42)
ONE = BUILDS["1 column"].config
THIN = Layer("thin", "pool", kernel=(3, 3), padding=(1, 1), neuron=neuron(3, theta=3))
SUM = Layer("sum", "copy", ("input", "thin"), planes_out=2)
AFTER = Layer("after", "copy", ("sum", "thin"), planes_out=3)


def last(*sources: str, **options: Any) -> Layer:
    cell = neuron(5, theta=20, bias=1, fraction=1)
    return conv(RNG.integers(-9, 10, (5, 3, 3, 3)), name="last", sources=sources, neuron=cell, **options)


def large(c_in: int, **options: Any) -> Network:
    """More taps than the small build's column has."""
    weights = RNG.integers(-20, 21, (19, c_in, 5, 5))
    return network((c_in, 7, 8), 3, conv(weights, neuron=neuron(19, theta=150, fraction=2), **options))


NETWORKS = {
    "and": network((3, 6, 7), 4, THIN, last("input", "thin", combine=Combine.AND)),
    "and not": network((3, 6, 7), 4, THIN, last("input", "thin", combine=Combine.AND_NOT)),
    "or pool": network((3, 9, 10), 4, last("input", pool_in=PoolOf.OR, pool_size=2)),
    "residual sums": network((3, 6, 7), 4, THIN, SUM, AFTER, last("after", padding=(1, 1))),
    "values": network((3, 6, 7), 4, last("input", output=Written.VALUE, planes_out=5, value_shift=1)),
    "sliding delays": network((3, 6, 7), 6, THIN, SUM, last("sum", fir=Fir((40, -20, 7, 3), 5))),
    "delays by segments": network((3, 6, 7), 7, last("input", fir=Fir((40, -20, 7), 5, 3))),
    "a map of biases": network((3, 6, 7), 3, last("input", bias_map=RNG.integers(-30, 31, (5, 4, 5)))),
    "a large layer": large(40, padding=(2, 2)),
    "a large layer with delays": large(40, fir=Fir((3, 2, 1), 1)),
    "a large fully connected layer": network(
        (30, 6, 7), 4, conv(RNG.integers(-9, 10, (20, 30, 6, 7)), kind="fc", neuron=neuron(20, theta=300))
    ),
    "rows of it": network((3, 40, 8), 3, THIN, SUM, replace(last("sum", padding=(1, 1)), fir=Fir((9, 5), 2))),
}


def graph() -> Graph:
    """A residual sum, an OR pool of two maps, delays, and a pool with neurons."""
    rng = np.random.default_rng(3)

    def weights(outputs: int, inputs: int) -> Conv:
        return Conv(rng.normal(0.1, 0.3, (outputs, inputs, 3, 3)), np.zeros(outputs), padding=(1, 1))

    lif = Neuron.uniform(6, 0.5, threshold=1.0, reset="soft")
    nodes = {
        "in": Input((2, 8, 8), 1), "conv1": weights(6, 2), "lif1": lif, "conv2": weights(6, 6), "lif2": lif,
        "pool": Pool("sum", (2, 2), (2, 2)), "or": Threshold(np.full(6, 0.5)), "conv3": weights(6, 6),
        "taps": Taps(np.array([0.7, 0.4, -0.2]), (0, 1, 3), 0, np.full(6, 0.05)), "lif3": lif,
        "out": Output(),
    }  # fmt: skip
    chain = ["in", "conv1", "lif1", "conv2", "lif2", "pool", "or", "conv3", "taps", "lif3", "out"]
    return Graph(nodes, [*pairwise(chain), ("lif1", "pool")])


def test_a_network_of_helpers_follows_the_float_model_on_every_device(driver: Any) -> None:
    net = load(graph(), config=ONE)
    assert [report.name for report in net.image(9).layers][-3:] == ["lif3:join", "lif3:or", "lif3"]
    x = (np.random.default_rng(4).random((9, 3, 2, 8, 8)) < 0.3).astype(np.uint8)
    golden, rtl = net.run(x, "golden"), net.run(x, driver)
    for name, spikes_seen in golden.spikes.items():
        np.testing.assert_array_equal(rtl.spikes[name], spikes_seen)
    for name, found in rtl.differences().items():
        assert found.float_rate > 0.05 and found.differing < 0.03 * found.total, name


@pytest.fixture(scope="module")
def driver(request: pytest.FixtureRequest) -> Any:
    with opened(ONE, 7) as driver:
        yield driver


@pytest.mark.parametrize("name", NETWORKS)
def test_equals_the_golden_model(driver: Any, name: str) -> None:
    net = NETWORKS[name]
    check(driver, Case(net, ONE, net.steps, spikes(net, samples=2), 0))


@pytest.mark.parametrize(
    ("name", "chunk"), [("sliding delays", 2), ("delays by segments", 3), ("a large layer with delays", 1)]
)
def test_delays_reach_over_chunks(driver: Any, name: str, chunk: int) -> None:
    net = NETWORKS[name]
    check(driver, Case(net, ONE, chunk, spikes(net, samples=2), 0))
