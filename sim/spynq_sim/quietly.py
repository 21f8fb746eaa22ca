"""What is used of pynq, imported without the warnings it gives off a board: take it from here.

pynq must find none of its own remote or accelerator devices, so their variables are looked at first.
"""

from __future__ import annotations

import os
import warnings

from spynq.errors import MissingDependency

__all__ = ["Device", "Overlay", "PynqBuffer", "RuntimeMetadataParser", "_InterruptController"]

for _variable in ("XILINX_XRT", "PYNQ_REMOTE_DEVICES"):
    if os.environ.get(_variable):
        raise MissingDependency(f"device rtl needs pynq's own devices switched off: unset {_variable}")

with warnings.catch_warnings():
    # pynq.gpio reports the processor as unsupported, and pkg_resources its own end.
    warnings.simplefilter("ignore")
    from pynq import Overlay
    from pynq.buffer import PynqBuffer
    from pynq.interrupt import _InterruptController
    from pynq.metadata.runtime_metadata_parser import RuntimeMetadataParser
    from pynq.pl_server.device import Device
