"""AXI4, AXI4-Lite and AXI4-Stream as signatures, with the signal names Vivado looks for."""

from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

__all__ = [
    "BURST_BEATS",
    "PAGE_BYTES",
    "axi_full",
    "axi_lite",
    "axi_read",
    "axi_stream",
    "axi_write",
    "check_bus_width",
]

BURST_BEATS = 16
"""Longest burst the kernels use."""
PAGE_BYTES = 4096
"""A burst stays inside a block of this size (AXI4, A3.4.1)."""

_ID_BITS = 1


def check_bus_width(width: int) -> int:
    """Return ``width``, or refuse what AXI4 does not know or a 4 KiB block does not hold."""
    if width not in (32, 64, 128, 256, 512, 1024):
        raise ValueError(f"a memory port is 32, 64, 128, 256, 512 or 1024 bits wide, not {width}")
    return width


def axi_lite(address_bits: int) -> wiring.Signature:
    """AXI4-Lite with 32 data bits, as the master sees it.

    Parameters
    ----------
    address_bits : int
        Bits of ``awaddr`` and ``araddr``.
    """
    return wiring.Signature(
        {
            "awaddr": Out(address_bits),
            "awvalid": Out(1),
            "awready": In(1),
            "wdata": Out(32),
            "wstrb": Out(4),
            "wvalid": Out(1),
            "wready": In(1),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
            "araddr": Out(address_bits),
            "arvalid": Out(1),
            "arready": In(1),
            "rdata": In(32),
            "rresp": In(2),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def _address_channel(name: str, address_bits: int) -> dict[str, wiring.Member]:
    return {
        f"{name}id": Out(_ID_BITS),
        f"{name}addr": Out(address_bits),
        f"{name}len": Out(8),
        f"{name}size": Out(3),
        f"{name}burst": Out(2),
        f"{name}lock": Out(1),
        f"{name}cache": Out(4),
        f"{name}prot": Out(3),
        f"{name}qos": Out(4),
        f"{name}valid": Out(1),
        f"{name}ready": In(1),
    }


def axi_write(address_bits: int, width: int) -> wiring.Signature:
    """Write channels of AXI4, as the master sees them."""
    return wiring.Signature(
        {
            **_address_channel("aw", address_bits),
            "wdata": Out(width),
            "wstrb": Out(width // 8),
            "wlast": Out(1),
            "wvalid": Out(1),
            "wready": In(1),
            "bid": In(_ID_BITS),
            "bresp": In(2),
            "bvalid": In(1),
            "bready": Out(1),
        }
    )


def axi_read(address_bits: int, width: int) -> wiring.Signature:
    """Read channels of AXI4, as the master sees them."""
    return wiring.Signature(
        {
            **_address_channel("ar", address_bits),
            "rid": In(_ID_BITS),
            "rdata": In(width),
            "rresp": In(2),
            "rlast": In(1),
            "rvalid": In(1),
            "rready": Out(1),
        }
    )


def axi_full(address_bits: int, width: int) -> wiring.Signature:
    """AXI4 with one-bit IDs, as the master sees it.

    Parameters
    ----------
    address_bits : int
        Bits of an address.
    width : int
        Bits of a data word.
    """
    check_bus_width(width)
    members = dict(axi_write(address_bits, width).members)
    return wiring.Signature(members | dict(axi_read(address_bits, width).members))


def axi_stream(width: int) -> wiring.Signature:
    """AXI4-Stream, as the sender sees it.

    Parameters
    ----------
    width : int
        Bits of ``tdata``, a multiple of 8.
    """
    if width < 8 or width % 8:
        raise ValueError(f"a stream is a whole number of bytes wide, not {width} bits")
    return wiring.Signature(
        {
            "tdata": Out(width),
            "tkeep": Out(width // 8),
            "tlast": Out(1),
            "tvalid": Out(1),
            "tready": In(1),
        }
    )
