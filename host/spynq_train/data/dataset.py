"""What a data set is, once it is in memory, and how parts of it are drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["DataSet", "Labels", "Values", "split"]

Values = NDArray[Any]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class DataSet:
    """Samples and labels of both parts.

    Attributes
    ----------
    name : str
    kind : {"images", "events"}
        Images are ``[N, C, H, W]`` in 0 to 1; events are ``[N, T, C, H, W]`` spike counts per step.
    train, test : numpy.ndarray
    train_labels, test_labels : numpy.ndarray of int64
        Classes from 0.
    classes : int
    source : str
        Where it came from and which part it is, for reports.
    levels : int
        Pixels are multiples of 1 / levels.
    """

    name: str
    kind: Literal["images", "events"]
    train: Values
    train_labels: Labels
    test: Values
    test_labels: Labels
    classes: int
    source: str
    levels: int = 255

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height and width of one step."""
        channels, height, width = self.train.shape[-3:]
        return channels, height, width

    def limited(self, train: int | None, test: int | None) -> DataSet:
        """The first ``train`` and ``test`` samples of each part.

        Raises
        ------
        ValueError
            There are not so many.
        """
        for wanted, part, name in ((train, self.train, "training"), (test, self.test, "test")):
            if wanted is not None and not 1 <= wanted <= len(part):
                raise ValueError(
                    f"{self.name} has {len(part):,} {name} samples, and {wanted:,} are asked for; take 1 to "
                    f"{len(part):,}"
                )
        return replace(
            self,
            train=self.train[:train],
            train_labels=self.train_labels[:train],
            test=self.test[:test],
            test_labels=self.test_labels[:test],
        )

    def held_out(self, count: int) -> tuple[DataSet, DataSet]:
        """Without the last ``count`` training samples, and with them as the test part.

        Raises
        ------
        ValueError
            Nothing would be left to train on.
        """
        if not 1 <= count < len(self.train):
            raise ValueError(
                f"{self.name} has {len(self.train):,} training samples, and {count:,} are to be held out; "
                f"hold out 1 to {len(self.train) - 1:,}"
            )
        kept = replace(self, train=self.train[:-count], train_labels=self.train_labels[:-count])
        return kept, replace(kept, test=self.train[-count:], test_labels=self.train_labels[-count:])


def split(
    labels: Sequence[int] | Labels, test: int, seed: int = 0
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Places of training and test samples of a set that has no parts: drawn once, classes evenly.

    Parameters
    ----------
    labels : sequence of int
    test : int
        Samples in the test part.
    seed : int
        Of the draw; the same in every run.
    """
    from sklearn.model_selection import train_test_split

    places = np.arange(len(labels))
    kept, held = train_test_split(places, test_size=test, random_state=seed, stratify=labels)
    return np.sort(kept), np.sort(held)
