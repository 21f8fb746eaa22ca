"""Gestures of puppets in front of a modelled event camera: a benchmark that anybody can make again.

:func:`benchmark` lists the 624 trials, :func:`recordings` gives them with their events, made when first
asked for and then kept on disk. A person is drawn from a seed (:mod:`.subject`), moves two arms
(:mod:`.movement`), is painted at 200 pictures per second (:mod:`.render`) and seen by pixels that send
events (:mod:`.pixel`). Every machine makes the same events. The scene is cleaner than any real one:
accuracies on it tell whether a change helps, not how well people are recognised.
"""

from __future__ import annotations

from spynq.sgf.synthetic.benchmark import Take, benchmark, record, recordings
from spynq.sgf.synthetic.movement import GESTURES, OTHER
from spynq.sgf.synthetic.pixel import LIGHTS, Light
from spynq.sgf.synthetic.subject import Subject, draw_subject

__all__ = [
    "GESTURES",
    "LIGHTS",
    "OTHER",
    "Light",
    "Subject",
    "Take",
    "benchmark",
    "draw_subject",
    "record",
    "recordings",
]
