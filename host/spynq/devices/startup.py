"""Lets ``SPYNQ_DEVICE=rtl`` reach plain ``from pynq import Overlay``, with no import changed.

pynq looks for devices when the first is used, among the classes that exist by then. The file
``spynq_device.pth`` beside the installed packages imports this module when the variable is set;
it waits for the import of pynq and adds the simulated device's class right after it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

__all__ = ["install"]

_DEVICE_MODULE = "spynq_sim.device"


class _Then(Loader):
    """Loads pynq as it is, then the module of the simulated device."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._loader.exec_module(module)
        importlib.import_module(_DEVICE_MODULE)


class _AfterPynq(MetaPathFinder):
    """Notices the first import of pynq, once."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != "pynq":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _Then(spec.loader)
        return spec


def install() -> None:
    """Act if ``SPYNQ_DEVICE`` asks for the simulated device and pynq is not imported yet."""
    if os.environ.get("SPYNQ_DEVICE") == "rtl" and "pynq" not in sys.modules:
        sys.meta_path.insert(0, _AfterPynq())


install()
