"""Setups: what they refuse, the window they make, and that they survive a file."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from spynq.sgf.calibrate import bits_by_quantiles, quantile
from spynq.sgf.params import Child, SgfConfig
from spynq.sgf.presets import GESTURE_CLASSES, flat, gestures
from spynq.sgf.setting import Bit
from spynq.sgf.setup import Group, Setup, Turn
from spynq.sgf.statistics import PLACES, names

SMALL = SgfConfig(size=16, frames=8, classes=4, rows=8, bits=16, thetas=2, table=4)
THREE = ("wave", "clap", "roll")


def test_the_paper_s_gates_make_the_paper_s_window() -> None:
    setup = gestures()
    setting = setup.setting({"A": (Bit(0, 1),), "C": (Bit(500, 2),)})
    assert [setting.gates[row].child for row in range(5)] == [
        Child.LEAF,
        Child.LEAF,
        Child.RULE,
        Child.RULE,
        Child.UNIT_C,
    ]
    assert setting.count == 5
    assert (setting.gates[4].first, setting.gates[4].count) == (5, 4)
    # Class 8 of the tuple is air drums: taught to row 4 of unit A and to a row of unit C.
    drums = setting.paths[GESTURE_CLASSES.index("air drums")]
    assert (drums.row, drums.unit) == (4, 2)
    assert setting.gates[drums.below].first == GESTURE_CLASSES.index("air drums")
    assert setup.members("C") == {
        GESTURE_CLASSES.index(n) for n in ("hand clapping", "arm roll", "air drums", "air guitar")
    }
    assert setup.members("A") == set(range(10))
    assert not setting.temporal(0)
    assert setting.temporal(2)


def test_by_default_every_class_stands_alone() -> None:
    setup = flat(THREE)
    assert setup.gates == THREE
    assert setup.rows() == {"A": [(0, "wave"), (1, "clap"), (2, "roll")]}
    assert setup.number("clap") == 1 == setup.number(1)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"classes": ()}, "1 to 16 classes, not 0"),
    ({"classes": tuple("abcdefghijklmnopq")}, "1 to 16 classes, not 17"),
    ({"classes": ("a", "a")}, "class 'a' is twice among the classes"),
    ({"gates": ("wave", "clap", "clap", "roll")}, "class 'clap' is twice among the gates"),
    ({"gates": ("wave", "clap")}, "class 'roll' has no gate"),
    ({"gates": (*THREE, "x")}, "class 'x' has no place among the classes"),
    ({"gates": ("wave", Group(("clap", "roll"), "A"))}, "unit B or C, not 2 of A"),
    ({"gates": ("wave", "clap", Group(("roll",)))}, "unit B or C, not 1 of C"),
    ({"gates": ("wave", Turn("clap", "roll", "areal"))}, "no statistic is called 'areal'"),
    ({"features": {"A": ("speed",)}}, "no statistic is called 'speed'"),
    ({"features": {"D": ()}}, "units are A, B, C, not 'D'"),
    ({"levels": {"A": (0.5, 1.0)}}, "a level is a share above 0 and below 1, not 1.0"),
    ({"scoring": "votes"}, "scoring is one of equation 1, naive Bayes, exact match, exact vote, not 'votes'"),
    ({"events": 0}, "events must be 1 to 65535, not 0"),
    ({"sensor": (0, 128)}, "sensor must be 1 to 16384, not 0"),
    ({"thetas": (128,)}, "theta must be 0 to 127, not 128"),
    ({"frame_us": 0}, "frame_us is 1 to 2147483647 microseconds, not 0"),
    ({"timeout_us": -1}, "timeout_us is 0 to 2147483647 microseconds, not -1"),
    ({"frames": 81}, "1 to 80 frames in this build, not 81"),
]


@pytest.mark.parametrize(("values", "sentence"), REFUSED)
def test_what_makes_no_sense_is_refused(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as error:
        Setup(**{"classes": THREE, **values})
    assert sentence in str(error.value)


def test_unknown_labels_are_answered_with_the_known_ones() -> None:
    setup = flat(THREE)
    with pytest.raises(ValueError, match="no class is called 'jump'; the classes are wave, clap, roll"):
        setup.number("jump")
    with pytest.raises(ValueError, match="classes are numbered 0 to 2, not 3"):
        setup.number(3)


@pytest.mark.parametrize(
    "setup", [gestures("naive Bayes", mirror_x=True), flat(THREE, frame_us=25_000, build=SMALL, frames=8)]
)
def test_a_setup_survives_json(setup: Setup) -> None:
    assert Setup.of_json(json.loads(json.dumps(setup.as_json()))) == setup


def test_a_setup_of_a_later_version_is_refused_by_the_key() -> None:
    with pytest.raises(ValueError, match="a setup has no 'colour'; it was written by a later version"):
        Setup.of_json({**flat(THREE).as_json(), "colour": 1})


def test_a_quantile_is_a_value_and_leaves_its_share_at_or_below(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(200):
        values = rng.integers(-20, 20, rng.integers(1, 40))
        level = float(rng.uniform(0.01, 0.99))
        found = quantile(values, level)
        assert found in values
        assert (values <= found).mean() >= level - 1e-12
        assert (values < found).mean() < level


def _statistics(rng: np.random.Generator, trials: int) -> Any:
    return rng.integers(-1000, 1000, (trials, PLACES))


def test_bits_split_the_calibration_trials_where_the_levels_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    setup = flat(THREE).with_features("A", ("area_L", "rot_R"), (0.2, 0.5))
    rows = _statistics(rng, 100)
    bits = bits_by_quantiles(setup, rows)["A"]
    assert [bit.statistic for bit in bits] == [
        names(setup.build)[n] for n in ("area_L",) * 2 + ("rot_R",) * 2
    ]
    shares = [(rows[:, bit.statistic] > bit.threshold).mean() for bit in bits]
    assert np.abs(np.array(shares) - [0.8, 0.5, 0.8, 0.5]).max() < 0.03


def test_thresholds_depend_on_the_training_part_alone(seed: int) -> None:
    rng = np.random.default_rng(seed)
    setup, rows = gestures(), _statistics(rng, 60)
    labels = [int(n) for n in rng.permutation(np.arange(60) % 10)]
    found = bits_by_quantiles(setup, rows, labels)
    # Trials of other classes leave unit C's thresholds alone, and trials that did not come cannot matter.
    beyond = np.array([label not in setup.members("C") for label in labels])
    rows[beyond] += 12345
    again = bits_by_quantiles(setup, rows, labels)
    assert again["C"] == found["C"]
    assert again["A"] != found["A"]


def test_equal_thresholds_count_once_and_constant_bits_are_left_out() -> None:
    setup = flat(THREE).with_features("A", ("area_L", "rot_R"))
    rows = np.zeros((9, PLACES), np.int64)
    rows[:, names(setup.build)["area_L"]] = [0, 0, 0, 0, 0, 0, 0, 5, 5]
    assert bits_by_quantiles(setup, rows) == {"A": (Bit(names(setup.build)["area_L"], 0),)}


def test_calibration_without_sense_is_refused() -> None:
    setup = gestures()
    with pytest.raises(ValueError, match="calibration needs trials, and none came"):
        bits_by_quantiles(setup, np.zeros((0, PLACES), np.int64))
    with pytest.raises(ValueError, match="all 3 trials look the same to unit A"):
        bits_by_quantiles(setup, np.zeros((3, PLACES), np.int64))
    with pytest.raises(ValueError, match="no trial is of a class of unit C"):
        bits_by_quantiles(setup, np.arange(3 * PLACES).reshape(3, PLACES), [1, 1, 2])


def test_a_build_that_is_too_small_is_named() -> None:
    with pytest.raises(ValueError, match="unit A has 17 bits and the build holds 16"):
        flat(THREE, build=SMALL, frames=8).setting({"A": tuple(Bit(0, i) for i in range(17))})
    tight = replace(SgfConfig(), rows=4)
    with pytest.raises(ValueError, match="the build has 4; merge groups"):
        gestures(build=tight).setting({})
