"""What a user of a board is told when the overlay or the rights are missing."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any

import spynq_sim.quietly  # noqa: F401

import pynq
import pytest

from spynq.devices import open_kernel
from spynq.errors import SpynqError


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes this machine look like one, with an Overlay that fails as asked."""
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")

    def failing(error: Exception) -> None:
        def overlay(*arguments: Any, **options: Any) -> Any:
            raise error

        monkeypatch.setattr(pynq, "Overlay", overlay)

    return failing


def test_a_missing_overlay_says_how_to_get_it(board: Any) -> None:
    board(OSError("Bitstream file stm.bit does not exist."))
    with pytest.raises(
        SpynqError, match=r"stm\.bit is not installed: build it with 'spynq overlay build stm'"
    ):
        open_kernel("stm", "board")


def test_missing_rights_are_told(board: Any) -> None:
    board(PermissionError(13, "Permission denied", "/dev/mem"))
    with pytest.raises(SpynqError, match="no permission for /dev/mem: pynq maps registers as root"):
        open_kernel("stm", "board")


def test_another_error_of_a_file_that_is_there_is_not_hidden(board: Any, tmp_path: Path) -> None:
    file = tmp_path / "stm.bit"
    file.touch()
    board(OSError("not a bitstream"))
    with pytest.raises(OSError, match="not a bitstream"):
        open_kernel("stm", "board", bitstream=str(file))
