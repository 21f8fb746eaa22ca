"""The case table of the engine, on the golden model: hand-computed expectations wherever a hand can."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import FULL, array, both, conv, network, neuron, spikes, train

from spynq.lif.assemble import assemble
from spynq.lif.codes import Leak, Output, Refractory, Reset
from spynq.lif.errors import LifError
from spynq.lif.golden_run import Bytes, run_golden
from spynq.lif.layers import Fir, MapShape
from spynq.lif.params import LifConfig

ONE = [[[[1]]]]
"""A weight of 1 from one pixel to one neuron."""


def fired(result: np.ndarray) -> list[int]:  # type: ignore[type-arg]
    return result[:, 0, 0, 0].tolist()


def test_no_input_spikes_at_all_leave_bias_and_leak() -> None:
    halving = neuron(theta=100, bias=40, decay=2048, leak=Leak.MULTIPLY, reset=Reset.NONE)
    net = network((1,), 4, conv(ONE, neuron=replace(halving, fires=False), output=Output.MEMBRANE))
    # 40, 20 + 40, 30 + 40, 35 + 40
    assert both(net, train(0, 0, 0, 0)).out.ravel().tolist() == [75]
    net = network((1,), 4, conv(ONE, neuron=replace(halving, theta=array(70))))
    result = both(net, train(0, 0, 0, 0))
    assert fired(result.out) == [0, 0, 1, 1]
    assert result.run.totals["events"] == 0


def test_all_inputs_spike_every_step() -> None:
    weights = np.full((16, 33, 3, 3), 127)
    net = network((33, 5, 5), 3, conv(weights, neuron=neuron(16, theta=127 * 33 * 9, reset=Reset.HARD)))
    result = both(net, np.ones((1, 3, 33, 5, 5), int))
    assert result.out.min() == 1, "the sum is at its bound, and so is the threshold"
    assert result.run.totals["events"] == 3 * 9 * 33 * 9
    assert result.run.totals["sop"] == 16 * result.run.totals["events"]


def test_the_accumulator_bound_is_reached_exactly_and_one_more_weight_is_refused() -> None:
    # 63 x 63 taps of 127 on values of up to 15: 16 channels are below, 17 above 2**23 - 1.
    taps = ((1 << 23) - 1) // (127 * 255)
    weights = np.zeros((1, 1, 17, 17), np.int64)
    weights.reshape(-1)[:taps] = 127
    rest = ((1 << 23) - 1 - taps * 127 * 255) // 255
    weights.reshape(-1)[taps] = rest
    shape = MapShape(1, 17, 17, planes=8)
    reader = neuron(fires=False, fraction=0)
    net = network(shape, 1, conv(weights, neuron=reader, output=Output.SUMS))
    image = assemble(net, FULL)
    run = run_golden(image, np.full((1, 1, 1, 17, 17), 255))
    assert image.maps["layer"].get(run.memory, 1).ravel().tolist() == [(taps * 127 + rest) * 255]
    weights.reshape(-1)[taps + 1] = 1
    message = (
        r"E04 layer 'layer': channel 0 can sum up to 8388735, and the accumulator holds 8388607; use 4-bit"
    )
    with pytest.raises(LifError, match=message):
        assemble(network(shape, 1, conv(weights, neuron=reader, output=Output.SUMS)), FULL)


def test_saturation_of_v_both_ways_clips_and_counts_and_spikes_come_first() -> None:
    cell = neuron(theta=(1 << 23) - 1, bias=0, fraction=7, reset=Reset.NONE)
    for weight, limit in ((127, 32767), (-127, -32768)):
        result = both(network((1,), 5, conv([[[[weight]]]], neuron=cell)), train(1, 1, 1, 1, 1))
        assert result.run.counters[0]["saturated"] == 3, "127 << 7 is 16,256: steps 3, 4 and 5 clip"
        assert fired(result.out) == [0] * 5
        assert abs(limit) in (32767, 32768)
    # The third step is above the threshold before it is clipped below it.
    cell = neuron(theta=40_000, fraction=7, reset=Reset.NONE)
    result = both(network((1,), 3, conv([[[[127]]]], neuron=cell)), train(1, 1, 1))
    assert fired(result.out) == [0, 0, 1]


@pytest.mark.parametrize("theta", [5, 6])
def test_u_exactly_theta_fires_and_theta_less_one_does_not(theta: int) -> None:
    result = both(network((1,), 1, conv([[[[5]]]], neuron=neuron(theta=theta))), train(1))
    assert fired(result.out) == [int(theta == 5)]


def test_theta_of_zero_fires_always_and_an_unreachable_one_never_both_with_a_remark() -> None:
    cells = replace(neuron(2, theta=0), theta=array(0, (1 << 23) - 1))
    result = both(network((1,), 3, conv([[[[1]]], [[[1]]]], neuron=cells)), train(0, 0, 0))
    assert result.out[:, :, 0, 0].tolist() == [[1, 0]] * 3
    always, never = result.image.layers[0].remarks
    assert "theta <= 0 in 1 channels, first 0" in always
    assert "theta beyond reach in 1 channels, first 1" in never


@pytest.mark.parametrize(("decay", "after"), [(0, 0), (4095, 0), (4096, -1)])
def test_v_of_minus_one_reaches_zero_for_every_decay_below_one(decay: int, after: int) -> None:
    cell = neuron(decay=decay, leak=Leak.MULTIPLY, fires=False, reset=Reset.NONE)
    result = both(network((1,), 2, conv([[[[-1]]]], neuron=cell, output=Output.MEMBRANE)), train(1, 0))
    assert result.out.ravel().tolist() == [after]


def test_a_linear_leak_stops_at_rest() -> None:
    cell = neuron(decay=3, rest=-2, leak=Leak.LINEAR, fires=False, reset=Reset.NONE)
    for weight, want in ((7, [5, 2, -1, -2]), (-7, [-9, -6, -3, -2])):
        got = []
        for steps in range(1, 5):
            values = train(1, *[0] * (steps - 1))
            net = network((1,), steps, conv([[[[weight]]]], neuron=cell, output=Output.MEMBRANE))
            got += both(net, values).out.ravel().tolist()
        assert got == want


def test_a_reset_above_theta_and_a_soft_reset_of_a_large_u_fire_again() -> None:
    hard = neuron(theta=4, v_reset=9, reset=Reset.HARD)
    assert fired(both(network((1,), 3, conv([[[[5]]]], neuron=hard)), train(1, 0, 0)).out) == [1, 1, 1]
    soft = neuron(theta=4, zeta=4, reset=Reset.SOFT)
    result = both(network((1,), 4, conv([[[[13]]]], neuron=soft)), train(1, 0, 0, 0))
    assert fired(result.out) == [1, 1, 1, 0], "13, 9, 5, 1: one spike per step"


def test_the_four_resets_on_one_train() -> None:
    want = {
        # U: 6 | 6 | 6 | 6
        Reset.HARD: [1, 1, 1, 1],
        # U: 6, 2 + 6, 4 + 6, 6 + 6
        Reset.SOFT: [1, 1, 1, 1],
        # U: 6 (V 6), 6 + 6 - 4 = 8, 10, 12
        Reset.SOFT_DELAYED: [1, 1, 1, 1],
        Reset.NONE: [1, 1, 1, 1],
    }
    ends = {Reset.HARD: 0, Reset.SOFT: 8, Reset.SOFT_DELAYED: 12, Reset.NONE: 24}
    for reset, spikes_wanted in want.items():
        cell = neuron(theta=4, zeta=4, reset=reset)
        result = both(network((1,), 4, conv([[[[6]]]], neuron=cell)), train(1, 1, 1, 1))
        assert fired(result.out) == spikes_wanted
        last = both(network((1,), 4, conv([[[[6]]]], neuron=cell, output=Output.MEMBRANE)), train(1, 1, 1, 1))
        assert last.out.ravel().tolist() == [ends[reset]]


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
@pytest.mark.parametrize("policy", list(Refractory))
@pytest.mark.parametrize("reset", list(Reset))
def test_refractory_periods_survive_the_boundary_of_a_chunk(
    steps: int, policy: Refractory, reset: Reset
) -> None:
    cell = neuron(
        theta=5, zeta=5, decay=3000, leak=Leak.MULTIPLY, reset=reset, refractory=steps, policy=policy
    )
    net = network((1,), 9, conv([[[[4]]]], neuron=cell))
    whole = both(net, train(1, 1, 1, 1, 0, 1, 1, 1, 1))
    # The first spike comes in step 1, the last of a chunk of two.
    assert fired(whole.out)[1] == 1
    for chunk in range(1, 9):
        np.testing.assert_array_equal(both(net, whole.values, chunk=chunk).out, whole.out)
    spaced = np.flatnonzero(whole.out.ravel())
    assert (np.diff(spaced) > steps).all()


@pytest.mark.parametrize("steps", [1, 7, 2000])
def test_steps_of_any_number(steps: int) -> None:
    net = network((1,), steps, conv(ONE, neuron=neuron(theta=3, zeta=3, reset=Reset.SOFT)))
    result = both(net, train(*[1] * steps), chunk=64 if steps > 64 else None)
    assert int(result.out.sum()) == steps // 3


@pytest.mark.full
def test_the_longest_sample_of_65535_steps() -> None:
    net = network(
        (1,), 65_535, conv(ONE, neuron=neuron(theta=3, zeta=3, reset=Reset.SOFT), output=Output.COUNTS)
    )
    image = assemble(net, FULL)
    run = run_golden(image, train(*[1] * 65_535))
    assert image.maps["layer"].get(run.memory, 1).ravel().tolist() == [21_845]


def test_no_steps_are_refused_before_anything_starts() -> None:
    with pytest.raises(LifError, match="E01 network 'test': 0 time steps"):
        assemble(network((1,), 0, conv(ONE)))
    image = assemble(network((1,), 2, conv(ONE)))
    with pytest.raises(LifError, match="E01 the input has no time steps"):
        run_golden(image, np.zeros((1, 0, 1, 1, 1), int))
    with pytest.raises(LifError, match=r"E01 .* chunks must have at least 1 step, not 0"):
        assemble(network((1,), 2, conv(ONE)), chunk=0)


@pytest.mark.parametrize("chunk", [1, 2, 3, 4, 5])
def test_chunked_equals_unchunked(chunk: int) -> None:
    rng = np.random.default_rng(7)
    cell = neuron(20, theta=40, decay=3500, leak=Leak.MULTIPLY, refractory=1, fraction=2)
    layers = (
        conv(rng.integers(-20, 21, (20, 2, 3, 3)), neuron=cell),
        conv(rng.integers(-7, 8, (9, 20, 4, 4)), name="fc", kind="fc", sources=("layer",),
             neuron=neuron(9, theta=50, reset=Reset.SOFT_DELAYED), output=Output.COUNTS),
    )  # fmt: skip
    net = network((2, 6, 6), 6, *layers)
    values = spikes(net, samples=2)
    whole = both(net, values)
    np.testing.assert_array_equal(both(net, values, chunk=chunk)["fc"], whole["fc"])


def test_a_run_that_goes_on_equals_one_that_never_stopped() -> None:
    cell = neuron(4, theta=9, decay=3000, leak=Leak.MULTIPLY)
    layer = conv(np.random.default_rng(8).integers(-5, 6, (4, 2, 2, 2)), neuron=cell)
    net = network((2, 3, 3), 6, layer)
    values = spikes(net)
    whole = both(net, values).out
    memory, parts = None, []
    for start, first, last in ((0, True, False), (2, False, False), (4, False, True)):
        image = assemble(replace(net, steps=2), first=first, last=last)
        memory = memory or Bytes(image.beats * 16)
        run = run_golden(image, values[:, start : start + 2], memory=memory)
        parts.append(image.maps["layer"].get(run.memory, 1)[0])
    np.testing.assert_array_equal(np.concatenate(parts), whole)


@pytest.mark.parametrize(
    ("columns", "tied"),
    [(1, 1), (2, 1), (4, 1), (4, 2), (16, 1), (16, 2), (16, 4), (32, 1), (48, 2), (48, 16)],
)
def test_every_column_count_and_every_cut_gives_the_same(columns: int, tied: int) -> None:
    rng = np.random.default_rng(9)
    layer = conv(rng.integers(-20, 21, (40, 3, 3, 3)), padding=(1, 1), neuron=neuron(40, theta=60))
    head = conv(
        rng.integers(-9, 10, (70, 40, 8, 8)),
        kind="fc",
        name="fc",
        sources=("layer",),
        neuron=neuron(70, theta=99),
    )
    net = network((3, 8, 8), 2, layer, head)
    values = spikes(net)
    small = LifConfig(columns=columns, tied=tied, weights=4096, units=64, maps=64, rounds=16)
    wanted = both(net, values, LifConfig(columns=1, weights=32768, units=1024, rounds=64))
    try:
        result = both(net, values, small)
    except LifError as error:
        assert columns <= 4 and "E05" in str(error)
        return
    np.testing.assert_array_equal(result["fc"], wanted["fc"])


def test_multi_delay_taps_slide_or_are_held_over_segments() -> None:
    reader = neuron(fires=False, reset=Reset.NONE, decay=0, leak=Leak.MULTIPLY)
    values = train(1, 0, 0, 1, 0, 0)
    for fir, want in (
        (Fir((5, 3, 1)), [5, 3, 1, 5, 3, 1]),
        # A segment's current weighs its last step by tap 0, and is held over it.
        (Fir((5, 3, 1), segment=3), [1, 1, 1, 1, 1, 1]),
        (Fir((5, 3), segment=2), [3, 3, 5, 5, 0, 0]),
        (Fir((-5, 3), shift=1), [-2, 1, 0, -2, 1, 0]),
    ):
        got = both(network((1,), 6, conv(ONE, neuron=reader, fir=fir, output=Output.SUMS)), values)
        assert fired(got.out) == want


@pytest.mark.parametrize("chunk", [1, 2, 3, 4])
def test_delays_reach_over_chunks(chunk: int) -> None:
    layer = conv(ONE, neuron=neuron(theta=4, leak=Leak.NONE), fir=Fir((3, 2, -1, 1)))
    values = train(1, 1, 0, 1, 0, 1, 1)
    net = network((1,), 7, layer)
    np.testing.assert_array_equal(both(net, values, chunk=chunk).out, both(net, values).out)
    if chunk in (2, 4):
        net = network((1,), 7, replace(layer, fir=Fir((3, 2), segment=2)))
        np.testing.assert_array_equal(both(net, values, chunk=chunk).out, both(net, values).out)


def test_delays_that_reach_where_no_sums_are_kept_are_refused() -> None:
    def compiled(fir: Fir, **run: Any) -> None:
        assemble(network((1,), 6, conv(ONE, fir=fir)), FULL, **run)

    compiled(Fir((1, 1), segment=2), first=False, chunk=2)
    with pytest.raises(LifError, match=r"E05 layer 'layer': chunks of 3 steps cut its segments of 2; use"):
        compiled(Fir((1, 1), segment=2), chunk=3)
    for run in ({"first": False}, {"last": False}):
        with pytest.raises(
            LifError, match=r"E05 layer 'layer': its 2 delays reach into the steps of another"
        ):
            compiled(Fir((1, 1)), **run)


def test_static_input_holds_for_all_steps() -> None:
    net = network((2, 4, 4), 5, conv(np.full((3, 2, 2, 2), 3), neuron=neuron(3, theta=40)), static=True)
    values = spikes(net)
    repeated = both(replace(net, static=False), np.repeat(values, 5, axis=1))
    np.testing.assert_array_equal(both(net, values).out, repeated.out)
