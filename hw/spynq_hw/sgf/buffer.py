"""A frame of pixels in look-up table memory: one event or one row per clock."""

from amaranth import Cat, Module, Mux
from amaranth.lib import data, wiring
from amaranth.lib.memory import Memory
from amaranth.lib.wiring import In, Out

__all__ = ["FrameBuffer", "pixel_row"]

Pixel = data.StructLayout({"present": 1, "bright": 1})


def pixel_row(size: int) -> data.ArrayLayout:
    """Pixels of a row, the lowest column first."""
    return data.ArrayLayout(Pixel, size)


class FrameBuffer(wiring.Component):
    """One memory per pixel column, all at one address.

    An event is one write without a read before it; a row is read and cleared in one clock. The two
    never come together, so one address serves both and the memory needs one port.

    Parameters
    ----------
    size : int
        Pixels of a side.

    Members
    -------
    write, x, y, bright : In
        Set a pixel at the end of the cycle; not while ``scan``.
    scan, row : In
        Clear a row at the end of the cycle.
    pixels : Out(pixel_row(size))
        The row, in the same cycle.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        super().__init__(
            {
                "write": In(1),
                "x": In(range(size)),
                "y": In(range(size)),
                "bright": In(1),
                "scan": In(1),
                "row": In(range(size)),
                "pixels": Out(pixel_row(size)),
            }
        )

    def elaborate(self, platform: object) -> Module:
        m = Module()
        style = {"ram_style": "distributed"}
        m.submodules.memory = memory = Memory(
            shape=Pixel.size * self.size, depth=self.size, init=[], attrs=style
        )
        write, read = memory.write_port(granularity=Pixel.size), memory.read_port(domain="comb")
        address = Mux(self.scan, self.row, self.y)
        pixel = Cat(~self.scan, ~self.scan & self.bright)
        m.d.comb += [
            write.addr.eq(address),
            read.addr.eq(address),
            write.data.eq(pixel.replicate(self.size)),
            write.en.eq(Mux(self.scan, ~0, Cat(self.write & (self.x == i) for i in range(self.size)))),
            self.pixels.eq(read.data),
        ]
        return m
