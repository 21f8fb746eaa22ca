"""A twin as a shared library: registers and memory in, registers and memory out."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spynq.errors import MissingDependency, SpynqError
from spynq.kernels import get
from spynq.registers import register_header
from spynq_sim.cache import digest, folder, locked

__all__ = ["SOURCES", "Twin", "compile_twin", "vendor_headers"]

SOURCES = Path(__file__).resolve().parents[3] / "hls"
"""The twins; they belong to the source tree and are in no wheel."""
_FLAGS = ("-std=c++14", "-O2", "-fPIC", "-shared", "-Wall", "-Wextra", "-Werror")
# Pragmas of the vendor's tool, and its headers, are nothing to this compiler.
_QUIET = ("-Wno-unknown-pragmas", "-Wno-unused-label", "-Wno-uninitialized", "-Wno-maybe-uninitialized")


def vendor_headers() -> Path:
    """Folder of ``ap_int.h`` and its like, as the package hls4ml brings them.

    Raises
    ------
    MissingDependency
        hls4ml is not installed.
    """
    found = find_spec("hls4ml")
    if found is None or not found.submodule_search_locations:
        raise MissingDependency(
            "the C simulation needs the headers ap_int.h and hls_stream.h: pip install --no-deps hls4ml"
        )
    return Path(found.submodule_search_locations[0]) / "templates" / "vivado" / "ap_types"


class Twin:
    """A compiled twin. What it keeps on chip lives as long as the object.

    Parameters
    ----------
    name : str
        Kernel name.
    library : Path
        Shared library made by :func:`compile_twin`.
    """

    def __init__(self, name: str, library: Path) -> None:
        self.kernel = get(name).kernel
        # A copy of its own: the loader would give two twins the same static memory.
        with tempfile.NamedTemporaryFile(prefix=f"{name}-", suffix=".so") as own:
            shutil.copyfile(library, own.name)
            self._run = ctypes.CDLL(own.name).run
        self._run.argtypes = [ctypes.c_void_p] * 3
        self._run.restype = None
        self._words = np.zeros((1 << self.kernel.address_width) // 4, np.uint32)

    def start(
        self,
        registers: Mapping[str, int],
        memory: npt.NDArray[np.uint8],
        streams: MutableMapping[str, Any] | None = None,
    ) -> dict[str, int]:
        """One whole run; see :class:`spynq.model.Model`.

        Parameters
        ----------
        registers : mapping of str to int
            Values of ``rw`` registers.
        memory : ndarray of uint8
            Memory from address 0, changed in place.
        streams : mapping of str to deque, optional
            Beats ``(word, last)`` of every stream port, taken from and appended to.

        Returns
        -------
        dict of str to int
            The kernel's own ``ro`` registers, and STATUS.
        """
        for name, value in registers.items():
            self._words[self.kernel.offset(name) // 4] = value
        beats = _Beats(streams or {})
        with _silent(self.kernel.name):
            self._run(self._words.ctypes.data, memory.ctypes.data, beats.pointer)
        beats.back()
        results = [r for r in self.kernel.registers if r.access == "ro"]
        found = {r.name: int(self._words[r.offset // 4]) for r in results}
        return {**found, "STATUS": int(self._words[self.kernel.offset("STATUS") // 4])}


class _Port(ctypes.Structure):
    """Beats of one stream: words in, their number; words out by the callee, their number and room."""

    _fields_ = (
        ("words", ctypes.POINTER(ctypes.c_uint64)),
        ("last", ctypes.POINTER(ctypes.c_uint8)),
        ("count", ctypes.c_uint64),
        ("room", ctypes.c_uint64),
    )


_ROOM = 1 << 20


class _Beats:
    """Streams as the C side sees them: in the order of their names."""

    def __init__(self, streams: MutableMapping[str, Any]) -> None:
        self._streams = {name: streams[name] for name in sorted(streams)}
        self._held: list[tuple[Any, Any]] = []
        self._ports = (_Port * max(1, len(streams)))()
        for port, beats in zip(self._ports, self._streams.values(), strict=False):
            room = max(_ROOM, len(beats))
            words, last = np.zeros(room, np.uint64), np.zeros(room, np.uint8)
            words[: len(beats)] = [word for word, _ in beats]
            last[: len(beats)] = [end for _, end in beats]
            self._held.append((words, last))
            port.words = words.ctypes.data_as(ctypes.POINTER(ctypes.c_uint64))
            port.last = last.ctypes.data_as(ctypes.POINTER(ctypes.c_uint8))
            port.count, port.room = len(beats), room

    @property
    def pointer(self) -> int:
        return ctypes.addressof(self._ports)

    def back(self) -> None:
        """What the twin left in, or put into, each stream."""
        for port, beats, (words, last) in zip(self._ports, self._streams.values(), self._held, strict=False):
            beats.clear()
            beats.extend(zip(words[: port.count].tolist(), (last[: port.count] != 0).tolist(), strict=True))


@contextmanager
def _silent(name: str) -> Iterator[None]:
    """Refuse whatever the vendor's headers print: an empty stream that is read is only told on the screen."""
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(1)
        os.dup2(heard.fileno(), 1)
        try:
            yield
            ctypes.CDLL(None).fflush(None)
        finally:
            os.dup2(kept, 1)
            os.close(kept)
        heard.seek(0)
        said = heard.read(400).decode(errors="replace").strip()
    if said:
        raise SpynqError(f"the twin of {name} printed: {said}")


def compile_twin(name: str, config: Any = None, sources: Path = SOURCES) -> Twin:
    """Compile the twin of a kernel build, or take it from the cache.

    Parameters
    ----------
    name : str
        Kernel name.
    config : object, optional
        Build parameters; the default build if not given.
    sources : Path
        Folder of the twins.

    Raises
    ------
    MissingDependency
        No compiler, no vendor headers, or no source tree.
    SpynqError
        The compiler refused the twin; the message has its first error.
    """
    entry, program = get(name), sources / "csim" / f"{name}.cpp"
    if not program.exists():
        raise MissingDependency(f"{program} is not there: the twins are in the source tree, not in the wheel")
    if shutil.which("g++") is None:
        raise MissingDependency("the C++ compiler g++ is not installed: sudo apt-get install g++")
    header = register_header(entry.kernel, entry.twin(config))
    files = sorted(sources.rglob("*.?pp"))
    key = digest(header, *_FLAGS, *_QUIET, *(part for f in files for part in (f.name, f.read_bytes())))
    library = folder() / "hls" / f"{name}-{key}.so"
    with locked(f"hls-{name}-{key}"):
        if not library.exists():
            _compile(name, header, [sources / f"{name}.cpp", program], library, sources)
    return Twin(name, library)


def _compile(name: str, header: str, files: list[Path], library: Path, sources: Path) -> None:
    library.parent.mkdir(exist_ok=True)
    part = library.with_suffix(f".{os.getpid()}")
    with tempfile.TemporaryDirectory(prefix="spynq-hls-") as place:
        Path(place, f"{name}_contract.hpp").write_text(header, encoding="utf-8")
        includes = ["-I", place, "-I", str(sources), "-isystem", str(vendor_headers())]
        compiler = ["ccache", "g++"] if shutil.which("ccache") else ["g++"]
        command = [*compiler, *_FLAGS, *_QUIET, *includes, *map(str, files), "-o", str(part)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if "error" in line] or [done.stderr[:400]]
        raise SpynqError(f"the twin of {name} does not compile: {errors[0]}")
    part.replace(library)
