"""Every format gives back the events that an encoder of the tests wrote."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.errors import FormatError, MissingDependency
from spynq.events import EVENT, load

Event = tuple[int, int, int, int]
VARIANTS = (
    "AEDAT 4, LZ4",
    "AEDAT 4, zstd",
    "EVT 2.1, high half first",
    "EVT 2.1, order not said",
    "EVT 3.0, no vectors",
)


def _expected(events: list[Event]) -> np.ndarray[Any, Any]:
    return np.array(events, EVENT)


def test_events_come_back_and_the_format_is_recognised(
    format_name: str, seed: int, events: Callable[..., list[Event]], written: Callable[..., Path]
) -> None:
    made = events(seed, 300)
    recording = load(written(format_name, made))
    assert recording.format == format_name
    assert recording.events.dtype == EVENT
    np.testing.assert_array_equal(recording.events, _expected(made))


@pytest.mark.parametrize("variant", VARIANTS)
def test_variants_of_a_format_give_the_same(
    variant: str, seed: int, events: Callable[..., list[Event]], written: Callable[..., Path]
) -> None:
    if variant.startswith("AEDAT 4"):
        pytest.importorskip("lz4" if variant.endswith("LZ4") else "zstandard")
    made = events(seed, 300)
    recording = load(written(variant, made))
    assert recording.format == variant.split(",")[0]
    np.testing.assert_array_equal(recording.events, _expected(made))


def test_vectors_are_written_at_all(events: Callable[..., list[Event]], encoders: dict[str, Any]) -> None:
    run = [(5, x, 3, 1) for x in range(2, 20, 3)]
    assert len(encoders["EVT 3.0"](run)) < len(encoders["EVT 3.0, no vectors"](run))
    assert len(encoders["EVT 2.1"](run)) == len(encoders["EVT 2.1"](run[:1]))


def test_pieces_carry_their_state(
    format_name: str,
    seed: int,
    events: Callable[..., list[Event]],
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A file read three words at a time gives what it gives at once."""
    from spynq.events import stream, tables

    path = written(format_name, events(seed, 200))
    at_once = load(path)
    for words in (1, 3, 20):
        monkeypatch.setattr(stream, "_PIECE", words)
        monkeypatch.setattr(tables, "_PIECE", 20 * words)
        in_pieces = load(path)
        np.testing.assert_array_equal(in_pieces.events, at_once.events)
        assert in_pieces.notes == at_once.notes


@pytest.mark.parametrize("name", ["EVT 2.0", "EVT 2.1", "EVT 3.0"])
@pytest.mark.parametrize("words", [3, 20, 1 << 20])
def test_wide_sensors_in_pieces(
    name: str,
    words: int,
    seed: int,
    events: Callable[..., list[Event]],
    encoders: dict[str, Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """All 11 bits of both coordinates, with the state carried over."""
    from spynq.events import stream

    made = [(t, x + 2000, y + 2000, p) for t, x, y, p in events(seed, 300, 48)]
    (tmp_path / "a").write_bytes(encoders[name](made, size=2048))
    monkeypatch.setattr(stream, "_PIECE", words)
    np.testing.assert_array_equal(load(tmp_path / "a").events, _expected(made))


@pytest.mark.parametrize(
    ("name", "bits"),
    [("AEDAT 2.0", 32), ("EVT 2.0", 34), ("EVT 3.0", 24), ("N-MNIST", 23), ("AEDAT 3.1", 31)],
)
@pytest.mark.parametrize("words", [2, 1 << 20])
def test_time_goes_on_where_the_counter_wraps(
    name: str,
    bits: int,
    words: int,
    seed: int,
    events: Callable[..., list[Event]],
    written: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """N-MNIST is told its format: files of it start near zero, which this one does not."""
    from spynq.events import stream

    monkeypatch.setattr(stream, "_PIECE", words)
    made = events(seed, 300, start=(1 << bits) - 20_000)
    assert made[-1][0] >= 1 << bits
    recording = load(written(name, made), format=name)
    np.testing.assert_array_equal(recording.events, _expected(made))
    assert any("wrapped once" in note for note in recording.notes) == (name != "AEDAT 3.1")


def test_jitter_across_a_wrap_is_no_second_wrap(written: Callable[..., Path]) -> None:
    period = 1 << 32
    made = [(period + d, 1, 2, 1) for d in (-5, 3, -2, 4, -1, 9)]
    recording = load(written("AEDAT 2.0", made))
    assert recording.events["t"].tolist() == [t for t, *_ in made]


def test_y_counts_from_the_bottom_in_aedat_2_until_upright(written: Callable[..., Path]) -> None:
    recording = load(written("AEDAT 2.0", [(0, 3, 10, 1)]))
    assert recording.y_up and recording.events["y"].tolist() == [10]
    upright = recording.upright()
    assert not upright.y_up and upright.events["y"].tolist() == [117]
    assert upright.upright() is upright


def test_a_chip_other_than_the_dvs128_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "davis"
    path.write_bytes(b"#!AER-DAT2.0\r\n# AEChip: eu.seebetter.ini.chips.davis.DAVIS240C\r\n" + bytes(80))
    with pytest.raises(
        FormatError, match=r"the chip DAVIS240C made this, and AEDAT 2\.0 is read for the DVS128 alone"
    ):
        load(path)


def test_header_of_aedat_3_may_have_any_number_of_lines(
    encoders: dict[str, Any], events: Callable[..., list[Event]], seed: int, tmp_path: Path
) -> None:
    made = events(seed)
    for lines in (0, 1, 5, 9):
        (tmp_path / "a").write_bytes(encoders["AEDAT 3.1"](made, lines=lines))
        np.testing.assert_array_equal(load(tmp_path / "a").events, _expected(made))


def test_invalid_events_of_aedat_3_are_left_out(encoders: dict[str, Any], tmp_path: Path) -> None:
    raw = bytearray(encoders["AEDAT 3.1"]([(1, 2, 3, 1), (4, 5, 6, 0)]))
    raw[-16] &= 0xFE
    (tmp_path / "a").write_bytes(raw)
    recording = load(tmp_path / "a")
    assert recording.events["t"].tolist() == [4]
    assert "1 events marked as invalid were left out" in recording.notes


def test_rows_240_of_nmnist_count_time_and_are_no_pixels(tmp_path: Path) -> None:
    rows = [(0, 1, 1, 1), (8000, 0, 240, 0), (10, 2, 2, 0), (20, 0, 240, 1), (30, 3, 3, 1)]
    (tmp_path / "a").write_bytes(
        b"".join(struct.pack(">BBB", x, y, p << 7) + t.to_bytes(2, "big") for t, x, y, p in rows)
    )
    recording = load(tmp_path / "a")
    assert recording.events["t"].tolist() == [0, 10 + 8192, 30 + 2 * 8192]
    assert "2 marks of time that passed were counted in" in recording.notes
    assert (recording.width, recording.height) == (34, 34)


def test_events_before_the_first_time_word_are_left_out(tmp_path: Path) -> None:
    words = (0x2005, 0x0007, 0x8001, 0x6002, 0x2803)
    (tmp_path / "a").write_bytes(b"% evt 3.0\n% end\n" + struct.pack("<5H", *words))
    recording = load(tmp_path / "a")
    assert recording.events.tolist() == [(0x1002, 3, 7, 1)]
    assert recording.notes[0] == "1 events before the first full time stamp were left out"


def test_a_missing_package_is_named_with_its_extra(
    encoders: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("lz4")
    (tmp_path / "a").write_bytes(encoders["AEDAT 4, LZ4"]([(1, 2, 3, 1)]))
    monkeypatch.setitem(__import__("sys").modules, "lz4.frame", None)
    with pytest.raises(MissingDependency, match=r"needs the package lz4; install it .* 'spynq\[events\]'"):
        load(tmp_path / "a")


def test_a_header_without_events_is_an_empty_recording(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"% evt 3.0\n% geometry 64x32\n% end\n")
    recording = load(tmp_path / "a")
    assert (len(recording), recording.width, recording.height, recording.duration) == (0, 64, 32, 0)
    assert recording.notes == ("the file holds no events",)
    assert recording.summary()["rate"] is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "at byte 0: the file is empty"),
        (b"#!AER-DAT3.0\r\n", "another version of AEDAT than 2.0, 3.1 and 4.0"),
        (b"\x89HDF\r\n\x1a\n" + bytes(30), "HDF5, which is not read"),
        (b"% evt 4.0\n", "names version 4.0 of EVT, and 2.0, 2.1 and 3.0 are read"),
        (b"1,2,3,4\n" * 9, "a CSV needs a first line with the names t, x, y and p"),
        (b"t,x,y,z\n1,2,3,4\n", "no field p among t, x, y, z"),
        (b"t,x,y,p\n0,1,1,2\n", "p must be bool, 0 and 1, or -1 and"),
        (b"t,x,y,p\n0.5,1,1,1\n", "at byte 8: '0.5,1,1,1' is not a line of 4 whole numbers"),
        (
            b"t,x,y,p\n3000000,1,1,1\n0,1,1,1\n",
            "event 1 is 3000000 us before the one before it; sort the events",
        ),
    ],
)
def test_what_is_no_recording_is_refused_in_one_sentence(
    content: bytes, message: str, tmp_path: Path
) -> None:
    path = tmp_path / "a"
    path.write_bytes(content)
    with pytest.raises(FormatError) as met:
        load(path)
    assert message in str(met.value) and str(path) in str(met.value)
    assert "\n" not in str(met.value)


def test_a_folder_and_an_unknown_format_name_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="is a folder; name a file in it, or read DvsGesture with"):
        load(tmp_path)
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"format must be one of AEDAT 2\.0, .*, not 'EVT'"):
        load(tmp_path / "a", format="EVT")
