"""Arrays of any shape that users have, and what is written comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.events import EVENT, EventWarning, Recording, convert, from_array, load, pack, save

Event = tuple[int, int, int, int]


@pytest.mark.parametrize("order", ["txyp", "xytp", "pyxt", "ptyx"])
@pytest.mark.parametrize("names", [("t", "p"), ("timestamp", "polarity"), ("ts", "pol")])
def test_fields_in_any_order(
    order: str, names: tuple[str, str], seed: int, events: Callable[..., list[Event]]
) -> None:
    made = np.array(events(seed), EVENT)
    types = {"t": "<u8", "x": ">u2", "y": "i4", "p": "?"}
    called = {"t": names[0], "p": names[1]}
    array = np.empty(len(made), [(called.get(name, name), types[name]) for name in order])
    for name in order:
        array[called.get(name, name)] = made[name]
    np.testing.assert_array_equal(load(array).events, made)
    np.testing.assert_array_equal(load({name: array[name] for name in array.dtype.names}).events, made)


@pytest.mark.parametrize("values", [[True, False], [1, 0], [1, -1], [1.0, -1.0], [1, 1], [-1, -1]])
def test_polarity_as_bool_or_signs(values: list[Any]) -> None:
    recording = from_array({"t": np.arange(2), "x": np.arange(2), "y": np.arange(2), "p": np.array(values)})
    assert recording.events["p"].tolist() == [int(value > 0) for value in values]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"p": np.array([0, 2])}, r"p must be bool, 0 and 1, or -1 and \+1, not \[0 2\]"),
        ({"p": np.array([0, -1])}, r"p must be bool, 0 and 1, or -1 and \+1"),
        ({"p": np.array(["a", "b"])}, r"p must be bool, 0 and 1, or -1 and \+1, not <U1"),
        ({"t": np.array([0.0, 0.1])}, r"t must hold integers \(whole microseconds\), not float64"),
        ({"x": np.array([0.0, 0.1])}, r"x must hold integers \(pixel numbers\), not float64"),
        ({"t": np.array([0, 1 << 62])}, r"t goes from 0 to 4611686018427387904 us, and must stay below"),
        ({"t": np.array([2_000_001, 1_000_000])}, "event 1 is 1000001 us before the one before it"),
        ({"t": np.arange(3)}, r"columns of one length, not t \(3,\), x \(2,\)"),
    ],
)
def test_what_is_no_event_is_refused(change: dict[str, Any], message: str) -> None:
    columns = {name: np.arange(2) for name in "txyp"} | change
    with pytest.raises(ValueError, match=message):
        from_array(columns)


def test_other_refusals_name_the_way_out() -> None:
    with pytest.raises(
        ValueError, match=r"must be a structured array .* not an array of int64; make one with"
    ):
        load(np.zeros((3, 4), np.int64))
    with pytest.raises(ValueError, match="no field y or p among t, x; events need"):
        from_array({"t": np.arange(2), "x": np.arange(2)})
    with pytest.raises(ValueError, match="width must be 1 to 32768 pixels, not 0"):
        from_array(np.empty(0, EVENT), width=0, height=4)


def test_jitter_up_to_a_second_stays(seed: int) -> None:
    t = np.random.default_rng(seed).integers(0, 1_000_001, 50)
    recording = from_array(pack(t, t % 7, t % 5, t & 1))
    np.testing.assert_array_equal(recording.events["t"], t)
    assert recording.summary()["backwards"] == int((np.diff(t) < 0).sum())
    assert recording.summary()["distinct_times"] == len(set(t.tolist()))


def test_events_outside_are_left_out_and_counted() -> None:
    columns = {
        "t": np.arange(4),
        "x": np.array([0, 5, -1, 40000]),
        "y": np.zeros(4, int),
        "p": np.ones(4, int),
    }
    recording = from_array(columns, width=6, height=2)
    assert recording.events["x"].tolist() == [0, 5]
    assert recording.notes[0].startswith("2 of 4 events lie outside 6 x 2 pixels and were left out")
    assert (recording.width, recording.height) == (6, 2)


def test_few_distinct_times_look_like_frames() -> None:
    t = np.repeat(np.arange(30) * 40_000, 100)
    notes = from_array(pack(t, t % 9, t % 8, t & 1)).summary()["notes"]
    assert "only 30 distinct time stamps: frames were made into events, it seems" in notes  # type: ignore[operator]


@pytest.mark.parametrize("kind", ["npz", "csv", "npy"])
@pytest.mark.parametrize("y_up", [False, True])
def test_what_is_saved_comes_back(
    kind: str, y_up: bool, seed: int, events: Callable[..., list[Event]], tmp_path: Path
) -> None:
    recording = Recording(np.array(events(seed), EVENT), 40, 50, "EVT 3.0", ("a note",), y_up)
    path = save(recording, tmp_path / f"a.{kind}")
    back = load(path)
    assert [item.name for item in tmp_path.iterdir()] == [path.name]
    assert back.y_up == (y_up and kind != "npy")
    np.testing.assert_array_equal(back.events, (recording if back.y_up else recording.upright()).events)
    if kind != "npy":
        assert (back.width, back.height) == (40, 50)
    assert ("a note" in back.notes) == (kind == "npz")


def test_an_empty_recording_is_saved_too(tmp_path: Path) -> None:
    for kind in ("npz", "csv", "npy"):
        assert len(load(save(Recording(np.empty(0, EVENT), 4, 5), tmp_path / f"a.{kind}"))) == 0


def test_csv_of_other_programs(tmp_path: Path) -> None:
    for text in (
        "t;x;y;p\n1;2;3;1\n4;5;6;0",
        "p\ty\tx\tt\r\n1\t3\t2\t1\r\n0\t6\t5\t4\r\n",
        "# a comment\n,timestamp,x,y,polarity\n"[12:].lstrip(",") + "1,2,3,True\n4,5,6,False\n",
        '"t","x","y","p","extra"\n1,2,3,1,-9\n4,5,6,-1,9\n\n',
    ):
        (tmp_path / "a").write_text(text)
        assert load(tmp_path / "a").events.tolist() == [(1, 2, 3, 1), (4, 5, 6, 0)], text


def test_coordinates_beyond_any_sensor_are_left_out_of_a_csv(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("t,x,y,p\n" + "1,2,3,1\n" * 200 + "2,40000,3,1\n3,2,-1,1\n")
    recording = load(tmp_path / "a")
    assert (len(recording), recording.width, recording.height) == (200, 3, 4)
    assert recording.notes[0].startswith("2 of 202 events lie outside")


def test_a_bad_line_of_a_csv_ends_it_with_its_place(tmp_path: Path) -> None:
    good = "t,x,y,p\n" + "".join(f"{t},1,2,1\n" for t in range(1000))
    for bad in (
        "7,1,2\n",
        "x,1,2,1\n",
        "7,1,2,1,5\n",
        "7,,2,1\n",
        "99999999999999999999,1,2,1\n",
        "7,1,2,\0\n",
    ):
        (tmp_path / "a").write_text(good + bad + "2000,1,2,1\n")
        with pytest.warns(
            EventWarning, match=rf"at byte {len(good)}: .* is not a line of 4 whole numbers; the"
        ):
            assert load(tmp_path / "a").events["t"].tolist() == list(range(1000))


def test_convert_reads_anything_and_never_overwrites_it(
    events: Callable[..., list[Event]], written: Callable[..., Path], tmp_path: Path, seed: int
) -> None:
    made = events(seed)
    path = written("EVT 3.0", made)
    convert(path, tmp_path / "b.npz")
    np.testing.assert_array_equal(load(tmp_path / "b.npz").events, np.array(made, EVENT))
    with pytest.raises(ValueError, match="would overwrite the file that is read; name another one"):
        convert(path, path)
    with pytest.raises(ValueError, match="events are written as npz, csv, npy, not as 'raw'"):
        convert(path, tmp_path / "b.raw")
    assert not (tmp_path / "b.raw").exists()
