"""A folder in the form of DvsGesture, written here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.errors import FormatError
from spynq.events import gesture_files, gesture_labels, gesture_trials

Event = tuple[int, int, int, int]


@pytest.fixture
def folder(
    tmp_path: Path, encoders: dict[str, Any], events: Callable[..., list[Event]], seed: int
) -> tuple[Path, dict[str, list[Event]]]:
    """Two recordings with label tables, one without, and the lists of both parts."""
    made = {}
    for number, name in enumerate(("user01_led", "user02_natural", "user03_lab")):
        made[name] = events(seed + number, 400, 128)
        (tmp_path / f"{name}.aedat").write_bytes(encoders["AEDAT 3.1"](made[name], packet=50))
    for name in ("user01_led", "user02_natural"):
        times = [t for t, *_ in made[name]]
        rows = [(3, times[20], times[120]), (11, times[150], times[390])]
        table = "class,startTime_usec,endTime_usec\n" + "".join(
            ",".join(map(str, row)) + "\n" for row in rows
        )
        (tmp_path / f"{name}_labels.csv").write_text(table)
    (tmp_path / "trials_to_train.txt").write_text("user01_led.aedat\n")
    (tmp_path / "trials_to_test.txt").write_text("user02_natural.aedat\n")
    return tmp_path, made


def test_trials_hold_the_events_between_their_times(folder: tuple[Path, dict[str, list[Event]]]) -> None:
    place, made = folder
    trials = list(gesture_trials(place))
    assert [(t.user, t.light, t.part, t.label) for t in trials] == [
        (1, "led", "train", 3),
        (1, "led", "train", 11),
        (2, "natural", "test", 3),
        (2, "natural", "test", 11),
    ]
    for trial in trials:
        expected = [event for event in made[trial.path.stem] if trial.start <= event[0] <= trial.end]
        assert [event.tolist() for event in trial.recording.events] == expected
        assert (trial.recording.width, trial.recording.height) == (128, 128)
        assert len(expected) > 90


def test_one_recording_can_be_named(folder: tuple[Path, dict[str, list[Event]]]) -> None:
    trials = list(gesture_trials(folder[0] / "user02_natural.aedat"))
    assert [trial.user for trial in trials] == [2, 2]
    np.testing.assert_array_equal([trial.label for trial in trials], [3, 11])


def test_recordings_without_table_are_not_of_the_set(folder: tuple[Path, dict[str, list[Event]]]) -> None:
    assert [path.name for path in gesture_files(folder[0])] == ["user01_led.aedat", "user02_natural.aedat"]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"no recording \*\.aedat with its \*_labels\.csv beside it; name"):
        gesture_files(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "class,start,end\n",
            r"line 1: the columns must be class, startTime_usec, endTime_usec, not \['class'",
        ),
        ("", r"line 1: the columns must be .*, not \[\]"),
        ("class,startTime_usec,endTime_usec\n1,5,4\n", "line 2: '1,5,4' is not a class, a start and a later"),
        ("class,startTime_usec,endTime_usec\n1,5,9\n2,x,4\n", "line 3: '2,x,4' is not a class"),
        ("class,startTime_usec,endTime_usec\n1,5\n", "line 2: '1,5' is not a class"),
    ],
)
def test_a_wrong_label_table_is_refused_with_its_line(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "a_labels.csv"
    path.write_text(text)
    with pytest.raises(FormatError, match=message):
        gesture_labels(path)
