"""Data sets by name, from files that are already there: nothing is downloaded."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from spynq_train.data.dataset import DataSet
from spynq_train.data.events import dvsgesture, n_mnist, saccade_digits
from spynq_train.data.images import cifar10, digits, fashion_mnist, mnist
from spynq_train.data.places import folder_of
from spynq_train.data.speech import spoken_digits

__all__ = ["DATA", "DataSet", "load"]

DATA: dict[str, Callable[[Path | None], DataSet]] = {
    "digits": digits,
    "mnist": mnist,
    "fashion-mnist": fashion_mnist,
    "cifar-10": cifar10,
    "n-mnist": n_mnist,
    "spoken-digits": spoken_digits,
    "dvsgesture": dvsgesture,
    "saccade-digits": saccade_digits,
}
"""Loaders by name."""


def load(
    name: str,
    folder: str | os.PathLike[str] | None = None,
    *,
    train: int | None = None,
    test: int | None = None,
) -> DataSet:
    """Load a data set.

    Parameters
    ----------
    name : str
        One of :data:`DATA`.
    folder : path, optional
        Where its files are; by default the environment variable ``SPYNQ_DATA`` says it.
    train, test : int, optional
        Take only the first samples of each part.

    Raises
    ------
    ValueError
        The name is not known, or there are not so many samples.
    spynq.errors.SpynqError
        The files are not there, or not what their format demands.
    """
    if name not in DATA:
        raise ValueError(f"unknown data set {name!r}; known data sets are {', '.join(DATA)}")
    return DATA[name](folder_of(folder)).limited(train, test)
