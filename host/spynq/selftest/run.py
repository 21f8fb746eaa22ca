"""Runs the checks of one device and gathers the report."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timezone
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from spynq import __version__
from spynq.devices import default, open_kernel
from spynq.errors import SpynqError
from spynq.kernels import get, kernels
from spynq.selftest.board_checks import BOARD_CHECKS
from spynq.selftest.kernel_checks import KERNEL_CHECKS, Skipped, event_loop
from spynq.selftest.report import FAILED, PASSED, SKIPPED, Check, KernelReport, Report

__all__ = ["examine"]

Tell = Callable[[str, Check], None]


def _one(name: str, action: Callable[..., tuple[str, dict[str, float]]], *arguments: Any) -> Check:
    begin = time.perf_counter()

    def check(state: str, detail: str, figures: dict[str, float] | None = None) -> Check:
        return Check(name, state, detail, time.perf_counter() - begin, figures or {})

    try:
        detail, figures = action(*arguments)
    except Skipped as reason:
        return check(SKIPPED, str(reason))
    except Exception as error:
        # Whatever goes wrong on somebody's board belongs into the report, not on the screen alone.
        return check(FAILED, f"{type(error).__name__}: {error}")
    return check(PASSED, detail, figures)


def _kernel(driver: Any, seed: int, tell: Tell) -> KernelReport:
    name, found = driver.kernel.name, []
    for title, action in KERNEL_CHECKS.items():
        check = _one(title, action, driver, seed)
        found.append(check)
        tell(name, check)
        if title == "handshake" and check.state == FAILED:
            break
    capabilities: dict[str, int] = {}
    with suppress(SpynqError):
        capabilities = driver.capabilities
    return KernelReport(name, capabilities, tuple(found))


def _board(driver: Any, tell: Tell) -> list[Check]:
    found = []
    for title, action in BOARD_CHECKS.items():
        found.append(_one(title, action, driver))
        tell("", found[-1])
    return found


def _host() -> dict[str, str]:
    found = {"spynq": __version__, "python": platform.python_version(), "machine": platform.machine()}
    found["system"] = platform.platform()
    found["time"] = datetime.now(timezone.utc).isoformat(timespec="seconds")
    # PYNQ images name their board there.
    if board := os.environ.get("BOARD"):
        found["board"] = board
    for package in ("numpy", "pynq"):
        with suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def examine(
    names: Iterable[str] = (),
    device: str | None = None,
    *,
    configs: Mapping[str, Any] | None = None,
    seed: int = 1,
    tell: Tell = lambda kernel, check: None,
    **options: Any,
) -> Report:
    """Test a device with its kernels.

    Parameters
    ----------
    names : iterable of str
        Kernels; all of the registry if none is named.
    device : str, optional
        ``"board"``, ``"rtl"`` or ``"golden"``; by default :func:`spynq.devices.default`.
    configs : mapping of str to object, optional
        Build parameters by kernel, for devices that build.
    seed : int
        Of the numbers used.
    tell : callable
        Called with the kernel's name (empty for the board) and each check, as soon as it has run.
    **options
        Settings of the device.

    Returns
    -------
    Report
        Every check, whether it passed or not. A kernel that cannot be opened is a failed check.
    """
    chosen = device or default()
    event_loop()  # before a driver is opened, which is when pynq asks for one
    board: list[Check] = []
    reports = []
    for name in names or kernels():
        get(name)
        try:
            driver = open_kernel(name, chosen, (configs or {}).get(name), **options)
        except Exception as error:
            check = Check("open", FAILED, f"{type(error).__name__}: {error}")
            tell(name, check)
            reports.append(KernelReport(name, {}, (check,)))
            continue
        with driver:
            board = board or _board(driver, tell)
            reports.append(_kernel(driver, seed, tell))
    return Report(chosen, _host(), tuple(board), tuple(reports))
