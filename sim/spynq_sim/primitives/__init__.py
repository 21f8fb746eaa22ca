"""Models of device primitives in exported Verilog; simulators need them, synthesis does not."""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["with_models"]


def with_models(verilog: str) -> str:
    """The Verilog unchanged, followed by a model of every primitive that it instantiates."""
    models = sorted(Path(__file__).parent.glob("*.v"))
    used = [path for path in models if re.search(rf"(?mi)^\s*{path.stem}\b\s*(#|\w|\\)", verilog)]
    return "\n".join([verilog, *(path.read_text(encoding="utf-8") for path in used)])
