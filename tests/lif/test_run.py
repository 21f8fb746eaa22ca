"""Running a network: every kind of input, what comes back, and every input that is refused."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from spynq import devices, events
from spynq.lif import CompiledNetwork, LifError, load, running
from spynq.lif.coding import encode, frames, latency, rate
from spynq.lif.errors import CODES, LifMismatch, LifTimeout
from spynq.lif.graph import Conv, Flatten, Input, Linear, Neuron, Output, sequence
from spynq.lif.params import LifConfig


def _network(planes: int | None = 1, channels: int = 2, **settings: Any) -> CompiledNetwork:
    rng = np.random.default_rng(1)
    return load(
        sequence(
            [
                ("in", Input((channels, 8, 8), planes, scale=1 / 255 if planes == 8 else 1.0)),
                ("conv", Conv(rng.normal(0.1, 0.3, (4, channels, 3, 3)), np.zeros(4))),
                ("lif", Neuron.uniform(4, 0.5)),
                ("flat", Flatten()),
                ("fc", Linear(rng.normal(0.02, 0.3, (3, 144)), np.zeros(3))),
                ("lif2", Neuron.uniform(3, 0.75, reset="soft")),
                ("out", Output()),
            ]
        ),
        **settings,
    )


def _spikes(*shape: int, density: float = 0.3) -> npt.NDArray[np.uint8]:
    return (np.random.default_rng(2).random(shape) < density).astype(np.uint8)


def test_a_result_holds_what_the_run_was_for() -> None:
    net, x = _network(), _spikes(10, 5, 2, 8, 8)
    result = net.run(x, "golden")
    assert result.outputs.shape == (5, 3) and result.predictions.shape == (5,)
    np.testing.assert_array_equal(result.outputs, result.spikes["lif2"].sum(axis=(0, 3, 4)))
    assert result.spikes["lif"].shape == (10, 5, 4, 6, 6)
    assert result.device == "golden" and result.cycles == 0 and result.utilisation is None
    assert list(result.counters) == ["lif", "lif2"]
    assert result.counters["lif"].spikes_out == result.spikes["lif"].sum()
    assert result.accuracy(result.predictions) == 1
    with pytest.raises(ValueError, match=r"5 samples ran, and labels have shape \(4,\)"):
        result.accuracy([0, 1, 2, 0])


def test_synaptic_operations_are_spikes_that_met_weights() -> None:
    net, x = _network(), _spikes(10, 5, 2, 8, 8)
    result = net.run(x, "golden")
    windows = np.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(3, 4))
    assert result.counters["lif"].synaptic_operations == windows.sum() * 4
    assert result.counters["lif2"].synaptic_operations == result.spikes["lif"].sum() * 3
    assert result.synaptic_operations == windows.sum() * 4 + result.spikes["lif"].sum() * 3


def test_the_json_has_the_promised_keys() -> None:
    from spynq.cli.output import plain

    told = json.loads(json.dumps(plain(_network().run(_spikes(6, 2, 2, 8, 8), "golden").to_dict())))
    assert list(told) == [
        "device", "network", "layers", "outputs", "predictions", "spikes", "cycles", "synaptic_operations",
        "utilisation", "seconds",
    ]  # fmt: skip


def test_many_starts_give_what_one_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    net, x = _network(), _spikes(6, 7, 2, 8, 8)
    once = net.run(x, "golden")
    monkeypatch.setattr(running, "_BATCH_BYTES", 1)
    for samples in (3, 1):
        monkeypatch.setattr(running, "_batch", lambda *given, samples=samples: samples)
        many = net.run(x, "golden")
        np.testing.assert_array_equal(many.spikes["lif"], once.spikes["lif"])
        np.testing.assert_array_equal(many.outputs, once.outputs)
        assert many.synaptic_operations == once.synaptic_operations


def test_a_repeated_image_is_stored_once_and_means_the_same() -> None:
    net = _network(planes=8)
    images = np.random.default_rng(3).integers(0, 256, (4, 2, 8, 8), dtype=np.uint8)
    coded = net.run(images, "golden", coding="direct", steps=6)
    plain = net.run(np.ascontiguousarray(np.broadcast_to(images / 255, (6, 4, 2, 8, 8))), "golden")
    np.testing.assert_array_equal(coded.spikes["lif"], plain.spikes["lif"])
    assert net.image(6, 4, static=True).input.steps == 1 and plain.spikes["lif"].sum() > 0


def test_codings_are_what_they_say() -> None:
    images = np.random.default_rng(4).random((50, 1, 8, 8))
    rates = rate(images, 400, seed=5).mean(axis=0)
    assert np.abs(rates - images).max() < 5 * 0.5 / np.sqrt(400)
    np.testing.assert_array_equal(rate(images, 9, seed=5), rate(images, 9, seed=5))
    assert np.any(rate(images, 9, seed=5) != rate(images, 9, seed=6))
    first = latency(np.array([[[[0.0, 0.01, 0.5, 1.0]]]]), 11)
    assert first.sum(axis=0).ravel().tolist() == [0, 1, 1, 1]
    assert first.argmax(axis=0).ravel().tolist() == [0, 10, 5, 0]
    assert encode(np.full((1, 1, 1, 1), 255, np.uint8), "direct", 3).tolist() == [[[[[1.0]]]]] * 3


def test_events_become_frames() -> None:
    made = events.pack([0, 10, 10, 99, 100], [1, 1, 1, 7, 0], [2, 2, 2, 0, 0], [1, 0, 0, 1, 1])
    binary = frames(made, 50, (2, 8, 8))
    assert binary.shape == (3, 1, 2, 8, 8)
    assert [tuple(place) for place in np.argwhere(binary)] == [
        (0, 0, 0, 2, 1), (0, 0, 1, 2, 1), (1, 0, 1, 0, 7), (2, 0, 1, 0, 0)
    ]  # fmt: skip
    assert frames(made, 50, (2, 8, 8), counts=True)[0, 0, 0, 2, 1] == 2
    assert frames(made, 50, (1, 8, 8), steps=1, counts=True).sum() == 3
    recording = events.from_array(made, 8, 8)
    np.testing.assert_array_equal(frames([recording, made], 50, (2, 8, 8))[:, 1:], binary)
    result = _network().run(recording, "golden", frame=50, steps=4)
    assert result.spikes["lif"].shape[:2] == (4, 1)


def test_counted_events_go_into_planes() -> None:
    made = events.pack(np.zeros(9, int), np.zeros(9, int), np.zeros(9, int), np.ones(9, int))
    net = _network(planes=4)
    values = net.values(made, frame=10)
    assert values.max() == 9
    assert net.run(made, "golden", frame=10).spikes["lif"].shape == (1, 1, 4, 6, 6)


_IMAGES = np.zeros((1, 2, 8, 8))
_ONE = (1, 1, 2, 8, 8)
_EVENT = events.pack([0], [0], [0], [1])


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        (np.zeros((0, 1, 2, 8, 8)), {}, "E01 inputs have no time steps"),
        (np.zeros((1, 0, 2, 8, 8)), {}, "E08 inputs hold no sample"),
        (np.zeros((4, 1, 2, 8, 9)), {}, r"E08 inputs have shape \(4, 1, 2, 8, 9\), not \[T, N, 2, 8, 8\]"),
        (_IMAGES, {}, "E08 inputs have no time axis; give coding= and steps="),
        (np.array(["a"]), {}, "E08 inputs are numbers, not <U1"),
        (np.full(_ONE, np.nan), {}, "E08 inputs are not all finite"),
        (
            np.full(_ONE, 0.5),
            {},
            r"E08 inputs go from 0\.5 to 0\.5 with fractions, and 1 bit of scale 1 hold",
        ),
        (
            np.full(_ONE, 2),
            {},
            "E08 inputs go from 2 to 2, and 1 bit of scale 1 hold whole numbers from 0 to 1",
        ),
        (_IMAGES, {"coding": "phase", "steps": 3}, "E08 coding takes direct, rate, latency, not 'phase'"),
        (_IMAGES, {"coding": "rate"}, "E01 coding 'rate' needs a number of time steps"),
        (_IMAGES, {"coding": "rate", "steps": 0}, "E01 0 time steps were asked for"),
        (_IMAGES + 3, {"coding": "rate", "steps": 2}, "E08 pixels go from 3 to 3, and must be bytes"),
        (np.zeros((2, 8)), {"coding": "rate", "steps": 2}, r"E08 still images have shape \[N, C, H, W\]"),
        (_EVENT, {}, "E08 events need the length of a frame in microseconds"),
        (
            events.pack([0], [9], [0], [1]),
            {"frame": 5},
            r"E08 recording 0 has events up to \(9, 0\), outside",
        ),
        (events.pack([], [], [], []), {"frame": 5}, "E01 the recordings give no time steps"),
        (_EVENT, {"frame": 0}, "E01 a frame of 0 us holds nothing"),
    ],
)
def test_inputs_that_cannot_be_are_refused(given: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LifError, match=message):
        _network().run(given, "golden", **options)


def test_events_need_a_network_for_polarities() -> None:
    with pytest.raises(LifError, match="E08 events have 1 or 2 polarities, and the network 3 channels"):
        _network(channels=3).run(events.pack([0], [0], [0], [1]), "golden", frame=5)


def test_the_input_s_bits_come_from_samples_if_the_file_is_silent() -> None:
    def entry(samples: Any) -> tuple[int | None, bool, float]:
        found = _network(planes=None, calibrate=samples).entry
        return found.planes, found.signed, found.scale

    shape = (3, 2, 2, 8, 8)
    assert _network(planes=None).entry.planes == 1
    assert _network(planes=None).run(_spikes(*shape), "golden").spikes["lif"].sum() > 0
    assert entry(_spikes(*shape)) == (1, False, 1.0)
    assert entry(np.full(shape, 5)) == (3, False, 1.0)
    assert entry(np.full(shape, -4)) == (3, True, 1.0)
    assert entry(np.linspace(0, 0.5, 768).reshape(shape)) == (8, False, 0.5 / 255)
    with pytest.raises(LifError, match="E07 planes must be 1 to 8, not 9"):
        load(_network().graph, planes=9)


def test_membranes_are_those_that_fired() -> None:
    """Seen from the golden model: U at or above the threshold exactly where the run has a spike."""
    net = _network()
    result = net.run(_spikes(10, 3, 2, 8, 8), "golden")
    found = result.membranes(sample=1)
    for stage in net.stages:
        name = stage.stage.name
        neuron = stage.layer.neuron
        assert neuron is not None
        reached = found[name] >= (neuron.theta * stage.lsb)[:, None, None] * (1 - 1e-12)
        np.testing.assert_array_equal(reached, result.spikes[name][:, 1] != 0)


def test_a_picture_shows_every_layer() -> None:
    pytest.importorskip("matplotlib")
    result = _network().run(_spikes(10, 3, 2, 8, 8), "golden")
    figure = result.plot(sample=2)
    titles = [axes.get_title() for axes in figure.axes]
    assert [title.split(":")[0] for title in titles if title] == ["lif", "lif2"]
    with pytest.raises(ValueError, match="sample 3 is not among the 3 that ran, 0 to 2"):
        result.plot(sample=3)


def test_a_device_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match=r"device takes a name .* or a driver of kernel lif"):
        _network().run(_spikes(2, 1, 2, 8, 8), device=3)
    with pytest.raises(ValueError, match=r"unknown device 'gold'"):
        _network().run(_spikes(2, 1, 2, 8, 8), device="gold")


def test_every_code_stands_for_something() -> None:
    assert list(CODES) == [f"E{number:02}" for number in range(1, 11)]
    with pytest.raises(ValueError, match="unknown error code 'E11'"):
        LifError("E11", "what")


def test_a_board_is_given_what_its_bitstream_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A golden device in its place, of four columns, where the network was compiled for sixteen."""
    real, net, x = devices.open_kernel, _network(), _spikes(6, 2, 2, 8, 8)
    monkeypatch.setattr(
        devices,
        "open_kernel",
        lambda name, *rest, **options: real(name, "golden", config=LifConfig(columns=4)),
    )
    found = net.run(x, "board")
    assert found.device == "board" and net.config.columns == 16
    monkeypatch.undo()
    np.testing.assert_array_equal(found.outputs, net.run(x, "golden").outputs)


def test_an_open_engine_of_another_build_is_refused() -> None:
    with devices.open_kernel("lif", "golden", config=LifConfig(columns=4)) as driver:
        with pytest.raises(LifMismatch, match=r"E09 .*compiled for CAP_COLUMNS 16, and this engine has 4"):
            _network().run(_spikes(2, 1, 2, 8, 8), driver)
        result = _network(config=LifConfig(columns=4)).run(_spikes(2, 1, 2, 8, 8), driver)
    assert result.device == "golden"


def test_a_run_that_does_not_end_is_told_with_its_last_counters(monkeypatch: pytest.MonkeyPatch) -> None:
    with devices.open_kernel("lif", "golden") as driver:
        monkeypatch.setattr(driver, "_control", lambda what: 0)
        with pytest.raises(
            LifTimeout, match=r"E10 .*network 'network' on 1 samples not done.*last counters: desc"
        ):
            _network().run(_spikes(2, 1, 2, 8, 8), driver, timeout=0.01)
