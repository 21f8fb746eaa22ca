"""Where the overlay files are: ours in this package, a user's wherever they lie."""

from __future__ import annotations

from pathlib import Path

from spynq_overlays.description import OverlayDescription, load_manifest

__all__ = ["description_of", "folder", "manifest_path"]


def folder(name: str) -> Path:
    """Folder of one of our overlays."""
    return Path(__file__).parent / name


def manifest_path(bitstream: str | Path) -> Path:
    """Manifest of a bitstream: beside it, or beside the ``.bit.d`` folder it lies in."""
    place = Path(bitstream).parent
    if place.suffix == ".d":
        place = place.parent
    return place / "manifest.json"


def description_of(bitstream: str | Path) -> OverlayDescription:
    """Description of the overlay a bitstream belongs to."""
    return load_manifest(manifest_path(bitstream))
