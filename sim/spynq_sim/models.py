"""Which library belongs to a kernel build, found without exporting its gateware a second time."""

from __future__ import annotations

import json
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import spynq
from spynq.contract import Kernel, Master, Stream
from spynq.errors import MissingDependency
from spynq.kernels import get
from spynq_sim import build
from spynq_sim.cache import digest, folder

__all__ = ["Built", "built"]


class Built:
    """A library and the port widths of its build.

    Parameters
    ----------
    path : Path
        Shared library.
    masters, streams : tuple
        Ports of the build.
    """

    def __init__(self, path: Path, masters: tuple[Master, ...], streams: tuple[Stream, ...]) -> None:
        self.path, self.masters, self.streams = path, masters, streams


_DECLARED = ("params.py", "formats.py", "statistics.py", "counters.py")
"""Files of a kernel that its gateware takes numbers from, where they exist."""


@cache
def _sources(kernel: str) -> str:
    """Hash of everything the Verilog and the library depend on, as far as it is ours."""
    import spynq_hw

    host = Path(spynq.__file__).parent
    gateware = Path(next(iter(spynq_hw.__path__)))
    files = [host / "contract.py", host / "kernels.py", *(host / kernel / name for name in _DECLARED)]
    files += [*gateware.rglob("*.py"), *Path(__file__).parent.glob("harness/*.hpp"), Path(build.__file__)]
    found = sorted(path for path in files if path.exists())
    return digest(*(part for path in found for part in (path.name, path.read_bytes())))


def built(name: str, config: Any, *, waves: bool = False) -> Built:
    """Library of a kernel of the registry, built at need.

    Parameters
    ----------
    name : str
        Kernel name.
    config : object
        Build parameters.
    waves : bool
        With FST tracing.

    Raises
    ------
    MissingDependency
        ``spynq[hw]`` is not installed.
    """
    try:
        tool = version("amaranth")
    except ImportError as error:
        raise MissingDependency(
            f"the Verilog of {name} is made by Amaranth, which is not installed: pip install 'spynq[sim]'"
        ) from error
    key = digest(name, repr(config), str(waves), tool, build.toolchain()[1], _sources(name))
    note = folder() / "index" / f"{key}.json"
    known = _remembered(note)
    if known is not None:
        return known
    # Amaranth and the elaboration take seconds: only when the note is missing.
    from spynq_hw.export import export

    exported = export(name, config)
    path = build.library(exported.verilog, exported.top, exported.kernel, waves=waves)
    _remember(note, path, exported.kernel)
    get(name)
    return Built(path, exported.kernel.masters, exported.kernel.streams)


def _remembered(note: Path) -> Built | None:
    try:
        data = json.loads(note.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    path = folder() / "models" / data["library"]
    if not path.exists():
        return None
    return Built(
        path,
        tuple(Master(*item) for item in data["masters"]),
        tuple(Stream(*item) for item in data["streams"]),
    )


def _remember(note: Path, path: Path, kernel: Kernel) -> None:
    note.parent.mkdir(exist_ok=True)
    data = {
        "library": path.name,
        "masters": [[m.name, m.width, m.doc] for m in kernel.masters],
        "streams": [[s.name, s.direction, s.width, s.doc] for s in kernel.streams],
    }
    part = note.with_suffix(f".{digest(str(id(data)), path.name)}")
    part.write_text(json.dumps(data), encoding="utf-8")
    part.replace(note)
