"""Recordings of event cameras: any of ten formats in, one structured array out.

:func:`load` recognises the format from the first bytes of a file and gives a :class:`Recording` with
the fields t (microseconds), x, y and p. A file that is cut or damaged gives what stands before the
damage, with an :class:`EventWarning`; one of which nothing can be read raises
:class:`spynq.errors.FormatError` with the file and the byte. NumPy is enough, except for packed
AEDAT 4 (the extra ``events``) and pictures (the extra ``plot``).
"""

from __future__ import annotations

from spynq.events.dvsgesture import Label, Trial, gesture_files, gesture_labels, gesture_trials
from spynq.events.files import FORMATS, convert, load, save
from spynq.events.picture import image, play, plot
from spynq.events.recording import EVENT, EventWarning, Recording, from_array, pack

__all__ = [
    "EVENT",
    "FORMATS",
    "EventWarning",
    "Label",
    "Recording",
    "Trial",
    "convert",
    "from_array",
    "gesture_files",
    "gesture_labels",
    "gesture_trials",
    "image",
    "load",
    "pack",
    "play",
    "plot",
    "save",
]
