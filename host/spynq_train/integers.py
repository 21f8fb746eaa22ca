"""The engine's integer networks in PyTorch: whole test parts in seconds, on a GPU where there is one.

Written from the normative semantics of the engine, apart from its golden model, which it must equal:
currents by PyTorch's own convolutions in float64 (exact, as sums stay below 2^53), neurons in int64.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from spynq.errors import SpynqError
from spynq.lif.codes import Leak, Output, Pool, Reset
from spynq.lif.layers import Fir, Layer, Network, Neuron

__all__ = ["run_integers"]


def run_integers(network: Network, values: Tensor) -> dict[str, Tensor]:
    """Run an integer network.

    Parameters
    ----------
    network : spynq.lif.layers.Network
    values : Tensor
        Integers ``[T, N, C, H, W]``; a still image may be expanded along T.

    Returns
    -------
    dict of str to Tensor of int64
        Of every layer by name: spikes ``[T, N, C, H, W]``, or the membranes ``[N, C, H, W]`` after the
        last step of a layer that does not fire.

    Raises
    ------
    spynq.errors.SpynqError
        A layer has a part that is not modelled here; it is named.
    """
    maps: dict[str, Tensor] = {"input": values}
    for layer in network.layers:
        _refuse(layer)
        assert layer.neuron is not None
        sums = _sums(layer, maps[layer.sources[0]])
        if layer.fir is not None:
            sums = _filtered(sums, layer.fir)
        maps[layer.name] = _neurons(layer.neuron, sums)
    del maps["input"]
    return maps


def _refuse(layer: Layer) -> None:
    missing = {
        f"kind {layer.kind}": layer.kind not in ("conv", "fc", "pool"),
        "a second source": len(layer.sources) > 1,
        "a bias map": layer.bias_map is not None,
        "a value output": layer.output == Output.VALUE,
        "a refractory period": layer.neuron is not None and layer.neuron.refractory > 0,
    }
    found = [name for name, there in missing.items() if there]
    if found:
        raise SpynqError(
            f"layer {layer.name!r} has {found[0]}, which PyTorch's integer model lacks; "
            "run it on device golden"
        )


def _sums(layer: Layer, x: Tensor) -> Tensor:
    """A[t], exact."""
    still = x.stride(0) == 0 and len(x) > 1
    given = x[:1] if still else x
    maps = given.flatten(0, 1).double()
    if layer.pool_in == Pool.OR:
        maps = nn.functional.max_pool2d(maps, layer.pool_size)
    elif layer.pool_in == Pool.SUM:
        maps = nn.functional.avg_pool2d(maps, layer.pool_size, divisor_override=1)
    if layer.kind == "pool":
        channels = maps.shape[1]
        weights, groups = maps.new_ones(channels, 1, *layer.kernel), channels
    else:
        assert layer.weights is not None
        weights = torch.from_numpy(np.asarray(layer.weights, np.float64)).to(maps.device)
        groups = layer.groups
    made = nn.functional.conv2d(
        maps, weights, None, layer.stride, layer.padding, layer.dilation, groups
    ).round()
    sums = made.long().reshape(*given.shape[:2], *made.shape[1:])
    return sums.expand(len(x), *sums.shape[1:]) if still else sums


def _toward_zero(values: Tensor, shift: int) -> Tensor:
    """Divide by 2**shift, truncating toward zero."""
    return torch.div(values, 1 << shift, rounding_mode="trunc")


def _filtered(sums: Tensor, fir: Fir) -> Tensor:
    total = torch.zeros_like(sums)
    for t in range(len(sums)):
        end = t if not fir.segment else t - t % fir.segment + fir.segment - 1
        for delay, tap in enumerate(fir.taps):
            if 0 <= end - delay < len(sums):
                total[t] += tap * sums[end - delay]
    return _toward_zero(total, fir.shift)


def _neurons(neuron: Neuron, sums: Tensor) -> Tensor:
    def channels(values: np.ndarray[tuple[int], np.dtype[np.int64]] | None, default: int | Tensor) -> Tensor:
        if values is None:
            return torch.as_tensor(default, device=sums.device)
        return torch.from_numpy(np.asarray(values, np.int64)).to(sums.device).view(-1, 1, 1)

    theta = channels(neuron.theta, 0)
    bias, rest, v_reset = (channels(v, 0) for v in (neuron.bias, neuron.rest, neuron.v_reset))
    zeta, decay = channels(neuron.zeta, theta), channels(neuron.decay, 4096)
    limit = 1 << (15 if neuron.fires else 23)
    v = torch.zeros_like(sums[0]) + rest
    fired = torch.zeros_like(v)
    spikes = []
    for a in sums:
        u = _leaked(neuron, v, rest, decay) + (a << neuron.fraction) + bias
        if neuron.reset == Reset.SOFT_DELAYED:
            u = u - fired * zeta
        fired = (u >= theta).long() if neuron.fires else torch.zeros_like(u)
        if neuron.reset == Reset.HARD:
            u = torch.where(fired > 0, v_reset, u)
        elif neuron.reset == Reset.SOFT:
            u = u - fired * zeta
        v = u.clamp(-limit, limit - 1)
        spikes.append(fired)
    return torch.stack(spikes) if neuron.fires else v


def _leaked(neuron: Neuron, v: Tensor, rest: Tensor, decay: Tensor) -> Tensor:
    away = v - rest
    if neuron.leak == Leak.MULTIPLY:
        return rest + _toward_zero(away * decay, 12)
    if neuron.leak == Leak.LINEAR:
        return rest + torch.sign(away) * (away.abs() - decay).clamp_min(0)
    return v
