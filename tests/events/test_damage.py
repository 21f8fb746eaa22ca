"""Cut and corrupt files: what stands before the damage, with a warning, or one sentence; never more."""

from __future__ import annotations

import random
import re
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.errors import FormatError
from spynq.events import EVENT, EventWarning, Recording, load
from spynq.events.recording import backwards

Event = tuple[int, int, int, int]
PATIENCE = 5.0
FLIPS = 30
MOST_CUTS = 120


def _read(path: Path, name: str | None = None) -> tuple[Recording | None, list[str]]:
    """The recording, or None after a refusal; every message is checked on the way."""
    begin = time.monotonic()
    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always")
        try:
            recording = load(path, format=name)
        except FormatError as error:
            recording = None
            assert str(path) in str(error) and "\n" not in str(error), error
            assert re.search(
                r"(at|from) byte \d+|event \d+|no field|p must|t goes|[xy] must|columns", str(error)
            ), error
    assert time.monotonic() - begin < PATIENCE
    assert {warning.category for warning in met} <= {EventWarning}
    if recording is not None:
        _check(recording)
    return recording, [str(warning.message) for warning in met]


def _check(recording: Recording) -> None:
    events = recording.events
    assert events.dtype == EVENT
    assert ((events["x"] >= 0) & (events["x"] < recording.width)).all()
    assert ((events["y"] >= 0) & (events["y"] < recording.height)).all()
    assert (events["p"] <= 1).all()
    # Where a clock wraps, time words between events may add up to more than a second back in noise.
    assert recording.format.startswith(("EVT", "AEDAT 2", "N-MNIST")) or backwards(events["t"]) is None
    recording.summary()


def _lengths(size: int, seed: int) -> list[int]:
    """Every length of a small file, a draw of those of a larger one, and always the last ones."""
    drawn = random.Random(seed).sample(range(size), min(size, MOST_CUTS))
    return sorted({*drawn, *range(max(0, size - 20), size)})


def test_a_file_cut_anywhere_gives_a_beginning_of_its_events(
    format_name: str, seed: int, events: Callable[..., list[Event]], encoders: dict[str, Any], tmp_path: Path
) -> None:
    """At all kinds of places: what is read is a beginning, and a loss is told."""
    made = events(seed, 20)
    whole = np.array(made, EVENT)
    raw = encoders[format_name](made)
    path = tmp_path / "cut"
    read = set()
    for length in _lengths(len(raw), seed):
        path.write_bytes(raw[:length])
        recording, told = _read(path)
        if recording is None:
            continue
        count = len(recording)
        read.add(count)
        if any("the last line has no end" in note for note in recording.notes):
            count -= 1
        np.testing.assert_array_equal(recording.events[:count], whole[:count])
        if told:
            assert any("at byte" in text for text in told)
    if format_name != "NPZ":
        assert max(read) >= len(made) - 7
        assert len(read) > 1


@pytest.mark.parametrize("variant", ["AEDAT 4, LZ4", "AEDAT 4, zstd"])
def test_a_packed_file_cut_anywhere_gives_whole_packets(
    variant: str, seed: int, events: Callable[..., list[Event]], encoders: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("lz4" if variant.endswith("LZ4") else "zstandard")
    made = events(seed, 20)
    raw = encoders[variant](made)
    for length in _lengths(len(raw), seed):
        (tmp_path / "cut").write_bytes(raw[:length])
        recording, _ = _read(tmp_path / "cut")
        if recording is not None:
            assert len(recording) in (0, 7, 14, 20)
            np.testing.assert_array_equal(recording.events, np.array(made, EVENT)[: len(recording)])


def _unpackers(format_name: str) -> None:
    if format_name == "AEDAT 4":
        for name in ("lz4", "zstandard"):
            pytest.importorskip(name, reason="a changed bit may be that of the packing; needs spynq[events]")


def test_flipped_bits_end_in_a_recording_or_one_sentence(
    format_name: str, seed: int, events: Callable[..., list[Event]], encoders: dict[str, Any], tmp_path: Path
) -> None:
    _unpackers(format_name)
    rng = random.Random(seed)
    raw = encoders[format_name](events(seed, 40))
    for _ in range(FLIPS):
        broken = bytearray(raw)
        for _ in range(rng.choice((1, 1, 2, 8, 40))):
            broken[rng.randrange(len(broken))] ^= 1 << rng.randrange(8)
        (tmp_path / "a").write_bytes(broken)
        _read(tmp_path / "a")
        _read(tmp_path / "a", format_name)


@pytest.mark.parametrize("variant", ["AEDAT 4, LZ4", "AEDAT 4, zstd"])
def test_flipped_bits_in_packed_files_too(
    variant: str, seed: int, events: Callable[..., list[Event]], encoders: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("lz4" if variant.endswith("LZ4") else "zstandard")
    rng = random.Random(seed)
    raw = encoders[variant](events(seed, 40))
    for _ in range(FLIPS):
        broken = bytearray(raw)
        broken[rng.randrange(14, len(broken))] ^= 1 << rng.randrange(8)
        (tmp_path / "a").write_bytes(broken)
        _read(tmp_path / "a")


def test_parts_cut_out_doubled_or_made_noise_end_as_well(
    format_name: str, seed: int, events: Callable[..., list[Event]], encoders: dict[str, Any], tmp_path: Path
) -> None:
    rng = random.Random(seed)
    raw = encoders[format_name](events(seed, 40))
    for _ in range(FLIPS // 2):
        a, b = sorted((rng.randrange(len(raw)), rng.randrange(len(raw))))
        change = rng.choice((b"", raw[a:b] * 2, rng.randbytes(b - a), bytes(b - a), b"\xff" * (b - a)))
        (tmp_path / "a").write_bytes(raw[:a] + change + raw[b:])
        _read(tmp_path / "a")


def test_noise_is_read_as_any_format_without_harm(format_name: str, seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    for length in (1, 2, 5, 16, 1000, 20_000):
        (tmp_path / "a").write_bytes(rng.randbytes(length))
        _read(tmp_path / "a")
        _read(tmp_path / "a", format_name)


@pytest.mark.parametrize("bits", [1, 8, 16, 24, 31])
def test_a_length_out_of_all_bounds_takes_no_memory(
    bits: int, encoders: dict[str, Any], tmp_path: Path
) -> None:
    """Each 32-bit word of the two formats with lengths, made large."""
    pytest.importorskip("lz4", reason="a changed word may be that of the packing; needs spynq[events]")
    for name in ("AEDAT 3.1", "AEDAT 4"):
        raw = encoders[name]([(1, 2, 3, 1), (4, 5, 6, 0)])
        for place in range(13, len(raw) - 4, 3):
            (tmp_path / "a").write_bytes(raw[:place] + (1 << bits).to_bytes(4, "little") + raw[place + 4 :])
            _read(tmp_path / "a")


def test_damage_is_told_with_file_byte_and_what_was_kept(encoders: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoders["EVT 2.0"]([(64, 2, 3, 1), (65, 5, 6, 0)])[:-1])
    offset = path.stat().st_size - 3
    with pytest.warns(EventWarning) as met:
        recording = load(path)
    text = f"at byte {offset}: the file ends 3 bytes into a word of 4; the 1 events before it were read"
    assert [str(warning.message) for warning in met] == [f"{path}: {text}"]
    assert recording.notes == (text,)


def test_nothing_before_the_damage_is_a_refusal(encoders: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(encoders["AEDAT 4"]([(1, 2, 3, 1)])[:60])
    with pytest.raises(FormatError, match=r"a: nothing could be read, at byte 14: .*; copy the file again"):
        load(path)


def test_words_of_unknown_type_are_skipped_and_told(tmp_path: Path) -> None:
    word = (0x80000001, 0x10000803, 0x50000000, 0x10001004)
    (tmp_path / "a").write_bytes(b"% evt 2.0\n% end\n" + b"".join(w.to_bytes(4, "little") for w in word))
    with pytest.warns(EventWarning, match="1 words of unknown type were skipped"):
        recording = load(tmp_path / "a")
    assert recording.events["x"].tolist() == [1, 2]


@pytest.mark.parametrize("name", ["AEDAT 3.1", "AEDAT 4"])
def test_a_step_back_of_over_a_second_is_damage_where_no_clock_wraps(
    name: str, written: Callable[..., Path]
) -> None:
    path = written(name, [(3_000_000, 1, 1, 1), (2_000_000, 1, 2, 1), (999_999, 1, 3, 1)])
    with pytest.warns(EventWarning, match=r"event 2 is 1000001 us .*; the 2 events before it were read"):
        assert load(path).events["y"].tolist() == [1, 2]


def test_over_one_percent_outside_names_the_likely_size(tmp_path: Path, encoders: dict[str, Any]) -> None:
    raw = encoders["EVT 2.0"]([(64, x, 3, 1) for x in range(30)])
    (tmp_path / "a").write_bytes(raw.replace(b"34x34", b"20x34"))
    with pytest.warns(EventWarning, match="10 of 30 events lie outside 20 x 34 .* seems to have 30 x 4"):
        assert len(load(tmp_path / "a")) == 20
