"""One family of exceptions: each message is one sentence with the value, the limit and the way out."""

from __future__ import annotations

__all__ = [
    "TOOLS",
    "BusError",
    "DeviceTimeout",
    "FormatError",
    "ImpossibleEvidence",
    "KernelMismatch",
    "MissingDependency",
    "SpynqError",
    "how_to_get",
]

TOOLS = {"spynq_hw": "spynq-tools", "spynq_sim": "spynq-tools", "spynq_train": "'spynq-tools[train]'"}
"""Packages that a board does without, and the distribution that holds them."""


class SpynqError(Exception):
    """Anything this project refuses or cannot finish."""


class MissingDependency(SpynqError, ImportError):
    """A package or program is absent; the message holds the command that gets it."""


def how_to_get(package: str, extra: str) -> str:
    """The command that installs a package: one of :data:`TOOLS`, else what an extra of spynq names."""
    return f"pip install {TOOLS[package]}" if package in TOOLS else f"pip install 'spynq[{extra}]'"


class KernelMismatch(SpynqError):
    """The bitstream's ID, version or capabilities do not fit the driver."""


class DeviceTimeout(SpynqError, TimeoutError):
    """A wait ended without what it waited for."""


class BusError(SpynqError):
    """An access met an error response or an address that nothing answers."""


class FormatError(SpynqError, ValueError):
    """A file is not what its format demands; the message has file and line."""


class ImpossibleEvidence(SpynqError, ValueError):
    """The evidence has probability zero, or no sample agreed with it."""
