"""Record what snnTorch, spikingjelly, norse and sinabs do: a NIR file and all spikes for each.

The four cannot share one environment (sinabs needs nir below 1.0.5, spikingjelly nir from 1.0.7), so the
script takes the library's name and runs in an environment that holds it:

    python -m venv a
    a/bin/pip install torch==2.13.0 "numpy<2" snntorch==1.0.0 spikingjelly==2.0.0 norse==1.1.0 nir==1.0.8
    a/bin/python make_vectors.py snntorch spikingjelly norse
    python -m venv b
    b/bin/pip install torch==2.13.0 "numpy<2" sinabs==3.1.3 "nir<=1.0.4"
    b/bin/python make_vectors.py sinabs

Everything runs in float64, so that no order of additions decides a comparison. Each library exports with its
own exporter, in the only form in which that exporter works.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from torch import nn

HERE = Path(__file__).parent
T, N = 24, 4
CHANNELS, SIZE = 2, 8


def spikes(density: float = 0.3) -> torch.Tensor:
    """The input [T, N, C, H, W] of every vector."""
    rng = np.random.default_rng(4)
    return torch.tensor((rng.random((T, N, CHANNELS, SIZE, SIZE)) < density).astype(np.float64))


def store(name: str, library: str, x: torch.Tensor, layers: list[torch.Tensor], **settings: str) -> None:
    """Write the spikes of input and layers, packed, beside versions and settings."""
    arrays = {}
    for index, values in enumerate([x, *layers]):
        array = values.detach().numpy()
        assert set(np.unique(array)) <= {0.0, 1.0}, "a spike is 0 or 1"
        assert index == 0 or 0.02 < array.mean() < 0.6, f"layer {index} fires at {array.mean()}: tells little"
        arrays[f"spikes{index}"] = np.packbits(array.astype(bool))
        arrays[f"shape{index}"] = np.array(array.shape)
    versions = [f"{package} {version(package)}" for package in (library, "nir", "nirtorch", "torch", "numpy")]
    told = [f"{key} {value}" for key, value in settings.items()]
    np.savez_compressed(HERE / f"{name}.npz", versions=np.array(versions), settings=np.array(told), **arrays)
    print(name, [round(float(layer.mean()), 3) for layer in layers], versions)


def seeded(*modules: nn.Module) -> None:
    """Weights that make layers fire, the same in every run; in sixteenths, so that V meets thresholds."""
    torch.manual_seed(11)
    for module in modules:
        nn.init.normal_(module.weight, 0.08, 0.25)
        nn.init.uniform_(module.bias, -0.05, 0.1)
        with torch.no_grad():
            for values in (module.weight, module.bias):
                values.mul_(16).round_().div_(16)
        # Spikes come as float32 from some libraries; the sums shall be float64 all the same.
        module.register_forward_pre_hook(lambda module, given: (given[0].to(module.weight.dtype),))


def snntorch(name: str, reset: str) -> None:
    """Leaky with its defaults, and with ``reset_mechanism="zero"``: the file is the same for both."""
    import nir
    import snntorch as snn
    from snntorch.export_nir import export_to_nir

    def leaky(beta: float, *shape: int) -> nn.Module:
        # Full shapes, or the exporter's type inference fails.
        return snn.Leaky(
            beta=torch.full(shape, beta, dtype=torch.float64),
            threshold=torch.full(shape, 1.0, dtype=torch.float64),
            init_hidden=True,
            reset_mechanism=reset,
        )

    conv, linear = nn.Conv2d(CHANNELS, 4, 3, padding=1), nn.Linear(64, 6)
    seeded(conv, linear)
    neurons = [leaky(0.75, 4, SIZE, SIZE), leaky(0.5, 6)]
    with torch.no_grad():
        linear.bias -= 0.5
    net = nn.Sequential(conv, neurons[0], nn.AvgPool2d(2), nn.Flatten(), linear, neurons[1]).double()
    x = spikes()
    nir.write(HERE / f"{name}.nir", export_to_nir(net, x[0, :1], ignore_dims=[0]))
    seen = watch(neurons, net, x, lambda: [neuron.reset_mem() for neuron in neurons])
    store(name, "snntorch", x, seen, reset_mechanism=reset)


def watch(neurons: list[nn.Module], net: nn.Module, x: torch.Tensor, reset: object) -> list[torch.Tensor]:
    """Spikes [T, N, ...] of each neuron layer of a net that takes one step at a time."""
    seen: list[list[torch.Tensor]] = [[] for _ in neurons]
    for index, neuron in enumerate(neurons):

        def note(module: nn.Module, given: object, out: object, index: int = index) -> None:
            spike = out[0] if isinstance(out, tuple) else out
            assert isinstance(spike, torch.Tensor)
            seen[index].append(spike.detach().clone())

        neuron.register_forward_hook(note)
    assert callable(reset)
    reset()
    with torch.no_grad():
        for step in x:
            net(step)
    return [torch.stack(layer) for layer in seen]


def spikingjelly(name: str, decay_input: bool) -> None:
    """LIFNode with a hard reset, with the input scaled by the leak and without."""
    from spikingjelly.activation_based import functional, neuron
    from spikingjelly.activation_based.nir_exchange import export_to_nir

    conv, linear = nn.Conv2d(CHANNELS, 4, 3, padding=1, stride=2), nn.Linear(16, 6)
    seeded(conv, linear)
    scale = 2.5 if decay_input else 1.0
    with torch.no_grad():
        conv.weight *= scale
        linear.weight *= scale
    neurons = [
        neuron.LIFNode(tau=2.5, decay_input=decay_input, v_threshold=0.75),
        neuron.LIFNode(tau=2.0, decay_input=decay_input, v_reset=-0.125),
    ]
    net = nn.Sequential(conv, neurons[0], nn.AvgPool2d(2), nn.Flatten(), linear, neurons[1]).double()
    x = spikes()
    functional.reset_net(net)
    export_to_nir(net, x[0], HERE / f"{name}.nir", dt=1e-4)
    seen = watch(neurons, net, x, lambda: functional.reset_net(net))
    store(name, "spikingjelly", x, seen, decay_input=str(decay_input), reset="hard")


def norse(name: str) -> None:
    """LIFBoxCell; convolutions need a bias and parameters full shapes, or nothing is written."""
    import nir
    from norse.torch import LIFBoxCell, LIFBoxParameters, SequentialState
    from norse.torch.utils.export_nir import to_nir

    def box(tau: float, *shape: int) -> nn.Module:
        return LIFBoxCell(
            LIFBoxParameters(
                tau_mem_inv=torch.full(shape, 1 / tau, dtype=torch.float64),
                v_leak=torch.full(shape, 0.0625, dtype=torch.float64),
                v_th=torch.full(shape, 0.5, dtype=torch.float64),
                v_reset=torch.full(shape, 0.0, dtype=torch.float64),
            )
        )

    convs = [nn.Conv2d(CHANNELS, 4, 3, padding=1), nn.Conv2d(4, 6, 4, stride=2)]
    seeded(*convs)
    neurons = [box(0.002, 4, SIZE, SIZE), box(0.004, 6, 3, 3)]
    net = SequentialState(convs[0], neurons[0], convs[1], neurons[1]).double()
    x = spikes()
    graph = to_nir(net, x[0, 0])
    # Without it the convolutions have no input shape, and nothing can be written.
    graph.infer_types()
    nir.write(HERE / f"{name}.nir", graph)
    seen: list[list[torch.Tensor]] = [[], []]
    state = [None, None]
    with torch.no_grad():
        for step in x:
            for index in (0, 1):
                step, state[index] = neurons[index](convs[index](step), state[index])
                seen[index].append(step)
    store(name, "norse", x, [torch.stack(layer) for layer in seen], dt="0.001")


def sinabs(name: str) -> None:
    """LIF with the input normalised, one spike per step; its parameters are scalars in the file."""
    import nir
    import sinabs.layers as sl
    from sinabs.activation import MembraneSubtract, SingleSpike
    from sinabs.nir import to_nir

    convs = [nn.Conv2d(CHANNELS, 4, 3, padding=1), nn.Conv2d(4, 6, 4)]
    seeded(*convs)
    with torch.no_grad():
        convs[1].bias -= 3

    def lif(tau: float) -> nn.Module:
        layer = sl.LIFSqueeze(
            tau_mem=tau, spike_threshold=torch.tensor(0.5), spike_fn=SingleSpike, batch_size=N,
            reset_fn=MembraneSubtract(),
        )  # fmt: skip
        # Not only the parameter: LIF itself makes it float32 first.
        layer.tau_mem = nn.Parameter(torch.tensor(tau, dtype=torch.float64))
        return layer

    # A decay of one half, so that V meets the threshold exactly here too.
    neurons = [lif(1 / np.log(2)), lif(3.0)]
    net = nn.Sequential(convs[0], neurons[0], sl.SumPool2d(2), convs[1], neurons[1]).double()
    x = spikes()
    with torch.no_grad():
        graph = to_nir(net, x.transpose(0, 1).flatten(0, 1))
        # The exporter leaves them None, which nir 1.0.4 cannot write.
        graph.nodes["0"].input_shape, graph.nodes["3"].input_shape = (SIZE, SIZE), (SIZE // 2, SIZE // 2)
        nir.write(HERE / f"{name}.nir", graph)
        for neuron in neurons:
            neuron.reset_states()
            neuron.zero_grad()
        seen = []
        flow = x.transpose(0, 1).flatten(0, 1)
        for module in net:
            flow = module(flow)
            if module in neurons:
                seen.append(flow.reshape(N, T, *flow.shape[1:]).transpose(0, 1))
    store(name, "sinabs", x, seen, norm_input="True", spike_fn="SingleSpike", reset_fn="MembraneSubtract")


MAKERS = {
    "snntorch": lambda: (snntorch("snntorch", "subtract"), snntorch("snntorch_zero", "zero")),
    "spikingjelly": lambda: (spikingjelly("spikingjelly", False), spikingjelly("spikingjelly_decay", True)),
    "norse": lambda: norse("norse"),
    "sinabs": lambda: sinabs("sinabs"),
}

if __name__ == "__main__":
    for library in sys.argv[1:]:
        MAKERS[library]()
