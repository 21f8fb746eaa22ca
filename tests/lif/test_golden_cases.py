"""The case table of the engine, on the golden model: hand-computed expectations wherever a hand can."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from lif_cases import array, both, conv, network, neuron, spikes

from spynq.lif.assemble import assemble
from spynq.lif.codes import Combine, Leak, Output, Pool, Refractory, Reset, WeightFormat
from spynq.lif.errors import LifError
from spynq.lif.golden_run import Bytes, run_golden
from spynq.lif.layers import Fir, Layer, MapShape
from spynq.lif.params import LifConfig

ONE = [[[[1]]]]
"""A weight of 1 from one pixel to one neuron."""


def train(*values: int) -> np.ndarray:  # type: ignore[type-arg]
    """Input of one pixel over time, one sample."""
    return np.array(values, np.int64).reshape(1, -1, 1, 1, 1)


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
    image = assemble(net)
    run = run_golden(image, np.full((1, 1, 1, 17, 17), 255))
    assert image.maps["layer"].get(run.memory, 1).ravel().tolist() == [(taps * 127 + rest) * 255]
    weights.reshape(-1)[taps + 1] = 1
    message = (
        r"E04 layer 'layer': channel 0 can sum up to 8388735, and the accumulator holds 8388607; use 4-bit"
    )
    with pytest.raises(LifError, match=message):
        assemble(network(shape, 1, conv(weights, neuron=reader, output=Output.SUMS)))


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
    image = assemble(net)
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


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (7, 5), (13, 40)])
def test_maps_of_one_pixel_one_row_and_odd_sizes(size: tuple[int, int]) -> None:
    weights = np.random.default_rng(1).integers(-9, 10, (3, 2, 3, 3))
    both(network((2, *size), 2, conv(weights, padding=(1, 1), neuron=neuron(3, theta=8))))


def test_a_stride_larger_than_the_kernel() -> None:
    weights = np.random.default_rng(2).integers(-9, 10, (5, 3, 2, 1))
    result = both(network((3, 11, 12), 2, conv(weights, stride=(4, 5), neuron=neuron(5, theta=8))))
    assert result.out.shape == (2, 5, 3, 3)


def test_a_kernel_larger_than_the_padded_map_is_refused_with_the_sizes() -> None:
    layer = conv(np.ones((120, 16, 5, 5)), name="conv3", neuron=neuron(120))
    with pytest.raises(
        LifError,
        match=r"E02 layer 'conv3': kernel 5x5 does not fit the 4x4 input \(pad 0\); add padding or use",
    ):
        assemble(network((16, 4, 4), 1, layer))


def test_windows_that_see_only_padding_have_the_bias_alone() -> None:
    weights = np.full((1, 1, 2, 2), 100)
    cell = neuron(bias=7, fires=False)
    result = both(
        network((1, 1, 1), 1, conv(weights, padding=(3, 3), neuron=cell, output=Output.MEMBRANE)), train(1)
    )
    assert np.count_nonzero(result.out == 107) == 4
    assert np.count_nonzero(result.out == 7) == result.out.size - 4


@pytest.mark.parametrize("pool", [Pool.SUM, Pool.OR])
def test_a_pool_that_does_not_divide_the_map_drops_its_last_row_and_column(pool: Pool) -> None:
    values = np.zeros((1, 1, 1, 5, 5), int)
    values[..., 4, :] = values[..., :, 4] = 1
    cell = neuron(fires=False)
    layer = conv(
        np.ones((1, 1, 3, 3)), padding=(1, 1), pool_in=pool, pool_size=2, neuron=cell, output=Output.MEMBRANE
    )
    assert both(network((1, 5, 5), 1, layer), values).out.ravel().tolist() == [0] * 4


@pytest.mark.parametrize("c_in", [1, 2, 31, 32, 33])
@pytest.mark.parametrize("c_out", [1, 6, 11, 15, 16, 17, 47])
def test_channels_that_do_not_fill_a_lane_group(c_in: int, c_out: int) -> None:
    weights = np.random.default_rng(c_in).integers(-9, 10, (c_out, c_in, 2, 2))
    first = conv(weights, neuron=neuron(c_out, theta=6))
    second = Layer("second", "pool", ("layer",), kernel=(2, 2), neuron=neuron(c_out, theta=2))
    result = both(network((c_in, 4, 4), 2, first, second), config=LifConfig(columns=4))
    assert (
        result.run.counters[0]["sop"] * result.image.layers[0].rounds
        == c_out * result.run.counters[0]["events"]
    )
    assert result.run.totals["spikes_out"] == result["layer"].sum() + result["second"].sum()


@pytest.mark.parametrize("columns", [1, 16])
def test_groups_of_one_channel(columns: int) -> None:
    weights = np.random.default_rng(3).integers(-50, 51, (40, 1, 3, 3))
    layer = conv(weights, groups=40, padding=(1, 1), neuron=neuron(40, theta=30))
    result = both(network((40, 5, 6), 2, layer), config=LifConfig(columns=columns))
    assert result.run.totals["sop"] == result.run.totals["events"], (
        "a spike meets the weights of its own channel"
    )


@pytest.mark.parametrize("groups", [2, 4])
def test_groups_of_several_channels(groups: int) -> None:
    weights = np.random.default_rng(4).integers(-9, 10, (24, 8 // groups, 3, 3))
    both(network((8, 5, 5), 2, conv(weights, groups=groups, neuron=neuron(24, theta=8))))


def test_two_sources_add_and_values_above_the_planes_are_clipped_and_counted() -> None:
    thin = Layer("thin", "pool", neuron=neuron(3, theta=1))
    added = Layer("sum", "copy", ("input", "thin"), planes_out=1)
    shape = MapShape(3, 4, 4, planes=2)
    values = np.random.default_rng(5).integers(0, 4, (1, 2, 3, 4, 4))
    result = both(network(shape, 2, thin, added), values)
    whole = values + (values > 0)
    np.testing.assert_array_equal(result["sum"], np.minimum(whole, 1))
    assert result.run.counters[1]["saturated"] == np.count_nonzero(whole > 1)
    wide = both(network(shape, 2, thin, replace(added, planes_out=3)), values)
    np.testing.assert_array_equal(wide["sum"], whole)


@pytest.mark.parametrize("combine", list(Combine))
def test_two_sources_of_a_convolution(combine: Combine) -> None:
    rng = np.random.default_rng(6)
    thin = Layer("thin", "pool", kernel=(3, 3), padding=(1, 1), neuron=neuron(3, theta=3))
    last = conv(
        rng.integers(-9, 10, (5, 3, 3, 3)), name="last", sources=("input", "thin"), combine=combine,
        neuron=neuron(5, theta=9),
    )  # fmt: skip
    both(network((3, 6, 6), 3, thin, last))


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


@pytest.mark.parametrize("columns", [1, 2, 4, 16, 32, 48])
def test_every_column_count_and_every_cut_gives_the_same(columns: int) -> None:
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
    small = LifConfig(columns=columns, weights=4096, units=64, maps=64, rounds=16)
    wanted = both(net, values, LifConfig(columns=1, weights=32768, units=1024, rounds=64))
    try:
        result = both(net, values, small)
    except LifError as error:
        assert columns <= 4 and "E05" in str(error)
        return
    np.testing.assert_array_equal(result["fc"], wanted["fc"])


@pytest.mark.parametrize("form", list(WeightFormat))
def test_all_weight_formats_that_hold_the_same_values_give_the_same(form: WeightFormat) -> None:
    rng = np.random.default_rng(10)
    weights = rng.choice([-1, 1], (17, 5, 3, 3))
    net = network((5, 6, 6), 3, conv(weights, format=form, neuron=neuron(17, theta=3)))
    wanted = both(network((5, 6, 6), 3, conv(weights, format=WeightFormat.S8, neuron=neuron(17, theta=3))))
    result = both(net)
    np.testing.assert_array_equal(result.out, wanted.out)
    assert result.image.layers[0].weight_bytes == 2 * -(-45 * form.bits // 8) * 16


def test_a_map_is_cut_into_pieces_that_leave_no_trace() -> None:
    rng = np.random.default_rng(11)
    layer = conv(rng.integers(-9, 10, (6, 3, 3, 3)), padding=(1, 1), stride=(2, 1), neuron=neuron(6, theta=9))
    net = network((3, 23, 8), 2, layer)
    pieces = both(net, config=LifConfig(columns=1, units=32, maps=16, weights=4096))
    assert pieces.image.layers[0].pieces == 3
    whole = both(net)
    assert whole.image.layers[0].pieces == 1
    np.testing.assert_array_equal(pieces.out, whole.out)


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
    with pytest.raises(
        LifError, match=r"E05 layer 'layer': delays of 2 steps .* reach over chunks of 3 steps"
    ):
        assemble(network((1,), 6, conv(ONE, fir=Fir((1, 1)))), chunk=3)


def test_bit_planes_carry_signed_and_unsigned_values() -> None:
    rng = np.random.default_rng(12)
    weights, reader = rng.integers(-127, 128, (7, 2, 3, 3)), neuron(7, fires=False)
    for signed, low, high in ((False, 0, 256), (True, -128, 128)):
        values = rng.integers(low, high, (1, 2, 2, 5, 5))
        shape = MapShape(2, 5, 5, planes=8, signed=signed)
        both(network(shape, 2, conv(weights, neuron=reader, output=Output.SUMS)), values)


def test_static_input_holds_for_all_steps() -> None:
    net = network((2, 4, 4), 5, conv(np.full((3, 2, 2, 2), 3), neuron=neuron(3, theta=40)), static=True)
    values = spikes(net)
    repeated = both(replace(net, static=False), np.repeat(values, 5, axis=1))
    np.testing.assert_array_equal(both(net, values).out, repeated.out)


def test_what_is_no_channel_is_never_written() -> None:
    net = network((2, 3, 3), 1, conv(np.full((5, 2, 2, 2), 9), neuron=neuron(5, theta=0)))
    result = both(net, np.ones((1, 1, 2, 3, 3), int))
    area = result.image.maps["layer"]
    bits = np.unpackbits(result.run.memory[area.beat * 16 :][: area.plane * 16])
    assert bits.sum() == result.out.sum() == 5 * 4
