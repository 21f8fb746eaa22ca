# amaranth: UnusedElaboratable=no
"""Accumulators: plain sums, the primitive against its twin, and what 12 bits need."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from amaranth import Module, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq_hw.export import component_verilog
from spynq_hw.lif.adders import LATENCY, Accumulator, Adders, Control, opmode
from spynq_hw.lif.dsp import MultiplyAdd
from spynq_sim.bench import run_bench
from spynq_sim.blocks import through

BENCH = Path(__file__).with_name("bench_adders.py")
MULTIPLY = Path(__file__).with_name("bench_multiply.py")


class Both(wiring.Component):
    """Primitive and twin with the same inputs."""

    def __init__(self, fields: int) -> None:
        self.parts = Accumulator(fields, dsp=True), Accumulator(fields, dsp=False)
        super().__init__({"operands": In(96), "control": In(Control), "primitive": Out(48), "twin": Out(48)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, part, out in zip(("dsp", "fabric"), self.parts, (self.primitive, self.twin), strict=True):
            m.submodules[name] = part
            m.d.comb += [
                part.operands.as_value().eq(self.operands),
                part.opmode.eq(opmode(m, self.control)),
                part.negate.eq(self.control.negate),
                out.eq(part.sums.as_value()),
            ]
        return m


@pytest.mark.parametrize("fields", [2, 4])
def test_primitive_and_twin_agree(fields: int, fresh_seed: int) -> None:
    verilog = component_verilog(Both(fields), "both")
    assert verilog.count("DSP48E2") == 1
    settings = {"FIELDS": str(fields)}
    for simulator in ("icarus", "verilator"):
        assert run_bench(verilog, "both", BENCH, simulator=simulator, seed=fresh_seed, settings=settings) == 1


class BothProducts(wiring.Component):
    """The same of a multiplier."""

    def __init__(self) -> None:
        self.parts = MultiplyAdd(dsp=True), MultiplyAdd(dsp=False)
        ports = {"a": In(signed(27)), "b": In(signed(18)), "c": In(signed(48))}
        super().__init__({**ports, "primitive": Out(48), "twin": Out(48)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        for name, part, out in zip(("dsp", "fabric"), self.parts, (self.primitive, self.twin), strict=True):
            m.submodules[name] = part
            m.d.comb += [part.a.eq(self.a), part.b.eq(self.b), part.c.eq(self.c), out.eq(part.p)]
        return m


def test_the_multiplier_and_its_twin_agree(fresh_seed: int) -> None:
    verilog = component_verilog(BothProducts(), "both")
    assert verilog.count("DSP48E2") == 1
    for simulator in ("icarus", "verilator"):
        assert run_bench(verilog, "both", MULTIPLY, simulator=simulator, seed=fresh_seed) == 1


def test_sums_are_those_of_plain_integers(fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    inputs: list[dict[str, Any]] = []
    want = []
    total = np.zeros(16, np.int64)
    for cycle in range(400):
        weights = rng.integers(-128, 128, (2, 16))
        fresh, double = cycle == 0 or rng.random() < 0.05, rng.random() < 0.05
        take = 0 if double else int(rng.integers(4))
        negate = bool(rng.random() < 0.3) and not double
        change = sum(weights[i] * (take >> i & 1) for i in range(2)) * (-1 if negate else 1)
        total = (0 if fresh else total * (1 + double)) + change
        if fresh and double:
            double = False
        # Beyond 24 bits sums wrap; the compiler proves that they stay inside.
        total = (total + (1 << 23)) % (1 << 24) - (1 << 23)
        want.append(total.tolist())
        control = {"take": take, "fresh": int(fresh), "double": int(double), "negate": int(negate)}
        inputs.append({"weights": weights.tolist(), "control": control})
    got = through(Adders(16, dsp=False), LATENCY, inputs, ["sums"])
    assert [[int(one) for one in answer["sums"]] for answer in got] == want


def test_twelve_bits_are_exact_when_drained_every_128_cycles() -> None:
    """Weights of 4 bits, two a cycle: 128 * 14 is the largest sum that 12 signed bits hold."""
    limit = (1 << 11) - 1
    assert 128 * 14 <= limit < 147 * 14
    for sign in (1, -1):
        # A:B and C to what was there, and to nothing.
        worst = {"operands": [[7 * sign] * 4] * 2, "opmode": 0b010_11_11}
        fresh = {**worst, "opmode": 0b000_11_11}
        got = through(Accumulator(4, dsp=False), LATENCY, [fresh] + [worst] * 199, ["sums"])
        sums = [int(answer["sums"][0]) for answer in got]
        assert sums[127] == 128 * 14 * sign
        # A drain takes the sum and begins afresh: the parts add up to the whole.
        parts = through(
            Accumulator(4, dsp=False),
            LATENCY,
            [fresh if cycle % 128 == 0 else worst for cycle in range(512)],
            ["sums"],
        )
        drained = sum(int(parts[cycle]["sums"][0]) for cycle in range(127, 512, 128))
        assert drained == 512 * 14 * sign
        assert sums[150] != 151 * 14 * sign


@pytest.mark.parametrize("fields", [1, 3, 8])
def test_other_fields_are_refused(fields: int) -> None:
    with pytest.raises(ValueError, match=f"2 fields of 24 bits or 4 of 12, not in {fields}"):
        Accumulator(fields)


@pytest.mark.parametrize("lanes", [0, 3])
def test_odd_lanes_are_refused(lanes: int) -> None:
    with pytest.raises(ValueError, match=f"2, 4, ... lanes, not {lanes}"):
        Adders(lanes)
