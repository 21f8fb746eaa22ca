"""The benchmark set: who makes which gesture under which light, and where the events are kept."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spynq.cache import folder
from spynq.events.recording import EventArray, Recording, pack
from spynq.sgf.synthetic.movement import GESTURES, OTHER, RATE, move
from spynq.sgf.synthetic.pixel import LIGHTS, expose
from spynq.sgf.synthetic.render import SIZE, backdrop, pictures
from spynq.sgf.synthetic.subject import GENERATOR, draw_subject

__all__ = ["Take", "benchmark", "record", "recordings"]

_SECONDS, _MOST = 5, 82_000
_TRAINING = (range(18), 2)
_TEST = (range(18, 26), 3)


@dataclass(frozen=True)
class Take:
    """One trial of the set.

    Attributes
    ----------
    subject, gesture, take : int
        Person, class (1 to 11) and repetition; they are the seed.
    light : int
        Index of :data:`~spynq.sgf.synthetic.LIGHTS`.
    part : str
        ``"train"``, ``"test"``, or ``"unknown"`` for the gestures of class 11.
    """

    subject: int
    gesture: int
    take: int
    light: int
    part: str

    @property
    def name(self) -> str:
        """Name of its file, without an end."""
        light = LIGHTS[self.light].name
        return f"subject{self.subject:02d}_gesture{self.gesture:02d}_take{self.take}_{light}"


def benchmark(part: str | None = None) -> list[Take]:
    """The 624 trials, or those of one part.

    Training: 18 people, 2 takes of 10 gestures (36 a class); test: 8 other people, 3 takes (24 a
    class); unknown: the same 8 people, 3 takes of class 11. Four lights take turns.

    Parameters
    ----------
    part : str, optional
        ``"train"``, ``"test"`` or ``"unknown"``.
    """
    if part not in (None, "train", "test", "unknown"):
        raise ValueError(f"parts are train, test and unknown, not {part!r}")
    found = []
    for name, (subjects, takes) in (("train", _TRAINING), ("test", _TEST)):
        for subject in subjects:
            for gesture in GESTURES:
                if name == "train" and gesture == OTHER:
                    continue
                label = "unknown" if gesture == OTHER else name
                for take in range(takes):
                    light = (subject + gesture + take) % len(LIGHTS)
                    found.append(Take(subject, gesture, take, light, label))
    return [take for take in found if part in (None, take.part)]


def record(take: Take) -> EventArray:
    """Events of one trial, made anew: at most 5 s or 82,000 events."""
    rng = np.random.default_rng([GENERATOR, take.subject, take.gesture, take.take])
    subject, steps = draw_subject(take.subject), _SECONDS * RATE
    pose = move(subject, take.gesture, rng, steps)
    scene = pictures(subject, pose, backdrop(rng))
    return expose(scene, LIGHTS[take.light], rng, steps, _MOST)


def recordings(
    takes: Iterable[Take] | None = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    progress: bool = False,
) -> Iterator[tuple[Take, Recording]]:
    """Trials with their events; each is made once, some 0.2 s, and then read.

    Parameters
    ----------
    takes : iterable of Take, optional
        By default all of :func:`benchmark`.
    cache : path, optional
        Where events are kept (140 MB for all); by default ``synthetic`` in ``SPYNQ_CACHE``, else in
        ``spynq`` in the user's cache folder.
    progress : bool
        Show a bar.
    """
    from tqdm import tqdm

    chosen: Sequence[Take] = benchmark() if takes is None else list(takes)
    place = (Path(cache) if cache else folder() / "synthetic") / str(GENERATOR)
    place.mkdir(parents=True, exist_ok=True)
    for take in tqdm(chosen, "recordings", unit="trial", disable=not progress, leave=False, delay=2):
        path = place / f"{take.name}.npz"
        if path.exists():
            events = _read(path)
        else:
            events = record(take)
            _write(path, events)
        yield take, Recording(events, SIZE, SIZE, "synthetic")


def _write(path: Path, events: EventArray) -> None:
    """Steps of time and packed pixels; put into place whole, so that an interruption leaves no half."""
    steps = np.diff(events["t"], prepend=0).astype(np.uint32)
    pixel = events["y"].astype(np.uint16) * SIZE + events["x"]
    part = path.with_name(f"{path.stem}.{os.getpid()}.part.npz")
    np.savez_compressed(part, steps=steps, pixel=pixel, p=np.packbits(events["p"]))
    part.replace(path)


def _read(path: Path) -> EventArray:
    with np.load(path) as kept:
        t = np.cumsum(kept["steps"], dtype=np.int64)
        y, x = np.divmod(kept["pixel"], SIZE)
        return pack(t, x, y, np.unpackbits(kept["p"], count=len(t)))
