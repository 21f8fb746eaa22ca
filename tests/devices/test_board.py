"""What a user of a board is told when the overlay or the rights are missing."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import Any, ClassVar

import spynq_sim.quietly  # noqa: F401

import pynq
import pytest

from spynq.devices import open_kernel
from spynq.errors import SpynqError
from spynq.stm.params import StmConfig


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


def test_an_overlay_with_a_kernel_of_another_version_is_told(
    board: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pynq binds no driver to a type that it does not know, so the block is there without one."""

    class Other:
        ip_dict: ClassVar[dict[str, Any]] = {"stm_0": {"type": "spynq.org:kernel:stm:9.0"}}
        stm_0 = object()

    monkeypatch.setattr(pynq, "Overlay", lambda *arguments, **options: Other())
    sentence = r"holds no stm kernel of version 1\.\d+; it holds spynq.org:kernel:stm:9\.0"
    with pytest.raises(SpynqError, match=sentence):
        open_kernel("stm", "board")


def test_a_board_runs_what_its_bitstream_holds() -> None:
    with pytest.raises(SpynqError, match="a board runs the bitstream as it was built; open stm without"):
        open_kernel("stm", "board", StmConfig())
