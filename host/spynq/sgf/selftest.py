"""Runs of the spike gating flow for the self-test: teaching, asking, taking back, reading out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from spynq.sgf.frames import Cut
from spynq.sgf.params import KERNEL, Report
from spynq.sgf.samples import random_setting, random_trial
from spynq.sgf.words import label

__all__ = ["TIMED", "moved", "runs"]

TIMED = {
    register.name
    for register in KERNEL.registers
    if register.name.endswith("_CLOCKS") or register.name.startswith(("ACTIVE_", "STALLS"))
}
"""Registers that count clocks, which differ from device to device."""
_EVENTS = 24


def runs(driver: Any, seed: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What must be equal on every device, by name."""
    rng = np.random.default_rng(seed)
    config = driver.config
    cut = Cut(config.size, _EVENTS, min(5, config.frames))
    driver.configure(random_setting(rng, config), cut=cut, least=3, parts=tuple(Report))
    driver.clear()
    for what, first in (("taught", 0), ("asked", None), ("taken out", 0)):
        words: list[int] = []
        for number in range(5):
            # The trials that were taught are those taken out.
            trial = random_trial(np.random.default_rng([seed, number]), config.size, 4 * _EVENTS)
            if first is not None:
                words.append(label(number, teach=what == "taught"))
            words += [*trial[:-1].tolist(), int(trial[-1]) | 1 << 30]
        yield f"five trials {what}", {"words": driver.run(words)}
    model = driver.save()
    yield "the model", {"trials": model.trials, "counts": model.counts, "slots": model.slots}


def moved(driver: Any) -> int:
    """Bytes of 16,384 events in one run."""
    config = driver.config
    driver.configure(
        random_setting(np.random.default_rng(0), config), cut=Cut(config.size, 1000, min(16, config.frames))
    )
    driver.clear()
    words = random_trial(np.random.default_rng(0), config.size, 1 << 14)
    driver.run(words)
    return int(words.nbytes)
