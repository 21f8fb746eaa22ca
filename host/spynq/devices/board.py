"""The board: a kernel of an overlay that the real pynq has loaded into programmable logic."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

from spynq.errors import MissingDependency, SpynqError
from spynq.kernels import get

__all__ = ["open_kernel"]


def open_kernel(name: str, config: Any = None, *, bitstream: str | None = None, download: bool = True) -> Any:
    """Driver of the first instance of a kernel in an overlay.

    Parameters
    ----------
    name : str
        Kernel name.
    config : None
        A board has what its bitstream has; anything else is refused.
    bitstream : str, optional
        Overlay to load, by default ``<name>.bit``.
    download : bool
        False keeps what is loaded.
    """
    entry = get(name)
    if config is not None:
        raise SpynqError(f"a board runs the bitstream as it was built; open {name} without a config")
    if platform.machine() != "aarch64":
        raise MissingDependency(
            f"device board needs a PYNQ board (aarch64), and this machine is {platform.machine()}; "
            "use device golden or rtl"
        )
    from pynq import Overlay

    import spynq.ip

    file = bitstream or f"{name}.bit"
    try:
        overlay = Overlay(file, download=download)
        return spynq.ip.find(overlay, entry.kernel)
    except PermissionError as error:
        raise SpynqError(
            f"no permission for {error.filename or 'the programmable logic'}: pynq maps registers as root; "
            "use the notebook server of the image, or sudo -E python"
        ) from error
    except OSError as error:
        # pynq says only that the file does not exist.
        if Path(file).exists():
            raise
        raise SpynqError(
            f"the overlay {file} is not installed: build it with 'spynq overlay build {name}' where Vivado "
            "is, copy its .bit and .hwh beside this program, or name one with bitstream="
        ) from error
