"""The neuron lane against section 6 of the fixed-point rules, written out here in plain integers."""

from __future__ import annotations

import numpy as np
import pytest
from amaranth import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spynq.lif.codes import Leak, Refractory, Reset
from spynq.lif.params import LifConfig
from spynq_hw.lif.neuron import LATENCY, Neuron, constants
from spynq_hw.lif.records import CHANNEL_LAYOUT
from spynq_sim.blocks import through

NAMES = ("next", "spike", "saturated", "u")


def truncate(value: int, bits: int) -> int:
    """Divide by ``2**bits``, toward zero."""
    return value >> bits if value >= 0 else -(-value >> bits)


def leak(kind: int, v: int, channel: dict[str, int]) -> int:
    decay, rest = channel["decay"], channel["rest"]
    if kind == Leak.MULTIPLY:
        return rest + truncate((v - rest) * decay, 12)
    if kind == Leak.LINEAR:
        return max(v - decay, rest) if v > rest else min(v + decay, rest)
    return v


def update(
    rule: dict[str, int], total: int, state: dict[str, int], channel: dict[str, int]
) -> tuple[dict[str, int], int, int, int]:
    """One neuron, one step: its next state, spike, whether it was clipped, and U."""
    v, waits = state["v"], rule["refractory"] and state["r"]
    u = leak(rule["leak"], v, channel)
    if not waits or rule["policy"] == Refractory.INTEGRATE:
        u += (total << rule["fraction"]) + channel["bias"]
    elif rule["policy"] == Refractory.FREEZE:
        u = v
    if rule["reset"] == Reset.SOFT_DELAYED and state["r"] == (rule["refractory"] or 1):
        u -= channel["zeta"]
    whole = u
    spike = int(rule["fire"] and not waits and u >= channel["theta"])
    if spike and rule["reset"] == Reset.HARD:
        u = channel["v_reset"]
    elif spike and rule["reset"] == Reset.SOFT:
        u -= channel["zeta"]
    high = (1 << (15 if rule["fire"] else 23)) - 1
    clipped = min(max(u, -high - 1), high)
    left = (rule["refractory"] or 1) if spike else max(waits - 1, 0)
    return {"v": clipped, "r": left}, spike, int(clipped != u), whole


def signed(rng: np.random.Generator, bits: int) -> int:
    """Any value, often small, sometimes an extreme."""
    span = 1 << bits - 1
    if rng.integers(8) == 0:
        return int(rng.choice([-span, span - 1, 0, -1, 1]))
    return int(rng.integers(-span, span)) >> int(rng.integers(bits))


class Lane(wiring.Component):
    """A lane that is given channels as memory has them."""

    def __init__(self) -> None:
        self.neuron = Neuron(LifConfig(dsp=False))
        members = {name: In(member.shape) for name, member in self.neuron.signature.members.items()}
        outputs = {name: Out(self.neuron.signature.members[name].shape) for name in NAMES}
        super().__init__(members | {"channel": In(CHANNEL_LAYOUT)} | outputs)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.neuron = self.neuron
        for name, member in self.neuron.signature.members.items():
            outside, inside = getattr(self, name), getattr(self.neuron, name)
            if name == "channel":
                m.d.comb += inside.eq(constants(m, outside, self.rule.reset))
            elif member.flow == In:
                m.d.comb += inside.eq(outside)
            else:
                m.d.comb += outside.eq(inside)
        return m


def channel(rng: np.random.Generator) -> dict[str, int]:
    decay = int(rng.choice([0, 1, 4095, 4096, int(rng.integers(4096))]))
    values = {name: signed(rng, 24) for name in ("theta", "zeta", "bias")}
    return values | {"decay": decay, "v_reset": signed(rng, 16), "rest": signed(rng, 16)}


@pytest.mark.parametrize("reset", list(Reset))
@pytest.mark.parametrize("kind", list(Leak))
@pytest.mark.parametrize("policy", list(Refractory))
def test_every_rule_matches_the_definition(reset: int, kind: int, policy: int, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    for refractory, fire, fraction in ((0, 1, 0), (3, 1, 4), (1, 0, 7)):
        rule = {"reset": int(reset), "leak": int(kind), "refractory": refractory, "policy": int(policy)}
        rule |= {"fire": fire, "fraction": fraction}
        inputs = []
        for _ in range(70):
            state = {"v": signed(rng, 16 if fire else 24), "r": int(rng.integers((refractory or 1) + 1))}
            total, word = signed(rng, 24), signed(rng, 24)
            # The compiler proves that both together have 24 bits.
            word = min(max(total + word, -(1 << 23)), (1 << 23) - 1) - total
            inputs.append({"rule": rule, "sum": total, "word": word, "state": state, "channel": channel(rng)})
        got = through(Lane(), LATENCY, inputs, NAMES)
        for number, (case, answer) in enumerate(zip(inputs, got, strict=True)):
            want = update(case["rule"], case["sum"] + case["word"], case["state"], case["channel"])
            now = answer["next"]
            found = {"v": now.v, "r": now.r}, answer["spike"], answer["saturated"], answer["u"]
            assert found == want, f"case {number}: {case}"


def test_a_spike_is_decided_at_theta_and_before_clipping() -> None:
    rule = {"reset": 3, "leak": 0, "refractory": 0, "policy": 0, "fire": 1, "fraction": 0}
    quiet = {"v": 0, "r": 0}
    common = {"zeta": 0, "bias": 0, "decay": 0, "v_reset": 0, "rest": 0}
    cases = [(100, 100, 1, 0), (99, 100, 0, 0), (40_000, 40_000, 1, 1), (-40_000, 0, 0, 1)]
    inputs = [
        {"rule": rule, "sum": total, "state": quiet, "channel": common | {"theta": theta}}
        for total, theta, _, _ in cases
    ]
    got = through(Lane(), LATENCY, inputs, NAMES)
    assert [(one["spike"], one["saturated"]) for one in got] == [case[2:] for case in cases]
