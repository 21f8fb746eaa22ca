"""Builds of the engine, read from an engine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spynq.lif.params import LifConfig

__all__ = ["build_of"]


def build_of(capabilities: Mapping[str, int]) -> LifConfig:
    """Build parameters of an engine, from its capability registers."""
    names = [name.removeprefix("CAP_").lower() for name in capabilities]
    values = dict(zip(names, capabilities.values(), strict=True))
    known: dict[str, Any] = {name: values[name] for name in vars(LifConfig()) if name in values}
    return LifConfig(**{**known, "dsp": bool(known.get("dsp", 0))})
