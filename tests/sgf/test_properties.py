"""Properties 1 to 12 of the specification's verification plan, by their numbers (3 and 8: test_levels.py)."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.sgf import golden
from spynq.sgf.counters import Counters, display
from spynq.sgf.frames import Cut
from spynq.sgf.golden import features
from spynq.sgf.params import SgfConfig
from spynq.sgf.samples import SMALL, random_setting, random_trial
from spynq.sgf.statistics import names

CONFIG = SgfConfig(size=8, bits=16, rows=4, classes=4, table=64)


def taught(rng: np.random.Generator, count: int, *, spread: float = 0.4) -> list[tuple[int, np.ndarray]]:  # type: ignore[type-arg]
    """Rows and vectors, some of which come again."""
    pool = [rng.random(11) < spread for _ in range(max(1, count // 3))]
    return [(int(rng.integers(4)), pool[int(rng.integers(len(pool)))]) for _ in range(count)]


def learn(trials: list[tuple[int, np.ndarray]]) -> Counters:  # type: ignore[type-arg]
    counters = Counters(CONFIG)
    for row, vector in trials:
        counters.teach(row, vector)
    return counters


def table_of(counters: Counters) -> set[tuple[object, ...]]:
    """Slots without their order."""
    return {
        (int(counters.owners[s]), int(counters.slots[s]), counters.vectors[s].tobytes())
        for s in counters.slots.nonzero()[0]
    }


def test_property_1_the_order_of_trials_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = taught(rng, 40)
    one, other = learn(trials), learn([trials[i] for i in rng.permutation(len(trials))])
    assert np.array_equal(one.counts, other.counts) and np.array_equal(one.trials, other.trials)
    assert table_of(one) == table_of(other)
    for scoring in range(4):
        for _ in range(20):
            asked = rng.random(11) < 0.5
            assert golden.rank(one, range(4), asked, scoring) == golden.rank(other, range(4), asked, scoring)


def test_property_2_slots_of_a_row_sum_to_its_trials_and_weights_to_one(seed: int) -> None:
    counters = learn(taught(np.random.default_rng(seed), 60))
    assert (counters.counts <= counters.trials[:, None]).all()
    for row in range(4):
        slots = counters.slots[(counters.owners == row) & (counters.slots > 0)]
        assert slots.sum() == counters.trials[row]
        assert sum(Fraction(int(s), int(counters.trials[row])) for s in slots) == 1


def test_property_4_a_vector_scores_full_marks_and_its_complement_none(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(20):
        vector = rng.random(int(rng.integers(1, 17))) < 0.5
        counters, times = Counters(CONFIG), int(rng.integers(1, 9))
        for _ in range(times):
            counters.teach(2, vector)
        assert counters.score(2, vector) == len(vector) * times
        assert counters.score(2, ~vector) == 0
        # 65,536 of the equation does not fit the 16 bits of the result word.
        assert display(counters.score(2, vector), len(vector), times) == 65535
        assert display(counters.score(2, ~vector), len(vector), times) == 0


def test_property_5_unteach_restores_every_bit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    trials = taught(rng, 30)
    counters = learn(trials)
    for row, vector in taught(rng, 30, spread=0.7):
        counters.teach(row, vector)
        counters.unteach(row, vector)
        assert counters == learn(trials)


def test_property_5_merge_is_teaching_on_both_sets(seed: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = taught(rng, 20), taught(rng, 25)
    one, other, both = learn(a), learn(b), learn(a + b)
    one.merge(learn(b))
    other.merge(learn(a))
    assert one == other
    assert np.array_equal(one.counts, both.counts) and np.array_equal(one.trials, both.trials)
    assert table_of(one) == table_of(both)


def test_property_6_teaching_a_class_leaves_the_others_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    counters = learn(taught(rng, 30))
    counts, trials = counters.counts.copy(), counters.trials.copy()
    for _ in range(10):
        counters.teach(1, rng.random(11) < 0.5)
    others = [0, 2, 3]
    assert np.array_equal(counters.counts[others], counts[others])
    assert np.array_equal(counters.trials[others], trials[others])
    assert not np.array_equal(counters.counts[1], counts[1])


@pytest.mark.parametrize("device", ["golden", "rtl"])
def test_property_7_a_closed_unit_does_nothing_and_one_path_is_taken(device: str, fresh_seed: int) -> None:
    """Evaluations count one path per trial; on rtl a closed unit has no clock in which it works."""
    if device == "rtl":
        pytest.importorskip("spynq_sim.open", reason="device rtl needs spynq[sim]", exc_type=ImportError)
    rng = np.random.default_rng(fresh_seed)
    with open_kernel("sgf", device, SMALL) as driver:
        driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3)
        driver.clear()
        for number in (0, 1, 2, 3, 4, 1, 2, None, None, None):
            trial = random_trial(rng, 8, 16 * 5)
            t, x, y, p = (
                (trial >> np.uint64(s) & np.uint64(m)) for s, m in ((32, 2**32 - 1), (0, 7), (14, 7), (28, 1))
            )
            ended = driver.infer(t, x, y, p) if number is None else driver.teach(t, x, y, p, number)
            done = [driver.get(f"EVALUATIONS_{unit}") for unit in "ABC"]
            assert done == [ended.result.open >> unit & 1 for unit in range(3)]
            assert done[0] == 1 and sum(done) <= 2
            if device == "rtl":
                clocks = [driver.get(f"ACTIVE_{unit}") for unit in "ABC"]
                assert [c > 0 for c in clocks] == [bool(d) for d in done]
                assert (driver.get("ACTIVE_ENGINE") > 0) == bool(driver.get("ENGINE_RUNS"))


def test_property_9_events_of_a_frame_may_change_places_but_for_shared_pixels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    t = np.zeros(200, np.int64)
    x, y, p = rng.integers(0, 8, 200), rng.integers(0, 8, 200), rng.integers(0, 2, 200)
    order = np.concatenate([50 * f + rng.permutation(50) for f in range(4)])
    cut = Cut(8, 50, 4)
    before, _ = golden.frames_of(t, x, y, p, cut)
    after, _ = golden.frames_of(t, x[order], y[order], p[order], cut)
    for f in range(4):
        here = slice(50 * f, 50 * f + 50)
        polarities: dict[tuple[int, int], set[int]] = {}
        for place, value in zip(zip(y[here], x[here], strict=True), p[here], strict=True):
            polarities.setdefault(place, set()).add(int(value))
        free = {place for place, seen in polarities.items() if len(seen) == 1}
        differ = {(int(a), int(b)) for a, b in zip(*(before[f] != after[f]).nonzero(), strict=True)}
        assert not differ & free
    assert np.array_equal(before != 0, after != 0)
    assert (before != after).any()


def wandering(rng: np.random.Generator, size: int = 32, frames: int = 20) -> np.ndarray:  # type: ignore[type-arg]
    """Frames with blobs that circle in both halves."""
    found = np.zeros((frames, size, size), np.int8)
    for half in (0, 1):
        phase, pace, radius = rng.uniform(0, 6), rng.uniform(0.2, 0.6), rng.uniform(3, 7)
        for f in range(frames):
            cy = size / 2 + radius * np.sin(pace * f + phase)
            cx = size / 4 + half * size / 2 + radius / 2 * np.cos(pace * f + phase)
            y, x = np.mgrid[0:size, 0:size]
            disc = (y - cy) ** 2 + (x - cx) ** 2 < 12
            found[f][disc & ((x >= size // 2) == half)] = 1
    return found


def test_property_10_a_mirror_swaps_left_and_right_exactly(seed: int) -> None:
    rng = np.random.default_rng(seed)
    config = SgfConfig(size=32, frames=20)
    places = names(config)
    frames = wandering(rng)
    one = features(frames, config, ()).statistics
    other = features(frames[:, :, ::-1].copy(), config, ()).statistics

    def value(found: np.ndarray, name: str) -> int:  # type: ignore[type-arg]
        return int(found[places[name]])

    exact = (
        "down",
        "up",
        "yrev",
        "xrev",
        "height",
        "width",
        "active",
        "steady",
        "peak_y",
        "peak_x",
        "move_y",
        "move_x",
    )
    for here, there in (("L", "R"), ("R", "L"), ("W", "W")):
        for name in exact:
            assert value(one, f"{name}_{here}") == value(other, f"{name}_{there}"), name
        assert value(one, f"right_{here}") == value(other, f"left_{there}")
        assert value(one, f"rot_{here}") == -value(other, f"rot_{there}")
        assert abs(value(one, f"area_{here}") + value(other, f"area_{there}")) <= 8, "up to rounding"
        assert value(one, f"area_{here}") != 0
    assert value(one, "couple_y") == value(other, "couple_y")
    assert value(one, "couple_x") == value(other, "couple_x")
    backwards = features(frames[::-1].copy(), config, ()).statistics
    for region in "LRW":
        # The last frame has no active pixel, so another frame is lost when time runs backwards.
        assert value(one, f"area_{region}") * value(backwards, f"area_{region}") < 0


def test_property_11_an_event_outside_changes_the_drop_counter_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    with open_kernel("sgf", "golden", SMALL) as driver:
        driver.configure(random_setting(rng, SMALL), cut=Cut(8, 16, 5), least=3, parts=(2, 3, 4))
        x, y, p = rng.integers(0, 8, 80), rng.integers(0, 8, 80), rng.integers(0, 2, 80)
        t = np.arange(80)
        found = []
        for extra in (False, True):
            place = int(rng.integers(81))
            columns = [
                np.insert(c, place, v) if extra else c for c, v in ((t, 10**6), (x, 9), (y, 3), (p, 1))
            ]
            ended = driver.infer(*columns)
            found.append((ended.result, ended.report.statistics.tolist(), ended.report.counts.tolist()))
            assert driver.get("DROPPED_RANGE") == int(extra)
            assert driver.get("EVENTS_IN") == 80 + extra
        assert found[0] == found[1]
