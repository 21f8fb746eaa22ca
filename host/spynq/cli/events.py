"""``spynq events``: look at event files, convert them, draw and play them."""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from spynq.cli.output import print_json, table

__all__ = ["add_to", "convert", "info", "play", "plot", "read", "told"]

_SHOWN = ("format", "bytes", "width", "height", "events", "duration", "rate", "on_share", "distinct_times")
_TITLES = ("file", *_SHOWN, "backwards")


def add_to(commands: Any, common: argparse.ArgumentParser) -> None:
    """Add the command to the command line."""
    group = commands.add_parser("events", parents=[common], help="event-camera files: read, convert, draw")
    kinds = group.add_subparsers(metavar="WHAT", required=True)
    shared = argparse.ArgumentParser(add_help=False, parents=[common])
    shared.add_argument("files", metavar="FILE", nargs="+", type=Path, help="recordings of any format")
    shared.add_argument("--format", metavar="NAME", help="format of all files (recognised from each header)")
    shared.add_argument("--json", action="store_true", help="print one JSON object")
    shared.add_argument("--no-progress", action="store_true", help="no bar while waiting")

    asked = kinds.add_parser("info", parents=[shared], help="size, duration, rate and signs of trouble")
    asked.set_defaults(run=info)

    output = argparse.ArgumentParser(add_help=False)
    output.add_argument(
        "--output", metavar="PATH", type=Path, help="file, or folder for several (beside each FILE)"
    )
    converted = kinds.add_parser("convert", parents=[shared, output], help="write NPZ, CSV or NPY")
    converted.add_argument(
        "--to", metavar="KIND", choices=("npz", "csv", "npy"), help="npz (default), csv, npy"
    )
    converted.set_defaults(run=convert)

    drawn = kinds.add_parser("plot", parents=[shared, output], help="save a picture")
    drawn.set_defaults(run=plot)

    played = kinds.add_parser("play", parents=[shared, output], help="save a film as GIF or MP4")
    played.add_argument("--frames", metavar="N", type=int, default=50, help="pictures in the film (50)")
    played.add_argument("--fps", metavar="N", type=int, default=25, help="pictures per second (25)")
    played.set_defaults(run=play)


def info(arguments: argparse.Namespace) -> int:
    """Run ``spynq events info``; a folder of DvsGesture stands for its recordings."""
    from spynq.events import gesture_files

    rows = []
    paths = [file for path in arguments.files for file in (gesture_files(path) if path.is_dir() else [path])]
    for path in paths:
        summary = read(path, arguments).summary()
        rows.append({"file": str(path), "bytes": path.stat().st_size, **summary})
    if arguments.json:
        print_json({"files": rows})
        return 0
    print(table(_TITLES, [[row[title] for title in _TITLES] for row in rows]))
    print("\nduration in microseconds, rate in events per second")
    for row in rows:
        for note in row["notes"]:
            print(f"{row['file']}: {note}")
    return 0


def convert(arguments: argparse.Namespace) -> int:
    """Run ``spynq events convert``."""
    from spynq.events import save

    kind = arguments.to
    if kind is None:
        end = arguments.output.suffix[1:].lower() if arguments.output and len(arguments.files) == 1 else ""
        kind = end if end in ("npz", "csv", "npy") else "npz"

    def write(recording: Any, target: Path) -> None:
        save(recording, target, format=kind)

    return _write_all(arguments, kind, write)


def plot(arguments: argparse.Namespace) -> int:
    """Run ``spynq events plot``."""

    def write(recording: Any, target: Path) -> None:
        recording.plot().savefig(target, dpi=150, bbox_inches="tight")

    return _write_all(arguments, "png", write)


def play(arguments: argparse.Namespace) -> int:
    """Run ``spynq events play``."""
    from spynq.events import play as film

    def write(recording: Any, target: Path) -> None:
        film(
            recording,
            target,
            frames=arguments.frames,
            fps=arguments.fps,
            progress=not arguments.no_progress and sys.stderr.isatty(),
        )

    return _write_all(arguments, "gif", write)


def _write_all(arguments: argparse.Namespace, end: str, write: Any) -> int:
    rows = []
    for path, target in _targets(arguments.files, arguments.output, end):
        recording = read(path, arguments)
        write(recording, target)
        rows.append({"file": str(path), "output": str(target), "events": len(recording)})
        if not arguments.json:
            print(f"{target}: {len(recording):,} events of {path}")
    if arguments.json:
        print_json({"files": rows})
    return 0


def _targets(files: list[Path], output: Path | None, end: str) -> list[tuple[Path, Path]]:
    """What is written where; no file is read or written twice."""
    if output is None:
        targets = [path.with_suffix(f".{end}") for path in files]
    elif len(files) > 1 or output.is_dir():
        targets = [output / path.with_suffix(f".{end}").name for path in files]
    else:
        targets = [output]
    read = {path.resolve() for path in files}
    for number, target in enumerate(targets):
        if target.resolve() in read or target.resolve() in {other.resolve() for other in targets[:number]}:
            raise ValueError(f"{target} would be overwritten; choose another place with --output")
    for target in targets:
        target.parent.mkdir(parents=True, exist_ok=True)
    return list(zip(files, targets, strict=True))


def read(path: Path, arguments: argparse.Namespace) -> Any:
    """A recording, as ``--format`` and ``--no-progress`` ask."""
    from spynq.events import load

    with told():
        return load(path, format=arguments.format, progress=not arguments.no_progress and sys.stderr.isatty())


@contextmanager
def told() -> Iterator[None]:
    """Tell what was lost in one line each, instead of Python's warnings with their source lines."""
    from spynq.events import EventWarning

    with warnings.catch_warnings(record=True) as met:
        warnings.simplefilter("always", EventWarning)
        yield
    for warning in met:
        if issubclass(warning.category, EventWarning):
            print(f"spynq: warning: {warning.message}", file=sys.stderr)
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
