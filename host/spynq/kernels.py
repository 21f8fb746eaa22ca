"""The registry of kernels: one line each; all that is generic iterates over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from spynq.contract import Kernel

__all__ = ["KernelEntry", "get", "kernels"]


@dataclass(frozen=True)
class KernelEntry:
    """Where the parts of a kernel live, as ``"module:attribute"``, imported when first asked for.

    Parameters
    ----------
    name : str
        Short name.
    declaration : str
        The :class:`~spynq.contract.Kernel`.
    config : str
        Class of its build parameters, with ``capabilities()``.
    driver : str
        Driver class (a :class:`~spynq.driver.KernelDriver`).
    model : str
        Golden device: a class made with a config, whose ``start(registers, memory)`` does one run.
    gateware : str
        Amaranth core, made with a config (needs ``spynq[hw]``).
    """

    name: str
    declaration: str
    config: str
    driver: str
    model: str
    gateware: str

    @staticmethod
    def _load(place: str) -> Any:
        module, _, attribute = place.partition(":")
        return getattr(import_module(module), attribute)

    @property
    def kernel(self) -> Kernel:
        """The declaration."""
        kernel: Kernel = self._load(self.declaration)
        return kernel

    @property
    def config_class(self) -> Any:
        """Class of the build parameters."""
        return self._load(self.config)

    @property
    def driver_class(self) -> Any:
        """Driver class."""
        return self._load(self.driver)

    @property
    def model_class(self) -> Any:
        """Golden device class."""
        return self._load(self.model)

    @property
    def gateware_class(self) -> Callable[..., Any]:
        """Amaranth core class."""
        gateware: Callable[..., Any] = self._load(self.gateware)
        return gateware


def _entry(name: str) -> KernelEntry:
    base = f"spynq.{name}"
    title = name.capitalize()
    return KernelEntry(
        name,
        declaration=f"{base}.params:KERNEL",
        config=f"{base}.params:{title}Config",
        driver=f"{base}.driver:{title}Driver",
        model=f"{base}.model:{title}Model",
        gateware=f"spynq_hw.{name}:{title}",
    )


_KERNELS = {name: _entry(name) for name in ("stm", "lif", "echo")}


def kernels() -> Mapping[str, KernelEntry]:
    """All kernels by name: ours, then those that other packages offer as ``spynq.kernels``."""
    found = dict(_KERNELS)
    for point in entry_points(group="spynq.kernels"):
        entry = point.load()
        found.setdefault(entry.name, entry)
    return found


def get(name: str) -> KernelEntry:
    """The kernel called ``name``; an unknown name is answered with the known ones."""
    known = kernels()
    if name not in known:
        raise ValueError(f"unknown kernel {name!r}; known kernels are {', '.join(sorted(known))}")
    return known[name]
