"""Transcripts: the register and memory traffic of a run, recorded on one device, replayed on another.

The first run on a board becomes a test that anybody can repeat without one.
"""

from spynq.transcript.entry import Entry, Transcript, load
from spynq.transcript.record import record
from spynq.transcript.replay import Replay, TranscriptMismatch, replay

__all__ = ["Entry", "Replay", "Transcript", "TranscriptMismatch", "load", "record", "replay"]
