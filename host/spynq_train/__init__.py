"""Networks in PyTorch, with their baselines and their costs, exported to kernel parameters.

Learning rules, calculators and a reference neuron are here; neurons, surrogates and norms come from
spikingjelly. Modules are imported one by one: nothing heavy stands behind this package itself.
"""
