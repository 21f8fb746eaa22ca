"""Driver of the LIF engine on its golden device: what is refused and kept, and what errors say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from lif_cases import both, conv, network, neuron, spikes

from spynq.devices import open_kernel
from spynq.errors import BusError, SpynqError
from spynq.lif.assemble import assemble
from spynq.lif.codes import Output
from spynq.lif.descriptor import Descriptor
from spynq.lif.driver import LifDriver
from spynq.lif.errors import LifError, LifMismatch, LifTimeout
from spynq.lif.golden_run import run_golden
from spynq.lif.image import Image
from spynq.lif.params import FEATURES, LifConfig, mask

CONFIG = LifConfig(columns=4, weights=1024, units=64, maps=64, features=mask(*FEATURES) & ~mask("fir"))


def small(config: LifConfig = CONFIG, samples: int = 2, **options: Any) -> Image:
    weights = np.random.default_rng(1).integers(-9, 10, (6, 2, 3, 3))
    net = network((2, 5, 5), 3, conv(weights, neuron=neuron(6, theta=9)))
    return assemble(net, config, samples=samples, **options)


def values(image: Image, seed: int = 0) -> np.ndarray:  # type: ignore[type-arg]
    shape = image.input.given
    size = (image.samples, image.steps, shape.channels, shape.height, shape.width)
    return np.random.default_rng(seed).integers(0, 2, size)


@pytest.fixture
def driver() -> Iterator[Any]:
    with open_kernel("lif", "golden", config=CONFIG, strict=True) as opened:
        yield opened


def test_runs_of_one_image_and_of_another(driver: Any) -> None:
    for image in (small(), small(samples=1), small()):
        for seed in range(2):
            run = driver.run(image, values(image, seed))
            assert run.samples == image.samples
            assert run.totals["sop"] == 6 * run.totals["events"] == run.counters[0]["sop"]
            got = image.maps["layer"].get(run.memory, image.samples)
            assert got.sum() == run.totals["spikes_out"]
    assert driver.run(image, values(image), counters=False).counters == []


def test_weights_count_as_resident_until_a_reset_or_another_image(driver: Any) -> None:
    image, marks = small(), []

    def resident() -> bool:
        found = Descriptor.unpack(bytes(driver._buffer[:64]))
        return bool(found.resident)

    for _ in range(2):
        driver.run(image, values(image))
        marks.append(resident())
    driver.reset()
    driver.run(image, values(image))
    marks.append(resident())
    driver.run(small(), values(image))
    marks.append(resident())
    assert marks == [False, True, False, False]


def test_an_image_for_another_build_is_refused_with_both_sides(driver: Any) -> None:
    wide = small(replace(CONFIG, columns=16))
    with pytest.raises(
        LifMismatch, match="E09 network 'test': compiled for CAP_COLUMNS 16, and this engine has 4"
    ):
        driver.run(wide, values(wide))
    paired = small(replace(CONFIG, tied=2))
    with pytest.raises(LifMismatch, match="compiled for CAP_TIED 2, and this engine has 1; compile it"):
        driver.run(paired, values(paired))
    large = small(replace(CONFIG, units=128))
    with pytest.raises(LifMismatch, match="compiled for CAP_UNITS 128, and this engine has 64; compile it"):
        driver.run(large, values(large))
    more = small(replace(CONFIG, features=mask(*FEATURES)))
    with pytest.raises(LifMismatch, match="compiled for an engine with fir, which this one does not have"):
        driver.run(more, values(more))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda v: v[:1], "E08 network 'test': 1 samples, and it was compiled for 2; compile it for as many"),
        (
            lambda v: v[:, :2],
            r"E08 the input must be integers of shape \[samples, 3, 2, 5, 5\], not int64 of shape",
        ),
        (lambda v: v * 0.5, "E08 the input must be integers .* not float64 of shape"),
        (lambda v: v * 2, "E07 the input goes from 0 to 2 and 1 planes hold 0 to 1; compile for more planes"),
        (lambda v: v[:, :0], "E01 the input has no time steps; the network was compiled for 3"),
    ],
)
def test_input_that_does_not_fit_is_refused(driver: Any, wrong: Any, message: str) -> None:
    image = small()
    with pytest.raises(LifError, match=message):
        driver.run(image, wrong(values(image)))


def test_a_descriptor_that_does_not_fit_is_told(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = small()
    content = bytearray(image.content)
    content[0] = content[0] & 0xF0 | 0xF
    monkeypatch.setattr(Image, "content_with", lambda self, resident: bytes(content))
    with pytest.raises(
        LifMismatch, match="E09 network 'test' on 2 samples: descriptor 0 does not fit this engine"
    ):
        driver.run(image, values(image))


def test_a_list_without_an_end_stops_at_its_limit(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = small()
    content = bytearray(image.content)
    content[:64] = replace(image.tasks[0].descriptor, next=image.tasks[0].beat).pack()
    monkeypatch.setattr(Image, "content_with", lambda self, resident: bytes(content))
    with pytest.raises(LifMismatch, match="descriptor 2 has no end within LIMIT"):
        driver.run(image, values(image))
    assert driver.get("EXECUTED") == 2


def test_registers_that_fit_no_run_are_refused(driver: Any) -> None:
    for name, value in (("LIMIT", 0), ("BASE_LO", 8)):
        driver.set("LIMIT", 1)
        driver.set(name, value)
        with pytest.raises(SpynqError, match="the kernel refused a run"):
            driver.start_and_wait("a run")


def test_a_timeout_has_the_last_counters(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = small()
    driver.run(image, values(image))
    monkeypatch.setattr(LifDriver, "_control", lambda self, what: 0)
    with pytest.raises(
        LifTimeout,
        match=r"E10 lif: a wait not done after 0 s .* last counters: descriptors 1, events \d+, .* in layer",
    ):
        driver.wait("a wait", timeout=0)


def test_a_bus_error_names_the_layer(driver: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    image = small()

    def broken(what: str, timeout: float) -> dict[str, bool]:
        raise BusError("a write of the burst met an error")

    monkeypatch.setattr(driver, "start_and_wait", broken)
    place = {"at": 0}
    monkeypatch.setattr(driver, "get_wide", lambda name: driver._buffer.device_address + place["at"])
    for beat, layer in ((image.maps["layer"].beat, "layer"), (image.input.beat, "input"), (0, "layer")):
        place["at"] = 16 * beat
        with pytest.raises(BusError, match=rf"met an error \(in the memory of layer '{layer}'\)"):
            driver.run(image, values(image))


def test_membranes_counts_and_spikes_agree_with_plain_loops_on_the_device(driver: Any) -> None:
    weights = np.random.default_rng(2).integers(-9, 10, (5, 2, 3, 3))
    for output in (Output.SPIKES, Output.COUNTS, Output.MEMBRANE):
        net = network((2, 5, 5), 3, conv(weights, neuron=neuron(5, theta=9), output=output))
        inputs = spikes(net, samples=2)
        image = assemble(net, CONFIG, samples=2)
        run = driver.run(image, inputs)
        np.testing.assert_array_equal(image.maps["layer"].get(run.memory, 2), both(net, inputs)["layer"])


def test_a_list_may_wrap_around_a_ring() -> None:
    first = conv(np.full((4, 2, 2, 2), 3), neuron=neuron(4, theta=5))
    second = conv(np.full((3, 4, 2, 2), 2), name="second", sources=("layer",), neuron=neuron(3, theta=4))
    image = assemble(network((2, 4, 4), 2, first, second), CONFIG)
    inputs = values(image)
    want = run_golden(image, inputs)
    # The ring holds the end, the second layer and the first, in this order of memory.
    ring = [task.beat for task in reversed(image.tasks)]
    content = bytearray(image.content)
    for number, task in enumerate(image.tasks):
        following = ring[number + 1] if number + 1 < len(ring) else 0
        content[ring[number] * 16 : ring[number] * 16 + 64] = replace(task.descriptor, next=following).pack()
    turned = replace(image, content=bytes(content), start=ring[0])
    got = run_golden(turned, inputs)
    for name in ("layer", "second"):
        np.testing.assert_array_equal(
            image.maps[name].get(got.memory, 1), image.maps[name].get(want.memory, 1)
        )
    assert got.counters == want.counters
