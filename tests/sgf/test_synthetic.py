"""The generator: people, movements and pixels are what they claim, and the same everywhere."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from spynq.sgf.synthetic import GESTURES, LIGHTS, OTHER, Take, benchmark, draw_subject, record, recordings
from spynq.sgf.synthetic.movement import RATE, Track, move
from spynq.sgf.synthetic.pixel import Light, expose
from spynq.sgf.synthetic.render import SIZE, backdrop, pictures

STEPS = 3 * RATE


def _turn(path: Track) -> float:
    """Twice the signed area of a path; positive is clockwise where y is down."""
    x, y = (path - path.mean(axis=0)).T
    return float((x[:-1] * y[1:] - x[1:] * y[:-1]).sum())


def test_the_set_has_the_sizes_of_the_protocol() -> None:
    takes = benchmark()
    assert len(takes) == 360 + 240 + 24
    for gesture in GESTURES:
        counts = [sum(t.gesture == gesture and t.part == part for t in takes) for part in ("train", "test")]
        assert counts == ([36, 24] if gesture != OTHER else [0, 0])
    assert {take.light for take in takes} == set(range(len(LIGHTS)))
    assert len({take.name for take in takes}) == len(takes)
    assert [t for part in ("train", "test", "unknown") for t in benchmark(part)] != []


def test_no_subject_is_on_both_sides() -> None:
    train = {take.subject for take in benchmark("train")}
    assert not train & {take.subject for take in benchmark("test") + benchmark("unknown")}


def test_people_differ_within_their_ranges() -> None:
    people = [draw_subject(number) for number in range(200)]
    assert draw_subject(7) == people[7]
    for name, low, high in (("scale", 1.08, 1.45), ("arm", 0.92, 1.08), ("speed", 0.75, 1.35)):
        values = [getattr(person, name) for person in people]
        assert low <= min(values) < max(values) <= high
        assert np.std(values) > 0.2 * (high - low)
    assert 0.4 < np.mean([person.long_sleeves for person in people]) < 0.6
    assert 0.05 < np.mean([person.left_handed for person in people]) < 0.25
    assert all(0.10 <= p.sleeve <= 0.24 or 0.75 <= p.sleeve <= 1 for p in people)


@pytest.mark.parametrize(("gesture", "arm", "clockwise"), [(4, 0, 1), (5, 0, -1), (6, 1, 1), (7, 1, -1)])
def test_circles_turn_as_named(gesture: int, arm: int, clockwise: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(5):
        hands = move(draw_subject(number), gesture, rng, STEPS).hands
        assert clockwise * _turn(hands[arm]) > 0
        assert np.ptp(hands[arm], axis=0).min() > 4 * np.ptp(hands[1 - arm], axis=0).max()


@pytest.mark.parametrize("gesture", sorted(GESTURES))
def test_arms_keep_their_length_and_never_jump(gesture: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    person = draw_subject(seed % 1000)
    pose = move(person, gesture, rng, STEPS)
    for shoulder, elbow, hand in zip(pose.shoulders, pose.elbows, pose.hands, strict=True):
        for first, last, units in ((shoulder, elbow, 20), (elbow, hand, 19)):
            length = np.hypot(*(last - first).T)
            assert np.allclose(length, units * person.scale * person.arm, atol=0.01)
        assert np.abs(np.diff(hand, axis=0)).max() < 8


def test_right_hand_waves_on_the_left_of_the_image() -> None:
    for gesture, left in ((2, True), (3, False)):
        person = draw_subject(3)
        events = record(Take(3, gesture, 0, 1, "train"))
        assert (np.median(events["x"]) < person.centre_x) == left


def test_events_are_those_of_a_sensor() -> None:
    events = record(Take(20, 9, 1, 0, "test"))
    assert 20_000 < len(events) <= 82_000
    assert (np.diff(events["t"]) >= 0).all()
    assert events["x"].max() < SIZE and events["y"].max() < SIZE
    assert events["x"].min() >= 0 and events["y"].min() >= 0
    assert 0.3 < events["p"].mean() < 0.7
    assert 5_000 < len(events) / (events["t"][-1] / 1e6) < 150_000
    assert len(np.unique(events["t"])) > 0.3 * len(events)


def test_a_still_scene_makes_noise_and_leak_alone() -> None:
    rng = np.random.default_rng(1)
    still = [np.full((RATE, SIZE, SIZE), 0.5, np.float32) for _ in range(2)]
    quiet = Light("quiet", 0.14, 100, 0.0, 0.0)
    events = expose(still, quiet, rng, 2 * RATE, 10_000)
    hot = round(0.0006 * SIZE * SIZE)
    assert len(np.unique(events["y"].astype(int) * SIZE + events["x"])) == hot
    assert abs(len(events) - hot * 40 * 2) < 5 * np.sqrt(hot * 40 * 2)


def test_brighter_is_on_and_darker_is_off() -> None:
    rng = np.random.default_rng(1)
    steps = [np.full((5, SIZE, SIZE), level, np.float32) for level in (0.2, 0.8)]
    for images, wanted in ((steps, 1), (steps[::-1], 0)):
        scene = [image.copy() for image in images]
        events = expose(scene, LIGHTS[1], rng, 10, 1_000_000)
        assert abs(events["p"].mean() - wanted) < 0.01
        # log(0.82 / 0.22) over the threshold, less what the low-pass and whole events leave.
        assert 8 <= len(events) / SIZE**2 <= 12


def test_limbs_are_painted_over_the_background() -> None:
    rng = np.random.default_rng(2)
    person = draw_subject(1)
    background = backdrop(rng)
    pose = move(person, 1, rng, 20)
    images = np.concatenate(list(pictures(person, pose, background)))
    assert images.shape == (20, SIZE, SIZE)
    x, y = np.round(pose.hands[1][7]).astype(int)
    assert images[7, y, x] == pytest.approx(person.skin, abs=1e-6)
    assert (images[7, :8, :8] == background[0, :8, :8]).all()


def test_trials_are_made_once_and_then_read(tmp_path: Path) -> None:
    take = Take(0, 10, 0, 2, "train")
    ((_, made),) = recordings([take], cache=tmp_path)
    (path,) = tmp_path.rglob("*.npz")
    written = path.stat().st_mtime_ns
    ((_, read),) = recordings([take], cache=tmp_path)
    assert path.stat().st_mtime_ns == written
    assert (made.events == read.events).all()
    assert (made.events == record(take)).all()
    assert (made.width, made.height, made.format) == (128, 128, "synthetic")


def test_the_events_are_those_that_the_tables_were_measured_on() -> None:
    events = record(Take(0, 4, 0, 0, "train"))
    assert hashlib.sha256(events.tobytes()).hexdigest()[:16] == "0caf9402ffde55a4"


def test_what_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="subjects are numbered from 0, not -1"):
        draw_subject(-1)
    with pytest.raises(ValueError, match="gestures are 1 to 11, not 12"):
        move(draw_subject(0), 12, np.random.default_rng(0), 10)
    with pytest.raises(ValueError, match="parts are train, test and unknown, not 'validation'"):
        benchmark("validation")
