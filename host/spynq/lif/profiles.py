"""What a NIR file does not say, library by library: reset, tie, time step, and the unit of tau.

Each profile is proved by spikes recorded from the library itself (``tests/lif/vectors``), in the version
named here.
"""

from __future__ import annotations

from dataclasses import dataclass

from spynq.lif.errors import LifError

__all__ = ["PROFILES", "Profile", "profile_of"]


@dataclass(frozen=True)
class Profile:
    """How one library's exporter writes its neurons, with the library's own defaults.

    Parameters
    ----------
    library : str
        Name and version that the recorded spikes come from.
    reset, tie : str
        See :class:`spynq.lif.graph.Neuron`.
    dt : float
        Seconds of a step in its files (1 where tau is in steps).
    exponential : bool
        The decay is ``exp(-dt/tau)``; else ``1 - dt/tau``.
    tau_times_dt : bool
        The file holds tau times dt (norse divides dt by the inverse of tau).
    if_gain : float or None
        Gain of an IF node per unit of r; None: such a node does not mean what the library does.
    note : str
        What the file leaves out and the profile takes for granted.
    """

    library: str
    reset: str
    tie: str
    dt: float
    exponential: bool = False
    tau_times_dt: bool = False
    if_gain: float | None = None
    note: str = ""


PROFILES = {
    "snntorch": Profile(
        "snntorch 1.0.0",
        reset="soft_delayed",
        tie=">",
        dt=1e-4,
        if_gain=1e-4,
        note="snnTorch's files are the same for every reset_mechanism; subtract, its default, was taken: "
        'give reset="hard" for reset_mechanism="zero", reset="none" for "none"',
    ),
    "spikingjelly": Profile("spikingjelly 2.0.0", reset="hard", tie=">=", dt=1e-4, if_gain=1e-4),
    "norse": Profile("norse 1.1.0", reset="hard", tie=">", dt=1e-3, tau_times_dt=True, if_gain=1.0),
    "sinabs": Profile(
        "sinabs 3.1.3",
        reset="soft",
        tie=">=",
        dt=1.0,
        exponential=True,
        note="sinabs' files do not hold norm_input and spike_fn; norm_input=True, its default, and one spike "
        "per step (spike_fn=SingleSpike; its default is several) were taken",
    ),
}
"""The profiles by name."""


def profile_of(name: str | None) -> Profile | None:
    """The profile called ``name``.

    Raises
    ------
    LifError
        E06: an unknown name, answered with the known ones.
    """
    if name is None or name in PROFILES:
        return PROFILES[name] if name else None
    raise LifError("E06", f"unknown profile {name!r}; known profiles are {', '.join(PROFILES)}")
