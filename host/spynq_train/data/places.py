"""Where data sets may lie: a folder that was named, or that of ``SPYNQ_DATA``. Nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from spynq.errors import SpynqError

__all__ = ["VARIABLE", "find", "folder_of", "hint"]

VARIABLE = "SPYNQ_DATA"
"""Environment variable with the folder of the data sets."""


def folder_of(named: str | os.PathLike[str] | None) -> Path | None:
    """The folder that was named, else that of the environment; ``None`` without either.

    Raises
    ------
    SpynqError
        It does not exist.
    """
    place = named or os.environ.get(VARIABLE) or None
    if place is None:
        return None
    folder = Path(place)
    if not folder.is_dir():
        raise SpynqError(f"{folder} is no folder; name that of the data sets with --folder or {VARIABLE}")
    return folder


def find(folder: Path | None, patterns: Sequence[str]) -> Path | None:
    """First file of a folder that fits one of the patterns, in the patterns' order."""
    if folder is None:
        return None
    for pattern in patterns:
        found = sorted(path for path in folder.glob(pattern))
        if found:
            return found[0]
    return None


def hint(name: str, files: str, folder: Path | None) -> SpynqError:
    """Sentence for a data set that is not there."""
    where = f"not in {folder}" if folder else "in no folder that was named"
    return SpynqError(
        f"{name} is {where}; get {files} and name the folder with --folder or {VARIABLE} "
        "(nothing is downloaded)"
    )
