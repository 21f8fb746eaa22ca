"""Checks of the board around the kernels: clock and power rails. Off a board they say what they missed."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from spynq.errors import SpynqError
from spynq.selftest.kernel_checks import Outcome, Skipped

__all__ = ["BOARD_CHECKS"]

_CLOCK_TOLERANCE = 0.01
"""Share by which the clock may miss what was asked, or what the dividers of the PLL reach of it."""


def clock(driver: Any) -> Outcome:
    """PL clock 0 runs as fast as the overlay was built for."""
    if not hasattr(driver, "device"):
        raise Skipped("this device has no clock")
    clocks = import_module("pynq").Clocks
    found = float(clocks.fclk0_mhz)
    bitfile = getattr(driver.device, "bitfile_name", None)
    if not bitfile:
        return f"{found:.3f} MHz; the overlay says nothing of it", {"clock_mhz": found}
    wanted = import_module("spynq_overlays.finder").description_of(bitfile).clock_mhz
    nearest = import_module("spynq_overlays.hwh").reachable_mhz(wanted)
    if min(abs(found - wanted), abs(found - nearest)) > _CLOCK_TOLERANCE * wanted:
        raise SpynqError(
            f"PL clock 0 runs at {found:.3f} MHz and the overlay was built for {wanted:g} "
            f"(the processor's dividers reach {nearest:.3f}); set pynq.Clocks.fclk0_mhz = {wanted:g}, "
            "or load the overlay again"
        )
    return f"{found:.3f} MHz, built for {wanted:g}", {"clock_mhz": found}


def power(driver: Any) -> Outcome:
    """Power rails, where PMBus offers them."""
    if not hasattr(driver, "device") or getattr(driver.device, "name", "") == "rtl":
        raise Skipped("this device has no power rails")
    rails = import_module("pynq").get_rails()
    if not rails:
        raise Skipped("PMBus offers no rails here")
    figures = {
        f"{name}_watts": float(rail.power.value)
        for name, rail in rails.items()
        if getattr(rail, "power", None) is not None
    }
    return f"{len(rails)} rails", figures


BOARD_CHECKS = {"clock": clock, "power": power}
