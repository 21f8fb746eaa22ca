"""Files for the vendor's simulator: the contract header, and recorded runs for ``hls/csim/bench.cpp``."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np

from spynq.kernels import get
from spynq.registers import register_header
from spynq_sim.hls.compare import cases, small

__all__ = ["write_bench"]


def write_bench(name: str, folder: Path, *, runs: int = 50, seed: int = 1) -> None:
    """Write ``<name>_contract.hpp`` and ``runs.bin`` for a small build.

    Parameters
    ----------
    name : str
        Kernel name.
    folder : Path
        Where to; made if it is not there.
    runs : int
        Runs to record.
    seed : int
        Of the runs.
    """
    entry, folder = get(name), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    header = register_header(entry.kernel, entry.twin(small(name)))
    (folder / f"{name}_contract.hpp").write_text(header, encoding="utf-8")
    (folder / "kernel_name.hpp").write_text(f'#define KERNEL_NAME "{name}"\n', encoding="utf-8")
    with (folder / "runs.bin").open("wb") as file:
        for block in _blocks(name, runs, seed):
            file.write(block)


def _blocks(name: str, runs: int, seed: int) -> Iterator[bytes]:
    kernel = get(name).kernel
    words = np.zeros((1 << kernel.address_width) // 4, "<u4")

    def put(values: dict[str, int]) -> bytes:
        for register, value in values.items():
            words[kernel.offset(register) // 4] = value
        return words.tobytes()

    chosen = list(islice(cases(name, seed), runs))
    yield np.array((len(chosen), len(chosen[0].before), words.nbytes, len(kernel.streams)), "<u8").tobytes()
    for played in chosen:
        yield put(played.registers)
        yield played.before
        yield from _beats(played.streams)
        yield put(played.results)
        yield played.after
        yield from _beats(played.left)


def _beats(streams: dict[str, deque[tuple[int, bool]]]) -> Iterator[bytes]:
    for port in sorted(streams):
        beats = streams[port]
        yield np.array([len(beats)], "<u8").tobytes()
        yield np.array([word for word, _ in beats], "<u8").tobytes()
        yield np.array([last for _, last in beats], np.uint8).tobytes()
