"""Reset, tie and time step of a neuron: from the file, an argument or a profile, never from nowhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from spynq.lif.errors import LifError
from spynq.lif.graph import POLICIES, RESETS, TIES
from spynq.lif.profiles import PROFILES, Profile, profile_of

__all__ = ["METADATA", "Conventions"]

METADATA = {
    "reset": "hard, soft, soft_delayed or none",
    "compare": ">= or >",
    "dt": "seconds of a step",
    "subtract": "what a soft reset takes away (v_threshold)",
    "refractory": "steps without a spike after a spike (0)",
    "refractory_policy": "freeze, leak or integrate",
}
"""Keys of a neuron's metadata (or of the graph's, for all) that the reader knows and the writer writes."""

_RESET_WORDS = {"zero": "hard", "subtract": "soft"}


@dataclass
class Conventions:
    """What a user or a profile said, to be completed by what each node says itself.

    Parameters
    ----------
    profile, dt, reset, tie
        As given to :func:`spynq.lif.load`.
    file : mapping
        Metadata of the graph.
    """

    profile: str | None = None
    dt: float | None = None
    reset: str | None = None
    tie: str | None = None
    file: Mapping[str, Any] = field(default_factory=dict)
    chosen: dict[str, set[str]] = field(default_factory=dict)
    """What was taken, and from where: ``{"reset": {"soft (profile snntorch)"}}``."""

    def __post_init__(self) -> None:
        self._profile: Profile | None = profile_of(self.profile)
        self._check("reset", self.reset, RESETS)
        self._check("tie", self.tie, TIES)
        if self.dt is not None and not 0 < self.dt < float("inf"):
            raise LifError("E06", f"dt must be a time in seconds above 0, not {self.dt!r}; give dt=1e-4")

    @property
    def rules(self) -> Profile | None:
        """The profile, if one was named."""
        return self._profile

    @staticmethod
    def _check(name: str, value: Any, known: tuple[str, ...]) -> None:
        if value is not None and value not in known:
            raise LifError("E06", f"{name} takes {', '.join(known)}, not {value!r}; give one of these")

    def _take(self, layer: str, name: str, key: str, own: Mapping[str, Any], given: Any) -> Any:
        written = own.get(key, self.file.get(key))
        written = _RESET_WORDS.get(written, written) if key == "reset" else written
        if written is not None and given is not None and written != given:
            raise LifError(
                "E06",
                f"layer {layer!r}: the file says {name} {written}, and {name}={given!r} was given; "
                f"leave {name} out, or correct the file",
            )
        if written is not None:
            value, source = written, "file"
        elif given is not None:
            value, source = given, "argument"
        elif self._profile is not None:
            value, source = getattr(self._profile, name), f"profile {self.profile}"
        else:
            examples = {"reset": '"hard", "soft" or "soft_delayed"', "tie": '">=" or ">"', "dt": "1e-4"}
            raise LifError(
                "E06",
                f"layer {layer!r}: the file does not say {name}, and a wrong one changes the network; give "
                f"{name}={examples[name]}, or profile= one of {', '.join(PROFILES)}, or write {key!r} into "
                "the metadata of the node",
            )
        self.chosen.setdefault(name, set()).add(f"{value} ({source})")
        return value

    def reset_of(self, layer: str, own: Mapping[str, Any]) -> str:
        """How the neurons of a layer are reset."""
        value = self._take(layer, "reset", "reset", own, self.reset)
        self._check("reset", value, RESETS)
        return str(value)

    def tie_of(self, layer: str, own: Mapping[str, Any]) -> str:
        """Whether they fire at the threshold."""
        value = self._take(layer, "tie", "compare", own, self.tie)
        self._check("tie", value, TIES)
        return str(value)

    def dt_of(self, layer: str, own: Mapping[str, Any]) -> float:
        """Seconds of a step."""
        return float(self._take(layer, "dt", "dt", own, self.dt))

    def states_dt(self, own: Mapping[str, Any]) -> bool:
        """Whether the file itself names its time step."""
        return "dt" in own or "dt" in self.file

    @staticmethod
    def refractory_of(layer: str, own: Mapping[str, Any]) -> tuple[int, str]:
        """Steps and policy of the refractory period."""
        steps, policy = int(own.get("refractory", 0)), str(own.get("refractory_policy", "freeze"))
        if not 0 <= steps <= 3:
            raise LifError(
                "E07",
                f"layer {layer!r}: refractory period of {steps} steps, and 0 to 3 are possible; shorten it",
            )
        if policy not in POLICIES:
            raise LifError(
                "E03", f"layer {layer!r}: refractory_policy takes {', '.join(POLICIES)}, not {policy!r}"
            )
        return steps, policy

    def told(self) -> dict[str, str]:
        """One line per convention, for reports."""
        return {name: ", ".join(sorted(values)) for name, values in self.chosen.items()}
