"""What is installed, which devices work, what is missing and the command that gets it."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path

from spynq import __version__
from spynq.errors import how_to_get

__all__ = ["Finding", "Report", "examine"]

# Programs and headers, each with its Debian package and what it is for.
_PROGRAMS = {
    "g++": ("g++", "compiles the simulated board"),
    "make": ("make", "drives that compilation"),
    "perl": ("perl", "runs verilator"),
    "iverilog": ("iverilog", "four-state tests of blocks"),
    "ccache": ("ccache", "makes the second compilation fast"),
    "tclsh": ("tcl", "tries the build scripts of overlays without Vivado"),
}
_HEADERS = {
    "lz4.h": ("liblz4-dev", "waveforms (FST)"),
    "zlib.h": ("zlib1g-dev", "waveforms (FST)"),
}

_DEFAULT_EXTRAS = ("plot", "events", "bayes", "hw", "sim", "notebooks")
"""Extras whose absence counts as missing; the others are for boards, training and developers."""


@dataclass(frozen=True)
class Finding:
    """One thing that was looked for.

    Parameters
    ----------
    name : str
        Package, program, header or device.
    found : str or None
        Version, place or state; ``None`` if it is not there.
    purpose : str
        What it is for; for a device that does not work, why.
    get : str
        What to install: an extra of ours or a Debian package.
    """

    name: str
    found: str | None
    purpose: str
    get: str = ""


@dataclass(frozen=True)
class Report:
    """All that :func:`examine` found."""

    system: dict[str, str]
    packages: list[Finding]
    programs: list[Finding]
    devices: list[Finding]

    @property
    def commands(self) -> list[str]:
        """Commands that get what is missing, at most one per installer."""
        wanted = {f.get for f in self.packages if f.found is None}
        extras = [extra for extra in _DEFAULT_EXTRAS if extra in wanted]
        debian = sorted({f.get for f in self.programs if f.found is None})
        commands = []
        if debian:
            sudo = "" if hasattr(os, "getuid") and os.getuid() == 0 else "sudo "
            commands.append(f"{sudo}apt-get install -y {' '.join(debian)}")
        base = any(f.found is None and not f.get for f in self.packages)
        if extras or base:
            checkout = Path(__file__).parents[2]
            place = f"-e '{checkout}" if (checkout / "pyproject.toml").exists() else "'spynq"
            wish = f"[{','.join(extras)}]" if extras else ""
            commands.append(f"{sys.executable} -m pip install {place}{wish}'")
        return commands

    def as_json(self) -> dict[str, object]:
        """The report as plain data."""
        return {
            "system": self.system,
            "packages": [asdict(finding) for finding in self.packages],
            "programs": [asdict(finding) for finding in self.programs],
            "devices": [
                {"name": d.name, "works": d.found is not None, "state": d.found or d.purpose}
                for d in self.devices
            ],
            "commands": self.commands,
        }


def examine() -> Report:
    """Look at everything; opening the ``rtl`` device compiles its model the first time."""
    system = {
        "spynq": f"{__version__} at {Path(__file__).parent}",
        "python": f"{platform.python_version()} at {sys.executable}",
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
    }
    return Report(system, _packages(), [*_programs(), *_headers()], _devices())


def _packages() -> list[Finding]:
    found: list[Finding] = []
    for requirement in requires("spynq") or []:
        name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
        marker = re.search(r"extra == ['\"](\w+)['\"]", requirement)
        extra = marker[1] if marker else ""
        if name == "spynq" or (extra and extra not in (*_DEFAULT_EXTRAS, "board", "train")):
            continue
        if any(other.name == name for other in found):
            continue
        purpose = f"spynq[{extra}]" if extra else "spynq"
        found.append(Finding(name, _version(name), purpose, extra))
    return found


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _programs() -> list[Finding]:
    return [
        Finding(program, _program_version(program), purpose, package)
        for program, (package, purpose) in _PROGRAMS.items()
    ]


def _program_version(program: str) -> str | None:
    place = shutil.which(program)
    if place is None:
        return None
    flag = "-V" if program == "iverilog" else "--version"
    try:
        answer = subprocess.run([place, flag], capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return place
    number = re.search(r"\d+\.\d+(\.\d+)?", answer.stdout)
    return number[0] if number else place


def _headers() -> list[Finding]:
    compiler = shutil.which("g++")
    found = []
    for header, (package, purpose) in _HEADERS.items():
        present = None
        if compiler is not None:
            source = f"#include <{header}>\n"
            command = [compiler, "-E", "-x", "c++", "-"]
            answer = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
            present = "there" if answer.returncode == 0 else None
        found.append(Finding(header, present, purpose, package))
    return found


def _devices() -> list[Finding]:
    from spynq import devices

    return [_device(name) for name in devices.names()]


def _device(name: str) -> Finding:
    from spynq import devices

    try:
        if name == "rtl" and find_spec("spynq_sim") is None:
            return Finding(name, None, f"spynq_sim is not installed: {how_to_get('spynq_sim', 'sim')}")
        with devices.open_kernel("echo", name) as driver:
            identity = driver.kernel.ident
    except Exception as error:  # whatever a device does wrong, the others are still to be reported
        return Finding(name, None, " ".join(str(error).split()) or type(error).__name__)
    return Finding(name, f"works (echo kernel answered {identity})", "")
