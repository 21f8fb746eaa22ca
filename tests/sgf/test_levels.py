"""Level 0 against level 1: every statistic, every count, eq. 1 and eq. 4, on random small trials."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spynq.sgf import brute, golden
from spynq.sgf.counters import Counters
from spynq.sgf.frames import Cut
from spynq.sgf.params import SgfConfig
from spynq.sgf.statistics import PLACES, names
from spynq.sgf.temporal import difference

CONFIGS = [
    SgfConfig(size=8, frames=9, thetas=2),
    SgfConfig(size=16, frames=12, thetas=3),
    SgfConfig(size=32, frames=7, thetas=1),
]


def moving_spot(rng: np.random.Generator, size: int, count: int) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    """Events round a spot that wanders, or round two that mirror each other: steps in both halves."""
    phase = np.arange(count) / max(1, count) * rng.uniform(0.5, 3) * 2 * np.pi
    centre = size / 2 + rng.uniform(0, size / 3) * np.array([np.cos(phase), np.sin(phase)])
    x, y = np.clip(np.round(centre + rng.normal(0, size / 10, (2, count))), 0, size - 1).astype(np.int64)
    if rng.integers(2):
        x = np.where(rng.random(count) < 0.5, x // 2, size - 1 - x // 2)
    return np.arange(count, dtype=np.int64), x, y, (rng.random(count) < 0.8).astype(np.int64)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: f"{c.size}x{c.size}")
def test_all_statistics_equal_those_by_brute_force(config: SgfConfig, seed: int) -> None:
    rng = np.random.default_rng([seed, config.size])
    seen: set[str] = set()
    # Nearly every statistic must be told apart from 0 somewhere, or the test could not have failed.
    kinds = {name.split("_")[0] for name in names(config)} - {"couple"}
    for trial in range(60):
        if trial >= 10 and len(kinds - {name.split("_")[0] for name in seen}) <= 3:
            break
        count, least = int(rng.integers(config.size, 6 * config.size)), int(rng.integers(0, 8))
        events = moving_spot(rng, config.size, int(rng.integers(0, count * (config.frames + 2))))
        thetas = tuple(int(v) for v in rng.integers(0, 4, config.thetas))
        frames = brute.frames(zip(*(c.tolist() for c in events), strict=True), count, config.frames)
        wanted = brute.statistics(frames, config, thetas, least)
        cut = Cut(config.size, count, config.frames)
        found = golden.statistics(*events, config, thetas, cut=cut, least=least)
        places = names(config)
        assert {n: int(found[place]) for n, place in places.items()} == dict.fromkeys(places, 0) | wanted
        assert not np.delete(found, list(places.values())).any(), "places without a name hold 0"
        seen |= {name for name, value in wanted.items() if value}
    assert len(kinds - {name.split("_")[0] for name in seen}) <= 3


def test_two_spots_that_fall_side_by_side_couple() -> None:
    """Both halves step down together, and apart from each other in x."""
    config = SgfConfig(size=32, frames=12)
    frames = np.zeros((12, 32, 32), np.int8)
    for f in range(12):
        y, x = 2 * f + np.mgrid[0:6, 0:4][0], f + np.mgrid[0:6, 0:4][1]
        frames[f, y, 15 - x] = 1
        frames[f, y, 16 + x] = 1
    found = golden.features(frames, config, ()).statistics
    pixels = [{(int(y), int(x)): 1 for y, x in zip(*frame.nonzero(), strict=True)} for frame in frames]
    wanted = brute.statistics(pixels, config, (0,) * config.thetas, golden.LEAST_ACTIVE)
    assert {name: int(found[place]) for name, place in names(config).items()} == wanted
    # Frames 3 to 10 have a step: the last one has no frame behind it.
    assert (wanted["couple_y"], wanted["couple_x"]) == (8, -8)
    assert (wanted["down_L"], wanted["left_L"], wanted["right_R"]) == (8, 8, 8)


def test_counts_equal_those_by_brute_force(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        frames = rng.choice([-1, 0, 1], p=[0.05, 0.6, 0.35], size=(int(rng.integers(1, 9)), 8, 8))
        trial = golden.features(frames.astype(np.int8), SgfConfig(size=8), ())
        wanted = brute.counts(
            [{(y, x): f[y, x] for y, x in zip(*f.nonzero(), strict=True)} for f in frames], 2
        )
        assert {(r, c): int(trial.counts[r, c]) for r in range(2) for c in range(2)} == wanted


def test_property_8_marginal_form_of_eq_4_is_the_pairwise_sum(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(60):
        size = int(rng.integers(2, 20))
        now, before = (rng.integers(0, size, int(rng.integers(0, 40))) for _ in range(2))
        by_pairs = brute.movement(now, before, 1) - brute.movement(now, before, -1)
        marginals = [np.bincount(places, minlength=size)[None] for places in (now, before)]
        # Without an earlier pixel nothing spikes, in either form.
        assert difference(*marginals).tolist() == [by_pairs]


def test_property_8_a_marginal_sums_to_the_active_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = rng.choice([-1, 0, 1], size=(6, 16, 16)).astype(np.int8)
    trial = golden.features(frames, SgfConfig(size=16), ())
    active = [(a != 0) & (b != 0) for a, b in zip(frames, [*frames[1:], 0 * frames[0]], strict=True)]
    for part in (trial.marginals.rows_left + trial.marginals.rows_right, trial.marginals.columns):
        assert part.sum(axis=1).tolist() == [int(frame.sum()) for frame in active]
    assert len(trial.statistics) == PLACES


def test_property_3_table_form_and_counter_form_give_equal_scores(seed: int) -> None:
    """A of the counters is eq. 1 of the table, times L n, exactly."""
    rng = np.random.default_rng(seed)
    config = SgfConfig(size=8, bits=16, rows=4, table=64)
    for _ in range(20):
        length = int(rng.integers(1, 17))
        counters, taught = Counters(config), []
        for _ in range(int(rng.integers(1, 30))):
            vector = rng.random(length) < 0.4
            counters.teach(1, vector)
            taught.append(vector)
        table = [(counters.vectors[s, :length], int(counters.slots[s])) for s in counters.slots.nonzero()[0]]
        asked = rng.random(length) < 0.5
        wanted = brute.equation_1([(v, 1) for v in taught], asked)
        assert brute.equation_1(table, asked) == wanted
        assert Fraction(counters.score(1, asked), length * len(taught)) == wanted
