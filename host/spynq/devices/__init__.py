"""Devices by name: the same driver on the golden model, on simulated RTL, on a board."""

from __future__ import annotations

import os
import platform
from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from spynq.errors import MissingDependency, SpynqError, how_to_get

__all__ = ["default", "names", "on_board", "open_kernel", "use"]

_BUILT_IN = {
    "golden": "spynq.devices.golden",
    "rtl": "spynq_sim.open",
    "board": "spynq.devices.board",
}

_EXTRA = {"rtl": "sim", "board": "board"}

_chosen: str | None = None


def names() -> tuple[str, ...]:
    """Devices that :func:`open_kernel` knows: ours, then those other packages offer as ``spynq.devices``."""
    return tuple(dict.fromkeys([*_BUILT_IN, *(point.name for point in entry_points(group="spynq.devices"))]))


def on_board() -> bool:
    """Whether this is a Zynq UltraScale+ board: its processor, and an FPGA manager to load."""
    return platform.machine() == "aarch64" and Path("/sys/class/fpga_manager/fpga0").exists()


def default() -> str:
    """The device used when none is named: by :func:`use`, ``SPYNQ_DEVICE``, ``board`` on one, ``golden``."""
    return _chosen or os.environ.get("SPYNQ_DEVICE") or ("board" if on_board() else "golden")


def _module(device: str) -> Any:
    place = _BUILT_IN.get(device)
    if place is None:
        for point in entry_points(group="spynq.devices"):
            if point.name == device:
                place = point.module
    if place is None:
        raise ValueError(f"unknown device {device!r}; known devices are {', '.join(names())}")
    try:
        return import_module(place)
    except MissingDependency:
        raise
    except ImportError as error:
        raise _missing(device, error) from error


def _missing(device: str, error: ImportError) -> MissingDependency:
    package = error.name or "a package"
    command = how_to_get(package.partition(".")[0], _EXTRA.get(device, device))
    return MissingDependency(f"device {device} needs {package}, which is not installed: {command}")


def open_kernel(name: str, device: str | None = None, config: Any = None, **options: Any) -> Any:
    """Driver of one kernel on a device.

    Parameters
    ----------
    name : str
        Kernel name, such as ``"stm"``.
    device : str, optional
        One of :func:`names`; by default :func:`default`.
    config : object, optional
        Build parameters (``StmConfig(...)``). By default the kernel's own; a board has what its
        bitstream has, so there it must be left out.
    **options
        Settings of the device, refused by name if it has no such setting.

    Returns
    -------
    KernelDriver
        A context manager; ``close()`` releases the device.
    """
    chosen = device or default()
    opener: Callable[..., Any] = _module(chosen).open_kernel
    try:
        return opener(name, config, **options)
    except ModuleNotFoundError as error:
        # A device imports its tools when a kernel needs them: Amaranth only to write Verilog.
        raise _missing(chosen, error) from error


def use(device: str, **options: Any) -> None:
    """Make ``device`` the default; with ``"rtl"``, plain ``pynq.Overlay`` loads onto it from now on.

    Parameters
    ----------
    device : str
        One of :func:`names`.
    **options
        Settings of the device.
    """
    global _chosen
    module = _module(device)
    activate = getattr(module, "activate", None)
    if activate is not None:
        activate(**options)
    elif options:
        raise SpynqError(f"device {device} has no settings, yet {', '.join(options)} came")
    _chosen = device
