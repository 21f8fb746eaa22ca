"""``spynq events`` and what it draws."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spynq.cli import main
from spynq.errors import MissingDependency
from spynq.events import EVENT, Recording, image, load, play, plot

Event = tuple[int, int, int, int]


def test_info_as_json_has_every_figure(
    events: Callable[..., list[Event]], written: Callable[..., Path], seed: int, capsys: Any
) -> None:
    made = events(seed, 100)
    paths = [written(name, made) for name in ("EVT 3.0", "AEDAT 4")]
    assert main(["events", "info", *map(str, paths), "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["files"]
    t = [event[0] for event in made]
    for row, path, name in zip(rows, paths, ("EVT 3.0", "AEDAT 4"), strict=True):
        assert row["file"] == str(path) and row["bytes"] == path.stat().st_size
        assert (row["format"], row["width"], row["height"], row["events"]) == (name, 34, 34, 100)
        assert row["duration"] == t[-1] - t[0] and row["rate"] == pytest.approx(1e8 / (t[-1] - t[0]))
        assert row["on_share"] == sum(event[3] for event in made) / 100
        assert (row["distinct_times"], row["backwards"]) == (len(set(t)), 0)


def test_info_as_a_table_tells_notes_and_losses(written: Callable[..., Path], capsys: Any) -> None:
    path = written("EVT 2.0", [(64, 2, 3, 1), (65, 5, 6, 0)])
    path.write_bytes(path.read_bytes()[:-1])
    assert main(["events", "info", str(path)]) == 0
    out, err = capsys.readouterr()
    assert "EVT 2.0" in out and f"{path}: at byte" in out
    assert err.startswith(f"spynq: warning: {path}: at byte ") and err.count("\n") == 1


def test_a_file_that_is_none_ends_in_one_line(tmp_path: Path, capsys: Any) -> None:
    (tmp_path / "a").write_bytes(b"\x00\xff" * 50)
    assert main(["events", "info", str(tmp_path / "a")]) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert main(["events", "info", str(tmp_path / "absent")]) == 1
    assert "No such file" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["npz", "csv", "npy"])
def test_convert_writes_what_was_read(
    kind: str, events: Callable[..., list[Event]], written: Callable[..., Path], seed: int, tmp_path: Path
) -> None:
    made = np.array(events(seed), EVENT)
    paths = [written("EVT 3.0", made.tolist()), written("N-MNIST", made.tolist())]
    assert main(["events", "convert", *map(str, paths), "--to", kind, "--output", str(tmp_path / "out")]) == 0
    for path in paths:
        np.testing.assert_array_equal(load(tmp_path / "out" / f"{path.stem}.{kind}").events, made)
    assert main(["events", "convert", str(paths[0]), "--output", str(tmp_path / f"b.{kind}"), "--json"]) == 0
    assert load(tmp_path / f"b.{kind}").format == kind.upper()


def test_convert_overwrites_nothing_that_is_read(
    written: Callable[..., Path], tmp_path: Path, capsys: Any
) -> None:
    path = written("NPZ", [(1, 2, 3, 1)])
    content = path.read_bytes()
    assert main(["events", "convert", str(path), "--output", str(path)]) == 1
    assert main(["events", "convert", str(path), str(path), "--output", str(tmp_path)]) == 1
    assert "would be overwritten; choose another place with --output" in capsys.readouterr().err
    assert path.read_bytes() == content


def test_an_image_counts_events_per_pixel() -> None:
    rows = np.array([(0, 1, 2, 0), (1, 1, 2, 0), (2, 3, 0, 1)], EVENT)
    counts = image(Recording(rows, 4, 3))
    assert counts.shape == (2, 3, 4) and counts.sum() == 3
    assert (counts[0, 2, 1], counts[1, 0, 3]) == (2, 1)


def test_a_sensor_made_huge_by_a_wrong_coordinate_is_not_drawn() -> None:
    rows = np.array([(0, 32767, 0, 1)], EVENT)
    with pytest.raises(
        ValueError, match="32768 x 600 pixels are more than the 16777216 that are drawn; a wrong"
    ):
        image(Recording(rows, 32768, 600))


def test_a_picture_and_a_film_are_written(
    events: Callable[..., list[Event]], written: Callable[..., Path], seed: int, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib")
    from PIL import Image

    path = written("AEDAT 2.0", events(seed, 500, 128))
    assert main(["events", "plot", str(path), "--output", str(tmp_path / "a.png")]) == 0
    assert main(["events", "play", str(path), "--frames", "4", "--output", str(tmp_path / "a.gif")]) == 0
    with Image.open(tmp_path / "a.png") as picture, Image.open(tmp_path / "a.gif") as film:
        assert picture.size[0] > 500
        assert film.n_frames == 4  # type: ignore[attr-defined]
        assert (np.asarray(film.convert("RGB")) != 255).any()


def test_rows_from_the_bottom_are_drawn_from_the_bottom() -> None:
    pytest.importorskip("matplotlib")
    rows = np.array([(0, 1, 0, 1)], EVENT)
    for y_up, bottom in ((True, -0.5), (False, 2.5)):
        axes = plot(Recording(rows, 4, 3, y_up=y_up)).axes[0]
        assert axes.get_ylim()[0] == bottom


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("a.avi", {}, "a film is written as .gif or .mp4, not as '.avi'"),
        ("a.gif", {"frames": 0}, "1 to 10000 frames at 1 to 100 per second, not 0 at 25"),
        ("a.gif", {"fps": 101}, "not 50 at 101"),
    ],
)
def test_a_film_out_of_range_is_refused(
    name: str, options: dict[str, int], message: str, tmp_path: Path
) -> None:
    recording = Recording(np.array([(0, 1, 0, 1)], EVENT), 4, 3)
    with pytest.raises(ValueError, match=message.replace(".", r"\.")):
        play(recording, tmp_path / name, **options)
    with pytest.raises(ValueError, match="a recording without events cannot be played"):
        play(Recording(np.empty(0, EVENT), 4, 3), tmp_path / "a.gif")


def test_what_a_film_or_picture_needs_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(np.array([(0, 1, 0, 1)], EVENT), 4, 3)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        MissingDependency, match=r"an MP4 needs the program ffmpeg; write a \.gif, or apt-get"
    ):
        play(recording, tmp_path / "a.mp4")
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingDependency, match=r"plots need matplotlib: pip install 'spynq\[plot\]'"):
        plot(recording)
