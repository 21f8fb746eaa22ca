"""The records of :mod:`spynq.lif.formats` as objects: a descriptor, its plan, a channel, a FIR."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from spynq.lif.codes import Bias, Leak, Op, Output, Pool, Refractory, Reset, WeightFormat
from spynq.lif.formats import CHANNEL, DESCRIPTOR, FIR, PLAN
from spynq.lif.records import pack, unpack

__all__ = ["Channel", "Descriptor", "Fir", "Plan"]

_SIGNED_PLAN = frozenset(("X_FIRST", "Y_FIRST", *(f"CODE{i}" for i in range(16))))


@dataclass
class Descriptor:
    """Fields of a DESCRIPTOR by name in lower case; ``planes`` is the true count here."""

    op: int = Op.END
    c_in: int = 0
    h_in: int = 0
    w_in: int = 0
    c_out: int = 0
    h_out: int = 0
    w_out: int = 0
    kh: int = 1
    kw: int = 1
    stride_y: int = 1
    stride_x: int = 1
    pad_y: int = 0
    pad_x: int = 0
    dilation_y: int = 1
    dilation_x: int = 1
    groups: int = 1
    pool_in: int = Pool.NONE
    pool_log2: int = 0
    planes: int = 1
    signed: int = 0
    second: int = 0
    format: int = WeightFormat.S8
    steps: int = 1
    t0: int = 0
    first: int = 1
    last: int = 1
    reset: int = Reset.HARD
    leak: int = Leak.NONE
    refractory: int = 0
    policy: int = Refractory.FREEZE
    fire: int = 1
    bias: int = Bias.CHANNEL
    use_fir: int = 0
    fraction: int = 0
    output: int = Output.SPIKES
    samples: int = 1
    resident: int = 0
    resident_records: int = 0
    input: int = 0
    second_input: int = 0
    weights: int = 0
    params: int = 0
    states: int = 0
    result: int = 0
    taps: int = 0
    next: int = 0

    def pack(self, where: str = "a descriptor") -> bytes:
        """The 64 bytes; ValueError if a value does not fit its field."""
        return pack(DESCRIPTOR, {**asdict(self), "planes": self.planes - 1}, where)

    @classmethod
    def unpack(cls, data: bytes) -> Descriptor:
        """From the 64 bytes."""
        values = unpack(DESCRIPTOR, data)
        return cls(**{**values, "planes": values["planes"] + 1})


@dataclass
class Plan:
    """Fields of a PLAN by name in lower case; the codebook as one tuple of 16."""

    columns: int = 16
    log2_h: int = 0
    lif_cycles: int = 0
    rounds: int = 1
    static: int = 0
    by_row: int = 0
    value_after: int = 0
    value_shift: int = 0
    units: int = 1
    planes_second: int = 1
    planes_out: int = 1
    in_channels: int = 0
    out_channels: int = 0
    step_round: int = 0
    step_x: int = 0
    step_y: int = 0
    plane_bits: int = 0
    pool_log2: int = 0
    map_bits: int = 0
    in_bit: int = 0
    x_step: int = 0
    segment_bits: int = 0
    x_first: int = 0
    x_end: int = 0
    y_step: int = 0
    y_first: int = 0
    segment_rows: int = 1
    segments: int = 1
    segment_y: int = 0
    slice: int = 0
    segment_x: int = 0
    tap_y: int = 0
    tap_x: int = 0
    taps: int = 0
    weight_base: int = 0
    weight_beats: int = 0
    in_beats: int = 0
    out_beats: int = 0
    in_plane: int = 0
    in_step: int = 0
    in_sample: int = 0
    second_step: int = 0
    second_sample: int = 0
    out_plane: int = 0
    out_step: int = 0
    out_sample: int = 0
    state_sample: int = 0
    words: int = 0
    words_step: int = 0
    words_sample: int = 0
    x_limit: int = 0
    in_lanes: int = 0
    out_lanes: int = 16
    in_fold: int = 0
    out_fold: int = 0
    record_round: int = 0
    codebook: tuple[int, ...] = (0,) * 16

    def pack(self, where: str = "a plan") -> bytes:
        """The 144 bytes; ValueError if a value does not fit its field."""
        codes = {f"code{i}": value for i, value in enumerate(self.codebook)}
        values = {name: value for name, value in vars(self).items() if name != "codebook"}
        return pack(PLAN, values | codes, where)

    @classmethod
    def unpack(cls, data: bytes) -> Plan:
        """From the 144 bytes."""
        values = unpack(PLAN, data, _SIGNED_PLAN)
        codebook = tuple(values.pop(f"code{i}") for i in range(16))
        return cls(**values, codebook=codebook)


@dataclass
class Channel:
    """Fields of a CHANNEL record by name in lower case."""

    theta: int = (1 << 23) - 1
    zeta: int = 0
    bias: int = 0
    decay: int = 4096
    v_reset: int = 0
    rest: int = 0

    def pack(self, where: str = "a channel") -> bytes:
        """The 16 bytes; ValueError if a value does not fit its field."""
        return pack(CHANNEL, vars(self), where)

    @classmethod
    def unpack(cls, data: bytes) -> Channel:
        """From the 16 bytes."""
        return cls(**unpack(CHANNEL, data, frozenset(("THETA", "ZETA", "BIAS", "V_RESET", "REST"))))


@dataclass
class Fir:
    """Fields of a FIR record; ``taps[d]`` weighs the word of d steps before."""

    taps: tuple[int, ...] = (1,)
    shift: int = 0
    segment: int = 0

    def pack(self, where: str = "a FIR") -> bytes:
        """The 64 bytes; ValueError if a value does not fit its field."""
        filled = {f"tap{d}": self.taps[d] if d < len(self.taps) else 0 for d in range(16)}
        fixed = {"length": len(self.taps), "shift": self.shift, "segment": self.segment}
        return pack(FIR, fixed | filled, where)

    @classmethod
    def unpack(cls, data: bytes) -> Fir:
        """From the 64 bytes."""
        values = unpack(FIR, data, frozenset(f"TAP{d}" for d in range(16)))
        taps = tuple(values[f"tap{d}"] for d in range(values["length"]))
        return cls(taps, values["shift"], values["segment"])
