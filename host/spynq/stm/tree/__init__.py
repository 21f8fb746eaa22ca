"""Trees of populations: a model built node by node, its exact answer, and its answer by sampling.

``model`` is what a user builds; ``plan`` says which populations stand for it once evidence is given;
``draw`` fills them; ``estimator`` weighs them in float64, ``compiler`` and ``run`` on a device;
``exact`` is the judge of both.
"""
