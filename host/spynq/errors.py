"""One family of exceptions: each message is one sentence with the value, the limit and the way out."""

from __future__ import annotations

__all__ = [
    "BusError",
    "DeviceTimeout",
    "FormatError",
    "ImpossibleEvidence",
    "KernelMismatch",
    "MissingDependency",
    "SpynqError",
]


class SpynqError(Exception):
    """Anything this project refuses or cannot finish."""


class MissingDependency(SpynqError, ImportError):
    """A package or program is absent; the message holds the command that gets it."""


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
