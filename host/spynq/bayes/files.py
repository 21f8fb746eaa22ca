"""Networks by file name, and the two published ones that come with the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spynq.bayes.bif import load_bif
from spynq.bayes.network import Network
from spynq.bayes.xmlbif import load_xmlbif

__all__ = ["EXAMPLES", "example", "example_path", "load"]

EXAMPLES = ("asia", "alarm")
"""Lauritzen and Spiegelhalter 1988; Beinlich et al. 1989."""

_READERS: dict[str, Callable[[str | Path], Network]] = {
    ".bif": load_bif,
    ".xml": load_xmlbif,
    ".bifxml": load_xmlbif,
    ".xmlbif": load_xmlbif,
}


def load(path: str | Path) -> Network:
    """Read a network by the suffix of its file: ``.bif``, or ``.xml``, ``.xmlbif``, ``.bifxml``.

    Raises
    ------
    ValueError
        The suffix is none of these.
    FormatError, OSError
        As the reader of that format.
    """
    suffix = Path(path).suffix.lower()
    if suffix not in _READERS:
        found = f"{suffix!r} files" if suffix else "names without a suffix"
        raise ValueError(f"{path}: networks are read from {', '.join(_READERS)} files, not from {found}")
    return _READERS[suffix](path)


def example_path(name: str) -> Path:
    """File of a network that comes with the package."""
    if name.lower() not in EXAMPLES:
        raise ValueError(f"unknown example {name!r}; there are {', '.join(EXAMPLES)}")
    return Path(__file__).parent.parent / "stm" / "networks" / f"{name.lower()}.bif"


def example(name: str) -> Network:
    """A published network that comes with the package: ``"asia"`` or ``"alarm"``."""
    return load_bif(example_path(name))
