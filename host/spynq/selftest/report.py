"""What a self-test found, as data a user can send."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["FAILED", "PASSED", "SKIPPED", "Check", "KernelReport", "Report"]

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"


@dataclass(frozen=True)
class Check:
    """One check.

    Parameters
    ----------
    name : str
        What was checked.
    state : str
        ``"passed"``, ``"failed"`` or ``"skipped"``.
    detail : str
        What was seen; of a failure or a skip, why.
    seconds : float
        Wall-clock time it took.
    figures : dict of str to float
        Numbers measured by the way, with their unit in the name.
    """

    name: str
    state: str
    detail: str = ""
    seconds: float = 0.0
    figures: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class KernelReport:
    """All checks of one kernel, with its build parameters."""

    kernel: str
    capabilities: dict[str, int]
    checks: tuple[Check, ...]


@dataclass(frozen=True)
class Report:
    """A whole self-test.

    Parameters
    ----------
    device : str
        Device it ran on.
    host : dict of str to str
        Machine, system and versions.
    checks : tuple of Check
        Checks of the board itself.
    kernels : tuple of KernelReport
        One per kernel.
    """

    device: str
    host: dict[str, str]
    checks: tuple[Check, ...]
    kernels: tuple[KernelReport, ...]

    @property
    def all_checks(self) -> tuple[Check, ...]:
        """Every check, the board's first."""
        return self.checks + tuple(check for kernel in self.kernels for check in kernel.checks)

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return all(check.state != FAILED for check in self.all_checks)

    def as_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {**asdict(self), "passed": self.passed}
