"""Rows of ``spynq bench sgf``: bounds as the issue has them, rivals that do the same work."""

from __future__ import annotations

import numpy as np
import pytest

from spynq.bench import rows_of
from spynq.bench.sgf_software import Software
from spynq.events import pack
from spynq.sgf import SgfConfig, golden
from spynq.sgf.words import event_words

HELD_TO = {
    "36:24, hierarchical, equation 1": (">= 84", None),
    "36:24, flat, equation 1": (">= 78", None),
    "36:24, best with at most 4 KB of counters": (None, ">= 93"),
    "beyond: rejection of class 11, area under the ROC curve": (None, ">= 0.9"),
}


def test_bounds_are_those_of_the_issue() -> None:
    found = {row.name: (row.must, row.moonshot) for row in rows_of("sgf")}
    assert {name: found.get(name) for name in HELD_TO} == HELD_TO


def test_tables_have_their_rows() -> None:
    names = [row.name for row in rows_of("sgf")]
    for each in (1, 2, 3, 5, 8, 12, 18, 24, 36):
        assert sum(name.startswith(f"few: {each} a class") for name in names) >= 4
    assert sum("rival" in name for name in names) >= 7
    # six sets of features, each scored in three ways and by logistic regression on the same bits
    assert sum(name.startswith("features: ") for name in names) == 6 * (3 + 1)


@pytest.mark.parametrize("thetas", [(1, 8), (3,), (0, 2, 20)])
def test_the_program_gives_the_golden_statistics(thetas: tuple[int, ...], seed: int) -> None:
    pytest.importorskip("numba")
    rng = np.random.default_rng(seed)
    build = SgfConfig(thetas=len(thetas))
    program = Software(thetas)
    for count in (82_000, 13_500, 900):
        phase = np.arange(count) / 4000 + rng.random()
        cx, cy = 64 + 40 * np.cos(phase), 64 + 40 * np.sin(phase)
        x, y = (np.clip(np.round(c + rng.normal(0, 9, count)), 0, 127).astype(int) for c in (cx, cy))
        events = pack(np.arange(count), x, y, rng.random(count) < 0.7)
        words = event_words(events["t"], events["x"], events["y"], events["p"])
        t, x, y, p = (events[name].astype(np.int64) for name in "txyp")
        wanted = golden.statistics(t, x, y, p, build, thetas)
        if count < 1000:
            wanted = np.zeros_like(wanted)  # no frame: nothing is counted
        assert program.statistics(words).tolist() == wanted.tolist()


def test_the_network_has_the_weights_it_is_said_to_have() -> None:
    pytest.importorskip("torch")
    from spynq_train.gesture_rivals import WEIGHTS, binned, train_network

    layers = [(10, 16), (16, 32), (32, 32)]
    assert sum(9 * a * b + b for a, b in layers) + 32 * 16 * 10 + 10 == WEIGHTS
    rng = np.random.default_rng(1)
    events = pack(np.arange(80_000), rng.integers(0, 128, 80_000), rng.integers(0, 128, 80_000), [1] * 80_000)
    image = binned(events)
    assert image.shape == (10, 32, 32)
    assert np.expm1(image).sum() == pytest.approx(80_000, rel=1e-4)
    # Two classes that differ in one bin are learnt, so the training loop works.
    images = rng.normal(0, 0.1, (40, 10, 32, 32)).astype(np.float32)
    labels = np.arange(40) % 2
    images[labels == 1, 3] += 1
    found = train_network(images, labels, images, epochs=(5,), classes=10)[5]
    assert (found == labels).mean() > 0.9
