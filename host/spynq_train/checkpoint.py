"""Checkpoints: written in one piece, read without running what is in them, refused when they do not fit."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from spynq.errors import FormatError, SpynqError

__all__ = ["read", "write"]

_FORMAT = "spynq_train checkpoint 2"


def write(path: Path, identity: Mapping[str, object], state: Mapping[str, Any]) -> None:
    """Write a checkpoint; an interruption leaves the one before it.

    Parameters
    ----------
    path : pathlib.Path
    identity : mapping
        What must agree when it is read again: method, network, data, seed; plain values.
    state : mapping
        Tensors, numbers, lists and state dictionaries.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    torch.save({"format": _FORMAT, "identity": dict(identity), "state": dict(state)}, beside)
    beside.replace(path)


def read(path: Path, identity: Mapping[str, object]) -> dict[str, Any]:
    """State of a checkpoint of the same run.

    Raises
    ------
    spynq.errors.FormatError
        The file is no checkpoint of ours.
    spynq.errors.SpynqError
        It belongs to another network, data set or seed.
    """
    try:
        stored = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise FormatError(f"{path} is no checkpoint that can be read; remove it to begin anew") from error
    if not isinstance(stored, dict) or stored.get("format") != _FORMAT:
        raise FormatError(f"{path} is not a checkpoint of spynq train; remove it or name another")
    for key, wanted in identity.items():
        found = stored["identity"].get(key)
        if found != wanted:
            raise SpynqError(
                f"{path} is a checkpoint with {key} {found!r}, and this run has {wanted!r}; "
                "name another checkpoint, or remove it to begin anew"
            )
    state: dict[str, Any] = stored["state"]
    return state
