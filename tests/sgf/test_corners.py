"""The table of corner cases of the specification: what the user gets, on the golden device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from spynq.devices import open_kernel
from spynq.errors import SpynqError
from spynq.sgf import golden
from spynq.sgf.counters import Counters
from spynq.sgf.frames import Cut, Framer
from spynq.sgf.params import FLAG, Report, SgfConfig
from spynq.sgf.samples import SMALL
from spynq.sgf.setting import Bit, Gate, Path, Setting, flat
from spynq.sgf.statistics import names
from spynq.sgf.words import event_words, label

PLACES = names(SMALL)
SETTING = flat(
    [Bit(PLACES[n], 0) for n in ("sum_whole", "sum_left", "sum_right", "above_whole_0")], [3, 1, 4]
)


@pytest.fixture
def driver() -> Iterator[Any]:
    with open_kernel("sgf", "golden", SMALL) as found:
        found.configure(SETTING, cut=Cut(8, 16, 5), parts=tuple(Report))
        yield found


def spots(count: int, seed: int = 1) -> tuple[np.ndarray, ...]:  # type: ignore[type-arg]
    rng = np.random.default_rng(seed)
    return np.arange(count), rng.integers(0, 8, count), rng.integers(0, 8, count), np.ones(count, int)


@pytest.mark.parametrize("count", [0, 15])
def test_an_empty_trial_answers_255_and_is_not_taught(driver: Any, count: int) -> None:
    driver.teach(*spots(80), 1)
    found = driver.infer(*spots(count))
    assert (found.result.winner, found.result.second, found.result.open) == (255, 255, 0)
    assert found.flag("EMPTY") and found.flag("PADDED")
    assert not found.report.vectors.any() and not found.report.statistics.any()
    with pytest.raises(
        SpynqError, match="not taught to class 1: it holds no whole frame; allow_empty teaches"
    ):
        driver.teach(*spots(count), 1)
    assert driver.save().trials.sum() == 1
    driver.configure(SETTING, cut=Cut(8, 16, 5), allow_empty=True)
    driver.teach(*spots(count), 1)
    assert driver.save().trials.tolist()[:3] == [0, 2, 0]


def test_fewer_frames_than_wanted_are_padded_and_answered(driver: Any) -> None:
    driver.teach(*spots(80), 1)
    assert not driver.infer(*spots(80)).flag("PADDED")
    found = driver.infer(*spots(79))
    assert found.flag("PADDED") and found.result.winner == 1
    assert driver.get("FRAMES_DONE") == 4


def test_events_behind_the_last_frame_are_dropped_and_counted(driver: Any) -> None:
    whole = driver.infer(*spots(80))
    assert driver.get("DROPPED_LATE") == 0
    more = driver.infer(*spots(100))
    assert driver.get("DROPPED_LATE") == 20
    assert more.result.flags == whole.result.flags


def test_time_that_runs_back_is_flagged_in_count_mode(driver: Any) -> None:
    t, x, y, p = spots(80)
    straight = driver.infer(t, x, y, p)
    t[40] -= 5
    found = driver.infer(t, x, y, p)
    assert found.flag("REORDERED") and not straight.flag("REORDERED")
    assert np.array_equal(found.report.statistics, straight.report.statistics)


def test_time_that_runs_back_stays_in_its_frame_in_time_mode() -> None:
    cut = Cut(8, frames=4, by_time=True, frame_us=100)
    framer = Framer(cut)
    columns = [np.array(c) for c in ([0, 110, 40, 205], [0, 1, 2, 3], [0, 0, 0, 0], [1, 1, 1, 1])]
    framer.push(*columns)
    frames = framer.end()
    assert framer.reordered
    assert [np.flatnonzero(f[0]).tolist() for f in frames] == [[0], [1, 2], [3]]


def test_time_wraps_at_32_bits(driver: Any) -> None:
    driver.configure(SETTING, cut=Cut(8, frames=5, by_time=True, frame_us=16), parts=tuple(Report))
    t, x, y, p = spots(80)
    found = [driver.infer(t + begin, x, y, p) for begin in (0, (1 << 32) - 30)]
    assert found[0].result == found[1].result
    assert np.array_equal(found[0].report.counts, found[1].report.counts)
    assert not found[1].flag("REORDERED")


def test_an_old_frame_closes_with_the_next_event() -> None:
    framer = Framer(Cut(8, events=4, frames=5, timeout_us=50))
    columns = [np.array(c) for c in ([0, 10, 70, 200, 201, 202, 203], range(7), [0] * 7, [1] * 7)]
    framer.push(*columns)
    assert [np.flatnonzero(f[0]).tolist() for f in framer.end()] == [[0, 1], [2], [3, 4, 5, 6]]


def test_the_last_of_two_events_at_a_pixel_wins() -> None:
    x, y = np.zeros(2, int), np.zeros(2, int)
    for p in ([0, 1], [1, 0]):
        frames, _ = golden.frames_of(np.array([5, 5]), x, y, np.array(p), Cut(8, 2, 1))
        assert frames[0, 0, 0] == 2 * p[1] - 1


def test_other_polarities_and_places_are_refused(driver: Any) -> None:
    t, x, y, p = spots(4)
    with pytest.raises(ValueError, match="p must be 0 or 1, not -1 to 1; use p > 0"):
        driver.infer(t, x, y, 2 * np.arange(4) % 3 - 1)
    with pytest.raises(ValueError, match="x must be 0 to 16383, not -1 to 7; crop the recording"):
        driver.infer(t, np.array([-1, 7, 0, 0]), y, p)
    assert driver.infer(t, x, y, p.astype(bool)).flag("EMPTY")


def test_counts_saturate_at_127_with_a_flag() -> None:
    frames = np.zeros((140, 8, 8), np.int8)
    frames[:, :3, :3] = 1
    trial = golden.features(frames, SgfConfig(size=8, frames=140), ())
    assert trial.counts.max() == 127 and trial.flags & FLAG["SATURATED"]
    trial = golden.features(frames[:127], SgfConfig(size=8, frames=140), ())
    assert not trial.flags & FLAG["SATURATED"]


def test_a_full_row_is_halved_and_counted(driver: Any) -> None:
    model = Counters(SMALL)
    model.trials[1], model.counts[1, :2] = 65535, (65535, 30001)
    driver.load(model)
    found = driver.teach(*spots(80), 1)
    assert found.flag("TAUGHT") and driver.get("HALVINGS") == 1
    after, vector = driver.save(), found.report.vectors[0]
    assert after.trials[1] == 32768
    assert after.counts[1, :2].tolist() == [32767 + vector[0], 15000 + vector[1]]


def test_a_full_table_lets_the_counters_learn_on(driver: Any) -> None:
    model = Counters(SMALL)
    model.slots[:], model.owners[:] = 1, 7
    driver.load(model)
    found = driver.teach(*spots(80), 1)
    assert found.flag("OVERFLOW") and driver.get("TABLE_OVERFLOWS") == 1
    assert driver.save().trials[1] == 1
    driver.configure(SETTING, cut=Cut(8, 16, 5), scoring="exact vote")
    assert driver.infer(*spots(80)).result.winner == 1, "an unseen vector falls back to equation 1"


def test_an_unknown_class_is_refused_with_the_known_ones(driver: Any) -> None:
    with pytest.raises(ValueError, match="class 2 has no path; the classes that can be taught are 1, 3, 4"):
        driver.teach(*spots(80), 2)
    with pytest.raises(SpynqError, match="named a class, row or window address that is not there"):
        driver.run([label(9), *event_words(*spots(80), end=True).tolist()])
    assert driver.save().trials.sum() == 0


def test_nothing_taught_answers_255(driver: Any) -> None:
    found = driver.infer(*spots(80)).result
    assert (found.winner, found.second, found.score, found.open) == (255, 255, 0, 1)


def test_equal_scores_go_to_the_lowest_row_with_a_flag(driver: Any) -> None:
    for number in (4, 1, 3):
        driver.teach(*spots(80), number)
    found = driver.infer(*spots(80))
    assert (found.result.winner, found.result.second) == (3, 1), "rows 0, 1, 2 are the classes 3, 1, 4"
    assert found.flag("TIE") and found.result.score == 65535


def test_a_model_of_another_build_is_refused_with_both_numbers(driver: Any) -> None:
    other = Counters(SgfConfig(size=8, rows=8, bits=32, table=4))
    with pytest.raises(ValueError, match="the model has bits = 32 and this kernel 16; open a kernel of"):
        driver.load(other)
    with pytest.raises(ValueError, match="cannot be merged into one of 8, 16 and 4"):
        Counters(SMALL).merge(other)


def test_the_last_label_before_the_end_counts(driver: Any) -> None:
    words = event_words(*spots(80), end=True).tolist()
    found = driver.trials([label(1), *words[:30], label(3), *words[30:]])
    assert found[0].result.winner == 3
    assert driver.save().trials.tolist()[:3] == [1, 0, 0]


def test_taking_out_what_was_never_taught_changes_nothing(driver: Any) -> None:
    driver.teach(*spots(80), 1)
    before = driver.save()
    with pytest.raises(SpynqError, match="not taken out of class 3: it was never taught"):
        driver.teach(*spots(80), 3, out=True)
    assert driver.save() == before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cut": Cut(8, 0, 5)}, "events must be 1 to 65535, not 0"),
        ({"cut": Cut(8, 16, 7)}, "frames must be 1 to 6 in this build, not 7"),
        ({"cut": Cut(16, 16, 5)}, "frames are cut for 16 pixels and this kernel has 8"),
        ({"cut": Cut(8, by_time=True, frames=5, frame_us=0)}, "frame_us must be .* not 0"),
        ({"cut": Cut(8, 16, 5, timeout_us=-1)}, "timeout_us must be .* not -1"),
        ({"sensor": (0, 8)}, "sensor must be 1 to 16384, not 0"),
        ({"sensor": (1, 8)}, "a sensor side of 1 pixels is less than a quarter of the frame's 8"),
        ({"least": 1 << 14}, "active must be 0 to 16383, not 16384"),
        ({"scoring": 4}, "scoring must be one of equation 1, naive Bayes, exact match, exact vote, not 4"),
        ({"scoring": "luck"}, "scoring must be one of equation 1, .*, not luck"),
        ({"setting": Setting(thetas=(1, 2, 3))}, "3 thresholds of CNT are set and the build holds 2"),
        ({"setting": Setting(thetas=(128,))}, "theta must be 0 to 127, not 128"),
        ({"setting": flat([Bit(0, 0)] * 17, [0])}, "unit A has 17 bits and the build holds 16"),
        ({"setting": flat([], range(9))}, "unit A needs rows 0 to 8 and the build has 8"),
        ({"setting": Setting(paths={5: Path(0)})}, "class 5 is beyond the 5 classes of the build"),
        ({"setting": Setting(gates={0: Gate(2, 7, 2)})}, "the gate of row 0 needs rows 7 to 8"),  # type: ignore[arg-type]
    ],
)
def test_settings_beyond_the_build_are_refused_before_anything_is_touched(
    driver: Any, change: dict[str, Any], told: str
) -> None:
    mark = driver.get("SCRATCH")
    with pytest.raises(ValueError, match=told):
        driver.configure(**{"setting": SETTING, "cut": Cut(8, 16, 5), **change})
    assert driver.get("SCRATCH") == mark
    driver.infer(*spots(80))


def test_a_kernel_without_table_or_bayes_says_so() -> None:
    config = SgfConfig(size=8, frames=5, table=0, bayes=False)
    with open_kernel("sgf", "golden", config) as plain:
        for scoring, told in ((1, "no naive Bayes; build it with bayes"), (3, "no table for exact vote")):
            with pytest.raises(ValueError, match=told):
                plain.configure(SETTING, cut=Cut(8, 16, 5), scoring=scoring)


def test_a_run_without_a_configuration_is_refused() -> None:
    with open_kernel("sgf", "golden", SMALL) as bare, pytest.raises(SpynqError, match="call configure"):
        bare.run([])


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"size": 12}, "size must be a power of two from 8 to 128, not 12"),
        ({"frames": 256}, "frames must be 2 to 255, not 256"),
        ({"classes": 33}, "classes must be 1 to 32, not 33"),
        ({"rows": 3}, "rows must be a power of two from 2 to 32, not 3"),
        ({"bits": 512}, "bits must be a power of two from 8 to 256, not 512"),
        ({"thetas": 6}, "thetas must be 1 to 5, not 6"),
        ({"table": 512}, "table must be a power of two from 2 to 256, not 512"),
    ],
)
def test_builds_that_cannot_be_are_refused(values: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        SgfConfig(**values)


def test_statistics_and_thresholds_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="a statistic stands at 0 to 511, not 512"):
        Bit(512, 0)
    with pytest.raises(ValueError, match="a threshold is -4194304 to 4194303, not 4194304"):
        Bit(0, 1 << 22)


def test_a_row_beyond_65535_trials_refuses_a_merge(driver: Any) -> None:
    model = Counters(SMALL)
    model.trials[0] = 40000
    driver.load(model)
    with pytest.raises(ValueError, match="row 0 would hold 80000 trials; a row holds 65535"):
        driver.merge(model)
    assert driver.save() == model
