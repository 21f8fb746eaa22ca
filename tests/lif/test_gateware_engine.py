# amaranth: UnusedElaboratable=no
"""The engine inside its shell: refusals, ends of lists, resets in mid-layer, and every column count."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lif_cases import spikes
from test_rtl_turns import chain

from spynq.contract import STATUS_FLAGS
from spynq.lif.assemble import assemble
from spynq.lif.generator import random_case
from spynq.lif.golden_run import Bytes, run_golden
from spynq.lif.model import LifModel
from spynq.lif.params import BEAT_BYTES, COLUMNS, KERNEL, LifConfig
from spynq.memory import Arena
from spynq_hw.export import component_rtlil, export, rtlil
from spynq_hw.lif.column import Column
from spynq_sim.build import toolchain
from spynq_sim.library import SimKernel
from spynq_sim.models import built
from spynq_sim.primitives import with_models
from spynq_sim.settings import SimSettings

CONFIG = LifConfig(columns=1, weights=1024, banks=2, maps=64, units=64, rounds=8, dsp=False)
BASE, SIZE = 0x1000, 1 << 22
FLAGS = {flag.name: flag.mask for flag in (*STATUS_FLAGS, *KERNEL.status_flags)}
DONE = 2


class Rig:
    """A simulated engine and the golden model, each with its own memory."""

    def __init__(self) -> None:
        self.arena = Arena(SIZE, BASE)
        settings = SimSettings(access_cycles=3, longest_step=64, latency=9, patience=100_000)
        self.kernel = SimKernel(built("lif", CONFIG).path, "lif_0", self.arena, settings)

    def begin(self, image: Any, values: Any, **changes: int) -> dict[str, int]:
        """Write memory and registers, and start; does not wait. Returns the registers."""
        memory = np.zeros(image.beats * BEAT_BYTES, np.uint8)
        memory[: len(image.content)] = np.frombuffer(image.content, np.uint8)
        image.input.put(memory, values)
        self.arena.write(BASE, memory.tobytes())
        registers = {"MODE": 1, "LIMIT": 100, "BASE_LO": BASE, "BASE_HI": 0}
        registers |= {"LIST": image.start, "RECORDS": image.records} | changes
        for name, value in registers.items():
            self.kernel.write(KERNEL.offset(name), value)
        self.kernel.write(KERNEL.offset("CTRL"), 1)
        return registers

    def finish(self) -> dict[str, int]:
        """Wait, and return STATUS and EXECUTED."""
        for _ in range(5000):
            if self.kernel.read(KERNEL.offset("CTRL")) & DONE:
                return {name: self.kernel.read(KERNEL.offset(name)) for name in ("STATUS", "EXECUTED")}
        raise TimeoutError("the run was not done")

    def maps(self, image: Any) -> dict[str, Any]:
        memory = np.frombuffer(self.arena.read(BASE, image.beats * BEAT_BYTES), np.uint8).copy()
        return {name: area.get(memory, image.samples) for name, area in image.maps.items()}


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.kernel.close()


def job(seed: int) -> tuple[Any, Any, dict[str, Any]]:
    """An image, its input, and the golden maps."""
    case = random_case(seed, config=CONFIG)
    image = assemble(case.network, CONFIG, samples=len(case.values), chunk=case.chunk)
    memory = Bytes(image.beats * BEAT_BYTES)
    run_golden(image, case.values, memory=memory)
    return image, case.values, {n: a.get(memory.array, image.samples) for n, a in image.maps.items()}


def check(rig: Rig, seed: int) -> None:
    image, values, want = job(seed)
    rig.begin(image, values)
    assert rig.finish() == {"STATUS": 0, "EXECUTED": len(image.tasks) - 1}
    for name, found in rig.maps(image).items():
        np.testing.assert_array_equal(found, want[name], f"seed {seed}, {name}")


def test_a_reset_in_mid_layer_leaves_nothing_behind(rig: Rig, fresh_seed: int) -> None:
    rng = np.random.default_rng(fresh_seed)
    start = fresh_seed % 1_000_000 * 100
    for cut in (4, 30, 60, 90, 120, 150, 200, 300):
        image, values, _ = job(start + cut)
        rig.begin(image, values)
        rig.kernel.run(cut + int(rng.integers(25)))
        rig.kernel.reset()
        assert rig.kernel.read(KERNEL.offset("CTRL")) == 4
        check(rig, start + cut + 1)


def test_a_reset_while_maps_wait_for_their_layer_leaves_nothing_behind(rig: Rig, seed: int) -> None:
    """Cuts so close together that most turns from layer to layer are hit in the middle."""
    net = chain(3 * seed, steps=16, number=3)
    image, values = assemble(net, CONFIG), spikes(net, 0.5, 1, seed)
    memory = Bytes(image.beats * BEAT_BYTES)
    run_golden(image, values, memory=memory)
    rig.begin(image, values)
    rig.finish()
    cycles = rig.kernel.read(KERNEL.offset("CYCLES_LO"))
    for cut in range(seed % 40 + 200, cycles, 40):
        rig.begin(image, values)
        rig.kernel.run(cut)
        rig.kernel.reset()
        rig.begin(image, values)
        assert rig.finish() == {"STATUS": 0, "EXECUTED": len(image.tasks) - 1}
        for name, found in rig.maps(image).items():
            want = image.maps[name].get(memory.array, image.samples)
            np.testing.assert_array_equal(found, want, f"seed {seed}, cut {cut}, {name}")


def test_registers_that_do_not_fit_are_refused_and_memory_is_left_alone(rig: Rig, fresh_seed: int) -> None:
    image, values, _ = job(fresh_seed % 1000)
    check(rig, fresh_seed % 1000)
    for change in ({"LIMIT": 0}, {"BASE_LO": BASE + 8}):
        rig.begin(image, values, **change)
        before = rig.arena.read(BASE, SIZE)
        assert rig.finish()["STATUS"] == FLAGS["REFUSED"]
        assert rig.arena.read(BASE, SIZE) == before


def test_a_list_for_other_columns_and_a_list_without_end_are_told(rig: Rig, fresh_seed: int) -> None:
    image, values, _ = job(fresh_seed % 1000)
    rig.begin(image, values, LIMIT=len(image.tasks) - 1)
    assert rig.finish() == {"STATUS": 0, "EXECUTED": len(image.tasks) - 1}
    if len(image.tasks) > 2:
        rig.begin(image, values, LIMIT=1)
        assert rig.finish() == {"STATUS": FLAGS["ENDLESS"], "EXECUTED": 1}
    other = LifConfig(columns=2, weights=1024, banks=2, maps=64, units=64, rounds=8, features=CONFIG.features)
    case = random_case(fresh_seed % 1000, config=other)
    foreign = assemble(case.network, other, samples=len(case.values))
    registers = rig.begin(foreign, case.values)
    memory = Bytes(BASE + SIZE)
    memory.write(BASE, rig.arena.read(BASE, SIZE))
    want = LifModel(CONFIG).start(registers, memory)
    assert want["STATUS"] == FLAGS["UNFIT"]
    assert rig.finish() == {"STATUS": FLAGS["UNFIT"], "EXECUTED": 0}
    check(rig, fresh_seed % 1000 + 1)


def test_a_second_start_while_busy_does_nothing(rig: Rig, fresh_seed: int) -> None:
    image, values, want = job(fresh_seed % 1000 + 2)
    rig.begin(image, values)
    rig.kernel.write(KERNEL.offset("LIST"), 0xFFFF)
    rig.kernel.write(KERNEL.offset("CTRL"), 1)
    assert rig.finish()["STATUS"] == 0
    for name, found in rig.maps(image).items():
        np.testing.assert_array_equal(found, want[name])


def test_a_column_has_eight_adders_two_multipliers_and_no_more_primitives() -> None:
    text = component_rtlil(Column(LifConfig()), "column")
    assert text.count("cell \\DSP48E2") == 10
    assert "cell \\DSP48E2" not in component_rtlil(Column(LifConfig(dsp=False)), "column")


@pytest.mark.parametrize(
    "columns", [c if c <= 4 else pytest.param(c, marks=pytest.mark.full) for c in COLUMNS]
)
def test_every_column_count_elaborates(columns: int) -> None:
    text = rtlil("lif", LifConfig(columns=columns))
    assert text.count("cell \\DSP48E2") >= 8


@pytest.mark.full
@pytest.mark.parametrize("columns", COLUMNS)
def test_every_column_count_passes_the_linter(columns: int, tmp_path: Path) -> None:
    """Warnings of Verilator that are no matter of style are errors: two drivers, loops."""
    root, _ = toolchain()
    made = export("lif", LifConfig(columns=columns))
    (tmp_path / "lif.v").write_text(with_models(made.verilog))
    options = ("--lint-only", "-Wno-lint", "-Wno-style", "--top-module", made.top)
    done = subprocess.run(
        [str(root / "bin" / "verilator_bin"), *options, str(tmp_path / "lif.v")],
        env={**os.environ, "VERILATOR_ROOT": str(root)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
