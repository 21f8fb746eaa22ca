"""The registry of kernels: one line each; all that is generic iterates over it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from importlib.metadata import entry_points
from itertools import product
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

    def config_from(self, capabilities: Mapping[str, int]) -> Any:
        """The build parameters that give these capability registers.

        Parameters
        ----------
        capabilities : mapping of str to int
            As a driver reads them from the kernel.

        Raises
        ------
        ValueError
            No build of this version has them.
        """
        known = {item.name: item.default for item in fields(self.config_class)}
        read = {name: capabilities.get(f"CAP_{name.upper()}", known[name]) for name in known}
        # A capability reads 0 where its part is absent, whatever the parameter was.
        other = {name: known[name] for name, value in read.items() if not value}
        # What 1 switches on may tell its size.
        other |= dict.fromkeys((name for name, value in read.items() if not known[name] and value), 1)
        for choice in product((False, True), repeat=len(other)):
            changed = {name: other[name] for name, chosen in zip(other, choice, strict=True) if chosen}
            try:
                config = self.config_class(**{**read, **changed})
            except (TypeError, ValueError):
                continue
            if config.capabilities() == dict(capabilities):
                return config
        listed = ", ".join(f"{name} = {value}" for name, value in capabilities.items())
        raise ValueError(
            f"no build of {self.name} has {listed}; install the spynq the overlay was built with"
        )

    def selftest(self, name: str) -> Any:
        """A function of the kernel's module ``selftest`` beside its driver, if there is one.

        ``runs(driver, seed)`` yields names and results that are equal on every device; ``moved(driver)``
        moves much data in one run, and returns how many bytes. ``TIMED`` names registers that count
        clocks, and ``untold(driver, memory)`` yields addresses and masks of bytes that the last run wrote
        and the contract does not tell.
        """
        return self._beside("selftest", name)

    def twin(self, config: Any = None) -> Mapping[str, Any]:
        """Constants of the HLS twin's header, of a build; empty for a kernel without a twin."""
        constants = self._beside("twin", "constants")
        found: Mapping[str, Any] = {}
        if constants is not None:
            found = constants(self.config_class() if config is None else config)
        return found

    def _beside(self, module: str, name: str) -> Any:
        """An attribute of a module beside the driver's, if there is one."""
        place = f"{self.driver.partition(':')[0].rpartition('.')[0]}.{module}"
        try:
            return getattr(import_module(place), name, None)
        except ModuleNotFoundError as error:
            if error.name != place:
                raise
            return None


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


_KERNELS = {name: _entry(name) for name in ("stm", "lif", "sgf", "echo")}


def kernels() -> Mapping[str, KernelEntry]:
    """All kernels by name: ours, then those that other packages offer as ``spynq.kernels``."""
    found = dict(_KERNELS)
    for point in entry_points(group="spynq.kernels"):
        entry = point.load()
        found.setdefault(entry.name, entry)
    return found


def get(name: str) -> KernelEntry:
    """The kernel called ``name``; an unknown name is answered with the known ones."""
    if name in _KERNELS:
        # Without a look at what is installed, which takes tens of milliseconds.
        return _KERNELS[name]
    known = kernels()
    if name not in known:
        raise ValueError(f"unknown kernel {name!r}; known kernels are {', '.join(sorted(known))}")
    return known[name]
