"""Spike gating flow: event cameras in, gestures out, learnt on the chip from a few examples.

:class:`SGF` teaches and asks, on any device::

    from spynq.sgf import SGF, gestures

    with SGF(gestures()) as sgf:
        sgf.fit(trials, labels)          # thresholds from the trials, then one pass
        answer = sgf.infer(trial)        # answer.winner, .scores, .vectors, .gates, .flags
        sgf.explain().plot()

Events become frames (:mod:`.frames`), frames ST cores and marginals (:mod:`.cores`), these become
statistics (:mod:`.spatial`, :mod:`.temporal`), statistics bits, and bits count for or against a class
(:mod:`.counters`); :mod:`.golden` puts them together in integers, and the gateware equals it bit for bit.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from spynq.sgf.params import SgfConfig
    from spynq.sgf.presets import GESTURE_CLASSES, flat, gestures
    from spynq.sgf.reproduce import reproduce_dvsgesture
    from spynq.sgf.result import Result
    from spynq.sgf.setup import Group, Setup, Turn
    from spynq.sgf.sgf import SGF

__all__ = [
    "GESTURE_CLASSES",
    "SGF",
    "Group",
    "Result",
    "Setup",
    "SgfConfig",
    "Turn",
    "flat",
    "gestures",
    "reproduce_dvsgesture",
]

# Imported when first asked for: a driver on a board needs none of them.
_PLACES = {
    "GESTURE_CLASSES": "presets",
    "SGF": "sgf",
    "Group": "setup",
    "Result": "result",
    "Setup": "setup",
    "SgfConfig": "params",
    "Turn": "setup",
    "flat": "presets",
    "gestures": "presets",
    "reproduce_dvsgesture": "reproduce",
}


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"spynq.sgf.{_PLACES[name]}"), name)
