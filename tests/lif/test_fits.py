"""What a build refuses as UNFIT: gateware and model agree, whatever a descriptor says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Op
from spynq.lif.descriptor import Descriptor, Plan
from spynq.lif.features import fits
from spynq.lif.params import FEATURES, LifConfig, mask
from spynq_hw.lif.layer import Layer
from spynq_hw.lif.prepare import fits as gateware_fits
from spynq_sim.bench_lif import LEAN
from spynq_sim.blocks import one_through

FIELDS = {"output": 8, "bias": 3, "use_fir": 2, "first": 2, "last": 2, "second": 2, "format": 6, "leak": 3}
BUILDS = {
    "all": LifConfig(),
    "lean": LEAN,
    **{f"no {name}": LifConfig(features=mask(*FEATURES) & ~mask(name)) for name in FEATURES[1:]},
}


class Fits(wiring.Component):
    """The check by itself, a cycle later."""

    def __init__(self, config: LifConfig) -> None:
        self.config = config
        super().__init__({"layer": In(Layer.size), "fits": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.sync += self.fits.eq(gateware_fits(data.View(Layer, self.layer), self.config))
        return m


@pytest.mark.parametrize("build", BUILDS)
def test_gateware_and_model_refuse_the_same(build: str, fresh_seed: int) -> None:
    config, rng = BUILDS[build], np.random.default_rng(fresh_seed)
    inputs, want = [], []
    for _ in range(300):
        # One or two fields are not what any build can do.
        values = {name: int(rng.integers(FIELDS[name])) for name in rng.choice(list(FIELDS), 2)}
        d = replace(Descriptor(op=int(rng.choice([Op.CONV, Op.FC, Op.POOL, Op.DEPTHWISE, 5, 7]))), **values)
        plan = Plan(columns=int(rng.choice([16, 16, 16, 4])), static=int(rng.integers(2)))
        bits = int.from_bytes(d.pack() + plan.pack(), "little")
        inputs.append({"layer": bits})
        want.append(int(fits(d, plan, config)))
    assert one_through(Fits(config), 1, inputs, "fits") == want
    assert 0 < sum(want) < len(want)
