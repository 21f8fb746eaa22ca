"""The kernel's RTL behind the real pynq gives what its golden model gives, word for word."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.exchange import exchange
from spynq.sgf.counters import Counters
from spynq.sgf.frames import Cut
from spynq.sgf.params import FLAG, KERNEL, Kind, Report, SgfConfig, Window
from spynq.sgf.samples import SMALL, Start, random_setting, random_start
from spynq.sgf.selftest import TIMED
from spynq.sgf.words import command, event_words, label, read_result

pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]")

WIDE = SgfConfig(size=16, frames=140, classes=5, rows=8, bits=32, thetas=3, table=0, bayes=False)
"""Another shape: odd grid, more frames than CNT counts, neither table nor naive Bayes."""
COMPARED = [r.name for r in KERNEL.registers if r.access == "ro" and r.name not in TIMED] + ["STATUS"]
ROOM = 1 << 17


def opened(config: SgfConfig, device: str, **options: Any) -> Any:
    return open_kernel("sgf", device, config, **options)


def did(driver: Any, start: Start) -> tuple[list[int], dict[str, int]]:
    for name, value in start.registers.items():
        driver.set(name, value)
    words, _ = exchange(driver, np.array(start.words, np.uint64), ROOM, "a random run")
    return words.tolist(), {name: driver.get(name) for name in COMPARED}


def _missing(flags: int) -> list[str]:
    """Flags not met; counts that saturate take longer trials, and have a test of their own."""
    return [name for name, mask in FLAG.items() if not flags & mask and name != "SATURATED"]


@pytest.mark.parametrize("pauses", [0, 90])
def test_random_runs_equal_golden_in_every_word_and_counter(pauses: int, seed: int) -> None:
    """All modes and commands: CNT, marginals, statistics, vectors, scores, winners, flags, counters."""
    rng = np.random.default_rng([seed, pauses])
    flags = 0
    with opened(SMALL, "rtl", pauses=pauses, seed=seed) as rtl, opened(SMALL, "golden") as golden:
        start = None
        for number in range(200):
            # 40 runs, and more where they have not met every case yet.
            if number >= 40 and not _missing(flags):
                break
            start = random_start(rng, SMALL, after=start if number % 3 == 2 else None)
            wanted, found = did(golden, start), did(rtl, start)
            assert found == wanted, f"run {number}: {start.registers}"
            if not start.registers["REPORT"]:
                for word in wanted[0][:-1]:
                    flags |= read_result(word).flags
    # Runs that never meet a case would prove nothing about it.
    assert not _missing(flags)


def test_another_build_equals_golden(seed: int) -> None:
    rng = np.random.default_rng(seed)
    saturated = 0
    with opened(WIDE, "rtl", pauses=40, seed=seed) as rtl, opened(WIDE, "golden") as golden:
        for number in range(6):
            start = random_start(rng, WIDE, trials=3)
            start.registers["REPORT"] &= 0b01111
            assert did(rtl, start) == did(golden, start), f"run {number}: {start.registers}"
        # The same bright pixels in every frame: a spike per frame, more than CNT holds.
        x, y = (c.ravel() for c in np.mgrid[0:3, 0:3])
        trial = event_words(
            np.arange(9 * 140), *(np.tile(c, 140) for c in (x, y)), np.ones(9 * 140, int), end=True
        )
        registers = {"MODE": 0, "EVENTS": 9, "FRAMES": 140, "REPORT": 0b01000}
        # The last random trial is open yet, and was cut by other registers.
        words_in = [command(Kind.DROP), *trial.tolist(), command(Kind.PAUSE)]
        start = Start(start.registers | registers, words_in)
        words, _ = both = did(golden, start)
        assert did(rtl, start) == both
        saturated = read_result(words[0]).flags & FLAG["SATURATED"]
        assert saturated and words[1] & 0xFF == 127


@pytest.fixture(scope="module", params=["golden", "rtl"])
def driver(request: pytest.FixtureRequest) -> Iterator[Any]:
    with opened(SMALL, request.param) as found:
        yield found


def spots(rng: np.random.Generator, count: int) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    return np.arange(count), rng.integers(0, 8, count), rng.integers(0, 8, count), np.ones(count, int)


def test_model_is_saved_loaded_and_merged_bit_for_bit(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3)
    models = []
    for _ in range(2):
        driver.clear()
        for number in (0, 1, 2, 4):
            driver.teach(*spots(rng, 90), number)
        models.append(driver.save())
    assert models[0].trials.sum() >= 4 and models[0].slots.any()
    driver.load(models[0])
    assert driver.save() == models[0]
    driver.merge(models[1])
    wanted = Counters(SMALL)
    wanted.merge(models[0])
    wanted.merge(models[1])
    assert driver.save() == wanted
    driver.forget(1)
    wanted.forget(1)
    assert driver.save() == wanted


def test_teach_and_unteach_restore_every_bit(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3)
    driver.clear()
    driver.teach(*spots(rng, 90), 0)
    before, trial = driver.save(), spots(rng, 90)
    driver.teach(*trial, 2)
    assert driver.save() != before
    driver.teach(*trial, 2, out=True)
    assert driver.save() == before


def test_a_trial_may_span_runs(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3, parts=tuple(Report))
    driver.clear()
    words = event_words(*spots(rng, 90), end=True)
    whole = driver.run(words)
    parts = [driver.run(part) for part in np.split(words, [1, 17, 40])]
    assert [len(part) for part in parts[:3]] == [0, 0, 0]
    assert np.array_equal(parts[3], whole)
    driver.run(words[:40])
    assert driver.status()["IN_TRIAL"]
    driver.run([command(Kind.DROP)])
    assert not driver.status()["IN_TRIAL"]


def test_a_reset_in_mid_trial_drops_it_and_keeps_the_model(driver: Any, seed: int) -> None:
    rng = np.random.default_rng(seed)
    driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3, parts=tuple(Report))
    driver.clear()
    for number in (0, 1, 3):
        driver.teach(*spots(rng, 90), number)
    words, model = event_words(*spots(rng, 90), end=True), driver.save()
    whole = driver.run(words)
    driver.run([label(1), *words[:57].tolist()])
    driver.reset()
    assert np.array_equal(driver.run(words), whole), "neither events nor label are left"
    assert driver.save() == model
    driver.clear()
    assert driver.save() == Counters(SMALL)


def test_window_words_that_are_not_there_are_told(driver: Any, fresh_seed: int) -> None:
    from spynq.errors import SpynqError

    driver.configure(random_setting(np.random.default_rng(fresh_seed), SMALL), cut=Cut(8, 16, 5))
    told = (
        "named a class, row or window address that is not there; this build has 5 classes, 8 rows and 16 bits"
    )
    for word in (
        command(Kind.WRITE, Window.COUNT + 256 * 8),
        command(Kind.READ, Window.TABLE + 16 * 4, 1),
        command(Kind.ADD, Window.TABLE, 1),
        command(Kind.FORGET, 8),
        label(5),
        9 << 24 | 1 << 31,
    ):
        with pytest.raises(SpynqError, match=told):
            driver.run([word])
    driver.run([command(Kind.DROP)])
