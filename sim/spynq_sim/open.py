"""Entry point of device ``rtl``: drivers on the simulated board."""

from __future__ import annotations

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

from spynq_sim.quietly import Device, Overlay, _InterruptController

import spynq.ip
from spynq.kernels import get
from spynq_overlays.description import describe, manifest_of
from spynq_overlays.finder import folder as overlay_folder
from spynq_sim.cache import digest, folder
from spynq_sim.device import SimDevice

__all__ = ["activate", "open_kernel", "overlay_file"]


def overlay_file(name: str, config: Any = None) -> Path:
    """Bitstream to name to ``pynq.Overlay`` for a kernel build: ours, or a marker in the cache folder."""
    entry = get(name)
    chosen = entry.config_class() if config is None else config
    ours = overlay_folder(name) / f"{name}.bit.d" / f"{name}.rtl.bit"
    if ours.exists() and chosen == entry.config_class():
        return ours
    text = manifest_of(describe(name, [(f"{name}_0", name, chosen)]))
    place = folder() / "overlays" / digest(name, json.dumps(asdict(chosen), sort_keys=True))
    place.mkdir(parents=True, exist_ok=True)
    for file, content in (("manifest.json", text), (f"{name}.bit", "")):
        part = place / f"{file}.{os.getpid()}"
        part.write_text(content, encoding="utf-8")
        part.replace(place / file)
    return place / f"{name}.bit"


def open_kernel(name: str, config: Any = None, **options: Any) -> Any:
    """Driver of a kernel on a simulated board of its own.

    Parameters
    ----------
    name : str
        Kernel name.
    config : object, optional
        Build parameters.
    **options
        ``waves`` (an FST file) and the settings of :class:`spynq_sim.settings.SimSettings`.
    """
    device = SimDevice(f"rtl {name}", **options)
    before = getattr(Device, "_active_device", None)
    # Interrupts of pynq know the active device only.
    Device.active_device = device
    try:
        overlay = Overlay(str(overlay_file(name, config)), device=device)
        for cell in overlay.ip_dict:
            if "phys_addr" in overlay.ip_dict[cell]:
                getattr(overlay, cell)
        # pynq forgets its interrupt controllers when another device becomes active.
        device.controllers = list(_InterruptController._controllers)
        driver = spynq.ip.find(overlay, get(name).kernel)
    except BaseException:
        device.close()
        raise
    finally:
        if before is not None and before is not device:
            Device.active_device = before
    return driver


def activate(**options: Any) -> Any:
    """Make a new simulated board the active device of pynq, so that ``Overlay(name)`` loads onto it."""
    device = SimDevice(**options)
    Device.active_device = device
    return device
